/**
 * Commits of one directory on their way to the store's thread and back: gathers the calls of an event-loop turn into chunks,
 * keeps a few chunks in flight, settles each call on its receipts. Owns what is said when the thread dies. Knows no files.
 *
 * - C1 units reach the thread in the order of the calls, and receipts of a call are in the order of its units
 * - C2 a call settles exactly once: on its receipts, or because nothing can be said of it
 */
import type { Entry } from '../../domain/entry.ts'
import { MemorySyncError } from '../../domain/errors.ts'
import { ShortLivedMap } from '../../domain/short-lived-map.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Durability, Receipt, Stored, Unit } from '../../ports/store.ts'
import { encodeEntry } from '../../wire/entry-codec.ts'
import { freezeEntry } from '../freeze-entry.ts'
import { abortedError } from '../refusals.ts'
import { CommitCall, type CommitOptions } from './commit-call.ts'
import { type FlatItem, type FromThread, flattenWrite, type RefusedUnit, type ToThread } from './protocol.ts'

/**
 * A chunk is one transaction, and most of a transaction is waiting for the disk: one wait should serve many units. So while a
 * chunk is under way what comes is gathered for the next one. How many units a chunk may have grows while the disk is slow.
 */
const chunkUnitsMin = 128
const chunkUnitsMax = 1024
/** So many are two chunks: the thread writes the second while this side works on the answers to the first. */
const halvedUnitsMin = 64
/** So many are sent ahead while a chunk is under way, so that the thread never waits for this side; */
const aheadUnitsMin = halvedUnitsMin / 2
/** …and so is what begins with a call of so many: a batch, which its caller has gathered. */
const batchUnitsMin = 2
const chunkBytesMax = 4 * 1024 * 1024
/** Longer round trips make chunks grow, shorter ones make them shrink. */
const slowRoundTripMs = 4
const fastRoundTripMs = 1
/** One that the thread works on, one that waits for it. */
const chunksInFlightMax = 2
/** The thread answers within milliseconds, unless another process hangs with the writer's lock, or the disk does. */
const answerMsMax = 30_000
/** Beyond this many units waiting, commits are refused with `backpressure`. */
export const waitingUnitsMax = 100_000

/** What the committer needs of a thread. */
export interface CommitThread {
  readonly isDead: boolean
  post(message: ToThread): void
  hold(): void
  release(): void
}

export interface CommitterHost {
  readonly clock: Clock
  readonly logger: Logger
  /** Reads a refused unit's stored text. @throws `corrupt`. */
  decode(key: string, text: string, revision: number): Stored
  /** Told of each chunk's own commits, in revision order. */
  onCommitted(before: number, after: number, changes: readonly Stored[]): void
  /** Nothing is in flight any more. */
  onIdle(): void
  /** A new thread after the last one died; rejects when there will be none. */
  restart(): Promise<CommitThread>
}

interface Waiting {
  readonly call: CommitCall
  readonly index: number
  readonly unit: Unit
  /** The unit as the thread takes it. */
  readonly items: readonly FlatItem[]
  readonly bytes: number
}

interface Chunk {
  readonly units: readonly Waiting[]
  readonly sentMs: number
  readonly deadline: Timer
}

export class Committer {
  readonly #host: CommitterHost
  #thread: CommitThread
  #waiting: Waiting[] = []
  /** Units before this index were sent. */
  #sent = 0
  readonly #inFlight = new ShortLivedMap<number, Chunk>()
  #chunkUnits = chunkUnitsMin
  #lastId = 0
  #isPumping = false
  #isRestarting = false
  /** The thread has let a deadline pass and has not answered since. */
  #isStuck = false
  #onDrained: (() => void)[] = []

  constructor(host: CommitterHost, thread: CommitThread) {
    this.#host = host
    this.#thread = thread
  }

  /** Chunks that the thread has not answered. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  commit(units: readonly Unit[], options: CommitOptions): Promise<readonly Receipt[]> {
    if (units.length === 0) return Promise.resolve([])
    if (this.#isStuck) return Promise.reject(stuckError())
    const waiting = this.#waitingUnits()
    if (waiting + units.length > waitingUnitsMax && waiting > 0) {
      const message = `${waiting} units wait to be committed, which is as many as the store keeps; commit fewer at once`
      return Promise.reject(new MemorySyncError('backpressure', message))
    }
    return new Promise((resolve, reject) => {
      const call = new CommitCall(units.length, options, resolve, reject)
      for (let index = 0; index < units.length; index++) this.#enqueue(call, index, units[index] as Unit)
      // A batch need not wait for the turn to end.
      if (this.#isBatchNext()) this.#pump()
      this.#schedule()
    })
  }

  /** Settles when nothing waits and nothing is in flight. */
  drained(): Promise<void> {
    if (this.#isDrained()) return Promise.resolve()
    return new Promise((resolve) => this.#onDrained.push(resolve))
  }

  onMessage(message: FromThread): void {
    if (message.type !== 'receipts' && message.type !== 'broken') return
    this.#isStuck = false
    const chunk = this.#inFlight.get(message.id)
    // Given up before; whoever watches hears of it from the log.
    if (chunk === undefined) return
    chunk.deadline.cancel()
    this.#inFlight.delete(message.id)
    this.#thread.release()
    this.#adapt(this.#host.clock.monotonicMs() - chunk.sentMs)
    // The next chunk goes out before anybody hears of this one, if it has enough. Otherwise those who hear may add to it.
    if (this.#waitingUnits() >= aheadUnitsMin || this.#isBatchNext()) this.#pump()
    if (message.type === 'receipts') this.#settle(chunk, message.before, message.after, message.results)
    else this.#fail(chunk.units, brokenError(message.isUndone, message.message))
    this.#schedule()
    this.#afterAnswer()
  }

  /** Chunks that the thread had are neither known to be committed nor known not to be. */
  onDeath(reason: string): void {
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    this.#isStuck = false
    for (const { deadline } of lost) deadline.cancel()
    this.#host.logger.warn('the store thread died', { reason, commitsInFlight: lost.length })
    const message = `the store's thread died before it answered (${reason}); the write may or may not have happened`
    for (const chunk of lost) this.#fail(chunk.units, new MemorySyncError('unknown_outcome', message))
    this.#pump()
    this.#afterAnswer()
  }

  #enqueue(call: CommitCall, index: number, unit: Unit): void {
    const items: FlatItem[] = []
    let bytes = 0
    try {
      items.push(unit.length)
      for (const { key, entry, condition, guard } of unit) {
        const text = entry === null ? null : encodeEntry(freezeEntry(entry), call.options.entryBytesMax)
        flattenWrite(items, key, text, condition, guard)
        bytes += text === null ? 0 : text.length
      }
    } catch (cause) {
      const message = 'a unit must be a list of writes { key, entry, condition, guard? }'
      call.settle(index, { type: 'failed', error: MemorySyncError.from(cause, 'invalid_value', message) })
      return
    }
    this.#waiting.push({ call, index, unit, items, bytes })
  }

  #waitingUnits(): number {
    return this.#waiting.length - this.#sent
  }

  #schedule(): void {
    if (this.#isPumping || this.#waitingUnits() === 0) return
    this.#isPumping = true
    // After the promise jobs and the I/O of this turn: what they commit goes along.
    this.#host.clock.defer(() => {
      this.#isPumping = false
      this.#pump()
      this.#afterAnswer()
    })
  }

  #pump(): void {
    while (this.#inFlight.size < chunksInFlightMax) {
      const waiting = this.#waitingUnits()
      const isFirst = this.#inFlight.size === 0
      if (waiting === 0 || (!isFirst && waiting < aheadUnitsMin && !this.#isBatchNext())) return
      if (this.#thread.isDead) {
        this.#restart()
        return
      }
      const share = isFirst && waiting >= halvedUnitsMin ? Math.ceil(waiting / 2) : waiting
      this.#send(Math.min(share, this.#chunkUnits))
    }
  }

  /** Whether what would be sent next begins a batch. */
  #isBatchNext(): boolean {
    const next = this.#waiting[this.#sent]
    return next !== undefined && next.index === 0 && next.call.size >= batchUnitsMin
  }

  #send(unitsMax: number): void {
    const units: Waiting[] = []
    const items: FlatItem[] = []
    let bytes = 0
    let isFlushed = false
    while (this.#sent < this.#waiting.length && units.length < unitsMax && bytes < chunkBytesMax) {
      const unit = this.#waiting[this.#sent++] as Waiting
      const { signal, durability } = unit.call.options
      if (signal?.aborted) {
        this.#fail([unit], abortedError(signal))
        continue
      }
      units.push(unit)
      for (const item of unit.items) items.push(item)
      bytes += unit.bytes
      if (durability === 'fsync') isFlushed = true
    }
    if (this.#sent === this.#waiting.length) {
      this.#waiting = []
      this.#sent = 0
    } else if (this.#sent > 4096) {
      this.#waiting = this.#waiting.slice(this.#sent)
      this.#sent = 0
    }
    if (units.length === 0) return
    const id = ++this.#lastId
    const { clock } = this.#host
    const deadline = clock.setTimer(answerMsMax, () => this.#giveUp(), { keepAlive: false })
    this.#inFlight.set(id, { units, sentMs: clock.monotonicMs(), deadline })
    this.#thread.hold()
    this.#thread.post({ type: 'commit', id, nowMs: clock.wallMs(), isFlushed, units: items })
  }

  #adapt(roundTripMs: number): void {
    if (roundTripMs >= slowRoundTripMs) this.#chunkUnits = Math.min(chunkUnitsMax, this.#chunkUnits * 2)
    else if (roundTripMs <= fastRoundTripMs) this.#chunkUnits = Math.max(chunkUnitsMin, this.#chunkUnits >> 1)
  }

  #settle(chunk: Chunk, before: number, after: number, results: readonly (number | RefusedUnit)[]): void {
    const changes: Stored[] = []
    for (let index = 0; index < chunk.units.length; index++) {
      const result = results[index]
      const { unit } = chunk.units[index] as Waiting
      if (typeof result !== 'number') continue
      for (let write = 0; write < unit.length; write++) {
        const { key, entry } = unit[write] as Unit[number]
        if (entry !== null) changes.push({ key, entry: entry as Entry, revision: result + write })
      }
    }
    // Watches first: whoever has a receipt may rely on that.
    if (after > before) this.#host.onCommitted(before, after, changes)
    for (let index = 0; index < chunk.units.length; index++) {
      const { call, index: place } = chunk.units[index] as Waiting
      call.settle(place, this.#receiptOf(results[index], call.options.durability))
    }
  }

  #receiptOf(result: number | RefusedUnit | undefined, durability: Durability): Receipt {
    if (typeof result === 'number') return { type: 'committed', revision: result, durability }
    if (result === undefined) {
      return { type: 'failed', error: new MemorySyncError('unknown_outcome', "the store's thread gave no receipt") }
    }
    const { refusal, text, revision } = result
    if (refusal.type === 'failed') {
      const details = refusal.key === undefined ? {} : { key: refusal.key }
      return { type: 'failed', error: new MemorySyncError(refusal.code, refusal.message, details) }
    }
    const place = refusal.type === 'conflict' ? refusal.key : refusal.scope
    let stored: Stored | null
    try {
      stored = text === null ? null : this.#host.decode(place, text, revision)
    } catch (error) {
      return { type: 'failed', error: MemorySyncError.from(error, 'corrupt') }
    }
    return refusal.type === 'conflict' ? { type: 'conflict', key: place, stored } : { type: 'stale-epoch', scope: place, stored }
  }

  #fail(units: readonly Waiting[], error: MemorySyncError): void {
    for (const { call, index } of units) call.fail(index, error)
  }

  /** Nobody waits for ever: what was sent is unknown, what was not is refused, and so is what comes until the thread answers. */
  #giveUp(): void {
    this.#isStuck = true
    const sent = [...this.#inFlight.values()]
    this.#inFlight.clear()
    this.#host.logger.error('the store has not answered for long; another process may hang while it writes', {
      afterMs: answerMsMax,
      commitsInFlight: sent.length,
    })
    const message = `the store has not answered for ${answerMsMax / 1000} s; the write may or may not have happened`
    for (const chunk of sent) {
      chunk.deadline.cancel()
      this.#thread.release()
      this.#fail(chunk.units, new MemorySyncError('unknown_outcome', message))
    }
    this.#fail(this.#takeWaiting(), stuckError())
    this.#afterAnswer()
  }

  #takeWaiting(): readonly Waiting[] {
    const waiting = this.#waiting.slice(this.#sent)
    this.#waiting = []
    this.#sent = 0
    return waiting
  }

  #restart(): void {
    if (this.#isRestarting) return
    this.#isRestarting = true
    this.#host.restart().then(
      (thread) => {
        this.#isRestarting = false
        this.#thread = thread
        this.#pump()
      },
      (cause: unknown) => {
        this.#isRestarting = false
        this.#fail(this.#takeWaiting(), MemorySyncError.from(cause, 'store_unavailable'))
        this.#afterAnswer()
      },
    )
  }

  #isDrained(): boolean {
    return this.#inFlight.size === 0 && this.#waitingUnits() === 0
  }

  #afterAnswer(): void {
    if (!this.#isDrained()) return
    this.#host.onIdle()
    for (const resolve of this.#onDrained.splice(0)) resolve()
  }
}

function stuckError(): MemorySyncError {
  const message =
    'the store does not answer, nothing was written: another process may hang while it writes. It is tried again by itself.'
  return new MemorySyncError('store_unavailable', message)
}

function brokenError(isUndone: boolean, message: string): MemorySyncError {
  return isUndone
    ? new MemorySyncError('store_unavailable', `the store could not write, nothing was changed: ${message}`)
    : new MemorySyncError('unknown_outcome', `the store failed while writing, the write may or may not have happened: ${message}`)
}
