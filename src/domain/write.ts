/**
 * Writes: what is to be stored, when it may take effect (conditions on what is stored, guards by epoch), and which writes
 * belong together. Chosen by machines, judged by stores.
 */
import type { Entry, EntryExtension } from './entry.ts'
import type { Json } from './json.ts'
import type { Version } from './version-vector.ts'

/**
 * Judged in the store's own transaction:
 * - `none`: always
 * - `revision`: the key's entry (a tombstone too) has exactly this revision
 * - `absent`: the key has no entry, or a tombstone, or an expired entry
 * - `causal`: the stored version, if any, is covered by `context`: the writer had seen what it overwrites
 */
export type Condition =
  | { readonly type: 'none' }
  | { readonly type: 'revision'; readonly revision: number }
  | { readonly type: 'absent' }
  | { readonly type: 'causal'; readonly context: Version }

/**
 * Fencing: the write takes effect only while the entry at `scope` (a task's record, a lock) has a value whose `epoch` and
 * `incarnation` are these.
 */
export interface Guard {
  readonly scope: string
  readonly epoch: number
  readonly incarnation: string
}

export interface Write {
  readonly key: string
  /** null purges what is stored, without a trace and without a change: only for tombstones and expired entries. */
  readonly entry: Entry | null
  readonly condition: Condition
  readonly guard?: Guard
}

/** Writes that take effect together. The deciding write comes first. */
export type Unit = readonly Write[]

/**
 * A write as a machine decides it: what and when, as plain data. The edge makes it a {@link Write} by stamping version,
 * time and writer.
 */
export interface Intent {
  readonly key: string
  /** undefined deletes. */
  readonly value: Json | undefined
  readonly condition: Condition
  readonly guard?: Guard
  readonly ttlSeconds?: number
  /** Of a field-wise merge: who wrote each top-level field. */
  readonly fields?: EntryExtension['f']
  /** The versions that the decision was based on. Default: what this process has seen of the key. */
  readonly context?: Version
}

export const always: Condition = Object.freeze({ type: 'none' })
export const ifAbsent: Condition = Object.freeze({ type: 'absent' })
