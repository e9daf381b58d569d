/**
 * Whether this process is to be inspected by others: while the request lies in memory it serves its records and says where.
 * Learns of the request from the runtime's own feed, so that it costs nothing while there is none. Knows HTTP and records only
 * as what it switches on and off.
 *
 * - B1 what is served has been announced, with a token that is nowhere else, and what is announced expires with its process
 * - B2 whatever fails here is reported, and harms nobody
 */

import { isLive } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import type { Intent } from '../domain/write.ts'
import { always } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Stored } from '../ports/store.ts'
import type { InspectRequest, TraceAnnouncement } from '../wire/inspector-api.ts'
import {
  announcementKey,
  announcementRenewMs,
  announcementTtlSeconds,
  inspectKey,
  inspectRequestOf,
  inspectTtlSeconds,
} from './beacon-keys.ts'
import { thisProcess } from './this-process.ts'
import type { TraceServer } from './trace-server.ts'
import type { TraceSource } from './trace-source.ts'

/** A request that was meant to last longer, or for ever, is taken for gone after so long without another. */
const requestSecondsMax = 60
const tokenCharacters = 32

export interface BeaconHands {
  readonly namespace: string
  readonly workerId: string
  readonly incarnation: string
  readonly clock: Clock
  readonly random: Random
  readonly trace: TraceSource
  remember(intents: readonly Intent[], answer: () => void, options: { readonly urgent: true }): void
  report(error: MemorySyncError): void
}

export class Beacon {
  /** Changes of this key are to be told to {@link changed}. */
  readonly key: string
  readonly #hands: BeaconHands
  readonly #announcementKey: string
  #request: InspectRequest | null = null
  /** When the request is over, monotonic. */
  #untilMs = 0
  #server: TraceServer | null = null
  /** The server is being started or ended: one thing after the other. */
  #work: Promise<void> = Promise.resolve()
  #isWorking = false
  #hasFailed = false
  #isOut = false
  #token = ''
  #announcedMs: number | null = null
  #timer: Timer | null = null

  constructor(hands: BeaconHands) {
    this.#hands = hands
    this.key = inspectKey(hands.namespace)
    this.#announcementKey = announcementKey(hands.namespace, hands.workerId)
  }

  changed({ entry }: Stored): void {
    const { clock, incarnation } = this.#hands
    // Who watches from here needs no server to do it.
    if (this.#isOut || entry.x?.d[2] === incarnation) return
    const nowMs = clock.monotonicMs()
    const request = isLive(entry, clock.wallMs()) ? inspectRequestOf(entry.value) : null
    if (request !== null) {
      const seconds = Math.min(entry.ttl || requestSecondsMax, requestSecondsMax)
      this.#request = request
      this.#untilMs = nowMs + seconds * 1000
    } else {
      // One of several that watch has left: the others ask again before this is over.
      const graceMs = (this.#server?.clients ?? 0) > 0 ? inspectTtlSeconds * 1000 : 0
      this.#untilMs = Math.min(this.#untilMs, nowMs + graceMs)
      this.#hasFailed = false
    }
    this.#look()
  }

  /** Nobody new is told of this process. Those that read go on. */
  goOut(): void {
    this.#isOut = true
    this.#timer?.cancel()
    this.#withdraw()
  }

  /** Settles when nothing of it is left. */
  async close(): Promise<void> {
    this.goOut()
    await this.#work
    await this.#server?.close()
    this.#server = null
  }

  #look(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isOut || this.#isWorking) return
    const { clock } = this.#hands
    const leftMs = this.#untilMs - clock.monotonicMs()
    if (leftMs <= 0) {
      this.#request = null
      if (this.#server !== null) this.#do(() => this.#darken())
      return
    }
    if (this.#server !== null) this.#announce(this.#server)
    else if (!this.#hasFailed) this.#do(() => this.#light())
    this.#timer = clock.setTimer(Math.min(leftMs, announcementRenewMs), () => this.#look(), { keepAlive: false })
  }

  #do(work: () => Promise<void>): void {
    this.#isWorking = true
    this.#work = work()
      .catch((thrown) => {
        this.#hasFailed = true
        this.#hands.report(MemorySyncError.from(thrown, 'aborted'))
      })
      .then(() => {
        this.#isWorking = false
        this.#look()
      })
  }

  async #light(): Promise<void> {
    const { trace, clock, random, report } = this.#hands
    const { startTraceServer } = await import('./trace-server.ts')
    this.#token = random.token(tokenCharacters)
    const allowsActions = (): boolean => this.#request?.allowsActions === true && !this.#isOut
    this.#server = await startTraceServer({ trace, clock, token: this.#token, allowsActions, report })
  }

  async #darken(): Promise<void> {
    const server = this.#server
    this.#server = null
    this.#withdraw()
    await server?.close()
  }

  #announce({ url }: TraceServer): void {
    const { clock, incarnation } = this.#hands
    const nowMs = clock.monotonicMs()
    if (this.#announcedMs !== null && nowMs - this.#announcedMs < announcementRenewMs) return
    this.#announcedMs = nowMs
    const value = { url, token: this.#token, incarnation, ...thisProcess } satisfies TraceAnnouncement
    this.#write({ key: this.#announcementKey, value, condition: always, ttlSeconds: announcementTtlSeconds })
  }

  #withdraw(): void {
    if (this.#announcedMs === null) return
    this.#announcedMs = null
    this.#write({ key: this.#announcementKey, value: undefined, condition: always })
  }

  /** As heartbeats are: what cannot be written now is written with the next renewal, or expires. */
  #write(intent: Intent): void {
    this.#hands.remember([intent], () => {}, { urgent: true })
  }
}
