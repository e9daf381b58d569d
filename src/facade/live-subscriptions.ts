/**
 * The manager's subscriptions: ids, callbacks, the snapshot that a subscription may begin with. Values are private copies.
 *
 * - S1 each change that is committed after the call is given once, per key in revision order
 * - S2 with `initial` the snapshot comes first; a change that overtakes it is given once, by whichever comes
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import { type Json, mutableCopy } from '../domain/json.ts'
import type { Memory, MemoryChange } from '../runtime/memory.ts'

export interface SubscriptionCallbacks {
  // biome-ignore lint/suspicious/noExplicitAny: what lies at a key is the caller's knowledge
  onChange?(key: string, value: any): unknown
  /** The value was deleted or has expired. */
  onInvalidate?(key: string): unknown
  /** First what is stored now, then what changes. Default false. */
  readonly initial?: boolean
}

interface Live {
  readonly callbacks: SubscriptionCallbacks
  end(): void
  isOver: boolean
}

export interface LiveSubscriptionsHands {
  readonly memory: Pick<Memory, 'subscribe' | 'list'>
  changed(subscriptionId: string, key: string, value: Json): void
  report(error: MemorySyncError): void
}

export class LiveSubscriptions {
  readonly #hands: LiveSubscriptionsHands
  readonly #live = new Map<string, Live>()
  #lastId = 0

  constructor(hands: LiveSubscriptionsHands) {
    this.#hands = hands
  }

  get size(): number {
    return this.#live.size
  }

  /** @throws `invalid_key` for a malformed pattern. */
  add(pattern: string, callbacks: SubscriptionCallbacks): string {
    const id = `subscription-${++this.#lastId}`
    /** Changes that wait for the snapshot to end. */
    let waiting: MemoryChange[] | null = callbacks.initial === true ? [] : null
    const live: Live = { callbacks, isOver: false, end: () => {} }
    const end = this.#hands.memory.subscribe(pattern, (change) => {
      if (waiting === null) this.#give(id, live, change)
      else waiting.push(change)
    })
    live.end = end
    this.#live.set(id, live)
    if (waiting !== null) {
      void this.#snapshot(id, live, pattern).then((revisionByKey) => {
        const missed = waiting ?? []
        waiting = null
        for (const change of missed) {
          if (change.revision > (revisionByKey.get(change.key) ?? 0)) this.#give(id, live, change)
        }
      })
    }
    return id
  }

  /** @returns whether there was one. */
  remove(id: string): boolean {
    const live = this.#live.get(id)
    if (live === undefined) return false
    this.#live.delete(id)
    live.isOver = true
    live.end()
    return true
  }

  clear(): void {
    for (const id of [...this.#live.keys()]) this.remove(id)
  }

  async #snapshot(id: string, live: Live, pattern: string): Promise<ReadonlyMap<string, number>> {
    const revisionByKey = new Map<string, number>()
    try {
      for await (const item of this.#hands.memory.list(pattern)) {
        if (live.isOver) break
        revisionByKey.set(item.key, item.revision)
        this.#give(id, live, { type: 'set', ...item })
      }
    } catch (thrown) {
      const message = `the snapshot of subscription ${id} could not be read: ${messageOf(thrown)}`
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable', message))
    }
    return revisionByKey
  }

  #give(id: string, live: Live, change: MemoryChange): void {
    if (live.isOver) return
    const { key } = change
    const { onChange, onInvalidate } = live.callbacks
    if (change.type === 'delete') {
      this.#call(key, () => onInvalidate?.call(live.callbacks, key))
      return
    }
    this.#call(key, () => onChange?.call(live.callbacks, key, mutableCopy(change.value)))
    this.#hands.changed(id, key, change.value)
  }

  #call(key: string, callback: () => unknown): void {
    const failed = (thrown: unknown): void =>
      this.#hands.report(
        new MemorySyncError('aborted', `a subscriber of ${key} threw: ${messageOf(thrown)}`, { key, cause: thrown }),
      )
    try {
      const returned = callback()
      if (returned instanceof Promise) returned.catch(failed)
    } catch (thrown) {
      failed(thrown)
    }
  }
}
