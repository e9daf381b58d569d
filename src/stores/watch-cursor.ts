/**
 * One watch: a cursor over a store's change log, and the async iterator of its consumer. While its place is right behind
 * the newest commit it is *live* and commits are pushed to it (`offer`); when its consumer is slower than that, what was pushed is
 * dropped and it reads the log from its own place. Knows no store: it reads through a `FeedSource`.
 *
 * - W1 it yields the changes of a key in revision order, and after the last one it has seen the stored entry
 * - W2 what it cannot read any more is told by `reset`, followed by a snapshot: never a silent gap
 * - W3 it holds at most `pendingChangesMax` changes, or one commit if that alone has more
 */
import { MemorySyncError } from '../domain/errors.ts'
import type { Pattern } from '../domain/pattern.ts'
import type { FeedItem, Stored, WatchOptions } from '../ports/store.ts'

export interface Page {
  readonly stored: readonly Stored[]
  /** Where the next page starts; null after the last one. */
  readonly after: string | null
}

export interface LogPage {
  /** Entries as they are now, only those that the log's own record is about: a later record covers the others. */
  readonly changes: readonly Stored[]
  /** The revision up to which the log was read; the given one when nothing follows. */
  readonly through: number
  /** Nothing follows. */
  readonly isEnd: boolean
}

/** What a feed reads. All of it is synchronous: between reading the end of the log and going live nothing can be missed. */
export interface FeedSource {
  head(): number
  /** Matching entries in key order after `after`, a bounded number of them and of keys looked at. */
  page(pattern: Pattern, after: string | null): Page
  /**
   * Changes after a revision, a bounded number of them. null when they cannot be told any more: the log does not reach back
   * that far, or a wanted key was purged since.
   */
  log(after: number, isWanted: (key: string) => boolean): LogPage | null
  /** Runs later, so that a long scan leaves room for others. */
  defer(run: () => void): void
}

/** What a cursor needs of the feed that it belongs to. */
export interface WatchHost {
  readonly source: FeedSource
  /** What was published up to here reached every live watch. */
  readonly head: number
  readonly pendingChangesMax: number
  goLive(watch: WatchCursor): void
  leaveLive(watch: WatchCursor): void
}

/** `scan`: giving a snapshot; `log`: reading the change log; `live`: commits are pushed. */
type Phase = 'start' | 'reset' | 'scan' | 'log' | 'live' | 'ended'

const again = Symbol('again')
const done: IteratorResult<FeedItem> = Object.freeze({ done: true, value: undefined })

interface Waiter {
  resolve(result: IteratorResult<FeedItem>): void
  reject(error: unknown): void
}

/** One consumer's cursor, and its async iterator. */
export class WatchCursor implements AsyncIterableIterator<FeedItem> {
  readonly pattern: Pattern
  readonly #feed: WatchHost
  readonly #onEnd: () => void
  readonly #signal: AbortSignal | undefined
  #phase: Phase = 'start'
  /** Everything up to this revision was given or does not matter. While live: only a lower bound, see `offer`. */
  #place = 0
  /** Where the snapshot being given stands, and the key that it has reached. */
  #snapshotRevision = 0
  #scanAfter: string | null = null
  /** Whether `caught-up` is still to be said when the log ends. */
  #isAnnouncing = false
  #pending: Stored[] | null = null
  /** A pushed array is shared with other watches until this one has to add to it. */
  #isPendingOwned = false
  #waiters: Waiter[] = []
  #isDeferred = false

  constructor(feed: WatchHost, pattern: Pattern, options: WatchOptions, onEnd: () => void) {
    this.#feed = feed
    this.pattern = pattern
    this.#onEnd = onEnd
    this.#signal = options.signal
    if (options.signal?.aborted) {
      this.#phase = 'ended'
      return
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (options.after !== undefined) {
      const head = feed.source.head()
      this.#isAnnouncing = true
      this.#place = options.after === 'now' ? head : options.after
      this.#phase = this.#place > head ? 'reset' : 'log'
    }
  }

  get isEnded(): boolean {
    return this.#phase === 'ended'
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<FeedItem>> {
    if (this.#waiters.length === 0) {
      try {
        const item = this.#pull()
        if (item === 'ended') return Promise.resolve(done)
        if (item !== null) return Promise.resolve({ done: false, value: item })
      } catch (cause) {
        this.end()
        return Promise.reject(unreadable(cause))
      }
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<FeedItem>> {
    this.end()
    return Promise.resolve(done)
  }

  /** Idempotent. Drops what is pending; whoever waits is told that it is over. */
  end(): void {
    if (this.#phase === 'ended') return
    if (this.#phase === 'live') this.#feed.leaveLive(this)
    this.#phase = 'ended'
    this.#pending = null
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnd()
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.resolve(done)
  }

  /** Takes changes of a commit that follows `before`, the feed's head until now. */
  offer(changes: readonly Stored[], before: number): void {
    if (this.#phase !== 'live') return
    let fresh = changes
    // The log may have been read beyond what was published.
    if (this.#place > before) {
      fresh = changes.filter((change) => change.revision > this.#place)
      if (fresh.length === 0) return
    }
    if (this.#pending === null) {
      this.#place = Math.max(this.#place, before)
      this.#pending = fresh as Stored[]
      this.#isPendingOwned = false
    } else if (this.#pending.length + fresh.length > this.#feed.pendingChangesMax) {
      this.lag(before)
      return
    } else {
      if (!this.#isPendingOwned) this.#pending = this.#pending.slice()
      this.#isPendingOwned = true
      for (const change of fresh) this.#pending.push(change)
    }
    this.#wake()
  }

  /** Goes back to reading the log, from what was given last. */
  lag(before: number): void {
    if (this.#phase !== 'live') return
    this.#feed.leaveLive(this)
    // Nothing pending: all up to `before` was given or did not match.
    if (this.#pending === null) this.#place = Math.max(this.#place, before)
    this.#pending = null
    this.#phase = 'log'
    this.#wake()
  }

  readonly #onAbort = (): void => this.end()

  #wake(): void {
    while (this.#waiters.length > 0) {
      let item: FeedItem | 'ended' | null
      try {
        item = this.#pull()
      } catch (cause) {
        const waiter = this.#waiters.shift()
        this.end()
        waiter?.reject(unreadable(cause))
        return
      }
      if (item === null || item === 'ended') return
      this.#waiters.shift()?.resolve({ done: false, value: item })
    }
  }

  /** The next item; null: wait, `#wake` will be called. */
  #pull(): FeedItem | 'ended' | null {
    if (this.#isDeferred) return null
    const item = this.#advance()
    if (item !== again) return item
    this.#isDeferred = true
    this.#feed.source.defer(() => {
      this.#isDeferred = false
      this.#wake()
    })
    return null
  }

  #advance(): FeedItem | 'ended' | typeof again | null {
    switch (this.#phase) {
      case 'ended':
        return 'ended'
      case 'live':
        return this.#takePending()
      case 'reset':
        this.#phase = 'start'
        return { type: 'reset' }
      case 'start':
        this.#snapshotRevision = this.#feed.source.head()
        this.#scanAfter = null
        this.#phase = 'scan'
        return this.#scan()
      case 'scan':
        return this.#scan()
      case 'log':
        return this.#readLog()
    }
  }

  #takePending(): FeedItem | null {
    const changes = this.#pending
    if (changes === null) return null
    this.#pending = null
    return { type: 'changes', changes }
  }

  #scan(): FeedItem | typeof again {
    const revision = this.#snapshotRevision
    if (this.#scanAfter === '') {
      this.#place = revision
      this.#isAnnouncing = false
      this.#phase = 'log'
      return { type: 'caught-up', revision }
    }
    const page = this.#feed.source.page(this.pattern, this.#scanAfter)
    // No key is empty: '' marks that the scan is over.
    this.#scanAfter = page.after ?? ''
    // What is newer than the snapshot comes through the log, in its place.
    const changes = page.stored.every((stored) => stored.revision <= revision)
      ? page.stored
      : page.stored.filter((stored) => stored.revision <= revision)
    if (changes.length > 0) return { type: 'changes', changes }
    return page.after === null ? this.#scan() : again
  }

  #readLog(): FeedItem | typeof again | null {
    const page = this.#feed.source.log(this.#place, this.pattern.matches)
    if (page === null) {
      this.#phase = 'start'
      return { type: 'reset' }
    }
    this.#place = page.through
    const isAtHead = page.isEnd && page.through >= this.#feed.head
    if (isAtHead && !this.#isAnnouncing) {
      this.#phase = 'live'
      this.#feed.goLive(this)
    }
    if (page.changes.length > 0) return { type: 'changes', changes: page.changes }
    if (this.#phase === 'live') return null
    if (!isAtHead) return again
    this.#isAnnouncing = false
    return { type: 'caught-up', revision: this.#place }
  }
}

function unreadable(cause: unknown): MemorySyncError {
  return MemorySyncError.from(cause, 'store_unavailable', 'the store could not be read while watching; watch again')
}
