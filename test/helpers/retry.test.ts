/** `withRetry`: how often, after which waits, and what it says in the end. */
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { withRetry } from '../../src/helpers/retry.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

/** Fails so many times, then gives 'done'; remembers when it was called, counted from the start. */
function flaky(failures: number, errorOf: (call: number) => unknown = (call) => new Error(`failure ${call}`)) {
  const clock = createVirtualClock()
  const startMs = clock.monotonicMs()
  const calledAtMs: number[] = []
  const fn = async (): Promise<string> => {
    calledAtMs.push(clock.monotonicMs() - startMs)
    if (calledAtMs.length <= failures) throw errorOf(calledAtMs.length)
    return 'done'
  }
  return { clock, calledAtMs, fn }
}

test('what succeeds at once is called once, and no time passes', async () => {
  const { clock, calledAtMs, fn } = flaky(0)
  await expect(withRetry(fn, 3, 1000, { clock })).resolves.toBe('done')
  expect(calledAtMs).toEqual([0])
  expect(clock.pending).toBe(0)
})

test('the waits grow by one delay each: 1 s, 2 s, 3 s', async () => {
  const { clock, calledAtMs, fn } = flaky(3)
  await expect(clock.drive(withRetry(fn, 4, 1000, { clock }))).resolves.toBe('done')
  expect(calledAtMs).toEqual([0, 1000, 3000, 6000])
  expect(clock.pending).toBe(0)
})

test('three attempts a second apart by default, and the last one’s error as it is', async () => {
  const errors = [new Error('first'), new Error('second'), new Error('third')]
  const { clock, calledAtMs, fn } = flaky(9, (call) => errors[call - 1])
  await expect(clock.drive(withRetry(fn, undefined, undefined, { clock }))).rejects.toBe(errors[2])
  expect(calledAtMs).toEqual([0, 1000, 3000])
  expect(clock.pending).toBe(0)
})

test('what throws instead of rejecting is called again all the same', async () => {
  const clock = createVirtualClock()
  let calls = 0
  const fn = (): Promise<number> => {
    if (++calls < 3) throw new TypeError('at once')
    return Promise.resolve(calls)
  }
  await expect(clock.drive(withRetry(fn, 3, 10, { clock }))).resolves.toBe(3)
})

test('an error that no retry can help is rethrown at once; one that it can help is not', async () => {
  const hopeless = new MemorySyncError('invalid_key', 'the key "" is empty')
  const wrong = flaky(9, () => hopeless)
  await expect(withRetry(wrong.fn, 3, 1000, { clock: wrong.clock })).rejects.toBe(hopeless)
  expect(wrong.calledAtMs).toEqual([0])
  const away = flaky(2, () => new MemorySyncError('store_unavailable', 'the store is away'))
  await expect(away.clock.drive(withRetry(away.fn, 3, 5, { clock: away.clock }))).resolves.toBe('done')
})

test('an abort ends the wait at once, says what had failed, and leaves no timer', async () => {
  const { clock, calledAtMs, fn } = flaky(9)
  const abort = new AbortController()
  const retried = withRetry(fn, 3, 1000, { clock, signal: abort.signal })
  retried.catch(() => {})
  await clock.advance(500)
  expect(clock.pending).toBe(1)
  abort.abort('enough')
  const message = 'aborted after attempt 1 of 3, which failed: failure 1'
  await expect(retried).rejects.toMatchObject({ code: 'aborted', message, cause: 'enough' })
  expect(clock.pending).toBe(0)
  expect(calledAtMs).toEqual([0])
})

test('an abort during an attempt begins no other, and does not take a result away', async () => {
  for (const outcome of ['result', 'error'] as const) {
    const clock = createVirtualClock()
    const abort = new AbortController()
    const fn = async (): Promise<string> => {
      abort.abort()
      if (outcome === 'error') throw new Error('failed meanwhile')
      return 'done'
    }
    const retried = withRetry(fn, 3, 1000, { clock, signal: abort.signal })
    if (outcome === 'result') await expect(retried).resolves.toBe('done')
    else await expect(retried).rejects.toMatchObject({ code: 'aborted' })
    expect(clock.pending).toBe(0)
  }
})

test('a signal that was aborted before lets nothing begin', async () => {
  const { calledAtMs, fn } = flaky(0)
  await expect(withRetry(fn, 3, 0, { signal: AbortSignal.abort('early') })).rejects.toMatchObject({
    code: 'aborted',
    cause: 'early',
  })
  expect(calledAtMs).toEqual([])
})

test('a signal that outlives the call keeps no listener of it', async () => {
  const { clock, fn } = flaky(2)
  const { signal } = new AbortController()
  await clock.drive(withRetry(fn, 3, 10, { clock, signal }))
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test.each([
  [0, 1000, 'maxRetries must be a whole number of at least 1, got 0'],
  [1.5, 1000, 'maxRetries must be a whole number of at least 1, got 1.5'],
  [Number.POSITIVE_INFINITY, 1000, 'maxRetries'],
  [3, -1, 'delay must be milliseconds of at least 0, got -1'],
  [3, Number.NaN, 'delay'],
])('%d attempts %d ms apart are refused before the first', async (maxRetries, delay, message) => {
  const { calledAtMs, fn } = flaky(0)
  const retried = withRetry(fn, maxRetries, delay)
  await expect(retried).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining(message) })
  expect(calledAtMs).toEqual([])
})

test('a promise in place of a function is refused by name', async () => {
  const promise: unknown = Promise.resolve(1)
  await expect(withRetry(promise as () => Promise<number>)).rejects.toThrow('pass () => call()')
})
