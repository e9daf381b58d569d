/**
 * What a plain memory server is to us: registers by namespace and key that can be read, written, removed and listed, nothing
 * more. The dialects (`dialect-v2.ts`, `dialect-v3.ts`) make it of a server's tools. Also owns how a tool's reply becomes an
 * object or an error. Knows nothing of entries and versions.
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Durability } from '../../ports/store.ts'
import type { ToolReply } from './tool-call.ts'

export interface Registers {
  /** What an acknowledged write survives, as far as the server's replies have told. */
  readonly durability: Durability
  /**
   * Whether a listing names every key. Where it does not, keys have to be remembered elsewhere.
   */
  readonly listsAll: boolean
  /** null: nothing is there. @throws `corrupt` when the server cannot give what is there. */
  read(namespace: string, key: string, signal?: AbortSignal): Promise<Register | null>
  /**
   * Overwrites. `text` is ASCII and not empty.
   *
   * @param ttlSeconds after which the server may forget the register. Default: never.
   * @throws `invalid_key`, `too_large` for what the server cannot take, `store_unavailable`, `unknown_outcome`.
   */
  write(namespace: string, key: string, text: string, ttlSeconds?: number): Promise<void>
  /** Removing what is not there is no error. */
  remove(namespace: string, key: string): Promise<void>
  /** @throws `too_large` when the reply would be larger than a connection takes: read the keys one by one then. */
  list(namespace: string, signal?: AbortSignal): Promise<Listing>
}

/** What is stored in a register: the text that was written, or what the server made of it: it parses what parses as JSON. */
export interface Register {
  readonly content: Json
  /** When it was written, by the server's clock; null when it does not say. */
  readonly updatedAtMs: number | null
}

export interface Listed {
  readonly key: string
  /** undefined: the listing gives no values. */
  readonly content: Json | undefined
  readonly updatedAtMs: number
}

export interface Listing {
  /** Each key once, in no order. */
  readonly entries: readonly Listed[]
  /** False: there may be more keys. All that were written after the oldest one here are here. */
  readonly isComplete: boolean
  /** What is written after this listing has this time or a later one, by the server's clock. */
  readonly settledMs: number
}

/** What the dialects need of a connection. */
export interface ToolCaller {
  call(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    options?: { readonly signal?: AbortSignal; readonly isRepeatable?: boolean },
  ): Promise<Pick<ToolReply, 'text' | 'isError'>>
}

/** How a call may be made. */
export interface CallManner {
  readonly signal?: AbortSignal | undefined
  /** It changes nothing. */
  readonly isRead: boolean
}

/** The members of a reply, each of them whatever it is. */
export type Reply = { readonly [member: string]: unknown }

/** Calls a tool whose reply is one JSON object as text. @throws what the connection throws, or {@link refused}. */
export async function callTool(
  caller: ToolCaller,
  tool: string,
  args: Readonly<Record<string, unknown>>,
  { signal, isRead }: CallManner,
): Promise<Reply> {
  let reply: Pick<ToolReply, 'text' | 'isError'>
  try {
    reply = await caller.call(tool, args, signal === undefined ? { isRepeatable: isRead } : { isRepeatable: isRead, signal })
  } catch (thrown) {
    throw refusalIn(thrown, tool) ?? thrown
  }
  if (reply.isError) throw refused(tool, reply.text)
  let parsed: unknown
  try {
    parsed = JSON.parse(reply.text)
  } catch (cause) {
    throw new MemorySyncError('corrupt', `the server answered ${tool} with text that is no JSON: ${quote(reply.text)}`, { cause })
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Reply
  throw new MemorySyncError('corrupt', `the server answered ${tool} with ${quote(parsed)} instead of an object`)
}

/** The error for a reply that says, in its own words, that nothing was done. */
export function refused(tool: string, reason: unknown): MemorySyncError {
  const message = `the server refused ${tool}: ${typeof reason === 'string' ? reason : quote(reason)}`
  if (typeof reason === 'string') {
    if (/\bkey\b.*\b(disallowed|maximum)\b/i.test(reason)) return new MemorySyncError('invalid_key', message)
    if (/\bexceeds maximum\b/i.test(reason)) return new MemorySyncError('too_large', message)
    // What a value's own markers make of it when the server reads it back.
    if (/bigint/i.test(reason)) return new MemorySyncError('corrupt', message)
  }
  return new MemorySyncError('store_unavailable', message)
}

/**
 * Errors of JSON-RPC that these servers answer a call with instead of a reply: they have looked at it and done nothing. -32603
 * is v3's, -32000 v2's.
 */
const refusalCodes: ReadonlySet<unknown> = new Set([-32603, -32000])

/** null: the call may have been carried out, or never came so far. The connection's error says which. */
function refusalIn(thrown: unknown, tool: string): MemorySyncError | null {
  if (!(thrown instanceof MemorySyncError) || !(thrown.cause instanceof Error)) return null
  const { name, code, data, message } = thrown.cause as Error & { readonly code?: unknown; readonly data?: unknown }
  if (name !== 'McpError' || !refusalCodes.has(code)) return null
  // The SDK uses -32000 for a connection that has closed too.
  if (message.includes('Connection closed')) return null
  return refused(tool, typeof data === 'string' ? `${message}: ${data}` : message)
}
