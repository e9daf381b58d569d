/** Owners that stop, owners that only seem to, and what others may do then. */
import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/domain/task-record.ts'
import { gate, hangs, type Member, wait, world } from './harness.ts'

const leaseMs = 15_000

/** Counts completions in the order in which the store took them. */
function countsCompletions(member: Member, id: string): { completions: number; epochs: number[] } {
  const seen = { completions: 0, epochs: [] as number[] }
  member.runtime.memory.subscribe(`task-sentinel/tasks/${id}/record`, (change) => {
    if (change.type !== 'set') return
    const record = change.value as TaskRecord
    seen.epochs.push(record.epoch)
    if (record.status === 'completed') seen.completions++
  })
  return seen
}

describe('a task whose owner stops', () => {
  test('is taken over after its lease; the late result of the old owner is refused', async () => {
    const { join, run, until, clock } = world()
    const [one, two] = [join(), join()]
    const late = gate<string>()
    one.runtime.spawnWorker({ id: 'first', handlers: { x: () => late.promise } })
    const task = await run(two.runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    const seen = countsCompletions(two, 'a')
    two.runtime.spawnWorker({ id: 'second', handlers: { x: (work) => `epoch ${work.epoch}, attempt ${work.attempt}` } })
    one.freeze()
    const startedMs = clock.monotonicMs()
    // Claim 1, takeover 2, claim 3.
    expect(await run(task.result())).toBe('epoch 3, attempt 2')
    const tookMs = clock.monotonicMs() - startedMs
    expect(tookMs).toBeGreaterThan(leaseMs - 5000)
    expect(tookMs).toBeLessThan(leaseMs + 1000)
    late.open('I was first')
    one.thaw()
    await clock.advance(60_000)
    expect(seen.completions).toBe(1)
    expect(seen.epochs).toEqual(seen.epochs.toSorted((a, b) => a - b))
    const record = await run(task.record())
    expect(record).toMatchObject({ status: 'completed', owner: 'second', epoch: 3, attempts: 2 })
    expect(record?.takeovers).toEqual([
      { worker: 'first', incarnation: one.runtime.incarnation, epoch: 1, atMs: expect.any(Number) },
    ])
    expect((await run(two.runtime.explain('a'))).takeovers).toHaveLength(1)
    expect(await run(task.result())).toBe('epoch 3, attempt 2')
    // The old owner is well: it takes the next.
    const next = await run(one.runtime.submit({ type: 'x' }))
    expect(await run(next.result())).toMatch(/epoch|I was first/)
  })

  test('is taken over at its claim, if that is where its owner stopped', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: () => 'first' } })
    await run(one.runtime.ready())
    // The claim is committed, its reply never comes.
    let isFirst = true
    one.store.commitFate = (units) => {
      if (isFirst && JSON.stringify(units).includes('"processing"')) {
        isFirst = false
        queueMicrotask(() => one.freeze())
      }
      return 'pass'
    }
    const task = await run(two.runtime.submit({ id: 'a', type: 'x' }))
    await clock.advance(1000)
    expect((await run(task.record()))?.status).toBe('processing')
    two.runtime.spawnWorker({ handlers: { x: () => 'second' } })
    expect(await run(task.result())).toBe('second')
  })

  test('is failed when it had its last attempt, with the reason', async () => {
    const { join, run, until, refused } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(two.runtime.submit({ type: 'x', maxAttempts: 1 }))
    await until(task, 'processing')
    one.freeze()
    let runs = 0
    two.runtime.spawnWorker({ handlers: { x: () => ++runs } })
    const error = await refused(task.result())
    expect(error.cause).toMatchObject({ name: 'AttemptsExhausted' })
    expect(error.message).toContain(`${one.runtime.workerId}.1`)
    expect(runs).toBe(0)
  })

  test('is reaped by a process whose workers do not even take its type', async () => {
    const { join, run, until } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    two.runtime.spawnWorker({ handlers: { y: hangs } })
    one.freeze()
    await until(task, 'pending')
    expect((await run(task.record()))?.takeovers).toHaveLength(1)
  })

  test('is found by a process that comes only afterwards', async () => {
    const { join, run, until, clock } = world()
    const one = join()
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(one.runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    one.freeze()
    await clock.advance(3600_000)
    const two = join()
    two.runtime.spawnWorker({ handlers: { x: () => 'found' } })
    expect(await run(two.runtime.task('a').result(), 1000)).toBe('found')
  })

  test('of another boot needs no waiting', async () => {
    const { join, run, until, clock } = world()
    const one = join({
      prepare: (_, own) => {
        own.bootId = 'boot before'
      },
    })
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(one.runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    one.freeze()
    const two = join()
    two.runtime.spawnWorker({ handlers: { x: () => 'at once' } })
    const startedMs = clock.monotonicMs()
    expect(await run(two.runtime.task('a').result())).toBe('at once')
    expect(clock.monotonicMs() - startedMs).toBeLessThan(100)
  })
})

describe.each([
  [
    'a store that reaches over the network',
    (member: Member) => {
      member.store.features = { ...member.store.features, reach: 'network' }
    },
  ],
  [
    'boots without a name',
    (member: Member) => {
      member.clock.bootId = null
    },
  ],
])('with %s', (_, prepare) => {
  test('takeover is by observation: a whole lease of silence, counted from first sight', async () => {
    const { join, run, until, clock } = world()
    const [one, two] = [join(), join()]
    for (const member of [one, two]) prepare(member)
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(two.runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    one.freeze()
    await clock.advance(3600_000)
    const startedMs = clock.monotonicMs()
    two.runtime.spawnWorker({ handlers: { x: () => 'taken' } })
    expect(await run(task.result())).toBe('taken')
    const tookMs = clock.monotonicMs() - startedMs
    expect(tookMs).toBeGreaterThanOrEqual(leaseMs)
    expect(tookMs).toBeLessThan(leaseMs * 1.1 + 1000)
  })

  test('a long task that is renewed is never taken', async () => {
    const { join, run, clock, until } = world()
    const [one, two] = [join(), join()]
    for (const member of [one, two]) prepare(member)
    one.runtime.spawnWorker({ handlers: { x: (task) => wait(clock, 300_000, task.signal).then(() => 'mine') } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    two.runtime.spawnWorker({ handlers: { x: () => 'taken' } })
    expect(await run(task.result())).toBe('mine')
    expect((await run(task.record()))?.epoch).toBe(1)
  })
})

describe('renewals', () => {
  test('keep a long task from being taken', async () => {
    const { join, run, clock, until } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: (task) => wait(clock, 600_000, task.signal).then(() => 'mine') } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    two.runtime.spawnWorker({ handlers: { x: () => 'taken' } })
    expect(await run(task.result())).toBe('mine')
    expect(await run(task.record())).toMatchObject({ epoch: 1, attempts: 1 })
  })

  test('that fail for a lease end the attempt here; another process goes on with it', async () => {
    const { join, run, clock, until } = world()
    const [one, two] = [join(), join()]
    const aborted = gate<unknown>()
    one.runtime.spawnWorker({
      handlers: {
        x: (task) => {
          task.signal.addEventListener('abort', () => aborted.open(task.signal.reason))
          return hangs()
        },
      },
    })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    one.store.commitFate = () => 'fail'
    const startedMs = clock.monotonicMs()
    expect(await run(aborted.promise)).toMatchObject({ code: 'aborted', message: expect.stringContaining('lease') })
    const tookMs = clock.monotonicMs() - startedMs
    expect(tookMs).toBeGreaterThan(leaseMs - 3000)
    expect(tookMs).toBeLessThan(leaseMs + 3000)
    two.runtime.spawnWorker({ handlers: { x: () => 'taken' } })
    expect(await run(task.result())).toBe('taken')
  })

  test('count from when the committed one was sent, not from a later one that was not', async () => {
    const { join, run, clock, until } = world()
    const one = join()
    let abortedMs = 0
    one.runtime.spawnWorker({
      handlers: {
        x: (task) => {
          task.signal.addEventListener('abort', () => {
            abortedMs = clock.monotonicMs()
          })
          return hangs()
        },
      },
    })
    const task = await run(one.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    // The first renewal is slow, and all that follow it fail.
    let renewals = 0
    one.store.commitMs = 8000
    one.store.commitFate = (units) => {
      const isRenewal = JSON.stringify(units).includes('"processing"')
      return isRenewal && renewals++ > 0 ? 'fail' : 'pass'
    }
    let renewedAtMs = 0
    for (let seconds = 0; seconds < 60 && abortedMs === 0; seconds++) {
      await clock.advance(1000)
      renewedAtMs = (await run(task.record()))?.lease?.renewedAtMs ?? 0
    }
    expect(renewals).toBeGreaterThan(1)
    // Others may take it from this moment on; within one look at the clock its owner has let go.
    expect(abortedMs).toBeGreaterThanOrEqual(renewedAtMs + leaseMs)
    expect(abortedMs).toBeLessThanOrEqual(renewedAtMs + leaseMs + leaseMs / 6 + 1000)
    one.store.commitFate = () => 'pass'
    one.store.commitMs = 0
  })

  test('survive a store that is away for less than the lease', async () => {
    const { join, run, clock, until } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: (task) => wait(clock, 60_000, task.signal).then(() => 'mine') } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    two.runtime.spawnWorker({ handlers: { x: () => 'taken' } })
    const downFrom = clock.monotonicMs() + 20_000
    one.store.commitFate = () => {
      const now = clock.monotonicMs()
      return now >= downFrom && now < downFrom + 9000 ? 'fail' : 'pass'
    }
    expect(await run(task.result())).toBe('mine')
    expect((await run(task.record()))?.epoch).toBe(1)
  })
})

describe('two runtimes', () => {
  test('with one worker id both work, and their claims stay apart', async () => {
    const { join, run, clock } = world()
    const members = [join({ workerId: 'test-worker' }), join({ workerId: 'test-worker' })]
    const ranBy = new Map<string, number[]>()
    for (const [index, { runtime }] of members.entries()) {
      runtime.spawnWorker({
        capacity: 3,
        handlers: {
          x: async (task) => {
            ranBy.set(task.id, [...(ranBy.get(task.id) ?? []), index])
            await wait(clock, 10, task.signal)
            return index
          },
        },
      })
    }
    const tasks = await run(
      Promise.all(
        Array.from({ length: 60 }, (_, index) => (members[index % 2] as Member).runtime.submit({ id: `t${index}`, type: 'x' })),
      ),
    )
    await run(Promise.all(tasks.map((task) => task.result())))
    expect([...ranBy.values()].every((by) => by.length === 1)).toBe(true)
    expect(new Set([...ranBy.values()].flat())).toEqual(new Set([0, 1]))
    for (const task of tasks) {
      const record = await run(task.record())
      expect(record).toMatchObject({ epoch: 1, attempts: 1 })
      expect(record?.incarnation).toBe(members[ranBy.get(task.id)?.[0] as number]?.runtime.incarnation)
    }
  })

  test('with one worker id do not fence each other out', async () => {
    const { join, run, until } = world()
    const [one, two] = [join({ workerId: 'same' }), join({ workerId: 'same' })]
    const late = gate<string>()
    one.runtime.spawnWorker({ id: 'w', handlers: { x: () => late.promise } })
    two.runtime.spawnWorker({ id: 'w', handlers: { y: () => 'y' } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    await run(two.runtime.shutdown({ drainMs: 0 }))
    late.open('still mine')
    expect(await run(one.runtime.task(task.id).result())).toBe('still mine')
  })

  test('share the work of a burst without running anything twice', async () => {
    const { join, run } = world({ seed: 7 })
    const members = [join(), join(), join()]
    let runs = 0
    for (const { runtime } of members) runtime.spawnWorker({ capacity: 5, handlers: { x: async () => ++runs } })
    await run(Promise.all(members.map(({ runtime }) => runtime.ready())))
    const tasks = await run(
      Promise.all(Array.from({ length: 300 }, (_, n) => (members[n % 3] as Member).runtime.submit({ type: 'x' }))),
    )
    await run(Promise.all(tasks.map((task) => task.result())))
    expect(runs).toBe(300)
  })
})
