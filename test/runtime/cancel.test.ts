/** Cancelling a task in whatever state it is. */
import { describe, expect, test } from 'vitest'
import { gate, hangs, wait, world } from './harness.ts'

describe('cancel', () => {
  test.each([
    ['pending', {}],
    ['delayed', { delayMs: 60_000 }],
    ['blocked', { dependsOn: ['nobody'] }],
  ])('of a %s task takes effect at once, with or without a worker', async (_, more) => {
    for (const type of ['nobody-takes-it', 'x']) {
      const { join, run, refused } = world()
      const { runtime } = join()
      const task = await run(runtime.submit({ id: 'a', type, ...more }))
      if (type === 'x') runtime.spawnWorker({ driven: true, types: ['y'] })
      await run(task.send({ type: 'task.cancel', reason: 'changed my mind' }))
      expect(await run(task.record())).toMatchObject({ status: 'cancelled', cancelRequested: 'changed my mind', attempts: 0 })
      const error = await refused(task.result())
      expect([error.code, error.message]).toEqual(['aborted', 'task a was cancelled: changed my mind'])
    }
  })

  test('of a running task aborts its signal; it is cancelled whatever the handler returns later', async () => {
    const { join, run, refused, until } = world()
    const { runtime, problems } = join()
    const work = gate<string>()
    let signal: AbortSignal | null = null
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          signal = task.signal
          return work.promise
        },
        next: () => 'free',
      },
    })
    const task = await run(runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    const waiting = refused(task.result())
    await run(task.send({ type: 'task.cancel', reason: 'enough' }))
    expect((await waiting).code).toBe('aborted')
    expect(signal).toMatchObject({ aborted: true, reason: { code: 'aborted' } })
    // The slot is free although the handler goes on.
    expect(await run((await run(runtime.submit({ type: 'next' }))).result())).toBe('free')
    work.open('finished all the same')
    await run(runtime.submit({ type: 'next' }))
    expect(await run(task.record())).toMatchObject({ status: 'cancelled' })
    expect((await refused(task.result())).message).toContain('enough')
    expect(problems).toEqual([])
  })

  test('of a running task of another process reaches its owner', async () => {
    const { join, run, refused, until } = world()
    const [one, two] = [join().runtime, join().runtime]
    let isAborted = false
    two.spawnWorker({
      handlers: {
        x: async (task) => {
          await new Promise((resolve) => task.signal.addEventListener('abort', resolve))
          isAborted = true
          throw task.signal.reason
        },
      },
    })
    const task = await run(one.submit({ type: 'x' }))
    await until(task, 'processing')
    await run(one.send(`task/${task.id}`, { type: 'task.cancel', reason: 'from afar' }))
    expect((await refused(task.result())).message).toContain('from afar')
    expect(isAborted).toBe(true)
  })

  test('of a task that is being claimed wins, or is noticed by the new owner', async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const { join, run, refused, clock, close } = world()
      const { runtime, store } = join()
      let signal: AbortSignal | null = null
      runtime.spawnWorker({
        handlers: {
          x: (task) => {
            signal = task.signal
            return hangs()
          },
        },
      })
      await run(runtime.ready())
      store.commitMs = 10
      const task = await run(runtime.submit({ type: 'x' }))
      await clock.advance(ticks)
      await run(task.send({ type: 'task.cancel', reason: 'now' }))
      const error = await refused(task.result())
      expect(error.code).toBe('aborted')
      if (signal !== null) expect(signal).toMatchObject({ aborted: true })
      await close()
    }
  })

  test('of an ended task changes nothing', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({ handlers: { x: () => 'done' } })
    const task = await run(runtime.submit({ type: 'x' }))
    await run(task.result())
    const before = await run(task.record())
    await run(task.send({ type: 'task.cancel', reason: 'too late' }))
    expect(await run(task.record())).toEqual(before)
    expect(await run(task.result())).toBe('done')
  })

  test('twice keeps the first reason', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'x' }))
    await run(Promise.all(['first', 'second'].map((reason) => task.send({ type: 'task.cancel', reason }))))
    expect((await refused(task.result())).message).toContain('first')
  })

  test('of a task that nobody submitted is refused', async () => {
    const { join, refused } = world()
    const error = await refused(join().runtime.task('nobody').send({ type: 'task.cancel' }))
    expect(error.code).toBe('invalid_key')
    expect(error.message).toContain('"nobody"')
  })

  test('of a backing-off task takes effect at once', async () => {
    const { join, run, until } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      handlers: {
        x: () => {
          throw new Error('no')
        },
      },
    })
    const task = await run(runtime.submit({ type: 'x', backoff: { baseMs: 60_000 } }))
    await until(task, 'processing')
    await until(task, 'pending')
    await run(task.send({ type: 'task.cancel' }))
    expect((await run(task.record()))?.status).toBe('cancelled')
  })

  test('of a task whose owner died is carried out by whoever takes it over', async () => {
    const { join, run, refused, until, clock } = world()
    const [one, two] = [join(), join()]
    one.runtime.spawnWorker({ handlers: { x: hangs } })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    let runs = 0
    two.runtime.spawnWorker({ handlers: { x: () => ++runs } })
    one.freeze()
    await run(task.send({ type: 'task.cancel', reason: 'nobody there' }))
    const startedMs = clock.monotonicMs()
    expect((await refused(task.result())).message).toContain('nobody there')
    expect(clock.monotonicMs() - startedMs).toBeLessThan(16_000)
    expect(runs).toBe(0)
    expect(await run(task.record())).toMatchObject({ status: 'cancelled', takeovers: [{ worker: `${one.runtime.workerId}.1` }] })
  })

  test('of many tasks at once, in all their states, cancels each that had not ended', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    for (const { runtime } of [one, two]) {
      runtime.spawnWorker({
        capacity: 3,
        handlers: { x: (task) => wait(clock, 20, task.signal) },
      })
    }
    const tasks = await run(
      Promise.all(Array.from({ length: 60 }, (_, index) => one.runtime.submit({ id: `t${index}`, type: 'x' }))),
    )
    await clock.advance(50)
    await run(Promise.all(tasks.map((task) => two.runtime.task(task.id).send({ type: 'task.cancel' }))))
    const outcomes = await run(Promise.allSettled(tasks.map((task) => task.result())))
    const ended = new Set(outcomes.map(({ status }) => status))
    expect(ended).toEqual(new Set(['fulfilled', 'rejected']))
    for (const [index, task] of tasks.entries()) {
      const status = (await run(task.record()))?.status
      expect(status).toBe(outcomes[index]?.status === 'fulfilled' ? 'completed' : 'cancelled')
    }
  })
})
