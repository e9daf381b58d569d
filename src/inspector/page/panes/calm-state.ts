/**
 * The state for panes that read all of it: while it is small and in the past every change, while it is large and live the newest of each
 * second or few, so that lists of thousands are not sorted sixty times a second.
 */
import { useRef } from 'preact/hooks'
import type { App } from '../app.ts'
import { browser } from '../browser.ts'
import type { SessionState } from '../model/session-state.ts'

/** With more entries and actors than this the state is large. */
export const calmSizeMin = 3000
export const calmPeriodMsDefault = 1000
/** For panes that judge the record of every task: of ten thousand that takes most of a tenth of a second. */
export const taskPeriodMs = 3000

export interface Calm {
  readonly state: SessionState
  readonly nowMs: number
  /** Somebody chose this moment: it is not held back. */
  readonly isPast: boolean
}

/** @param periodMs how long a large state is held; `nowMs` moves in whole seconds. */
export function useCalmState(app: App, periodMs = calmPeriodMsDefault): Calm {
  const newest: Calm = { state: app.state.value, nowMs: app.nowMs.value, isPast: app.position.value !== null }
  const held = useRef(newest)
  held.current = calmOf(held.current, newest, periodMs)
  return held.current
}

/** Which of the two is shown. */
export function calmOf(held: Calm, newest: Calm, periodMs = calmPeriodMsDefault): Calm {
  const { entries, actors } = newest.state
  // Back from the past the state follows a frame later: what is shown until then is still of the past, and must not be held.
  const isPast = newest.isPast || (held.isPast && newest.state === held.state)
  const isLarge = entries.size + actors.size > calmSizeMin
  // Its age is negative when the shown moment went back.
  const ageMs = newest.nowMs - held.nowMs
  const isFresh = ageMs >= 0 && ageMs < periodMs && held.state.position <= newest.state.position
  return isLarge && !isPast && !held.isPast && isFresh ? held : isPast === newest.isPast ? newest : { ...newest, isPast }
}

/** More new records than this between two drawings are more than anybody reads: the next drawing waits for {@link pacePeriodMs}. */
export const pacedRecordsMin = 10
export const pacePeriodMs = 500

/**
 * The state for panes that show single records as they come: every change, unless they come so fast that the rows could only flicker;
 * then twice a second.
 */
export function usePacedState(app: App): SessionState {
  const newest = app.state.value
  const isPast = app.position.value !== null
  // The last records of a burst are shown at the latest with the next second.
  void app.nowMs.value
  const drawnMs = browser.monotonicMs()
  const held = useRef({ state: newest, drawnMs })
  if (isPast || isDue(held.current, { state: newest, drawnMs })) held.current = { state: newest, drawnMs }
  return held.current.state
}

interface Drawing {
  readonly state: SessionState
  /** Of the browser's monotonic clock. */
  readonly drawnMs: number
}

/** Whether what is newest is to be drawn in place of what is. */
export function isDue(held: Drawing, newest: Drawing): boolean {
  const records = newest.state.position - held.state.position
  return records < 0 || records <= pacedRecordsMin || newest.drawnMs - held.drawnMs >= pacePeriodMs
}
