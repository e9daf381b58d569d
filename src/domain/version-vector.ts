/**
 * Version vectors: which writes a value has seen, as `{ [workerId]: counter }`. Comparison and join are those of
 * Parker et al., "Detection of Mutual Inconsistency in Distributed Systems" (1983). Knows nothing of entries or time.
 */
import { MemorySyncError, quote } from './errors.ts'

/**
 * Counters by worker id; a missing worker counts as 0. Those made here inherit nothing, so `version[id] ?? 0` is right for
 * any id, `constructor` too; whoever takes one from elsewhere calls {@link parseVersion}.
 */
export type Version = Readonly<Record<string, number>>

export type Comparison = 'equal' | 'before' | 'after' | 'concurrent'

/** More writers than this on one key are refused on decode. */
export const versionWorkersMax = 256
/**
 * A version of nearly so many drops those that joined first before it grows further. Safe where the revision is the order: a dropped
 * worker can make an order look like concurrency, never the other way round.
 */
const versionWorkersKept = versionWorkersMax / 4
/** Counters above this are refused in entries that others hand in as texts: whoever counts on from the last number there is would write what nobody can read. */
export const counterMax = 2 ** 52

/**
 * What `Object.create(null)` is for, at a third of its cost: engines keep objects without a prototype as hash tables, but
 * instances of a class whose prototype is empty as structs.
 */
class Counters {
  [worker: string]: number
}
Reflect.deleteProperty(Counters.prototype, 'constructor')
Object.freeze(Object.setPrototypeOf(Counters.prototype, null))

export const emptyVersion: Version = Object.freeze(new Counters())

/** How `a` stands to `b`: 'before' when b has seen all that a has and more. */
export function compareVersions(a: Version, b: Version): Comparison {
  const aAhead = !isCovered(a, b)
  const bAhead = !isCovered(b, a)
  if (aAhead) return bAhead ? 'concurrent' : 'after'
  return bAhead ? 'before' : 'equal'
}

/** Whether `context` has seen all of `version`: the causal condition of a write. */
export function isCovered(version: Version, context: Version): boolean {
  for (const worker in version) if (counterOf(version, worker) > counterOf(context, worker)) return false
  return true
}

/**
 * How many writes of `worker` the version has seen. Asks for the type because a version that crossed to another thread is
 * a plain object again: there, `constructor` is not missing, it is a function, and any comparison with that is false.
 */
function counterOf(version: Version, worker: string): number {
  const counter: unknown = version[worker]
  return typeof counter === 'number' ? counter : 0
}

/** The least version that has seen both. */
export function joinVersions(a: Version, b: Version): Version {
  const joined = new Counters()
  for (const worker in a) joined[worker] = counterOf(a, worker)
  for (const worker in b) joined[worker] = Math.max(counterOf(joined, worker), counterOf(b, worker))
  return joined
}

/** The same with room for one more writer. */
export function boundedVersion(version: Version): Version {
  const workers = Object.keys(version)
  if (workers.length < versionWorkersMax - 1) return version
  const kept = new Counters()
  for (const worker of workers.slice(-versionWorkersKept)) kept[worker] = counterOf(version, worker)
  return kept
}

/** @throws `invalid_value` for a counter above {@link counterMax}. */
export function assertCountable(version: Version, key: string): void {
  for (const [worker, counter] of Object.entries(version)) {
    if (counter <= counterMax) continue
    throw new MemorySyncError(
      'invalid_value',
      `the version of the entry counts ${counter} writes of ${quote(worker)}, and at most ${counterMax} are believed`,
      { key },
    )
  }
}

/** `context` plus one own write: the version of a new local value. */
export function withCounter(context: Version, worker: string, counter: number): Version {
  const next = new Counters()
  for (const other in context) next[other] = counterOf(context, other)
  next[worker] = counter
  return next
}

/**
 * Checks what came from outside and copies it into an object that inherits nothing.
 *
 * @throws `corrupt` unless it is an object of at most {@link versionWorkersMax} integers between 0 and 2^53-1.
 */
export function parseVersion(given: unknown): Version {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new MemorySyncError('corrupt', `a version must be an object of counters, got ${quote(given)}`)
  }
  const version = new Counters()
  let workers = 0
  for (const worker of Object.keys(given)) {
    const counter: unknown = (given as Record<string, unknown>)[worker]
    if (typeof counter !== 'number' || !Number.isSafeInteger(counter) || counter < 0) {
      throw new MemorySyncError(
        'corrupt',
        `the version counter of ${quote(worker)} must be an integer from 0 to 2^53-1, got ${quote(counter)}`,
      )
    }
    if (++workers > versionWorkersMax) {
      throw new MemorySyncError('corrupt', `a version may name at most ${versionWorkersMax} workers`)
    }
    version[worker] = counter
  }
  return version
}
