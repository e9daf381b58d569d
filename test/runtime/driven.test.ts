/** Workers whose tasks wait for events from outside. */
import { describe, expect, test } from 'vitest'
import { hangs, world } from './harness.ts'

async function running() {
  const made = world()
  const { join, run, until } = made
  const member = join()
  const worker = member.runtime.spawnWorker({ driven: true, capacity: 2 })
  const task = await run(member.runtime.submit({ id: 'a', type: 'review', input: { page: 1 } }))
  await until(task, 'processing')
  return { ...member, ...made, worker, task }
}

describe('a driven task', () => {
  test('is completed from outside, with what it is given', async () => {
    const { run, task, runtime, clock } = await running()
    await run(task.send({ type: 'task.progress', percent: 40, note: 'reading' }))
    await clock.advance(0)
    expect(await run(runtime.memory.get('task-sentinel/tasks/a/progress'))).toMatchObject({ progress: 40, status: 'reading' })
    await run(task.send({ type: 'task.complete', output: { verdict: 'good' } }))
    expect(await run(task.result())).toEqual({ verdict: 'good' })
  })

  test('is completed by address as well', async () => {
    const { run, task, runtime } = await running()
    await run(runtime.send('task/a', { type: 'task.progress', percent: 10 }))
    await run(runtime.send('task/a', { type: 'task.complete' }))
    expect(await run(task.result())).toBe(null)
  })

  test('fails from outside: retried, unless that is said to be useless', async () => {
    const { run, task, refused, until } = await running()
    await run(task.send({ type: 'task.fail', message: 'illegible' }))
    await until(task, 'pending')
    expect(await run(task.record())).toMatchObject({ attempts: 1, error: { message: 'illegible', reason: 'reported' } })
    await until(task, 'processing')
    await run(task.send({ type: 'task.fail', message: 'hopeless', isFinal: true }))
    expect((await refused(task.result())).cause).toMatchObject({ message: 'hopeless' })
    expect((await run(task.record()))?.attempts).toBe(2)
  })

  test('keeps its lease for as long as its process lives', async () => {
    const { run, task, clock, join } = await running()
    join().runtime.spawnWorker({ handlers: { review: () => 'taken' } })
    await clock.advance(120_000)
    await run(task.send({ type: 'task.complete', output: 'mine' }))
    expect(await run(task.result())).toBe('mine')
    expect((await run(task.record()))?.epoch).toBe(1)
  })

  test('times out like any other', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    runtime.spawnWorker({ driven: true })
    const task = await run(runtime.submit({ type: 'x', timeoutMs: 500, maxAttempts: 1 }))
    expect((await refused(task.result())).message).toContain('longer than 500 ms')
  })

  test('of a type that its worker was not given is not taken', async () => {
    const { join, run, clock } = world()
    const { runtime } = join()
    runtime.spawnWorker({ driven: true, types: ['x'] })
    const task = await run(runtime.submit({ type: 'y' }))
    await clock.advance(1000)
    expect((await run(task.record()))?.status).toBe('pending')
  })

  test.each([
    [{ type: 'task.complete', output: 10n }, 'invalid_value'],
    [{ type: 'task.progress', percent: 101 }, 'invalid_value'],
    [{ type: 'task.progress', percent: 'half' }, 'invalid_value'],
    [{ type: 'task.progress' }, 'invalid_value'],
    [{ type: 'task.explode' }, 'not_supported'],
    [{ type: 'xstate.done.actor.task/a' }, 'invalid_option'],
    [{ type: 'xstate.error.actor.batch-writer' }, 'invalid_option'],
    [{ type: 5 }, 'invalid_option'],
    [null, 'invalid_option'],
    ['task.complete', 'invalid_option'],
  ])('does not take %o', async (event, code) => {
    const { refused, runtime, task, run } = await running()
    expect((await refused(runtime.send('task/a', event as never))).code).toBe(code)
    expect((await run(task.record()))?.status).toBe('processing')
    if (event === null || typeof event === 'string') return
    // The same through the handle.
    expect((await refused(task.send(event as never))).code).toMatch(/invalid_|not_supported|too_large/)
    expect((await run(task.record()))?.status).toBe('processing')
    await run(task.send({ type: 'task.complete', output: 'well' }))
    expect(await run(task.result())).toBe('well')
  })

  test('does not take an output that its document could not hold', async () => {
    const { refused, task, run } = await running()
    const error = await refused(task.send({ type: 'task.complete', output: 'a'.repeat(600_000) }))
    expect(error.code).toBe('too_large')
    await run(task.send({ type: 'task.fail', message: 'm'.repeat(600_000), isFinal: true }))
    expect((await refused(task.result())).message.length).toBeLessThan(3000)
  })

  test('takes one end: a second is refused, not swallowed', async () => {
    const { refused, task, run, store } = await running()
    store.commitMs = 100
    await run(task.send({ type: 'task.complete', output: 1 }))
    const error = await refused(task.send({ type: 'task.complete', output: 2 }))
    expect(error.code).toBe('not_supported')
    expect(await run(task.result())).toBe(1)
    expect((await refused(task.send({ type: 'task.complete', output: 3 }))).code).toBe('not_supported')
  })
})

describe('events for', () => {
  test('a pending task are refused, also while it is being claimed', async () => {
    const { join, run, refused, clock } = world()
    const { runtime, store } = join()
    const idle = await run(runtime.submit({ id: 'idle', type: 'nobody' }))
    const error = await refused(idle.send({ type: 'task.complete' }))
    expect(error.code).toBe('not_supported')
    expect(error.message).toContain('is pending')
    runtime.spawnWorker({ driven: true, types: ['x'] })
    await clock.advance(10)
    store.commitMs = 50
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(5)
    expect((await refused(task.send({ type: 'task.complete', output: 'early' }))).code).toBe('not_supported')
    await clock.advance(60)
    await run(task.send({ type: 'task.complete', output: 'in time' }))
    expect(await run(task.result())).toBe('in time')
  })

  test("a handler's task are refused, naming its worker", async () => {
    const { join, run, refused, until } = world()
    const { runtime } = join()
    const worker = runtime.spawnWorker({ id: 'solo', handlers: { x: hangs } })
    const task = await run(runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    for (const event of [
      { type: 'task.complete' },
      { type: 'task.fail', message: 'no' },
      { type: 'task.progress', percent: 1 },
    ] as const) {
      const error = await refused(task.send(event))
      expect(error.code).toBe('not_supported')
      expect(error.message).toContain(`"${worker.id}"`)
    }
  })

  test("another process's task are refused, naming its owner", async () => {
    const { join, refused, task, worker } = await running()
    const other = join().runtime
    const error = await refused(other.task(task.id).send({ type: 'task.complete' }))
    expect(error.code).toBe('not_supported')
    expect(error.message).toContain(worker.id)
    expect(error.message).toContain('another process')
  })

  test('an ended or unknown task are refused', async () => {
    const { refused, task, run, runtime } = await running()
    await run(task.send({ type: 'task.complete' }))
    await run(task.result())
    expect((await refused(task.send({ type: 'task.complete' }))).message).toContain('is completed')
    expect((await refused(runtime.send('task/nobody', { type: 'task.complete' }))).code).toBe('invalid_key')
  })

  test.each(['a', '', 'task', 'task/', 'task/a/b', 'batch-writer', 'sync', 'lock/x', 5, null])(
    'the address %o are refused',
    async (address) => {
      const { refused, runtime } = await running()
      expect((await refused(runtime.send(address as string, { type: 'task.cancel' }))).code).toMatch(/not_supported|invalid_key/)
    },
  )

  test('a worker drain it, and nothing else', async () => {
    const { refused, runtime, run, worker, task, clock } = await running()
    expect((await refused(runtime.send(`worker/${worker.id}`, { type: 'task.assigned' }))).code).toBe('not_supported')
    expect((await refused(runtime.send('worker/elsewhere', { type: 'worker.drain' }))).message).toContain('not in this process')
    await run(runtime.send(`worker/${worker.id}`, { type: 'worker.drain' }))
    const left = await run(runtime.submit({ id: 'b', type: 'review' }))
    await run(task.send({ type: 'task.complete' }))
    await run(worker.drain())
    await clock.advance(1000)
    expect((await run(left.record()))?.status).toBe('pending')
  })
})
