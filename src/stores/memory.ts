/**
 * The store inside one process: `memory:` is private to its handle, `memory:<name>` is shared by all handles of that name
 * in this process. Keeps frozen entries as they are, no text. What it holds lives while at least one of its handles is open.
 *
 * - M1 a commit takes effect before the call returns; there is no state in between that anybody could see
 * - M2 the change log knows keys, not entries: an overwritten entry is free to go
 */

import { MemorySyncError } from '../domain/errors.ts'
import { compareKeys } from '../domain/key.ts'
import { type Pattern, parsePattern } from '../domain/pattern.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  FeedItem,
  ListOptions,
  ReadOptions,
  Receipt,
  Store,
  Stored,
  StoreFeatures,
  Unit,
  WatchOptions,
} from '../ports/store.ts'
import { ChangeFeed } from './change-feed.ts'
import { freezeEntry } from './freeze-entry.ts'
import { judgeUnit, type Look, type Refusal } from './judge.ts'
import { KeyIndex } from './key-index.ts'
import { abortedError, assertListOptions, closedError, refuseAborted } from './refusals.ts'
import type { FeedSource, LogPage, Page, WatchCursor } from './watch-cursor.ts'

export interface MemoryStoreOptions {
  /** Handles of one name in this process share their data. Default: none, the data is this handle's own. */
  readonly name?: string
  /** Judges expiry in conditions. */
  readonly clock: Clock
  /** Changes that a watch can resume over. Default 10,000. */
  readonly logChangesMax?: number
}

export const memoryLogChangesMaxDefault = 10_000
/** Entries given, and keys looked at, before a scan lets others run. */
const pageEntriesMax = 512
const pageKeysMax = 4096

const features: StoreFeatures = Object.freeze({
  compareAndSet: true,
  atomicUnit: true,
  watch: 'push',
  reach: 'process',
  durability: 'none',
})

/** @throws `invalid_option` for a `logChangesMax` that is no positive integer. */
export function memoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options)
}

class MemoryStore implements Store {
  readonly features = features
  readonly url: string
  readonly #clock: Clock
  readonly #name: string | undefined
  readonly #logChangesMax: number
  readonly #watches = new Set<WatchCursor>()
  #memory: Memory | null = null
  #isClosed = false

  constructor(options: MemoryStoreOptions) {
    const logChangesMax = options.logChangesMax ?? memoryLogChangesMaxDefault
    if (!Number.isInteger(logChangesMax) || logChangesMax < 1) {
      throw new MemorySyncError('invalid_option', `logChangesMax must be a positive integer, got ${logChangesMax}`)
    }
    this.#logChangesMax = logChangesMax
    this.#name = options.name === '' ? undefined : options.name
    this.#clock = options.clock
    this.url = `memory:${this.#name ?? ''}`
  }

  async open(): Promise<void> {
    this.#use()
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    return this.#use().entries.get(key) ?? null
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    assertListOptions(options)
    const parsed = parsePattern(pattern)
    let after: string | null = options?.after ?? null
    let left = options?.limit ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      refuseAborted(options?.signal)
      const page = this.#use().page(parsed, after)
      for (const stored of page.stored) {
        yield stored
        if (--left === 0) return
      }
      if (page.after === null) return
      after = page.after
    }
  }

  commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    if (options?.signal?.aborted) return Promise.reject(abortedError(options.signal))
    if (this.#isClosed) return Promise.reject(closedError(this.url))
    return Promise.resolve(this.#use().commit(units, this.#clock.wallMs()))
  }

  watch(pattern: string, options?: WatchOptions): AsyncIterable<FeedItem> {
    return this.#use().feed.watch(pattern, options, this.#watches)
  }

  async head(options?: ReadOptions): Promise<number> {
    refuseAborted(options?.signal)
    return this.#use().revision
  }

  headNow(): number {
    return this.#use().revision
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const watch of [...this.#watches]) watch.end()
    if (this.#memory !== null) release(this.#name)
    this.#memory = null
  }

  #use(): Memory {
    if (this.#memory !== null) return this.#memory
    if (this.#isClosed) throw closedError(this.url)
    this.#memory = this.#name === undefined ? new Memory(this.#logChangesMax) : acquire(this.#name, this.#logChangesMax)
    return this.#memory
  }
}

const sharedByName = new Map<string, { memory: Memory; handles: number }>()

function acquire(name: string, logChangesMax: number): Memory {
  let shared = sharedByName.get(name)
  if (shared === undefined) {
    shared = { memory: new Memory(logChangesMax), handles: 0 }
    sharedByName.set(name, shared)
  }
  shared.handles++
  return shared.memory
}

function release(name: string | undefined): void {
  const shared = name === undefined ? undefined : sharedByName.get(name)
  if (name !== undefined && shared !== undefined && --shared.handles === 0) sharedByName.delete(name)
}

/** The data of all handles of one name. */
class Memory implements FeedSource, Look {
  readonly entries = new Map<string, Stored>()
  readonly feed: ChangeFeed
  revision = 0
  readonly #index = new KeyIndex()
  readonly #logChangesMax: number
  /** The key written at revision r is at r modulo the capacity; a purge leaves undefined. */
  readonly #log: (string | undefined)[] = []

  constructor(logChangesMax: number) {
    this.#logChangesMax = logChangesMax
    this.feed = new ChangeFeed(this, 0)
  }

  commit(units: readonly Unit[], nowMs: number): readonly Receipt[] {
    const first = this.revision + 1
    const changes: Stored[] | null = this.feed.hasLive ? [] : null
    const receipts: Receipt[] = []
    for (const unit of units) receipts.push(this.#commitUnit(unit, nowMs, changes))
    if (this.revision >= first) this.feed.publish(first, this.revision, changes ?? [])
    return receipts
  }

  #commitUnit(unit: Unit, nowMs: number, changes: Stored[] | null): Receipt {
    let refusal: Refusal | null
    try {
      refusal = judgeUnit(unit, this, nowMs)
      if (refusal === null) for (const { entry } of unit) if (entry !== null) freezeEntry(entry)
    } catch (cause) {
      const message = 'a unit must be a list of writes { key, entry, condition, guard? }'
      return { type: 'failed', error: new MemorySyncError('invalid_value', message, { cause }) }
    }
    if (refusal !== null) return this.#refused(refusal)
    const revision = this.revision + 1
    for (const { key, entry } of unit) {
      this.revision++
      const slot = this.revision % this.#logChangesMax
      if (entry === null) {
        if (this.entries.delete(key)) this.#index.delete(key)
        this.#log[slot] = undefined
        continue
      }
      const stored: Stored = { key, entry, revision: this.revision }
      if (!this.entries.has(key)) this.#index.add(key)
      this.entries.set(key, stored)
      this.#log[slot] = key
      changes?.push(stored)
    }
    return { type: 'committed', revision, durability: 'none' }
  }

  #refused(refusal: Refusal): Receipt {
    switch (refusal.type) {
      case 'conflict':
        return { type: 'conflict', key: refusal.key, stored: this.entries.get(refusal.key) ?? null }
      case 'stale-epoch':
        return { type: 'stale-epoch', scope: refusal.scope, stored: this.entries.get(refusal.scope) ?? null }
      case 'failed': {
        const details = refusal.key === undefined ? {} : { key: refusal.key }
        return { type: 'failed', error: new MemorySyncError(refusal.code, refusal.message, details) }
      }
    }
  }

  revisionOf(key: string): number {
    return this.entries.get(key)?.revision ?? 0
  }

  entryOf(key: string) {
    return this.entries.get(key)?.entry ?? null
  }

  head(): number {
    return this.revision
  }

  page(pattern: Pattern, after: string | null): Page {
    if (pattern.key !== null) {
      const stored = after === null || compareKeys(after, pattern.key) < 0 ? this.entries.get(pattern.key) : undefined
      return { stored: stored === undefined ? [] : [stored], after: null }
    }
    const stored: Stored[] = []
    let resumeAfter: string | null = null
    let seen = 0
    const isResumed = after !== null && compareKeys(after, pattern.prefix) >= 0
    this.#index.scan(isResumed ? after : pattern.prefix, isResumed, (key) => {
      if (!key.startsWith(pattern.prefix)) return false
      if (pattern.matches(key)) stored.push(this.entries.get(key) as Stored)
      if (++seen < pageKeysMax && stored.length < pageEntriesMax) return true
      resumeAfter = key
      return false
    })
    return { stored, after: resumeAfter }
  }

  log(after: number, isWanted: (key: string) => boolean): LogPage | null {
    if (after < this.revision - this.#logChangesMax) return null
    const changes: Stored[] = []
    let through = after
    for (let seen = 0; through < this.revision && seen < pageKeysMax && changes.length < pageEntriesMax; seen++) {
      through++
      const key = this.#log[through % this.#logChangesMax]
      if (key === undefined || !isWanted(key)) continue
      const stored = this.entries.get(key)
      // Written, deleted and purged since: who last saw the value would never hear of its end.
      if (stored === undefined) return null
      if (stored.revision === through) changes.push(stored)
    }
    return { changes, through, isEnd: through === this.revision }
  }

  defer(run: () => void): void {
    queueMicrotask(run)
  }
}
