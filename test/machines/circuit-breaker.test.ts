import { describe, expect, it } from 'vitest'
import { createActor, initialTransition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { type CircuitBreakerEvent, type CircuitBreakerInput, circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { delayedEvents } from './explore.ts'

const succeeded: CircuitBreakerEvent = { type: 'call.succeeded' }
const failed: CircuitBreakerEvent = { type: 'call.failed' }
const reset: CircuitBreakerEvent = { type: 'breaker.reset' }

/** A running breaker on virtual time, with what it announced. */
function run(input: CircuitBreakerInput = {}) {
  const clock = createVirtualClock()
  const announced: string[] = []
  const logic = circuitBreakerMachine.provide({ actions: { announce: (_, { state }) => announced.push(state) } })
  const actor = createActor(logic, { input, clock: xstateClock(clock) }).start()
  return {
    clock,
    announced,
    actor,
    state: () => actor.getSnapshot().value,
    send(...events: CircuitBreakerEvent[]) {
      for (const event of events) actor.send(event)
    },
  }
}

describe('a circuit breaker', () => {
  it('reaches every state of its chart', () => {
    const events = [succeeded, failed, reset, ...delayedEvents(circuitBreakerMachine)]
    const paths = getShortestPaths(circuitBreakerMachine, { input: {}, events, limit: 500 })
    expect([...new Set(paths.map(({ state }) => state.value))].sort()).toEqual(['closed', 'halfOpen', 'open'])
  })

  it('begins closed, with five failures and half a minute unless told otherwise', () => {
    const [snapshot, actions] = initialTransition(circuitBreakerMachine, {})
    expect(snapshot).toMatchObject({ value: 'closed', context: { failureThreshold: 5, openMs: 30_000, failures: 0 } })
    expect(actions).toEqual([])
  })

  it('opens after so many failures in a row, and says so once', () => {
    const breaker = run({ failureThreshold: 3 })
    breaker.send(failed, failed)
    expect([breaker.state(), breaker.announced]).toEqual(['closed', []])
    breaker.send(failed, failed, failed)
    expect([breaker.state(), breaker.announced]).toEqual(['open', ['open']])
  })

  it('counts failures in a row only', () => {
    const breaker = run({ failureThreshold: 2 })
    breaker.send(failed, succeeded, failed, succeeded, failed)
    expect(breaker.state()).toBe('closed')
    breaker.send(failed)
    expect(breaker.state()).toBe('open')
  })

  it('with a threshold of one opens at the first failure', () => {
    const breaker = run({ failureThreshold: 1 })
    breaker.send(failed)
    expect(breaker.state()).toBe('open')
  })

  it('lets a probe through after its time, and not before', async () => {
    const breaker = run({ failureThreshold: 1, openMs: 1000 })
    breaker.send(failed)
    await breaker.clock.advance(999)
    expect(breaker.state()).toBe('open')
    await breaker.clock.advance(1)
    expect([breaker.state(), breaker.announced]).toEqual(['halfOpen', ['open', 'half-open']])
  })

  it('does not stay open longer for failures of what was already on its way', async () => {
    const breaker = run({ failureThreshold: 1, openMs: 1000 })
    breaker.send(failed)
    await breaker.clock.advance(600)
    breaker.send(failed)
    await breaker.clock.advance(400)
    expect(breaker.state()).toBe('halfOpen')
  })

  it('closes when the probe succeeds, and counts from nothing', async () => {
    const breaker = run({ failureThreshold: 2, openMs: 1000 })
    breaker.send(failed, failed)
    await breaker.clock.advance(1000)
    breaker.send(succeeded)
    expect([breaker.state(), breaker.announced]).toEqual(['closed', ['open', 'half-open', 'closed']])
    breaker.send(failed)
    expect(breaker.state()).toBe('closed')
    expect(breaker.clock.pending).toBe(0)
  })

  it('opens again for its whole time when the probe fails', async () => {
    const breaker = run({ failureThreshold: 5, openMs: 1000 })
    breaker.send(failed, failed, failed, failed, failed)
    await breaker.clock.advance(1000)
    breaker.send(failed)
    expect(breaker.announced).toEqual(['open', 'half-open', 'open'])
    await breaker.clock.advance(999)
    expect(breaker.state()).toBe('open')
    await breaker.clock.advance(1)
    expect(breaker.state()).toBe('halfOpen')
  })

  it('closes early when something urgent gets through, and leaves no timer', () => {
    const breaker = run({ failureThreshold: 1 })
    breaker.send(failed, succeeded)
    expect([breaker.state(), breaker.announced, breaker.clock.pending]).toEqual(['closed', ['open', 'closed'], 0])
  })

  it('is reset from every state, whatever was counted', async () => {
    const breaker = run({ failureThreshold: 2, openMs: 1000 })
    breaker.send(failed, reset, failed)
    expect([breaker.state(), breaker.announced]).toEqual(['closed', []])
    breaker.send(failed, reset)
    expect([breaker.state(), breaker.announced]).toEqual(['closed', ['open', 'closed']])
    breaker.send(failed, failed)
    await breaker.clock.advance(1000)
    breaker.send(reset)
    expect([breaker.state(), breaker.announced.at(-1)]).toEqual(['closed', 'closed'])
  })
})
