/**
 * The read cache: for a bounded number of keys the newest entry that this process knows, or that there is none. Kept coherent
 * with other processes by the store's feed and a look at the store's head. Judges no expiry and no tombstone: readers do. Knows
 * nothing of values, writes or the actors that bring the feed.
 *
 * - K1 what `fresh` and `get` give is not older than what was committed when the store's head was looked at: at most one turn of
 *   the event loop ago; on network stores, where nobody looks: than what the feed and own receipts have told of the key
 * - K2 a read that began before a change of its key never takes that change's place
 * - K3 one read of the store per key at a time, and nobody is given one that may have begun before what they must see
 *
 * A purge of a dead entry has a revision and no change. What is cached then is as dead for every reader as nothing at all.
 */
import { LRUCache } from 'lru-cache'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { Store, Stored } from '../ports/store.ts'

export interface CacheHands {
  readonly store: Pick<Store, 'features' | 'get' | 'headNow'>
  /** Whether a change of a key that is not cached enters the cache: what this process wrote itself, say. */
  admits(change: Stored): boolean
}

export interface CacheMetrics {
  /** Reads that needed no store. `peek` counts as neither. */
  readonly hits: number
  readonly misses: number
  readonly size: number
  readonly maxSize: number
  /** Cached values superseded so far. */
  readonly invalidated: number
}

export const cacheSizeDefault = 1000

/**
 * Hits per look at a head that costs a system call. A turn of the event loop that never ends, such as a loop which awaits
 * nothing but hits, would otherwise wait for ever for what another process writes.
 */
export const hitsPerLookMax = 256

/** No entry of it is ever given. */
const pastEra = -1

interface Slot {
  stored: Stored | null
  /** Of the entry; of an absent key: a head at which it was absent or gone. */
  revision: number
  /** A head of the store at which this was the newest. */
  validAt: number
  era: number
}

/** One read of the store on its way. */
interface Flight {
  /** The store was at least here when the read began. */
  readonly head: number
  readonly era: number
  /** The last change of the key since the read began. */
  newest: Stored | null
  /** An own write was committed here since the read began. */
  floor: number
  outcome: Promise<Stored | null>
  /** Settles with `outcome` and never rejects. */
  ended: Promise<unknown>
}

/**
 * How the store's head is known. `call`: by a look that costs nothing. `turn`: by a look that costs more than a hit, once per turn
 * of the event loop. `told`: by the feed and by receipts. `never`: others may have written and there is no quick way to tell.
 */
type HeadBy = 'call' | 'turn' | 'told' | 'never'

export class ReadCache {
  readonly #hands: CacheHands
  readonly #size: number
  readonly #slots: LRUCache<string, Slot>
  readonly #flights = new ShortLivedMap<string, Flight>()
  readonly #headBy: HeadBy
  /** The store was at least here, as far as this process knows. */
  #head = 0
  /** Hits for which `head` need not be looked at again. */
  #trusted = 0
  #isTurnNoted = false
  /** The feed has told every change behind `since` up to `caughtUp`. Infinity: it tells nothing reliable now. */
  #since = Number.POSITIVE_INFINITY
  #caughtUp = -1
  /** What was cached in an earlier era is suspect. */
  #era = 0
  /** The last own write that is known to be committed, on network stores. */
  #lastReceipt = 0
  #hits = 0
  #misses = 0
  #invalidated = 0

  /**
   * @param size entries kept; 0 turns the cache off.
   * @throws `invalid_option` unless `size` is an integer of at least 0.
   */
  constructor(hands: CacheHands, size: number = cacheSizeDefault) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new MemorySyncError('invalid_option', `cacheSize must be an integer of at least 0 (0: no cache), got ${quote(size)}`)
    }
    this.#hands = hands
    this.#size = size
    // One that is off is one that nothing enters: reads need not ask.
    this.#slots = new LRUCache({ max: Math.max(1, size) })
    this.#headBy = headBy(hands.store)
  }

  metrics(): CacheMetrics {
    return {
      hits: this.#hits,
      misses: this.#misses,
      size: this.#slots.size,
      maxSize: this.#size,
      invalidated: this.#invalidated,
    }
  }

  /** What is cached, however old; null: there was no entry; undefined: not cached. Never looks at the store. */
  peek(key: string): Stored | null | undefined {
    const slot = this.#slots.get(key)
    return slot === undefined ? undefined : slot.stored
  }

  /** The newest entry, or null when there is none; undefined when only the store can tell. @throws what the store's look does. */
  fresh(key: string): Stored | null | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined || slot.era !== this.#era) return undefined
    const head = this.#look()
    if (head <= slot.validAt || (head <= this.#caughtUp && slot.validAt >= this.#since)) {
      this.#hits++
      return slot.stored
    }
    return undefined
  }

  /**
   * The newest entry, or null when there is none: from the cache where that is sure, else from the store.
   *
   * @param signal ends the waiting of this caller only.
   * @throws what the store's `get` does; `aborted`.
   */
  async get(key: string, signal?: AbortSignal): Promise<Stored | null> {
    const hit = this.fresh(key)
    if (hit !== undefined) return hit
    this.#misses++
    const reading = this.#size === 0 ? this.#hands.store.get(key) : this.#read(key, this.#look())
    return signal === undefined ? reading : unlessAborted(reading, key, signal)
  }

  /** Changes that the feed gave, in revision order unless a snapshot is being given. To be called before anybody else is told. */
  applied(changes: readonly Stored[]): void {
    // A log is read page by page; an older look than the page's own could take the page for all there was.
    this.#trusted = 0
    let last = 0
    for (const change of changes) {
      // Others write to the store too: what is no change must not cost the rest.
      if (typeof change?.revision !== 'number' || typeof change.key !== 'string' || !change.entry) continue
      this.#supersede(change)
      last = change.revision
    }
    this.#told(last)
  }

  /** The feed has told everything up to here and goes on from here: at its start and after `suspect`. */
  caughtUp(revision: number): void {
    this.#trusted = 0
    if (this.#since === Number.POSITIVE_INFINITY) {
      this.#since = revision
      this.#caughtUp = revision
    }
    this.#told(revision)
  }

  /** An own write has its receipt. Matters on network stores only: elsewhere the look at the head tells, whoever wrote. */
  committed(key: string, revision: number): void {
    if (this.#headBy !== 'told') return
    if (revision > this.#head) this.#head = revision
    if (revision > this.#lastReceipt) this.#lastReceipt = revision
    const flight = this.#flights.get(key)
    if (flight !== undefined && revision > flight.floor) flight.floor = revision
    const slot = this.#slots.peek(key)
    // The feed may leave it out and tell of what overwrote it, later.
    if (slot !== undefined && slot.revision < revision) slot.era = pastEra
  }

  /** The feed was lost or has a gap: each entry is read from the store again before it is given by `fresh` or `get`. */
  suspect(): void {
    this.#era++
    this.#since = Number.POSITIVE_INFINITY
    this.#caughtUp = -1
    this.#trusted = 0
    // The store may even be another one than before, with revisions of its own.
    this.#head = 0
  }

  /** Forgets all entries; the metrics go on. */
  clear(): void {
    // Reads on their way belong to the era that ends.
    this.#era++
    this.#slots.clear()
  }

  #told(revision: number): void {
    if (revision > this.#head) this.#head = revision
    if (this.#since !== Number.POSITIVE_INFINITY && revision > this.#caughtUp) this.#caughtUp = revision
  }

  #supersede(change: Stored): void {
    const flight = this.#flights.get(change.key)
    if (flight !== undefined && !(flight.newest !== null && flight.newest.revision >= change.revision)) flight.newest = change
    const slot = this.#slots.peek(change.key)
    if (slot !== undefined && slot.era === this.#era) {
      if (change.revision > slot.revision) this.#put(slot, change, change.revision, change.revision)
      return
    }
    // An own write behind it may have its receipt already; the feed is late.
    if (change.revision < this.#lastReceipt) return
    if (slot !== undefined) this.#put(slot, change, change.revision, change.revision)
    else if (this.#size > 0 && this.#hands.admits(change)) this.#slots.set(change.key, this.#slotOf(change, change.revision, 0))
  }

  async #read(key: string, head: number): Promise<Stored | null> {
    let flight = this.#flights.get(key)
    if (flight !== undefined && (flight.head < head || flight.era !== this.#era)) {
      // It may have read what was overwritten before this call. Whichever follows it begins after this call.
      await flight.ended
      flight = this.#flights.get(key)
    }
    flight ??= this.#start(key)
    return flight.outcome
  }

  #start(key: string): Flight {
    this.#look()
    const none = Promise.resolve(null)
    const flight: Flight = { head: this.#head, era: this.#era, newest: null, floor: 0, outcome: none, ended: none }
    this.#flights.set(key, flight)
    flight.outcome = this.#fill(key, flight)
    flight.ended = flight.outcome.catch(() => {})
    return flight
  }

  async #fill(key: string, flight: Flight): Promise<Stored | null> {
    let read: Stored | null
    try {
      read = await this.#hands.store.get(key)
    } finally {
      this.#flights.delete(key)
    }
    return this.#land(key, flight, read)
  }

  /** @returns what the read's callers are given. */
  #land(key: string, { head, era, newest, floor }: Flight, read: Stored | null): Stored | null {
    // Written, and before or after that not there: nobody can tell which of the two is the newest.
    if (newest !== null && read === null) return null
    const stored = newest !== null && read !== null && newest.revision > read.revision ? newest : read
    const revision = stored === null ? head : stored.revision
    if (era !== this.#era || revision < floor) return stored
    const validAt = Math.max(head, revision)
    const slot = this.#slots.peek(key)
    if (slot === undefined) {
      this.#slots.set(key, this.#slotOf(stored, revision, validAt))
      return stored
    }
    // A replica that lags must not take back what was given already.
    if (slot.era === this.#era && slot.revision > revision) return slot.stored
    this.#put(slot, stored, revision, validAt)
    return stored
  }

  #slotOf(stored: Stored | null, revision: number, validAt: number): Slot {
    return { stored, revision, validAt: Math.max(validAt, revision), era: this.#era }
  }

  #put(slot: Slot, stored: Stored | null, revision: number, validAt: number): void {
    if (slot.stored !== stored && slot.stored?.revision !== stored?.revision) this.#invalidated++
    slot.validAt = slot.era === this.#era ? Math.max(slot.validAt, validAt) : validAt
    slot.stored = stored
    slot.revision = revision
    slot.era = this.#era
  }

  /** What a hit must be as new as: a revision that the store had reached, or Infinity where nobody can tell. */
  #look(): number {
    if (this.#trusted > 0) {
      this.#trusted--
      return this.#head
    }
    switch (this.#headBy) {
      case 'told':
        return this.#since === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : this.#head
      case 'never':
        return Number.POSITIVE_INFINITY
      case 'turn':
        this.#trustForThisTurn()
    }
    this.#head = this.#hands.store.headNow?.() ?? Number.POSITIVE_INFINITY
    return this.#head
  }

  /**
   * Ends with the callback that the event loop is running, its promise jobs included. Not later: between two callbacks of one
   * and the same poll a pipe or socket is read, and what it says may be about a commit that came after the look.
   */
  #trustForThisTurn(): void {
    this.#trusted = hitsPerLookMax
    if (this.#isTurnNoted) return
    this.#isTurnNoted = true
    process.nextTick(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#isTurnNoted = false
    this.#trusted = 0
  }
}

function headBy({ features, headNow }: CacheHands['store']): HeadBy {
  if (features.reach === 'network') return 'told'
  if (headNow === undefined) return 'never'
  return features.reach === 'process' ? 'call' : 'turn'
}

/** Others may wait for the same read: it goes on. */
function unlessAborted(reading: Promise<Stored | null>, key: string, signal: AbortSignal): Promise<Stored | null> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(new MemorySyncError('aborted', `the read of ${quote(key)} was aborted`, { key, cause: signal.reason }))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    const end = (): void => signal.removeEventListener('abort', abort)
    reading.then(resolve, reject).finally(end)
  })
}
