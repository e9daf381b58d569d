/**
 * The one error family of the project: a closed list of codes, whether a retry can help, the key concerned, the cause.
 * Knows nothing of stores, actors or the process it runs in.
 */

/**
 * What went wrong, as a value to switch on. Adding a code is a minor release, changing the meaning of one a major release.
 *
 * - `invalid_option`, `invalid_key`, `invalid_value`, `too_large`: the call is wrong; the message quotes the value
 * - `store_unavailable`: the store cannot be reached or opened; nothing was written
 * - `unknown_outcome`: the store did not answer; the write may or may not have happened
 * - `conflict`: a condition (`ifRevision`, `ifAbsent`, an update's compare-and-set) did not hold
 * - `stale_epoch`: somebody else has taken over what this write was guarded by
 * - `lock_lost`, `claim_lost`: a lock's or a task's lease ended while it was in use
 * - `task_failed`: the awaited task ended as failed; `cause` is its last error
 * - `backpressure`: a bounded buffer is full and the caller asked not to wait
 * - `unflushed`: a deadline passed before everything pending was committed
 * - `closed`, `aborted`: the runtime was shut down, the caller's signal was aborted
 * - `not_supported`: this store, tier or process cannot do it; the message says who can
 * - `diverged`, `corrupt`: stored bytes contradict the protocol; they are reported and set aside, never trusted
 */
export type ErrorCode =
  | 'invalid_option'
  | 'invalid_key'
  | 'invalid_value'
  | 'too_large'
  | 'store_unavailable'
  | 'unknown_outcome'
  | 'conflict'
  | 'stale_epoch'
  | 'lock_lost'
  | 'claim_lost'
  | 'task_failed'
  | 'backpressure'
  | 'unflushed'
  | 'closed'
  | 'aborted'
  | 'not_supported'
  | 'diverged'
  | 'corrupt'

const retryableByDefault: ReadonlySet<ErrorCode> = new Set([
  'store_unavailable',
  'unknown_outcome',
  'conflict',
  'claim_lost',
  'backpressure',
  'unflushed',
])

export interface ErrorDetails {
  /** Whether the same call may succeed later. Default: by code. */
  readonly retryable?: boolean
  readonly key?: string
  readonly cause?: unknown
  /** With `claim_lost`: the ids of the tasks that others were faster with. */
  readonly lost?: readonly string[]
}

/** Every error that the library throws, rejects with or reports. */
export class MemorySyncError extends Error {
  override readonly name = 'MemorySyncError'
  readonly code: ErrorCode
  readonly retryable: boolean
  declare readonly key?: string
  /** With `claim_lost`: the ids of the tasks that others were faster with. */
  declare readonly lost?: readonly string[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retryable = details.retryable ?? retryableByDefault.has(code)
    if (details.key !== undefined) this.key = details.key
    if (details.lost !== undefined) this.lost = details.lost
  }

  /** The one funnel for what a callback, a library or a rejected promise gave us: our own errors pass unchanged. */
  static from(cause: unknown, code: ErrorCode, message?: string): MemorySyncError {
    if (cause instanceof MemorySyncError) return cause
    return new MemorySyncError(code, message ?? messageOf(cause), { cause })
  }
}

/** A short, safe text for anything that was thrown, whatever it is. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  if (typeof thrown === 'string') return thrown
  return quote(thrown)
}

const quotedLengthMax = 80

/** A value as it appears in an error message: JSON where possible, at most 80 characters. */
export function quote(value: unknown): string {
  let text: string
  try {
    // Only the beginning is shown; a text of megabytes need not be escaped for that.
    const shown = typeof value === 'string' ? value.slice(0, quotedLengthMax) : value
    if (typeof shown === 'bigint') text = `${shown}n`
    // JSON would say null of what is not finite.
    else text = typeof shown === 'number' ? String(shown) : (JSON.stringify(shown) ?? String(shown))
  } catch {
    text = Object.prototype.toString.call(value)
  }
  // Cutting may have split a character in two.
  return text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax - 3).toWellFormed()}...` : text
}
