/**
 * How long to wait before the next attempt: exponential backoff with jitter. Owns the arithmetic; knows neither what is
 * retried nor the clock, and chance comes with the call.
 */
import { MemorySyncError, quote } from './errors.ts'

export type Backoff = {
  /** Milliseconds before the second attempt, jitter aside. */
  readonly baseMs: number
  /** By how much each further wait is longer. 1: always the same. */
  readonly factor: number
  /** No wait is longer, in milliseconds. */
  readonly maxMs: number
  /**
   * The fraction of each wait that is random, 0 to 1: at 0.5 a wait of 8 s becomes one of 4 to 8 s. Without it, all that
   * failed together comes back together.
   */
  readonly jitter: number
}

/** 1 s, 2 s, 4 s, … up to a minute; half of it random. */
export const backoffDefault: Backoff = Object.freeze({ baseMs: 1000, factor: 2, maxMs: 60_000, jitter: 0.5 })

/**
 * The given members over {@link backoffDefault}.
 *
 * @throws `invalid_option` unless `baseMs` and `maxMs` are finite and not negative, `factor` is finite and at least 1, and
 * `jitter` lies between 0 and 1.
 */
export function backoffOf(given: Partial<Backoff> = {}): Backoff {
  const backoff = { ...backoffDefault, ...given }
  check('baseMs', backoff.baseMs, 0, Number.MAX_SAFE_INTEGER)
  check('factor', backoff.factor, 1, Number.MAX_SAFE_INTEGER)
  check('maxMs', backoff.maxMs, 0, Number.MAX_SAFE_INTEGER)
  check('jitter', backoff.jitter, 0, 1)
  return backoff
}

function check(member: keyof Backoff, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  throw new MemorySyncError('invalid_option', `backoff.${member} must be a number ${range}, got ${quote(value)}`)
}

/**
 * Whole milliseconds to wait after a failed attempt.
 *
 * @param attempt the attempt that failed, counted from 1; anything less counts as 1.
 * @param random01 from [0, 1); the wait grows with it.
 * @returns between `(1 - jitter)` times the wait without jitter, and that wait; never above `maxMs`.
 */
export function backoffMs(backoff: Backoff, attempt: number, random01: number): number {
  const failures = attempt > 1 ? attempt - 1 : 0
  // The factor's power is Infinity from about the thousandth attempt on; 0 times that would be NaN.
  const grown = backoff.baseMs === 0 ? 0 : backoff.baseMs * backoff.factor ** failures
  const waitMs = Math.min(grown, backoff.maxMs)
  return Math.round(waitMs * (1 - backoff.jitter + backoff.jitter * random01))
}
