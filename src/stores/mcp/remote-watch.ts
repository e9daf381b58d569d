/**
 * One watch of our server's store: a cursor over its change log, read by calls, and the async iterator of its consumer. Knows no
 * tools: it reads through a `RemoteFeed`, and waits for news by `ChangePolls`.
 *
 * - W1 it yields the changes of a key in revision order, and after the last one it has seen the stored entry
 * - W2 what cannot be read any more is told by `reset`, followed by a snapshot: never a silent gap
 * - W3 it reads only while its consumer waits, and holds nothing in between: the server's log is its buffer
 */
import { MemorySyncError } from '../../domain/errors.ts'
import type { Pattern } from '../../domain/pattern.ts'
import type { FeedItem, WatchOptions } from '../../ports/store.ts'
import type { ChangePolls, PollWaiter, Waking } from './change-polls.ts'
import type { Place, RemoteFeed } from './remote-feed.ts'

/** `begin`: waiting for the head of `'now'`; `scan`: giving a snapshot; `log`: reading what is behind the place; `head`: nothing is. */
type Phase = 'begin' | 'scan' | 'log' | 'head' | 'ended'

const done: IteratorResult<FeedItem> = Object.freeze({ done: true, value: undefined })

interface Waiter {
  resolve(result: IteratorResult<FeedItem>): void
  reject(error: unknown): void
}

export interface RemoteWatchHost {
  readonly feed: RemoteFeed
  readonly polls: ChangePolls
  onEnd(watch: RemoteWatch): void
}

export class RemoteWatch implements AsyncIterableIterator<FeedItem> {
  readonly #host: RemoteWatchHost
  readonly #pattern: Pattern
  readonly #signal: AbortSignal | undefined
  readonly #now: Promise<Place> | null
  #phase: Phase
  /** Everything up to here was given or does not matter. */
  #place: Place
  /** Of the snapshot being given: where it stands, and the key that it has reached. */
  #snapshot: Place | null = null
  #scanAfter: string | null = null
  #isScanned = false
  /** Whether `caught-up` is still to be said when the log ends. */
  #isAnnouncing = true
  #polling: PollWaiter | null = null
  readonly #waiters: Waiter[] = []
  #isReading = false

  /** @param now the head as it was when the watch was asked for, with `after: 'now'`. */
  constructor(host: RemoteWatchHost, pattern: Pattern, { after, signal }: WatchOptions, now: Promise<Place> | null) {
    this.#host = host
    this.#pattern = pattern
    this.#signal = signal
    this.#now = now
    // A caller's place is of the first session: of a later one it would have to be told by us.
    this.#place = { revision: typeof after === 'number' ? after : 0, session: 1 }
    this.#phase = after === undefined ? 'scan' : after === 'now' ? 'begin' : 'log'
    if (signal?.aborted) this.#phase = 'ended'
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isEnded(): boolean {
    return this.#phase === 'ended'
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<FeedItem>> {
    if (this.isEnded) return Promise.resolve(done)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      void this.#run()
    })
  }

  return(): Promise<IteratorResult<FeedItem>> {
    this.end()
    return Promise.resolve(done)
  }

  /** Idempotent. Whoever waits is told that it is over; what is just being read is dropped. */
  end(): void {
    if (this.isEnded) return
    this.#phase = 'ended'
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (this.#polling !== null) {
      this.#host.polls.leave(this.#polling)
      this.#polling.wake({ type: 'look' })
    }
    this.#host.onEnd(this)
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(done)
  }

  readonly #onAbort = (): void => this.end()

  async #run(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#waiters.length > 0) {
        const item = await this.#read()
        if (item !== null) this.#waiters.shift()?.resolve({ done: false, value: item })
      }
    } catch (thrown) {
      const waiter = this.#waiters.shift()
      this.end()
      waiter?.reject(MemorySyncError.from(thrown, 'store_unavailable', 'the store could not be read while watching; watch again'))
    } finally {
      this.#isReading = false
    }
  }

  /** The next item; null: look again. */
  async #read(): Promise<FeedItem | null> {
    switch (this.#phase) {
      case 'ended':
        return null
      case 'begin': {
        const place = await (this.#now as Promise<Place>)
        if (this.isEnded) return null
        this.#place = place
        this.#phase = 'log'
        return null
      }
      case 'scan':
        return this.#scan()
      case 'log':
        return this.#readLog()
      case 'head':
        return this.#wait()
    }
  }

  async #scan(): Promise<FeedItem | null> {
    if (this.#isScanned) {
      const { revision } = this.#place
      this.#isScanned = false
      this.#isAnnouncing = false
      this.#phase = 'log'
      return { type: 'caught-up', revision }
    }
    const { entries, next, place } = await this.#host.feed.page(this.#pattern.text, this.#scanAfter)
    if (this.isEnded) return null
    const snapshot = this.#snapshot ?? place
    if (this.#host.feed.isOtherLife(snapshot, place)) return this.#startOver()
    this.#snapshot = snapshot
    this.#scanAfter = next
    if (next === null) {
      this.#place = snapshot
      this.#isScanned = true
    }
    // What is newer than the snapshot comes by the log, in its place.
    const changes = entries.filter(({ revision }) => revision <= snapshot.revision)
    return changes.length === 0 ? null : { type: 'changes', changes }
  }

  async #readLog(): Promise<FeedItem | null> {
    const page = await this.#host.feed.changes(this.#pattern.text, this.#place, 0)
    if (this.isEnded) return null
    if (page === 'reset') return this.#startOver()
    this.#place = page.place
    if (page.changes.length > 0) return { type: 'changes', changes: page.changes }
    this.#phase = 'head'
    if (!this.#isAnnouncing) return null
    this.#isAnnouncing = false
    return { type: 'caught-up', revision: page.place.revision }
  }

  async #wait(): Promise<FeedItem | null> {
    const waking = await new Promise<Waking>((resolve, reject) => {
      this.#polling = { pattern: this.#pattern, place: this.#place, wake: resolve, fail: reject }
      this.#host.polls.join(this.#polling)
    }).finally(() => {
      if (this.#polling !== null) this.#place = this.#polling.place
      this.#polling = null
    })
    if (this.isEnded) return null
    if (waking.type === 'changes') return waking
    this.#phase = 'log'
    return null
  }

  #startOver(): FeedItem {
    this.#snapshot = null
    this.#scanAfter = null
    this.#isScanned = false
    this.#phase = 'scan'
    return { type: 'reset' }
  }
}
