/** The breaker's door: who is let through in which state, and whose outcome counts. The chart has its own tests. */
import { expect, test } from 'vitest'
import { CircuitBreaker, type CircuitBreakerOptions } from '../../src/helpers/circuit-breaker.ts'
import { systemClock } from '../../src/platform.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

function breakerOf(options: CircuitBreakerOptions = {}) {
  const clock = createVirtualClock()
  const breaker = new CircuitBreaker({ clock, ...options })
  const fail = async (message = 'down') => breaker.execute(() => Promise.reject(new Error(message))).catch((error) => error)
  return { clock, breaker, fail }
}

/** A call that is out until the test says how it ends. */
function callThrough(breaker: CircuitBreaker) {
  let resolve: (value: string) => void = () => {}
  let reject: (error: Error) => void = () => {}
  let isCalled = false
  const outcome = breaker.execute(() => {
    isCalled = true
    return new Promise<string>((settle, refuse) => {
      resolve = settle
      reject = refuse
    })
  })
  outcome.catch(() => {})
  return { outcome, isCalled, succeed: () => resolve('up'), fail: () => reject(new Error('late failure')) }
}

test('while closed it is not noticed: results and errors pass as they are', async () => {
  const { breaker, clock } = breakerOf()
  const error = new Error('mine')
  await expect(breaker.execute(async () => 7)).resolves.toBe(7)
  await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error)
  expect(breaker.state).toBe('closed')
  expect(clock.pending).toBe(0)
})

test('after five failures in a row nothing is called for thirty seconds', async () => {
  const { breaker, fail, clock } = breakerOf()
  for (let failures = 0; failures < 4; failures++) await fail()
  await breaker.execute(async () => 'a success begins the count anew')
  for (let failures = 0; failures < 5; failures++) {
    expect(breaker.state).toBe('closed')
    await fail(`failure ${failures}`)
  }
  expect(breaker.state).toBe('open')
  const refused = callThrough(breaker)
  expect(refused.isCalled).toBe(false)
  await expect(refused.outcome).rejects.toMatchObject({
    code: 'store_unavailable',
    message: 'Circuit breaker is open',
    retryable: true,
    cause: new Error('failure 4'),
  })
  await clock.advance(29_999)
  expect(breaker.state).toBe('open')
  await clock.advance(1)
  expect(breaker.state).toBe('half-open')
  expect(clock.pending).toBe(0)
})

test('what throws instead of rejecting is a failure too', async () => {
  const { breaker } = breakerOf({ failureThreshold: 1 })
  const fn = (): Promise<never> => {
    throw new TypeError('at once')
  }
  await expect(breaker.execute(fn)).rejects.toThrow('at once')
  expect(breaker.state).toBe('open')
})

test('half open, one call of many at once is the probe, and its success lets all through again', async () => {
  const { breaker, fail, clock } = breakerOf({ failureThreshold: 1, openMs: 100 })
  await fail()
  await clock.advance(100)
  const calls = Array.from({ length: 10 }, () => callThrough(breaker))
  expect(calls.map(({ isCalled }) => isCalled)).toEqual([true, ...Array(9).fill(false)])
  await expect(calls[9]?.outcome).rejects.toThrow('Circuit breaker is open')
  expect(breaker.state).toBe('half-open')
  calls[0]?.succeed()
  await expect(calls[0]?.outcome).resolves.toBe('up')
  expect(breaker.state).toBe('closed')
  await expect(breaker.execute(async () => 'next')).resolves.toBe('next')
  expect(clock.pending).toBe(0)
})

test('a probe that fails opens it again, for the whole time', async () => {
  const { breaker, fail, clock } = breakerOf({ failureThreshold: 3, openMs: 100 })
  for (let failures = 0; failures < 3; failures++) await fail()
  await clock.advance(100)
  await fail()
  expect(breaker.state).toBe('open')
  await clock.advance(99)
  expect(breaker.state).toBe('open')
  await clock.advance(1)
  expect(breaker.state).toBe('half-open')
})

test('a probe that never returns does not keep it shut for ever: after the open time the next call is the probe', async () => {
  const { breaker, fail, clock } = breakerOf({ failureThreshold: 1, openMs: 100 })
  await fail()
  await clock.advance(100)
  expect(callThrough(breaker).isCalled).toBe(true)
  await clock.advance(99)
  expect(callThrough(breaker).isCalled).toBe(false)
  await clock.advance(1)
  const second = callThrough(breaker)
  expect(second.isCalled).toBe(true)
  expect(callThrough(breaker).isCalled).toBe(false)
  second.succeed()
  await second.outcome
  expect(breaker.state).toBe('closed')
})

test('calls at once that all fail open it once, and count for nothing afterwards', async () => {
  const { breaker, clock } = breakerOf({ failureThreshold: 5, openMs: 100 })
  const calls = Array.from({ length: 12 }, () => callThrough(breaker))
  expect(calls.every(({ isCalled }) => isCalled)).toBe(true)
  for (const call of calls.slice(0, 5)) call.fail()
  await clock.settle()
  expect(breaker.state).toBe('open')
  // A late success does not close it, a late failure does not spoil the probe.
  calls[5]?.succeed()
  await expect(calls[5]?.outcome).resolves.toBe('up')
  expect(breaker.state).toBe('open')
  await clock.advance(100)
  const probe = callThrough(breaker)
  calls[6]?.fail()
  await clock.settle()
  expect(breaker.state).toBe('half-open')
  calls[7]?.succeed()
  await clock.settle()
  expect(breaker.state).toBe('half-open')
  probe.succeed()
  await clock.settle()
  expect(breaker.state).toBe('closed')
  for (const call of calls.slice(8)) call.fail()
  await clock.settle()
  expect(breaker.state).toBe('closed')
  expect(clock.pending).toBe(0)
})

test('a reset closes it, forgets what was counted and what is out, and leaves no timer', async () => {
  const { breaker, fail, clock } = breakerOf({ failureThreshold: 2, openMs: 100 })
  await fail()
  const out = callThrough(breaker)
  breaker.reset()
  out.fail()
  await clock.settle()
  await fail()
  expect(breaker.state).toBe('closed')
  await fail()
  expect(breaker.state).toBe('open')
  expect(clock.pending).toBe(1)
  breaker.reset()
  expect(breaker.state).toBe('closed')
  expect(clock.pending).toBe(0)
  await expect(breaker.execute(async () => 1)).resolves.toBe(1)
})

test('its timer keeps no process alive', async () => {
  const asked: (boolean | undefined)[] = []
  const clock = createVirtualClock()
  const { fail, breaker } = breakerOf({
    failureThreshold: 1,
    clock: {
      ...systemClock,
      setTimer: (delayMs, fire, options) => {
        asked.push(options?.keepAlive)
        return clock.setTimer(delayMs, fire)
      },
    },
  })
  await fail()
  expect(breaker.state).toBe('open')
  expect(asked).toEqual([false])
})

test.each([
  [{ failureThreshold: 0 }, 'failureThreshold must be a whole number of at least 1, got 0'],
  [{ failureThreshold: 2.5 }, 'failureThreshold'],
  [{ openMs: 0 }, 'openMs must be milliseconds of more than 0, got 0'],
  [{ openMs: Number.NaN }, 'openMs'],
])('%o is refused', (options, message) => {
  expect(() => new CircuitBreaker(options)).toThrow(message)
})

test('what is no function is refused, and is no failure', async () => {
  const { breaker } = breakerOf({ failureThreshold: 1 })
  const promise: unknown = Promise.resolve(1)
  await expect(breaker.execute(promise as () => Promise<number>)).rejects.toMatchObject({ code: 'invalid_option' })
  expect(breaker.state).toBe('closed')
})
