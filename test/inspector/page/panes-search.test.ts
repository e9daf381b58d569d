/** The newest records of one thing, kept up as the session grows: nothing is missed, nothing is read twice. */
import { describe, expect, it } from 'vitest'
import type { PlacedRecord } from '../../../src/inspector/page/model/session-state.ts'
import { RecordSearch, searchFoundMax, searchKeptMax, searchScanMax } from '../../../src/inspector/page/panes/record-search.ts'
import type { TraceRecord, TransitionRecord } from '../../../src/wire/trace-record.ts'

/** A recording of `length` records, of which those at multiples of `every` are transitions of `task/x`. */
class Records {
  length: number
  read = 0
  readonly firstPosition = 0
  readonly every: number

  constructor(length: number, every: number) {
    this.length = length
    this.every = every
  }

  readonly #records = new Map<number, TraceRecord>()

  at(position: number): TraceRecord | undefined {
    if (position >= this.length) return undefined
    const known = this.#records.get(position)
    if (known !== undefined) return known
    const record = { type: position % this.every === 0 ? 'transition' : 'metrics', address: 'task/x' } as TraceRecord
    this.#records.set(position, record)
    return record
  }

  /** Another session in its place. */
  replace(length: number): void {
    this.#records.clear()
    this.length = length
  }

  findBack(before: number, accepts: (record: TraceRecord) => boolean, limit: number, scanMax = Number.POSITIVE_INFINITY) {
    const found: PlacedRecord[] = []
    let position = Math.min(before, this.length)
    while (position > 0 && found.length < limit && scanMax-- > 0) {
      position--
      this.read++
      const record = this.at(position)
      if (record !== undefined && accepts(record)) found.push({ position, record })
    }
    return { found, nextBefore: position }
  }
}

const isTransition = (record: TraceRecord): record is TransitionRecord => record.type === 'transition'
const placesOf = (search: RecordSearch<TransitionRecord>, position: number) =>
  search.before(position).records.map((placed) => placed.position)

describe('a search of records', () => {
  it('finds those before the place, newest first', () => {
    expect(placesOf(new RecordSearch(new Records(100, 30), isTransition), 95)).toEqual([90, 60, 30, 0])
    expect(placesOf(new RecordSearch(new Records(100, 30), isTransition), 90)).toEqual([60, 30, 0])
  })

  it('reads only what came since, and finds the same as a new one', () => {
    const records = new Records(1000, 7)
    const search = new RecordSearch(records, isTransition)
    search.before(1000)
    records.length = 1010
    records.read = 0
    expect(placesOf(search, 1010)).toEqual(placesOf(new RecordSearch(new Records(1010, 7), isTransition), 1010))
    expect(records.read).toBe(10)
  })

  it('shows less in the past, without reading again', () => {
    const records = new Records(1000, 100)
    const search = new RecordSearch(records, isTransition)
    search.before(1000)
    records.read = 0
    expect(placesOf(search, 301)).toEqual([300, 200, 100, 0])
    expect(placesOf(search, 300)).toEqual([200, 100, 0])
    expect(records.read).toBe(0)
    expect(placesOf(search, 1000)).toHaveLength(10)
  })

  it('stops after its scan and goes further back when asked', () => {
    const records = new Records(searchScanMax + 500, 400)
    const search = new RecordSearch(records, isTransition)
    const first = search.before(records.length)
    expect(first.searchedFrom).toBe(500)
    search.goBack()
    const { records: all, searchedFrom } = search.before(records.length)
    expect(searchedFrom).toBe(0)
    expect(all.at(-1)?.position).toBe(0)
    expect(all.length).toBe(Math.ceil(records.length / 400))
  })

  it('begins anew when another session was opened in its place', () => {
    const records = new Records(100, 10)
    const search = new RecordSearch(records, isTransition)
    const before = search.before(100).records[0]?.record
    records.replace(105)
    expect(placesOf(search, 105)[0]).toBe(100)
    expect(search.before(105).records[1]?.record).not.toBe(before)
    expect(search.before(105).records[1]?.record).toBe(records.at(90))
  })

  it('notices another session also while it has found nothing', () => {
    const records = new Records(100, 10)
    const search = new RecordSearch(records, (record): record is TransitionRecord => record === wanted)
    const wanted = records.at(-1) as unknown
    expect(search.before(100).records).toEqual([])
    records.replace(105)
    records.read = 0
    search.before(105)
    expect(records.read).toBe(105)
  })

  it('looks further back in the past, until there is enough', () => {
    const records = new Records(1000, 1)
    const search = new RecordSearch(records, isTransition)
    search.before(1000)
    expect(placesOf(search, 1000 - searchFoundMax + 1).length).toBeGreaterThanOrEqual(searchFoundMax)
    expect(placesOf(search, 1000 - searchFoundMax + 1)[0]).toBe(1000 - searchFoundMax)
  })

  it('keeps what was asked for when more comes', () => {
    const records = new Records(10_000, 1)
    const search = new RecordSearch(records, isTransition)
    search.before(9000)
    for (let looks = 0; looks < 12; looks++) search.goBack()
    const { length } = search.before(9000).records
    expect(length).toBeGreaterThan(searchKeptMax)
    expect(search.before(9010).records).toHaveLength(length)
    expect(search.before(9010).searchedFrom).toBe(9010 - length)
  })

  it('does not join what it found to newer ones that it could not read up to', () => {
    const records = new Records(1000, 1)
    const search = new RecordSearch(records, isTransition)
    search.before(100)
    const { records: found, searchedFrom } = search.before(1000)
    expect(searchedFrom).toBe(1000 - searchFoundMax)
    expect(found.map(({ position }) => position)).toEqual(Array.from({ length: searchFoundMax }, (_, index) => 999 - index))
  })
})
