/**
 * Time that stands still until a test moves it. Runs the same events in the same order every time, from due time to due
 * time, one event per step, and lets promises settle between two steps. Knows nothing of what its events do.
 *
 * - V1 events run by due time, then in the order they were set
 * - V2 monotonic time never falls and is, while an event runs, that event's due time
 * - V3 a cancelled event never runs; `pending` counts exactly what may still run
 */
import { Heap } from '../domain/heap.ts'
import { systemClock } from '../platform.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** Events at one and the same instant beyond this are taken for an endless loop of zero-delay events. */
export const eventsPerInstantMax = 100_000
/** How far `runUntil` and `drive` go when no limit is given. */
export const limitMsDefault = 60 * 60 * 1000

export interface VirtualClockOptions {
  /** Wall time at the start. Default 1,700,000,000,000 (November 2023). */
  readonly startMs?: number
  /** Default `'virtual-boot'`; null plays a platform that cannot name its boot. */
  readonly bootId?: string | null
  /** Keeps for each event where it was set, shown by `describePending`. Slow; for a test that left a timer. Default false. */
  readonly traceOrigins?: boolean
}

export interface VirtualClock extends Clock {
  /** How many timers and deferred calls may still run. */
  readonly pending: number
  /** One line per pending event, in order: what a test prints that finds a timer left. */
  describePending(): string[]
  /** Runs the next event and moves time to it; what it resolved has not settled yet. False when there is none. */
  step(): boolean
  /** Lets all promise jobs run that wait for no event of this clock. */
  settle(): Promise<void>
  /** Moves time on by `ms`, running what falls due. Rejects with what an event threw. */
  advance(ms: number): Promise<void>
  /**
   * Steps until the predicate holds; it is asked after promises settled.
   *
   * @returns the virtual milliseconds that it took.
   * @throws when nothing is pending any more or `limitMs` (default one hour) is over; the message lists what is pending.
   */
  runUntil(predicate: () => boolean, options?: { readonly limitMs?: number }): Promise<number>
  /** Steps until the promise settles, and settles like it. Throws as `runUntil` does. */
  drive<T>(promise: PromiseLike<T>, options?: { readonly limitMs?: number }): Promise<T>
  /** Sets wall time forward or back (an hour back: -3,600,000); monotonic time and timers do not notice. */
  stepWall(deltaMs: number): void
}

interface VirtualEvent {
  heapIndex: number
  readonly dueMs: number
  readonly sequence: number
  readonly kind: 'timer' | 'deferred'
  readonly run: () => void
  readonly origin: string
}

/** Not 0, so that code which takes "0 ms since boot" for "unset" is found out. */
const monotonicStartMs = 5_000_000

export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const events = new Heap<VirtualEvent>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence))
  let nowMs = monotonicStartMs
  let wallAheadMs = (options.startMs ?? 1_700_000_000_000) - nowMs
  let sequence = 0
  let eventsAtInstant = 0
  let isRunning = false

  function schedule(kind: VirtualEvent['kind'], delayMs: number, run: () => void): Timer {
    // The real clock takes NaN for 0; a test should hear of it.
    if (Number.isNaN(delayMs)) throw new RangeError(`${kind} ${nameOf(run)}: the delay is NaN`)
    const event: VirtualEvent = {
      heapIndex: -1,
      dueMs: nowMs + Math.max(0, Math.ceil(delayMs)),
      sequence: sequence++,
      kind,
      run,
      origin: options.traceOrigins === true ? originOf(new Error().stack) : '',
    }
    events.push(event)
    return {
      cancel() {
        events.remove(event)
      },
    }
  }

  function moveTo(dueMs: number): void {
    if (dueMs <= nowMs) return
    nowMs = dueMs
    eventsAtInstant = 0
  }

  function step(): boolean {
    const event = events.pop()
    if (event === undefined) return false
    moveTo(event.dueMs)
    if (++eventsAtInstant > eventsPerInstantMax) {
      throw new Error(
        `more than ${eventsPerInstantMax} events ran at one instant; the last is ${describe(event)}. Something re-arms itself without delay.`,
      )
    }
    event.run()
    return true
  }

  /** Runs events due by `limitAtMs` until `isDone`, which is asked whenever promises have settled. */
  async function run(limitAtMs: number, isDone: () => boolean): Promise<'done' | 'limit' | 'idle'> {
    // Two drivers at once would interleave by accident and make the run unrepeatable.
    if (isRunning) throw new Error('this virtual clock is being run already; await that call first')
    isRunning = true
    try {
      for (;;) {
        await settle()
        if (isDone()) return 'done'
        const next = events.peek()
        if (next === undefined) return 'idle'
        if (next.dueMs > limitAtMs) return 'limit'
        step()
      }
    } finally {
      isRunning = false
    }
  }

  async function runUntil(
    predicate: () => boolean,
    { limitMs = limitMsDefault }: { readonly limitMs?: number } = {},
  ): Promise<number> {
    const startedMs = nowMs
    const outcome = await run(startedMs + limitMs, predicate)
    if (outcome === 'done') return nowMs - startedMs
    const why = outcome === 'idle' ? 'nothing is pending that could make it hold' : `${limitMs} virtual ms are over`
    throw new Error(
      [`the awaited condition does not hold after ${nowMs - startedMs} ms: ${why}`, ...describePending()].join('\n  '),
    )
  }

  function describePending(): string[] {
    const shownMax = 20
    const inOrder = [...events.values()].sort((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence)
    const lines = inOrder.slice(0, shownMax).map((event) => `in ${event.dueMs - nowMs} ms: ${describe(event)}`)
    if (inOrder.length > shownMax) lines.push(`and ${inOrder.length - shownMax} more`)
    return lines
  }

  return {
    wallMs: () => nowMs + wallAheadMs,
    monotonicMs: () => nowMs,
    bootId: options.bootId === undefined ? 'virtual-boot' : options.bootId,
    setTimer: (delayMs, fire) => schedule('timer', delayMs, fire),
    defer: (runLater) => {
      schedule('deferred', 0, runLater)
    },
    get pending() {
      return events.size
    },
    describePending,
    step,
    settle,
    async advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`time advances by 0 ms or more, got ${ms}`)
      const targetMs = nowMs + Math.ceil(ms)
      await run(targetMs, () => false)
      moveTo(targetMs)
    },
    runUntil,
    async drive(promise, driveOptions) {
      let isSettled = false
      const watched = Promise.resolve(promise).finally(() => {
        isSettled = true
      })
      // Whoever awaits `drive` hears of the rejection; this branch only keeps it from being called unhandled meanwhile.
      watched.catch(() => {})
      await runUntil(() => isSettled, driveOptions)
      return watched
    },
    stepWall(deltaMs) {
      wallAheadMs += deltaMs
    },
  }
}

/** A real turn of the event loop begins only when no promise job is left, however long their chains were. */
function settle(): Promise<void> {
  return new Promise((resolve) => systemClock.defer(resolve))
}

function describe(event: VirtualEvent): string {
  return `${event.kind} #${event.sequence} ${nameOf(event.run)}${event.origin}`
}

function nameOf(run: () => void): string {
  return run.name === '' ? '(anonymous)' : run.name
}

/** The caller of the clock: below the message come `schedule` and the method that called it. */
function originOf(stack = ''): string {
  const frame = stack.split('\n')[3]
  return frame === undefined ? '' : ` ${frame.trim()}`
}
