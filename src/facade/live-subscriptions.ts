/**
 * The manager's subscriptions: ids, callbacks, the snapshot that a subscription may begin with. Values are private copies.
 *
 * - S1 each change that is committed after the call is given once, per key in revision order
 * - S2 with `initial` the snapshot comes first; a change that overtakes it is given once, by whichever comes
 * - S3 at most {@link waitingChangesMax} changes wait for a snapshot to end; after more than that it is read again, and only
 *   what is different by then is given
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

export const waitingChangesMax = 10_000

interface Live {
  readonly callbacks: SubscriptionCallbacks
  end(): void
  isOver: boolean
}

/** A subscription whose snapshot is being read. */
interface Opening {
  /** What changed meanwhile. */
  changes: MemoryChange[]
  /** More than may wait: some were dropped. */
  isOverrun: boolean
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
    const live: Live = { callbacks, isOver: false, end: () => {} }
    const opening: Opening | null = callbacks.initial === true ? { changes: [], isOverrun: false, isOver: false } : null
    live.end = this.#hands.memory.subscribe(pattern, (change) => {
      if (opening === null || opening.isOver) this.#give(id, live, change)
      else if (opening.changes.length < waitingChangesMax) opening.changes.push(change)
      else opening.isOverrun = true
    })
    this.#live.set(id, live)
    if (opening !== null) void this.#open(id, live, pattern, opening)
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

  async #open(id: string, live: Live, pattern: string, opening: Opening): Promise<void> {
    const givenByKey = new Map<string, number>()
    do {
      opening.changes = []
      opening.isOverrun = false
      await this.#snapshot(id, live, pattern, givenByKey)
    } while (opening.isOverrun && !live.isOver)
    opening.isOver = true
    for (const change of opening.changes) {
      if (change.revision > (givenByKey.get(change.key) ?? 0)) this.#give(id, live, change)
    }
  }

  /** Gives what is stored, unless it was given before, and tells of what was given before and is gone. */
  async #snapshot(id: string, live: Live, pattern: string, givenByKey: Map<string, number>): Promise<void> {
    const gone = new Set(givenByKey.keys())
    try {
      for await (const item of this.#hands.memory.list(pattern)) {
        if (live.isOver) return
        gone.delete(item.key)
        if (item.revision === givenByKey.get(item.key)) continue
        givenByKey.set(item.key, item.revision)
        this.#give(id, live, { type: 'set', ...item })
      }
    } catch (thrown) {
      const message = `the snapshot of subscription ${id} could not be read: ${messageOf(thrown)}`
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable', message))
      return
    }
    for (const key of gone) {
      givenByKey.delete(key)
      this.#invalidate(key, live)
    }
  }

  #give(id: string, live: Live, change: MemoryChange): void {
    if (live.isOver) return
    const { key } = change
    if (change.type === 'delete') {
      this.#invalidate(key, live)
      return
    }
    this.#call(key, () => live.callbacks.onChange?.(key, mutableCopy(change.value)))
    this.#hands.changed(id, key, change.value)
  }

  #invalidate(key: string, live: Live): void {
    this.#call(key, () => live.callbacks.onInvalidate?.(key))
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
