/** What runtimes and workers may be asked for; everything else is refused with the value and the way out. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import { checkRuntimeOptions } from '../../src/runtime/options.ts'
import { hangs, world } from './harness.ts'

function refusalOf(call: () => unknown): MemorySyncError {
  try {
    call()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MemorySyncError)
    return thrown as MemorySyncError
  }
  expect.unreachable('was not refused')
}

describe('runtime options', () => {
  test('have defaults', () => {
    expect(checkRuntimeOptions({})).toEqual({
      namespace: 'task-sentinel',
      batchIntervalMs: 100,
      lingerMs: 0,
      heartbeatIntervalMs: 5000,
      taskLeaseMs: 15_000,
      backpressure: 'wait',
      allowWeak: false,
      cacheSize: 1000,
      restart: { intensity: 5, periodMs: 60_000 },
      keepAlive: true,
      durability: 'process-crash',
    })
    expect(checkRuntimeOptions({ restart: { intensity: 1 } }).restart).toEqual({ intensity: 1, periodMs: 60_000 })
  })

  test.each([
    [{ taskLeaseMS: 5 }, ['taskLeaseMS', 'taskLeaseMs']],
    [{ store: 'memory:', Store: 1 }, ['"Store"']],
    [{ batchIntervalMs: -1 }, ['batchIntervalMs', '-1']],
    [{ batchIntervalMs: Number.NaN }, ['batchIntervalMs', 'NaN']],
    [{ lingerMs: Number.POSITIVE_INFINITY }, ['lingerMs', 'Infinity']],
    [{ lingerMs: '5' }, ['lingerMs', '"5"']],
    [{ heartbeatIntervalMs: 0 }, ['heartbeatIntervalMs', '0']],
    [{ heartbeatIntervalMs: 2 ** 31 }, ['heartbeatIntervalMs', '2147483648']],
    [{ taskLeaseMs: 99 }, ['taskLeaseMs', '99', '100']],
    [{ taskLeaseMs: null }, ['taskLeaseMs', 'null']],
    [{ backpressure: 'drop' }, ['backpressure', '"drop"', 'wait', 'reject']],
    [{ restart: { intensity: 1.5 } }, ['restart.intensity', '1.5']],
    [{ restart: { intensity: -1 } }, ['restart.intensity', '-1']],
    [{ restart: { periodMs: 0 } }, ['restart.periodMs', '0']],
    [{ restart: { times: 3 } }, ['restart.times', 'intensity, periodMs']],
    [{ restart: 5 }, ['restart', '5']],
    [{ allowWeak: 'yes' }, ['allowWeak', '"yes"']],
    [{ keepAlive: 'yes' }, ['keepAlive', '"yes"']],
    [{ durability: 'none' }, ['durability', '"none"', 'fsync']],
    [{ store: 5 }, ['store', '5']],
    [{ store: { get() {} } }, ['store']],
    [{ clock: { wallMs: 5 } }, ['clock', 'monotonicMs']],
    [{ logger: console.log }, ['logger']],
    [{ logger: { warn() {} } }, ['logger', 'debug']],
    [{ random: Math.random }, ['random', 'token']],
    [{ namespace: 5 }, ['namespace', '5']],
    [null, ['null']],
    ['memory:', ['"memory:"']],
  ])('refuse %o', (options, texts) => {
    const error = refusalOf(() => checkRuntimeOptions(options as never))
    expect(error.code).toBe('invalid_option')
    for (const text of texts) expect(error.message).toContain(text)
  })

  test.each([
    [{ namespace: '' }, 'namespace ""'],
    [{ namespace: 'a/b' }, 'namespace "a/b"'],
    [{ namespace: '..' }, 'namespace ".."'],
    [{ workerId: '__proto__' }, 'workerId "__proto__"'],
    [{ workerId: 'a*' }, 'workerId "a*"'],
    [{ workerId: ' a' }, 'workerId " a"'],
    [{ workerId: 'w'.repeat(129) }, 'workerId "wwww'],
  ])('refuse the id in %o', (options, text) => {
    const error = refusalOf(() => checkRuntimeOptions(options))
    expect(error.code).toBe('invalid_key')
    expect(error.message).toContain(text)
  })

  test('are checked before anything is opened or started', () => {
    for (const options of [
      { store: 'memory:', lingerMs: -1 },
      { store: 'nowhere:' },
      { store: '' },
      { store: 'memory:', workerId: '' },
    ]) {
      expect(refusalOf(() => createRuntime(options)).code).toMatch(/invalid_|not_supported/)
    }
  })

  test('of a namespace keep two runtimes of one store apart', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join({ namespace: 'one' }).runtime, join({ namespace: 'two' }).runtime]
    two.spawnWorker({ handlers: { x: () => 'two' } })
    await run(one.submit({ id: 'a', type: 'x' }))
    await clock.advance(1000)
    expect((await run(one.task('a').record()))?.status).toBe('pending')
    expect(await run(two.task('a').record())).toBe(null)
    expect([one.namespace, two.namespace]).toEqual(['one', 'two'])
    await run(two.submit({ id: 'a', type: 'x' }))
    expect(await run(two.task('a').result())).toBe('two')
  })
})

describe('worker options', () => {
  test.each([
    [null, ['null']],
    [{}, ['handlers', 'driven: true']],
    [{ handlers: {} }, ['at least one']],
    [{ handlers: [] }, ['at least one']],
    [{ handlers: undefined }, ['handlers', 'driven: true']],
    [{ handlers: null }, ['handlers', 'driven: true']],
    [{ handlers: () => 1 }, ['handlers']],
    [{ handlers: { x: 'do it' } }, ['handlers["x"]', '"do it"']],
    [{ handlers: { x: hangs }, driven: true }, ['either']],
    [{ driven: false }, ['driven: true']],
    [{ driven: true, types: [] }, ['at least one']],
    [{ driven: true, types: 'x' }, ['"x"']],
    [{ handlers: { x: hangs }, capacity: 0 }, ['capacity', '0']],
    [{ handlers: { x: hangs }, capacity: 1.5 }, ['capacity', '1.5']],
    [{ handlers: { x: hangs }, capacity: Number.POSITIVE_INFINITY }, ['capacity']],
    [{ handlers: { x: hangs }, capacity: 1e6 }, ['capacity', '1000000', '10000']],
    [{ handlers: { x: hangs }, concurrency: 5 }, ['"concurrency"', 'capacity']],
  ])('refuse %o', (options, texts) => {
    const error = refusalOf(() =>
      world()
        .join()
        .runtime.spawnWorker(options as never),
    )
    expect(error.code).toBe('invalid_option')
    for (const text of texts) expect(error.message).toContain(text)
  })

  test.each([
    [{ id: '', handlers: { x: hangs } }],
    [{ id: 'a/b', handlers: { x: hangs } }],
    [{ handlers: { 'a/b': hangs } }],
    [{ driven: true as const, types: ['a*'] }],
  ])('refuse the id in %o', (options) => {
    expect(refusalOf(() => world().join().runtime.spawnWorker(options)).code).toBe('invalid_key')
  })

  test('allow one worker of an id in a runtime', () => {
    const { runtime } = world().join()
    runtime.spawnWorker({ id: 'a', handlers: { x: hangs } })
    expect(refusalOf(() => runtime.spawnWorker({ id: 'a', handlers: { x: hangs } })).message).toContain(
      'already has a worker "a"',
    )
  })

  test('give ids where none is asked for', () => {
    const { runtime } = world().join({ workerId: 'host' })
    const ids = [1, 2].map(() => runtime.spawnWorker({ driven: true }).id)
    expect(ids).toEqual(['host.1', 'host.2'])
  })
})
