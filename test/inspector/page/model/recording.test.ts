import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunkRecordsMax, Recording } from '../../../../src/inspector/page/model/recording.ts'
import type { TraceRecord } from '../../../../src/wire/trace-record.ts'
import { session } from './arbitrary-records.ts'
import { actor, change, folded, gap, plain, source, transition } from './records.ts'

/** So many that several chunks are filled; each moves one of a few actors, or changes one of a few keys. */
function manyRecords(count: number): TraceRecord[] {
  return Array.from({ length: count }, (_, index) =>
    index % 3 === 0
      ? change(`k${index % 7}`, index + 1, index, { atMs: index })
      : transition(`task/${index % 11}`, { to: `s${index % 5}`, atMs: index }),
  )
}

describe('a recording', () => {
  it('gives the state after any number of its records', () => {
    fc.assert(
      fc.property(
        session,
        fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        (records, places, size) => {
          const recording = new Recording()
          for (let from = 0; from < records.length; from += size) recording.append(records.slice(from, from + size))
          for (const place of places) {
            const position = Math.min(place, records.length)
            expect(plain(recording.stateAt(place))).toEqual(plain(folded(...records.slice(0, position))))
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('gives the same states over many chunks, forwards, backwards and by leaps', () => {
    const records = manyRecords(chunkRecordsMax * 3 + 10)
    const recording = new Recording()
    recording.append(records)
    const places = [
      0,
      1,
      chunkRecordsMax - 1,
      chunkRecordsMax,
      chunkRecordsMax + 1,
      records.length,
      chunkRecordsMax * 2 + 7,
      5000,
      4999,
      4998,
    ]
    for (const place of places) expect(plain(recording.stateAt(place))).toEqual(plain(folded(...records.slice(0, place))))
    expect(recording.stateAt(records.length)).toBe(recording.liveState)
  })

  it('gives the same object for the same place, and the nearest place there is for any other', () => {
    const recording = new Recording()
    recording.append(manyRecords(50))
    expect(recording.stateAt(20)).toBe(recording.stateAt(20))
    expect(recording.stateAt(-5).position).toBe(0)
    expect(recording.stateAt(7.9).position).toBe(7)
    expect(recording.stateAt(1e9)).toBe(recording.liveState)
  })

  it('keeps the right oldest state when old records are dropped', () => {
    fc.assert(
      fc.property(fc.array(session, { minLength: 1, maxLength: 4 }), fc.integer({ min: 4, max: 40 }), (batches, recordsMax) => {
        const recording = new Recording({ recordsMax })
        const records = batches.flat()
        for (const batch of batches) recording.append(batch)
        const { firstPosition, endPosition, dropped } = recording
        expect(endPosition).toBe(records.length)
        expect(firstPosition).toBe(dropped)
        expect(endPosition - firstPosition).toBeLessThanOrEqual(recordsMax)
        for (const place of [firstPosition, Math.floor((firstPosition + endPosition) / 2), endPosition]) {
          expect(plain(recording.stateAt(place))).toEqual(plain(folded(...records.slice(0, place))))
        }
        expect(recording.stateAt(0).position).toBe(firstPosition)
        expect(recording.at(firstPosition - 1)).toBeUndefined()
        for (let place = firstPosition; place < endPosition; place++) expect(recording.at(place)).toBe(records[place])
        expect(recording.at(endPosition)).toBeUndefined()
      }),
      { numRuns: 100 },
    )
  })

  it('is bounded by bytes too, and keeps the newest whatever they weigh', () => {
    const recording = new Recording({ bytesMax: 400_000 })
    for (let index = 0; index < 100; index++) recording.append([actor(`a${index}`, { context: 'x'.repeat(10_000) })])
    expect(recording.bytes).toBeLessThanOrEqual(400_000)
    expect(recording.bytes).toBeGreaterThan(300_000)
    expect(recording.dropped).toBe(recording.firstPosition)
    recording.append([actor('huge', { context: 'x'.repeat(500_000) })])
    expect(recording.at(100)).toMatchObject({ address: 'huge' })
    expect(recording.endPosition - recording.firstPosition).toBeLessThanOrEqual(3)
    expect(recording.stateAt(recording.firstPosition).actors.size).toBe(recording.firstPosition)
  })

  it('leaves out what is no record, and says which ones it took', () => {
    const recording = new Recording()
    const [first, last] = [actor('a'), actor('b')]
    const taken = recording.append([first, { type: 'dream', source: 'p', seq: 1, atMs: 1 } as never, last])
    expect(taken).toEqual([first, last])
    expect(recording).toMatchObject({ endPosition: 2, ignored: 1 })
    expect(recording.at(1)).toBe(last)
  })

  it('is as new when it was cleared', () => {
    const recording = new Recording({ recordsMax: 40 })
    recording.append(manyRecords(30))
    void recording.stateAt(1)
    recording.append(manyRecords(50))
    recording.clear()
    expect(recording).toMatchObject({ firstPosition: 0, endPosition: 0, dropped: 0, ignored: 0, bytes: 0 })
    expect(recording.liveState.position).toBe(0)
    recording.append([source(), actor('a')])
    expect(plain(recording.stateAt(1))).toEqual(plain(folded(source())))
  })
})

describe('a search back', () => {
  const recording = new Recording()
  recording.append(manyRecords(chunkRecordsMax * 2 + 100))
  const isK0 = (record: TraceRecord) => record.type === 'change' && record.key === 'k0'

  it('finds the newest first, across chunks, and goes on where it stopped', () => {
    const all: number[] = []
    let before = recording.endPosition
    while (before > 0) {
      const { found, nextBefore } = recording.findBack(before, isK0, 3, 500)
      all.push(...found.map(({ position }) => position))
      expect(nextBefore).toBeLessThan(before)
      before = nextBefore
    }
    const expected = Array.from({ length: recording.endPosition }, (_, place) => place).filter((place) => place % 21 === 0)
    expect(all).toEqual(expected.reverse())
  })

  it('begins before the given place and stops after so many records', () => {
    expect(recording.findBack(22, isK0, 10)).toEqual({
      found: [
        { position: 21, record: recording.at(21) },
        { position: 0, record: recording.at(0) },
      ],
      nextBefore: 0,
    })
    expect(recording.findBack(21, isK0, 10, 5)).toEqual({ found: [], nextBefore: 16 })
    expect(recording.findBack(1e9, () => true, 1).found[0]?.position).toBe(recording.endPosition - 1)
    expect(recording.findBack(-3, () => true, 1)).toEqual({ found: [], nextBefore: 0 })
  })
})

describe('the place of a moment', () => {
  it('is the last record that is not later, though clocks of several sources differ', () => {
    const recording = new Recording()
    recording.append([10, 20, 15, 15, 30, 28, 40].map((atMs) => gap({ atMs })))
    const places = [9, 10, 14, 15, 17, 20, 27, 28, 29, 30, 39, 40, 99].map((atMs) => recording.positionAtMs(atMs))
    expect(places).toEqual([0, 0, 0, 3, 3, 3, 3, 5, 5, 5, 5, 6, 6])
  })

  it('is found over many chunks, and is the oldest one for all that lies before', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 }), { maxLength: 80 }), fc.nat({ max: 100 }), (times, atMs) => {
        const recording = new Recording({ recordsMax: 50 })
        recording.append(times.map((each) => gap({ atMs: each })))
        const last = times.findLastIndex((each, place) => place >= recording.firstPosition && each <= atMs)
        expect(recording.positionAtMs(atMs)).toBe(last === -1 ? recording.firstPosition : last)
      }),
    )
  })
})
