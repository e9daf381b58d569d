/**
 * What every store says when it is asked in vain: aborted, closed, malformed. Knows no store.
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { ListOptions, WatchOptions } from '../ports/store.ts'
import { keyFault } from './key-fault.ts'

/** @throws `aborted` when the caller has already given up; nothing was done then. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal)
}

export function abortedError(signal: AbortSignal): MemorySyncError {
  return new MemorySyncError('aborted', 'the call was aborted before anything was done', { cause: signal.reason })
}

export function closedError(url: string): MemorySyncError {
  return new MemorySyncError('closed', `the store ${url} is closed; open another one to go on`)
}

/** @throws `invalid_option` unless `limit` is absent or an integer of at least 0, and `after` absent or a possible key. */
export function assertListOptions(options: ListOptions | undefined): void {
  const fault = options?.after === undefined ? null : keyFault(options.after)
  if (fault !== null) throw new MemorySyncError('invalid_option', `after must be a key: ${fault}`)
  const limit = options?.limit
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
    throw new MemorySyncError('invalid_option', `limit must be an integer of at least 0, got ${quote(limit)}`)
  }
}

/** @throws `invalid_option` unless `after` is absent, `'now'` or a revision. */
export function assertWatchOptions(options: WatchOptions | undefined): void {
  const after = options?.after
  if (after !== undefined && after !== 'now' && !(Number.isSafeInteger(after) && after >= 0)) {
    throw new MemorySyncError('invalid_option', `after must be 'now' or a revision of at least 0, got ${quote(after)}`)
  }
}
