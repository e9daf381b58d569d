/**
 * What a contract case is given and the small tools that all cases share: entries, writes, a reader of watches. Knows no
 * test runner and no particular store.
 */
import assert from 'node:assert/strict'
import type { Entry } from '../../domain/entry.ts'
import { type ErrorCode, MemorySyncError } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Condition, FeedItem, Guard, Receipt, Store, Stored, Write } from '../../ports/store.ts'

export interface ContractSubject {
  /** Open and empty. */
  readonly store: Store
  /** A second open handle on the same data, where the store's reach allows one. */
  another?(): Promise<Store>
  /** How many changes the log keeps at least (at most 1000 more), if they are few enough to be overrun in a test. */
  readonly logChangesMax?: number
  /** Called after the case, whether it failed or not. Cases leave handles open. */
  dispose?(): Promise<void>
}

export interface ContractCase {
  readonly name: string
  /** Features without which the case does not apply; it returns at once then. */
  readonly needs?: readonly ('compareAndSet' | 'atomicUnit')[]
  run(makeStore: () => Promise<ContractSubject>): Promise<void>
}

/** A case that makes its subject, checks that it applies, and cleans up. */
export function contractCase(
  name: string,
  needs: readonly ('compareAndSet' | 'atomicUnit')[],
  check: (store: Store, subject: ContractSubject) => Promise<void>,
): ContractCase {
  return {
    name,
    needs,
    async run(makeStore) {
      const subject = await makeStore()
      try {
        if (needs.every((feature) => subject.store.features[feature])) await check(subject.store, subject)
      } finally {
        await subject.dispose?.()
      }
    },
  }
}

export interface EntryShape {
  readonly version?: Readonly<Record<string, number>>
  readonly timestamp?: number
  readonly ttl?: number
  readonly isTombstone?: boolean
}

let counter = 0

/** An entry by writer `w`, its version `{ w: n }` with n counted through the process. */
export function entryOf(value: Json, shape: EntryShape = {}): Entry {
  const version: Record<string, number> = Object.assign(Object.create(null), shape.version ?? { w: ++counter })
  const worker = Object.keys(version)[0] ?? 'w'
  return {
    value,
    version,
    timestamp: shape.timestamp ?? 1_700_000_000_000,
    workerId: worker,
    ...(shape.ttl === undefined ? {} : { ttl: shape.ttl }),
    x: { v: 1, d: [worker, version[worker] ?? 0, 'contract'], ...(shape.isTombstone ? { t: 1 as const } : {}) },
  }
}

export function tombstone(shape: EntryShape = {}): Entry {
  return entryOf(null, { ...shape, isTombstone: true })
}

/** Written in 1970 with a second to live. */
export function expired(value: Json): Entry {
  return entryOf(value, { timestamp: 1, ttl: 1 })
}

export function put(key: string, value: Json | Entry, condition: Condition = { type: 'none' }, guard?: Guard): Write {
  const entry = isEntry(value) ? value : entryOf(value)
  return guard === undefined ? { key, entry, condition } : { key, entry, condition, guard }
}

export function purge(key: string, condition: Condition = { type: 'none' }): Write {
  return { key, entry: null, condition }
}

function isEntry(value: Json | Entry): value is Entry {
  return value !== null && typeof value === 'object' && 'version' in value && 'workerId' in value
}

/** Commits one unit. */
export async function commit(store: Store, ...writes: readonly Write[]): Promise<Receipt> {
  const receipts = await store.commit([writes])
  assert.equal(receipts.length, 1)
  return receipts[0] as Receipt
}

/** Commits one unit, which must take effect; the revision of its first write. */
export async function committed(store: Store, ...writes: readonly Write[]): Promise<number> {
  const receipt = await commit(store, ...writes)
  return revisionOf(receipt)
}

export function revisionOf(receipt: Receipt | undefined): number {
  assert.equal(receipt?.type, 'committed', `expected a committed unit, got ${JSON.stringify(receipt)}`)
  return receipt?.type === 'committed' ? receipt.revision : 0
}

export function assertConflict(receipt: Receipt | undefined, key: string, storedValue: Json | undefined): void {
  assert.equal(receipt?.type, 'conflict', `expected a conflict, got ${JSON.stringify(receipt)}`)
  if (receipt?.type !== 'conflict') return
  assert.equal(receipt.key, key)
  assertStoredValue(receipt.stored, key, storedValue)
}

export function assertStale(receipt: Receipt | undefined, scope: string, storedValue: Json | undefined): void {
  assert.equal(receipt?.type, 'stale-epoch', `expected a stale epoch, got ${JSON.stringify(receipt)}`)
  if (receipt?.type !== 'stale-epoch') return
  assert.equal(receipt.scope, scope)
  assertStoredValue(receipt.stored, scope, storedValue)
}

export function assertFailed(receipt: Receipt | undefined, code: ErrorCode): void {
  assert.equal(receipt?.type, 'failed', `expected a failed unit, got ${JSON.stringify(receipt)}`)
  if (receipt?.type === 'failed') assert.equal(receipt.error.code, code, receipt.error.message)
}

/** `undefined`: nothing is stored. */
export function assertStoredValue(stored: Stored | null, key: string, value: Json | undefined): void {
  if (value === undefined) {
    assert.equal(stored, null)
    return
  }
  assert.equal(stored?.key, key)
  assert.deepEqual(stored?.entry.value, value)
}

export async function valueAt(store: Store, key: string): Promise<Json | undefined> {
  return (await store.get(key))?.entry.value
}

export async function listed(items: AsyncIterable<Stored>): Promise<Stored[]> {
  const all: Stored[] = []
  for await (const stored of items) all.push(stored)
  return all
}

export async function rejectsWith(code: ErrorCode, run: () => unknown): Promise<MemorySyncError> {
  try {
    await run()
  } catch (error) {
    assert.ok(error instanceof MemorySyncError, `expected a MemorySyncError, got ${String(error)}`)
    assert.equal(error.code, code, error.message)
    return error
  }
  return assert.fail(`expected a rejection with ${code}`)
}

/** Starts watching at once and reads item by item. */
export class FeedReader {
  readonly #items: AsyncIterator<FeedItem>
  /** The stored entries as this watch told them, by key. */
  readonly stored = new Map<string, Stored>()
  resets = 0

  constructor(items: AsyncIterable<FeedItem>) {
    this.#items = items[Symbol.asyncIterator]()
  }

  /** The next item; null when the watch has ended. Checks that the revisions of a key only rise. */
  async next(): Promise<FeedItem | null> {
    const result = await this.#items.next()
    if (result.done) return null
    const item = result.value
    if (item.type === 'reset') {
      this.resets++
      this.stored.clear()
    }
    if (item.type === 'changes') {
      assert.ok(item.changes.length > 0, 'an item without changes')
      for (const change of item.changes) {
        const before = this.stored.get(change.key)?.revision ?? 0
        assert.ok(change.revision > before, `${change.key} went from revision ${before} to ${change.revision}`)
        this.stored.set(change.key, change)
      }
    }
    return item
  }

  /** Reads until `caught-up`; the changes before it, and its revision. */
  async snapshot(): Promise<{ changes: Stored[]; revision: number }> {
    const changes: Stored[] = []
    for (;;) {
      const item = await this.next()
      if (item === null) assert.fail('the watch ended before it had caught up')
      if (item.type === 'caught-up') return { changes, revision: item.revision }
      if (item.type === 'changes') changes.push(...item.changes)
    }
  }

  /** Reads until at least `count` changes came. Anything else is a fault. */
  async changes(count: number): Promise<Stored[]> {
    const changes: Stored[] = []
    while (changes.length < count) {
      const item = await this.next()
      if (item?.type !== 'changes') assert.fail(`expected changes, got ${JSON.stringify(item)}`)
      changes.push(...item.changes)
    }
    return changes
  }

  /** Reads until a change of `key` came. */
  async until(key: string): Promise<void> {
    while (!this.stored.has(key)) {
      if ((await this.next()) === null) assert.fail(`the watch ended before ${key} came`)
    }
  }

  async end(): Promise<void> {
    await this.#items.return?.()
  }
}

export function pairs(changes: readonly Stored[]): [key: string, value: Json][] {
  return changes.map((change) => [change.key, change.entry.value])
}
