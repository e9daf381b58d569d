/**
 * Registers over claude-flow v2: the one tool `memory_usage`. Owns its quirks, and knows nothing of what is stored.
 *
 * - It decodes its input by chunks and breaks what is not ASCII there: keys are escaped, texts have to be ASCII
 * - A stored text that is JSON comes back parsed; the text `null` comes back as a miss
 * - A listing has the newest 100 with their values and no more, in whole seconds; of equals the oldest rows come first
 * - Failures are replies with `success: false`; a server that does not know the tool says `success: true` and does nothing
 * - Where its database driver does not load it stores in its own memory, and says so only in `storage_type`
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Durability } from '../../ports/store.ts'
import { keyAlphabet } from './register-key.ts'
import {
  callTool,
  type Listed,
  type Listing,
  type Register,
  type Registers,
  type Reply,
  refused,
  type ToolCaller,
} from './registers.ts'

const tool = 'memory_usage'
/** A listing with fewer entries names every key. */
export const listedMaxV2 = 100
/** A connection is closed by a reply of 10 MiB; listings that may come near it are not asked for. */
export const listBytesMax = 8 * 1024 * 1024
/** When that was so, or a large listing failed, the next one is asked for after this time. */
export const listPauseMs = 10 * 60 * 1000
/** The server's times are whole seconds, and its replies carry a time that is a moment later than what they tell. */
const timeGrainMs = 1000

export interface DialectV2Options {
  readonly clock: Clock
  readonly logger: Logger
}

export function registersV2(caller: ToolCaller, options: DialectV2Options): Registers {
  return new RegistersV2(caller, options)
}

const alphabet = keyAlphabet()

class RegistersV2 implements Registers {
  readonly listsAll = false
  readonly #caller: ToolCaller
  readonly #clock: Clock
  readonly #logger: Logger
  #storageType: string | null = null
  /** By namespace: at most how large the next listing is, if nobody else writes. */
  readonly #listBytes = new Map<string, number>()
  readonly #pausedUntilMs = new Map<string, number>()

  constructor(caller: ToolCaller, { clock, logger }: DialectV2Options) {
    this.#caller = caller
    this.#clock = clock
    this.#logger = logger
  }

  /** Its database is written through to the operating system at each store. */
  get durability(): Durability {
    return this.#storageType === 'sqlite' ? 'process-crash' : 'none'
  }

  async read(namespace: string, key: string, signal?: AbortSignal): Promise<Register | null> {
    const serverKey = alphabet.encode(key)
    const found = await this.#retrieve(namespace, serverKey, signal)
    // Others do not escape.
    return found === null && serverKey !== key ? this.#retrieve(namespace, key, signal) : found
  }

  async #retrieve(namespace: string, key: string, signal: AbortSignal | undefined): Promise<Register | null> {
    const { found, value } = await this.#use({ action: 'retrieve', namespace, key }, signal)
    if (typeof found !== 'boolean') throw strange('retrieve', 'found', found)
    return found && value !== undefined ? { content: value as Json, updatedAtMs: null } : null
  }

  async write(namespace: string, key: string, text: string, ttlSeconds?: number): Promise<void> {
    const args = { action: 'store', namespace, key: alphabet.encode(key), value: text }
    const { stored } = await this.#use(ttlSeconds === undefined ? args : { ...args, ttl: ttlSeconds })
    if (stored !== true) throw strange('store', 'stored', stored)
    this.#listBytes.set(namespace, (this.#listBytes.get(namespace) ?? 0) + text.length)
  }

  async remove(namespace: string, key: string): Promise<void> {
    const serverKey = alphabet.encode(key)
    await this.#use({ action: 'delete', namespace, key: serverKey })
    if (serverKey !== key) await this.#use({ action: 'delete', namespace, key })
  }

  async list(namespace: string, signal?: AbortSignal): Promise<Listing> {
    const bytes = this.#listBytes.get(namespace) ?? 0
    const nowMs = this.#clock.monotonicMs()
    if (nowMs < (this.#pausedUntilMs.get(namespace) ?? 0)) throw tooLarge(namespace)
    if (bytes > listBytesMax) {
      this.#pause(namespace, nowMs)
      throw tooLarge(namespace)
    }
    let reply: Reply
    try {
      reply = await this.#use({ action: 'list', namespace }, signal)
    } catch (error) {
      // Its size may be the reason: asking again would close the connection again.
      if (bytes > listBytesMax / 4 && !signal?.aborted) this.#pause(namespace, nowMs)
      throw error
    }
    const { entries, timestamp } = reply
    if (!Array.isArray(entries)) throw strange('list', 'entries', entries)
    const listed = listedOf(entries)
    this.#listBytes.set(namespace, JSON.stringify(entries).length)
    const toldMs = timeOf(timestamp) ?? Math.max(0, ...listed.map(({ updatedAtMs }) => updatedAtMs))
    const settledMs = Math.floor(toldMs / timeGrainMs - 1) * timeGrainMs
    return { entries: listed, isComplete: entries.length < listedMaxV2, settledMs }
  }

  #pause(namespace: string, nowMs: number): void {
    this.#pausedUntilMs.set(namespace, nowMs + listPauseMs)
    this.#listBytes.set(namespace, 0)
  }

  async #use(args: Record<string, unknown>, signal?: AbortSignal): Promise<Reply> {
    const isRead = args.action !== 'store' && args.action !== 'delete'
    const reply = await callTool(this.#caller, tool, args, { signal, isRead })
    this.#noteStorage(reply.storage_type)
    if (reply.success !== true) throw refused(`${tool} ${String(args.action)}`, reply.error ?? reply)
    return reply
  }

  #noteStorage(type: unknown): void {
    if (typeof type !== 'string' || type === this.#storageType) return
    this.#storageType = type
    if (type === 'sqlite') return
    const message =
      'the memory server keeps everything in its own memory only: nothing is shared with other processes and all is lost when it ends. Its database driver (better-sqlite3) did not load; install it where the server runs.'
    this.#logger.warn(message, { storageType: type })
  }
}

/** A key that somebody wrote both with and without escapes is given once, as we write it. */
function listedOf(entries: readonly unknown[]): readonly Listed[] {
  const listedByKey = new Map<string, Listed>()
  for (const entry of entries) {
    const { key, value, updatedAt } = (typeof entry === 'object' && entry !== null ? entry : {}) as Reply
    if (typeof key !== 'string' || value === undefined) continue
    const decoded = alphabet.decode(key)
    const isOurs = alphabet.encode(decoded) === key
    if (!isOurs && listedByKey.has(decoded)) continue
    listedByKey.set(decoded, { key: decoded, content: value as Json, updatedAtMs: timeOf(updatedAt) ?? 0 })
  }
  return [...listedByKey.values()]
}

function timeOf(text: unknown): number | null {
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

function strange(action: string, member: string, given: unknown): MemorySyncError {
  const message = `the server answered ${tool} ${action} with ${member} ${quote(given)}: it is not the memory server that it was taken for`
  return new MemorySyncError('not_supported', message)
}

function tooLarge(namespace: string): MemorySyncError {
  return new MemorySyncError('too_large', `a listing of ${quote(namespace)} would be larger than a connection takes`)
}
