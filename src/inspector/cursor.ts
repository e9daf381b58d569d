/**
 * A reader's place in a recording, and the next piece of it in bounded portions. Knows no connection.
 *
 * - C1 a reader is given every record behind its place, in order, or is told that it missed some and begins anew
 * - C2 a newcomer begins with the oldest record that is kept; who was too slow with what there is now, for it would be too slow again
 * - C3 it costs its place, and while it begins one small object for each record of the beginning
 */
import { eventRecordsMax } from '../wire/inspector-api.ts'
import type { TraceRecord } from '../wire/trace-record.ts'
import type { Recorder } from './recorder.ts'

/** A piece is closed by the record that takes it beyond. */
export const pieceCharactersMax = 256 * 1024

/** `<epoch>:<n>`, as the event stream gives it in its ids. */
export interface Place {
  readonly epoch: string
  readonly place: number
}

export type Piece =
  /** JSON texts of records. `place` is behind the last one; null in the beginning, which has no places. */
  | { readonly type: 'records'; readonly lines: readonly string[]; readonly place: Place | null }
  /** All that is recorded has been given; what follows is new. */
  | { readonly type: 'live'; readonly place: Place }
  /** So many records are lost to this reader (null: nobody knows); a beginning follows. */
  | { readonly type: 'reset'; readonly lost: number | null }

export class Cursor {
  readonly #recorder: Recorder
  #place: number
  /** What is left to be given of the beginning; null: all was. */
  #beginning: { readonly records: readonly TraceRecord[]; given: number } | null = null
  /** Whether the reader was told that it has all. */
  #isLive = false
  #reset: { readonly lost: number | null; readonly begin: () => void } | null = null

  /** @param from where the reader was; null: it begins. */
  constructor(recorder: Recorder, from: Place | null) {
    this.#recorder = recorder
    const { epoch, first, end } = recorder
    this.#place = end
    const beginAtFirst = (): void => this.#beginAtFirst()
    if (from === null) beginAtFirst()
    else if (from.epoch !== epoch || from.place > end) this.#reset = { lost: null, begin: beginAtFirst }
    else if (from.place < first) this.#reset = { lost: first - from.place, begin: beginAtFirst }
    else this.#place = from.place
  }

  /** null: there is nothing new. */
  next(): Piece | null {
    const { epoch, end } = this.#recorder
    if (this.#place < this.#recorder.first) this.#reset = { lost: end - this.#place, begin: () => this.#beginAtEnd() }
    if (this.#reset !== null) {
      const { lost, begin } = this.#reset
      this.#reset = null
      begin()
      return { type: 'reset', lost }
    }
    const piece = this.#nextOfBeginning()
    if (piece !== null) return piece
    if (this.#place >= end) {
      if (this.#isLive) return null
      this.#isLive = true
      return { type: 'live', place: { epoch, place: this.#place } }
    }
    const lines = this.#recorder.lines(this.#place, eventRecordsMax, pieceCharactersMax)
    this.#place += lines.length
    return { type: 'records', lines, place: { epoch, place: this.#place } }
  }

  #beginAtFirst(): void {
    this.#beginning = { records: this.#recorder.before(), given: 0 }
    this.#place = this.#recorder.first
    this.#isLive = false
  }

  #beginAtEnd(): void {
    this.#beginning = { records: this.#recorder.now(), given: 0 }
    this.#place = this.#recorder.end
    this.#isLive = false
  }

  #nextOfBeginning(): Piece | null {
    const beginning = this.#beginning
    if (beginning === null) return null
    const lines: string[] = []
    for (let characters = 0; lines.length < eventRecordsMax && characters < pieceCharactersMax; ) {
      const record = beginning.records[beginning.given]
      if (record === undefined) break
      const line = JSON.stringify(record)
      lines.push(line)
      characters += line.length
      beginning.given++
    }
    if (lines.length > 0) return { type: 'records', lines, place: null }
    this.#beginning = null
    return null
  }
}

/** @returns null for what is no place. */
export function parsePlace(text: string | null | undefined): Place | null {
  const [, epoch, place] = /^([a-z0-9]{1,32}):(\d{1,15})$/.exec(text ?? '') ?? []
  return epoch === undefined || place === undefined ? null : { epoch, place: Number(place) }
}

export function placeText({ epoch, place }: Place): string {
  return `${epoch}:${place}`
}
