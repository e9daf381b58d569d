/** What is tidied away, when, and what never. */
import { describe, expect, test } from 'vitest'
import {
  endedRetentionMs,
  endedTasksMax,
  expiredGraceMs,
  failedRetentionMs,
  leftWorkerRetentionMs,
  sweepIntervalMs,
  tombstoneRetentionMs,
} from '../../src/runtime/sweeper.ts'
import { hangs, type World, world } from './harness.ts'

const dayMs = 24 * 3600_000

async function keysOf({ memory, run }: World, pattern = '**'): Promise<string[]> {
  return run(
    (async () => {
      const keys: string[] = []
      for await (const { key } of memory.list(pattern)) keys.push(key)
      return keys
    })(),
  )
}

/** A runtime that sweeps only when it is told: nothing waits for the timer's turn. */
function swept() {
  const made = world()
  // Days pass here: heartbeats would be most of what happens.
  const { runtime } = made.join({ heartbeatIntervalMs: dayMs })
  const sweep = () => made.run(runtime.queue.sweep())
  return { ...made, runtime, sweep, world: made }
}

describe('ended tasks', () => {
  test('stay for their retention, failed ones longer, and go with their documents', async () => {
    const { runtime, run, clock, sweep, refused, world } = swept()
    runtime.spawnWorker({
      handlers: {
        good: (task) => task.progress(50),
        bad: () => {
          throw new Error('no')
        },
      },
    })
    const good = await run(runtime.submit({ id: 'good', type: 'good' }))
    const bad = await run(runtime.submit({ id: 'bad', type: 'bad', maxAttempts: 1 }))
    const gone = await run(runtime.submit({ id: 'gone', type: 'nobody' }))
    await run(gone.send({ type: 'task.cancel' }))
    await run(good.result())
    await refused(bad.result())
    await run(runtime.submit({ id: 'open', type: 'nobody' }))
    await clock.advance(endedRetentionMs - 60_000)
    await sweep()
    expect(await keysOf(world, 'task-sentinel/tasks/*/record')).toHaveLength(4)
    await clock.advance(120_000)
    await sweep()
    expect(await run(good.record())).toBe(null)
    expect(await run(gone.record())).toBe(null)
    expect((await refused(good.result())).code).toBe('invalid_key')
    for (const document of ['state', 'progress', 'result']) {
      expect(await run(runtime.memory.get(`task-sentinel/tasks/good/${document}`))).toBe(null)
    }
    expect((await run(bad.record()))?.status).toBe('failed')
    await clock.advance(failedRetentionMs - endedRetentionMs)
    await sweep()
    expect(await run(bad.record())).toBe(null)
    await clock.advance(10 * dayMs)
    await sweep()
    expect((await run(runtime.task('open').record()))?.status).toBe('pending')
  })

  test('can be submitted anew once they are gone', async () => {
    const { runtime, run, clock, sweep } = swept()
    let runs = 0
    runtime.spawnWorker({ handlers: { x: () => ++runs } })
    await run((await run(runtime.submit({ id: 'a', type: 'x' }))).result())
    await clock.advance(endedRetentionMs + 1)
    await sweep()
    expect(await run((await run(runtime.submit({ id: 'a', type: 'x' }))).result())).toBe(2)
    await clock.advance(tombstoneRetentionMs + 1)
    await sweep()
    await clock.advance(tombstoneRetentionMs + 1)
    await sweep()
    expect(await run((await run(runtime.submit({ id: 'a', type: 'x' }))).result())).toBe(3)
  })

  test('stay while another waits for them', async () => {
    const { runtime, run, clock, sweep } = swept()
    runtime.spawnWorker({ handlers: { x: () => 'x' } })
    const a = await run(runtime.submit({ id: 'a', type: 'x' }))
    await run(a.result())
    const b = await run(runtime.submit({ id: 'b', type: 'x', dependsOn: ['a', 'c'] }))
    await clock.advance(3 * dayMs)
    await sweep()
    expect((await run(a.record()))?.status).toBe('completed')
    await run(runtime.submit({ id: 'c', type: 'x' }))
    expect(await run(b.result())).toBe('x')
    await sweep()
    expect(await run(a.record())).toBe(null)
  })

  test('beyond their number go before their time, the oldest first', async () => {
    const { run, sweep, memory, clock, world } = swept()
    const count = endedTasksMax + 25
    await memory.commit(
      Array.from({ length: count }, (_, n) => {
        const value = {
          id: `t${n}`,
          type: 'x',
          status: 'completed',
          input: null,
          priority: 0,
          enqueued: [n, 0, 'w'],
          epoch: 1,
          attempts: 1,
          maxAttempts: 3,
          endedMs: clock.wallMs() - ((n * 7) % count),
        }
        const entry = { value, version: { w: n + 1 }, timestamp: 0, workerId: 'w' }
        return [{ key: `task-sentinel/tasks/t${n}/record`, entry, condition: { type: 'none' as const } }]
      }),
    )
    expect(await sweep()).toBe(25)
    const oldest = new Set(Array.from({ length: 25 }, (_, n) => count - 1 - n))
    let live = 0
    await run(
      (async () => {
        for await (const { key, entry } of memory.list('task-sentinel/tasks/*/record')) {
          const n = Number(key.split('/')[2]?.slice(1))
          expect(entry.x?.t === 1).toBe(oldest.has((n * 7) % count))
          if (entry.x?.t !== 1) live++
        }
      })(),
    )
    expect(live).toBe(endedTasksMax)
    expect((await keysOf(world)).length).toBeGreaterThan(live)
  })
})

describe('values', () => {
  test('that have expired are deleted after a grace, and their subscribers hear of it', async () => {
    const { runtime, run, clock, sweep } = swept()
    const { memory } = runtime
    const seen: string[] = []
    memory.subscribe('a', ({ type }) => seen.push(type))
    await run(memory.set('a', 1, { ttlSeconds: 10 }))
    await run(memory.set('task-sentinel/a', 1, { ttlSeconds: 10 }))
    await run(memory.set('task-sentinel/b', 1))
    await clock.advance(10_000 + expiredGraceMs - 1)
    expect(await sweep()).toBe(0)
    await clock.advance(1)
    // Only what is in the namespace is this runtime's to tidy.
    expect(await sweep()).toBe(1)
    await clock.advance(0)
    expect(seen).toEqual(['set'])
    expect(await run(memory.get('task-sentinel/b'))).toBe(1)
  })

  test('that were deleted leave a tombstone for a day, and then nothing', async () => {
    const { runtime, run, clock, sweep, world } = swept()
    await run(runtime.memory.set('task-sentinel/a', 1))
    await run(runtime.memory.delete('task-sentinel/a'))
    await clock.advance(tombstoneRetentionMs - 1000)
    await sweep()
    expect(await keysOf(world)).toEqual(['task-sentinel/a'])
    await clock.advance(1000)
    await sweep()
    expect(await keysOf(world)).toEqual([])
    expect(await run(runtime.memory.get('task-sentinel/a'))).toBe(null)
    await run(runtime.memory.set('task-sentinel/a', 2, { ifAbsent: true }))
  })

  test('that are written while they are swept stay', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    for (let n = 0; n < 50; n++) await run(one.runtime.memory.set(`task-sentinel/k/${n}`, n, { ttlSeconds: 1 }))
    await clock.advance(expiredGraceMs + 1000)
    const sweeping = one.runtime.queue.sweep()
    const writing = Promise.all(Array.from({ length: 50 }, (_, n) => two.runtime.memory.set(`task-sentinel/k/${n}`, 'new')))
    const other = two.runtime.queue.sweep()
    await run(Promise.all([sweeping, writing, other]))
    for (let n = 0; n < 50; n++) expect(await run(two.runtime.memory.get(`task-sentinel/k/${n}`))).toBe('new')
  })
})

describe('the sweep', () => {
  test('comes by itself every few minutes', async () => {
    const { join, clock, run, memory } = world()
    const { runtime } = join()
    await run(runtime.memory.set('task-sentinel/a', 1, { ttlSeconds: 1 }))
    await clock.advance(expiredGraceMs + 1000 + sweepIntervalMs)
    expect((await memory.get('task-sentinel/a'))?.entry.x?.t).toBe(1)
    await clock.advance(tombstoneRetentionMs + sweepIntervalMs)
    expect(await memory.get('task-sentinel/a')).toBe(null)
  })

  test('that fails is reported, and comes again', async () => {
    const { join, clock, run, memory } = world()
    const { runtime, store, problems } = join()
    await run(runtime.memory.set('task-sentinel/a', 1, { ttlSeconds: 1 }))
    store.onGet = (pattern) => {
      if (pattern.includes('*')) throw new Error('EIO')
    }
    await clock.advance(expiredGraceMs + 1000 + sweepIntervalMs)
    expect(problems.map(({ message }) => message)).toContain('EIO')
    store.onGet = () => {}
    await clock.advance(sweepIntervalMs)
    expect((await memory.get('task-sentinel/a'))?.entry.x?.t).toBe(1)
  })

  test('by two processes at once does no harm', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join({ heartbeatIntervalMs: dayMs }), join()]
    one.runtime.spawnWorker({ capacity: 10, handlers: { x: () => 1 } })
    const tasks = await run(Promise.all(Array.from({ length: 100 }, () => one.runtime.submit({ type: 'x' }))))
    await run(Promise.all(tasks.map((task) => task.result())))
    await clock.advance(endedRetentionMs + 1)
    const removed = await run(Promise.all([one.runtime.queue.sweep(), two.runtime.queue.sweep()]))
    expect(removed.every((count) => count <= 100)).toBe(true)
    for (const task of tasks) expect(await run(task.record())).toBe(null)
    expect([...one.problems, ...two.problems]).toEqual([])
  })

  test('leaves a task alone whose owner is at work, however long that takes', async () => {
    const { runtime, run, clock, sweep, until } = swept()
    runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    await clock.advance(2 * 3600_000)
    await sweep()
    expect(await run(task.record())).toMatchObject({ status: 'processing', epoch: 1 })
  })
})

describe('workers that left', () => {
  test('leave no documents behind in the end; what others keep about workers stays', async () => {
    const { runtime, run, clock, sweep, world } = swept()
    const worker = runtime.spawnWorker({ id: 'gone', handlers: { x: () => 1 } })
    runtime.spawnWorker({ id: 'here', handlers: { x: () => 1 } })
    await run(runtime.memory.set('task-sentinel/workers/other/status', { state: 'offline' }))
    await clock.advance(1000)
    await run(worker.drain())
    await clock.advance(leftWorkerRetentionMs - 2000)
    await sweep()
    expect(await run(runtime.memory.get('task-sentinel/workers/gone/status'))).toMatchObject({ state: 'offline' })
    await clock.advance(10_000)
    await sweep()
    await clock.advance(tombstoneRetentionMs + 1)
    await sweep()
    expect(await keysOf(world, 'task-sentinel/workers/gone/*')).toEqual([])
    expect(await keysOf(world, 'task-sentinel/workers/*/status')).toEqual([
      'task-sentinel/workers/here/status',
      'task-sentinel/workers/other/status',
    ])
  })
})
