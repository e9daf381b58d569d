/**
 * Notices that another process has committed: every commit is followed by a write to one small file, of which the operating
 * system tells within a millisecond. (lmdb's data file would tell of each page, and before readers can see them.) Owns both
 * sides, and the doubt: telling is tested at the start, and a slow poll runs beside it. Knows nothing of what is looked at.
 */
import { closeSync, constants, type FSWatcher, openSync, utimesSync, watch, writeSync } from 'node:fs'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'

/** How long the first event may take. */
const selfTestMs = 1000
/** Also after a process that was killed between its commit and the notice. */
const safetyPollMs = 2000
/** Where the operating system tells nothing (some network and container file systems). Costs about 0.1 % of a CPU. */
const blindPollMs = 25

const mark = Buffer.from('\n')

/** The writer's side. Made before the first commit; a file that was there stays as it is. */
export class CommitBell {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666)
  }

  /** After a commit. Never throws: who is not told finds out with the next poll. */
  ring(): void {
    try {
      writeSync(this.#file, mark, 0, 1, 0)
    } catch {
      // A full disk, say: the commit itself is done.
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

export class CommitNotice {
  readonly #clock: Clock
  readonly #look: (isUrgent: boolean) => void
  readonly #logger: Logger
  readonly #path: string
  #watcher: FSWatcher | null = null
  #poll: Timer | null = null
  #isWatching = false
  #isClosed = false

  /** @param look is cheap and may be called at any time. `isUrgent`: no event follows that would call it again. */
  constructor(path: string, look: (isUrgent: boolean) => void, clock: Clock, logger: Logger) {
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
    this.#logger.debug("the store's notices cannot be watched; it is polled", { path: this.#path, error })
  }

  #onEvent(): void {
    if (this.#isClosed) return
    this.#isWatching = true
    this.#look(false)
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
