/**
 * What becomes of an entry that another program made, where one is stored already: the rules of receipt, as pure functions. Knows no
 * store and no client.
 *
 * - R1 an entry replaces what its writer had seen, and nothing else
 * - R2 whoever else receives the same two entries, in either order, comes to the very same third one: its version is the bare join
 */
import { type Entry, isLive, isSameWrite, isTombstone } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import { canonicalJson } from '../domain/json.ts'
import { type ConflictResolver, ConflictResolvers, resolveWith } from '../domain/resolvers.ts'
import { boundedVersion, compareVersions, joinVersions } from '../domain/version-vector.ts'

export interface Judgement {
  /** To be stored; the stored one itself where that stays. */
  readonly entry: Entry
  /**
   * `stored`: the given one replaces what its writer had seen; `same`: it was there already; `older`: what is stored had seen it;
   * `merged`: neither writer had seen the other, and the resolver decided
   */
  readonly outcome: 'stored' | 'same' | 'older' | 'merged'
  /** Whether nothing of the given value is in `entry`. */
  readonly isDiscarded: boolean
}

export function reconcileEntry(
  stored: Entry,
  given: Entry,
  resolver: ConflictResolver,
  nowMs: number,
  report: (problem: MemorySyncError) => void,
): Judgement {
  switch (compareVersions(given.version, stored.version)) {
    case 'after':
      return { entry: given, outcome: 'stored', isDiscarded: false }
    case 'before':
      return { entry: stored, outcome: 'older', isDiscarded: true }
    case 'equal': {
      const order = compareContent(given, stored)
      if (order === 0) return { entry: stored, outcome: 'same', isDiscarded: false }
      // Equal versions of different writes are concurrent: a worker id is a label that several may have.
      if (!isSameWrite(given, stored)) return merge(stored, given, resolver, nowMs, report)
      report(new MemorySyncError('diverged', 'one write has two values; the greater one is kept'))
      if (order > 0) return { entry: given, outcome: 'stored', isDiscarded: false }
      return { entry: stored, outcome: 'older', isDiscarded: true }
    }
    case 'concurrent':
      return merge(stored, given, resolver, nowMs, report)
  }
}

function merge(
  stored: Entry,
  given: Entry,
  resolver: ConflictResolver,
  nowMs: number,
  report: (problem: MemorySyncError) => void,
): Judgement {
  const entries = [stored, given]
  const version = boundedVersion(joinVersions(stored.version, given.version))
  const latest = ConflictResolvers.lastWriteWins(entries).discarded.includes(given) ? stored : given
  // A value and its deletion have nothing to merge: the later of the two stays.
  if (!isLive(stored, nowMs) || !isLive(given, nowMs)) {
    return { entry: { ...latest, version }, outcome: 'merged', isDiscarded: latest === stored }
  }
  const { resolved, fields, discarded } = resolveWith(resolver, entries, report)
  const merged: Entry = { ...latest, value: resolved, version }
  const x = fields === undefined || latest.x === undefined ? undefined : { ...latest.x, f: fields }
  return { entry: x === undefined ? merged : { ...merged, x }, outcome: 'merged', isDiscarded: discarded.includes(given) }
}

function compareContent(a: Entry, b: Entry): number {
  if (isTombstone(a) !== isTombstone(b)) return isTombstone(a) ? -1 : 1
  const textA = canonicalJson(a.value)
  const textB = canonicalJson(b.value)
  if (textA === textB) return 0
  return textA < textB ? -1 : 1
}
