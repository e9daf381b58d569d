/**
 * When there is a recording: it begins with the first who watches and ends a while after the last. Knows neither what is recorded nor
 * who watches.
 *
 * - S1 while nobody watches nothing is attached, requested or kept
 * - S2 a recording that ended never comes again: its places are not those of the next one
 */
import { MemorySyncError } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Recorder } from './recorder.ts'

/** The recording goes on so long without anybody, so that a page which is loaded again goes on where it was. */
export const graceMs = 30_000
/** A newcomer waits so long for what there is to be told; what comes later comes as news. */
export const beginMsMax = 3000

/** What is watched: `Watching`. */
export interface Watched {
  readonly recorder: Recorder
  start(): Promise<void>
  stop(): Promise<void>
  send(source: string, address: string, event: PostEvent): Promise<void>
}

export interface Membership {
  readonly recorder: Recorder
  /** Idempotent. */
  leave(): void
}

export class Session {
  readonly #clock: Clock
  readonly #watch: () => Watched
  #current: { readonly watched: Watched; readonly begun: Promise<void> } | null = null
  #members = 0
  #grace: Timer | null = null
  #ending: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(clock: Clock, watch: () => Watched) {
    this.#clock = clock
    this.#watch = watch
  }

  /** The recording that there is. */
  get recorder(): Recorder | null {
    return this.#current?.watched.recorder ?? null
  }

  /** Settles when what there is has been told, after {@link beginMsMax} at the latest. @throws `closed` */
  async join(): Promise<Membership> {
    if (this.#isClosed) throw closedError()
    this.#members++
    this.#grace?.cancel()
    this.#grace = null
    this.#current ??= this.#begin()
    const { watched, begun } = this.#current
    let isMember = true
    const leave = (): void => {
      if (!isMember) return
      isMember = false
      if (--this.#members === 0) this.#endLater()
    }
    await this.#within(beginMsMax, begun)
    return { recorder: watched.recorder, leave }
  }

  /** @throws `not_supported` when nothing is watched, and what {@link Watched.send} throws */
  async send(source: string, address: string, event: PostEvent): Promise<void> {
    if (this.#current === null) throw new MemorySyncError('not_supported', 'nothing is watched now: open the page first')
    await this.#current.watched.send(source, address, event)
  }

  /** Settles when nothing is attached or requested any more. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#end()
    return this.#ending
  }

  #begin() {
    const watched = this.#watch()
    // It may have ended while the one before it was ending.
    const start = (): Promise<void> => (this.#current?.watched === watched ? watched.start() : Promise.resolve())
    return { watched, begun: this.#ending.then(start) }
  }

  #endLater(): void {
    if (this.#isClosed) return
    this.#grace = this.#clock.setTimer(graceMs, () => this.#end(), { keepAlive: false })
  }

  #end(): void {
    this.#grace?.cancel()
    this.#grace = null
    const current = this.#current
    this.#current = null
    if (current !== null) this.#ending = Promise.all([this.#ending, current.watched.stop()]).then(() => {})
  }

  async #within(limitMs: number, promise: Promise<void>): Promise<void> {
    let timer: Timer | undefined
    const limit = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(limitMs, resolve, { keepAlive: false })
    })
    await Promise.race([promise, limit])
    timer?.cancel()
  }
}

function closedError(): MemorySyncError {
  return new MemorySyncError('closed', 'the inspector was closed')
}
