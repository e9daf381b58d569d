/**
 * One acquisition of a lock as its caller sees it, and its time: when a renewal is due, when the lease is over, whether the
 * process slept. Owns its timers; what follows from them is decided by the chart.
 *
 * - H1 the holder's time counts from the sending of its last committed renewal: it ends before anybody may take over
 * - H2 no timer is left once it has ended
 */
import type { LockActor, LockEnd, LockEvent } from '../actors/lock.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Lease, LeaseMoment } from '../domain/lease.ts'
import type { LockRecord } from '../domain/lock-record.ts'
import type { Guard } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'

/** A lock that was got. It excludes other holders; what it protects outside of the memory needs its `epoch`. */
export interface HeldLock extends AsyncDisposable {
  /** Where its record lies. */
  readonly key: string
  /** The fencing token: rises with every holder. */
  readonly epoch: number
  /** In milliseconds. */
  readonly leaseMs: number
  /** For writes that are to take effect only while the lock is held: the store judges it. */
  readonly guard: Guard
  /** Aborted when the lock is lost: taken over, its lease over, the process asleep for too long, or the runtime shut down. */
  readonly signal: AbortSignal
  /** Neither lost nor released, as far as this process knows. */
  readonly isHeld: boolean
  /** Milliseconds until the lease is over, unless it is renewed; 0 when the lock is not held. */
  leaseLeftMs(): number
  /** @throws `lock_lost` unless the lock is held. */
  assertHeld(): void
  /** The lease begins anew; settles when that is committed. @throws `lock_lost`, or what the store's failure was */
  renew(): Promise<void>
  /**
   * Gives it back; settles when others can have it. Idempotent, and does nothing when the lock is lost. Its `signal` stays
   * as it is. Rejects when the store fails: then the lock is free when its lease is over.
   */
  release(): Promise<void>
}

export interface LockHoldOptions {
  readonly key: string
  readonly incarnation: string
  readonly leaseMs: number
  readonly autoRenew: boolean
  readonly clock: Clock
  readonly random: Random
  now(): LeaseMoment
  report(error: MemorySyncError): void
}

/** How often the holder looks at its clock during a lease: what makes a sleep of a third of it noticed. */
const looksPerLease = 12

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: MemorySyncError): void
}

export class LockHold implements HeldLock {
  readonly key: string
  readonly leaseMs: number
  /** What became of the acquisition. */
  readonly got: Promise<LockHold | null>
  /** Settles at its end, whatever that is. */
  readonly ended: Promise<void>
  readonly #options: LockHoldOptions
  readonly #getting = deferred<LockHold | null>()
  readonly #ending = deferred<void>()
  readonly #releasing = deferred<void>()
  readonly #renewals: Deferred<void>[] = []
  #actor: LockActor | null = null
  #state: 'acquiring' | 'held' | 'releasing' | 'ended' = 'acquiring'
  #record: LockRecord | null = null
  #heldSinceMs = 0
  #renewalDueMs = 0
  #lookedAtMs = 0
  #lookTimer: Timer | null = null
  #tryTimer: Timer | null = null
  #abort: AbortController | null = null
  #lostBy: MemorySyncError | null = null
  #failure: MemorySyncError | null = null

  constructor(options: LockHoldOptions) {
    this.#options = options
    this.key = options.key
    this.leaseMs = options.leaseMs
    this.got = this.#getting.promise
    this.ended = this.#ending.promise
  }

  get epoch(): number {
    return this.#record?.epoch ?? 0
  }

  get guard(): Guard {
    return { scope: this.key, epoch: this.epoch, incarnation: this.#options.incarnation }
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController()
      if (this.#lostBy !== null) this.#abort.abort(this.#lostBy)
    }
    return this.#abort.signal
  }

  get isHeld(): boolean {
    return this.leaseLeftMs() > 0
  }

  leaseLeftMs(): number {
    return this.#state === 'held' ? Math.max(0, this.#leftMs()) : 0
  }

  assertHeld(): void {
    if (this.isHeld) return
    throw this.#lostBy ?? this.#lostError(this.#state === 'held' ? 'its lease is over' : 'it was released')
  }

  async renew(): Promise<void> {
    this.assertHeld()
    const renewal = deferred<void>()
    this.#renewals.push(renewal)
    this.#sendRenewal()
    return renewal.promise
  }

  release(): Promise<void> {
    if (this.#state === 'held') {
      this.#state = 'releasing'
      this.#rejectRenewals(this.#lostError('it was released'))
      this.#send({ type: 'lock.release' })
    }
    return this.#releasing.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  /** Begins the acquisition by this actor. */
  begin(actor: LockActor): void {
    this.#actor = actor
    this.#send({ type: 'lock.acquire' })
  }

  tell(event: LockEvent): void {
    if (this.#state !== 'ended') this.#send(event)
  }

  /** It is not wanted any more: who waits for it is told this error, who holds it by the signal. */
  end(reason: MemorySyncError): void {
    if (this.#state === 'acquiring') {
      this.#getting.reject(reason)
      this.#send({ type: 'lock.abandon' })
    } else if (this.#state === 'held') {
      this.#lostBy = reason
      // Listeners may do anything; the release must not wait for them, nor depend on them.
      const released = this.release()
      released.catch((error) => this.#options.report(MemorySyncError.from(error, 'store_unavailable')))
      this.#abort?.abort(reason)
    }
  }

  armTry(afterMs: number): void {
    this.#tryTimer?.cancel()
    this.#tryTimer = this.#options.clock.setTimer(afterMs, () => this.tell({ type: 'try.due' }))
  }

  disarmTry(): void {
    this.#tryTimer?.cancel()
    this.#tryTimer = null
  }

  begun(record: LockRecord): void {
    this.#record = record
    this.#state = 'held'
    this.#heldSinceMs = record.lease?.renewedAtMs ?? this.#nowMs()
    this.#dueAfter(this.#heldSinceMs)
    this.#armLook()
    this.#getting.resolve(this)
  }

  extended(lease: Lease | null): void {
    if (lease !== null) this.#heldSinceMs = Math.max(this.#heldSinceMs, lease.renewedAtMs)
    for (const { resolve } of this.#renewals.splice(0)) resolve()
  }

  /** The store's word, kept for whoever is told of the consequence. */
  failed(error: MemorySyncError): void {
    this.#failure = error
  }

  renewalFailed(): void {
    this.#rejectRenewals(this.#failure ?? this.#lostError('a renewal failed'))
  }

  freed(reason: LockEnd): void {
    const slow = `the store took longer than the lease of ${this.leaseMs} ms, again and again. Ask for a longer lease.`
    const error = this.#failure ?? new MemorySyncError('store_unavailable', `lock ${this.key} was not acquired: ${slow}`)
    // Nobody waits any more when it was abandoned, or had been held.
    this.#getting.reject(reason === 'abandoned' ? this.#lostError('it was abandoned') : error)
    this.#end()
    this.#releasing.resolve()
  }

  lost(reason: LockEnd): void {
    if (reason === 'failed') {
      // Only a release fails so: the record says that it is held, and nobody renews it.
      this.#endUnreleased(this.#failure ?? this.#lostError('it could not be released'))
      return
    }
    const why =
      reason === 'slept' ? `this process slept for more than a third of the lease of ${this.leaseMs} ms` : whyLost[reason]
    const error = this.#lostError(why ?? reason)
    this.#lose(error)
    this.#options.report(error)
  }

  refused(reason: LockEnd): void {
    if (reason === 'failed') this.#getting.reject(this.#failure ?? this.#lostError('the store failed'))
    else this.#getting.resolve(null)
    this.#end()
    this.#releasing.resolve()
  }

  /** Its actor is gone without a word. */
  crashed(error: MemorySyncError): void {
    if (this.#state === 'ended') return
    this.#getting.reject(error)
    if (this.#state === 'releasing') this.#endUnreleased(error)
    else this.#lose(error)
  }

  #lose(error: MemorySyncError): void {
    this.#lostBy ??= error
    this.#getting.reject(error)
    this.#end()
    this.#releasing.resolve()
    this.#abort?.abort(this.#lostBy)
  }

  #endUnreleased(error: MemorySyncError): void {
    this.#getting.reject(error)
    this.#end()
    this.#releasing.reject(error)
  }

  #end(): void {
    this.#state = 'ended'
    this.#lookTimer?.cancel()
    this.disarmTry()
    this.#rejectRenewals(this.#lostBy ?? this.#lostError('it is not held any more'))
    this.#ending.resolve()
  }

  /** One timer at a time: the next look at the clock, or the next renewal, or the end of the lease. */
  #armLook(): void {
    const { clock, autoRenew } = this.#options
    const nowMs = this.#nowMs()
    this.#lookedAtMs = nowMs
    const renewalMs = autoRenew ? this.#renewalDueMs - nowMs : this.leaseMs
    const delayMs = Math.max(1, Math.min(this.leaseMs / looksPerLease, this.#leftMs(), renewalMs))
    this.#lookTimer = clock.setTimer(delayMs, () => this.#look(), { keepAlive: false })
  }

  #look(): void {
    if (this.#state === 'ended') return
    const nowMs = this.#nowMs()
    if (this.#leftMs() <= 0) this.#send({ type: 'lease.over', reason: 'lease-over' })
    else if (nowMs - this.#lookedAtMs > this.leaseMs / 3) this.#send({ type: 'lease.over', reason: 'slept' })
    else if (this.#options.autoRenew && nowMs >= this.#renewalDueMs) this.#sendRenewal()
    // The chart may have ended it.
    if (!this.#isEnded()) this.#armLook()
  }

  #isEnded(): boolean {
    return this.#state === 'ended'
  }

  #sendRenewal(): void {
    const now = this.#options.now()
    this.#dueAfter(now.monotonicMs)
    this.#send({ type: 'lease.due', now })
  }

  #dueAfter(sentMs: number): void {
    this.#renewalDueMs = sentMs + (this.leaseMs / 3) * (0.75 + this.#options.random.next() / 4)
  }

  #leftMs(): number {
    return this.#heldSinceMs + this.leaseMs - this.#nowMs()
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }

  #send(event: LockEvent): void {
    this.#actor?.send(event)
  }

  #rejectRenewals(error: MemorySyncError): void {
    for (const { reject } of this.#renewals.splice(0)) reject(error)
  }

  #lostError(why: string): MemorySyncError {
    return new MemorySyncError('lock_lost', `the lock ${quote(this.key)} is not held: ${why}`, { key: this.key })
  }
}

const whyLost: Readonly<Partial<Record<LockEnd, string>>> = {
  'lease-over': 'no renewal was committed before its lease was over',
  'taken-over': 'its record was changed by somebody else: taken over, or freed by force',
}

/** Whoever cares awaits it; that nobody does is no fault of the process. */
function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (error: MemorySyncError) => void = () => {}
  const promise = new Promise<T>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise
    reject = rejectPromise
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}
