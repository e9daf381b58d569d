/** That work costs what it should when there is much of it. Ratios, not times: the machine may be busy with others. */
import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/domain/task-record.ts'
import { systemClock } from '../../src/platform.ts'
import type { Store, Unit } from '../../src/ports/store.ts'
import { readyMax } from '../../src/runtime/queue-view.ts'
import { world } from './harness.ts'

/** Real milliseconds for all tasks of one runtime, from the first submit to the last result. */
async function timeOf(count: number, capacity: number): Promise<number> {
  const { join, run, close } = world()
  const { runtime } = join()
  runtime.spawnWorker({ capacity, handlers: { x: () => null } })
  await run(runtime.ready())
  const startedMs = systemClock.monotonicMs()
  const tasks = await run(Promise.all(Array.from({ length: count }, () => runtime.submit({ type: 'x' }))))
  await run(Promise.all(tasks.map((task) => task.result())))
  const tookMs = systemClock.monotonicMs() - startedMs
  await close()
  return tookMs
}

/** Others use the machine too: one fair comparison is enough, and the last of some is taken as it is. */
async function leastRatio(large: () => Promise<number>, small: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 4 && least >= 3; tries++) least = Math.min(least, (await large()) / (await small()))
  return least
}

/** Tasks as some process submitted them, without the process. */
async function enqueue(memory: Store, ids: readonly string[], more: Partial<TaskRecord> = {}): Promise<void> {
  const units = ids.map((id, n): Unit => {
    const record: TaskRecord = {
      id,
      type: 'x',
      status: 'pending',
      input: null,
      priority: 0,
      enqueued: [enqueued++, 0, 'somebody'],
      epoch: 0,
      attempts: 0,
      maxAttempts: 3,
      ...more,
    }
    const entry = { value: record as never, version: { somebody: n + 1 }, timestamp: 0, workerId: 'somebody' }
    return [{ key: `task-sentinel/tasks/${id}/record`, entry, condition: { type: 'none' } }]
  })
  for (const receipt of await memory.commit(units)) expect(receipt.type).toBe('committed')
}
let enqueued = 1

const range = (count: number, id: (n: number) => string) => Array.from({ length: count }, (_, n) => id(n))

describe('task actors', () => {
  test('cost the same whether a thousand or ten thousand are run', async () => {
    await timeOf(1000, 100)
    expect(
      await leastRatio(
        async () => (await timeOf(10_000, 100)) / 10_000,
        async () => (await timeOf(1000, 100)) / 1000,
      ),
    ).toBeLessThan(3)
  })

  test('cost the same whether a thousand or ten thousand live at once', async () => {
    const liveAtOnce = async (count: number): Promise<number> => {
      const { join, run, close, clock } = world()
      const { runtime } = join({ taskLeaseMs: 3600_000 })
      runtime.spawnWorker({ driven: true, capacity: count })
      await run(runtime.ready())
      const startedMs = systemClock.monotonicMs()
      const tasks = await run(Promise.all(Array.from({ length: count }, () => runtime.submit({ type: 'x' }))))
      const last = tasks.at(-1)
      while ((await run(last?.record() ?? Promise.resolve(null)))?.status !== 'processing') await clock.advance(1)
      await run(Promise.all(tasks.map((task) => task.send({ type: 'task.complete' }))))
      await run(Promise.all(tasks.map((task) => task.result())))
      const tookMs = systemClock.monotonicMs() - startedMs
      await close()
      return tookMs / count
    }
    await liveAtOnce(500)
    expect(
      await leastRatio(
        () => liveAtOnce(10_000),
        () => liveAtOnce(1000),
      ),
    ).toBeLessThan(3)
  })
})

describe('a long queue', () => {
  test('is worked off in order by a process that holds only a part of it in memory', async () => {
    const { join, run, clock, memory } = world()
    const [submitter, worker] = [join(), join()]
    const count = 2 * readyMax
    // Key order and queue order have nothing to do with each other.
    const ids = range(count, (n) => `t${(n * 7919) % count}`)
    await enqueue(memory, ids)
    await run(submitter.runtime.submit({ id: 'first', type: 'x', priority: 1 }))
    const ran: string[] = []
    let listings = 0
    worker.store.onGet = (key) => {
      if (key.includes('*')) listings++
    }
    worker.runtime.spawnWorker({ capacity: 50, handlers: { x: (task) => void ran.push(task.id) } })
    // What comes meanwhile comes last.
    await clock.advance(1)
    await run(submitter.runtime.submit({ id: 'late', type: 'x' }))
    await run(submitter.runtime.task('late').result())
    expect(ran.length).toBe(count + 2)
    // Claims of one batch start together.
    const place = new Map(ran.map((id, index) => [id, index]))
    expect(place.get('first')).toBeLessThan(50)
    expect(place.get('late')).toBeGreaterThan(count - 110)
    for (const [n, id] of ids.entries()) expect(Math.abs((place.get(id) as number) - n)).toBeLessThan(110)
    expect(listings).toBeLessThan(10)
  })

  test('of one type that nobody can take holds up no other', async () => {
    const { join, run, memory } = world()
    const { runtime } = join()
    await enqueue(
      memory,
      range(readyMax * 1.2, (n) => `s${n}`),
      { type: 'stuck' },
    )
    const count = readyMax * 0.8
    await enqueue(
      memory,
      range(count, (n) => `m${(n * 7919) % count}`),
      { type: 'moving' },
    )
    const ran: string[] = []
    runtime.spawnWorker({ driven: true, types: ['stuck'] })
    runtime.spawnWorker({ capacity: 20, handlers: { moving: (task) => void ran.push(task.id) } })
    await run(runtime.task(`m${((count - 1) * 7919) % count}`).result())
    const place = new Map(ran.map((id, index) => [id, index]))
    for (let n = 0; n < count - 60; n++) {
      expect(Math.abs((place.get(`m${(n * 7919) % count}`) as number) - n)).toBeLessThan(60)
    }
    expect(ran.length).toBeGreaterThanOrEqual(count - 20)
  })

  test('of waiting tasks is not read again and again', async () => {
    const { join, run, memory } = world()
    const { runtime, store } = join()
    await enqueue(
      memory,
      range(12_000, (n) => `b${n}`),
      { dependsOn: ['never'] },
    )
    let listings = 0
    store.onGet = (key) => {
      if (key.includes('*')) listings++
    }
    runtime.spawnWorker({ capacity: 5, handlers: { x: () => null } })
    for (let n = 0; n < 20; n++) {
      const tasks = await run(Promise.all(Array.from({ length: 10 }, () => runtime.submit({ type: 'x' }))))
      await run(Promise.all(tasks.map((task) => task.result())))
    }
    expect(listings).toBeLessThan(4)
  })

  test('of delayed tasks does not keep a retry from its time', async () => {
    const { join, run, clock, memory } = world()
    const { runtime } = join()
    const notBefore = { wallMs: clock.wallMs() + 3600_000, bootId: clock.bootId, monotonicMs: clock.monotonicMs() + 3600_000 }
    await enqueue(
      memory,
      range(12_000, (n) => `d${n}`),
      { notBefore },
    )
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          if (task.attempt === 1) throw new Error('again')
          return task.attempt
        },
      },
    })
    await clock.advance(1000)
    const startedMs = clock.monotonicMs()
    const task = await run(runtime.submit({ type: 'x', backoff: { baseMs: 500, jitter: 0 } }))
    expect(await run(task.result())).toBe(2)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(600)
  })
})
