/**
 * Notices that another process has committed: the operating system tells of writes to lmdb's data file within a millisecond.
 * Owns the doubt about that: it is tested at the start, and a slow poll runs beside it. Knows nothing of what is looked at.
 */
import { type FSWatcher, utimesSync, watch } from 'node:fs'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'

/** The file tells of the write of a root page shortly before readers see it: look once more, and once more for a busy machine. */
const secondLookMs = 1
const thirdLookMs = 20
/** How long the first event may take. */
const selfTestMs = 1000
const safetyPollMs = 2000
/** Where the operating system tells nothing (some network and container file systems). Costs about 0.1 % of a CPU. */
const blindPollMs = 25

export class CommitNotice {
  readonly #clock: Clock
  readonly #look: (isUrgent: boolean) => boolean
  readonly #logger: Logger
  readonly #path: string
  #watcher: FSWatcher | null = null
  #poll: Timer | null = null
  #again: Timer | null = null
  #isWatching = false
  #isClosed = false

  /**
   * @param look is cheap, may be called at any time, and says whether anybody wants to know. `isUrgent`: no later look follows
   * soon.
   */
  constructor(path: string, look: (isUrgent: boolean) => boolean, clock: Clock, logger: Logger) {
    this.#path = path
    this.#look = look
    this.#clock = clock
    this.#logger = logger
    this.#watch()
    this.#armPoll(selfTestMs, () => {
      if (!this.#isWatching) this.#logger.debug('the file system tells nothing of changes; the store is polled', { path })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#watcher?.close()
    this.#watcher = null
    this.#poll?.cancel()
    this.#again?.cancel()
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => this.#onEvent())
      this.#watcher.on('error', (error) => this.#onBlind(error))
      // Touching the file must be told to us, or commits would not be either.
      const now = this.#clock.wallMs() / 1000
      utimesSync(this.#path, now, now)
    } catch (error) {
      this.#onBlind(error)
    }
  }

  #onBlind(error: unknown): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#isWatching = false
    this.#logger.debug('the store file cannot be watched; it is polled', { path: this.#path, error })
  }

  #onEvent(): void {
    this.#isWatching = true
    if (!this.#look(false) || this.#isClosed) return
    // Anew with every event: the one that matters is the last, when the root page is written.
    this.#again?.cancel()
    this.#lookAgain(secondLookMs, false, () => this.#lookAgain(thirdLookMs, true, () => {}))
  }

  #lookAgain(delayMs: number, isUrgent: boolean, then: () => void): void {
    const fire = () => {
      this.#again = null
      this.#look(isUrgent)
      if (!this.#isClosed) then()
    }
    this.#again = this.#clock.setTimer(delayMs, fire, { keepAlive: false })
  }

  #armPoll(delayMs: number, then: () => void): void {
    this.#poll = this.#clock.setTimer(
      delayMs,
      () => {
        if (this.#isClosed) return
        this.#look(true)
        then()
        this.#armPoll(this.#isWatching ? safetyPollMs : blindPollMs, () => {})
      },
      { keepAlive: false },
    )
  }
}
