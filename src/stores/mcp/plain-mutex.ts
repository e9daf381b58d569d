/**
 * A mutex over a plain server's namespace: Lamport's bakery, with one register per handle, each written by its own handle only. Owns
 * this handle's ticket, and when it may be believed to hold the mutex. Knows nothing of what is done under it.
 *
 * - M1 who holds the mutex has shown a number, and then has seen nobody alive who was choosing or showed a lower one
 * - M2 numbers are kept when the mutex is left: a handle's numbers strictly increase
 * - M3 a ticket that others may have taken for dead is worth nothing: its handle takes a new number, or gives up what it does
 * - M4 an own lease counts from *sending* the last beat, that of another from having *seen* it: no two clocks are compared
 *
 * Assumption, without which two handles may hold it at once: every call to the server ends within `maxOpLatencyMs`, waiting for its
 * turn included, and no process pauses for longer than its lease. Takeover of a dead handle's turn needs its lease.
 */
import { MemorySyncError } from '../../domain/errors.ts'
import { type Backoff, backoffMs } from '../../domain/retry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import { PlainRivals, ticketKeptMs } from './plain-rivals.ts'
import { isBefore, type Ticket, ticketLeaseMsMax, ticketOf, ticketText } from './plain-ticket.ts'
import type { Registers } from './registers.ts'

export const maxOpLatencyMsDefault = 2000
/** A lease is so many times what a call may take. */
export const leaseOps = 5
export const maxOpLatencyMsMax = ticketLeaseMsMax / leaseOps
/** Of the lease: then a beat is due. */
const beatDueShare = 1 / 3
/** Of the lease: then nothing is begun any more. One call fits into what is left. */
const beatLateShare = 2 / 3
/** A register left alone for longer is left for ever: others may be about to remove it. */
export const ticketReusedMs = ticketKeptMs / 2
/** Of the lease: no wait is longer, so that who waits is not taken for dead. */
const waitShareMax = 1 / 10
/** Between two looks at who is before this handle. */
export const waitBackoff: Backoff = Object.freeze({ baseMs: 5, factor: 2, maxMs: 100, jitter: 0.5 })
/** Times that the server has to give back what it was given before it is trusted. */
const proofRounds = 3
const idCharacters = 16

export interface PlainMutexOptions {
  readonly registers: Registers
  /** Holds the tickets and nothing else. */
  readonly namespace: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Milliseconds within which every call to the server is assumed to end. Default 2000; the lease is five times as long. */
  readonly maxOpLatencyMs?: number | undefined
}

/** The mutex while it is held. */
export interface MutexHold {
  /** Whether something may be begun under it. */
  readonly isFresh: boolean
  /** Has to settle before each write, and says that the mutex will still be held when it ends. @throws `store_unavailable` if not. */
  renew(): Promise<void>
  /** Never rejects. */
  release(): Promise<void>
}

export class PlainMutex {
  readonly #options: PlainMutexOptions
  readonly #rivals: PlainRivals
  readonly #leaseMs: number
  #id: string
  #ticket: Ticket
  /** When the last beat that was acknowledged had been sent; null: there is none of this register. */
  #sentMs: number | null = null
  #isProven = false

  constructor(options: PlainMutexOptions) {
    this.#options = options
    const { registers, namespace, clock, random, logger, maxOpLatencyMs = maxOpLatencyMsDefault } = options
    this.#rivals = new PlainRivals(registers, namespace, clock, logger)
    this.#leaseMs = leaseOps * maxOpLatencyMs
    this.#id = random.token(idCharacters)
    this.#ticket = { choosing: false, active: false, number: 0, beat: 0, leaseMs: this.#leaseMs }
  }

  /**
   * One at a time: who has it releases it before the next call.
   *
   * @param untilMs by the monotonic clock: how long to wait.
   * @throws `store_unavailable` when it was not to be had in time or a call failed, `not_supported` for a server that it cannot be
   * had at. The caller has written nothing.
   */
  async acquire(untilMs: number): Promise<MutexHold> {
    try {
      this.#leaveOldRegister()
      await this.#prove()
      while (!(await this.#queueUp(untilMs))) {
        if (this.#options.clock.monotonicMs() >= untilMs) throw this.#late()
      }
    } catch (thrown) {
      await this.#withdraw()
      const error = MemorySyncError.from(thrown, 'store_unavailable')
      if (error.code !== 'unknown_outcome') throw error
      // Of a ticket. What the caller wants to write was not begun.
      throw new MemorySyncError('store_unavailable', `no turn to write was to be had: ${error.message}`, { cause: error })
    }
    const mutex = this
    return {
      get isFresh() {
        return mutex.#ageMs() < mutex.#leaseMs * beatLateShare
      },
      renew: () => this.#renew(),
      release: () => this.#withdraw(),
    }
  }

  /** To be called when it is not held and will not be acquired again. Never rejects. */
  async close(): Promise<void> {
    if (this.#sentMs === null) return
    await this.#removeOwn()
  }

  /** One attempt. @returns false when this handle may have been taken for dead meanwhile. */
  async #queueUp(untilMs: number): Promise<boolean> {
    await this.#show({ choosing: true, active: false })
    const others = await this.#rivals.look(this.#id)
    // The dead ones' too: they may have been thought so wrongly.
    const number = 1 + others.reduce((highest, { ticket }) => Math.max(highest, ticket.number), this.#ticket.number)
    if (!this.#isAlive()) return false
    if (!(await this.#show({ choosing: false, active: true, number }))) return false
    for (let attempt = 1; ; attempt++) {
      if (this.#isBeatDue() && !(this.#isAlive() && (await this.#show({})))) return false
      const seen = await this.#rivals.look(this.#id)
      if (!this.#isAlive()) return false
      const own = seen.find(({ id }) => id === this.#id)
      // Removed by somebody: the others do not see it either.
      if (own === undefined || own.ticket.beat !== this.#ticket.beat) return false
      if (!seen.some((rival) => this.#mustWaitFor(rival))) return true
      if (this.#options.clock.monotonicMs() >= untilMs) throw this.#late()
      await this.#pause(attempt)
    }
  }

  #mustWaitFor({ id, ticket, isDead }: { readonly id: string; readonly ticket: Ticket; readonly isDead: boolean }): boolean {
    if (id === this.#id || isDead) return false
    if (ticket.choosing) return true
    return ticket.active && isBefore({ number: ticket.number, id }, { number: this.#ticket.number, id: this.#id })
  }

  async #renew(): Promise<void> {
    if (this.#isAlive() && (!this.#isBeatDue() || (await this.#show({})))) return
    throw new MemorySyncError(
      'store_unavailable',
      `the memory server is too slow: ${Math.round(this.#leaseMs * beatLateShare)} ms after this process had its turn, others may take it. A larger maxOpLatencyMs makes turns longer.`,
    )
  }

  /** @returns false when the ticket before this one may have been taken for dead before this one was there. */
  async #show(change: Partial<Ticket>): Promise<boolean> {
    const { registers, namespace, clock } = this.#options
    const beforeMs = this.#sentMs
    const sentMs = clock.monotonicMs()
    // A call that fails may have been carried out: the next one has to differ from it.
    this.#ticket = { ...this.#ticket, ...change, beat: this.#ticket.beat + 1 }
    await registers.write(namespace, this.#id, ticketText(this.#ticket))
    this.#sentMs = sentMs
    return beforeMs !== null && clock.monotonicMs() - beforeMs < this.#leaseMs
  }

  /** Does not want the mutex any more. If that cannot be said, the others wait for a lease. */
  async #withdraw(): Promise<void> {
    if (this.#sentMs === null) return
    try {
      await this.#show({ choosing: false, active: false })
    } catch (error) {
      this.#options.logger.debug('a turn to write could not be given back: others wait until its lease is over', { error })
    }
  }

  #leaveOldRegister(): void {
    if (this.#ageMs() < ticketReusedMs || this.#sentMs === null) return
    void this.#removeOwn()
    this.#id = this.#options.random.token(idCharacters)
    this.#sentMs = null
  }

  async #removeOwn(): Promise<void> {
    const { registers, namespace, logger } = this.#options
    const register = this.#id
    await registers.remove(namespace, register).catch((error: unknown) => {
      logger.debug('a register of the mutex could not be removed; others will, in a day', { register, error })
    })
  }

  /** Whether what is written is what is read: the least that a register must be good for. */
  async #prove(): Promise<void> {
    const { registers, namespace } = this.#options
    for (let round = 1; round <= proofRounds && !this.#isProven; round++) {
      await this.#show({ choosing: false, active: false })
      const register = await registers.read(namespace, this.#id)
      if (register === null || ticketOf(register.content)?.beat !== this.#ticket.beat) {
        throw new MemorySyncError(
          'not_supported',
          'this memory server does not give back what was just written to it, so no condition or lock can be kept there. Use a server that can, in its place: memory-sync serve.',
        )
      }
    }
    this.#isProven = true
  }

  #isAlive(): boolean {
    return this.#ageMs() < this.#leaseMs * beatLateShare
  }

  #isBeatDue(): boolean {
    return this.#ageMs() >= this.#leaseMs * beatDueShare
  }

  #ageMs(): number {
    return this.#sentMs === null ? Number.POSITIVE_INFINITY : this.#options.clock.monotonicMs() - this.#sentMs
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#options
    const waitMs = Math.min(backoffMs(waitBackoff, attempt, random.next()), this.#leaseMs * waitShareMax)
    return new Promise((resolve) => void clock.setTimer(waitMs, resolve))
  }

  #late(): MemorySyncError {
    return new MemorySyncError(
      'store_unavailable',
      'other processes at this memory server wrote all the time: this one got no turn before its deadline. Nothing was written; try again.',
    )
  }
}
