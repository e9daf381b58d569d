/**
 * A store that is made at its first use, by code that has to be loaded or a server that has to be connected first. Owns the order
 * of calls that come before it is there, and closing in between; all else is the made store's. Knows no kind of store.
 *
 * - Z1 calls reach the made store in the order in which they were made
 * - Z2 a store that could not be made is made anew by the next call
 */
import { MemorySyncError } from '../domain/errors.ts'
import { parsePattern } from '../domain/pattern.ts'
import type {
  FeedItem,
  ListOptions,
  ReadOptions,
  Receipt,
  Store,
  Stored,
  StoreFeatures,
  Unit,
  WatchOptions,
} from '../ports/store.ts'
import { assertListOptions, assertWatchOptions, closedError, refuseAborted } from './refusals.ts'

export interface LazyStoreOptions {
  readonly url: string
  /** What is said until the store is there. */
  readonly features: StoreFeatures
  /** An open store. `signal` aborts when it is not wanted any more. */
  make(signal: AbortSignal): Promise<Store>
}

export function lazyStore(options: LazyStoreOptions): Store {
  return new LazyStore(options)
}

class LazyStore implements Store {
  readonly url: string
  readonly #options: LazyStoreOptions
  readonly #unwanted = new AbortController()
  readonly #lateWatches = new Set<() => void>()
  #making: Promise<Store> | null = null
  #store: Store | null = null
  #closing: Promise<void> | null = null
  #pendingCommits = 0
  #onSettled: (() => void) | null = null

  constructor(options: LazyStoreOptions) {
    this.#options = options
    this.url = options.url
  }

  get features(): StoreFeatures {
    return (this.#store ?? this.#options).features
  }

  async open(): Promise<void> {
    await this.#use()
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    return (await this.#use()).get(key, options)
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    assertListOptions(options)
    parsePattern(pattern)
    refuseAborted(options?.signal)
    yield* (await this.#use()).list(pattern, options)
  }

  async commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    refuseAborted(options?.signal)
    const using = this.#use()
    this.#pendingCommits++
    try {
      return await (await using).commit(units, options)
    } finally {
      if (--this.#pendingCommits === 0) this.#onSettled?.()
    }
  }

  watch(pattern: string, options?: WatchOptions): AsyncIterable<FeedItem> {
    if (this.#closing !== null) throw closedError(this.url)
    if (this.#store !== null) return this.#store.watch(pattern, options)
    parsePattern(pattern)
    assertWatchOptions(options)
    const watch = this.#use().then((store) => store.watch(pattern, options))
    // Told to whoever reads the watch.
    watch.catch(() => {})
    return this.#lateWatch(watch, options?.signal)
  }

  async head(options?: ReadOptions): Promise<number> {
    refuseAborted(options?.signal)
    return (await this.#use()).head(options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #use(): Promise<Store> {
    if (this.#closing !== null) return Promise.reject(closedError(this.url))
    if (this.#making === null) {
      this.#making = this.#options.make(this.#unwanted.signal)
      this.#making.then(
        (store) => {
          this.#store = store
        },
        () => {
          this.#making = null
        },
      )
    }
    return this.#making
  }

  async #close(): Promise<void> {
    for (const end of [...this.#lateWatches]) end()
    // Commits that wait for the store to be made are settled by its being made, or not.
    if (this.#store === null && this.#pendingCommits > 0) {
      await new Promise<void>((settled) => {
        this.#onSettled = settled
      })
    }
    this.#unwanted.abort(closedError(this.url))
    const store = await this.#making?.catch(() => null)
    await store?.close()
  }

  async *#lateWatch(watch: Promise<AsyncIterable<FeedItem>>, signal: AbortSignal | undefined): AsyncGenerator<FeedItem> {
    if (signal?.aborted) return
    let end = (): void => {}
    const ended = new Promise<null>((resolve) => {
      end = () => resolve(null)
    })
    this.#lateWatches.add(end)
    signal?.addEventListener('abort', end, { once: true })
    let items: AsyncIterable<FeedItem> | null
    try {
      items = await Promise.race([watch, ended])
    } catch (thrown) {
      throw MemorySyncError.from(thrown, 'store_unavailable')
    } finally {
      this.#lateWatches.delete(end)
      signal?.removeEventListener('abort', end)
    }
    if (items !== null) yield* items
  }
}
