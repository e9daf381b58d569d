/**
 * When a plain server is looked at while somebody watches: often while it changes, seldom while it does not. Knows not what is
 * looked at.
 *
 * - P1 one look at a time, the next one only after a pause
 * - P2 no timer is left after `stop`
 */
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'

export interface PollOptions {
  readonly clock: Clock
  readonly random: Random
  /** Milliseconds between two looks after one that found changes. Default 250. */
  readonly busyMs?: number
  /** Milliseconds between two looks when there have been none for a while. Default 5000. */
  readonly idleMs?: number
  /** Whether anything had changed. */
  look(): Promise<boolean>
  /** So many looks in a row have failed; the last one with this. Then it goes on. */
  failing(error: unknown): void
}

export const pollBusyMsDefault = 250
export const pollIdleMsDefault = 5000
/** Each pause without a change is longer by this. */
const pauseFactor = 1.5
/** Of a pause, up and down, so that many handles do not look at the same moment. */
const pauseJitter = 0.2
/** Looks that fail in a row before it is said: one lost reply is no news. */
export const pollFailuresMax = 3

export class Poll {
  readonly #options: PollOptions
  readonly #busyMs: number
  readonly #idleMs: number
  #isRunning = false
  #isLooking = false
  #timer: Timer | null = null
  #pauseMs: number
  #failures = 0

  constructor(options: PollOptions) {
    this.#options = options
    this.#busyMs = options.busyMs ?? pollBusyMsDefault
    this.#idleMs = options.idleMs ?? pollIdleMsDefault
    this.#pauseMs = this.#busyMs
  }

  /** Idempotent. The first look comes after a pause: who starts it has just looked. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#failures = 0
    this.#pauseMs = this.#busyMs
    if (!this.#isLooking) this.#pause()
  }

  /** Idempotent. A look under way goes to its end. */
  stop(): void {
    this.#isRunning = false
    this.#timer?.cancel()
    this.#timer = null
  }

  #pause(): void {
    const { clock, random } = this.#options
    const spread = 1 + pauseJitter * (2 * random.next() - 1)
    // What is polled has a connection of its own that keeps the process alive, or nobody waits.
    this.#timer = clock.setTimer(this.#pauseMs * spread, () => void this.#look(), { keepAlive: false })
  }

  async #look(): Promise<void> {
    this.#timer = null
    this.#isLooking = true
    try {
      const hasChanged = await this.#options.look()
      this.#failures = 0
      this.#pauseMs = hasChanged ? this.#busyMs : Math.min(this.#pauseMs * pauseFactor, this.#idleMs)
    } catch (error) {
      this.#pauseMs = Math.min(this.#pauseMs * pauseFactor, this.#idleMs)
      if (++this.#failures % pollFailuresMax === 0) this.#options.failing(error)
    } finally {
      this.#isLooking = false
      if (this.#isRunning) this.#pause()
    }
  }
}
