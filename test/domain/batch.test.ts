/** The batch rules, by example. */
import { describe, expect, test } from 'vitest'
import { type BufferedUnit, bufferedBytesMax, bufferedUnitsMax, WriteBuffer } from '../../src/domain/batch.ts'
import type { Condition, Guard, Unit, Write } from '../../src/domain/write.ts'

let dots = 0

function write(key: string, value: number | 'delete', condition: Condition = { type: 'none' }, guard?: Guard): Write {
  const version = { w: ++dots }
  const x = value === 'delete' ? ({ v: 1, d: ['w', dots, 'i'], t: 1 } as const) : ({ v: 1, d: ['w', dots, 'i'] } as const)
  const entry = { value: value === 'delete' ? null : value, version, timestamp: 0, workerId: 'w', x }
  return guard === undefined ? { key, entry, condition } : { key, entry, condition, guard }
}

const causal = (context: Record<string, number> = {}): Condition => ({ type: 'causal', context })
const guard = (epoch: number): Guard => ({ scope: 's', epoch, incarnation: 'i' })

/** Puts units into a buffer; their replies are 0, 1, 2, ... */
function bufferOf(units: readonly (Unit | { unit: Unit; urgent: true })[]): WriteBuffer<number> {
  const buffer = new WriteBuffer<number>()
  for (const [reply, given] of units.entries()) {
    const { unit, urgent } = 'unit' in given ? given : { unit: given, urgent: false }
    buffer.add(unit, 10, reply, 0, urgent)
  }
  return buffer
}

const repliesOf = (units: readonly BufferedUnit<number>[]) => units.map(({ replies }) => replies)
const all = (buffer: WriteBuffer<number>) => buffer.take(1000, 1e9)

describe('order', () => {
  test('is first in first out, bounded by count and by bytes', () => {
    const buffer = bufferOf(['a', 'b', 'c', 'd'].map((key) => [write(key, 1)]))
    expect(repliesOf(buffer.take(2, 1e9))).toEqual([[0], [1]])
    expect(repliesOf(buffer.take(9, 15))).toEqual([[2]])
    // One that alone is more than that goes all the same.
    expect(repliesOf(buffer.take(9, 5))).toEqual([[3]])
    expect(buffer.take(9, 5)).toEqual([])
  })

  test('holds back what has a key in flight, and what follows it', () => {
    const buffer = bufferOf([
      [write('a', 1)],
      [write('b', 1), write('a', 2)],
      [write('b', 2, { type: 'absent' })],
      [write('c', 1)],
    ])
    const first = buffer.take(1, 1e9)
    expect(repliesOf(first)).toEqual([[0]])
    expect(repliesOf(all(buffer))).toEqual([[3]])
    for (const unit of first) buffer.settle(unit)
    expect(repliesOf(buffer.take(1, 1e9))).toEqual([[1]])
    expect(all(buffer)).toEqual([])
  })

  test('lets urgent units pass others, but not others of their keys', () => {
    const buffer = bufferOf([
      [write('held', 1)],
      [write('other', 1)],
      { unit: [write('held', 2)], urgent: true },
      { unit: [write('free', 1)], urgent: true },
    ])
    expect(repliesOf(buffer.take(64, 1e9, true))).toEqual([[3]])
    expect(buffer.take(64, 1e9, true)).toEqual([])
  })
})

describe('coalescing', () => {
  test('makes one of adjacent plain writes of a key: the last value, the first condition, all replies', () => {
    const buffer = bufferOf([
      [write('a', 1, causal({ v: 1 }))],
      [write('b', 1)],
      [write('a', 2, causal({ v: 1, w: 1 }))],
      [write('a', 3, causal({ v: 1, w: 2 }))],
      [write('b', 2)],
    ])
    expect(buffer.size).toBe(2)
    expect(buffer.bytes).toBe(20)
    const [a, b] = all(buffer)
    expect(a).toMatchObject({ replies: [0, 2, 3], unit: [{ entry: { value: 3 }, condition: causal({ v: 1 }) }] })
    expect(b).toMatchObject({ replies: [1, 4], unit: [{ entry: { value: 2 } }] })
  })

  test.each<[string, (Unit | { unit: Unit; urgent: true })[]]>([
    ['a delete before', [[write('a', 'delete')], [write('a', 1)]]],
    ['a delete after', [[write('a', 1)], [write('a', 'delete')]]],
    ['a purge', [[write('a', 1)], [{ key: 'a', entry: null, condition: { type: 'none' } }]]],
    ['a revision', [[write('a', 1)], [write('a', 2, { type: 'revision', revision: 1 })]]],
    ['an absence', [[write('a', 1, { type: 'absent' })], [write('a', 2)]]],
    ['other kinds of condition', [[write('a', 1)], [write('a', 2, causal())]]],
    ['another guard', [[write('a', 1, causal(), guard(1))], [write('a', 2, causal(), guard(2))]]],
    ['a guard gone', [[write('a', 1, causal(), guard(1))], [write('a', 2, causal())]]],
    [
      'urgency',
      [
        { unit: [write('a', 1)], urgent: true },
        { unit: [write('a', 2)], urgent: true },
      ],
    ],
    ['urgency before', [{ unit: [write('a', 1)], urgent: true }, [write('a', 2)]]],
    ['a unit of two', [[write('a', 1), write('b', 1)], [write('a', 2)]]],
    ['a unit of two between', [[write('a', 1)], [write('b', 1), write('a', 2)], [write('a', 3)]]],
  ])('never goes across %s', (_, units) => {
    const buffer = bufferOf(units)
    expect(buffer.size).toBe(units.length)
    for (let reply = 0; reply < units.length; reply++) {
      const sent = buffer.take(1, 1e9)
      expect(repliesOf(sent)).toEqual([[reply]])
      for (const unit of sent) buffer.settle(unit)
    }
  })
})

describe('the bound', () => {
  test('is told, by units and by bytes, and drops nothing', () => {
    const buffer = new WriteBuffer<number>()
    for (let reply = 0; reply < bufferedUnitsMax; reply++) {
      expect(buffer.isFull).toBe(false)
      buffer.add([write(`k/${reply}`, 1)], 1, reply, 0)
    }
    expect(buffer.isFull).toBe(true)
    buffer.add([write('one/more', 1)], 1, -1, 0)
    expect(buffer.size).toBe(bufferedUnitsMax + 1)
    const heavy = new WriteBuffer<number>()
    heavy.add([write('a', 1)], bufferedBytesMax, 0, 0)
    expect(heavy.isFull).toBe(true)
    heavy.settle(all(heavy)[0] as BufferedUnit<number>)
    expect([heavy.isFull, heavy.bytes, heavy.pending]).toEqual([false, 0, 0])
  })

  test('clear gives all that was not sent, in order', () => {
    const buffer = bufferOf([[write('a', 1)], [write('b', 1)], [write('a', 2, { type: 'absent' })]])
    buffer.take(1, 1e9)
    expect(repliesOf(buffer.clear())).toEqual([[1], [2]])
    expect([buffer.size, buffer.bytes, buffer.pending]).toEqual([0, 0, 1])
    expect(buffer.unsent('a')).toBe(null)
  })

  test('unsent shows the newest write of a key that has not left', () => {
    const buffer = bufferOf([[write('a', 1)], [write('b', 5), write('a', 2)]])
    expect(buffer.unsent('a')).toMatchObject({ entry: { value: 2 } })
    expect(buffer.unsent('b')).toMatchObject({ entry: { value: 5 } })
    expect(buffer.unsent('c')).toBe(null)
  })
})
