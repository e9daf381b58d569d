/**
 * The newest records of one source, by their `seq`: bounded by number and by bytes, so that what nobody reads costs no more
 * than that. Knows nothing of who reads.
 *
 * - G1 the records kept are those from `firstSeq` to `lastSeq`, without a hole
 */
import type { TraceRecord } from '../wire/trace-record.ts'

export const ringRecordsMax = 50_000
/** As JSON text; as objects they take a few times as much. */
export const ringBytesMax = 16 * 1024 * 1024
/** Records that all have read are kept so long: who has lost the connection may not have got them. */
export const readRecordsKept = 5000
/** Places of records that are gone; beyond them the rest moves up. */
const deadPlacesMax = 4096

export interface RingLimits {
  readonly recordsMax?: number
  readonly bytesMax?: number
}

export class Ring {
  readonly #recordsMax: number
  readonly #bytesMax: number
  #records: (TraceRecord | null)[] = []
  #sizes: number[] = []
  /** Place of the oldest one in the arrays. */
  #head = 0
  #bytes = 0
  #lastSeq: number

  /** @param lastSeq the number before that of the first record to come. */
  constructor(lastSeq: number, { recordsMax = ringRecordsMax, bytesMax = ringBytesMax }: RingLimits = {}) {
    this.#lastSeq = lastSeq
    this.#recordsMax = recordsMax
    this.#bytesMax = bytesMax
  }

  /** Of the newest record, or where the ring began. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** Of the oldest that is kept; of the next to come when none is. */
  get firstSeq(): number {
    return this.#lastSeq - this.size + 1
  }

  get size(): number {
    return this.#records.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The record must carry the number behind `lastSeq`. The newest is kept however large it is. */
  push(record: TraceRecord, bytes: number): void {
    this.#lastSeq = record.seq
    this.#records.push(record)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    while (this.size > 1 && (this.size > this.#recordsMax || this.#bytes > this.#bytesMax)) this.#dropOldest()
  }

  /** The records behind `after`, at most `max`, oldest first; those that are gone are left out. */
  behind(after: number, max: number): TraceRecord[] {
    const begin = this.#head + Math.max(0, after + 1 - this.firstSeq)
    return this.#records.slice(begin, begin + max) as TraceRecord[]
  }

  /**
   * All have read up to there: what is older than {@link readRecordsKept} before it goes. Most records then die young, where that is
   * cheap; kept to the last they would make the garbage collector's work the dearest part of watching.
   */
  forgetBehind(seq: number): void {
    while (this.size > 1 && this.firstSeq <= seq - readRecordsKept) this.#dropOldest()
  }

  #dropOldest(): void {
    this.#bytes -= this.#sizes[this.#head] ?? 0
    this.#records[this.#head] = null
    this.#head++
    if (this.#head < deadPlacesMax || this.#head < this.size) return
    this.#records = this.#records.slice(this.#head)
    this.#sizes = this.#sizes.slice(this.#head)
    this.#head = 0
  }
}
