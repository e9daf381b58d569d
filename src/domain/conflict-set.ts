/**
 * What a resolver decides on: entries as a set in one order, whoever gives them and in whatever order. Owns that order and
 * what makes two entries the same. Knows nothing of how conflicts are decided.
 */
import { type Entry, hybridTimestampOf } from './entry.ts'
import { MemorySyncError, messageOf, quote } from './errors.ts'
import { compareTimestamps } from './hybrid-clock.ts'
import { canonicalJson, type Json } from './json.ts'

/** At least one entry, each once, the greatest last. */
export type ConflictSet = readonly [Entry, ...Entry[]]

/**
 * The entries by (time, hybrid counter, worker, canonical text of the value), each write once. What is still equal then is
 * ordered by life and version, so that even two lives with one name and one thought are told apart in the same way by all.
 *
 * @throws `invalid_value` when there is none, or for what is no entry.
 */
export function conflictSetOf(entries: readonly Entry[]): ConflictSet {
  if (!Array.isArray(entries)) throw new MemorySyncError('invalid_value', `entries must be an array, got ${quote(entries)}`)
  const sorted = entries.map(rankOf).sort(compareRanked)
  const [first, ...others] = sorted.filter((each, index) => !isSameRanked(each, sorted[index - 1]))
  if (first === undefined) {
    throw new MemorySyncError('invalid_value', 'there is nothing to resolve: give at least one entry')
  }
  return [first.entry, ...others.map((each) => each.entry)]
}

/** The greatest of the set. */
export function latestOf(set: ConflictSet): Entry {
  return set.at(-1) ?? set[0]
}

/** Who wrote a value or a field of one, and when, together with its text: what decides between two. */
export interface Claim {
  readonly ms: number
  readonly counter: number
  readonly worker: string
  readonly text: string
}

/** A total order of claims. `(time, worker)` alone is none: two lives may share a worker id, and a millisecond. */
export function compareClaims(a: Claim, b: Claim): number {
  return compareTimestamps(a, b) || compareText(a.worker, b.worker) || compareText(a.text, b.text)
}

interface Ranked extends Claim {
  readonly entry: Entry
  /** What else tells one write from another. */
  readonly write: string
  readonly version: string
}

function rankOf(entry: Entry, index: number): Ranked {
  const isEntry =
    typeof entry === 'object' &&
    entry !== null &&
    Number.isFinite(entry.timestamp) &&
    typeof entry.workerId === 'string' &&
    typeof entry.version === 'object' &&
    entry.version !== null &&
    entry.value !== undefined
  if (!isEntry) {
    throw new MemorySyncError(
      'invalid_value',
      `entry ${index} must be { value, version, timestamp, workerId } with a finite timestamp, got ${quote(entry)}`,
    )
  }
  const { x } = entry
  try {
    const version = canonicalJson(entry.version)
    // A dot names its write; only a foreign writer's entry is told by its version.
    const name = x?.d ?? version
    return {
      entry,
      ...hybridTimestampOf(entry),
      worker: entry.workerId,
      text: canonicalJson(entry.value),
      write: canonicalJson([x?.t ?? 0, name, x?.f ?? null, entry.ttl ?? 0]),
      version,
    }
  } catch (cause) {
    throw MemorySyncError.from(cause, 'invalid_value', `entry ${index} cannot be compared: ${messageOf(cause)}`)
  }
}

function compareRanked(a: Ranked, b: Ranked): number {
  return compareClaims(a, b) || compareText(a.write, b.write) || compareText(a.version, b.version)
}

function isSameRanked(a: Ranked, b: Ranked | undefined): boolean {
  return b !== undefined && compareClaims(a, b) === 0 && a.write === b.write
}

/** By code unit, as everywhere: a locale's order differs from machine to machine. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Whether two values are one: their canonical texts agree. */
export function isSameValue(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b)
}
