/** What a submitter may rely on: the id, the commit, the result and the story in between. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { gate, hangs, world } from './harness.ts'

describe('submit', () => {
  test('settles when the task is committed, not before', async () => {
    const { join, clock, run, memory } = world()
    const { runtime, store } = join()
    await run(runtime.ready())
    store.commitMs = 40
    let isSettled = false
    const submitted = runtime.submit({ id: 'a', type: 'greet' }).then(() => {
      isSettled = true
    })
    await clock.advance(39)
    expect(isSettled).toBe(false)
    expect(await memory.get('task-sentinel/tasks/a/record')).toBe(null)
    await run(submitted)
    expect(await memory.get('task-sentinel/tasks/a/record')).not.toBe(null)
  })

  test('gives the existing task for an id that exists, and ignores the rest', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const runs: unknown[] = []
    const first = await run(runtime.submit({ id: 'a', type: 'greet', input: 1 }))
    const again = await run(runtime.submit({ id: 'a', type: 'shout', input: 2, priority: 9, dependsOn: ['x'] }))
    expect(again.id).toBe('a')
    expect(await run(again.record())).toEqual(await run(first.record()))
    const record = await run(first.record())
    expect([record?.type, record?.input, record?.priority, record?.dependsOn]).toEqual(['greet', 1, 0, undefined])
    runtime.spawnWorker({ handlers: { greet: (task) => runs.push(task.input), shout: () => runs.push('shout') } })
    await run(first.result())
    expect(runs).toEqual([1])
    // An ended task is an existing one too.
    const ended = await run(runtime.submit({ id: 'a', type: 'greet', input: 3 }))
    expect(await run(ended.result())).toBe(1)
    expect(runs).toEqual([1])
  })

  test('of one id at the same time from two processes makes one task', async () => {
    const { join, run } = world()
    const [one, two] = [join().runtime, join().runtime]
    let runs = 0
    for (const runtime of [one, two]) runtime.spawnWorker({ handlers: { count: () => ++runs } })
    const tasks = await run(
      Promise.all([one, two, one, two].map((runtime, index) => runtime.submit({ id: 'same', type: 'count', input: index }))),
    )
    const results = await run(Promise.all(tasks.map((task) => task.result())))
    expect(results).toEqual([1, 1, 1, 1])
    expect(runs).toBe(1)
  })

  test('draws an id where none is given', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const tasks = await run(Promise.all([1, 2, 3].map(() => runtime.submit({ type: 'x' }))))
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(3)
    for (const { id } of tasks) expect(id).toMatch(/^[\w-]{16,128}$/)
  })

  test.each([
    [{ type: '' }, 'invalid_key', 'task type ""'],
    [{ type: 'a/b' }, 'invalid_key', '"a/b"'],
    [{ type: '__proto__' }, 'invalid_key', '"__proto__"'],
    [{ type: 'x', id: 'a/b' }, 'invalid_key', 'task id "a/b"'],
    [{ type: 'x', priority: Number.NaN }, 'invalid_option', 'priority must be a finite number'],
    [{ type: 'x', delayMs: -1 }, 'invalid_option', 'got -1'],
    [{ type: 'x', timeoutMs: 0 }, 'invalid_option', 'got 0'],
    [{ type: 'x', maxAttempts: 0 }, 'invalid_option', 'got 0'],
    [{ type: 'x', maxAttempts: 1.5 }, 'invalid_option', 'got 1.5'],
    [{ type: 'x', maxAttempts: 1e9 }, 'invalid_option', 'got 1000000000'],
    [{ type: 'x', backoff: { jitter: 2 } }, 'invalid_option', 'backoff.jitter'],
    [{ type: 'x', input: 10n }, 'invalid_value', 'bigint'],
    [{ type: 'x', input: { f: () => 1 } }, 'invalid_value', '["f"]'],
    [{ type: 'x', dependsOn: 'a' }, 'invalid_option', 'got "a"'],
    [{ type: 'x', dependsOn: [''] }, 'invalid_key', 'dependsOn id ""'],
    [{ type: 'x', onDependencyFailure: 'skip' }, 'invalid_option', '"skip"'],
    [{ type: 'x', retries: 3 }, 'invalid_option', 'retries'],
    [null, 'invalid_option', 'null'],
  ])('refuses %o with a message that names it', async (spec, code, text) => {
    const { join, refused } = world()
    const error = await refused(join().runtime.submit(spec as never))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
  })

  test('refuses what is too large to be stored, also when only the owner of the task would find out', async () => {
    const { join, refused } = world()
    const { runtime } = join()
    for (const length of [600_000, 524_000]) {
      const error = await refused(runtime.submit({ id: `big-${length}`, type: 'x', input: 'a'.repeat(length) }))
      expect(error.code).toBe('too_large')
    }
  })
})

describe('result', () => {
  test('is what the handler returned, in whatever process it ran', async () => {
    const { join, run } = world()
    const [submitter, other] = [join().runtime, join().runtime]
    other.spawnWorker({ handlers: { double: async (task) => ({ twice: task.input * 2 }) } })
    const task = await run(submitter.submit({ type: 'double', input: 21 }))
    expect(await run(task.result())).toEqual({ twice: 42 })
    // Whoever asks later, and any process by the id alone.
    expect(await run(submitter.task(task.id).result())).toEqual({ twice: 42 })
    expect(await run(join().runtime.task(task.id).result())).toEqual({ twice: 42 })
  })

  test('is null for a handler that returns nothing', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({ handlers: { nothing: () => {} } })
    expect(await run((await run(runtime.submit({ type: 'nothing' }))).result())).toBe(null)
  })

  test('rejects with task_failed whose cause is the last error', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      handlers: {
        fails: (task) => {
          throw new RangeError(`attempt ${task.attempt} is no good`)
        },
      },
    })
    const task = await run(runtime.submit({ type: 'fails', maxAttempts: 2 }))
    const error = await refused(task.result())
    expect(error.code).toBe('task_failed')
    expect(error.message).toContain('2 of 2 attempts')
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'attempt 2 is no good' })
  })

  test('rejects with aborted when the task was cancelled', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'x' }))
    const result = refused(task.result())
    await task.send({ type: 'task.cancel', reason: 'not needed' })
    const error = await result
    expect(error.code).toBe('aborted')
    expect(error.message).toContain('not needed')
  })

  test('rejects with invalid_key for an id that names no task', async () => {
    const { join, refused } = world()
    const { runtime } = join()
    expect((await refused(runtime.task('nobody').result())).code).toBe('invalid_key')
    expect(() => runtime.task('a/b')).toThrow(/task id "a\/b"/)
  })

  test('rejects with aborted when its signal aborts; the task goes on', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    const work = gate<string>()
    runtime.spawnWorker({ handlers: { slow: () => work.promise } })
    const task = await run(runtime.submit({ type: 'slow' }))
    const abort = new AbortController()
    const waiting = refused(task.result({ signal: abort.signal }))
    abort.abort()
    expect((await waiting).code).toBe('aborted')
    expect((await refused(task.result({ signal: abort.signal }))).code).toBe('aborted')
    work.open('done')
    expect(await run(task.result())).toBe('done')
  })

  test('rejects with closed when the runtime is shut down meanwhile; the task goes on', async () => {
    const { join, run, refused } = world()
    const [one, two] = [join().runtime, join().runtime]
    const task = await run(one.submit({ type: 'x' }))
    const waiting = task.result().catch((error: unknown) => error)
    await run(one.shutdown())
    const error = await waiting
    expect(error).toBeInstanceOf(MemorySyncError)
    expect(error).toMatchObject({ code: 'closed' })
    expect((await refused(task.result())).code).toBe('closed')
    two.spawnWorker({ handlers: { x: () => 'still done' } })
    expect(await run(two.task(task.id).result())).toBe('still done')
  })

  test('reaches everybody who waits, each once', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'x' }))
    const waiting = Array.from({ length: 100 }, () => task.result())
    runtime.spawnWorker({ handlers: { x: () => 7 } })
    expect(await run(Promise.all(waiting))).toEqual(Array.from({ length: 100 }, () => 7))
  })
})

describe('a handle', () => {
  test('watch yields every state, the present one first, and ends with the task', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'flaky', maxAttempts: 2 }))
    const seen = (async () => {
      const states: string[] = []
      for await (const { status, attempts } of task.watch()) states.push(`${status} ${attempts}`)
      return states
    })()
    runtime.spawnWorker({
      handlers: {
        flaky: (work) => {
          if (work.attempt === 1) throw new Error('once')
          return 'well'
        },
      },
    })
    expect(await run(seen)).toEqual(['pending 0', 'processing 1', 'pending 1', 'processing 2', 'completed 2'])
    // Of an ended task: its end, at once.
    const late: string[] = []
    for await (const { status, owner } of task.watch()) late.push(`${status} ${owner}`)
    expect(late).toEqual([`completed ${runtime.workerId}.1`])
  })

  test('watch ends when its signal aborts', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'x' }))
    const abort = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const { status } of task.watch({ signal: abort.signal })) {
        seen.push(status)
        abort.abort()
      }
    })()
    await run(watching)
    for await (const { status } of task.watch({ signal: abort.signal })) seen.push(status)
    expect(seen).toEqual(['pending'])
  })

  test.each([true, false])('watch ends when the runtime is shut down (its own store: %s)', async (ownsStore) => {
    const { join, run } = world()
    const { runtime } = join({ ownsStore })
    const task = await run(runtime.submit({ type: 'x' }))
    const watching = (async () => {
      for await (const _ of task.watch());
    })()
    await run(runtime.shutdown())
    await run(watching)
  })

  test('record is null where there is no task', async () => {
    const { join, run } = world()
    expect(await run(join().runtime.task('nobody').record())).toBe(null)
  })
})

describe('explain', () => {
  test('says for each state why the task is there', async () => {
    const { join, run, until, refused } = world()
    const { runtime } = join()
    const submit = (id: string, more = {}) => run(runtime.submit({ id, type: 'x', ...more }))
    await submit('ready')
    await submit('delayed', { delayMs: 5000 })
    await submit('blocked', { dependsOn: ['ready', 'unheard-of'] })
    const reasonOf = async (id: string) => {
      const { state, reason } = await run(runtime.explain(id))
      return `${state}: ${reason}`
    }
    expect(await reasonOf('ready')).toBe(
      'pending: ready, waiting for a worker with room; no worker of this process takes the type "x"',
    )
    expect(await reasonOf('delayed')).toMatch(/^backingOff: not before 5000 ms from now: a delay was asked for$/)
    expect(await reasonOf('blocked')).toBe('blocked: waits for ready (pending), unheard-of (unknown)')
    const worker = runtime.spawnWorker({ handlers: { x: hangs } })
    await until(runtime.task('ready'), 'processing')
    expect(await reasonOf('ready')).toMatch(/^processing: attempt 1 runs here, by .*, under a lease with \d+ ms left$/)
    expect((await run(runtime.explain('ready'))).owner).toBe(worker.id)
    await run(runtime.task('ready').send({ type: 'task.cancel', reason: 'enough' }))
    await refused(runtime.task('ready').result())
    expect(await reasonOf('ready')).toBe('cancelled: cancelled: enough')
    expect((await refused(runtime.explain('nobody'))).code).toBe('invalid_key')
  })
})
