/**
 * The session so far: one line of JSON per record, in the order in which they came, bounded. Each record has a place, counted from
 * the session's first. Knows neither where records come from nor who reads them.
 *
 * - R1 at most `recordsMax` records and `bytesMax` UTF-16 units of text are kept; the oldest go
 * - R2 what is kept explains itself: {@link Recorder.before} is what there was at the place of the oldest one
 */
import type { TraceRecord } from '../wire/trace-record.ts'
import { Present } from './present.ts'

export interface RecorderLimits {
  readonly recordsMax: number
  readonly bytesMax: number
}

/** Records that go at once when the bounds are reached: each must be parsed to know what it changed. */
const evictedAtOnce = 256

export class Recorder {
  /** Names this recording: places of another one mean nothing here. */
  readonly epoch: string
  readonly #limits: RecorderLimits
  readonly #present = new Present()
  readonly #before = new Present()
  readonly #listeners = new Set<() => void>()
  /** Lines from `#head` on are kept; those before it are cleared and cut off now and then. */
  #lines: string[] = []
  #head = 0
  #first = 0
  #bytes = 0

  constructor(epoch: string, limits: RecorderLimits) {
    this.epoch = epoch
    this.#limits = limits
  }

  /** Place of the oldest record that is kept. */
  get first(): number {
    return this.#first
  }

  /** Place behind the newest. */
  get end(): number {
    return this.#first + this.#lines.length - this.#head
  }

  /** What is kept, in UTF-16 units: for what most records are made of, bytes. */
  get bytes(): number {
    return this.#bytes
  }

  append(records: readonly TraceRecord[]): void {
    if (records.length === 0) return
    for (const record of records) {
      const line = JSON.stringify(record)
      this.#present.apply(record)
      this.#lines.push(line)
      this.#bytes += line.length
    }
    const { recordsMax, bytesMax } = this.#limits
    while (this.#lines.length - this.#head > recordsMax || this.#bytes > bytesMax) this.#evict()
    for (const listener of [...this.#listeners]) listener()
  }

  /** Calls `listener` after each {@link append}. Returns the end of it. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What there is now, as records. */
  now(): TraceRecord[] {
    return this.#present.records()
  }

  /** What there was before the record at {@link first}. */
  before(): TraceRecord[] {
    return this.#before.records()
  }

  /** Lines from `place` (not before {@link first}) on: at most `recordsMax`, and no more than one beyond `charactersMax`. */
  lines(place: number, recordsMax: number, charactersMax: number): string[] {
    const from = this.#head + place - this.#first
    let characters = 0
    let to = from
    while (to < this.#lines.length && to - from < recordsMax && characters < charactersMax) {
      characters += this.#lines[to]?.length ?? 0
      to++
    }
    return this.#lines.slice(from, to)
  }

  #evict(): void {
    const kept = this.#lines.length - this.#head
    const count = Math.min(kept, Math.max(1, Math.min(evictedAtOnce, this.#limits.recordsMax >> 2)))
    const gone = this.#lines.slice(this.#head, this.#head + count)
    for (const line of gone) {
      this.#before.apply(JSON.parse(line) as TraceRecord)
      this.#bytes -= line.length
    }
    this.#lines.fill('', this.#head, this.#head + count)
    this.#head += count
    this.#first += count
    // Cutting an array moves all of it: not before half of it is empty.
    if (this.#head > this.#lines.length / 2) {
      this.#lines = this.#lines.slice(this.#head)
      this.#head = 0
    }
  }
}
