/**
 * The records of a session, in order and bounded, with the state after any of them. Owns what is kept and the checkpoints that make
 * going back fast; what records mean is the fold's business.
 *
 * - C1 every chunk begins with the state before its first record: the oldest state that can be reached is right whatever was dropped
 * - C2 a state costs at most {@link chunkRecordsMax} folds
 */
import type { TraceRecord } from '../../../wire/trace-record.ts'
import { emptySession, type FoldedState, Folder } from './fold.ts'
import type { PlacedRecord, RecordingReader } from './session-state.ts'

export const recordsMaxDefault = 100_000
export const bytesMaxDefault = 256 * 1024 * 1024
/** Records from one checkpoint to the next. */
export const chunkRecordsMax = 2048
/** A chunk is dropped whole: it holds at most this share of each bound. */
const chunkShare = 1 / 16
/** States that were asked for last, kept so that a place has one state. */
const statesKept = 16
export const scanMaxDefault = 20_000

export interface RecordingOptions {
  /** Default {@link recordsMaxDefault}. */
  readonly recordsMax?: number
  /** In memory, about. Default {@link bytesMaxDefault}. The states come on top: see `fold.ts`. */
  readonly bytesMax?: number
}

interface Chunk {
  readonly first: number
  /** Before its first record. */
  readonly checkpoint: FoldedState
  readonly records: TraceRecord[]
  /** In memory, of each of them. */
  readonly sizes: number[]
  bytes: number
  /** The earliest wall time of its records. */
  earliestMs: number
}

export class Recording implements RecordingReader {
  readonly #recordsMax: number
  readonly #bytesMax: number
  #folder = new Folder()
  #chunks: Chunk[] = []
  #bytes = 0
  #dropped = 0
  /** Least recently asked for first. */
  readonly #stateByPosition = new Map<number, FoldedState>()

  constructor(options: RecordingOptions = {}) {
    this.#recordsMax = options.recordsMax ?? recordsMaxDefault
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault
  }

  get firstPosition(): number {
    return this.#chunks[0]?.first ?? this.#folder.position
  }

  get endPosition(): number {
    return this.#folder.position
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Records that were no records, or of a type that this page does not know: they have no place. */
  get ignored(): number {
    return this.#folder.ignored
  }

  /** What the kept records take in memory, about. */
  get bytes(): number {
    return this.#bytes
  }

  get liveState(): FoldedState {
    return this.#folder.state
  }

  /**
   * Takes records behind the newest. When there are too many, the oldest go, a chunk at a time.
   *
   * @returns those that were taken, in order: they have the places from the former `endPosition` on.
   */
  append(records: readonly TraceRecord[]): readonly TraceRecord[] {
    const taken = records.filter((record) => this.#take(record))
    while (this.#chunks.length > 1 && (this.#count > this.#recordsMax || this.#bytes > this.#bytesMax)) {
      const oldest = this.#chunks.shift() as Chunk
      this.#bytes -= oldest.bytes
      this.#dropped += oldest.records.length
    }
    return taken
  }

  /** As if it were new. */
  clear(): void {
    this.#folder = new Folder()
    this.#chunks = []
    this.#bytes = 0
    this.#dropped = 0
    this.#stateByPosition.clear()
  }

  at(position: number): TraceRecord | undefined {
    const chunk = this.#chunks[this.#chunkOf(position)]
    return chunk?.records[position - chunk.first]
  }

  stateAt(position: number): FoldedState {
    const place = Math.max(this.firstPosition, Math.min(this.endPosition, Math.floor(position)))
    if (place === this.endPosition) return this.#folder.state
    const known = this.#stateByPosition.get(place)
    // Set again, it is the last to go.
    this.#stateByPosition.delete(place)
    const state = known ?? this.#foldTo(place)
    this.#stateByPosition.set(place, state)
    if (this.#stateByPosition.size > statesKept) {
      const [oldest] = this.#stateByPosition.keys()
      if (oldest !== undefined) this.#stateByPosition.delete(oldest)
    }
    return state
  }

  findBack(
    before: number,
    accepts: (record: TraceRecord) => boolean,
    limit: number,
    scanMax = scanMaxDefault,
  ): { readonly found: readonly PlacedRecord[]; readonly nextBefore: number } {
    const found: PlacedRecord[] = []
    let position = Math.min(before, this.endPosition)
    const last = Math.max(this.firstPosition, position - scanMax)
    let index = this.#chunkOf(position - 1)
    while (position > last && found.length < limit) {
      position--
      let chunk = this.#chunks[index]
      if (chunk !== undefined && position < chunk.first) chunk = this.#chunks[--index]
      const record = chunk?.records[position - chunk.first]
      if (record !== undefined && accepts(record)) found.push({ position, record })
    }
    return { found, nextBefore: Math.max(this.firstPosition, position) }
  }

  /**
   * The last place whose record is not later than `atMs`; records that were told out of order by their clocks lie before it. The oldest
   * place when all are later.
   */
  positionAtMs(atMs: number): number {
    for (let index = this.#chunks.length - 1; index >= 0; index--) {
      const { first, records, earliestMs } = this.#chunks[index] as Chunk
      if (earliestMs > atMs) continue
      const within = records.findLastIndex((record) => record.atMs <= atMs)
      return first + within
    }
    return this.firstPosition
  }

  get #count(): number {
    return this.endPosition - this.firstPosition
  }

  #take(record: TraceRecord): boolean {
    const first = this.#folder.position
    let chunk = this.#chunks.at(-1)
    if (chunk === undefined || this.#isFull(chunk)) {
      chunk = { first, checkpoint: this.#folder.state, records: [], sizes: [], bytes: 0, earliestMs: Number.POSITIVE_INFINITY }
    }
    const bytes = this.#folder.fold(record)
    if (bytes === null) return false
    if (chunk.records.length === 0) this.#chunks.push(chunk)
    chunk.records.push(record)
    chunk.sizes.push(bytes)
    chunk.bytes += bytes
    chunk.earliestMs = Math.min(chunk.earliestMs, record.atMs)
    this.#bytes += bytes
    return true
  }

  #isFull({ records, bytes }: Chunk): boolean {
    return (
      records.length >= Math.min(chunkRecordsMax, Math.max(1, this.#recordsMax * chunkShare)) ||
      bytes >= this.#bytesMax * chunkShare
    )
  }

  /** Folds on from the nearest state before: a checkpoint, or one that was asked for. */
  #foldTo(position: number): FoldedState {
    const chunk = this.#chunks[this.#chunkOf(position)]
    if (chunk === undefined) return emptySession()
    let start = chunk.checkpoint
    for (const state of this.#stateByPosition.values()) {
      if (state.position > start.position && state.position <= position) start = state
    }
    if (start.position === position) return start
    const folder = new Folder(start)
    for (let place = start.position; place < position; place++) {
      const index = place - chunk.first
      folder.foldAgain(chunk.records[index] as TraceRecord, chunk.sizes[index] as number)
    }
    return folder.state
  }

  /** Index of the chunk that has the place, or would have it. */
  #chunkOf(position: number): number {
    let low = 0
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#chunks[middle] as Chunk).first <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
