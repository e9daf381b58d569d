import { describe, expect, test } from 'vitest'
import { Ring, type RingLimits } from '../../src/trace/ring.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'

function ringOf(count: number, limits: RingLimits, bytes = 10, lastSeq = 0): Ring {
  const ring = new Ring(lastSeq, limits)
  for (let seq = lastSeq + 1; seq <= lastSeq + count; seq++) ring.push(recordOf(seq), bytes)
  return ring
}

function recordOf(seq: number): TraceRecord {
  return { source: 's', seq, atMs: 0, type: 'problem', code: 'c', message: 'm' }
}

describe('the ring of records', () => {
  test('keeps the newest by number', () => {
    const ring = ringOf(10, { recordsMax: 4 })
    expect([ring.size, ring.firstSeq, ring.lastSeq, ring.bytes]).toEqual([4, 7, 10, 40])
    expect(ring.behind(0, 100).map(({ seq }) => seq)).toEqual([7, 8, 9, 10])
  })

  test('keeps the newest by bytes, and the newest one however large it is', () => {
    const ring = ringOf(10, { bytesMax: 25 })
    expect([ring.size, ring.firstSeq, ring.bytes]).toEqual([2, 9, 20])
    ring.push(recordOf(11), 1000)
    expect([ring.size, ring.firstSeq, ring.bytes]).toEqual([1, 11, 1000])
  })

  test('is read from any number on, as much as is asked for', () => {
    const ring = ringOf(10, {}, 10, 100)
    expect(ring.behind(103, 3).map(({ seq }) => seq)).toEqual([104, 105, 106])
    expect(ring.behind(110, 3)).toEqual([])
    expect(ringOf(0, {}, 10, 7)).toMatchObject({ firstSeq: 8, lastSeq: 7, size: 0 })
  })

  test('goes on for ever in the same room', () => {
    const ring = new Ring(0, { recordsMax: 100 })
    for (let seq = 1; seq <= 50_000; seq++) {
      ring.push(recordOf(seq), 10)
      if (seq % 9973 === 0) expect(ring.behind(seq - 3, 10).map((record) => record.seq)).toEqual([seq - 2, seq - 1, seq])
    }
    expect([ring.size, ring.firstSeq, ring.bytes]).toEqual([100, 49_901, 1000])
    expect(ring.behind(0, 1000).map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => 49_901 + index))
  })
})
