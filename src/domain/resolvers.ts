/**
 * Conflict resolvers: one value out of those whose writers had not seen each other. Owns the four built-in ones and the
 * careful call of a user's own. Knows nothing of where conflicts are found or of how the result is stored.
 *
 * Each built-in resolver is a join: pure, commutative, associative, idempotent. Where a value is not of the kind that a
 * resolver merges, that value loses to those that are, and the last write wins only among values none of which is: falling
 * back as soon as one value is odd would make the result depend on who merged first.
 */
import { type Claim, type ConflictSet, compareClaims, compareText, conflictSetOf, isSameValue, latestOf } from './conflict-set.ts'
import { type Entry, type EntryExtension, hybridTimestampOf } from './entry.ts'
import { MemorySyncError, messageOf, quote } from './errors.ts'
import { canonicalJson, type Json, toJson } from './json.ts'

/** Per top-level field of a value: who wrote it, as milliseconds, hybrid-clock counter, worker. */
export type FieldWriters = NonNullable<EntryExtension['f']>

export type ResolutionStrategy = 'last-write-wins' | 'merge' | 'custom'

/** What a conflict ended in. */
export interface Resolution {
  /** Deep-frozen. */
  readonly resolved: Json
  readonly strategy: ResolutionStrategy
  /** Of the entries given those of whose value nothing is in `resolved`. */
  readonly discarded: readonly Entry[]
  /** Stored beside a value that was merged by field, so that merging it again takes each field for what it is. */
  readonly fields?: FieldWriters
}

/** What a resolver may return: a {@link Resolution}, or as little as `{ resolved }`. */
export interface ResolverResult {
  /** Any JSON value. */
  readonly resolved: unknown
  /** Default and anything else than a {@link ResolutionStrategy}: 'custom'. */
  readonly strategy?: string | undefined
  /** Default: when `resolved` is the value of some of the entries, the others; otherwise none. */
  readonly discarded?: readonly Entry[] | undefined
  /** As `ConflictResolvers.mergeObjects` gives them. */
  readonly fields?: FieldWriters | undefined
}

/**
 * Decides between the values of entries whose writers had not seen each other. Synchronous. It must not change what it is
 * given, and must be a join, or processes that see the conflicts in different orders end with different values: check it
 * with `assertResolverLaws`. A runtime gives it each write once, oldest first; do not rely on the order all the same.
 *
 * @example
 * const longest: ConflictResolver = (entries) => {
 *   const texts = entries.map((entry) => String(entry.value))
 *   return { resolved: texts.sort((a, b) => b.length - a.length || (a < b ? -1 : 1))[0] }
 * }
 */
export type ConflictResolver = (entries: readonly Entry[]) => ResolverResult

/**
 * The built-in resolvers. Each takes at least one entry, in any order, the same one more than once too; a single entry keeps
 * its value, as 'last-write-wins' with nothing discarded.
 *
 * @throws `invalid_value` without any entry, for what is no entry, and when the value to be kept is not JSON.
 */
export const ConflictResolvers: {
  /**
   * The value of the greatest entry by (time, hybrid counter, worker, canonical text of the value). Strategy
   * 'last-write-wins'; all other entries are discarded.
   */
  readonly lastWriteWins: (entries: readonly Entry[]) => Resolution
  /**
   * The union of all arrays as a set, sorted by the canonical JSON of the items. Strategy 'merge'. Values that are no arrays
   * are discarded; without any array: `lastWriteWins`.
   */
  readonly mergeArrays: (entries: readonly Entry[]) => Resolution
  /**
   * Of all plain objects each top-level field, with the value that was written last: by the entry's own time and writer, or
   * by those that its `x.f` keeps of the field. Strategy 'merge'. Entries of which no field is taken are discarded, so are
   * values that are no plain objects; without any plain object: `lastWriteWins`. A field that only one side removed stays.
   */
  readonly mergeObjects: (entries: readonly Entry[]) => Resolution
  /**
   * The greatest finite number. Strategy 'custom'. All other values are discarded; without any finite number:
   * `lastWriteWins`.
   */
  readonly maxValue: (entries: readonly Entry[]) => Resolution
} = Object.freeze({
  lastWriteWins: (entries) => lastWriteOf(conflictSetOf(entries)),

  mergeArrays(entries) {
    const set = conflictSetOf(entries)
    const arrays = set.filter((entry) => Array.isArray(entry.value))
    if (set.length === 1 || arrays.length === 0) return lastWriteOf(set)
    const itemByText = new Map<string, Json>()
    for (const { value } of arrays) for (const item of value as readonly Json[]) itemByText.set(canonicalJson(item), item)
    const items = [...itemByText].sort(([a], [b]) => compareText(a, b)).map(([, item]) => item)
    return resolutionOf(items, 'merge', othersOf(set, arrays))
  },

  mergeObjects(entries) {
    const set = conflictSetOf(entries)
    const objects = set.filter((entry) => isPlainObject(entry.value))
    const latest = objects.at(-1)
    if (set.length === 1 || latest === undefined) return lastWriteOf(set)
    const claims = latestFieldsOf(objects)
    const kept = new Set(claims.map(([, { entry }]) => entry))
    // All are `{}`.
    if (kept.size === 0) kept.add(latest)
    const fields: Record<string, FieldWriters[string]> = Object.create(null)
    for (const [field, { ms, counter, worker }] of claims) fields[field] = Object.freeze([ms, counter, worker] as const)
    const merged = Object.fromEntries(claims.map(([field, { value }]) => [field, value]))
    return resolutionOf(merged, 'merge', othersOf(set, [...kept]), Object.freeze(fields))
  },

  maxValue(entries) {
    const set = conflictSetOf(entries)
    const numbers = set.map((entry) => entry.value).filter((value) => Number.isFinite(value)) as number[]
    if (set.length === 1 || numbers.length === 0) return lastWriteOf(set)
    const greatest = numbers.reduce((a, b) => Math.max(a, b))
    const holders = set.filter((entry) => entry.value === greatest)
    return resolutionOf(greatest, 'custom', othersOf(set, holders))
  },
} satisfies Record<string, (entries: readonly Entry[]) => Resolution>)

/**
 * Calls `resolver` with the entries as a set, oldest first, and checks what it returns. When it throws, returns a promise or
 * anything but JSON, the last write wins and `report` gets an `invalid_option` error that says why. It is not called for a
 * single entry.
 *
 * @throws `invalid_value` without any entry, for what is no entry, and when the value to be kept is not JSON; never for what
 * the resolver does.
 */
export function resolveWith(
  resolver: ConflictResolver,
  entries: readonly Entry[],
  report: (problem: MemorySyncError) => void,
): Resolution {
  const set = conflictSetOf(entries)
  if (set.length === 1) return lastWriteOf(set)
  let fault: MemorySyncError
  try {
    // A copy: sorting what it is given is a resolver's right.
    return checkResult(resolver([...set]), set)
  } catch (cause) {
    const reason = messageOf(cause)
    fault = new MemorySyncError('invalid_option', `the conflict resolver failed, so the last write was kept: ${reason}`, {
      cause,
    })
  }
  report(fault)
  return lastWriteOf(set)
}

/**
 * What a resolver returned for `entries`, made a {@link Resolution}. Of `discarded` and `fields` only what is right is
 * taken: they are no reason to lose the value.
 *
 * @throws `invalid_value` when `resolved` is missing or not JSON, or the result is a promise.
 */
export function checkResult(given: unknown, entries: readonly Entry[]): Resolution {
  if (abandonPromise(given)) throw new MemorySyncError('invalid_value', 'it returned a promise; a resolver must be synchronous')
  if (typeof given !== 'object' || given === null) {
    throw new MemorySyncError('invalid_value', `it must return { resolved }, got ${quote(given)}`)
  }
  const { resolved: result, strategy, discarded, fields } = given as Partial<ResolverResult>
  if (abandonPromise(result)) throw new MemorySyncError('invalid_value', 'resolved is a promise; a resolver must be synchronous')
  const resolved = toJson(result)
  const named = Array.isArray(discarded) ? new Set<unknown>(discarded) : null
  const lost = named === null ? lostOf(entries, resolved) : entries.filter((entry) => named.has(entry))
  return resolutionOf(resolved, isStrategy(strategy) ? strategy : 'custom', lost, fieldWritersOf(fields, resolved))
}

function lastWriteOf(set: ConflictSet): Resolution {
  const latest = latestOf(set)
  return resolutionOf(latest.value, 'last-write-wins', othersOf(set, [latest]), latest.x?.f)
}

function resolutionOf(
  resolved: Json,
  strategy: ResolutionStrategy,
  discarded: readonly Entry[],
  fields?: FieldWriters,
): Resolution {
  const plain = { resolved: toJson(resolved), strategy, discarded }
  return fields === undefined ? plain : { ...plain, fields }
}

interface FieldClaim extends Claim {
  readonly entry: Entry
  readonly value: Json
}

/** The greatest claim to each field, by field name. */
function latestFieldsOf(objects: readonly Entry[]): [field: string, FieldClaim][] {
  const latest = new Map<string, FieldClaim>()
  for (const entry of objects) {
    for (const [field, value] of Object.entries(entry.value as { readonly [field: string]: Json })) {
      const claim: FieldClaim = { ...writerOf(entry, field), text: canonicalJson(value), value, entry }
      const rival = latest.get(field)
      if (rival === undefined || compareClaims(rival, claim) <= 0) latest.set(field, claim)
    }
  }
  return [...latest].sort(([a], [b]) => compareText(a, b))
}

function writerOf(entry: Entry, field: string): Pick<Claim, 'ms' | 'counter' | 'worker'> {
  const writers = entry.x?.f
  // Users name fields: what an object inherits is not what somebody wrote.
  const writer = writers !== undefined && Object.hasOwn(writers, field) ? writers[field] : undefined
  if (writer === undefined) return { ...hybridTimestampOf(entry), worker: entry.workerId }
  const [ms, counter, worker] = writer
  return { ms, counter, worker }
}

function fieldWritersOf(given: unknown, resolved: Json): FieldWriters | undefined {
  if (typeof given !== 'object' || given === null || !isPlainObject(resolved)) return undefined
  const writers: Record<string, FieldWriters[string]> = Object.create(null)
  for (const [field, writer] of Object.entries(given)) {
    if (Object.hasOwn(resolved, field) && isWriter(writer)) writers[field] = Object.freeze([...writer] as const)
  }
  return Object.freeze(writers)
}

function isWriter(given: unknown): given is FieldWriters[string] {
  if (!Array.isArray(given) || given.length !== 3) return false
  const [ms, counter, worker]: unknown[] = given
  const isTime = typeof ms === 'number' && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER
  return isTime && Number.isSafeInteger(counter) && (counter as number) >= 0 && typeof worker === 'string'
}

function lostOf(entries: readonly Entry[], resolved: Json): readonly Entry[] {
  const lost = entries.filter((entry) => !isSameValue(entry.value, resolved))
  return lost.length === entries.length ? [] : lost
}

function othersOf(entries: readonly Entry[], kept: readonly Entry[]): readonly Entry[] {
  const keptSet = new Set(kept)
  return entries.filter((entry) => !keptSet.has(entry))
}

function isPlainObject(value: Json): value is { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrategy(given: unknown): given is ResolutionStrategy {
  return given === 'last-write-wins' || given === 'merge' || given === 'custom'
}

/** Whether it is a promise. Nobody will wait for it, and its rejection must not end the process. */
function abandonPromise(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false
  const { then } = given as { then?: unknown }
  if (typeof then !== 'function') return false
  Promise.resolve(given).catch(() => {})
  return true
}
