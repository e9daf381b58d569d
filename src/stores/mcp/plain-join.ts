/**
 * The one entry that two concurrent ones become where nobody can refuse either of them. Pure; the same for both orders, so that two
 * writers who find each other's entry write the same.
 */
import { conflictSetOf, latestOf } from '../../domain/conflict-set.ts'
import { type Entry, isLive } from '../../domain/entry.ts'
import { toJson } from '../../domain/json.ts'
import { joinVersions } from '../../domain/version-vector.ts'

/** A join of values, as `ConflictResolvers` are: pure, commutative, associative, idempotent. It must not throw. */
export type Merge = (entries: readonly Entry[]) => { readonly resolved: unknown }

/**
 * The later of the two by (time, hybrid counter, worker, canonical value) with the join of their versions, and no new dot. With
 * `merge`, and when both are live, the merged value; it is nobody's write then and carries no dot.
 */
export function joinOf(a: Entry, b: Entry, merge: Merge | undefined, nowMs: number): Entry {
  const set = conflictSetOf([a, b])
  const latest = latestOf(set)
  const version = joinVersions(a.version, b.version)
  if (merge === undefined || !isLive(a, nowMs) || !isLive(b, nowMs)) return { ...latest, version }
  const { timestamp, workerId, ttl } = latest
  const value = toJson(merge(set).resolved)
  return { value, version, timestamp, workerId, ...(ttl === undefined ? {} : { ttl }) }
}
