/**
 * Locks: one actor for each acquisition, the wish to have it and the end of it. Owns which acquisitions of this process
 * there are; knows how long another holder's lease may be believed. Not for stores without compare-and-set; where it is assumed, the
 * promise holds under the store's assumption.
 *
 * Promise: of each lock at most one epoch's guarded writes take effect from any point on; a stale holder's are refused. Two
 * processes may for a while both believe that they hold it. Not fair, not reentrant.
 */
import { type LockActor, type LockLook, lockLogic, type SeenLock, seenLock } from '../actors/lock.ts'
import type { Remember, WriteOutcome } from '../actors/outcome.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { assertId, assertKey, type Keys } from '../domain/key.ts'
import { type LeaseMoment, LeaseObserver, leaseLeftMs } from '../domain/lease.ts'
import { forced } from '../domain/lock-record.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import { type HeldLock, LockHold } from './held-lock.ts'
import type { Supervisor } from './supervisor.ts'
import { assertGoodFor } from './weak-store.ts'

export const lockLeaseMsDefault = 30_000
/** A day. */
export const lockLeaseMsMax = 86_400_000
export const lockWaitMsMax = 2 ** 31 - 1
/** How often `force` tries while the holder renews. */
const forceRoundsMax = 100
const nonceCharacters = 16

export interface LockOptions {
  /** After so many milliseconds without a renewal others may take it over. 1 to 86,400,000; default 30,000. */
  readonly leaseMs?: number
  /** How many milliseconds to wait for a lock that somebody else has. Default 0: the answer comes at once. */
  readonly waitMs?: number
  /** Whether it is renewed until it is released. */
  readonly autoRenew?: boolean
  /** Ends the waiting. A lock that is held does not heed it. */
  readonly signal?: AbortSignal
}

export interface AcquireOptions extends LockOptions {
  /** Label of the holder. Default: the worker id of the runtime. */
  readonly owner?: string
}

/** A lock as anybody sees it. */
export interface LockView {
  /** null: it is free. */
  readonly owner: string | null
  readonly incarnation: string | null
  readonly epoch: number
  /** Milliseconds until it may be taken over, as far as this process can judge; 0 when it is free. */
  readonly leaseLeftMs: number
}

export interface LocksHands {
  readonly store: Pick<Store, 'get' | 'features' | 'url'>
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  readonly workerId: string
  readonly incarnation: string
  readonly supervisor: Pick<Supervisor, 'start'>
  readonly remember: Remember
  /** Settles when the store is open; rejects when it is not, or the runtime is shut down. */
  ready(): Promise<void>
  learn(stored: Stored): void
  report(error: MemorySyncError): void
}

export type { HeldLock } from './held-lock.ts'

type CheckedOptions = Required<Omit<AcquireOptions, 'signal'>> & Pick<LockOptions, 'signal'>

export class Locks {
  readonly #hands: LocksHands
  readonly #observer = new LeaseObserver()
  readonly #holdByAddress = new ShortLivedMap<string, LockHold>()
  readonly #holdsByKey = new ShortLivedMap<string, Set<LockHold>>()
  readonly #logic
  #isClosed = false

  constructor(hands: LocksHands) {
    this.#hands = hands
    const holdOf = (lock: LockActor): LockHold | undefined => this.#holdByAddress.get(lock.id)
    this.#logic = lockLogic({
      remember: hands.remember,
      read: (key) => this.#read(key),
      now: () => this.#now(),
      lookAt: (key, seen) => this.#lookAt(key, seen),
      armTry: (lock, afterMs) => holdOf(lock)?.armTry(afterMs),
      disarmTry: (lock) => holdOf(lock)?.disarmTry(),
      armRenewal: (lock, record) => holdOf(lock)?.begun(record),
      extend: (lock, lease) => holdOf(lock)?.extended(lease),
      failed: (lock, error) => holdOf(lock)?.failed(error),
      renewalFailed: (lock) => holdOf(lock)?.renewalFailed(),
      free: (lock, reason) => holdOf(lock)?.freed(reason),
      lose: (lock, reason) => holdOf(lock)?.lost(reason),
      refuse: (lock, reason) => holdOf(lock)?.refused(reason),
    })
  }

  /** Acquisitions that have not ended: those that wait, and those that are held. */
  get size(): number {
    return this.#holdByAddress.size
  }

  /**
   * The lock at `key`, or null when somebody else has it until `waitMs` are over; this process too, under an earlier call.
   *
   * @throws `invalid_option`, `invalid_key`, `not_supported`, `aborted`, `closed`, and whatever the store's failure was
   */
  async acquire(key: string, options: AcquireOptions = {}): Promise<HeldLock | null> {
    return this.acquireHold(key, options)
  }

  /** As `acquire`, for those that may end it. */
  async acquireHold(key: string, options: AcquireOptions = {}): Promise<LockHold | null> {
    assertKey(key)
    const checked = checkOptions(options, this.#hands.workerId)
    const { signal } = checked
    const waitUntilMs = this.#hands.clock.monotonicMs() + checked.waitMs
    if (signal === undefined) {
      await this.#hands.ready()
      return this.#start(key, checked, waitUntilMs).got
    }
    let stop: (reason: MemorySyncError) => void = () => {}
    const stopped = new Promise<never>((_, reject) => {
      stop = reject
    })
    stopped.catch(() => {})
    let hold: LockHold | null = null
    const abort = (): void => {
      const error = abortError(key, signal)
      hold?.end(error)
      stop(error)
    }
    if (signal.aborted) throw abortError(key, signal)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await Promise.race([this.#hands.ready(), stopped])
      hold = this.#start(key, checked, waitUntilMs)
      return await hold.got
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** The lock at `key` as this process holds it. */
  held(key: string): HeldLock | null {
    for (const hold of this.#holdsByKey.get(key) ?? []) if (hold.isHeld) return hold
    return null
  }

  /** Who has the lock at `key`; null when nobody ever had it. @throws `corrupt` and whatever the store's failure was */
  async view(key: string): Promise<LockView | null> {
    await this.#hands.ready()
    const seen = seenLock(key, await this.#read(key))
    if (seen === null || seen.record === null) return null
    const { owner, incarnation, epoch } = seen.record
    return { owner, incarnation, epoch, leaseLeftMs: this.#lookAt(key, seen).leftMs }
  }

  /**
   * Frees the lock whoever has it, by raising its epoch: what the holder still writes under it is refused. A value that is
   * no lock's record is replaced.
   *
   * @returns the new epoch; null when nobody ever had the lock.
   */
  async force(key: string): Promise<number | null> {
    assertKey(key)
    await this.#hands.ready()
    for (let round = 1; ; round++) {
      const stored = await this.#read(key)
      if (stored === null) return null
      const seen = seenOrRemains(key, stored)
      const value = forced(seen.record, seen.record === null ? stored.revision : 0)
      const condition = { type: 'revision', revision: stored.revision } as const
      const outcome = await this.#commit({ key, value, condition, context: stored.entry.version })
      if (outcome.type === 'committed') return value.epoch
      if (outcome.type === 'failed') throw outcome.error
      if (round >= forceRoundsMax) {
        throw new MemorySyncError('conflict', `${key} was changed ${round} times while it was to be freed; try again`, { key })
      }
    }
  }

  /** What was committed at any key. */
  changed(stored: Stored): void {
    const { key } = stored
    const holds = this.#holdsByKey.get(key)
    if (holds === undefined && !(this.#mustObserve && this.#hands.keys.isLock(key))) return
    const look = this.#lookAt(key, seenOrRemains(key, stored))
    for (const hold of [...(holds ?? [])]) {
      hold.tell({ type: 'record.changed', ...look, chance: this.#hands.random.next() })
    }
  }

  /** Nothing is acquired any more, who waits is told, what is held is given back. Settles after `deadlineMs` at the latest. */
  async releaseAll(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    const holds = [...this.#holdByAddress.values()]
    if (holds.length === 0) return
    const closed = closedError()
    for (const hold of holds) hold.end(closed)
    let stop = (): void => {}
    const deadline = new Promise<void>((resolve) => {
      const timer = this.#hands.clock.setTimer(deadlineMs, resolve)
      stop = () => timer.cancel()
    })
    await Promise.race([Promise.all(holds.map(({ ended }) => ended)), deadline])
    stop()
    for (const hold of holds) {
      hold.crashed(new MemorySyncError('unflushed', `${hold.key} was not released within ${deadlineMs} ms`, { key: hold.key }))
    }
  }

  #start(key: string, { leaseMs, autoRenew, owner }: CheckedOptions, waitUntilMs: number): LockHold {
    if (this.#isClosed) throw closedError()
    // Known once the store is open.
    assertGoodFor(this.#hands.store, 'assumed')
    const { clock, random, incarnation, supervisor } = this.#hands
    const nonce = random.token(nonceCharacters)
    const address = `lock/${key}/${nonce}`
    const hold = new LockHold({
      key,
      leaseMs,
      autoRenew,
      incarnation,
      clock,
      random,
      now: () => this.#now(),
      report: (error) => this.#hands.report(error),
    })
    this.#holdByAddress.set(address, hold)
    const others = this.#holdsByKey.get(key)
    if (others === undefined) this.#holdsByKey.set(key, new Set([hold]))
    else others.add(hold)
    const actor = supervisor.start({
      address,
      logic: this.#logic,
      input: { key, owner, incarnation, nonce, leaseMs, waitUntilMs },
      onEnd: (end) => {
        if (end.type === 'crashed') hold.crashed(end.error)
        this.#forget(address, hold)
      },
    })
    hold.begin(actor)
    return hold
  }

  #forget(address: string, hold: LockHold): void {
    this.#holdByAddress.delete(address)
    const holds = this.#holdsByKey.get(hold.key)
    holds?.delete(hold)
    if (holds?.size === 0) this.#holdsByKey.delete(hold.key)
  }

  async #read(key: string): Promise<Stored | null> {
    const stored = await this.#hands.store.get(key)
    if (stored !== null) this.#hands.learn(stored)
    return stored
  }

  #commit(intent: Parameters<Remember>[0][number]): Promise<WriteOutcome> {
    return new Promise((resolve) => this.#hands.remember([intent], resolve, { urgent: true }))
  }

  /** Where clocks cannot be compared, a lease counts from the first sight of its record: the earlier, the better. */
  get #mustObserve(): boolean {
    return this.#hands.store.features.reach === 'network' || this.#hands.clock.bootId === null
  }

  #lookAt(key: string, seen: SeenLock | null): LockLook {
    const now = this.#now()
    return { seen, now, leftMs: this.#leftMs(key, seen, now), chance: this.#hands.random.next() }
  }

  #leftMs(key: string, seen: SeenLock | null, now: LeaseMoment): number {
    const record = seen?.record
    if (seen === null || record?.owner == null || record.lease === null) return 0
    const left = this.#hands.store.features.reach === 'network' ? null : leaseLeftMs(record.lease, now)
    return left ?? this.#observer.leftMs(key, seen.revision, record.lease.leaseMs, now.monotonicMs)
  }

  #now(): LeaseMoment {
    const { clock } = this.#hands
    return { bootId: clock.bootId, monotonicMs: clock.monotonicMs() }
  }
}

/** A value that is no lock's record counts as what remains of one: nobody holds it. */
function seenOrRemains(key: string, stored: Stored): SeenLock {
  try {
    const seen = seenLock(key, stored)
    if (seen !== null) return seen
  } catch {
    // Told where it matters: to who wants to acquire it.
  }
  return { record: null, revision: stored.revision, version: stored.entry.version }
}

function checkOptions(options: AcquireOptions, workerId: string): CheckedOptions {
  if (options === null || typeof options !== 'object') {
    throw new MemorySyncError('invalid_option', `the options of a lock must be an object, got ${quote(options)}`)
  }
  const { leaseMs = lockLeaseMsDefault, waitMs = 0, autoRenew = false, owner = workerId, signal } = options
  checkMs('leaseMs', leaseMs, 1, lockLeaseMsMax)
  checkMs('waitMs', waitMs, 0, lockWaitMsMax)
  if (typeof autoRenew !== 'boolean') {
    throw new MemorySyncError('invalid_option', `autoRenew must be true or false, got ${quote(autoRenew)}`)
  }
  assertId(owner, 'owner')
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new MemorySyncError('invalid_option', `signal must be an AbortSignal, got ${quote(signal)}`)
  }
  return signal === undefined ? { leaseMs, waitMs, autoRenew, owner } : { leaseMs, waitMs, autoRenew, owner, signal }
}

function checkMs(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  throw new MemorySyncError(
    'invalid_option',
    `${name} must be a number of milliseconds from ${least} to ${most}, got ${quote(value)}`,
  )
}

function abortError(key: string, signal: AbortSignal): MemorySyncError {
  const why = signal.reason instanceof Error ? messageOf(signal.reason) : quote(signal.reason)
  return new MemorySyncError('aborted', `waiting for the lock ${quote(key)} was aborted: ${why}`, { key, cause: signal.reason })
}

function closedError(): MemorySyncError {
  return new MemorySyncError('closed', 'the runtime was shut down')
}
