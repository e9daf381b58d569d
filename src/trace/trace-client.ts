/**
 * Reads what happens in another process of this machine: connects to where it says it serves, goes on from where it was when
 * the connection breaks, and says when the process is gone. What comes is not trusted further than its shape. Knows no store:
 * announcements are told.
 *
 * - O1 records come in the source's order; none is given twice, and what was missed is said
 * - O2 tries are bounded: a source that cannot be heard is lost until it is announced again
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Random } from '../ports/random.ts'
import type { TraceAnnouncement } from '../wire/inspector-api.ts'
import type { GapRecord, SourceLostRecord, TraceRecord } from '../wire/trace-record.ts'
import { thisProcess } from './this-process.ts'
import { sendEvent, TraceConnection } from './trace-connection.ts'
import type { TraceClient } from './trace-source.ts'

/** Connections in a row that gave nothing. */
export const triesMax = 6
/** Of them refused ones: nobody listens there. */
export const refusedMax = 3
export const retryBackoff: Backoff = { baseMs: 100, factor: 2, maxMs: 2000, jitter: 0.5 }

export interface TraceClientHands {
  readonly clock: Clock
  readonly random: Random
  /** What was told, in order. */
  records(records: readonly TraceRecord[]): void
  /** Name of this machine; others cannot be reached. Default: as the system says. */
  readonly host?: string
}

export function traceClient(hands: TraceClientHands): TraceClient {
  return new HttpTraceClient(hands)
}

class HttpTraceClient implements TraceClient {
  readonly #hands: TraceClientHands
  readonly #host: string
  #announcement: TraceAnnouncement | null = null
  /** It lies there now. */
  #isAnnounced = false
  #state: TraceClient['state'] = 'idle'
  /** Of the source's newest record; null: nothing was heard of it, or it was lost. */
  #lastSeq: number | null = null
  /** Up to here the newest stream tells who lives: a stream that broke before cannot go on. */
  #introducedThrough = 0
  /** It was lost and is heard again. */
  #owesGap = false
  #connection: TraceConnection | null = null
  #tries = 0
  #refused = 0
  #timer: Timer | null = null
  #isStopped = false

  constructor(hands: TraceClientHands) {
    this.#hands = hands
    this.#host = hands.host ?? thisProcess.host
  }

  get state(): TraceClient['state'] {
    return this.#state
  }

  get source(): string | null {
    return this.#announcement?.incarnation ?? null
  }

  announced(announcement: TraceAnnouncement | null): void {
    if (this.#isStopped) return
    this.#isAnnounced = announcement !== null
    if (announcement === null) {
      // While it is heard it lives, whatever lies in memory.
      if (this.#state !== 'live') this.#lose('it is not announced any more')
      return
    }
    const before = this.#announcement
    if (before !== null && before.incarnation !== announcement.incarnation) {
      this.#lose('another process has taken its place')
      this.#owesGap = false
    }
    this.#announcement = announcement
    if (announcement.host !== this.#host) {
      this.#lose('it runs on another machine')
      this.#state = 'elsewhere'
      return
    }
    const isSame = before?.incarnation === announcement.incarnation && before.url === announcement.url
    if (isSame && (this.#state === 'live' || this.#state === 'connecting')) return
    this.#tries = 0
    this.#refused = 0
    this.#connect(announcement)
  }

  async send(address: string, event: PostEvent): Promise<void> {
    const announcement = this.#announcement
    if (announcement === null || this.#state === 'elsewhere' || this.#isStopped) {
      throw new MemorySyncError('store_unavailable', `the process of ${quote(address)} cannot be reached from here`)
    }
    await sendEvent(announcement, address, event, this.#hands.clock)
  }

  stop(): void {
    this.#isStopped = true
    this.#end()
    this.#state = 'idle'
  }

  #end(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#connection?.close()
    this.#connection = null
  }

  #connect(announcement: TraceAnnouncement): void {
    this.#end()
    this.#state = 'connecting'
    const after = this.#lastSeq !== null && this.#lastSeq >= this.#introducedThrough ? this.#lastSeq : null
    const { clock } = this.#hands
    const connection: TraceConnection = new TraceConnection(announcement, after, {
      clock,
      opened: (introducedThrough) => {
        if (this.#connection === connection) this.#introducedThrough = introducedThrough
      },
      heard: (records) => {
        if (this.#connection === connection) this.#heard(announcement, records)
      },
      broke: (reason, isRefused) => {
        if (this.#connection === connection) this.#broke(announcement, reason, isRefused)
      },
    })
    this.#connection = connection
  }

  #heard(announcement: TraceAnnouncement, given: readonly TraceRecord[]): void {
    this.#state = 'live'
    this.#tries = 0
    this.#refused = 0
    const records: TraceRecord[] = []
    for (const record of given) {
      if (this.#owesGap) {
        this.#owesGap = false
        records.push(this.#made(announcement, { type: 'gap', lost: null, reason: 'disconnected' }, record.seq - 1))
      }
      this.#lastSeq = record.seq
      records.push(record)
    }
    this.#hands.records(records)
    // It said so itself.
    if (records.at(-1)?.type !== 'source.lost') return
    this.#lastSeq = null
    this.#end()
    this.#state = 'idle'
  }

  #broke(announcement: TraceAnnouncement, reason: string, isRefused: boolean): void {
    this.#connection = null
    this.#tries++
    if (isRefused) this.#refused++
    if (!this.#isAnnounced || this.#refused >= refusedMax || this.#tries >= triesMax) {
      this.#lose(`its process has ended or does not answer (${reason})`)
      return
    }
    this.#state = 'connecting'
    const { clock, random } = this.#hands
    const pauseMs = backoffMs(retryBackoff, this.#tries, random.next())
    this.#timer = clock.setTimer(pauseMs, () => this.#connect(announcement), { keepAlive: false })
  }

  #lose(reason: string): void {
    const announcement = this.#announcement
    const lastSeq = this.#lastSeq
    this.#end()
    this.#state = 'idle'
    this.#lastSeq = null
    if (announcement === null || lastSeq === null) return
    this.#owesGap = true
    // What it has told since nobody knows.
    this.#hands.records([
      this.#made(announcement, { type: 'gap', lost: null, reason: 'disconnected' }, lastSeq + 1),
      this.#made(announcement, { type: 'source.lost', reason }, lastSeq + 2),
    ])
  }

  #made(
    { incarnation }: TraceAnnouncement,
    told: Pick<GapRecord, 'type' | 'lost' | 'reason'> | Pick<SourceLostRecord, 'type' | 'reason'>,
    seq: number,
  ): TraceRecord {
    return { source: incarnation, seq, atMs: this.#hands.clock.wallMs(), ...told }
  }
}
