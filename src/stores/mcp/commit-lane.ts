/**
 * The commits of one handle on their way to the server: one call at a time, which takes along what has gathered meanwhile. Owns
 * their order, the size of a call, and whose receipt is whose. Knows neither tools nor entries.
 *
 * - C1 units reach the server in the order in which they were submitted: over HTTP two calls at once may overtake each other
 * - C2 each submitted unit has exactly one receipt; what the server has not said of a unit is never made up
 * - C3 after a call without a receipt nothing more of its commits is sent: their later units may build on it
 */
import { MemorySyncError } from '../../domain/errors.ts'
import type { Receipt, Unit } from '../../ports/store.ts'
import { abortedError } from '../refusals.ts'

/** A unit ready to be sent. */
export interface SizedUnit {
  readonly unit: Unit
  /** About what it takes in the call. */
  readonly bytes: number
}

export interface CommitLaneOptions {
  /** One receipt per unit, in order. */
  send(units: readonly Unit[]): Promise<readonly Receipt[]>
  /** null: a call may be sent; else it settles when it may. Never rejects. */
  clearance(): Promise<unknown> | null
  readonly callUnitsMax: number
  /** A unit that is larger by itself is sent alone. */
  readonly callBytesMax: number
}

/** Units that wait for the server; a commit that comes behind so many is refused with `backpressure`. */
export const unitsWaitingMax = 100_000

interface Commit {
  readonly receipts: (Receipt | undefined)[]
  left: number
  /** What became of the first call that gave no receipts. */
  failure: MemorySyncError | null
  isSent: boolean
  settle(): void
}

interface QueuedUnit extends SizedUnit {
  readonly commit: Commit
  readonly index: number
}

export class CommitLane {
  readonly #options: CommitLaneOptions
  #queue: QueuedUnit[] = []
  #isSending = false
  #onIdle: (() => void)[] = []

  constructor(options: CommitLaneOptions) {
    this.#options = options
  }

  /**
   * @param units each ready to be sent, or the receipt that it has already.
   * @throws what `send` throws when nothing is known of any unit; `aborted` and `unknown_outcome` when `signal` aborts before the
   * first and before the last unit was sent.
   */
  submit(units: readonly (SizedUnit | Receipt)[], signal: AbortSignal | undefined): Promise<readonly Receipt[]> {
    if (this.#queue.length >= unitsWaitingMax) {
      const message = `${this.#queue.length} units wait for the memory server already, which is as many as may; commit again later`
      return Promise.reject(new MemorySyncError('backpressure', message))
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue = this.#queue.filter((queued) => queued.commit !== commit)
        const message = 'the caller gave up before the server answered; the commit may or may not have taken effect'
        const error = new MemorySyncError('unknown_outcome', message, { cause: signal?.reason })
        commit.settle = () => {}
        reject(commit.isSent ? error : abortedError(signal as AbortSignal))
      }
      const commit: Commit = {
        receipts: units.map((unit) => ('type' in unit ? unit : undefined)),
        left: 0,
        failure: null,
        isSent: false,
        settle() {
          signal?.removeEventListener('abort', onAbort)
          const { receipts, failure } = commit
          if (failure === null || receipts.some((receipt) => receipt !== undefined)) {
            const unsaid: Receipt = { type: 'failed', error: failure ?? missing }
            resolve(receipts.map((receipt) => receipt ?? unsaid))
          } else {
            reject(failure)
          }
        },
      }
      for (let index = 0; index < units.length; index++) {
        const given = units[index] as SizedUnit | Receipt
        if ('type' in given) continue
        commit.left++
        this.#queue.push({ unit: given.unit, bytes: given.bytes, commit, index })
      }
      if (commit.left === 0) commit.settle()
      else {
        signal?.addEventListener('abort', onAbort, { once: true })
        void this.#run()
      }
    })
  }

  /** Settles when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (!this.#isSending) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  async #run(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    let answer = (): void => {}
    while (this.#queue.length > 0) {
      const clearance = this.#options.clearance()
      if (clearance !== null) {
        answer()
        answer = () => {}
        await clearance
      }
      const batch = this.#take()
      if (batch.length === 0) continue
      for (const { commit } of batch) commit.isSent = true
      const sending = this.#options.send(batch.map(({ unit }) => unit))
      // The server has work again before the answers of the call before make work here.
      answer()
      answer = await this.#answerOf(batch, sending)
    }
    this.#isSending = false
    answer()
    for (const idle of this.#onIdle.splice(0)) idle()
  }

  #take(): QueuedUnit[] {
    const { callUnitsMax, callBytesMax } = this.#options
    let bytes = 0
    let count = 0
    for (const queued of this.#queue) {
      bytes += queued.bytes
      if (count > 0 && (count === callUnitsMax || bytes > callBytesMax)) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  /** What tells the commits of a call what became of it. What may not be sent any more is taken out of the queue at once. */
  async #answerOf(batch: readonly QueuedUnit[], sending: Promise<readonly Receipt[]>): Promise<() => void> {
    try {
      const receipts = await sending
      return () => {
        for (let at = 0; at < batch.length; at++) {
          const { commit, index } = batch[at] as QueuedUnit
          commit.receipts[index] = receipts[at] ?? { type: 'failed', error: missing }
          if (--commit.left === 0) commit.settle()
        }
      }
    } catch (thrown) {
      const failure = MemorySyncError.from(thrown, 'unknown_outcome')
      const broken = new Set(batch.map(({ commit }) => commit))
      this.#queue = this.#queue.filter(({ commit }) => !broken.has(commit))
      return () => {
        for (const commit of broken) {
          commit.failure = failure
          commit.settle()
        }
      }
    }
  }
}

const missing = new MemorySyncError(
  'unknown_outcome',
  'the memory server gave no receipt for a unit; it may or may not be written',
)
