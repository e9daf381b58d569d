/** The record: how it may change (R1 to R3), its order in the queue, and what is no record. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toJson } from '../../src/domain/json.ts'
import {
  cancelAsked,
  cancelled,
  claimed,
  compareInQueue,
  completed,
  failed,
  handedBack,
  isEnded,
  isTaskRecord,
  renewed,
  replayed,
  retried,
  type TaskRecord,
  takenOver,
  takeoversMax,
} from '../../src/domain/task-record.ts'

const pending: TaskRecord = {
  id: 'a',
  type: 'x',
  status: 'pending',
  input: { n: 1 },
  priority: 0,
  enqueued: [1, 0, 'w'],
  epoch: 0,
  attempts: 0,
  maxAttempts: 3,
}
const lease = { leaseMs: 1000, bootId: 'boot', renewedAtMs: 5 }
const owner = { worker: 'w.1', incarnation: 'i' }
const fault = { name: 'Error', message: 'no', reason: 'handler' } as const
const later = { wallMs: 2000, bootId: 'boot', monotonicMs: 100 }
const processing = claimed(pending, owner, lease)

describe('each change', () => {
  test.each<[string, TaskRecord, Partial<TaskRecord>]>([
    ['claimed', processing, { status: 'processing', epoch: 1, attempts: 1, owner: 'w.1', incarnation: 'i', lease }],
    ['renewed', renewed(processing, { ...lease, renewedAtMs: 9 }), { lease: { ...lease, renewedAtMs: 9 }, epoch: 1 }],
    ['completed', completed(processing, 7), { status: 'completed', endedMs: 7, owner: 'w.1', epoch: 1, attempts: 1 }],
    ['failed', failed(processing, fault, 7), { status: 'failed', error: fault, endedMs: 7 }],
    ['cancelled', cancelled(processing, 'enough', 7), { status: 'cancelled', cancelRequested: 'enough', endedMs: 7 }],
    ['retried', retried(processing, fault, later), { status: 'pending', error: fault, notBefore: later, attempts: 1, epoch: 1 }],
    ['handed back', handedBack(processing), { status: 'pending', attempts: 0, epoch: 1 }],
    [
      'taken over',
      takenOver(processing, 7),
      { status: 'pending', attempts: 1, epoch: 2, takeovers: [{ worker: 'w.1', incarnation: 'i', epoch: 1, atMs: 7 }] },
    ],
    [
      'replayed',
      replayed(failed(processing, fault, 7), [9, 0, 'v']),
      { status: 'pending', attempts: 0, epoch: 2, enqueued: [9, 0, 'v'] },
    ],
    ['asked to cancel', cancelAsked(processing, 'please'), { status: 'processing', cancelRequested: 'please', epoch: 1 }],
  ])('%s says what it means and keeps the rest', (_, record, members) => {
    expect(record).toMatchObject(members)
    expect(record).toMatchObject({ id: 'a', type: 'x', input: { n: 1 }, priority: 0, maxAttempts: 3 })
    expect(isTaskRecord(record)).toBe(true)
    expect(toJson(record)).toEqual(record)
  })

  test('forgets what the last attempt left behind when the next begins', () => {
    const again = claimed(retried(processing, fault, later), owner, lease)
    expect(again.error).toBe(undefined)
    expect(again.notBefore).toBe(undefined)
    expect('error' in again || 'notBefore' in again).toBe(false)
    const replay = replayed(cancelled(cancelAsked(processing, 'x'), 'x', 7), [9, 0, 'v'])
    expect('cancelRequested' in replay || 'endedMs' in replay).toBe(false)
  })

  test('changes no record that was given', () => {
    const frozen = Object.freeze({ ...processing })
    for (const change of [
      () => claimed(Object.freeze({ ...pending }), owner, lease),
      () => renewed(frozen, lease),
      () => completed(frozen, 1),
      () => failed(frozen, fault, 1),
      () => cancelled(frozen, 'x', 1),
      () => retried(frozen, fault, later),
      () => handedBack(frozen),
      () => takenOver(frozen, 1),
      () => replayed(frozen, [1, 0, 'w']),
      () => cancelAsked(frozen, 'x'),
    ]) {
      expect(change).not.toThrow()
    }
    expect(frozen).toEqual(processing)
  })

  test('keeps the newest takeovers', () => {
    let record = pending
    for (let n = 0; n < takeoversMax + 5; n++) record = takenOver(claimed(record, owner, lease), n)
    expect(record.takeovers?.map(({ atMs }) => atMs)).toEqual(Array.from({ length: takeoversMax }, (_, n) => n + 5))
  })
})

test('over a whole life: epochs rise with each owner and takeover only, attempts are the starts that counted', () => {
  const step = fc.constantFrom('claim', 'renew', 'retry', 'handBack', 'takeOver', 'end', 'replay', 'cancelAsk')
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let record = pending
      let starts = 0
      const owners = new Map<number, number>()
      let claims = 0
      for (const each of steps) {
        const before = record
        if (record.status === 'pending' && each === 'claim' && record.attempts < record.maxAttempts) {
          record = claimed(record, owner, lease)
          starts++
          owners.set(record.epoch, ++claims)
          expect(record.epoch).toBe(before.epoch + 1)
        } else if (record.status === 'processing') {
          if (each === 'renew') record = renewed(record, lease)
          else if (each === 'retry') record = retried(record, fault, later)
          else if (each === 'cancelAsk') record = cancelAsked(record, 'x')
          else if (each === 'end') record = completed(record, 1)
          else if (each === 'handBack') {
            record = handedBack(record)
            starts--
          } else if (each === 'takeOver') record = takenOver(record, 1)
          expect(record.epoch).toBe(before.epoch + (each === 'takeOver' ? 1 : 0))
        } else if (isEnded(record) && each === 'replay') {
          record = replayed(record, [2, 0, 'w'])
          starts = 0
          expect(record.epoch).toBe(before.epoch + 1)
        }
        expect(record.attempts).toBe(starts)
        expect(record.attempts).toBeLessThanOrEqual(record.maxAttempts)
        expect(record.epoch).toBeGreaterThanOrEqual(before.epoch)
        expect(isTaskRecord(record)).toBe(true)
      }
      // An epoch has had at most one owner.
      expect(owners.size).toBe(claims)
    }),
    { numRuns: 500 },
  )
})

describe('isTaskRecord', () => {
  test.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'pending'],
    ['a list', [pending]],
    ['no id', { ...pending, id: undefined }],
    ['a type that is none', { ...pending, type: 5 }],
    ['no type member', { ...pending, type: undefined }],
    ['an unknown status', { ...pending, status: 'lost' }],
    ['a priority that is none', { ...pending, priority: '1' }],
    ['no place in the queue', { ...pending, enqueued: undefined }],
    ['half a place in the queue', { ...pending, enqueued: [1, 2] }],
    ['a negative epoch', { ...pending, epoch: -1 }],
    ['half an attempt', { ...pending, attempts: 0.5 }],
    ['no maximum', { ...pending, maxAttempts: Number.POSITIVE_INFINITY }],
    ['dependencies that are none', { ...pending, dependsOn: 'b' }],
    ['a dependency that is none', { ...pending, dependsOn: ['b', 5] }],
    ['an owner without a lease', { ...processing, lease: undefined }],
    ['an owner without a life', { ...processing, incarnation: undefined }],
    ['a lease that is none', { ...processing, lease: { leaseMs: '5' } }],
    ['a lease of no boot', { ...processing, lease: { ...lease, bootId: undefined } }],
  ])('says no to %s', (_, value) => {
    expect(isTaskRecord(value)).toBe(false)
  })

  test('says yes to a task without a type, and to one whose boot has no name', () => {
    expect(isTaskRecord({ ...pending, type: null })).toBe(true)
    expect(isTaskRecord({ ...processing, lease: { ...lease, bootId: null } })).toBe(true)
    expect(isTaskRecord({ ...pending, dependsOn: [] })).toBe(true)
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => typeof isTaskRecord(value) === 'boolean'))
  })
})

describe('the order of the queue', () => {
  const entry = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'é', 'Z'),
    priority: fc.constantFrom(-1, 0, 0.5, 1),
    enqueued: fc.tuple(fc.nat(2), fc.nat(2), fc.constantFrom('v', 'w')),
  })

  test('is total: antisymmetric, transitive, and equal only for the same task', () => {
    fc.assert(
      fc.property(entry, entry, entry, (a, b, c) => {
        expect(Math.sign(compareInQueue(a, b))).toBe(-Math.sign(compareInQueue(b, a)) + 0)
        if (compareInQueue(a, b) <= 0 && compareInQueue(b, c) <= 0) expect(compareInQueue(a, c)).toBeLessThanOrEqual(0)
        if (compareInQueue(a, b) === 0) expect(a).toEqual(b)
      }),
    )
  })

  test('is priority first, then time, counter, writer, id', () => {
    const of = (id: string, priority: number, ms: number, counter = 0, worker = 'w') => ({
      id,
      priority,
      enqueued: [ms, counter, worker] as const,
    })
    const inOrder = [
      of('z', 9, 9),
      of('y', 1, 1),
      of('x', 1, 2, 0),
      of('w', 1, 2, 1, 'a'),
      of('v', 1, 2, 1, 'b'),
      of('a', 0, 5),
      of('b', 0, 5),
    ]
    expect(inOrder.toReversed().sort(compareInQueue)).toEqual(inOrder)
  })
})
