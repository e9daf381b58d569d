/**
 * Callbacks by pattern: each change goes to whoever asked for its key, in revision order per key, once. A callback that
 * throws is reported and hurts no other. Knows no store and no actor.
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import { PatternTrie } from '../domain/pattern-trie.ts'
import type { Stored } from '../ports/store.ts'

export type Listener = (change: Stored) => void

export class Subscriptions {
  readonly #trie = new PatternTrie<Listener>()
  readonly #report: (error: MemorySyncError) => void
  #count = 0

  constructor(report: (error: MemorySyncError) => void) {
    this.#report = report
  }

  get count(): number {
    return this.#count
  }

  /** @returns the end of the subscription, idempotent. */
  add(pattern: string, listener: Listener): () => void {
    let isOver = false
    // A wrapper of its own: one function may be subscribed twice, and ended by another that is called before it.
    const own: Listener = (change) => (isOver ? undefined : listener(change))
    const remove = this.#trie.add(pattern, own)
    this.#count++
    return () => {
      if (isOver) return
      isOver = true
      this.#count--
      remove()
    }
  }

  dispatch(change: Stored): void {
    if (this.#count === 0) return
    // A copy: a callback may subscribe and unsubscribe while others are being called.
    for (const listener of this.#trie.match(change.key)) {
      try {
        const returned: unknown = listener(change)
        if (returned instanceof Promise) returned.catch((thrown) => this.#failed(change.key, thrown))
      } catch (thrown) {
        this.#failed(change.key, thrown)
      }
    }
  }

  #failed(key: string, thrown: unknown): void {
    this.#report(new MemorySyncError('aborted', `a subscriber of ${key} threw: ${messageOf(thrown)}`, { key, cause: thrown }))
  }
}
