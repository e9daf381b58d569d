/**
 * The keys of a namespace, for servers whose listing ends at the newest hundred: documents `{ keys }` in a namespace of their own,
 * each for the keys of one hash, so that all of them together are one listing. Knows nothing of what the keys hold.
 *
 * The documents are registers that every process rewrites, without compare-and-set: of two that add to one document at the same
 * moment, one may be lost. It is found again: by read-back, by each later `read` of the process that added it, by anybody who sees
 * the key in the server's own listing. Lost for listings, until somebody writes the key again, is a key whose writer died within
 * that moment, once a hundred newer ones hide it.
 *
 * - N1 a key is in the index before it is written (`add` settles first)
 * - N2 a document only grows, but for keys that `remove` takes out
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Logger } from '../../ports/logger.ts'
import { asciiJson } from './plain-encoding.ts'
import type { Registers } from './registers.ts'

/** Fewer than a listing of any server has entries. */
export const indexShards = 64
/** All documents together stay below what one reply may have. About 160,000 keys of 50 characters. */
export const shardBytesMax = 128 * 1024
/** Attempts to find in a document what was just added to it, until that is left to the next `read`. */
const addRoundsMax = 4

export class PlainIndex {
  readonly #registers: Registers
  readonly #namespace: string
  readonly #logger: Logger
  /** As they were last read, with what was added since. */
  readonly #keysByShard = new Map<number, Set<string>>()
  /** Keys that this process writes: they have to be in the index at every `read`. */
  readonly #own = new Set<string>()
  /** The last of the calls that rewrite a shard: they follow each other. */
  readonly #turnByShard = new Map<number, Promise<unknown>>()

  constructor(registers: Registers, namespace: string, logger: Logger) {
    this.#registers = registers
    this.#namespace = namespace
    this.#logger = logger
  }

  has(key: string): boolean {
    return this.#keysByShard.get(shardOf(key))?.has(key) ?? false
  }

  /** Settles when all keys are in the index. Costs nothing for those that are known to be. @throws `too_large` for one key too many. */
  async add(keys: Iterable<string>): Promise<void> {
    const missingByShard = new Map<number, string[]>()
    for (const key of keys) {
      if (this.has(key)) {
        this.#own.add(key)
        continue
      }
      const shard = shardOf(key)
      const missing = missingByShard.get(shard)
      if (missing === undefined) missingByShard.set(shard, [key])
      else missing.push(key)
    }
    await Promise.all([...missingByShard].map(([shard, missing]) => this.#inTurn(shard, () => this.#addTo(shard, missing))))
  }

  /** All keys in the index; puts back those of this process that others' writes have lost. */
  async read(signal?: AbortSignal): Promise<Iterable<string>> {
    const ownBefore = [...this.#own]
    await this.#readAll(signal)
    const lost = ownBefore.filter((key) => this.#own.has(key) && !this.has(key))
    if (lost.length > 0) await this.add(lost)
    return this.#keys()
  }

  /** Takes keys out that are known to hold nothing. One that is written at the same moment comes back at its writer's next `read`. */
  async remove(keys: readonly string[]): Promise<void> {
    const goneByShard = new Map<number, string[]>()
    for (const key of keys) {
      this.#own.delete(key)
      const shard = shardOf(key)
      const gone = goneByShard.get(shard)
      if (gone === undefined) goneByShard.set(shard, [key])
      else gone.push(key)
    }
    const takeOut = async (shard: number, gone: readonly string[]): Promise<void> => {
      const stored = await this.#readShard(shard)
      const left = new Set(stored)
      for (const key of gone) if (!this.#own.has(key)) left.delete(key)
      if (left.size < stored.size) await this.#writeShard(shard, left)
      this.#keysByShard.set(shard, left)
    }
    await Promise.all([...goneByShard].map(([shard, gone]) => this.#inTurn(shard, () => takeOut(shard, gone))))
  }

  *#keys(): Iterable<string> {
    for (const keys of this.#keysByShard.values()) yield* keys
  }

  async #addTo(shard: number, keys: readonly string[]): Promise<void> {
    for (let round = 1; round <= addRoundsMax; round++) {
      const stored = await this.#readShard(shard)
      this.#keysByShard.set(shard, stored)
      if (keys.every((key) => stored.has(key))) break
      await this.#writeShard(shard, new Set([...stored, ...keys]))
    }
    const known = this.#keysByShard.get(shard) ?? new Set()
    this.#keysByShard.set(shard, known)
    for (const key of keys) {
      known.add(key)
      this.#own.add(key)
    }
  }

  async #readAll(signal: AbortSignal | undefined): Promise<void> {
    const contentByKey = new Map<string, Json | undefined>()
    try {
      const { entries } = await this.#registers.list(this.#namespace, signal)
      for (const { key, content } of entries) contentByKey.set(key, content)
    } catch (error) {
      if (!(error instanceof MemorySyncError) || error.code !== 'too_large') throw error
      for (let shard = 0; shard < indexShards; shard++) contentByKey.set(registerOf(shard), undefined)
    }
    for (let shard = 0; shard < indexShards; shard++) {
      const register = registerOf(shard)
      if (!contentByKey.has(register)) {
        this.#keysByShard.delete(shard)
        continue
      }
      const content = contentByKey.get(register)
      const keys = content === undefined ? await this.#readShard(shard, signal) : this.#keysOf(register, content)
      this.#keysByShard.set(shard, keys)
    }
  }

  async #readShard(shard: number, signal?: AbortSignal): Promise<Set<string>> {
    const register = await this.#registers.read(this.#namespace, registerOf(shard), signal)
    return register === null ? new Set() : this.#keysOf(registerOf(shard), register.content)
  }

  async #writeShard(shard: number, keys: ReadonlySet<string>): Promise<void> {
    const text = asciiJson(JSON.stringify({ keys: [...keys].sort() }))
    if (text.length > shardBytesMax) {
      throw new MemorySyncError(
        'too_large',
        `the namespace has too many keys for this server (${keys.size} in one of ${indexShards} index documents). Use a server that lists all of its keys: memory-sync serve`,
      )
    }
    await this.#registers.write(this.#namespace, registerOf(shard), text)
  }

  #keysOf(register: string, content: Json): Set<string> {
    const keys = typeof content === 'object' && content !== null ? (content as { readonly keys?: unknown }).keys : undefined
    if (Array.isArray(keys)) return new Set(keys.filter((key) => typeof key === 'string'))
    // Rewritten by the next `add` or `read` with what is known here.
    this.#logger.warn('an index document cannot be read and is taken for empty', {
      namespace: this.#namespace,
      register,
      stored: quote(content),
    })
    return new Set()
  }

  #inTurn(shard: number, run: () => Promise<void>): Promise<void> {
    const turn = (this.#turnByShard.get(shard) ?? Promise.resolve()).then(run, run)
    this.#turnByShard.set(shard, turn)
    return turn
  }
}

function registerOf(shard: number): string {
  return `keys/${String(shard).padStart(2, '0')}`
}

/** FNV-1a. Stored data depends on it. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % indexShards
}
