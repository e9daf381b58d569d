/**
 * Errors as a client is told: a result with `isError`, our code, whether to try again, and what to do next. Never a stack trace, never what
 * is inside of this process.
 */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type ErrorCode, MemorySyncError } from '../domain/errors.ts'

const adviceByCode: Readonly<Record<ErrorCode, string>> = {
  invalid_option: 'Correct the argument and call again.',
  invalid_key: 'Use another key or id and call again.',
  invalid_value: 'Give a JSON value and call again.',
  too_large: 'Store less, or keep large data elsewhere and store a reference to it.',
  store_unavailable: 'Nothing was written. Try again in a few seconds.',
  unknown_outcome: 'It may or may not have happened. Read before you write again.',
  conflict: 'Somebody else changed it. Read it again and decide anew.',
  stale_epoch: 'Somebody else has taken over what this write depended on. Stop working on it.',
  lock_lost: 'The lock is not yours any more. Stop, and acquire it again if you still need it.',
  claim_lost: 'The task is not yours any more. Stop working on it and claim another one.',
  task_failed: 'Look at the error of the task; task_explain tells more.',
  backpressure: 'Wait for the calls that are under way, then try again.',
  unflushed: 'Try again in a few seconds.',
  closed: 'This memory is being shut down. Connect again later.',
  aborted: 'The call was ended before it was done.',
  not_supported: 'This cannot be done here; the message says what can.',
  diverged: 'What is stored contradicts itself. Tell the operator.',
  corrupt: 'What is stored cannot be read. Tell the operator.',
}

export interface ToldError {
  readonly code: ErrorCode | 'internal'
  /** For people and models: the code, what happened, what to do next. */
  readonly text: string
  readonly result: CallToolResult
}

export function toldError(thrown: unknown): ToldError {
  if (!(thrown instanceof MemorySyncError)) {
    const message = 'the server failed on this call; its log tells more'
    return told('internal', { code: 'internal', message, retryable: false }, `internal: ${message}`)
  }
  return told(thrown.code, toldFields(thrown), `${thrown.code}: ${thrown.message}\n${adviceByCode[thrown.code]}`)
}

/** What a client's program is told of an error. */
export interface ToldFields {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly key?: string
}

export function toldFields({ code, message, retryable, key }: MemorySyncError): ToldFields {
  return { code, message, retryable, ...(key === undefined ? undefined : { key }) }
}

function told(code: ToldError['code'], error: ToldFields, text: string): ToldError {
  return { code, text, result: { isError: true, content: [{ type: 'text', text }], _meta: { error } } }
}
