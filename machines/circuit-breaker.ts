/**
 * A circuit breaker (Nygard, "Release It!", 2007): after so many failures in a row nothing is sent for a while, then one
 * probe decides. Knows nothing of what it protects; who reports to it also hears from it.
 */
import { assign, setup } from 'xstate'
import { effect } from './effect.ts'

export interface CircuitBreakerInput {
  /** Failures in a row that open it. Default 5. */
  readonly failureThreshold?: number
  /** Milliseconds until it lets a probe through. Default 30,000. */
  readonly openMs?: number
}

export interface CircuitBreakerContext {
  readonly failureThreshold: number
  readonly openMs: number
  readonly failures: number
}

export type CircuitBreakerEvent =
  | { type: 'call.succeeded' }
  | { type: 'call.failed' }
  /** Go back to closed now, whatever was counted. */
  | { type: 'breaker.reset' }

export const circuitBreakerMachine = setup({
  types: {
    input: {} as CircuitBreakerInput,
    context: {} as CircuitBreakerContext,
    events: {} as CircuitBreakerEvent,
  },
  actions: {
    /** Tells whoever sends that it must stop, may probe, or may go on. */
    announce: effect<{ state: 'closed' | 'open' | 'half-open' }>(),
  },
  delays: {
    openMs: ({ context }) => context.openMs,
  },
  guards: {
    isAtThreshold: ({ context }) => context.failures + 1 >= context.failureThreshold,
  },
}).createMachine({
  id: 'circuit-breaker',
  context: ({ input }) => ({ failureThreshold: input.failureThreshold ?? 5, openMs: input.openMs ?? 30_000, failures: 0 }),
  initial: 'closed',
  states: {
    closed: {
      description: 'Calls go through; failures in a row are counted.',
      exit: assign({ failures: 0 }),
      on: {
        'call.succeeded': { actions: assign({ failures: 0 }) },
        'call.failed': [
          { guard: 'isAtThreshold', target: 'open' },
          { actions: assign({ failures: ({ context }) => context.failures + 1 }) },
        ],
        'breaker.reset': { actions: assign({ failures: 0 }) },
      },
    },
    open: {
      description: 'Nothing is sent, so that what is down can recover.',
      entry: { type: 'announce', params: { state: 'open' } },
      after: { openMs: 'halfOpen' },
      on: {
        'call.succeeded': {
          description: 'Something urgent passed and got through.',
          target: 'closed',
          actions: { type: 'announce', params: { state: 'closed' } },
        },
        'breaker.reset': { target: 'closed', actions: { type: 'announce', params: { state: 'closed' } } },
      },
    },
    halfOpen: {
      description: 'One probe at a time; its outcome decides.',
      entry: { type: 'announce', params: { state: 'half-open' } },
      on: {
        'call.succeeded': { target: 'closed', actions: { type: 'announce', params: { state: 'closed' } } },
        'call.failed': 'open',
        'breaker.reset': { target: 'closed', actions: { type: 'announce', params: { state: 'closed' } } },
      },
    },
  },
})
