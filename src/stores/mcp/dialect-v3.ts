/**
 * Registers over claude-flow v3: `memory_store`, `memory_retrieve`, `memory_delete`, `memory_list`. Owns their quirks, and knows
 * nothing of what is stored.
 *
 * - Keys with shell characters are refused, and `:` is confused with `_` by its cache: they are escaped
 * - A stored text that is JSON comes back parsed; an empty one is refused; a ttl is accepted and never enforced
 * - A listing has pages and no values; its times are milliseconds, of which one write takes several
 * - Each server process caches what it reads and never hears of another process: handles on different server processes do not
 *   see each other's overwrites of what they have read, and a writer's look at what it overwrote is blind to them. That one
 *   has been given an old value shows only in a listing, as a later time. One server process for all (HTTP) has no such fault
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
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

export const keyCharactersMaxV3 = 1024
export const textCharactersMaxV3 = 1_048_576
/** Entries in one page of a listing: about 300 KB. */
const pageEntriesMax = 1000
/** A listing that others keep changing is taken as it is after so many attempts: the next one finds what it missed. */
const listAttemptsMax = 4

const alphabet = keyAlphabet(/[:;&|`$(){}[\]<>!#\\]+|\.\.(?=\/)/g)
const refusedByServer = /[;&|`$(){}[\]<>!#\\]|\.\.\//

export function registersV3(caller: ToolCaller): Registers {
  return new RegistersV3(caller)
}

class RegistersV3 implements Registers {
  readonly listsAll = true
  /** It acknowledges before it has persisted. */
  readonly durability = 'none'
  readonly #caller: ToolCaller

  constructor(caller: ToolCaller) {
    this.#caller = caller
  }

  async read(namespace: string, key: string, signal?: AbortSignal): Promise<Register | null> {
    const serverKey = serverKeyOf(key)
    const found = await this.#retrieve(namespace, serverKey, signal)
    // Others do not escape.
    const isElsewhere = found === null && serverKey !== key && !refusedByServer.test(key)
    return isElsewhere ? this.#retrieve(namespace, key, signal) : found
  }

  async #retrieve(namespace: string, key: string, signal: AbortSignal | undefined): Promise<Register | null> {
    const reply = await callTool(this.#caller, 'memory_retrieve', { namespace, key }, { signal, isRead: true })
    const { found, value, updatedAt } = reply
    if (typeof found !== 'boolean') throw refused('memory_retrieve', reply.error ?? reply)
    return found && value !== undefined ? { content: value as Json, updatedAtMs: numberOf(updatedAt) } : null
  }

  async write(namespace: string, key: string, text: string, ttlSeconds?: number): Promise<void> {
    if (text.length > textCharactersMaxV3) {
      throw new MemorySyncError(
        'too_large',
        `the entry at ${quote(key)} has ${text.length} characters as ASCII text, the server takes ${textCharactersMaxV3}`,
        { key },
      )
    }
    const args = { namespace, key: serverKeyOf(key), value: text, upsert: true }
    const timed = ttlSeconds === undefined ? args : { ...args, ttl: ttlSeconds }
    const reply = await callTool(this.#caller, 'memory_store', timed, { isRead: false })
    if (reply.success !== true || reply.stored !== true) throw refused('memory_store', reply.error ?? reply)
  }

  async remove(namespace: string, key: string): Promise<void> {
    const serverKey = serverKeyOf(key)
    const serverKeys = serverKey === key || refusedByServer.test(key) ? [serverKey] : [serverKey, key]
    for (const each of serverKeys) {
      const reply = await callTool(this.#caller, 'memory_delete', { namespace, key: each }, { isRead: false })
      // A miss is `success: false` without an error.
      if (reply.success !== true && reply.error !== undefined) throw refused('memory_delete', reply.error)
    }
  }

  async list(namespace: string, signal?: AbortSignal): Promise<Listing> {
    const newestByKey = new Map<string, Listed>()
    for (let attempt = 1; ; attempt++) {
      const first = await this.#page(namespace, 0, signal)
      let seen = first.entries.length
      add(newestByKey, first.entries)
      for (let page = first; page.entries.length > 0 && seen < page.total; ) {
        page = await this.#page(namespace, seen, signal)
        seen += page.entries.length
        add(newestByKey, page.entries)
      }
      if (seen <= pageEntriesMax || attempt === listAttemptsMax) break
      // What was written meanwhile came to the front and pushed others over the edge of a page: nothing may have slipped past.
      const again = await this.#page(namespace, 0, signal)
      if (again.total === first.total && markOf(again.entries) === markOf(first.entries)) break
    }
    const entries = [...newestByKey.values()]
    const newestMs = entries.reduce((newest, { updatedAtMs }) => Math.max(newest, updatedAtMs), 0)
    return { entries, isComplete: true, settledMs: newestMs }
  }

  async #page(namespace: string, offset: number, signal: AbortSignal | undefined): Promise<Page> {
    const reply = await callTool(
      this.#caller,
      'memory_list',
      { namespace, limit: pageEntriesMax, offset },
      { signal, isRead: true },
    )
    const { entries, total } = reply
    if (!Array.isArray(entries)) throw refused('memory_list', reply.error ?? reply)
    return { entries, total: numberOf(total) ?? entries.length }
  }
}

interface Page {
  readonly entries: readonly Reply[]
  readonly total: number
}

function add(newestByKey: Map<string, Listed>, entries: readonly Reply[]): void {
  for (const { key, updatedAt } of entries) {
    if (typeof key !== 'string') continue
    const listed: Listed = { key: alphabet.decode(key), content: undefined, updatedAtMs: numberOf(updatedAt) ?? 0 }
    const before = newestByKey.get(listed.key)
    if (before === undefined || before.updatedAtMs < listed.updatedAtMs) newestByKey.set(listed.key, listed)
  }
}

function markOf(entries: readonly Reply[]): string {
  return entries.map(({ key, updatedAt }) => `${String(key)} ${String(updatedAt)}`).join('\n')
}

function serverKeyOf(key: string): string {
  const serverKey = alphabet.encode(key)
  if (serverKey.length <= keyCharactersMaxV3) return serverKey
  throw new MemorySyncError(
    'invalid_key',
    `the key ${quote(key)} has ${serverKey.length} characters in the server's alphabet, which takes ${keyCharactersMaxV3}. Use a shorter one, or fewer characters outside of A-Z a-z 0-9 _ - / .`,
    { key },
  )
}

function numberOf(given: unknown): number | null {
  return typeof given === 'number' && Number.isFinite(given) ? given : null
}
