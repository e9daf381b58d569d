/**
 * The laws of conflict resolvers, as a check for users' own: it needs no test runner, and finds the same fault in every run.
 * Knows resolvers only as functions of entries.
 */
import { type ConflictSet, conflictSetOf, isSameValue, latestOf } from './conflict-set.ts'
import { type Entry, type EntryExtension, hybridTimestampOf } from './entry.ts'
import { MemorySyncError, messageOf, quote } from './errors.ts'
import { canonicalJson, deepFreeze, type Json, toJson } from './json.ts'
import { type ConflictResolver, checkResult, type Resolution } from './resolvers.ts'
import { emptyVersion, joinVersions, type Version } from './version-vector.ts'

export interface ResolverLawsOptions {
  /**
   * How many pairs, triples and quadruples of entries are tried, each. All of them where there are no more; otherwise a
   * choice that is the same in every run. Default: 500.
   */
  readonly samplesMax?: number
}

export const lawSamplesMaxDefault = 500

/**
 * Checks that a resolver is a join, on entries made of `values` by {@link entriesOf}: each value from several writers, some
 * of them at the same time, some with the same worker id. Give every kind of value that may come to be under such a key, odd
 * ones too: another shape, `null`, the empty array.
 *
 * The laws, each with the word that the error's message names it by:
 * - *total*: it returns `{ resolved }` with a JSON value, synchronously, and never throws
 * - *pure*: the same entries give the same value again, and are left as they were
 * - *commutative*: the order in which the entries are given does not matter
 * - *idempotent*: a result that is merged again with what went into it stays
 * - *associative*: results that are merged again, in any grouping, give what all entries give at once
 *
 * A merged entry is `resolved` with the time and the writer of the greatest entry that was not discarded: a resolver that
 * chooses one entry and looks at times should name the others in `discarded`, unless their values differ anyway.
 *
 * @throws `invalid_option` when a law is broken: the message has the law and the entries that break it. Also for fewer than
 * two different values, which prove nothing, and for a `samplesMax` that is no positive integer.
 * @throws `invalid_value` for values that are not JSON.
 *
 * @example
 * assertResolverLaws(ConflictResolvers.mergeArrays, [[1, 2], [2, 3], [], null])
 */
export function assertResolverLaws(
  resolver: ConflictResolver,
  values: readonly unknown[],
  options: ResolverLawsOptions = {},
): void {
  const { samplesMax = lawSamplesMaxDefault } = options
  if (typeof resolver !== 'function') {
    throw new MemorySyncError('invalid_option', `the resolver must be a function, got ${quote(resolver)}`)
  }
  if (!Number.isSafeInteger(samplesMax) || samplesMax < 1) {
    throw new MemorySyncError('invalid_option', `samplesMax must be an integer of at least 1, got ${quote(samplesMax)}`)
  }
  const entries = entriesOf(values)
  if (new Set(entries.map((entry) => canonicalJson(entry.value))).size < 2) {
    throw new MemorySyncError('invalid_option', `give at least two different values to resolve, got ${quote(values)}`)
  }
  const merge: Merge = (given) => mergeWith(resolver, given)
  // Small counterexamples first: they say more.
  for (const sample of samplesOf(entries, 2, samplesMax)) {
    checkPure(merge, sample)
    checkCommutative(merge, sample)
    checkIdempotent(merge, sample)
  }
  for (const size of [3, 4]) {
    for (const sample of samplesOf(entries, size, samplesMax)) {
      checkCommutative(merge, sample)
      checkAssociative(merge, sample)
    }
  }
}

interface Writer {
  readonly worker: string
  /** Milliseconds after the first. */
  readonly afterMs: number
  readonly counter: number
  /** Knows only the plain shape of entries. */
  readonly isForeign?: true
}

/** Who could have written a value: each tie that a resolver may stumble over is among them. */
const writers: readonly Writer[] = [
  { worker: 'worker-a', afterMs: 0, counter: 0 },
  { worker: 'worker-a', afterMs: 0, counter: 0 },
  { worker: 'worker-b', afterMs: 0, counter: 0 },
  { worker: 'worker-a', afterMs: 0, counter: 1 },
  { worker: 'worker-a', afterMs: 1, counter: 0 },
  { worker: 'worker-c', afterMs: 1, counter: 0, isForeign: true },
]
const firstWriteMs = 1_700_000_000_000

/**
 * Concurrent entries to try a resolver on: each value by each of six writers. Two of them share worker id and time, as two
 * lives of a worker may; some differ in the worker, the time or the hybrid counter alone; one is a program that writes no
 * `x`. Deep-frozen.
 *
 * @throws `invalid_value` for values that are not JSON.
 */
export function entriesOf(values: readonly unknown[]): readonly Entry[] {
  const jsons = values.map(toJson)
  return jsons.flatMap((value, row) => writers.map((writer, column) => entryOf(value, writer, `life-${row}-${column}`)))
}

function entryOf(value: Json, { worker, afterMs, counter, isForeign }: Writer, incarnation: string): Entry {
  const plain: Entry = { value, version: { [worker]: 1 }, timestamp: firstWriteMs + afterMs, workerId: worker }
  if (isForeign) return deepFreeze(plain)
  const x: EntryExtension = { v: 1, d: [worker, 1, incarnation] }
  return deepFreeze({ ...plain, x: counter === 0 ? x : { ...x, c: counter } })
}

/**
 * A resolution as an entry, to be resolved again: it has seen what all have seen, and bears the time and the writer of the
 * greatest entry that its value is made of. No life made it, so its dot names none.
 *
 * @param entries those that the resolver was given.
 */
export function mergedEntryOf(entries: readonly Entry[], resolution: Resolution): Entry {
  return mergedOf(conflictSetOf(entries), entries, resolution)
}

function mergedOf(set: ConflictSet, entries: readonly Entry[], { resolved, discarded, fields }: Resolution): Entry {
  const kept = set.filter((entry) => !discarded.includes(entry))
  const greatest = kept.at(-1) ?? latestOf(set)
  const { timestamp, workerId } = greatest
  const { counter } = hybridTimestampOf(greatest)
  const version = entries.reduce<Version>((joined, entry) => joinVersions(joined, entry.version), emptyVersion)
  const x: EntryExtension = {
    v: 1,
    d: [workerId, version[workerId] ?? 0, ''],
    ...(counter === 0 ? undefined : { c: counter }),
    ...(fields === undefined ? undefined : { f: fields }),
  }
  return deepFreeze({ value: resolved, version, timestamp, workerId, x })
}

type Merge = (entries: readonly Entry[]) => Entry

/** As a runtime would: each write once, and a single one stays as it is. But in the order given: a join needs no help. */
function mergeWith(resolver: ConflictResolver, given: readonly Entry[]): Entry {
  const set = conflictSetOf(given)
  const [lone, ...others] = set
  if (others.length === 0) return lone
  const entries = [...new Set(given)].filter((entry) => set.includes(entry))
  return mergedOf(set, entries, resolutionOf(resolver, entries))
}

function resolutionOf(resolver: ConflictResolver, entries: readonly Entry[]): Resolution {
  try {
    return checkResult(resolver([...entries]), entries)
  } catch (cause) {
    if (changesEntries(resolver, entries)) throw broken('pure', `it changes what it is given: ${list(entries)}`, cause)
    throw broken('total', `it fails for ${list(entries)}: ${messageOf(cause)}`, cause)
  }
}

/** Frozen entries have made it fail; whether that is why shows on copies that are not. */
function changesEntries(resolver: ConflictResolver, entries: readonly Entry[]): boolean {
  const copies = structuredClone(entries)
  try {
    resolver([...copies])
  } catch {
    // That is for the caller to tell.
  }
  return JSON.stringify(copies) !== JSON.stringify(entries)
}

function checkPure(merge: Merge, sample: readonly Entry[]): void {
  const [first, second] = [merge(sample), merge(sample)]
  if (isSameValue(first.value, second.value)) return
  throw broken('pure', `${list(sample)} give ${quote(first.value)} and, asked again, ${quote(second.value)}`)
}

function checkCommutative(merge: Merge, sample: readonly Entry[]): void {
  const expected = merge(sample)
  for (const order of ordersOf(sample)) {
    const found = merge(order)
    if (isSameValue(found.value, expected.value)) continue
    throw broken('commutative', `${list(sample)} give ${quote(expected.value)}, but ${list(order)} give ${quote(found.value)}`)
  }
}

/** Rotated and reversed: all orders of up to three, a third of those of four. */
function ordersOf(sample: readonly Entry[]): readonly (readonly Entry[])[] {
  const rotated = sample.map((_, start) => [...sample.slice(start), ...sample.slice(0, start)])
  return [...rotated, ...rotated.map((order) => order.toReversed())]
}

function checkIdempotent(merge: Merge, sample: readonly Entry[]): void {
  const merged = merge(sample)
  for (const again of [merged, ...sample]) {
    const found = merge([merged, again])
    if (isSameValue(found.value, merged.value)) continue
    const what = again === merged ? 'itself' : quote(contentOf(again))
    throw broken(
      'idempotent',
      `${list(sample)} give ${quote(merged.value)}, but that merged with ${what} gives ${quote(found.value)}`,
    )
  }
}

function checkAssociative(merge: Merge, sample: readonly Entry[]): void {
  const expected = merge(sample)
  for (const [grouping, found] of groupingsOf(merge, sample)) {
    if (isSameValue(found.value, expected.value)) continue
    const entries = sample.map((entry, index) => `${'abcd'[index]} = ${quote(contentOf(entry))}`).join(', ')
    throw broken(
      'associative',
      `at once the entries give ${quote(expected.value)}, but merged as ${grouping} they give ${quote(found.value)}, where ${entries}`,
    )
  }
}

/** Ways to merge in steps what could be merged at once; the others are these for other orders of the sample. */
function* groupingsOf(merge: Merge, [a, b, c, d]: readonly Entry[]): Generator<[grouping: string, Entry]> {
  if (a === undefined || b === undefined || c === undefined) return
  if (d === undefined) {
    yield ['(a b) c', merge([merge([a, b]), c])]
    yield ['a (b c)', merge([a, merge([b, c])])]
    yield ['(a c) b', merge([merge([a, c]), b])]
    yield ['(a b) (b c)', merge([merge([a, b]), merge([b, c])])]
  } else {
    yield ['(a b) (c d)', merge([merge([a, b]), merge([c, d])])]
    yield ['((a b) c) d', merge([merge([merge([a, b]), c]), d])]
    yield ['a (b (c d))', merge([a, merge([b, merge([c, d])])])]
    yield ['(a b c) (b c d)', merge([merge([a, b, c]), merge([b, c, d])])]
  }
}

/** All different choices of `size` entries, or `countMax` of them that are the same in every run. */
function* samplesOf(entries: readonly Entry[], size: number, countMax: number): Generator<readonly Entry[]> {
  if (choicesOf(entries.length, size) <= countMax) {
    yield* combinationsOf(entries, size)
    return
  }
  const draw = createDraw()
  for (let count = 0; count < countMax; count++) {
    const sample = new Set<Entry>()
    while (sample.size < size) sample.add(entries[draw(entries.length)] as Entry)
    yield [...sample]
  }
}

function choicesOf(count: number, size: number): number {
  let choices = 1
  for (let taken = 0; taken < size; taken++) choices = (choices * (count - taken)) / (taken + 1)
  return choices
}

function* combinationsOf(entries: readonly Entry[], size: number): Generator<readonly Entry[]> {
  if (size === 0) yield []
  for (const [index, entry] of entries.entries()) {
    if (size > 0) for (const others of combinationsOf(entries.slice(index + 1), size - 1)) yield [entry, ...others]
  }
}

/** Integers below a limit, always the same row: mulberry32 by Tommy Ettinger, from a fixed seed. */
function createDraw(): (limit: number) => number {
  let state = 0x9e3779b9
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

/** What of an entry a resolver may look at, as a reader of the message wants to see it. */
function contentOf({ value, timestamp, workerId, x }: Entry): Json {
  return { value, timestamp, workerId, ...(x?.c === undefined ? undefined : { counter: x.c }) }
}

function list(entries: readonly Entry[]): string {
  return `[${entries.map((entry) => quote(contentOf(entry))).join(', ')}]`
}

function broken(law: 'total' | 'pure' | 'commutative' | 'idempotent' | 'associative', fault: string, cause?: unknown) {
  return new MemorySyncError('invalid_option', `the resolver is not ${law}: ${fault}`, cause === undefined ? {} : { cause })
}
