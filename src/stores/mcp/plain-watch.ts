/**
 * One watch of a plain server: the mirror's watch, begun when the first look is done, ended when the server cannot be looked at.
 * Knows neither server nor timers.
 *
 * - W1 a watch from now misses nothing that is written after the call. What it may tell besides is what was written up to a few
 *   seconds before, or since this handle has last looked
 */
import type { MemorySyncError } from '../../domain/errors.ts'
import type { FeedItem, Store, WatchOptions } from '../../ports/store.ts'
import type { IsWanted } from './plain-look.ts'

export interface PlainWatchHands {
  readonly mirror: Store
  readonly pattern: string
  readonly options: WatchOptions
  readonly isWanted: IsWanted
  look(isWanted: IsWanted, quiet: Set<number>): Promise<boolean>
  /** It is over, for whatever reason. Called once. */
  ended(watch: PlainWatch): void
}

const done: IteratorResult<FeedItem> = Object.freeze({ done: true, value: undefined })

export class PlainWatch implements AsyncIterableIterator<FeedItem> {
  readonly #hands: PlainWatchHands
  /** Revisions that are only new to this handle. */
  readonly #quiet = new Set<number>()
  /** Of the mirror; null until it is begun. */
  #cursor: AsyncIterator<FeedItem> | null = null
  #failure: MemorySyncError | null = null
  #isEnded = false
  readonly #ending: Promise<void>
  #end: () => void = () => {}
  readonly #begun: Promise<void>
  #last: Promise<unknown> = Promise.resolve()

  constructor(hands: PlainWatchHands) {
    this.#hands = hands
    this.#ending = new Promise((resolve) => {
      this.#end = resolve
    })
    hands.options.signal?.addEventListener('abort', this.end, { once: true })
    // What this handle itself commits from now on must be in it.
    if (hands.options.after === 'now') this.#open()
    this.#begun = this.#begin()
    if (hands.options.signal?.aborted) this.end()
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  get isWanted(): IsWanted {
    return this.#hands.isWanted
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<FeedItem>> {
    const take = (): Promise<IteratorResult<FeedItem>> => this.#take()
    const item = this.#last.then(take, take)
    this.#last = item
    return item
  }

  return(): Promise<IteratorResult<FeedItem>> {
    this.end()
    return Promise.resolve(done)
  }

  /** Ends it with an error, which its consumer gets once. */
  fail(error: MemorySyncError): void {
    if (this.#isEnded) return
    this.#failure = error
    this.end()
  }

  /** Idempotent. */
  readonly end = (): void => {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#hands.options.signal?.removeEventListener('abort', this.end)
    void this.#cursor?.return?.()
    this.#end()
    this.#hands.ended(this)
  }

  async #begin(): Promise<void> {
    try {
      await this.#hands.look(this.isWanted, this.#quiet)
      if (!this.#isEnded) this.#open()
    } catch (error) {
      this.fail(error as MemorySyncError)
    }
  }

  #open(): void {
    const { mirror, pattern, options } = this.#hands
    this.#cursor ??= mirror.watch(pattern, options.after === undefined ? {} : { after: options.after })[Symbol.asyncIterator]()
  }

  async #take(): Promise<IteratorResult<FeedItem>> {
    await Promise.race([this.#begun, this.#ending])
    while (!this.#isEnded && this.#cursor !== null) {
      const result = await this.#cursor.next()
      if (result.done) break
      const item = this.#loud(result.value)
      if (item !== null) return { done: false, value: item }
    }
    const failure = this.#failure
    this.#failure = null
    this.end()
    if (failure !== null) throw failure
    return done
  }

  /** null: nothing of it is to be told. */
  #loud(item: FeedItem): FeedItem | null {
    if (item.type !== 'changes' || this.#quiet.size === 0 || this.#hands.options.after !== 'now') return item
    const changes = item.changes.filter(({ revision }) => !this.#quiet.delete(revision))
    return changes.length === 0 ? null : { type: 'changes', changes }
  }
}
