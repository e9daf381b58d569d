/**
 * The hands of `machines/batch-writer.ts`: the buffer, the commits in flight and their receipts. Each submitted unit is
 * answered exactly once. Knows the store's port; when to send is the chart's decision.
 *
 * - An unknown outcome is never guessed: the unit is sent again, and its first write's condition tells whether it is there
 * - A unit that could not be written for {@link retryForMs} is answered `failed`, with the last cause
 */
import { type BatchWriterEvent, type BufferCounts, batchWriterMachine } from '../../machines/batch-writer.ts'
import { type BufferedUnit, bufferedUnitsMax, WriteBuffer } from '../domain/batch.ts'
import { isSameWrite } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { Unit } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Durability, Receipt, Store } from '../ports/store.ts'
import { assertBound } from './bind.ts'

/** Units of one batch: a commit costs a disk write, whatever it holds. */
export const batchUnitsMax = 128
export const batchBytesMax = 4 * 1024 * 1024
/** A commit without an answer for so long has an unknown outcome. */
export const commitTimeoutMs = 10_000
/** How long a unit is tried again before its caller is told. */
export const retryForMs = 60_000

/** @param isUncertain the unit was sent more than once, and may have taken effect before this receipt's try. */
export type Answer = (receipt: Receipt, isUncertain: boolean) => void

interface WriterRef {
  send(event: BatchWriterEvent): void
}

export interface BatchWriterHands {
  readonly store: Pick<Store, 'commit' | 'features'>
  readonly clock: Clock
  readonly random: Random
  /** Each answer of the store, for the circuit breaker. */
  observe(call: 'succeeded' | 'failed'): void
  report(error: MemorySyncError): void
  /** What a batch has written, if anybody wants to know. */
  committed?(units: readonly Unit[]): void
}

export class BatchWriter {
  readonly #hands: BatchWriterHands
  readonly #buffer = new WriteBuffer<Answer>()
  readonly #unanswered = new ShortLivedMap<number, BufferedUnit<Answer>>()
  /** Sent at least once without an answer. */
  readonly #uncertain = new WeakSet<BufferedUnit<Answer>>()
  readonly #waitingForRoom: (() => void)[] = []
  #isLettingIn = false
  #linger: Timer | null = null
  #batchesInFlight = 0
  #committedBatches = 0
  #self: WriterRef | null = null
  #isStopped = false

  constructor(hands: BatchWriterHands) {
    this.#hands = hands
  }

  /** The chart, bound to this buffer. */
  readonly logic = () =>
    assertBound(
      batchWriterMachine.provide({
        actions: {
          scheduleFlush: ({ self }, { lingerMs }) => {
            const flush = (): void => self.send({ type: 'flush.due' })
            this.#linger?.cancel()
            if (lingerMs > 0) this.#linger = this.#hands.clock.setTimer(lingerMs, flush)
            else queueMicrotask(flush)
          },
          commit: (_, { scope, inFlightMax }) => this.#commit(scope, inFlightMax),
          giveUp: (_, { afterMs }) => this.#giveUp(afterMs),
        },
      }),
    )

  /** Where the chart's actor is; a restarted one takes over the same buffer. */
  attach(self: WriterRef): void {
    this.#self = self
    // What is in flight may fail and come back: an idle chart would not hear of it.
    if (this.#buffer.pending > 0) self.send({ type: 'write.submit', isUrgent: false })
  }

  get isFull(): boolean {
    return this.#buffer.isFull
  }

  /** Units submitted and not answered. */
  get pending(): number {
    return this.#buffer.pending
  }

  /** Batches that the store has answered. */
  get committedBatches(): number {
    return this.#committedBatches
  }

  get counts(): BufferCounts {
    return { inFlight: this.#batchesInFlight, hasMore: this.#buffer.size > 0 }
  }

  unsent(key: string) {
    return this.#buffer.unsent(key)
  }

  /** Settles when the buffer may take a unit again: look again then. First come, first served. */
  room(): Promise<void> {
    return this.#buffer.isFull ? new Promise((resolve) => this.#waitingForRoom.push(resolve)) : Promise.resolve()
  }

  submit(unit: Unit, bytes: number, answer: Answer, urgent: boolean): void {
    if (this.#isStopped) {
      answer(failed(new MemorySyncError('closed', 'the runtime is shut down; nothing can be written any more')), false)
      return
    }
    const wasEmpty = this.#buffer.size === 0
    this.#buffer.add(unit, bytes, answer, this.#hands.clock.monotonicMs(), urgent)
    if (wasEmpty || urgent) this.#self?.send({ type: 'write.submit', isUrgent: urgent })
    else if (this.#buffer.size === batchUnitsMax) this.#self?.send({ type: 'flush.due' })
  }

  /** After the chart has stopped: nothing is taken any more, and nobody is left waiting. */
  stop(): void {
    this.#giveUp(0)
  }

  /** Sends what lingers. */
  flush(): void {
    this.#self?.send({ type: 'flush.due' })
  }

  #commit(scope: 'all' | 'urgent' | 'probe', inFlightMax: number): void {
    while (this.#batchesInFlight < inFlightMax) {
      const units = this.#buffer.take(scope === 'probe' ? 1 : batchUnitsMax, batchBytesMax, scope === 'urgent')
      if (units.length === 0) break
      for (const unit of units) this.#unanswered.set(unit.sequence, unit)
      this.#batchesInFlight++
      void this.#send(units)
    }
    this.#letIn()
    // Nothing to wait for: the chart must hear of it or it would stay.
    if (this.#batchesInFlight === 0 && this.#buffer.size === 0) this.#tell({ type: 'commit.settled', ...this.counts })
  }

  async #send(units: readonly BufferedUnit<Answer>[]): Promise<void> {
    const answers: [BufferedUnit<Answer>, Receipt][] = []
    const again: BufferedUnit<Answer>[] = []
    let outage: MemorySyncError | null = null
    try {
      const receipts = await this.#withTimeout((signal) =>
        this.#hands.store.commit(
          units.map((buffered) => buffered.unit),
          { signal },
        ),
      )
      this.#committedBatches++
      this.#hands.observe('succeeded')
      for (const [index, buffered] of units.entries()) {
        const receipt = recognised(
          buffered,
          receipts[index] ?? missingReceipt(units.length, receipts.length),
          this.#hands.store.features.durability,
        )
        if (receipt.type === 'failed' && this.#mayRetry(buffered, receipt.error)) again.push(buffered)
        else answers.push([buffered, receipt])
      }
    } catch (thrown) {
      const error = MemorySyncError.from(thrown, 'unknown_outcome')
      outage = error
      this.#hands.observe('failed')
      this.#hands.report(error)
      for (const buffered of units) {
        if (error.code !== 'store_unavailable') this.#uncertain.add(buffered)
        if (this.#mayRetry(buffered, error)) again.push(buffered)
        else answers.push([buffered, failed(this.#asFarAsKnown(buffered, error))])
      }
    }
    this.#batchesInFlight--
    for (const [buffered] of answers) this.#buffer.settle(buffered)
    this.#hands.committed?.(answers.flatMap(([{ unit }, receipt]) => (receipt.type === 'committed' ? [unit] : [])))
    if (again.length > 0) this.#buffer.putBack(again)
    // The next batch is on its way before this one's answers make work.
    if (again.length > 0) this.#tell({ type: 'commit.failed', chance: this.#hands.random.next(), ...this.counts })
    else this.#tell({ type: 'commit.settled', ...this.counts })
    for (const [buffered, receipt] of answers) this.#answer(buffered, receipt)
    if (outage !== null) this.#expire(outage)
    this.#letIn()
  }

  /** The store has been away for too long: who has waited since then is told, also those whose turn never came. */
  #expire(error: MemorySyncError): void {
    for (const buffered of this.#buffer.expire(this.#hands.clock.monotonicMs() - retryForMs)) {
      this.#unanswered.set(buffered.sequence, buffered)
      this.#answer(buffered, failed(this.#asFarAsKnown(buffered, error)))
    }
  }

  async #withTimeout<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController()
    const timer = this.#hands.clock.setTimer(commitTimeoutMs, () =>
      abort.abort(new MemorySyncError('unknown_outcome', `the store did not answer within ${commitTimeoutMs} ms`)),
    )
    try {
      return await Promise.race([call(abort.signal), rejectOn(abort.signal)])
    } finally {
      timer.cancel()
    }
  }

  /** "Nothing was written" is true of the last try only, when the reply to an earlier one was lost. */
  #asFarAsKnown(buffered: BufferedUnit<Answer>, error: MemorySyncError): MemorySyncError {
    if (error.code !== 'store_unavailable' || !this.#uncertain.has(buffered)) return error
    return new MemorySyncError('unknown_outcome', `the reply was lost, and then: ${error.message}`, { cause: error })
  }

  #mayRetry(buffered: BufferedUnit<Answer>, error: MemorySyncError): boolean {
    return error.retryable && !this.#isStopped && this.#hands.clock.monotonicMs() - buffered.sinceMs < retryForMs
  }

  #answer(buffered: BufferedUnit<Answer>, receipt: Receipt): void {
    if (!this.#unanswered.delete(buffered.sequence)) return
    const isUncertain = this.#uncertain.has(buffered)
    for (const answer of buffered.replies) answer(receipt, isUncertain)
  }

  #giveUp(afterMs: number): void {
    this.#isStopped = true
    this.#linger?.cancel()
    const left = [...this.#unanswered.values(), ...this.#buffer.clear()]
    for (const buffered of left) {
      this.#unanswered.set(buffered.sequence, buffered)
      const keys = buffered.unit.map((write) => write.key).join(', ')
      this.#answer(buffered, failed(new MemorySyncError('unflushed', `not written within ${afterMs} ms: ${keys}`)))
    }
    this.#letIn()
  }

  /** As many as there is room for, and no more before these have come: they look again, and who is turned away is last. */
  #letIn(): void {
    if (this.#isLettingIn || this.#waitingForRoom.length === 0 || this.#buffer.isFull) return
    const free = this.#isStopped ? this.#waitingForRoom.length : bufferedUnitsMax - this.#buffer.size
    for (const enter of this.#waitingForRoom.splice(0, free)) enter()
    this.#isLettingIn = true
    queueMicrotask(() => {
      this.#isLettingIn = false
      this.#letIn()
    })
  }

  #tell(event: BatchWriterEvent): void {
    this.#self?.send(event)
  }
}

/** A unit that is sent again after a lost reply meets itself: its condition fails on the very write that it made. */
function recognised(buffered: BufferedUnit<Answer>, receipt: Receipt, durability: Durability): Receipt {
  if (receipt.type !== 'conflict' || buffered.sends < 2 || receipt.stored === null) return receipt
  const own = buffered.unit.find((write) => write.key === receipt.key)
  if (own?.entry == null || own !== buffered.unit[0] || !isSameWrite(receipt.stored.entry, own.entry)) return receipt
  return { type: 'committed', revision: receipt.stored.revision, durability }
}

function failed(error: MemorySyncError): Receipt {
  return { type: 'failed', error }
}

function missingReceipt(units: number, receipts: number): Receipt {
  return failed(new MemorySyncError('corrupt', `the store gave ${receipts} receipts for ${units} units`))
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
