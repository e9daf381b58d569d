/**
 * The watches that somebody follows through this runtime: each ends with its caller's signal, all of them with the runtime,
 * also where the store outlives it. Knows nothing of what is watched.
 */
import type { FeedItem, Store, WatchOptions } from '../ports/store.ts'

export class Watches {
  readonly #store: Pick<Store, 'watch'>
  readonly #live = new Set<AbortController>()
  #isEnded = false

  constructor(store: Pick<Store, 'watch'>) {
    this.#store = store
  }

  async *follow(pattern: string, options: WatchOptions = {}): AsyncGenerator<FeedItem> {
    if (this.#isEnded) return
    const own = new AbortController()
    const { signal } = options
    const stop = (): void => own.abort()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted === true) stop()
    this.#live.add(own)
    try {
      yield* this.#store.watch(pattern, { ...options, signal: own.signal })
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#live.delete(own)
      own.abort()
    }
  }

  /** At shutdown. */
  end(): void {
    this.#isEnded = true
    for (const own of this.#live) own.abort()
  }
}
