/**
 * What a failed call means: whether the server ran it, whether it may be made again, whether its session is over. One place
 * for what the SDK, `fetch` and the servers throw. Pure.
 */
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ErrorCode as RpcCode } from '@modelcontextprotocol/sdk/types.js'
import { type ErrorCode, MemorySyncError, messageOf } from '../../domain/errors.ts'

export interface CallFault {
  readonly error: MemorySyncError
  readonly mayRepeat: boolean
  /** The server does not know the session any more, or its process or stream has ended. */
  readonly isSessionOver: boolean
}

export interface FailedCall {
  readonly tool: string
  readonly url: string
  readonly isRepeatable: boolean
  /** null: it did not come so far. */
  readonly session: { readonly isDown: boolean; lastWords(): string } | null
}

export function callFaultOf(thrown: unknown, call: FailedCall): CallFault {
  if (thrown instanceof MemorySyncError) return ownFault(thrown, call)
  if (thrown instanceof StreamableHTTPError) return httpFault(thrown, call)
  const code = rpcCodeOf(thrown)
  if (code !== null && !(call.session?.isDown ?? false)) return refusedFault(thrown, code, call)
  if (isNotSent(thrown)) return notRun(thrown, call, { isSessionOver: call.session?.isDown === true || isNotConnected(thrown) })
  return noReply(thrown, call)
}

/** Of our own making: the session that cannot be opened, a timeout, a caller that gave up. */
function ownFault(error: MemorySyncError, call: FailedCall): CallFault {
  if (error.code === 'unknown_outcome' && call.isRepeatable) {
    const readable = new MemorySyncError('store_unavailable', error.message, { cause: error })
    return { error: readable, mayRepeat: true, isSessionOver: false }
  }
  return { error, mayRepeat: error.code === 'store_unavailable' && error.retryable, isSessionOver: false }
}

function httpFault(thrown: StreamableHTTPError, call: FailedCall): CallFault {
  switch (thrown.code) {
    // The session is unknown, or the server has been started anew: it refused before it looked at the call.
    case 404:
    case 400:
      return notRun(thrown, call, { isSessionOver: true })
    case 401:
    case 403: {
      const message = `${call.url} refuses us: ${messageOf(thrown)}. Set MEMORY_SYNC_TOKEN, or the store's option token, to the server's token.`
      const error = new MemorySyncError('store_unavailable', message, { cause: thrown, retryable: false })
      return { error, mayRepeat: false, isSessionOver: false }
    }
    case 413: {
      const message = `${call.url} refuses a call of ${call.tool} for its size: ${messageOf(thrown)}. Write less at once.`
      return { error: new MemorySyncError('too_large', message, { cause: thrown }), mayRepeat: false, isSessionOver: false }
    }
    case 429:
    case 503:
      return notRun(thrown, call, { isSessionOver: false })
    default:
      return noReply(thrown, call)
  }
}

/** The server's own answer, as a JSON-RPC error. */
function refusedFault(thrown: unknown, code: number, call: FailedCall): CallFault {
  const message = `${call.url} refuses a call of ${call.tool}: ${messageOf(thrown)}`
  const error = new MemorySyncError(codeOfRefusal(code, call.isRepeatable), message, { cause: thrown, retryable: false })
  return { error, mayRepeat: false, isSessionOver: false }
}

function codeOfRefusal(code: number, isRepeatable: boolean): ErrorCode {
  if (code === RpcCode.MethodNotFound) return 'not_supported'
  if (code === RpcCode.InvalidParams || code === RpcCode.InvalidRequest) return 'invalid_value'
  return isRepeatable ? 'store_unavailable' : 'unknown_outcome'
}

function notRun(thrown: unknown, call: FailedCall, { isSessionOver }: { readonly isSessionOver: boolean }): CallFault {
  const message = `${call.url} cannot be reached: ${reasonOf(thrown)}${call.session?.lastWords() ?? ''}`
  // A command that cannot be started now cannot be started in a second either.
  const code = systemCodeOf(thrown)
  const retryable = code !== 'ENOENT' && code !== 'EACCES'
  const error = new MemorySyncError('store_unavailable', message, { cause: thrown, retryable })
  return { error, mayRepeat: retryable, isSessionOver }
}

function noReply(thrown: unknown, call: FailedCall): CallFault {
  const code = call.isRepeatable ? 'store_unavailable' : 'unknown_outcome'
  const message = `${call.url} did not answer a call of ${call.tool}: ${reasonOf(thrown)}${call.session?.lastWords() ?? ''}`
  const error = new MemorySyncError(code, message, { cause: thrown })
  return { error, mayRepeat: call.isRepeatable, isSessionOver: call.session?.isDown ?? false }
}

/** McpError, also one of another copy of the SDK: clients may be handed in. */
function rpcCodeOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || thrown.name !== 'McpError') return null
  const { code } = thrown as { readonly code?: unknown }
  return typeof code === 'number' ? code : null
}

/** Failures of `fetch` and of a pipe before a single byte of the call was on its way. */
const notSentCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ENOENT',
  'EACCES',
])

function isNotSent(thrown: unknown): boolean {
  if (isNotConnected(thrown)) return true
  const code = systemCodeOf(thrown)
  return code !== null && notSentCodes.has(code)
}

/** What the SDK says when its transport has ended before the call. */
function isNotConnected(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message === 'Not connected'
}

/** The `fetch` of a client that was handed in hides why in its cause, sometimes as several errors: one for each address that it tried. */
function systemCodeOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null) return null
  const { code, cause, errors } = thrown as { readonly code?: unknown; readonly cause?: unknown; readonly errors?: unknown }
  if (typeof code === 'string') return code
  return systemCodeOf(cause) ?? (Array.isArray(errors) ? systemCodeOf(errors[0]) : null)
}

function reasonOf(thrown: unknown): string {
  const code = systemCodeOf(thrown)
  const message = messageOf(thrown)
  return code === null || message.includes(code) ? message : `${message} (${code})`
}
