/**
 * The request that makes every runtime on this memory serve its transitions: written and renewed while somebody watches here, taken back
 * at the end. Knows neither records nor pages.
 *
 * - W1 two inspectors on one memory do not harm each other: a request that lives and allows more is left alone, and the end of one
 *   takes back only its own. Both renew otherwise: a runtime does not serve what it has asked for itself
 * - W2 a process that begins to write is asked at once, not at the next renewal
 */
import { messageOf } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Memory, MemoryChange, MemoryItem } from '../runtime/memory.ts'
import { inspectKey, inspectRenewMs, inspectRequestOf, inspectTtlSeconds } from '../trace/beacon-keys.ts'
import type { InspectRequest } from '../wire/inspector-api.ts'

/** After a process was seen for the first time, so that those who come together are asked together. */
export const askAgainMs = 50
const writersMax = 10_000

export interface WatchRequestParts {
  readonly clock: Clock
  readonly memory: Pick<Memory, 'entry' | 'set' | 'delete'>
  readonly namespace: string
  readonly request: InspectRequest
  /** Hybrid milliseconds, as entries have them. */
  nowMs(): number
  report(message: string): void
}

export class WatchRequest {
  readonly #parts: WatchRequestParts
  readonly #key: string
  /** Lives of processes that have written here. */
  readonly #writers = new Set<string>()
  #timer: Timer | null = null
  #soon: Timer | null = null
  /** One write after the other: the last call decides what is stored. */
  #work: Promise<void> = Promise.resolve()
  #isAskWaiting = false
  #isStopped = false

  constructor(parts: WatchRequestParts) {
    this.#parts = parts
    this.#key = inspectKey(parts.namespace)
  }

  /** Settles when it is written, or cannot be for now. */
  start(): Promise<void> {
    this.#renewLater()
    return this.#ask()
  }

  /** Settles when it is taken back, or cannot be: then it expires. Idempotent. */
  stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true
      this.#timer?.cancel()
      this.#soon?.cancel()
      this.#then(() => this.#takeBack())
    }
    return this.#work
  }

  /** Any change of the memory. */
  changed({ type, key, entry }: MemoryChange): void {
    if (this.#isStopped) return
    if (key === this.#key && type === 'delete') void this.#ask()
    const writer = entry.x?.d[2]
    if (writer === undefined || this.#writers.has(writer)) return
    if (this.#writers.size >= writersMax) this.#writers.clear()
    this.#writers.add(writer)
    this.#soon ??= this.#parts.clock.setTimer(askAgainMs, () => void this.#askAgain(), { keepAlive: false })
  }

  /** A process that has just begun has not heard of what was asked before. */
  #askAgain(): void {
    this.#soon = null
    void this.#ask()
  }

  #renewLater(): void {
    const renew = (): void => {
      void this.#ask()
      this.#renewLater()
    }
    this.#timer = this.#parts.clock.setTimer(inspectRenewMs, renew, { keepAlive: false })
  }

  #ask(): Promise<void> {
    // One that waits for its turn reads what is there then.
    if (this.#isAskWaiting) return this.#work
    this.#isAskWaiting = true
    return this.#then(async () => {
      this.#isAskWaiting = false
      if (this.#isStopped || this.#allowsMore(await this.#parts.memory.entry(this.#key))) return
      await this.#parts.memory.set(this.#key, { ...this.#parts.request }, { ttlSeconds: inspectTtlSeconds })
    })
  }

  async #takeBack(): Promise<void> {
    const { memory, request } = this.#parts
    const item = await memory.entry(this.#key)
    if (inspectRequestOf(item?.value)?.watcher === request.watcher) await memory.delete(this.#key)
  }

  /** What another has asked, if it lives until we look again. */
  #allowsMore(item: MemoryItem | null): boolean {
    const { request, nowMs } = this.#parts
    const asked = inspectRequestOf(item?.value)
    if (item === null || asked === null || asked.watcher === request.watcher) return false
    const leftMs = item.entry.timestamp + (item.entry.ttl ?? 0) * 1000 - nowMs()
    return leftMs > inspectRenewMs && asked.allowsActions && !request.allowsActions
  }

  #then(step: () => Promise<void>): Promise<void> {
    const failed = (thrown: unknown): void => this.#parts.report(`the request to inspect was not renewed: ${messageOf(thrown)}`)
    this.#work = this.#work.then(step).catch(failed)
    return this.#work
  }
}
