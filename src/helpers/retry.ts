/**
 * Calls something again until it succeeds, waiting a little longer each time. Owns the attempts and the waits between them;
 * knows nothing of what is called, nor of the exponential backoff that tasks have (`domain/retry.ts`).
 */
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { systemClock } from '../platform.ts'
import type { Clock } from '../ports/clock.ts'

export interface RetryOptions {
  /** Ends a wait at once and begins no further attempt; an attempt that is under way goes on. */
  readonly signal?: AbortSignal
  /** What the waits are measured by. Default: the system's. */
  readonly clock?: Clock
}

/**
 * What `fn` resolves to, from the first attempt that succeeds. After the first failed attempt it waits `delay`, after the
 * second twice that, and so on. The last attempt's error is rethrown as it is. So is, at once, a {@link MemorySyncError} whose
 * `retryable` is false: a wrong key stays wrong.
 *
 * @param fn may reject or throw; it is never called twice at the same time.
 * @param maxRetries attempts in all, the first included; a whole number of at least 1. Default 3.
 * @param delay milliseconds, at least 0. Default 1000.
 * @throws `invalid_option` (before the first attempt), `aborted`, and whatever `fn` throws.
 *
 * @example
 * await withRetry(() => manager.syncTaskState('task-1', { status: 'running' }), 5, 200)
 */
export async function withRetry<T>(
  fn: () => T | PromiseLike<T>,
  maxRetries = 3,
  delay = 1000,
  { signal, clock = systemClock }: RetryOptions = {},
): Promise<T> {
  if (typeof fn !== 'function') {
    throw new MemorySyncError('invalid_option', `withRetry calls a function, got ${quote(fn)}: pass () => call()`)
  }
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 1) {
    throw new MemorySyncError('invalid_option', `maxRetries must be a whole number of at least 1, got ${quote(maxRetries)}`)
  }
  if (!Number.isFinite(delay) || delay < 0) {
    throw new MemorySyncError('invalid_option', `delay must be milliseconds of at least 0, got ${quote(delay)}`)
  }
  if (signal?.aborted === true) {
    throw new MemorySyncError('aborted', 'the call was aborted before its first attempt', { cause: signal.reason })
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn()
    } catch (error) {
      const isHopeless = error instanceof MemorySyncError && !error.retryable
      if (attempt >= maxRetries || isHopeless) throw error
      if (!(await waited(delay * attempt, clock, signal))) {
        const message = `aborted after attempt ${attempt} of ${maxRetries}, which failed: ${messageOf(error)}`
        throw new MemorySyncError('aborted', message, { cause: signal?.reason })
      }
    }
  }
}

/** False when the signal came first. Leaves neither timer nor listener behind. */
function waited(delayMs: number, clock: Clock, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false)
  return new Promise((resolve) => {
    const onAbort = (): void => {
      timer.cancel()
      resolve(false)
    }
    const timer = clock.setTimer(delayMs, function endWait() {
      signal?.removeEventListener('abort', onAbort)
      resolve(true)
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
