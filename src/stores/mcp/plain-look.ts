/**
 * Looking at a plain server for what has changed: which registers have to be read so that a view is up to date, and no others.
 * Where a listing gives values (v2) the listed ones are not read, where it gives times (v3) only those with a new one. Knows
 * neither who asks nor when (`plain-poll.ts`).
 *
 * - L1 after a look, every wanted key that was written before the call is in the view, or was reported as unreadable
 * - L2 looks follow each other; who calls during one shares the next
 * - L3 a key is told to be gone only when a read of it found nothing: listings under way may miss one
 */
import { type ErrorCode, MemorySyncError } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { keyFault } from '../key-fault.ts'
import type { PlainIndex } from './plain-index.ts'
import { decoded, type Known, type PlainView } from './plain-view.ts'
import type { Listed, Listing, Registers } from './registers.ts'

/** Registers that are read at the same time; the connection has its own bound besides. */
const readsAtOnceMax = 16
/** Keys beyond the server's listing that a look reads again, in turn: nothing else tells that one of them was removed. */
export const checkedPerLookMax = 16
/** So long a key must be seen to hold nothing before it is taken out of the index: its writer adds it before it writes. */
export const forgottenAfterMs = 10 * 60 * 1000
/** What is older by this than the newest of a listing was there before a watch that has just begun. */
const recentMs = 5000
/** A server that gave an old value out of its cache is asked again after this time. */
export const staleRetryMs = 60_000
/** Things that are reported once. Beyond it they are reported each time: there is enough to do already then. */
const reportedMax = 10_000

/** A listing that is too large for a connection; one with a value that the server itself cannot give. */
const cannotList: ReadonlySet<ErrorCode> = new Set(['too_large', 'corrupt'])

export interface PlainLookOptions {
  readonly view: PlainView
  readonly registers: Registers
  readonly namespace: string
  /** For servers whose listing does not name all keys. */
  readonly index: PlainIndex | null
  readonly clock: Clock
  readonly logger: Logger
}

export type IsWanted = (key: string) => boolean

interface NextLook {
  readonly wanted: IsWanted[]
  readonly quiet: Set<number>[]
  readonly done: Promise<boolean>
}

/** A listing, made ready to be asked. */
interface Found {
  readonly listedByKey: ReadonlyMap<string, Listed>
  readonly isComplete: boolean
  /** Everything with a later time is listed. */
  readonly oldestMs: number
  readonly newestMs: number
  readonly settledMs: number
}

/** What was found at a key. */
interface Sighting {
  readonly key: string
  /** undefined: nothing. */
  readonly content: Json | undefined
  readonly updatedAtMs: number | null
  readonly tick: number
}

export class PlainLook {
  readonly #options: PlainLookOptions
  /** Keys of which the view may be behind; those that nobody wanted to see yet stay. */
  readonly #suspect = new Set<string>()
  readonly #staleUntilMs = new Map<string, number>()
  readonly #reported = new Set<string>()
  /** Of the last look: what came after it has this time or a later one. */
  #settledMs = Number.NEGATIVE_INFINITY
  #checkedLast = ''
  #last: Promise<unknown> = Promise.resolve()
  #next: NextLook | null = null

  constructor(options: PlainLookOptions) {
    this.#options = options
  }

  /**
   * Brings the view up to date for the wanted keys.
   *
   * @param quiet gets the revisions of what was at the server some time before this look already, though the view had not seen it.
   * @returns whether anything had changed.
   */
  look(isWanted: IsWanted, quiet?: Set<number>): Promise<boolean> {
    if (this.#next === null) {
      const wanted: IsWanted[] = []
      const quietSets: Set<number>[] = []
      const begin = (): Promise<boolean> => {
        this.#next = null
        return this.#look((key) => wanted.some((isAsked) => isAsked(key)), quietSets)
      }
      const done = this.#last.then(begin, begin)
      this.#last = done
      this.#next = { wanted, quiet: quietSets, done }
    }
    this.#next.wanted.push(isWanted)
    if (quiet !== undefined) this.#next.quiet.push(quiet)
    return this.#next.done
  }

  /** Settles when no look is under way. */
  async idle(): Promise<void> {
    await this.#last.catch(() => {})
  }

  async #look(isWanted: IsWanted, quiet: readonly Set<number>[]): Promise<boolean> {
    const { view, index } = this.#options
    const before = view.revision
    const tick = view.tick()
    const [found, indexed] = await Promise.all([this.#find(), index?.read() ?? []])
    const sightings: Sighting[] = []
    for (const { key, content, updatedAtMs } of found?.listedByKey.values() ?? []) {
      if (content === undefined) {
        if (this.#isNews(key, updatedAtMs)) this.#suspect.add(key)
        continue
      }
      sightings.push({ key, content, updatedAtMs, tick })
      this.#suspect.delete(key)
    }
    this.#suspectUnlisted(found, indexed)
    await this.#repairIndex(found)
    try {
      await eachOf([...this.#suspect].filter(isWanted), async (key) => {
        const sighting = await this.#read(key, found?.listedByKey.get(key)?.updatedAtMs)
        if (sighting !== null) sightings.push(sighting)
      })
    } finally {
      this.#show(sightings, found, quiet)
    }
    if (found !== null) this.#settledMs = found.settledMs
    return view.revision > before
  }

  /** In the order of the server's time, as far as it tells. */
  #show(sightings: Sighting[], found: Found | null, quiet: readonly Set<number>[]): void {
    const { view } = this.#options
    // Not in a complete listing: it came or went after it.
    const unlistedAtMs = found === null || found.isComplete ? Number.POSITIVE_INFINITY : found.oldestMs
    const timeOf = ({ updatedAtMs }: Sighting): number => updatedAtMs ?? unlistedAtMs
    sightings.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : Number(timeOf(a) > timeOf(b))))
    for (const sighting of sightings) {
      const { key, content, updatedAtMs, tick } = sighting
      let revision: number | null = null
      try {
        if (content === undefined) revision = view.gone(key, tick)
        else revision = view.seen(key, decoded(key, content), updatedAtMs, tick)
      } catch (error) {
        this.#tellUnreadable(key, error)
      }
      const isQuiet = found !== null && timeOf(sighting) <= found.newestMs - recentMs
      if (revision !== null && isQuiet) for (const revisions of quiet) revisions.add(revision)
    }
  }

  /** null: there is none to be had. */
  async #find(): Promise<Found | null> {
    const { registers, namespace, logger } = this.#options
    let listing: Listing
    try {
      listing = await registers.list(namespace)
    } catch (error) {
      if (!(error instanceof MemorySyncError) || !cannotList.has(error.code)) throw error
      this.#reportOnce(`list ${error.code}`, () => {
        const message =
          'the memory server cannot list its newest values: every known key is read at each look, and keys of writers without an index are not found'
        logger.warn(message, { namespace, error })
      })
      return null
    }
    const listedByKey = new Map<string, Listed>()
    let oldestMs = Number.POSITIVE_INFINITY
    let newestMs = Number.NEGATIVE_INFINITY
    for (const listed of listing.entries) {
      oldestMs = Math.min(oldestMs, listed.updatedAtMs)
      newestMs = Math.max(newestMs, listed.updatedAtMs)
      if (this.#canBeKey(listed.key)) listedByKey.set(listed.key, listed)
    }
    const { isComplete, settledMs } = listing
    return { listedByKey, isComplete, settledMs, newestMs, oldestMs: isComplete ? Number.NEGATIVE_INFINITY : oldestMs }
  }

  /** Of a listed key without its value. */
  #isNews(key: string, updatedAtMs: number): boolean {
    const known = this.#options.view.known(key)
    if (known === undefined || known.goneSinceMs !== null || known.updatedAtMs !== updatedAtMs) return true
    const staleUntilMs = this.#staleUntilMs.get(key)
    return staleUntilMs !== undefined && this.#options.clock.monotonicMs() >= staleUntilMs
  }

  #suspectUnlisted(found: Found | null, indexed: Iterable<string>): void {
    const { view, clock } = this.#options
    const isListed = (key: string): boolean => found?.listedByKey.has(key) === true
    const unlisted = new Set<string>()
    for (const key of indexed) if (!isListed(key)) unlisted.add(key)
    for (const [key, { goneSinceMs }] of view.all()) if (goneSinceMs === null && !isListed(key)) unlisted.add(key)
    // More was written since the last look than a listing has room for, or may have been.
    const isOverrun = found === null || found.oldestMs >= this.#settledMs
    const isDoubtful = (known: Known | undefined): boolean => {
      // A complete listing would have what came back; a key that it has not although we know it is to be looked for.
      if (found?.isComplete === true) return known === undefined || known.goneSinceMs === null
      if (known === undefined || isOverrun) return true
      // Later than the oldest one listed, it would be listed.
      return known.updatedAtMs !== null && known.updatedAtMs > found.oldestMs
    }
    const nowMs = clock.monotonicMs()
    const holdNothing: string[] = []
    for (const key of unlisted) {
      const known = view.known(key)
      const goneSinceMs = known?.goneSinceMs ?? null
      if (goneSinceMs !== null && nowMs - goneSinceMs > forgottenAfterMs) holdNothing.push(key)
      else if (isDoubtful(known)) this.#suspect.add(key)
    }
    if (found?.isComplete !== true) this.#suspectInTurn([...unlisted])
    this.#forget(holdNothing)
  }

  #suspectInTurn(unlisted: string[]): void {
    unlisted.sort()
    const next = unlisted.findIndex((key) => key > this.#checkedLast)
    const from = next === -1 ? 0 : next
    for (const key of unlisted.slice(from, from + checkedPerLookMax)) {
      this.#suspect.add(key)
      this.#checkedLast = key
    }
  }

  #forget(keys: readonly string[]): void {
    if (keys.length === 0) return
    const { view, index, logger } = this.#options
    view.forget(keys)
    for (const key of keys) this.#suspect.delete(key)
    index?.remove(keys).catch((error: unknown) => {
      logger.debug('keys that hold nothing stay in the index', { keys: keys.length, error })
    })
  }

  /** Keys that others wrote without an index, or whose place in it was lost. */
  async #repairIndex(found: Found | null): Promise<void> {
    const { index, logger } = this.#options
    if (index === null || found === null) return
    const missing = [...found.listedByKey.keys()].filter((key) => !index.has(key))
    if (missing.length === 0) return
    try {
      await index.add(missing)
    } catch (error) {
      logger.warn('keys could not be added to the index and may be missing in later listings', { keys: missing.length, error })
    }
  }

  /** null: the server cannot say what is there. */
  async #read(key: string, listedAtMs: number | undefined): Promise<Sighting | null> {
    const { view, registers, namespace } = this.#options
    const tick = view.tick()
    try {
      const register = await registers.read(namespace, key)
      this.#suspect.delete(key)
      if (register === null) return { key, content: undefined, updatedAtMs: null, tick }
      const { content, updatedAtMs } = register
      const isStale = listedAtMs !== undefined && updatedAtMs !== null && updatedAtMs < listedAtMs
      if (isStale) this.#tellStale(key)
      else this.#staleUntilMs.delete(key)
      return { key, content, updatedAtMs: listedAtMs ?? updatedAtMs, tick }
    } catch (error) {
      if (!(error instanceof MemorySyncError) || error.code !== 'corrupt') throw error
      this.#suspect.delete(key)
      this.#tellUnreadable(key, error)
      return null
    }
  }

  #tellStale(key: string): void {
    const { clock, logger } = this.#options
    this.#staleUntilMs.set(key, clock.monotonicMs() + staleRetryMs)
    this.#reportOnce('stale', () => {
      const message =
        'the memory server answers from a cache that knows nothing of other server processes: what they write to keys that were read here is not seen. Let all processes use one server by HTTP, or memory-sync serve.'
      logger.warn(message, { key })
    })
  }

  #tellUnreadable(key: string, error: unknown): void {
    this.#reportOnce(`key ${key}`, () => this.#options.logger.error('an entry cannot be read and is left out', { key, error }))
  }

  #canBeKey(key: string): boolean {
    const fault = keyFault(key)
    if (fault === null) return true
    const message = 'keys of other writers that cannot be keys here are left out'
    this.#reportOnce('fault', () => this.#options.logger.warn(message, { fault }))
    return false
  }

  #reportOnce(what: string, report: () => void): void {
    if (this.#reported.has(what)) return
    if (this.#reported.size < reportedMax) this.#reported.add(what)
    report()
  }
}

/** Rejects with the first failure, after what was under way has ended. */
async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    try {
      while (next < items.length) await run(items[next++] as T)
    } catch (error) {
      next = items.length
      throw error
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(readsAtOnceMax, items.length) }, lane))
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason
}
