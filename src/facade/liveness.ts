/**
 * The manager's heartbeat, and who else has one. A worker is alive when its heartbeat is there and has changed within six
 * intervals of the observer's own clock: timestamps of two machines are never compared.
 */
import type { RememberOptions, WriteOutcome } from '../actors/outcome.ts'
import { MemorySyncError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { Keys } from '../domain/key.ts'
import { always, type Intent } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Memory, MemoryItem } from '../runtime/memory.ts'

/** Unchanged for so many intervals: not alive. */
const silentIntervals = 6
const ttlMinSeconds = 30
/** Workers whose heartbeats are followed. */
const sightsMax = 10_000

export interface LivenessHands {
  readonly memory: Pick<Memory, 'list'>
  readonly keys: Keys
  readonly clock: Clock
  readonly workerId: string
  readonly incarnation: string
  readonly intervalMs: number
  readonly keepAlive: boolean
  nowMs(): number
  remember(intents: readonly Intent[], options?: RememberOptions): Promise<WriteOutcome>
  /** With each heartbeat: what else is to be renewed. */
  beaten(): void
  report(error: MemorySyncError): void
}

interface Sight {
  readonly beat: string
  readonly sinceMs: number
}

export class Liveness {
  readonly #hands: LivenessHands
  readonly #sightByWorker = new Map<string, Sight>()
  #sequence = 0
  #timer: Timer | null = null
  #isStopped = false

  constructor(hands: LivenessHands) {
    this.#hands = hands
  }

  /** Beats now and then at the interval. */
  start(): void {
    if (this.#isStopped) return
    void this.beat().catch((thrown: unknown) => this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable')))
    this.#hands.beaten()
    this.#timer = this.#hands.clock.setTimer(this.#hands.intervalMs, () => this.start(), { keepAlive: this.#hands.keepAlive })
  }

  /** Settles when the heartbeat is committed. */
  async beat(): Promise<void> {
    const { workerId, incarnation, intervalMs } = this.#hands
    const value = { sequence: ++this.#sequence, incarnation, timestamp: this.#hands.nowMs() }
    await this.#write({ value, ttlSeconds: Math.max(ttlMinSeconds, (silentIntervals * intervalMs) / 1000), workerId })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** At the end: nobody need wait for the silence. */
  async remove(): Promise<void> {
    await this.#write({ value: undefined, workerId: this.#hands.workerId })
  }

  async active(): Promise<string[]> {
    const { memory, keys, clock, intervalMs } = this.#hands
    const nowMs = clock.monotonicMs()
    const active: string[] = []
    const seen = new Set<string>()
    for await (const item of memory.list(keys.worker('*', 'heartbeat'))) {
      const worker = item.key.split('/').at(-2) ?? ''
      seen.add(worker)
      if (nowMs - this.#seenSince(worker, item, nowMs) < silentIntervals * intervalMs) active.push(worker)
    }
    for (const worker of this.#sightByWorker.keys()) if (!seen.has(worker)) this.#sightByWorker.delete(worker)
    return active
  }

  /** Since when this very heartbeat is known; each look at the workers counts. */
  #seenSince(worker: string, { revision }: MemoryItem, nowMs: number): number {
    const known = this.#sightByWorker.get(worker)
    const beat = String(revision)
    if (known?.beat === beat) return known.sinceMs
    if (known !== undefined || this.#sightByWorker.size < sightsMax) this.#sightByWorker.set(worker, { beat, sinceMs: nowMs })
    return nowMs
  }

  async #write(what: { value: Json | undefined; ttlSeconds?: number; workerId: string }): Promise<void> {
    const key = this.#hands.keys.worker(what.workerId, 'heartbeat')
    const intent: Intent = { key, value: what.value, condition: always }
    const { ttlSeconds } = what
    const outcome = await this.#hands.remember([ttlSeconds === undefined ? intent : { ...intent, ttlSeconds }], { urgent: true })
    if (outcome.type === 'failed') throw outcome.error
  }
}
