/**
 * The door of the chart `machines/circuit-breaker.ts` for anybody's calls: asks it before a call, tells it the outcome. The
 * chart alone decides when to open and close; here is only which call may be the probe and whose outcome still counts.
 *
 * - B1 an outcome counts only in the state, and in the visit to it, in which its call began: what began before it opened can
 *   neither close it nor be taken for the probe
 * - B2 half open, at most one call is out, unless that one has hung for `openMs`: then the next call is the probe
 */
import { createActor } from 'xstate'
import { circuitBreakerLogic } from '../actors/circuit-breaker.ts'
import { xstateClock } from '../actors/xstate-clock.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { systemClock } from '../platform.ts'
import type { Clock } from '../ports/clock.ts'

export interface CircuitBreakerOptions {
  /** Failures in a row that open it: a whole number of at least 1. Default 5. */
  readonly failureThreshold?: number
  /** Milliseconds from opening until one call is let through as a probe: more than 0. Default 30,000. */
  readonly openMs?: number
  /** Default: the system's. */
  readonly clock?: Clock
}

export type CircuitState = 'closed' | 'open' | 'half-open'

/**
 * Stops calling what keeps failing. Any error that a call throws is a failure, any result a success. Keeps no process alive.
 *
 * @example
 * const breaker = new CircuitBreaker({ failureThreshold: 3, openMs: 10_000 })
 * const state = await breaker.execute(() => manager.getTaskState('task-1'))
 */
export class CircuitBreaker {
  readonly #actor: { send(event: { type: 'call.succeeded' | 'call.failed' | 'breaker.reset' }): void }
  readonly #clock: Clock
  readonly #openMs: number
  #state: CircuitState = 'closed'
  /** One visit to a state; a new object for each. */
  #visit: object = {}
  #probeSinceMs: number | null = null
  #lastFailure: unknown

  /** @throws `invalid_option` */
  constructor({ failureThreshold = 5, openMs = 30_000, clock = systemClock }: CircuitBreakerOptions = {}) {
    if (!Number.isSafeInteger(failureThreshold) || failureThreshold < 1) {
      const given = quote(failureThreshold)
      throw new MemorySyncError('invalid_option', `failureThreshold must be a whole number of at least 1, got ${given}`)
    }
    if (!Number.isFinite(openMs) || openMs <= 0) {
      throw new MemorySyncError('invalid_option', `openMs must be milliseconds of more than 0, got ${quote(openMs)}`)
    }
    this.#clock = clock
    this.#openMs = openMs
    const logic = circuitBreakerLogic({ announce: (state) => this.#enter(state) })
    const actor = createActor(logic, {
      input: { failureThreshold, openMs },
      clock: xstateClock(clock, { keepAlive: false }),
    })
    this.#actor = actor.start()
  }

  /** `half-open`: the next call, or the one that is out, decides. */
  get state(): CircuitState {
    return this.#state
  }

  /**
   * Calls `fn` and settles as it does, unless the breaker is open, or half open with the probe still out: then `fn` is not
   * called.
   *
   * @throws `store_unavailable` with the message "Circuit breaker is open", retryable, its `cause` the failure that opened it;
   * `invalid_option` when `fn` is no function; and whatever `fn` throws.
   */
  async execute<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    if (typeof fn !== 'function') {
      throw new MemorySyncError('invalid_option', `execute calls a function, got ${quote(fn)}: pass () => call()`)
    }
    if (!this.#admits()) {
      throw new MemorySyncError('store_unavailable', 'Circuit breaker is open', { cause: this.#lastFailure })
    }
    const visit = this.#visit
    try {
      const result = await fn()
      if (visit === this.#visit) this.#actor.send({ type: 'call.succeeded' })
      return result
    } catch (error) {
      if (visit === this.#visit) {
        this.#lastFailure = error
        this.#actor.send({ type: 'call.failed' })
      }
      throw error
    }
  }

  /** Back to closed now, with nothing counted; calls that are out no longer count. Leaves no timer. */
  reset(): void {
    this.#actor.send({ type: 'breaker.reset' })
    this.#enter('closed')
  }

  #admits(): boolean {
    if (this.#state !== 'half-open') return this.#state === 'closed'
    const nowMs = this.#clock.monotonicMs()
    if (this.#probeSinceMs !== null && nowMs - this.#probeSinceMs < this.#openMs) return false
    this.#probeSinceMs = nowMs
    return true
  }

  #enter(state: CircuitState): void {
    this.#state = state
    this.#visit = {}
    this.#probeSinceMs = null
    if (state === 'closed') this.#lastFailure = undefined
  }
}
