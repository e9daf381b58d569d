/** What handlers may do, and whatever else they do. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { effectsMax, type HandledTask, type Handler } from '../../src/runtime/handlers.ts'
import { gate, hangs, wait, world } from './harness.ts'

const once = { maxAttempts: 1 } as const

function one(handler: Handler) {
  const made = world()
  const member = made.join()
  member.runtime.spawnWorker({ handlers: { x: handler, next: () => 'next' } })
  const submit = (more = {}) => made.run(member.runtime.submit({ id: 'a', type: 'x', ...more }))
  return { ...member, ...made, submit }
}

const hostile = new Proxy(new Error('hostile'), {
  get() {
    throw new Error('do not look')
  },
})

describe('a handler that fails', () => {
  test.each<[string, Handler, object]>([
    [
      'throws',
      () => {
        throw new TypeError('at once')
      },
      { name: 'TypeError', message: 'at once', reason: 'handler' },
    ],
    ['rejects', () => Promise.reject(new RangeError('later')), { name: 'RangeError', message: 'later' }],
    [
      'throws null',
      () => {
        throw null
      },
      { name: 'Error', message: 'null' },
    ],
    [
      'throws undefined',
      () => {
        throw undefined
      },
      { name: 'Error', message: 'undefined' },
    ],
    [
      'throws a text',
      () => {
        throw 'plain words'
      },
      { name: 'Error', message: 'plain words' },
    ],
    [
      'throws an empty error',
      () => {
        throw new SyntaxError()
      },
      { name: 'SyntaxError', message: 'SyntaxError' },
    ],
    [
      'throws a frozen object',
      () => {
        throw Object.freeze({ code: 7 })
      },
      { name: 'Error', message: '{"code":7}' },
    ],
    [
      'throws a frozen error',
      () => {
        throw Object.freeze(new Error('cold'))
      },
      { name: 'Error', message: 'cold' },
    ],
    [
      'throws a function',
      () => {
        throw () => {}
      },
      { name: 'Error' },
    ],
    [
      'throws an error whose message is none',
      () => {
        throw Object.assign(new Error(), { message: { code: 5 }, name: undefined })
      },
      { name: 'Error' },
    ],
    [
      'throws an error with a name that is none',
      () => {
        throw Object.assign(new Error('text'), { name: Symbol('s') })
      },
      { message: 'text' },
    ],
    [
      'throws what cannot be looked at',
      () => {
        throw hostile
      },
      { name: 'Error' },
    ],
    [
      'returns a thenable that throws',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: this is what is tested
        then() {
          throw new Error('in then')
        },
      }),
      { message: 'in then' },
    ],
    ['returns a function', () => () => {}, { reason: 'invalid_output' }],
    ['returns a BigInt', () => 10n, { reason: 'invalid_output' }],
    ['returns a Map', async () => new Map(), { reason: 'invalid_output' }],
    ['returns NaN', () => Number.NaN, { reason: 'invalid_output' }],
    [
      'returns a cycle',
      () => {
        const cycle: { self?: unknown } = {}
        cycle.self = cycle
        return cycle
      },
      { reason: 'invalid_output' },
    ],
    ['returns hostile data', () => ({ hostile }), { reason: 'invalid_output' }],
    ['returns too much', () => 'é'.repeat(300_000), { reason: 'invalid_output', name: 'MemorySyncError' }],
  ])('%s: the attempt fails and the worker goes on', async (_, handler, fault) => {
    const { submit, run, refused, runtime, problems } = one(handler)
    const task = await submit(once)
    expect((await refused(task.result())).code).toBe('task_failed')
    expect((await run(task.record()))?.error).toMatchObject(fault)
    expect(await run((await run(runtime.submit({ type: 'next' }))).result())).toBe('next')
    expect(problems).toEqual([])
  })

  test('tells its error in at most 2,000 characters', async () => {
    const { submit, run, refused } = one(() => {
      throw Object.assign(new Error('m'.repeat(1_000_000)), { name: 'n'.repeat(1_000_000) })
    })
    const task = await submit(once)
    await refused(task.result())
    const error = (await run(task.record()))?.error
    expect(error?.message).toHaveLength(2000)
    expect(error?.name.length).toBeLessThanOrEqual(200)
  })

  test('can fail as often as it has attempts, with the largest input, and still be told about', async () => {
    const { runtime, run, refused } = one((task: HandledTask) => {
      throw new Error(`${task.attempt}`.repeat(5000))
    })
    // The largest that submit takes.
    const bytes = 512 * 1024 - 32 * 1024
    expect((await refused(runtime.submit({ id: 'a', type: 'x', input: 'i'.repeat(bytes) }))).code).toBe('too_large')
    const task = await run(runtime.submit({ id: 'a', type: 'x', input: 'i'.repeat(bytes - 400) }))
    expect((await refused(task.result())).message).toContain('3 of 3 attempts')
  })
})

describe('a handler that goes on after its end', () => {
  test('cannot settle its task a second time, nor report progress', async () => {
    const late = gate()
    let reported: unknown = 'not yet'
    const { submit, run, refused, runtime, until, clock } = one(async (task: HandledTask) => {
      task.progress(1, 'begun')
      await late.promise
      task.progress(99, 'nearly')
      reported = 'went through'
      throw new Error('after all')
    })
    const task = await submit(once)
    await until(task, 'processing')
    await run(task.send({ type: 'task.cancel' }))
    await refused(task.result())
    late.open()
    await clock.advance(1)
    expect(reported).toBe('went through')
    expect(await run(runtime.memory.get('task-sentinel/tasks/a/progress'))).toMatchObject({ progress: 1, status: 'begun' })
    expect((await run(task.record()))?.status).toBe('cancelled')
  })

  test('may throw after its abort: nobody is troubled', async () => {
    const { submit, refused, runtime, run, problems } = one(
      (task: HandledTask) =>
        new Promise((_, reject) => task.signal.addEventListener('abort', () => reject(new Error('I was aborted')))),
    )
    const task = await submit({ timeoutMs: 100, ...once })
    expect((await refused(task.result())).cause).toMatchObject({ name: 'TimeoutError' })
    await run(runtime.submit({ type: 'next' }))
    expect(problems).toEqual([])
  })

  test('finds its signal aborted, also when it first asks for it afterwards', async () => {
    const late = gate()
    const seen = gate<boolean>()
    const { submit, refused, run } = one(async (task: HandledTask) => {
      await late.promise
      seen.open(task.signal.aborted)
    })
    const task = await submit({ timeoutMs: 100, ...once })
    await refused(task.result())
    late.open()
    expect(await run(seen.promise)).toBe(true)
  })
})

describe('a handler', () => {
  test('is given its task', async () => {
    let given: HandledTask | null = null
    const { submit, run } = one((task: HandledTask) => {
      given = task
    })
    await run((await submit({ input: { list: [1, 2] } })).result())
    expect(given).toMatchObject({ id: 'a', type: 'x', input: { list: [1, 2] }, attempt: 1, epoch: 1 })
  })

  test.each(['constructor', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf', 'then'])(
    'of the type %s is run for that type only',
    async (type) => {
      const { join, run, clock } = world()
      const [one, two] = [join().runtime, join().runtime]
      one.spawnWorker({ handlers: { other: () => 'other' } })
      const task = await run(one.submit({ id: type, type }))
      await clock.advance(1000)
      expect((await run(task.record()))?.status).toBe('pending')
      two.spawnWorker({ id: type, handlers: { [type]: () => 'own' } })
      expect(await run(task.result())).toBe('own')
    },
  )

  test('of the type __proto__ cannot be', async () => {
    const { join } = world()
    const { runtime } = join()
    expect(() => runtime.spawnWorker({ handlers: { ['__proto__']: () => 1 } })).toThrow(/__proto__/)
    // The literal sets the prototype and names no type.
    expect(() => runtime.spawnWorker({ handlers: { __proto__: { x: () => 1 } } as never })).toThrow(/at least one/)
  })

  test('reports progress as a document', async () => {
    const { submit, run, runtime, clock } = one(async (task: HandledTask) => {
      for (const percent of [0, 33.3, 100]) task.progress(percent)
      expect(() => task.progress(101)).toThrow(MemorySyncError)
      expect(() => task.progress(Number.NaN)).toThrow(/NaN|null/)
      expect(() => task.progress('1' as never)).toThrow(/"1"/)
      await wait(clock, 5)
    })
    await run((await submit()).result())
    expect(await run(runtime.memory.get('task-sentinel/tasks/a/progress'))).toMatchObject({
      progress: 100,
      status: 'processing',
      timestamp: expect.any(Number),
    })
  })

  test('may use the runtime: submit, wait for others, read and write', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      capacity: 10,
      handlers: {
        fib: async (task): Promise<unknown> => {
          if (task.input < 2) return task.input
          const parts = await Promise.all(
            [1, 2].map(async (less) => (await runtime.submit({ type: 'leaf', input: task.input - less })).result<number>()),
          )
          await task.memory.set(`fib/${task.input}`, parts)
          return (parts[0] as number) + (parts[1] as number)
        },
        leaf: (task) => task.input,
      },
    })
    expect(await run((await run(runtime.submit({ type: 'fib', input: 9 }))).result())).toBe(15)
    expect(await run(runtime.memory.get('fib/9'))).toEqual([8, 7])
  })

  test('may shut its own runtime down', async () => {
    const { submit, run, runtime, join } = one(() => {
      void runtime.shutdown({ drainMs: 1000 })
      return 'last words'
    })
    await submit()
    await run(runtime.shutdown())
    expect(await run(join().runtime.task('a').result())).toBe('last words')
  })
})

describe('effects', () => {
  test('take effect with the completion, or not at all', async () => {
    const { submit, run, runtime } = one(async (task: HandledTask) => {
      task.effect('out/a', 'first thoughts')
      task.effect('out/a', `attempt ${task.attempt}`)
      task.effect('out/b', { deep: [1] })
      expect(await runtime.memory.get('out/a')).toBe(null)
      if (task.attempt < 3) throw new Error('not yet')
    })
    await run((await submit()).result())
    expect(await run(runtime.memory.get('out/a'))).toBe('attempt 3')
    expect(await run(runtime.memory.get('out/b'))).toEqual({ deep: [1] })
    expect((await run(runtime.memory.entry('out/a')))?.entry.version).toEqual({ [runtime.workerId]: expect.any(Number) })
  })

  test('overwrite what is there, whoever wrote it', async () => {
    const { submit, run, join } = one((task: HandledTask) => task.effect('out/a', 'mine'))
    const other = join().runtime
    await run(other.memory.set('out/a', 'theirs'))
    await run((await submit()).result())
    expect(await run(other.memory.get('out/a'))).toBe('mine')
  })

  test('of an attempt that was taken over do not happen', async () => {
    const { join, run, until } = world()
    const [one, two] = [join(), join()]
    const late = gate()
    one.runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          task.effect('out', 'old owner')
          await late.promise
        },
      },
    })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    one.freeze()
    two.runtime.spawnWorker({ handlers: { x: (work) => work.effect('out', 'new owner') } })
    await run(task.result())
    late.open()
    one.thaw()
    await run(wait(two.clock, 10_000))
    expect(await run(two.runtime.memory.get('out'))).toBe('new owner')
  })

  test.each<[string, (task: HandledTask) => void, string]>([
    [
      'on too many keys',
      (task) => {
        for (const n of range(effectsMax + 1)) task.effect(`e/${n}`, n)
      },
      'too_large',
    ],
    ['on a record', (task) => task.effect('task-sentinel/tasks/b/record', {}), 'not_supported'],
    ['on its own state', (task) => task.effect('task-sentinel/tasks/a/state', {}), 'not_supported'],
    ['on its own result', (task) => task.effect('task-sentinel/tasks/a/result', {}), 'not_supported'],
    ['on no key', (task) => task.effect('a//b', {}), 'invalid_key'],
    ['that are no JSON', (task) => task.effect('a', 10n), 'invalid_value'],
    ['that are too large', (task) => task.effect('a', 'v'.repeat(600_000)), 'too_large'],
  ])('%s are refused where they are asked for', async (_, act, code) => {
    const seen: unknown[] = []
    const { submit, run } = one((task: HandledTask) => {
      try {
        act(task)
      } catch (thrown) {
        seen.push(thrown)
      }
      return 'goes on'
    })
    expect(await run((await submit()).result(), 10_000)).toBe('goes on')
    expect(seen).toMatchObject([{ code }])
  })

  test('on as many keys as are allowed all happen', async () => {
    const { submit, run, runtime } = one((task: HandledTask) => {
      for (const n of range(effectsMax)) task.effect(`e/${n}`, n)
    })
    await run((await submit()).result())
    let sum = 0
    await run(
      (async () => {
        for await (const item of runtime.memory.list('e/*')) sum += Number(item.value)
      })(),
    )
    expect(sum).toBe((effectsMax * (effectsMax - 1)) / 2)
  })
})

describe("a handler's memory", () => {
  test('is refused with stale_epoch once somebody else has its task', async () => {
    const { join, run, until, clock } = world()
    const [one, two] = [join(), join()]
    const late = gate()
    const outcomes: unknown[] = []
    one.runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          await task.memory.set('scratch', 'first')
          await late.promise
          const { memory } = task
          for (const write of [
            () => memory.set('scratch', 'late'),
            () => memory.set('fresh', 'late'),
            () => memory.delete('scratch'),
            () => memory.update('scratch', () => 'late'),
          ]) {
            await write().then(
              () => outcomes.push('written'),
              (error) => outcomes.push(error.code),
            )
          }
        },
      },
    })
    const task = await run(two.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    await clock.advance(10)
    one.freeze()
    two.runtime.spawnWorker({ handlers: { x: () => 'taken over' } })
    expect(await run(task.result())).toBe('taken over')
    one.thaw()
    late.open()
    await clock.advance(1000)
    expect(outcomes).toEqual(['stale_epoch', 'stale_epoch', 'stale_epoch', 'stale_epoch'])
    expect(await run(two.runtime.memory.get('scratch'))).toBe('first')
    expect(await run(two.runtime.memory.get('fresh'))).toBe(null)
  })

  test.each([
    ['timed out', { timeoutMs: 100, backoff: { baseMs: 60_000 } }],
    ['was cancelled', {}],
  ])('is refused as soon as its attempt %s, whoever has the task then', async (what, more) => {
    const late = gate()
    const outcomes: unknown[] = []
    const { submit, run, runtime, until, clock } = one(async (task: HandledTask) => {
      const begun = task.memory.set('begun', 1)
      await late.promise
      await begun
      for (const write of [
        () => task.memory.set('late', 1),
        () => task.memory.set('late', 1, { ifAbsent: true }),
        () => task.memory.delete('begun'),
        () => task.memory.update('late', () => 1),
      ]) {
        await write().then(
          () => outcomes.push('written'),
          (error) => outcomes.push(error.code),
        )
      }
      // Reading harms nobody.
      outcomes.push(await task.memory.get('begun'))
    })
    const task = await submit(more)
    await until(task, 'processing')
    if (what === 'was cancelled') await run(task.send({ type: 'task.cancel' }))
    await clock.advance(500)
    expect((await run(task.record()))?.status).not.toBe('processing')
    late.open()
    await clock.advance(100)
    expect(outcomes).toEqual(['stale_epoch', 'stale_epoch', 'stale_epoch', 'stale_epoch', 1])
    expect(await run(runtime.memory.get('late'))).toBe(null)
  })

  test('works while it has its task, and sees its own writes', async () => {
    const { submit, run, runtime } = one(async (task: HandledTask) => {
      const set = task.memory.set('k', 1)
      expect(await task.memory.get('k')).toBe(1)
      await set
      await task.memory.update('k', (value) => Number(value) + 1)
      return task.memory.get('k')
    })
    expect(await run((await submit()).result())).toBe(2)
    expect(await run(runtime.memory.get('k'))).toBe(2)
  })
})

test('a task whose actor crashes is run again after its lease, and its handler is left alone', async () => {
  const { join, run, clock } = world()
  const member = join()
  let attempts = 0
  member.runtime.spawnWorker({
    handlers: { x: (task) => (++attempts && task.attempt === 1 ? hangs() : `attempt ${task.attempt}`) },
  })
  await run(member.runtime.ready())
  // The chart's own hands fail: the timer of the handler's time cannot be set.
  member.clock.onTimer = (delayMs) => {
    if (delayMs === 77_777) {
      member.clock.onTimer = () => {}
      throw new Error('no timer left')
    }
  }
  const startedMs = clock.monotonicMs()
  const task = await run(member.runtime.submit({ type: 'x', timeoutMs: 77_777 }))
  expect(await run(task.result(), 60_000)).toBe('attempt 2')
  expect(clock.monotonicMs() - startedMs).toBeLessThan(18_000)
  expect(attempts).toBe(1)
  expect(member.problems.map(({ message }) => message)).toEqual([expect.stringContaining('crashed: no timer left')])
})

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index)
}
