/** The end of a runtime: what it waits for, what it gives back, what it leaves. */
import { spawn } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import type { Unit } from '../../src/ports/store.ts'
import { abortGraceMs, drainMsDefault } from '../../src/runtime/runtime.ts'
import { programOf } from '../program.ts'
import { gate, hangs, type Member, type MemberOptions, wait, world } from './harness.ts'

function one(options: MemberOptions = {}) {
  const made = world()
  const member = made.join(options)
  return { ...member, ...made, memory: member.runtime.memory }
}

const writes = (text: string) => (units: readonly Unit[]) => JSON.stringify(units).includes(text)

/** What a shut-down runtime must leave nowhere. */
async function leavesNothing({
  clock,
}: {
  clock: { advance(ms: number): Promise<void>; describePending(): string[] }
}): Promise<void> {
  await clock.advance(0)
  expect(clock.describePending()).toEqual([])
}

describe('shutdown', () => {
  test('lets running handlers finish, claims nothing more, and leaves no timer', async () => {
    const { runtime, run, clock, join, store } = one()
    const ran: string[] = []
    runtime.spawnWorker({
      id: 'w',
      capacity: 2,
      handlers: {
        x: async (task) => {
          ran.push(task.id)
          await wait(clock, 5000, task.signal)
          return task.id
        },
      },
    })
    for (const id of ['a', 'b', 'c', 'd']) await run(runtime.submit({ id, type: 'x', timeoutMs: 60_000 }))
    await clock.advance(1000)
    const startedMs = clock.monotonicMs()
    await run(runtime.shutdown())
    expect(clock.monotonicMs() - startedMs).toBeLessThan(4500)
    expect(ran).toEqual(['a', 'b'])
    expect(store.isClosed).toBe(true)
    await leavesNothing({ clock })
    const other = join().runtime
    expect(await run(other.task('a').result())).toBe('a')
    expect((await run(other.task('c').record()))?.status).toBe('pending')
    expect(await run(other.memory.get('task-sentinel/workers/w/status'))).toMatchObject({ state: 'offline', running: 0 })
    expect(await run(other.memory.get('task-sentinel/workers/w/heartbeat'))).toBe(null)
  })

  test('aborts handlers after drainMs, and gives back what still runs two seconds later: the attempt does not count', async () => {
    const { runtime, run, clock, join, until } = one()
    let abortedMs = 0
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          task.signal.addEventListener('abort', () => {
            abortedMs = clock.monotonicMs()
          })
          return hangs()
        },
      },
    })
    const task = await run(runtime.submit({ id: 'a', type: 'x', maxAttempts: 1 }))
    await until(task, 'processing')
    const startedMs = clock.monotonicMs()
    await run(runtime.shutdown({ drainMs: 1000 }))
    expect(abortedMs - startedMs).toBe(1000)
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(1000 + abortGraceMs)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(1000 + abortGraceMs + 500)
    await leavesNothing({ clock })
    const other = join().runtime
    expect(await run(other.task('a').record())).toMatchObject({ status: 'pending', attempts: 0, epoch: 1 })
    other.spawnWorker({ handlers: { x: (work) => `attempt ${work.attempt}, epoch ${work.epoch}` } })
    expect(await run(other.task('a').result())).toBe('attempt 1, epoch 2')
  })

  test('has a default for drainMs', async () => {
    const { runtime, run, clock, until } = one()
    runtime.spawnWorker({ handlers: { x: hangs } })
    await until(await run(runtime.submit({ type: 'x' })), 'processing')
    const startedMs = clock.monotonicMs()
    await run(runtime.shutdown())
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(drainMsDefault)
  })

  test.each([
    ['throws its reason', (signal: AbortSignal) => signal.throwIfAborted()],
    [
      'throws something else',
      () => {
        throw new Error('interrupted')
      },
    ],
  ])('counts no attempt of a handler that obeys the abort (%s)', async (_, obey) => {
    const { runtime, run, join, until } = one()
    runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          await new Promise((resolve) => task.signal.addEventListener('abort', resolve))
          obey(task.signal)
        },
      },
    })
    const task = await run(runtime.submit({ id: 'a', type: 'x', maxAttempts: 1 }))
    await until(task, 'processing')
    await run(runtime.shutdown({ drainMs: 100 }))
    const other = join().runtime
    expect(await run(other.task('a').record())).toMatchObject({ status: 'pending', attempts: 0 })
    expect((await run(other.task('a').record()))?.error).toBe(undefined)
    other.spawnWorker({ handlers: { x: () => 'then' } })
    expect(await run(other.task('a').result(), 1000)).toBe('then')
  })

  test('takes the result of a handler that ends on the abort', async () => {
    const { runtime, run, join, until } = one()
    runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          await new Promise((resolve) => task.signal.addEventListener('abort', resolve))
          return 'as far as I came'
        },
      },
    })
    const task = await run(runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    await run(runtime.shutdown({ drainMs: 100 }))
    expect(await run(join().runtime.task('a').result())).toBe('as far as I came')
  })

  test('gives back driven tasks', async () => {
    const { runtime, run, join, until } = one()
    runtime.spawnWorker({ driven: true })
    const task = await run(runtime.submit({ id: 'a', type: 'x' }))
    await until(task, 'processing')
    await run(runtime.shutdown({ drainMs: 0 }))
    expect(await run(join().runtime.task('a').record())).toMatchObject({ status: 'pending', attempts: 0 })
  })

  test('gives back a task whose claim was on its way', async () => {
    for (const commitMs of [10, 1500, 3000, 4000]) {
      const { runtime, run, clock, join, store, close } = one()
      runtime.spawnWorker({ handlers: { x: hangs } })
      await run(runtime.submit({ id: 'warm', type: 'y' }))
      await clock.advance(10)
      store.commitMs = commitMs
      await run(join().runtime.submit({ id: 'a', type: 'x' }))
      await clock.advance(1)
      await run(runtime.shutdown({ drainMs: 0 }))
      await clock.advance(10_000)
      expect(await run(join().runtime.task('a').record())).toMatchObject({ status: 'pending', attempts: 0 })
      await close()
    }
  })

  test('commits what is still pending', async () => {
    const { runtime, run, memory, store, join } = one()
    await run(memory.set('a', 0))
    store.commitMs = 700
    const writes = Array.from({ length: 500 }, (_, n) => memory.set(`k/${n}`, n))
    const submitted = runtime.submit({ id: 'late', type: 'x' })
    await run(runtime.ready())
    await run(runtime.shutdown())
    await run(Promise.all([...writes, submitted]), 1)
    const other = join().runtime
    expect(await run(other.memory.get('k/499'))).toBe(499)
    expect(await run(other.task('late').record())).not.toBe(null)
  })

  test('tells by key what could not be committed, and ends all the same', async () => {
    const { runtime, run, memory, store, clock } = one()
    runtime.spawnWorker({ handlers: { x: hangs } })
    await run(memory.set('a', 0))
    store.commitFate = () => 'hang'
    const outcomes = ['k/1', 'k/2'].map((key) => memory.set(key, 1).catch((error: unknown) => error))
    await clock.advance(1)
    const startedMs = clock.monotonicMs()
    await run(runtime.shutdown())
    expect(clock.monotonicMs() - startedMs).toBeLessThan(25_000)
    for (const [n, outcome] of (await run(Promise.all(outcomes), 1)).entries()) {
      expect(outcome).toMatchObject({ code: 'unflushed', message: expect.stringContaining(`k/${n + 1}`) })
    }
    await leavesNothing({ clock })
    store.faults.release()
    await clock.advance(60_000)
  })

  test('of a runtime whose store is gone ends, and leaves nothing', async () => {
    const { runtime, run, memory, store, clock, until } = one()
    runtime.spawnWorker({ capacity: 3, handlers: { x: (task) => (task.input === 1 ? hangs() : 'done') } })
    await until(await run(runtime.submit({ type: 'x', input: 1 })), 'processing')
    store.commitFate = () => 'fail'
    store.onGet = () => {
      throw new Error('gone')
    }
    const pending = memory.set('a', 1).catch((error: unknown) => error)
    await clock.advance(2000)
    await run(runtime.shutdown({ drainMs: 1000 }), 120_000)
    expect(await run(pending, 1)).toBeInstanceOf(Error)
    await leavesNothing({ clock })
  })

  test('is idempotent, and disposes', async () => {
    const { runtime, run } = one()
    await run(runtime.ready())
    const [first, second] = [runtime.shutdown(), runtime.shutdown({ drainMs: 0 })]
    expect(first).toBe(second)
    await run(first)
    await run(runtime.shutdown())
    await run(runtime[Symbol.asyncDispose]())
  })

  test('leaves a store open that it did not open', async () => {
    const { runtime, run, store } = one({ ownsStore: false })
    await run(runtime.memory.set('a', 1))
    await run(runtime.shutdown())
    expect(store.isClosed).toBe(false)
    expect((await run(store.get('a')))?.entry.value).toBe(1)
    await store.close()
  })

  test('reports a store that fails to close', async () => {
    const { runtime, run, store, problems } = one()
    await run(runtime.ready())
    store.close = () => Promise.reject(new Error('EBUSY'))
    await run(runtime.shutdown())
    expect(problems.map(({ message }) => message)).toEqual(['EBUSY'])
  })

  test('refuses what is called afterwards with closed', async () => {
    for (const ownsStore of [true, false]) {
      const { runtime, run, memory, refused, close } = one({ ownsStore })
      await run(memory.set('known', 1))
      await run(memory.set('watched', 1))
      await run(runtime.submit({ id: 'a', type: 'x' }))
      await run(runtime.shutdown())
      expect(() => runtime.spawnWorker({ driven: true })).toThrow('the runtime was shut down')
      for (const call of [
        () => runtime.ready(),
        () => runtime.submit({ type: 'x' }),
        () => runtime.task('a').result(),
        () => runtime.task('a').record(),
        () => runtime.task('a').watch().next(),
        () => runtime.task('a').send({ type: 'task.cancel' }),
        () => runtime.send('task/a', { type: 'task.cancel' }),
        () => runtime.explain('a'),
        () => runtime.queue.view(),
        () => runtime.queue.replay('a'),
        () => runtime.queue.retryNow('a'),
        () => runtime.queue.deadLetters().next(),
        () => runtime.queue.sweep(),
        () => memory.get('known'),
        () => memory.entry('known'),
        () => memory.set('known', 2),
        () => memory.set('unknown', 2),
        () => memory.set('known', 2, { ifAbsent: true }),
        () => memory.set('known', 2, { ifRevision: 1 }),
        () => memory.delete('known'),
        () => memory.update('known', () => 2),
        () => memory.list('**').next(),
        () => memory.watch('**').next(),
      ]) {
        expect([call.toString(), (await refused(call())).code]).toEqual([call.toString(), 'closed'])
      }
      await close()
    }
  })

  test('begun while handlers use the memory lets them finish their writes', async () => {
    const { runtime, run, join, until, clock } = one()
    runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          await wait(clock, 100)
          await task.memory.set('note', 'from the handler')
          await runtime.memory.update('count', (n) => Number(n ?? 0) + 1)
          return 'done'
        },
      },
    })
    await until(await run(runtime.submit({ id: 'a', type: 'x' })), 'processing')
    await run(runtime.shutdown())
    const other = join().runtime
    expect(await run(other.task('a').result())).toBe('done')
    expect(await run(other.memory.get('note'))).toBe('from the handler')
    expect(await run(other.memory.get('count'))).toBe(1)
  })

  test('with writes that linger leaves no timer', async () => {
    const { runtime, run, memory, clock, join } = one({ lingerMs: 5000, batchIntervalMs: 60_000 })
    await run(runtime.ready())
    const write = memory.set('a', 1)
    await clock.advance(10)
    await run(runtime.shutdown(), 1000)
    await run(write, 1)
    await leavesNothing({ clock })
    expect(await run(join().runtime.memory.get('a'))).toBe(1)
  })

  test('of one of two runtimes hands its tasks over without a pause', async () => {
    const { join, run, clock, until } = world()
    const [one, two] = [join(), join()] as [Member, Member]
    const handlers = { x: (task: { signal: AbortSignal }) => wait(clock, 60_000, task.signal).then(() => 'by the first') }
    one.runtime.spawnWorker({ handlers })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    two.runtime.spawnWorker({ handlers: { x: () => 'by the second' } })
    const startedMs = clock.monotonicMs()
    await run(one.runtime.shutdown({ drainMs: 0 }))
    expect(await run(task.result())).toBe('by the second')
    expect(clock.monotonicMs() - startedMs).toBeLessThan(abortGraceMs + 500)
  })
})

describe('draining a worker', () => {
  test('lets its tasks end, takes none, and leaves the others alone', async () => {
    const { runtime, run, clock, join } = one()
    const work = gate<string>()
    const worker = runtime.spawnWorker({ id: 'leaving', capacity: 2, handlers: { x: () => work.promise } })
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(10)
    let isOffline = false
    const drained = worker.drain().then(() => {
      isOffline = true
    })
    const second = await run(runtime.submit({ type: 'x' }))
    await clock.advance(60_000)
    expect(isOffline).toBe(false)
    expect((await run(second.record()))?.status).toBe('pending')
    work.open('well')
    await run(drained)
    expect(await run(task.result())).toBe('well')
    expect(await run(join().runtime.memory.get('task-sentinel/workers/leaving/status'))).toMatchObject({ state: 'offline' })
    await run(worker.drain())
    runtime.spawnWorker({ id: 'leaving', handlers: { x: () => 'successor' } })
    expect(await run(second.result())).toBe('successor')
  })

  test('before it has even started settles as well', async () => {
    const { runtime, run, clock } = one()
    const worker = runtime.spawnWorker({ handlers: { x: hangs } })
    await run(worker.drain(), 1000)
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(1000)
    expect((await run(task.record()))?.status).toBe('pending')
  })

  test('while it registers settles as well', async () => {
    const { runtime, run, store, clock } = one()
    await run(runtime.ready())
    store.commitMs = 100
    const worker = runtime.spawnWorker({ handlers: { x: hangs } })
    await clock.advance(10)
    await run(worker.drain(), 1000)
  })

  test('of a worker with a dead store settles when that is certain', async () => {
    const { runtime, run, store, clock } = one()
    const worker = runtime.spawnWorker({ handlers: { x: hangs } })
    await clock.advance(10)
    store.commitFate = (units) => (writes('"offline"')(units) ? 'fail' : 'pass')
    await run(worker.drain(), 120_000)
  })
})

test('a process with a runtime ends by itself after the shutdown, and stays until then', async () => {
  const { flags, file } = programOf(new URL('./exits.ts', import.meta.url))
  const child = spawn(process.execPath, [...flags, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  expect({ code, out, err }).toEqual({ code: 0, out: 'result: 42\nshut down\n', err: '' })
}, 20_000)
