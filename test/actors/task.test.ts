/** The task's hands: how receipts become events, and what goes to the handler. */
import { describe, expect, test } from 'vitest'
import { createActor, setup } from 'xstate'
import { effect } from '../../machines/effect.ts'
import { assertBound } from '../../src/actors/bind.ts'
import type { RememberOptions, WriteOutcome } from '../../src/actors/outcome.ts'
import { seenRecord, taskLogic } from '../../src/actors/task.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { TaskRecord } from '../../src/domain/task-record.ts'
import type { Intent } from '../../src/domain/write.ts'
import type { Stored } from '../../src/ports/store.ts'

const pending: TaskRecord = {
  id: 'a',
  type: 'x',
  status: 'pending',
  input: null,
  priority: 0,
  enqueued: [1, 0, 'w'],
  epoch: 0,
  attempts: 0,
  maxAttempts: 3,
  backoff: { baseMs: 100, factor: 2, maxMs: 1000, jitter: 0 },
}
const now = { wallMs: 1000, bootId: 'boot', monotonicMs: 50 }
const lease = (renewedAtMs: number) => ({ leaseMs: 15_000, bootId: 'boot', renewedAtMs })
const owner = { worker: 'w.1', incarnation: 'i' }

interface Written {
  readonly keys: string[]
  readonly record: TaskRecord | undefined
  readonly options: RememberOptions | undefined
  answer(outcome: WriteOutcome): void
}

function live() {
  const log: unknown[] = []
  const written: Written[] = []
  const logic = taskLogic({
    now: () => now,
    remember: (intents: readonly Intent[], answer, options) => {
      const record = intents.find(({ key }) => key.endsWith('/record'))?.value as TaskRecord | undefined
      written.push({ keys: intents.map(({ key }) => key.replace('ns/tasks/a/', '')), record, options, answer })
    },
    startHandler: (_, record) => log.push(`start ${record.attempts}`),
    abortHandler: (_, reason) => log.push(`abort ${reason}`),
    endHandler: () => log.push('end'),
    renewed: (_, sentMs) => log.push(`renewed ${sentMs}`),
    rest: (id) => log.push(`rest ${id}`),
  })
  const actor = createActor(logic, { input: { record: pending, revision: 3, version: { w: 1 }, prefix: 'ns/tasks/a' } }).start()
  let revision = 3
  const commit = (nth = -1) =>
    written.at(nth)?.answer({ type: 'committed', revision: ++revision, version: { w: revision }, durability: 'none' })
  actor.send({ type: 'task.claim', owner, lease: lease(50), now })
  return { actor, log, written, commit, state: () => actor.getSnapshot().value }
}

function storedAs(record: TaskRecord | null, revision = 9): Stored {
  const x = { v: 1, d: ['v', 1, 'j'] } as const
  return {
    key: 'ns/tasks/a/record',
    revision,
    entry: { value: record, version: { v: 1 }, timestamp: 0, workerId: 'v', x: record === null ? { ...x, t: 1 } : x },
  }
}

function conflictWith(stored: Stored | null): WriteOutcome {
  return { type: 'conflict', key: 'ns/tasks/a/record', stored, own: null, isOverwritten: false }
}

describe('a live task', () => {
  test('starts its handler when its claim is committed, and ends with what is committed', () => {
    const { actor, log, written, commit, state } = live()
    expect(written).toMatchObject([{ keys: ['record', 'state'], record: { status: 'processing', owner: 'w.1', epoch: 1 } }])
    expect(written[0]?.options).toBe(undefined)
    expect(log).toEqual([])
    commit()
    expect(log).toEqual(['start 1'])
    actor.send({ type: 'task.complete', output: 7, effects: [{ key: 'out', value: 1, condition: { type: 'none' } }], now })
    expect(written[1]).toMatchObject({ keys: ['record', 'state', 'result', 'out'], record: { status: 'completed' } })
    expect([state(), log]).toEqual(['settling', ['start 1', 'end']])
    commit()
    expect([state(), actor.getSnapshot().status]).toEqual(['completed', 'done'])
  })

  test.each<[string, WriteOutcome]>([
    ['somebody was faster', conflictWith(storedAs({ ...pending, status: 'processing', epoch: 1, owner: 'v', incarnation: 'j' }))],
    ['the record is gone', conflictWith(storedAs(null))],
    ['there is no record', conflictWith(null)],
    [
      'there is something else',
      conflictWith({ ...storedAs(null), entry: { value: 5, version: {}, timestamp: 0, workerId: 'v' } }),
    ],
    ['the guard is stale', { type: 'stale-epoch', scope: 's', stored: null }],
    ['the store is away', { type: 'failed', error: new MemorySyncError('store_unavailable', 'down') }],
  ])('is lost, and writes nothing, when at its claim %s', (_, outcome) => {
    const { actor, log, written, state } = live()
    written[0]?.answer(outcome)
    expect([state(), actor.getSnapshot().status, log, written.length]).toEqual(['lost', 'done', [], 1])
  })

  test('recognises its own claim when the reply was lost', () => {
    const { log, written, state } = live()
    written[0]?.answer(conflictWith(storedAs(written[0].record ?? null)))
    expect([state(), log]).toEqual(['processing', ['start 1']])
  })

  test('renews urgently, and its lease counts from the renewal that was committed', () => {
    const { actor, log, written, commit } = live()
    commit()
    actor.send({ type: 'lease.due', lease: lease(60) })
    actor.send({ type: 'lease.due', lease: lease(70) })
    expect(written.slice(1).map(({ options, record }) => [options, record?.lease?.renewedAtMs])).toEqual([
      [{ urgent: true }, 60],
      [{ urgent: true }, 70],
    ])
    commit(-2)
    expect(log).toEqual(['start 1', 'renewed 60'])
    written[2]?.answer({ type: 'failed', error: new MemorySyncError('store_unavailable', 'down') })
    expect(log).toEqual(['start 1', 'renewed 60'])
  })

  test('that rests says so when that is committed', () => {
    const { actor, log, written, commit, state } = live()
    commit()
    actor.send({ type: 'task.fail', error: { name: 'Error', message: 'no' }, now, chance: 0 })
    expect(written[1]?.record).toMatchObject({ status: 'pending', notBefore: { monotonicMs: 150 } })
    expect(log).toEqual(['start 1', 'end'])
    commit()
    expect([state(), log.at(-1)]).toEqual(['backingOff', 'rest a'])
  })

  test('whose outcome cannot be written is lost', () => {
    const { actor, written, commit, state } = live()
    commit()
    actor.send({ type: 'task.complete', output: null, now })
    written[1]?.answer({ type: 'failed', error: new MemorySyncError('unflushed', 'too late') })
    expect([state(), actor.getSnapshot().status]).toEqual(['lost', 'done'])
  })

  test('aborts its handler after the state was left: the hands must still know it', () => {
    const { actor, log, commit } = live()
    commit()
    actor.send({ type: 'timeout.elapsed', now, chance: 0 })
    expect(log).toEqual(['start 1', 'end', 'abort timeout'])
  })
})

describe('seenRecord', () => {
  test('sees a record, and nothing in anything else', () => {
    expect(seenRecord(storedAs(pending))).toEqual({ record: pending, revision: 9, version: { v: 1 } })
    expect(seenRecord(null)).toBe(null)
    expect(seenRecord(storedAs(null))).toBe(null)
    const entry = { value: { id: 'a' }, version: {}, timestamp: 0, workerId: 'v' }
    expect(seenRecord({ key: 'k', entry, revision: 1 })).toBe(null)
    // A tombstone is none, whatever value it carries.
    expect(seenRecord({ ...storedAs(null), entry: { ...storedAs(null).entry, value: pending } })).toBe(null)
  })
})

test('a chart with an effect that nobody provided is refused by name', () => {
  const machine = setup({ actions: { dig: effect<object>(), fill: effect<object>() } }).createMachine({ id: 'ditch' })
  expect(() => assertBound(machine)).toThrow('the chart "ditch" has effects that nobody provides: dig, fill')
  expect(() => assertBound(machine.provide({ actions: { dig: () => {} } }))).toThrow('provides: fill')
  const bound = machine.provide({ actions: { dig: () => {}, fill: () => {} } })
  expect(assertBound(bound)).toBe(bound)
})
