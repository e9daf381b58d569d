/**
 * The memory as it was told: what lies at each key, and what was seen there before. Owns how much of it is kept.
 *
 * - N1 what lies at a key is the highest revision seen; an older one that comes late joins the history
 * - N2 of a key at most {@link historyMax} versions before the newest; where there are very many keys, fewer: see {@link versionsMax}
 * - N3 at most {@link entriesMax} keys and {@link entriesBytesMax} bytes; over the bytes the oldest history goes first, then keys
 */
import type { ChangeRecord } from '../../../wire/trace-record.ts'
import { type EntryVersion, type EntryView, entriesMax, historyMax } from './session-state.ts'
import { MapDraft, type SharedMap } from './shared-map.ts'

/** All versions that are kept, roughly. */
export const entriesBytesMax = 64 * 1024 * 1024
/** Parts of the recording that are told apart when the oldest history goes. */
const placeSteps = 256
/** Of all keys together, if each had as many as it may; never less than {@link historyMin} of one. */
export const versionsMax = 150_000
export const historyMin = 4
/** What is left of a bound when it was reached: dropping in steps spares looking for the oldest at each change. */
const keptShare = 0.875

export interface EntriesState {
  readonly entries: SharedMap<EntryView>
  readonly entriesDropped: number
  readonly entriesBytes: number
}

/** With what it takes in memory, so that it need not be measured again when it goes. */
interface SizedVersion extends EntryVersion {
  readonly bytes: number
}

export class EntriesDraft {
  readonly #entries: MapDraft<EntryView>
  #dropped: number
  #bytes: number

  constructor(state: EntriesState) {
    this.#entries = new MapDraft(state.entries)
    this.#dropped = state.entriesDropped
    this.#bytes = state.entriesBytes
  }

  finish(): EntriesState {
    return { entries: this.#entries.finish(), entriesDropped: this.#dropped, entriesBytes: this.#bytes }
  }

  /** @param bytes that the record takes in memory. */
  change({ key, revision, entry, atMs }: ChangeRecord, position: number, bytes: number): void {
    const version: SizedVersion = { revision, entry, atMs, position, bytes }
    const known = this.#entries.get(key)
    if (known === undefined) this.#entries.set(key, { key, current: version, history: [] })
    else if (revision > known.current.revision) {
      this.#entries.set(key, { key, current: version, history: this.#bounded([...known.history, known.current]) })
    } else {
      const history = withLate(known, version)
      if (history === null) return
      this.#entries.set(key, { ...known, history: this.#bounded(history) })
    }
    this.#bytes += bytes
    if (this.#entries.size > entriesMax) this.#dropLeastRecent(this.#entries.size - entriesMax * keptShare)
    if (this.#bytes > entriesBytesMax) this.#spare()
  }

  /** Another memory is told from now on. */
  clear(): void {
    for (const { key } of [...this.#entries.values()]) this.#entries.delete(key)
    this.#bytes = 0
  }

  #bounded(history: EntryVersion[]): readonly EntryVersion[] {
    const max = Math.max(historyMin, Math.min(historyMax, Math.floor(versionsMax / this.#entries.size)))
    while (history.length > max) this.#bytes -= bytesOf(history.shift())
    return history
  }

  #spare(): void {
    this.#dropOldestHistory(this.#bytes - entriesBytesMax * keptShare)
    if (this.#bytes <= entriesBytesMax) return
    const views = leastRecentFirst(this.#entries)
    for (const view of views) {
      if (this.#bytes <= entriesBytesMax * keptShare) return
      this.#drop(view)
    }
  }

  #dropLeastRecent(count: number): void {
    for (const view of leastRecentFirst(this.#entries).slice(0, Math.ceil(count))) this.#drop(view)
  }

  #drop(view: EntryView): void {
    this.#entries.delete(view.key)
    this.#dropped++
    this.#bytes -= bytesOf(view.current)
    for (const version of view.history) this.#bytes -= bytesOf(version)
  }

  #dropOldestHistory(bytes: number): void {
    const views = [...this.#entries.values()].filter(({ history }) => history.length > 0)
    const keptFrom = placeBehind(views, bytes)
    for (const view of views) {
      const history = view.history.filter(({ position }) => position >= keptFrom)
      if (history.length === view.history.length) continue
      for (const version of view.history) if (version.position < keptFrom) this.#bytes -= bytesOf(version)
      this.#entries.set(view.key, { ...view, history })
    }
  }
}

/**
 * The least place, in steps, before which versions of at least so many bytes lie. Counted, not sorted: there are more than a hundred
 * thousand of them where this is asked.
 */
function placeBehind(views: readonly EntryView[], bytes: number): number {
  let first = Number.POSITIVE_INFINITY
  let last = 0
  for (const { history } of views) {
    first = Math.min(first, history[0]?.position ?? first)
    last = Math.max(last, history.at(-1)?.position ?? last)
  }
  const step = Math.max(1, (last + 1 - first) / placeSteps)
  const bytesByStep = new Float64Array(placeSteps + 1)
  for (const { history } of views) {
    for (const version of history) {
      // One that came late has its place in the history by its revision.
      const at = Math.max(0, Math.min(placeSteps, Math.floor((version.position - first) / step)))
      bytesByStep[at] = (bytesByStep[at] ?? 0) + bytesOf(version)
    }
  }
  let left = bytes
  let steps = 0
  while (left > 0 && steps <= placeSteps) left -= bytesByStep[steps++] ?? 0
  return Math.ceil(first + steps * step)
}

/** The history with a version that came late in its place; null when it is there already. */
function withLate({ current, history }: EntryView, version: EntryVersion): EntryVersion[] | null {
  if (version.revision === current.revision) return null
  let place = history.length
  while (place > 0 && (history[place - 1]?.revision ?? 0) > version.revision) place--
  if (history[place - 1]?.revision === version.revision) return null
  return history.toSpliced(place, 0, version)
}

function leastRecentFirst(entries: MapDraft<EntryView>): EntryView[] {
  return [...entries.values()].sort((a, b) => a.current.position - b.current.position)
}

function bytesOf(version: EntryVersion | undefined): number {
  return (version as SizedVersion | undefined)?.bytes ?? 0
}
