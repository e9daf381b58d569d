/**
 * `runtime.memory`: reading, writing and watching the shared memory. Owns keys' and values' checks at the edge and what a
 * conflict means to a caller. Knows the store's port for reads and the journal for writes.
 */
import type { WriteOutcome } from '../actors/outcome.ts'
import { type Entry, type EntryExtension, isLive } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { type Json, toJson } from '../domain/json.ts'
import { assertKey, type Keys } from '../domain/key.ts'
import { parsePattern } from '../domain/pattern.ts'
import { emptyVersion, joinVersions, type Version } from '../domain/version-vector.ts'
import { type Condition, type Guard, type Intent, ifAbsent } from '../domain/write.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Durability, FeedItem, Store, Stored, WatchOptions } from '../ports/store.ts'

/** How often `update` and a conflicting `set` try again before they reject with `conflict`. */
export const conflictRoundsMax = 100

export interface WriteOptions {
  /** Seconds until the value expires. Default: never. */
  readonly ttlSeconds?: number
  /** Only if the key is at this revision; otherwise rejects with `conflict`. */
  readonly ifRevision?: number
  /** Only if the key has no value; otherwise rejects with `conflict`. */
  readonly ifAbsent?: boolean
  /** Only while this lock is held; otherwise rejects with `lock_lost`. Checked by the store, together with the write. */
  readonly lock?: WriteLock
}

/** What a guarded write needs of a lock, as `runtime.lock` gives it. */
export interface WriteLock {
  readonly isHeld: boolean
  readonly guard: Guard
}

/** What writers that had not seen each other leave: the value to be stored, or undefined for none. */
export interface Reconciled {
  readonly value: Json | undefined
  readonly fields?: EntryExtension['f']
}

export interface Committed {
  readonly revision: number
  readonly version: Version
  readonly durability: Durability
}

/** One value where it lies. */
export interface MemoryItem {
  readonly key: string
  readonly value: Json
  readonly revision: number
  readonly entry: Entry
}

export type MemoryChange =
  | { readonly type: 'set'; readonly key: string; readonly value: Json; readonly revision: number; readonly entry: Entry }
  /** Deleted or expired. */
  | { readonly type: 'delete'; readonly key: string; readonly revision: number; readonly entry: Entry }

export type MemoryEvent =
  | MemoryChange
  /** All that was stored before has been given; changes follow. */
  | { readonly type: 'caught-up'; readonly revision: number }
  /** Changes were missed; a snapshot and another `caught-up` follow. */
  | { readonly type: 'reset' }

export interface MemoryWatchOptions {
  /** Resume behind this revision; `'now'`: no snapshot. Default: a snapshot first. */
  readonly after?: number | 'now'
  readonly signal?: AbortSignal
}

export interface MemoryHands {
  readonly store: Pick<Store, 'list'>
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  /** Settles when the store is open; rejects when it is not, or the runtime is shut down. */
  ready(): Promise<void>
  /**
   * Waits for room in the writer, or rejects with `backpressure`; null: there is room. Nothing may come between this answer
   * and the write: all who ask at once would be given the same room.
   */
  room(): Promise<void> | null
  /** What is known to be stored now, without asking the store; undefined: only the store can tell. */
  cached(key: string): Stored | null | undefined
  /** What is cached, however old. */
  peek(key: string): Stored | null | undefined
  /** From the cache where that is sure, else from the store. */
  read(key: string): Promise<Stored | null>
  learn(stored: Stored): void
  contextOf(key: string): Version | undefined
  write(intents: readonly Intent[]): Promise<WriteOutcome>
  /** Decides between what is stored and a write that had not seen it. null: the later to commit stays. */
  readonly reconcile: ((key: string, stored: Entry, own: Entry) => Reconciled) | null
  subscribe(pattern: string, listener: (stored: Stored) => unknown): () => void
  /** A watch that ends with the runtime at the latest. */
  follow(pattern: string, options: WatchOptions): AsyncIterable<FeedItem>
}

interface PendingWrite {
  /** undefined deletes. */
  readonly value: Json | undefined
  outcome: Promise<Committed> | null
}

export class Memory {
  readonly #hands: MemoryHands
  readonly #guard: Guard | undefined
  readonly #isOver: () => boolean
  /** Own unconditional writes on their way, newest per key: own reads see them. */
  readonly #pending = new Map<string, PendingWrite>()

  constructor(hands: MemoryHands, guard?: Guard, isOver: () => boolean = () => false) {
    this.#hands = hands
    this.#guard = guard
    this.#isOver = isOver
  }

  /** The same memory, whose writes are refused with `stale_epoch` once `guard` is overtaken, or its holder's time is over. */
  guardedBy(guard: Guard, isOver: () => boolean): Memory {
    return new Memory(this.#hands, guard, isOver)
  }

  /**
   * The value, deep-frozen, or null when there is none, it was deleted, or has expired. A failed read rejects. `Value` is
   * the caller's word; nothing checks it.
   */
  async get<Value = Json>(key: string): Promise<Value | null> {
    if (this.#pending.size > 0) {
      const pending = this.#pending.get(key)
      if (pending !== undefined) return (pending.value ?? null) as Value | null
    }
    // What is cached was read or written: the key is one.
    const cached = this.#hands.cached(key)
    if (cached) return this.#valueOf(cached) as Value | null
    if (cached === null) return null
    return ((await this.#read(assertKey(key)))?.entry.value ?? null) as Value | null
  }

  /** Whether an own `set` or `delete` of the key is on its way. */
  isWriting(key: string): boolean {
    return this.#pending.has(key)
  }

  /**
   * What is cached of the key, at once and perhaps out of date: the value, null where there is none, undefined when it is
   * not cached. Own writes on their way are seen.
   */
  peek<Value = Json>(key: string): Value | null | undefined {
    if (this.#pending.size > 0) {
      const pending = this.#pending.get(key)
      if (pending !== undefined) return (pending.value ?? null) as Value | null
    }
    const cached = this.#hands.peek(key)
    return (cached ? this.#valueOf(cached) : cached) as Value | null | undefined
  }

  /** The value with its version, writer, time and revision; null where `get` gives null. */
  async entry(key: string): Promise<MemoryItem | null> {
    const stored = await this.#read(assertKey(key))
    return stored === null ? null : itemOf(stored)
  }

  /**
   * Stores a JSON value; settles when it is committed.
   *
   * Without a condition a value that another process wrote meanwhile is taken notice of: the runtime's conflict resolver
   * decides what is stored, and without one the last to commit stays. Either way every reader can tell the order of the two.
   *
   * @throws `invalid_key`, `invalid_value`, `too_large`, `conflict`, `stale_epoch`, `lock_lost`, `backpressure`, `closed`,
   * `store_unavailable`
   */
  async set(key: string, value: unknown, options: WriteOptions = {}): Promise<Committed> {
    this.#assertWritable(key)
    checkWriteOptions(key, options)
    const json = toJson(value)
    return this.#write(key, json, options)
  }

  /** Deletes the key; settles when that is committed, also when there was nothing. */
  async delete(key: string, options: Pick<WriteOptions, 'ifRevision' | 'lock'> = {}): Promise<Committed> {
    this.#assertWritable(key)
    checkWriteOptions(key, options)
    return this.#write(key, undefined, options)
  }

  /**
   * Replaces the value by `change(value)`, atomically: nobody else writes between the read and the write. `change` gets
   * null where there is no value, must be pure, and may run again. When it returns undefined, nothing is written.
   *
   * @returns the value that is stored now.
   * @throws what `set` does; `unknown_outcome` when the store's reply was lost and the value was overwritten before it could
   * be asked again: never is a change made twice.
   */
  async update(
    key: string,
    change: (value: Json) => unknown,
    options: Pick<WriteOptions, 'ttlSeconds' | 'lock'> = {},
  ): Promise<Json> {
    this.#assertWritable(key)
    checkWriteOptions(key, options)
    let stored = await this.#readStored(key)
    for (let round = 1; ; round++) {
      const current = stored !== null && isLive(stored.entry, this.#hands.clock.wallMs()) ? stored.entry.value : null
      const changed = change(current)
      if (changed === undefined) return current
      const json = toJson(changed)
      const condition: Condition = stored === null ? ifAbsent : { type: 'revision', revision: stored.revision }
      for (let room = this.#hands.room(); room !== null; room = this.#hands.room()) await room
      const outcome = await this.#submit(key, json, condition, options, stored?.entry.version ?? emptyVersion)
      if (outcome.type === 'committed') return json
      // A change that may have been made already must not be made again.
      if (outcome.type !== 'conflict' || outcome.isOverwritten || round >= conflictRoundsMax)
        throw this.#refusal(key, outcome, options.lock)
      stored = outcome.stored
      await this.#pause(round)
    }
  }

  /** Every value whose key matches, in key order, read in pages. */
  async *list(pattern: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<MemoryItem> {
    parsePattern(pattern)
    await this.#hands.ready()
    for await (const stored of this.#hands.store.list(pattern, options)) {
      if (isLive(stored.entry, this.#hands.clock.wallMs())) yield itemOf(stored)
    }
  }

  /**
   * A snapshot, `caught-up`, then the changes, each key's in revision order; after a gap `reset` and a snapshot. Of several changes
   * of a key that follow each other faster than they are read, or than the store tells of them, only the last may come: it has seen
   * the others. Ends when `signal` aborts or the runtime shuts down.
   */
  async *watch(pattern: string, options: MemoryWatchOptions = {}): AsyncGenerator<MemoryEvent> {
    parsePattern(pattern)
    await this.#hands.ready()
    let isSnapshot = options.after === undefined
    for await (const item of this.#hands.follow(pattern, options)) {
      if (item.type === 'caught-up') {
        isSnapshot = false
        yield item
      } else if (item.type === 'reset') {
        isSnapshot = true
        yield item
      } else {
        for (const stored of item.changes) {
          if (isLive(stored.entry, this.#hands.clock.wallMs())) yield { type: 'set', ...itemOf(stored) }
          else if (!isSnapshot) yield { type: 'delete', key: stored.key, revision: stored.revision, entry: stored.entry }
        }
      }
    }
  }

  /**
   * Calls `listener` for every change of a matching key that is committed after this call, own and others', in revision
   * order per key. What it throws is reported as a problem. Returns the end of the subscription.
   */
  subscribe(pattern: string, listener: (change: MemoryChange) => unknown): () => void {
    parsePattern(pattern)
    return this.#hands.subscribe(pattern, (stored) => {
      if (isLive(stored.entry, this.#hands.clock.wallMs())) return listener({ type: 'set', ...itemOf(stored) })
      return listener({ type: 'delete', key: stored.key, revision: stored.revision, entry: stored.entry })
    })
  }

  async #read(key: string): Promise<Stored | null> {
    const stored = await this.#readStored(key)
    return stored !== null && isLive(stored.entry, this.#hands.clock.wallMs()) ? stored : null
  }

  async #readStored(key: string): Promise<Stored | null> {
    await this.#hands.ready()
    const stored = await this.#hands.read(key)
    if (stored !== null) this.#hands.learn(stored)
    return stored
  }

  #valueOf({ entry }: Stored): Json {
    const isSure = entry.ttl === undefined && entry.x?.t === undefined
    return isSure || isLive(entry, this.#hands.clock.wallMs()) ? entry.value : null
  }

  #write(key: string, value: Json | undefined, options: WriteOptions): Promise<Committed> {
    if (options.ifRevision !== undefined || options.ifAbsent === true) return this.#writeIf(key, value, options)
    const own: PendingWrite = { value, outcome: null }
    this.#pending.set(key, own)
    const outcome = this.#overwrite(key, own, options)
    own.outcome = outcome
    const forget = (): void => {
      if (this.#pending.get(key) === own) this.#pending.delete(key)
    }
    outcome.then(forget, forget)
    return outcome
  }

  async #writeIf(key: string, value: Json | undefined, options: WriteOptions): Promise<Committed> {
    await this.#hands.ready()
    const context = await this.#contextOf(key)
    for (let room = this.#hands.room(); room !== null; room = this.#hands.room()) await room
    const condition: Condition = options.ifRevision === undefined ? ifAbsent : { type: 'revision', revision: options.ifRevision }
    const outcome = await this.#submit(key, value, condition, options, context)
    if (outcome.type === 'committed') return outcome
    throw this.#refusal(key, outcome, options.lock)
  }

  async #overwrite(key: string, own: PendingWrite, options: WriteOptions): Promise<Committed> {
    await this.#hands.ready()
    let context = await this.#contextOf(key)
    /** What was written first, whatever it is merged with: each merge begins with it anew. */
    let mine: Entry | null = null
    let merged: Reconciled = { value: own.value }
    for (let round = 1; ; round++) {
      for (let room = this.#hands.room(); room !== null; room = this.#hands.room()) await room
      // Own writes that went ahead meanwhile are seen too.
      const known = this.#hands.contextOf(key)
      if (known !== undefined) context = joinVersions(known, context)
      const outcome = await this.#submit(key, merged.value, { type: 'causal', context }, options, context, merged.fields)
      if (outcome.type === 'committed') return outcome
      if (outcome.type !== 'conflict' || outcome.stored === null || round >= conflictRoundsMax)
        throw this.#refusal(key, outcome, options.lock)
      // The writers had not seen each other. This one has now: its version will cover what it overwrites.
      context = joinVersions(context, outcome.stored.entry.version)
      await this.#pause(round)
      // A later call of this process overwrites it anyway; trying again could only come too late and undo that.
      const newest = this.#pending.get(key)
      if (newest !== undefined && newest !== own && newest.outcome !== null) return newest.outcome
      mine ??= outcome.own
      if (mine !== null && this.#hands.reconcile !== null) merged = this.#hands.reconcile(key, outcome.stored.entry, mine)
    }
  }

  /** What this process has seen of the key; if nothing, it looks. */
  async #contextOf(key: string): Promise<Version> {
    return this.#hands.contextOf(key) ?? (await this.#readStored(key))?.entry.version ?? emptyVersion
  }

  /** The intent carries its context, so that the journal need not read: it is in the buffer when this returns. */
  #submit(
    key: string,
    value: Json | undefined,
    condition: Condition,
    options: WriteOptions,
    context: Version,
    fields?: EntryExtension['f'],
  ): Promise<WriteOutcome> {
    const guard = options.lock?.guard ?? this.#guard
    let intent: Intent = { key, value, condition, context }
    if (guard !== undefined) intent = { ...intent, guard }
    if (fields !== undefined) intent = { ...intent, fields }
    if (options.ttlSeconds !== undefined) intent = { ...intent, ttlSeconds: options.ttlSeconds }
    return this.#hands.write([intent])
  }

  #refusal(key: string, outcome: Exclude<WriteOutcome, { type: 'committed' }>, lock?: WriteLock): MemorySyncError {
    switch (outcome.type) {
      case 'failed':
        return outcome.error
      case 'stale-epoch':
        if (lock !== undefined) return lockLost(key)
        return new MemorySyncError(
          'stale_epoch',
          `${key} was not written: ${outcome.scope} has been taken over by another owner`,
          { key },
        )
      case 'conflict': {
        if (outcome.isOverwritten) {
          return new MemorySyncError(
            'unknown_outcome',
            `the reply to the write of ${key} was lost, and it has been overwritten since: it took effect, most likely. Read it and decide.`,
            { key, retryable: false },
          )
        }
        const found = outcome.stored === null ? 'no entry' : `revision ${outcome.stored.revision}`
        return new MemorySyncError(
          'conflict',
          `${key} was not written: the condition did not hold, ${found} is stored. Read it again and decide.`,
          { key },
        )
      }
    }
  }

  /** Spreads writers that meet at one key again and again. */
  #pause(round: number): Promise<void> {
    if (round < 3) return Promise.resolve()
    const delayMs = this.#hands.random.next() * Math.min(64, 2 ** (round - 2))
    return new Promise((resolve) => this.#hands.clock.setTimer(delayMs, resolve))
  }

  #assertWritable(key: string): void {
    assertKey(key)
    if (this.#hands.keys.taskOfRecord(key) !== null) {
      throw new MemorySyncError(
        'not_supported',
        `${key} is a task's record: only the runtime writes it. Use submit, cancel or the queue.`,
        { key },
      )
    }
    if (this.#hands.keys.isLock(key)) {
      throw new MemorySyncError('not_supported', `${key} is a lock: only acquiring and releasing it write there`, { key })
    }
    // The store refuses it once the next owner has claimed; until then only this process knows.
    if (this.#isOver()) {
      throw new MemorySyncError('stale_epoch', `${key} was not written: the attempt that writes it is over`, { key })
    }
  }
}

function lockLost(key: string): MemorySyncError {
  return new MemorySyncError('lock_lost', `${key} was not written: the lock that guards it is not held any more`, {
    key,
    retryable: false,
  })
}

function itemOf(stored: Stored): MemoryItem {
  return { key: stored.key, value: stored.entry.value, revision: stored.revision, entry: stored.entry }
}

function checkWriteOptions(key: string, options: WriteOptions): void {
  const { ttlSeconds, ifRevision, lock } = options
  if (lock !== undefined && !lock.isHeld) throw lockLost(key)
  if (ttlSeconds !== undefined && !(Number.isFinite(ttlSeconds) && ttlSeconds >= 0)) {
    throw new MemorySyncError('invalid_option', `ttlSeconds must be a number of at least 0, got ${quote(ttlSeconds)}`)
  }
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 0)) {
    throw new MemorySyncError(
      'invalid_option',
      `ifRevision must be a revision as given by entry() or set(), got ${quote(ifRevision)}`,
    )
  }
}
