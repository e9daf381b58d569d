/**
 * The newest records that belong to one thing, kept up while the session grows: each look reads only what came since the last one. Owns
 * what it found; knows nothing of what is looked for.
 *
 * - F1 what is given was recorded before the asked place, newest first
 * - F2 a look reads at most {@link searchScanMax} records; `searchedFrom` says how far back anything was looked for
 */
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { PlacedRecord, RecordingReader } from '../model/session-state.ts'

/** Records read by one look. */
export const searchScanMax = 50_000
/** Records taken by one look, the newest. */
export const searchFoundMax = 200
/** Records kept of one search, the newest; more only after somebody has asked to look further back. */
export const searchKeptMax = 2000

type SearchedRecording = Pick<RecordingReader, 'findBack' | 'firstPosition' | 'at'>

export interface Found<R extends TraceRecord> {
  /** Newest first. */
  readonly records: readonly PlacedRecord<R>[]
  /** Nothing was looked for before this place, or nothing older is kept. */
  readonly searchedFrom: number
}

export class RecordSearch<R extends TraceRecord> {
  readonly #recording: SearchedRecording
  readonly #accepts: (record: TraceRecord) => record is R
  /** Newest first, all from {@link #from} on and before {@link #through}. */
  #found: readonly PlacedRecord<R>[] = []
  #from = 0
  #through = 0
  /** The record before {@link #through}: another one there is of another session. */
  #last: TraceRecord | undefined

  constructor(recording: SearchedRecording, accepts: (record: TraceRecord) => record is R) {
    this.#recording = recording
    this.#accepts = accepts
  }

  /** Those before `position`. */
  before(position: number): Found<R> {
    const isNear = position >= this.#from && position - this.#through <= searchScanMax && this.#through > 0
    if (!isNear || this.#isOtherSession()) this.#start(position)
    else if (position > this.#through) this.#goOn(position)
    const records = this.#found.filter((placed) => placed.position < position)
    const isShort = records.length < Math.min(searchFoundMax, this.#found.length)
    if (!isShort || this.#from <= this.#recording.firstPosition) return { records, searchedFrom: this.#searchedFrom }
    // In the past, where the newest that are kept lie behind the place.
    this.goBack()
    return { records: this.#found.filter((placed) => placed.position < position), searchedFrom: this.#searchedFrom }
  }

  /** Looks further back than was done so far; {@link before} gives it from then on. */
  goBack(): void {
    const { found, nextBefore } = this.#look(this.#from, searchScanMax)
    this.#found = [...this.#found, ...found]
    this.#from = nextBefore
  }

  /** Another one was opened in place of the searched one. */
  #isOtherSession(): boolean {
    return this.#through > this.#recording.firstPosition && this.#recording.at(this.#through - 1) !== this.#last
  }

  get #searchedFrom(): number {
    return Math.max(this.#from, this.#recording.firstPosition)
  }

  #start(position: number): void {
    const { found, nextBefore } = this.#look(position, searchScanMax)
    this.#found = found
    this.#from = nextBefore
    this.#arrived(position)
  }

  #arrived(position: number): void {
    this.#through = position
    this.#last = this.#recording.at(position - 1)
  }

  #goOn(position: number): void {
    const { found, nextBefore } = this.#look(position, position - this.#through)
    if (nextBefore > this.#through) {
      // More came than one look takes: what was found before does not join on to it.
      this.#found = found
      this.#from = nextBefore
    } else {
      const all = [...found, ...this.#found]
      const keptMax = Math.max(searchKeptMax, this.#found.length)
      this.#found = all.slice(0, keptMax)
      const oldest = this.#found.at(-1)
      if (all.length > keptMax && oldest !== undefined) this.#from = oldest.position
    }
    this.#arrived(position)
  }

  #look(before: number, scanMax: number): { readonly found: readonly PlacedRecord<R>[]; readonly nextBefore: number } {
    const { found, nextBefore } = this.#recording.findBack(before, this.#accepts, searchFoundMax, scanMax)
    return { found: found.filter((placed): placed is PlacedRecord<R> => this.#accepts(placed.record)), nextBefore }
  }
}
