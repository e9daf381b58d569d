/**
 * What this handle has seen of a plain server: a private memory store that follows it. The server has no revisions and tells
 * nobody of changes; the view gives every change that is found a revision of its own and its watchers the change. Knows neither
 * conditions nor what has to be read when (`plain-look.ts`).
 *
 * - V1 a revision is a place in the order in which this handle saw things: strictly increasing, new for every change, and without
 *   meaning for any other handle or the next life of this one
 * - V2 what was read before something newer of the same key was read or written is dropped: a view never goes back
 * - V3 a key that is gone from the server without a tombstone is told as one that is made up of its last version
 */
import { type Entry, isTombstone } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Store, Stored } from '../../ports/store.ts'
import { memoryStore } from '../memory.ts'
import { decodePlain } from './plain-encoding.ts'
import type { Registers } from './registers.ts'

/** What is known of a key. */
export interface Known {
  /** As it is in the mirror; null: nothing was ever seen there. */
  readonly stored: Stored | null
  /** When it was first found missing, by the monotonic clock; null: it is there. */
  readonly goneSinceMs: number | null
  /** By the server's clock; null: it did not say. */
  readonly updatedAtMs: number | null
  /** The moment before the read, or after the write, that this is from. */
  readonly tick: number
}

export interface PlainViewOptions {
  readonly registers: Registers
  readonly namespace: string
  readonly clock: Clock
}

export class PlainView {
  /** Everything seen, with this handle's revisions. */
  readonly mirror: Store
  readonly #registers: Registers
  readonly #namespace: string
  readonly #clock: Clock
  readonly #knownByKey = new Map<string, Known>()
  #tick = 0

  constructor({ registers, namespace, clock }: PlainViewOptions) {
    this.#registers = registers
    this.#namespace = namespace
    this.#clock = clock
    this.mirror = memoryStore({ clock })
  }

  /** The revision of the last change that was seen. */
  get revision(): number {
    return this.mirror.headNow?.() ?? 0
  }

  known(key: string): Known | undefined {
    return this.#knownByKey.get(key)
  }

  all(): Iterable<[key: string, known: Known]> {
    return this.#knownByKey
  }

  /** What was last seen there; null: nothing is there. */
  stored(key: string): Stored | null {
    const known = this.#knownByKey.get(key)
    return known === undefined || known.goneSinceMs !== null ? null : known.stored
  }

  /** What is there now. @throws `corrupt` for what is no entry. */
  async read(key: string, signal?: AbortSignal): Promise<Stored | null> {
    const tick = this.tick()
    const register = await this.#registers.read(this.#namespace, key, signal)
    if (register === null) this.gone(key, tick)
    else this.seen(key, decoded(key, register.content), register.updatedAtMs, tick)
    return this.stored(key)
  }

  /** To be taken before a read: what it gives is then given back with it. */
  tick(): number {
    return ++this.#tick
  }

  /** @returns the revision of the change; null when this was known, or something newer is. */
  seen(key: string, entry: Entry, updatedAtMs: number | null, tick: number): number | null {
    const known = this.#knownByKey.get(key)
    if (known !== undefined && known.tick > tick) return null
    const before = known === undefined || known.goneSinceMs !== null ? null : known.stored
    const isKnown = before !== null && isEqual(before.entry, entry)
    const stored = isKnown ? before : this.#change(key, entry)
    this.#knownByKey.set(key, { stored, goneSinceMs: null, updatedAtMs, tick })
    return isKnown ? null : stored.revision
  }

  /** @returns as {@link seen} does. */
  gone(key: string, tick: number): number | null {
    const known = this.#knownByKey.get(key)
    if (known !== undefined && (known.tick > tick || known.goneSinceMs !== null)) return null
    const last = known?.stored ?? null
    const isTold = last === null || isTombstone(last.entry)
    const stored = isTold ? last : this.#change(key, tombstoneOf(last.entry))
    this.#knownByKey.set(key, { stored, goneSinceMs: this.#clock.monotonicMs(), updatedAtMs: null, tick })
    return isTold || stored === null ? null : stored.revision
  }

  /** Takes note of own writes that are done, as one unit. @returns the revision of the first; the i-th has i more. */
  wrote(writes: readonly { readonly key: string; readonly entry: Entry }[]): number {
    const tick = this.tick()
    void this.mirror.commit([writes.map(({ key, entry }) => ({ key, entry, condition: { type: 'none' } }))])
    const first = this.revision - writes.length + 1
    for (const [index, { key, entry }] of writes.entries()) {
      this.#knownByKey.set(key, { stored: { key, entry, revision: first + index }, goneSinceMs: null, updatedAtMs: null, tick })
    }
    return first
  }

  /** Takes note that nothing is left of a dead entry: a revision without a change. */
  purged(key: string): number {
    void this.mirror.commit([[{ key, entry: null, condition: { type: 'none' } }]])
    this.#knownByKey.set(key, { stored: null, goneSinceMs: this.#clock.monotonicMs(), updatedAtMs: null, tick: this.tick() })
    return this.revision
  }

  /** Drops all knowledge of keys that hold nothing. */
  forget(keys: readonly string[]): void {
    for (const key of keys) {
      this.purged(key)
      this.#knownByKey.delete(key)
    }
  }

  #change(key: string, entry: Entry): Stored {
    void this.mirror.commit([[{ key, entry, condition: { type: 'none' } }]])
    return { key, entry, revision: this.revision }
  }
}

/** @throws `corrupt`, naming the key. */
export function decoded(key: string, content: Json): Entry {
  try {
    return decodePlain(content)
  } catch (cause) {
    const reason = MemorySyncError.from(cause, 'corrupt').message
    throw new MemorySyncError('corrupt', `the entry stored at ${quote(key)} cannot be read: ${reason}`, { cause, key })
  }
}

function tombstoneOf({ version, timestamp, workerId, x }: Entry): Entry {
  const dot = x?.d ?? [workerId, version[workerId] ?? 0, '']
  const counter = x?.c === undefined ? {} : { c: x.c }
  return { value: null, version, timestamp, workerId, x: { v: 1, d: dot, ...counter, t: 1 } }
}

/** Both were decoded, so their members are in one order. */
function isEqual(a: Entry, b: Entry): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
