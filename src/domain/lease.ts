/**
 * Leases: how long an owner may still be believed alive. Two ways to judge: by the machine's own clock, where writer and
 * reader share one, or by having watched a record not change. Two machines' clocks are never compared.
 *
 * - L1 no answer says "over" before `leaseMs` have passed since the renewal
 * - L2 whatever is forgotten makes an answer later, never earlier
 */

/** As it lies in a task's or a lock's record. */
export type Lease = {
  readonly leaseMs: number
  /** The boot that `renewedAtMs` belongs to; null where the owner's machine could not name it. */
  readonly bootId: string | null
  /** The owner's monotonic milliseconds when it sent the last renewal. */
  readonly renewedAtMs: number
}

/** What is stored may have been written by anybody. */
export function isLease(value: unknown): value is Lease {
  if (value === null || typeof value !== 'object') return false
  const lease = value as Partial<Lease>
  return (
    typeof lease.leaseMs === 'number' &&
    typeof lease.renewedAtMs === 'number' &&
    (lease.bootId === null || typeof lease.bootId === 'string')
  )
}

/** The reader's look at its own clock. */
export interface LeaseMoment {
  readonly bootId: string | null
  readonly monotonicMs: number
}

/**
 * Milliseconds left, for stores that do not reach beyond one machine. 0: over; so is any lease of another boot, whose
 * processes are all gone. null: one of the two boots has no name, so nothing can be compared; ask a {@link LeaseObserver}.
 */
export function leaseLeftMs(lease: Lease, now: LeaseMoment): number | null {
  if (lease.bootId === null || now.bootId === null) return null
  if (lease.bootId !== now.bootId) return 0
  return Math.min(lease.leaseMs, Math.max(0, lease.leaseMs + lease.renewedAtMs - now.monotonicMs))
}

/** The reader's clock may run this much faster than the owner's. */
export const leaseDriftFactor = 1.1

/** Records watched at once. Beyond it new ones wait until a place is free: they count as seen for the first time. */
export const observedLeasesMax = 100_000

/** A watched record that nobody has asked about for so long gives its place to another. */
export const observedIdleMs = 5 * 60_000

interface Sight {
  readonly revision: number
  readonly firstMs: number
  readonly lastMs: number
}

/**
 * Judges leases by observation: a record whose revision has not changed for the lease, by the observer's own monotonic
 * clock and counted from its first sight of that revision, has an owner that stopped renewing.
 */
export class LeaseObserver {
  /** Least recently asked about first. */
  readonly #sightByKey = new Map<string, Sight>()
  readonly #sightsMax: number

  constructor(options: { readonly sightsMax?: number } = {}) {
    this.#sightsMax = options.sightsMax ?? observedLeasesMax
  }

  get size(): number {
    return this.#sightByKey.size
  }

  /**
   * Notes that `key` was seen at this revision, so that the lease counts from now and not from the first question. Any other
   * revision than before starts anew, a lower one too: it is another store's, or a late answer.
   */
  observe(key: string, revision: number, nowMs: number): void {
    this.#see(key, revision, nowMs)
  }

  /** Milliseconds until the lease is over, counted from the first sight; 0 when it is. */
  leftMs(key: string, revision: number, leaseMs: number, nowMs: number): number {
    const firstMs = this.#see(key, revision, nowMs)
    return Math.max(0, Math.ceil(firstMs + leaseMs * leaseDriftFactor - nowMs))
  }

  /** For records that ended: their place is free at once. */
  forget(key: string): void {
    this.#sightByKey.delete(key)
  }

  #see(key: string, revision: number, nowMs: number): number {
    const known = this.#sightByKey.get(key)
    if (known !== undefined) {
      // Deleting and setting moves it to the end, which keeps the map in order of the last look.
      this.#sightByKey.delete(key)
    } else if (this.#sightByKey.size >= this.#sightsMax && !this.#dropIdle(nowMs)) {
      // Dropping one that is still asked about would let a round over too many records forget each before its time: none
      // would ever be over. So the newcomer waits for those before it.
      return nowMs
    }
    const firstMs = known?.revision === revision ? known.firstMs : nowMs
    this.#sightByKey.set(key, { revision, firstMs, lastMs: nowMs })
    return firstMs
  }

  #dropIdle(nowMs: number): boolean {
    const [leastRecent] = this.#sightByKey
    if (leastRecent === undefined || nowMs - leastRecent[1].lastMs < observedIdleMs) return false
    return this.#sightByKey.delete(leastRecent[0])
  }
}
