/** The hands of `machines/circuit-breaker.ts`: what it announces goes to an address. Decides nothing. */
import { circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { assertBound } from './bind.ts'

export interface CircuitBreakerHands {
  announce(state: 'closed' | 'open' | 'half-open'): void
}

export function circuitBreakerLogic(hands: CircuitBreakerHands) {
  return assertBound(circuitBreakerMachine.provide({ actions: { announce: (_, { state }) => hands.announce(state) } }))
}
