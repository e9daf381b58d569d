/**
 * One stretch of watching: attaches to the actors, makes numbered records of what happens and keeps the newest. Knows no
 * watcher.
 *
 * - N1 records are numbered when they are whole, one after the other
 * - N2 at its beginning as many numbers are passed over as it takes to tell of those that live; each that lives later has a
 *   record of its own. So there are always enough of them for {@link introduction}
 */
import { getHeapStatistics } from 'node:v8'
import type { AnyActorRef, AnyStateMachine, InspectionEvent } from 'xstate'
import { type MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Random } from '../ports/random.ts'
import type { MetricsRecord, SourceRecord, TraceRecord } from '../wire/trace-record.ts'
import { readChart } from './chart-reader.ts'
import type { CommitFigures, CommitTimes } from './commit-times.ts'
import type { Draft } from './draft.ts'
import type { RecordMaker, Stamp } from './record-maker.ts'
import { Ring, type RingLimits } from './ring.ts'
import { Tap } from './tap.ts'
import { thisProcess } from './this-process.ts'

export const metricsEveryMs = 1000
/** Of a record without values, about. */
const plainRecordBytes = 300

/** Of each record what is its own. */
type Unstamped<R> = R extends TraceRecord ? Omit<R, keyof Stamp> : never
export type Told = Unstamped<TraceRecord>

export type Counters = Omit<MetricsRecord, keyof Stamp | keyof CommitFigures | 'type' | 'transitions' | 'heapBytes'>

export interface SessionHands {
  readonly about: Pick<SourceRecord, 'workerId' | 'incarnation' | 'namespace' | 'store'>
  readonly clock: Clock
  readonly random: Random
  readonly commitTimes: CommitTimes
  /** Attaches an XState observer to the system of all actors. Gives its end. */
  inspect(observe: (event: InspectionEvent) => void): () => void
  /** Those that live, by address. */
  actors(): Iterable<readonly [address: string, actor: AnyActorRef]>
  /** Starts of the actor at that address after crashes. */
  restartsOf(address: string): number
  /** Tells of events that reached nobody. Gives its end. */
  onDeadLetter(listener: (address: string, event: PostEvent) => void): () => void
  onProblem(listener: (problem: MemorySyncError) => void): () => void
  counters(): Counters
  readonly limits?: RingLimits
}

/** What waits for its number. */
type Item = Draft | { readonly type: 'told'; readonly atMs: number; readonly told: Told; readonly bytes: number }

export class TraceSession {
  /** The part of the transitions that is told, from 0 to 1. */
  sample = 1
  readonly ring: Ring
  /** Who has read less cannot go on from there: the records before were told in another session, or never. */
  readonly floor: number
  readonly #hands: SessionHands
  readonly #maker: RecordMaker
  readonly #flushed: () => void
  readonly #tap: Tap
  readonly #charts = new Set<string>()
  readonly #ends: (() => void)[]
  #queue: Item[] = []
  #isScheduled = false
  #timer: Timer | null = null

  /** @param lastSeq of the records of earlier sessions. @param flushed there are new records in the ring. */
  constructor(hands: SessionHands, maker: RecordMaker, lastSeq: number, flushed: () => void) {
    this.#hands = hands
    this.#maker = maker
    this.#flushed = flushed
    const { clock, random } = hands
    this.#tap = new Tap({
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      isSampled: () => this.sample >= 1 || random.next() < this.sample,
      restartsOf: (address) => hands.restartsOf(address),
      drafted: (draft) => this.#put(draft),
    })
    for (const [address, actor] of hands.actors()) this.#tap.adopt(actor, address)
    let passedOver = 1
    for (const { machine } of this.#tap.living()) passedOver += machine !== null && this.#isNewChart(machine) ? 2 : 1
    this.floor = lastSeq + passedOver
    this.ring = new Ring(this.floor, hands.limits)
    this.#ends = [
      hands.inspect(this.#tap.observe),
      hands.onDeadLetter((address, event) => this.#put({ type: 'dead-letter', atMs: clock.wallMs(), address, event })),
      hands.onProblem(({ code, message, key }) =>
        this.tell({ type: 'problem', code, message, ...(key === undefined ? undefined : { key }) }, message.length),
      ),
    ]
    hands.commitTimes.time(true)
  }

  /** Tells the metrics, now and from now on. */
  begin(): void {
    this.#measure()
  }

  /** Detaches. What was told can still be read. */
  end(): void {
    for (const end of this.#ends.splice(0)) end()
    this.#timer?.cancel()
    this.#hands.commitTimes.time(false)
    this.#tellLeftOut()
    // In the middle of a transition nobody is left to be told how it ends.
    if (!this.flush()) this.#queue = []
  }

  /** A record that no actor makes. */
  tell(told: Told, bytes = 0): void {
    this.#put({ type: 'told', atMs: this.#hands.clock.wallMs(), told, bytes: plainRecordBytes + bytes })
  }

  /** Numbers what is whole. Returns false, and does it later, while an actor is at work. */
  flush(): boolean {
    if (this.#tap.isAtWork) return false
    this.#number()
    return true
  }

  /**
   * The source, the charts and those that live, to be stamped one by one, as they are now. Only when all is numbered.
   */
  introduction(): ((stamp: Stamp) => TraceRecord)[] {
    const { about } = this.#hands
    const told: ((stamp: Stamp) => TraceRecord)[] = [
      (stamp) => ({ ...stamp, type: 'source', kind: 'process', ...about, ...thisProcess }),
    ]
    const charts = new Set<string>()
    for (const actor of this.#tap.living()) {
      const { machine } = actor
      if (machine !== null && !charts.has(machine.id)) {
        charts.add(machine.id)
        told.push((stamp) => ({ ...stamp, type: 'chart', chart: readChart(machine) }))
      }
      told.push((stamp) => this.#maker.actor(actor, stamp))
    }
    return told
  }

  /** Of a record that is made now. */
  stamp(seq: number, atMs = this.#hands.clock.wallMs()): Stamp {
    return { source: this.#hands.about.incarnation, seq, atMs }
  }

  #put(item: Item): void {
    this.#queue.push(item)
    if (this.#isScheduled) return
    this.#isScheduled = true
    // All that one event leads to is done at once: a microtask finds every actor at rest.
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#number()
    })
  }

  #number(): void {
    this.#tap.settle()
    const queue = this.#queue
    if (queue.length === 0) return
    this.#queue = []
    for (const item of queue) this.#record(item)
    this.#flushed()
  }

  #record(item: Item): void {
    const { ring } = this
    const maker = this.#maker
    const stamp = this.stamp(ring.lastSeq + 1, item.atMs)
    switch (item.type) {
      case 'transition':
        if (item.isTaken) ring.push(maker.transition(item, stamp), maker.bytes)
        break
      case 'actor': {
        const { machine } = item.actor
        if (machine !== null && this.#isNewChart(machine)) {
          const chart = readChart(machine)
          ring.push({ ...stamp, type: 'chart', chart }, JSON.stringify(chart).length)
          this.#record(item)
        } else ring.push(maker.actor(item.actor, stamp), maker.bytes)
        break
      }
      case 'actor.ended': {
        const { address, how, error } = item
        const message = error === undefined ? undefined : { error: messageOf(error) }
        ring.push({ ...stamp, type: item.type, address, how, ...message }, plainRecordBytes)
        break
      }
      case 'dead-letter':
        this.#pushDeadLetter(item, stamp)
        break
      case 'told':
        ring.push({ ...stamp, ...item.told } as TraceRecord, item.bytes)
    }
  }

  #pushDeadLetter({ address, event }: { readonly address: string; readonly event: PostEvent }, stamp: Stamp): void {
    const told = this.#maker.lostEvent(address, event)
    this.ring.push({ ...stamp, type: 'dead-letter', address, event: told }, this.#maker.bytes)
  }

  #isNewChart({ id }: AnyStateMachine): boolean {
    if (this.#charts.has(id)) return false
    this.#charts.add(id)
    return true
  }

  #measure(): void {
    const { clock, commitTimes } = this.#hands
    this.#tellLeftOut()
    this.tell({
      type: 'metrics',
      transitions: this.#tap.transitions,
      heapBytes: getHeapStatistics().used_heap_size,
      ...commitTimes.take(),
      ...this.#hands.counters(),
    })
    this.#timer = clock.setTimer(metricsEveryMs, () => this.#measure(), { keepAlive: false })
  }

  #tellLeftOut(): void {
    const lost = this.#tap.takeLeftOut()
    if (lost > 0) this.tell({ type: 'gap', lost, reason: 'sampled' })
  }
}
