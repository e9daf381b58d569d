/** The batch writer's hands: what is sent together, what is sent again, and that everybody is answered once. */
import { describe, expect, test } from 'vitest'
import { createActor } from 'xstate'
import { batchesInFlight, batchesInFlightMax } from '../../machines/batch-writer.ts'
import { BatchWriter, batchUnitsMax, commitTimeoutMs, retryForMs } from '../../src/actors/batch-writer.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { bufferedUnitsMax } from '../../src/domain/batch.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Condition, Unit } from '../../src/domain/write.ts'
import type { Receipt } from '../../src/ports/store.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

interface Call {
  readonly keys: string[]
  readonly atMs: number
  /** Answers with receipts, by default all committed. */
  answer(receipts?: readonly Receipt[]): void
  fail(error: unknown): void
}

let dots = 0
function unitOf(key: string, condition: Condition = { type: 'none' }): Unit {
  const d = ['w', ++dots, 'i'] as const
  return [{ key, entry: { value: null, version: { w: dots }, timestamp: 0, workerId: 'w', x: { v: 1, d } }, condition }]
}

const committed = (revision: number): Receipt => ({ type: 'committed', revision, durability: 'none' })

function writerOf(input: { lingerMs?: number; batchIntervalMs?: number } = {}) {
  const clock = createVirtualClock()
  const calls: Call[] = []
  const observed: string[] = []
  const reported: MemorySyncError[] = []
  const startedMs = clock.monotonicMs()
  const writer = new BatchWriter({
    clock,
    random: createSeededRandom(1),
    observe: (call) => observed.push(call),
    report: (error) => reported.push(error),
    store: {
      features: { compareAndSet: true, atomicUnit: true, watch: 'push', reach: 'process', durability: 'none' },
      commit: (units) =>
        new Promise((resolve, reject) => {
          calls.push({
            keys: units.map((unit) => unit[0]?.key ?? ''),
            atMs: clock.monotonicMs() - startedMs,
            answer: (receipts = units.map((_, index) => committed(index + 1))) => resolve(receipts),
            fail: reject,
          })
        }),
    },
  })
  const start = () => {
    const actor = createActor(writer.logic(), { input, clock: xstateClock(clock) })
    actor.subscribe({ error: () => {} })
    actor.start()
    writer.attach(actor)
    return actor
  }
  const answers: [string, Receipt][] = []
  const submit = (key: string, options: { urgent?: boolean; condition?: Condition; unit?: Unit } = {}) => {
    const unit = options.unit ?? unitOf(key, options.condition)
    writer.submit(unit, 100, (receipt) => answers.push([key, receipt]), options.urgent === true)
    return unit
  }
  return { clock, calls, observed, reported, writer, actor: start(), restart: start, answers, submit }
}

const keys = (calls: readonly Call[]) => calls.map((call) => call.keys)
const many = (count: number) => Array.from({ length: count }, (_, n) => `k/${n}`)

describe('sending', () => {
  test('is at the end of the turn of the first write, with all of that turn', async () => {
    const { calls, submit, clock, answers, actor } = writerOf()
    for (const key of ['a', 'b', 'c']) submit(key)
    expect(calls).toEqual([])
    await clock.settle()
    expect(keys(calls)).toEqual([['a', 'b', 'c']])
    calls[0]?.answer()
    await clock.settle()
    expect(answers.map(([key, receipt]) => [key, receipt.type === 'committed' && receipt.revision])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
    expect(actor.getSnapshot().value).toEqual({ serving: 'idle' })
    expect(clock.pending).toBe(0)
  })

  test('waits for company when asked to', async () => {
    const { calls, submit, clock } = writerOf({ lingerMs: 20 })
    submit('a')
    await clock.advance(19)
    submit('b')
    expect(calls).toEqual([])
    await clock.advance(1)
    expect(keys(calls)).toEqual([['a', 'b']])
  })

  test('lingers no longer than the batch interval', async () => {
    const { calls, submit, clock } = writerOf({ lingerMs: 5000, batchIntervalMs: 30 })
    submit('a')
    await clock.advance(30)
    expect(keys(calls)).toEqual([['a']])
  })

  test('gathers while enough is in flight, and goes when that is answered or the interval is over', async () => {
    const { calls, submit, clock } = writerOf({ batchIntervalMs: 100 })
    submit('a')
    await clock.settle()
    submit('b')
    await clock.settle()
    expect(keys(calls)).toEqual([['a'], ['b']])
    for (const key of ['c', 'd']) {
      submit(key)
      await clock.advance(10)
    }
    expect(calls).toHaveLength(batchesInFlight)
    calls[0]?.answer()
    await clock.settle()
    expect(keys(calls).at(-1)).toEqual(['c', 'd'])
    // Now two hang: what gathers goes after the interval, up to a limit.
    for (let n = 0; n < 20; n++) {
      submit(`late/${n}`)
      await clock.advance(110)
    }
    expect(calls).toHaveLength(1 + batchesInFlightMax)
  })

  test('is in batches of a bounded size', async () => {
    const { calls, submit, clock } = writerOf()
    for (const key of many(3 * batchUnitsMax)) submit(key)
    await clock.settle()
    expect(calls.map((call) => call.keys.length)).toEqual([batchUnitsMax, batchUnitsMax])
    calls[0]?.answer()
    await clock.settle()
    expect(calls.map((call) => call.keys.length)).toEqual([batchUnitsMax, batchUnitsMax, batchUnitsMax])
    expect(calls.flatMap((call) => call.keys)).toEqual(many(3 * batchUnitsMax))
  })

  test('of urgent writes does not wait for batches that hang', async () => {
    const { calls, submit, clock, actor } = writerOf()
    for (const key of ['a', 'b']) {
      submit(key)
      await clock.settle()
    }
    submit('plain')
    submit('urgent', { urgent: true })
    await clock.settle()
    expect(keys(calls)).toEqual([['a'], ['b'], ['urgent']])
    actor.send({ type: 'breaker.opened' })
    submit('still', { urgent: true })
    await clock.settle()
    expect(keys(calls)).toHaveLength(3)
    for (const call of calls) call.answer()
    await clock.settle()
    submit('again', { urgent: true })
    await clock.settle()
    // Urgent ones, one batch at a time; the plain one waits for the breaker.
    expect(keys(calls).slice(3).flat().sort()).toEqual(['again', 'still'])
    actor.send({ type: 'breaker.halfOpened' })
    calls.at(-1)?.answer()
    await clock.settle()
    actor.send({ type: 'breaker.closed' })
    await clock.settle()
    expect(keys(calls).at(-1)).toEqual(['plain'])
  })
})

describe('a commit that fails', () => {
  test('is tried again with pauses that grow, in its order, and answered once', async () => {
    const { calls, submit, clock, answers, observed, reported } = writerOf()
    submit('a')
    submit('b')
    await clock.settle()
    for (let tries = 1; tries <= 4; tries++) {
      calls.at(-1)?.fail(new MemorySyncError('store_unavailable', 'down'))
      await clock.runUntil(() => calls.length > tries)
    }
    expect(new Set(keys(calls).map(String))).toEqual(new Set(['a,b']))
    const pauses = calls.slice(1).map((call, index) => call.atMs - (calls[index]?.atMs ?? 0))
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses[0]).toBeGreaterThanOrEqual(25)
    calls.at(-1)?.answer()
    await clock.settle()
    expect(answers.map(([key]) => key)).toEqual(['a', 'b'])
    expect(observed).toEqual(['failed', 'failed', 'failed', 'failed', 'succeeded'])
    expect(reported).toHaveLength(4)
  })

  test('with an error that no retry can help is answered at once', async () => {
    const { calls, submit, clock, answers } = writerOf()
    submit('a')
    await clock.settle()
    calls[0]?.fail(new MemorySyncError('corrupt', 'broken'))
    await clock.settle()
    expect(answers).toMatchObject([['a', { type: 'failed', error: { code: 'corrupt' } }]])
    expect(calls).toHaveLength(1)
  })

  test('for too long is answered with the last error', async () => {
    const { calls, submit, clock, answers, writer } = writerOf()
    submit('a')
    await clock.settle()
    const startedMs = clock.monotonicMs()
    await clock.runUntil(() => {
      for (const call of calls) call.fail(new MemorySyncError('store_unavailable', `try ${calls.length}`))
      return answers.length > 0
    })
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(retryForMs)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(retryForMs + 6000)
    expect(answers).toMatchObject([
      ['a', { type: 'failed', error: { code: 'store_unavailable', message: `try ${calls.length}` } }],
    ])
    expect([writer.pending, clock.pending]).toEqual([0, 0])
  })

  test('for one unit only concerns that unit', async () => {
    const { calls, submit, clock, answers } = writerOf()
    for (const key of ['a', 'b', 'c']) submit(key)
    await clock.settle()
    const busy: Receipt = { type: 'failed', error: new MemorySyncError('store_unavailable', 'busy') }
    const wrong: Receipt = { type: 'failed', error: new MemorySyncError('too_large', 'no') }
    calls[0]?.answer([busy, wrong, committed(1)])
    await clock.settle()
    expect(answers.map(([key, { type }]) => `${key} ${type}`)).toEqual(['b failed', 'c committed'])
    await clock.runUntil(() => calls.length === 2)
    expect(keys(calls)[1]).toEqual(['a'])
    calls[1]?.answer()
    await clock.settle()
    expect(answers.at(-1)).toMatchObject(['a', { type: 'committed' }])
  })

  test('by giving too few receipts fails those without', async () => {
    const { calls, submit, clock, answers } = writerOf()
    for (const key of ['a', 'b']) submit(key)
    await clock.settle()
    calls[0]?.answer([committed(1)])
    await clock.settle()
    expect(answers).toMatchObject([
      ['a', { type: 'committed' }],
      ['b', { type: 'failed', error: { code: 'corrupt', message: expect.stringContaining('1 receipts for 2 units') } }],
    ])
  })
})

describe('an unknown outcome', () => {
  test('is found out by sending again: a conflict with itself is a success', async () => {
    const { calls, submit, clock, answers } = writerOf()
    const unit = submit('a', { condition: { type: 'absent' } })
    const entry = unit[0]?.entry
    if (entry == null) expect.unreachable()
    await clock.settle()
    calls[0]?.fail(new MemorySyncError('unknown_outcome', 'no reply'))
    await clock.runUntil(() => calls.length === 2)
    calls[1]?.answer([{ type: 'conflict', key: 'a', stored: { key: 'a', entry, revision: 17 } }])
    await clock.settle()
    expect(answers).toEqual([['a', committed(17)]])
  })

  test('is no success when what is stored is of somebody else, or when it was sent only once', async () => {
    const { calls, submit, clock, answers } = writerOf()
    const first = submit('a', { condition: { type: 'absent' } })
    await clock.settle()
    calls[0]?.answer([{ type: 'conflict', key: 'a', stored: { key: 'a', entry: first[0]?.entry as never, revision: 1 } }])
    submit('b', { condition: { type: 'absent' } })
    await clock.settle()
    calls[1]?.fail(new Error('ECONNRESET'))
    await clock.runUntil(() => calls.length === 3)
    calls[2]?.answer([{ type: 'conflict', key: 'b', stored: { key: 'b', entry: unitOf('b')[0]?.entry as never, revision: 2 } }])
    await clock.settle()
    expect(answers.map(([key, { type }]) => `${key} ${type}`)).toEqual(['a conflict', 'b conflict'])
  })

  test('is what a commit without an answer has after its time; a late answer is ignored', async () => {
    const { calls, submit, clock, answers, reported } = writerOf()
    submit('a')
    await clock.advance(commitTimeoutMs - 1)
    expect(calls).toHaveLength(1)
    await clock.runUntil(() => calls.length === 2)
    expect(reported.map(({ code }) => code)).toEqual(['unknown_outcome'])
    calls[0]?.answer([committed(1)])
    await clock.settle()
    expect(answers).toEqual([])
    calls[1]?.answer([committed(2)])
    await clock.settle()
    expect(answers).toEqual([['a', committed(2)]])
    calls[0]?.fail(new Error('later still'))
    await clock.settle()
    expect(clock.pending).toBe(0)
  })
})

describe('room', () => {
  test('is given first come, first served, to as many as there is room for', async () => {
    const { calls, submit, clock, writer } = writerOf()
    for (const key of many(bufferedUnitsMax + 2 * batchUnitsMax)) submit(key)
    await clock.settle()
    expect([writer.isFull, writer.pending]).toEqual([true, bufferedUnitsMax + 2 * batchUnitsMax])
    const came: number[] = []
    for (let n = 0; n < 2000; n++) {
      void writer.room().then(() => {
        came.push(n)
        submit(`late/${n}`)
      })
    }
    await clock.settle()
    expect(came).toEqual([])
    calls[0]?.answer()
    await clock.settle()
    expect(came).toEqual(Array.from({ length: batchUnitsMax }, (_, n) => n))
    expect(writer.isFull).toBe(true)
    while (writer.pending > 0) {
      for (const call of calls.splice(0)) call.answer()
      await clock.settle()
      expect(writer.pending).toBeLessThanOrEqual(bufferedUnitsMax + (2 + 1) * batchUnitsMax)
    }
    expect(came).toEqual(Array.from({ length: 2000 }, (_, n) => n))
    await writer.room()
  })

  test('is found by those behind one who came with nothing', async () => {
    const { calls, submit, clock, writer } = writerOf()
    for (const key of many(bufferedUnitsMax + 2 * batchUnitsMax)) submit(key)
    await clock.settle()
    let came = 0
    for (let n = 0; n < 3 * bufferedUnitsMax; n++) void writer.room().then(() => came++)
    calls[0]?.answer()
    await clock.settle()
    expect(came).toBe(3 * bufferedUnitsMax)
  })
})

describe('the end', () => {
  test('is reached when all is answered', async () => {
    const { calls, submit, clock, answers, actor, writer } = writerOf()
    submit('a')
    await clock.settle()
    submit('b')
    actor.send({ type: 'writer.drain', drainMs: 1000, ...writer.counts })
    await clock.settle()
    expect(keys(calls)).toEqual([['a'], ['b']])
    calls[0]?.answer()
    await clock.settle()
    expect(actor.getSnapshot().status).toBe('active')
    calls[1]?.answer()
    await clock.settle()
    expect([actor.getSnapshot().status, answers.length, clock.pending]).toEqual(['done', 2, 0])
  })

  test('comes after its deadline all the same; what is left is told by key', async () => {
    const { submit, clock, answers, actor, writer, calls } = writerOf()
    submit('hangs', { unit: [...unitOf('hangs'), ...unitOf('too')] })
    await clock.settle()
    actor.send({ type: 'writer.drain', drainMs: 1000, ...writer.counts })
    submit('waits')
    await clock.advance(1000)
    expect(actor.getSnapshot().status).toBe('done')
    expect(answers).toMatchObject([
      ['hangs', { type: 'failed', error: { code: 'unflushed', message: 'not written within 1000 ms: hangs, too' } }],
      ['waits', { type: 'failed', error: { code: 'unflushed' } }],
    ])
    submit('later')
    expect(answers.at(-1)).toMatchObject(['later', { type: 'failed', error: { code: 'closed' } }])
    // The answer comes after all.
    calls[0]?.answer()
    await clock.settle()
    expect(answers).toHaveLength(3)
  })

  test('of the chart by a crash does not lose the buffer: the next one goes on with it', async () => {
    const { calls, submit, clock, answers, actor, restart } = writerOf()
    submit('a')
    await clock.settle()
    submit('b')
    actor.stop()
    submit('c')
    restart()
    await clock.settle()
    expect(keys(calls)).toEqual([['a'], ['b', 'c']])
    calls[0]?.fail(new MemorySyncError('store_unavailable', 'down'))
    await clock.runUntil(() => calls.length === 3)
    expect(keys(calls)[2]).toEqual(['a'])
    calls[1]?.answer()
    calls[2]?.answer()
    await clock.settle()
    expect(answers.map(([key, { type }]) => `${key} ${type}`).sort()).toEqual(['a committed', 'b committed', 'c committed'])
  })

  test('of the chart by a crash with nothing buffered does not lose what fails afterwards', async () => {
    const { calls, submit, clock, answers, actor, restart } = writerOf()
    submit('a')
    await clock.settle()
    actor.stop()
    restart()
    calls[0]?.fail(new MemorySyncError('store_unavailable', 'down'))
    await clock.runUntil(() => calls.length === 2, { limitMs: 60_000 })
    calls[1]?.answer()
    await clock.settle()
    expect(answers).toHaveLength(1)
  })

  test('tells those who wait for room', async () => {
    const { submit, clock, writer, actor } = writerOf()
    for (const key of many(bufferedUnitsMax + 2 * batchUnitsMax)) submit(key)
    await clock.settle()
    let came = 0
    for (let n = 0; n < 15_000; n++) void writer.room().then(() => came++)
    actor.stop()
    writer.stop()
    await clock.settle()
    expect(came).toBe(15_000)
  })
})
