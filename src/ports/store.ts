/**
 * The store port: one shared, ordered, watchable map from keys to entries. Adapters in `src/stores` promise what
 * `features` says and pass the contract in `src/testing/store-contract`. A store knows nothing of actors.
 *
 * Promises of every store with `compareAndSet: true`:
 * - S1 `revision` is one strictly increasing integer for the whole store; every write that takes effect has its own
 * - S2 a unit takes effect whole or not at all; each of its conditions and guards is judged in the same transaction
 * - S3 a committed receipt is given after the unit survives what `durability` names, never before
 * - S4 a watch yields every key's changes in revision order and ends at the stored value; gaps are told by `reset`
 */
import type { Entry } from '../domain/entry.ts'
import type { MemorySyncError } from '../domain/errors.ts'
import type { Unit } from '../domain/write.ts'

export type { Condition, Guard, Unit, Write } from '../domain/write.ts'

export type Durability = 'none' | 'process-crash' | 'fsync' | 'quorum'

export interface StoreFeatures {
  /**
   * Whether conditions and guards are judged together with the write. `'assumed'`: they are, under an assumption that the store logs
   * when it is opened: exclusion holds while every call to the server ends within a stated time and no process pauses longer than its
   * lease; what a process does after such a pause may overwrite others' writes. Of S1 to S4 such a store promises only what its own
   * documentation says. `false`: `revision`, `absent` and guards are refused with `not_supported`.
   */
  readonly compareAndSet: boolean | 'assumed'
  readonly atomicUnit: boolean
  readonly watch: 'push' | 'poll'
  /** Who can share it: this process, this machine, or the network. Within a machine leases need no observation. */
  readonly reach: 'process' | 'machine' | 'network'
  readonly durability: Durability
}

/** An entry where it lies. Tombstones and expired entries are given too: readers judge them. */
export interface Stored {
  readonly key: string
  readonly entry: Entry
  readonly revision: number
}

export type Receipt =
  /** The unit's i-th write has `revision + i`. */
  | { readonly type: 'committed'; readonly revision: number; readonly durability: Durability }
  /** The condition of the write at `key` did not hold; `stored` is what was there. */
  | { readonly type: 'conflict'; readonly key: string; readonly stored: Stored | null }
  /** The guard did not hold; `stored` is what was at its scope. */
  | { readonly type: 'stale-epoch'; readonly scope: string; readonly stored: Stored | null }
  | { readonly type: 'failed'; readonly error: MemorySyncError }

export type FeedItem =
  /** What was written, in revision order (before `caught-up` of a snapshot: in key order). Never empty. */
  | { readonly type: 'changes'; readonly changes: readonly Stored[] }
  /**
   * All that was stored up to `revision` has been given; live changes follow. Said once by every watch, whatever its `after`, and
   * again after each `reset`.
   */
  | { readonly type: 'caught-up'; readonly revision: number }
  /** Changes were missed; a snapshot and another `caught-up` follow. */
  | { readonly type: 'reset' }

export interface ReadOptions {
  readonly signal?: AbortSignal
}

export interface ListOptions extends ReadOptions {
  /** Only keys after this one. */
  readonly after?: string
  /** At most this many. Default: all. */
  readonly limit?: number
}

export interface WatchOptions extends ReadOptions {
  /**
   * Resume behind this revision; `'now'`: only what is committed after the call.
   * Default: a snapshot of what is stored, then what follows.
   */
  readonly after?: number | 'now'
}

export interface Store {
  readonly features: StoreFeatures
  /** Where it is, for people: `file:/srv/app/.memory-sync`. */
  readonly url: string
  /** Settles when the store can be used. @throws `store_unavailable`, `corrupt`, `not_supported` with advice. */
  open(): Promise<void>
  get(key: string, options?: ReadOptions): Promise<Stored | null>
  /** In key order (by code point), read in pages, never truncated silently. */
  list(pattern: string, options?: ListOptions): AsyncIterable<Stored>
  /**
   * One receipt per unit, in order; units are independent of each other.
   * Rejects only when nothing can be said of any unit: `store_unavailable` (nothing written) or `unknown_outcome`.
   */
  commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]>
  /**
   * Ends when `signal` aborts or the store closes. A consumer that is slow may get only the last of several changes of a key;
   * one that is too slow gets `reset`, never a gap.
   */
  watch(pattern: string, options?: WatchOptions): AsyncIterable<FeedItem>
  /** The revision of the last committed write; 0 when there is none. */
  head(options?: ReadOptions): Promise<number>
  /**
   * The same at once, for stores that need not wait for it (reach `process` or `machine`): every commit of any process that had
   * its receipt before the call is counted. Only after `open` has settled. Without it such a store is asked for every read.
   * @throws `store_unavailable`, `closed`
   */
  headNow?(): number
  /** Idempotent. Pending commits are settled first. */
  close(): Promise<void>
}
