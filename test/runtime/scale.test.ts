/** That work costs what it should when there is much of it. Ratios, not times: the machine may be busy with others. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
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

describe('task actors', () => {
  test('cost the same whether a thousand or ten thousand are run', async () => {
    await timeOf(1000, 100)
    // The best of some: others use the machine too.
    const small = Math.min(await timeOf(1000, 100), await timeOf(1000, 100), await timeOf(1000, 100)) / 1000
    const large = Math.min(await timeOf(10_000, 100), await timeOf(10_000, 100)) / 10_000
    expect(large / small).toBeLessThan(3)
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
    const small = Math.min(await liveAtOnce(1000), await liveAtOnce(1000), await liveAtOnce(1000))
    expect((await liveAtOnce(10_000)) / small).toBeLessThan(3)
  })
})

describe('a long queue', () => {
  test('is worked off in order by a process that holds only a part of it in memory', async () => {
    const { join, run, clock } = world()
    const [submitter, worker] = [join(), join()]
    const count = 3 * readyMax
    // Key order and queue order have nothing to do with each other.
    const ids = Array.from({ length: count }, (_, n) => `t${(n * 7919) % count}`)
    for (let from = 0; from < count; from += 5000) {
      await run(Promise.all(ids.slice(from, from + 5000).map((id) => submitter.runtime.submit({ id, type: 'x' }))))
    }
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
    for (const [n, id] of ids.entries()) expect(Math.abs((place.get(id) as number) - n)).toBeLessThan(110)
    expect(listings).toBeLessThan(10)
  })

  test('of one type that nobody can take holds up no other', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const counts = { stuck: readyMax * 1.2, moving: readyMax * 1.2 }
    const ids: string[] = []
    for (let n = 0; n < counts.stuck; n++) ids.push(`s${n}`)
    for (let from = 0; from < ids.length; from += 5000) {
      await run(Promise.all(ids.slice(from, from + 5000).map((id) => runtime.submit({ id, type: 'stuck' }))))
    }
    for (let from = 0; from < counts.moving; from += 4000) {
      await run(Promise.all(Array.from({ length: 4000 }, (_, n) => runtime.submit({ id: `m${from + n}`, type: 'moving' }))))
    }
    const ran: string[] = []
    runtime.spawnWorker({ driven: true, types: ['stuck'] })
    runtime.spawnWorker({ capacity: 20, handlers: { moving: (task) => void ran.push(task.id) } })
    await run(runtime.task(`m${counts.moving - 1}`).result())
    expect(ran.slice(0, 40).every((id) => Number(id.slice(1)) < 60)).toBe(true)
    expect(ran.length).toBeGreaterThanOrEqual(counts.moving - 20)
  })

  test('of waiting tasks is not read again and again', async () => {
    const { join, run } = world()
    const { runtime, store } = join()
    for (let from = 0; from < 12_000; from += 4000) {
      await run(Promise.all(Array.from({ length: 4000 }, (_, n) => runtime.submit({ id: `b${from + n}`, type: 'x', dependsOn: ['never'] }))))
    }
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
    const { join, run, clock } = world()
    const { runtime } = join()
    for (let from = 0; from < 12_000; from += 4000) {
      await run(
        Promise.all(Array.from({ length: 4000 }, (_, n) => runtime.submit({ id: `d${from + n}`, type: 'x', delayMs: 3600_000 }))),
      )
    }
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
