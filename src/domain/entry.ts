/**
 * The entry: one stored value with the history that lets any two readers agree. Its shape is the shape on the wire, so
 * that other programs can read it. Knows nothing of text encodings (`src/wire`) or of who stores it.
 */
import type { HybridTimestamp } from './hybrid-clock.ts'
import type { Json } from './json.ts'
import { emptyVersion, type Version } from './version-vector.ts'

/** What readers of the plain shape ignore. Present on everything that this library writes. */
export interface EntryExtension {
  /** Format of this extension. */
  readonly v: 1
  /** The dot: which write made this entry, as writer, the writer's counter, and the life of the writer. Unique. */
  readonly d: readonly [workerId: string, counter: number, incarnation: string]
  /** Counter of the hybrid logical clock, beside `timestamp`. Absent: 0. */
  readonly c?: number
  /** The scope and epoch that the write was guarded by. */
  readonly e?: readonly [scope: string, epoch: number]
  /** 1: a tombstone, the value is deleted. */
  readonly t?: 1
  /** Per top-level field: who wrote it last, as milliseconds, clock counter, worker. For field-wise merges. */
  readonly f?: Readonly<Record<string, readonly [number, number, string]>>
}

/** A value in memory, as every store keeps it and every process sees it. */
export interface Entry<V = Json> {
  readonly value: V
  readonly version: Version
  /** Milliseconds since 1970 of the writer's hybrid clock. */
  readonly timestamp: number
  readonly workerId: string
  /** Seconds from `timestamp` until the value expires; absent or 0: never. */
  readonly ttl?: number
  readonly x?: EntryExtension
}

export function isTombstone(entry: Entry): boolean {
  return entry.x?.t === 1
}

/** Expiry is judged on read, by the reader's clock. */
export function isExpired(entry: Entry, nowMs: number): boolean {
  return entry.ttl !== undefined && entry.ttl > 0 && entry.timestamp + entry.ttl * 1000 <= nowMs
}

/** Whether a reader sees a value here: neither deleted nor expired. */
export function isLive(entry: Entry, nowMs: number): boolean {
  return !isTombstone(entry) && !isExpired(entry, nowMs)
}

/** Two entries made by one and the same write. Entries of foreign writers carry no dot and are never known to be the same. */
export function isSameWrite(a: Entry, b: Entry): boolean {
  const dotA = a.x?.d
  const dotB = b.x?.d
  return dotA !== undefined && dotB !== undefined && dotA[0] === dotB[0] && dotA[1] === dotB[1] && dotA[2] === dotB[2]
}

export function hybridTimestampOf(entry: Entry): HybridTimestamp {
  return { ms: entry.timestamp, counter: entry.x?.c ?? 0 }
}

/** What a writer must have seen to overwrite `entry` without a conflict. */
export function contextOf(entry: Entry | null | undefined): Version {
  return entry?.version ?? emptyVersion
}
