/** The breaker's hand, and the chart on the clock it is given. */
import { expect, test } from 'vitest'
import { createActor } from 'xstate'
import { type CircuitBreakerInput, circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { circuitBreakerLogic } from '../../src/actors/circuit-breaker.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

function breakerOf(input: CircuitBreakerInput = {}) {
  const clock = createVirtualClock()
  const announced: string[] = []
  const logic = circuitBreakerLogic({ announce: (state) => announced.push(state) })
  const actor = createActor(logic, { input, clock: xstateClock(clock) }).start()
  const tell = (...types: ('call.succeeded' | 'call.failed' | 'breaker.reset')[]) => {
    for (const type of types) actor.send({ type })
  }
  return { clock, announced, actor, tell }
}

test('opens after so many failures in a row, and says so', () => {
  const { tell, announced } = breakerOf({ failureThreshold: 3 })
  tell('call.failed', 'call.failed', 'call.succeeded', 'call.failed', 'call.failed')
  expect(announced).toEqual([])
  tell('call.failed')
  expect(announced).toEqual(['open'])
})

test('is half open after its time, and the next call decides', async () => {
  const { tell, announced, clock } = breakerOf({ failureThreshold: 1, openMs: 500 })
  tell('call.failed')
  await clock.advance(499)
  tell('call.failed')
  expect(announced).toEqual(['open'])
  await clock.advance(1)
  tell('call.failed')
  await clock.advance(500)
  tell('call.succeeded')
  expect(announced).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
  expect(clock.pending).toBe(0)
  // The count begins anew.
  tell('call.failed')
  expect(announced.at(-1)).toBe('open')
})

test('closes when something urgent got through meanwhile, or on request', () => {
  for (const type of ['call.succeeded', 'breaker.reset'] as const) {
    const { tell, announced, clock } = breakerOf({ failureThreshold: 1 })
    tell('call.failed', type)
    expect(announced).toEqual(['open', 'closed'])
    expect(clock.pending).toBe(0)
  }
})

test('has defaults: five failures, thirty seconds', async () => {
  const { tell, announced, clock } = breakerOf()
  tell('call.failed', 'call.failed', 'call.failed', 'call.failed')
  expect(announced).toEqual([])
  tell('call.failed')
  await clock.advance(29_999)
  expect(announced).toEqual(['open'])
  await clock.advance(1)
  expect(announced).toEqual(['open', 'half-open'])
})

test('leaves the chart as it is: others can bind it to hands of their own', () => {
  expect(() => circuitBreakerLogic({ announce: () => {} })).not.toThrow()
  const plain = createActor(circuitBreakerMachine, { input: { failureThreshold: 1 } }).start()
  plain.send({ type: 'call.failed' })
  expect(plain.getSnapshot().value).toBe('open')
  plain.stop()
})
