/** The batch rules B1 to B3, by example and against a model that keeps plain lists. */
import fc from 'fast-check'
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

  test('of one key is kept: at most one of its units is in flight', () => {
    const buffer = bufferOf([
      [write('a', 1, { type: 'absent' })],
      [write('a', 2, { type: 'revision', revision: 1 })],
      [write('b', 1)],
    ])
    const first = all(buffer)
    expect(repliesOf(first)).toEqual([[0], [2]])
    expect(all(buffer)).toEqual([])
    expect([buffer.size, buffer.pending]).toEqual([1, 3])
    for (const unit of first) buffer.settle(unit)
    expect(repliesOf(all(buffer))).toEqual([[1]])
  })

  test('of a unit of several keys waits for all of them, and holds up what follows for each', () => {
    const buffer = bufferOf([
      [write('a', 1)],
      [write('b', 1), write('a', 2)],
      [write('b', 2, { type: 'absent' })],
      [write('c', 1)],
    ])
    const first = all(buffer)
    expect(repliesOf(first)).toEqual([[0], [3]])
    for (const unit of first) buffer.settle(unit)
    const second = all(buffer)
    expect(repliesOf(second)).toEqual([[1]])
    for (const unit of second) buffer.settle(unit)
    expect(repliesOf(all(buffer))).toEqual([[2]])
  })

  test('of what is put back: it goes first again, before what was added meanwhile', () => {
    const buffer = bufferOf([[write('a', 1)], [write('b', 1)], [write('c', 1)]])
    const sent = buffer.take(2, 1e9)
    buffer.add([write('a', 2, { type: 'absent' })], 10, 3, 0)
    buffer.putBack(sent)
    expect(repliesOf(all(buffer))).toEqual([[0], [1], [2]])
    expect(sent.map(({ sends }) => sends)).toEqual([2, 2])
    expect(buffer.size).toBe(1)
  })

  test('lets urgent units pass others, but not others of their keys, however many there are', () => {
    for (const others of [1, 100, 5000]) {
      const buffer = bufferOf([
        [write('held', 1)],
        ...Array.from({ length: others }, (_, n): Unit => [write(`k/${n}`, n)]),
        { unit: [write('held', 2)], urgent: true },
        { unit: [write('free', 1)], urgent: true },
      ])
      expect(repliesOf(buffer.take(64, 1e9, true))).toEqual([[others + 2]])
      expect(buffer.take(64, 1e9, true)).toEqual([])
    }
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
      'the guard of another life',
      [[write('a', 1, causal(), guard(1))], [write('a', 2, causal(), { ...guard(1), incarnation: 'j' })]],
    ],
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
      const sent = all(buffer)
      expect(repliesOf(sent)).toEqual([[reply]])
      for (const unit of sent) buffer.settle(unit)
    }
  })

  test('never touches what was sent: its outcome may be unknown', () => {
    const buffer = bufferOf([[write('a', 1)]])
    const sent = all(buffer)
    buffer.add([write('a', 2)], 10, 1, 0)
    expect(sent[0]).toMatchObject({ replies: [0], unit: [{ entry: { value: 1 } }] })
    buffer.putBack(sent)
    buffer.add([write('a', 3)], 10, 2, 0)
    expect(repliesOf(all(buffer))).toEqual([[0]])
    expect(buffer.size).toBe(1)
  })

  test('never touches what was sent and came back, when nothing else of its key waits', () => {
    const buffer = bufferOf([[write('a', 1)]])
    buffer.putBack(all(buffer))
    buffer.add([write('a', 2)], 10, 1, 0)
    expect(buffer.size).toBe(2)
    expect(repliesOf(all(buffer))).toEqual([[0]])
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

  test('expire gives what waits for too long, and keeps the order of the rest', () => {
    const buffer = new WriteBuffer<number>()
    const units = [
      ['a', 5],
      ['b', 9],
      ['a', 9],
      ['c', 3],
    ] as const
    for (const [reply, [key, sinceMs]] of units.entries()) buffer.add([write(key, reply, { type: 'absent' })], 10, reply, sinceMs)
    expect(repliesOf(buffer.expire(6))).toEqual([[0], [3]])
    expect([buffer.size, buffer.bytes, buffer.pending]).toEqual([2, 20, 2])
    expect(buffer.expire(6)).toEqual([])
    expect(buffer.unsent('c')).toBe(null)
    expect(repliesOf(all(buffer))).toEqual([[1], [2]])
  })

  test('unsent shows the newest write of a key that has not left', () => {
    const buffer = bufferOf([[write('a', 1)], [write('b', 5), write('a', 2)]])
    expect(buffer.unsent('a')).toMatchObject({ entry: { value: 2 } })
    expect(buffer.unsent('b')).toMatchObject({ entry: { value: 5 } })
    expect(buffer.unsent('c')).toBe(null)
  })
})

type Command =
  | { readonly type: 'add'; readonly keys: readonly string[]; readonly kind: number; readonly urgent: boolean }
  | { readonly type: 'take'; readonly count: number; readonly bytes: number; readonly urgentOnly: boolean }
  | { readonly type: 'settle' | 'putBack'; readonly nth: number }

const key = fc.constantFrom('a', 'b', 'c', 'd')
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      keys: fc.oneof(
        { weight: 4, arbitrary: fc.tuple(key) },
        { weight: 1, arbitrary: fc.uniqueArray(key, { minLength: 2, maxLength: 3 }) },
      ),
      kind: fc.nat(7),
      urgent: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      count: fc.integer({ min: 1, max: 5 }),
      bytes: fc.integer({ min: 1, max: 60 }),
      urgentOnly: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('settle' as const, 'putBack' as const), nth: fc.nat(5) }) },
)

function unitOf(keys: readonly string[], kind: number): Unit {
  return keys.map((each) => {
    if (kind === 0) return write(each, 'delete')
    if (kind === 1) return write(each, 1, { type: 'absent' })
    if (kind === 2) return write(each, 1, { type: 'revision', revision: 1 })
    if (kind === 3) return write(each, 1, causal(), guard(1))
    if (kind < 6) return write(each, 1, causal())
    return write(each, 1)
  })
}

/** What was added, as it was added. */
interface Added {
  readonly unit: Unit
  readonly urgent: boolean
  readonly bytes: number
}

function mayJoin(one: Added, next: Added): boolean {
  const [a, b] = [one.unit[0], next.unit[0]]
  if (one.unit.length !== 1 || next.unit.length !== 1 || a === undefined || b === undefined || one.urgent || next.urgent)
    return false
  const isPlain = ({ condition }: Write) => condition.type === 'none' || condition.type === 'causal'
  const isDelete = ({ entry }: Write) => entry === null || entry.x?.t === 1
  if (!isPlain(a) || !isPlain(b) || isDelete(a) || isDelete(b)) return false
  return a.key === b.key && a.condition.type === b.condition.type && JSON.stringify(a.guard) === JSON.stringify(b.guard)
}

test('against a model, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
      const buffer = new WriteBuffer<number>()
      const added: Added[] = []
      /** Replies that were not taken, or came back, oldest first. */
      let waiting: number[] = []
      /** Replies of units that were sent once: nothing may join them. */
      const wasSent = new Set<number>()
      let flight: BufferedUnit<number>[][] = []
      let settled = 0
      for (const each of commands) {
        if (each.type === 'add') {
          const unit = unitOf(each.keys, each.kind)
          const bytes = 5 + (added.length % 7)
          buffer.add(unit, bytes, added.length, 0, each.urgent)
          waiting.push(added.length)
          added.push({ unit, urgent: each.urgent, bytes })
        } else if (each.type === 'take') {
          const taken = buffer.take(each.count, each.bytes, each.urgentOnly)
          const flying = new Set(flight.flat().flatMap(({ unit }) => unit.map((write) => write.key)))
          const replies = taken.flatMap((unit) => unit.replies)
          for (const { unit, replies: own, urgent } of taken) {
            // B1: nothing of its keys is in flight, and nothing older of its keys waits.
            for (const { key: taken } of unit) expect(flying.has(taken)).toBe(false)
            for (const { key: taken } of unit) flying.add(taken)
            const first = own[0] as number
            const keys = new Set(unit.map((write) => write.key))
            const older = waiting.slice(0, waiting.indexOf(first)).filter((reply) => !replies.includes(reply))
            for (const reply of older) expect(added[reply]?.unit.some((write) => keys.has(write.key))).toBe(false)
            if (each.urgentOnly) expect(urgent).toBe(true)
            // B2
            expect(unit.at(-1)?.entry?.value).toEqual(added[own.at(-1) as number]?.unit.at(-1)?.entry?.value)
            expect(unit[0]?.entry?.version).toEqual(added[own.at(-1) as number]?.unit[0]?.entry?.version)
            expect(unit[0]?.condition).toEqual(added[first]?.unit[0]?.condition)
            for (let n = 1; n < own.length; n++) {
              expect(mayJoin(added[own[n - 1] as number] as Added, added[own[n] as number] as Added)).toBe(true)
              const between = waiting.slice(waiting.indexOf(own[n - 1] as number) + 1, waiting.indexOf(own[n] as number))
              for (const reply of between) expect(added[reply]?.unit.some((write) => keys.has(write.key))).toBe(false)
            }
            if (own.some((reply) => wasSent.has(reply))) expect(own.every((reply) => wasSent.has(reply))).toBe(true)
          }
          expect(taken.length).toBeLessThanOrEqual(each.count)
          if (taken.length > 1) expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(each.bytes)
          // The oldest can always go when nothing is in flight.
          if (flight.length === 0 && waiting.length > 0 && !each.urgentOnly) expect(taken.length).toBeGreaterThan(0)
          waiting = waiting.filter((reply) => !replies.includes(reply))
          for (const reply of replies) wasSent.add(reply)
          if (taken.length > 0) flight.push(taken)
        } else {
          const batch = flight[each.nth % Math.max(1, flight.length)]
          if (batch === undefined) continue
          flight = flight.filter((other) => other !== batch)
          if (each.type === 'settle') {
            for (const unit of batch) buffer.settle(unit)
            settled += batch.flatMap(({ replies }) => replies).length
          } else {
            buffer.putBack(batch)
            waiting = [...batch.flatMap(({ replies }) => replies), ...waiting]
          }
        }
        // B3: everybody is somewhere, once.
        const flying = flight.flat()
        expect(buffer.pending - buffer.size).toBe(flying.length)
        expect(settled + waiting.length + flying.flatMap(({ replies }) => replies).length).toBe(added.length)
      }
      const left = buffer.clear()
      expect(left.flatMap(({ replies }) => replies).toSorted((a, b) => a - b)).toEqual(waiting.toSorted((a, b) => a - b))
      expect(buffer.bytes).toBe(0)
    }),
    { numRuns: 3000 },
  )
})
