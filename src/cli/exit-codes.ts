/**
 * How the command line ends: one table of exit codes, which of them each error gets, and how an error is told. Knows no
 * command.
 */
import { type ErrorCode, MemorySyncError, messageOf } from '../domain/errors.ts'

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  store: 4,
  conflict: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const meaningByName: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'done',
  failed: 'the work failed: a task failed or was cancelled',
  usage: 'bad usage or invalid input',
  notFound: 'no such key or task',
  store: 'the store is unavailable or corrupt',
  conflict: 'a condition did not hold: somebody else was first',
  interrupted: 'interrupted',
}

/** For `--help`. */
export function exitCodesHelp(): string {
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[]
  return ['Exit codes:', ...names.map((name) => `  ${String(exitCodes[name]).padEnd(4)} ${meaningByName[name]}`)].join('\n')
}

const exitCodeByError: Readonly<Record<ErrorCode, ExitCode>> = {
  invalid_option: exitCodes.usage,
  invalid_key: exitCodes.usage,
  invalid_value: exitCodes.usage,
  too_large: exitCodes.usage,
  not_supported: exitCodes.usage,
  store_unavailable: exitCodes.store,
  unknown_outcome: exitCodes.store,
  backpressure: exitCodes.store,
  unflushed: exitCodes.store,
  closed: exitCodes.store,
  diverged: exitCodes.store,
  corrupt: exitCodes.store,
  conflict: exitCodes.conflict,
  stale_epoch: exitCodes.conflict,
  lock_lost: exitCodes.conflict,
  claim_lost: exitCodes.conflict,
  task_failed: exitCodes.failed,
  aborted: exitCodes.failed,
}

/** What only the command line knows to say; everything else is a {@link MemorySyncError}. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string
  readonly exitCode: ExitCode
  readonly retryable: boolean

  constructor(
    code: string,
    message: string,
    details: { readonly exitCode: ExitCode; readonly retryable?: boolean; readonly cause?: unknown },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.exitCode = details.exitCode
    this.retryable = details.retryable ?? false
  }
}

/** The library has no such code: there a missing value is null. */
export function notFound(message: string): CliError {
  return new CliError('not_found', message, { exitCode: exitCodes.notFound })
}

/** Somebody pressed Ctrl-C or sent a signal. */
export function interrupted(message: string): CliError {
  return new CliError('interrupted', message, { exitCode: exitCodes.interrupted, retryable: true })
}

/** Whatever keeps a store from opening is the store's fault, also what elsewhere would be the caller's (a newer format). */
export function storeNotOpened(thrown: unknown): unknown {
  if (!(thrown instanceof MemorySyncError)) return thrown
  const { code, message, retryable } = thrown
  return new CliError(code, message, { exitCode: exitCodes.store, retryable, cause: thrown })
}

/** An error as the command line tells it. */
export interface ToldError {
  readonly exitCode: ExitCode
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

export function toldError(thrown: unknown): ToldError {
  const message = messageOf(thrown)
  if (thrown instanceof CliError) {
    return { exitCode: thrown.exitCode, code: thrown.code, message, retryable: thrown.retryable }
  }
  if (thrown instanceof MemorySyncError) {
    return { exitCode: exitCodeByError[thrown.code], code: thrown.code, message, retryable: thrown.retryable }
  }
  return { exitCode: exitCodes.failed, code: 'internal', message, retryable: false }
}
