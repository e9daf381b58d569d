/**
 * The commits of one handle on their way to the server: few calls at a time, each of which takes along what has gathered meanwhile. Owns
 * their order, the size of a call, and whose receipt is whose. Knows neither tools nor entries.
 *
 * While the server works on one call the client makes the next: over HTTP, where each costs both sides some milliseconds, either would
 * else wait for the other half of the time.
 *
 * - C1 of units that touch the same key, or of which one is guarded by what the other writes, the one that was submitted first reaches
 *   the server first. Over HTTP calls may overtake each other: only those are under way at once that have nothing to do with each other
 * - C2 each submitted unit has exactly one receipt; what the server has not said of a unit is never made up
 * - C3 after a call without a receipt nothing more of its commits is sent: their later units may build on it. So one commit has never
 *   two calls under way
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
/** Calls under way at once: one for each side to work on. */
export const callsAtOnceMax = 2

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

/** Under way. */
interface Call {
  readonly batch: readonly QueuedUnit[]
  readonly writes: ReadonlySet<string>
  /** Scopes of guards. */
  readonly reads: ReadonlySet<string>
}

export class CommitLane {
  readonly #options: CommitLaneOptions
  #queue: QueuedUnit[] = []
  readonly #underWay = new Set<Call>()
  #isWaiting = false
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
        this.#send()
      }
    })
  }

  /** Settles when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  get #isIdle(): boolean {
    return this.#queue.length === 0 && this.#underWay.size === 0
  }

  /** Sends what may be sent now. */
  #send(): void {
    while (this.#queue.length > 0 && this.#underWay.size < callsAtOnceMax && !this.#isWaiting) {
      const clearance = this.#options.clearance()
      if (clearance !== null) {
        this.#isWaiting = true
        void clearance.then(() => {
          this.#isWaiting = false
          this.#send()
          this.#tellIdle()
        })
        return
      }
      const call = callOf(this.#queue.slice(0, this.#fitting()))
      if ([...this.#underWay].some((other) => isBound(call, other))) return
      this.#queue.splice(0, call.batch.length)
      this.#underWay.add(call)
      for (const { commit } of call.batch) commit.isSent = true
      void this.#answer(call, this.#options.send(call.batch.map(({ unit }) => unit)))
    }
  }

  /** How many units of the queue go into the next call. */
  #fitting(): number {
    const { callUnitsMax, callBytesMax } = this.#options
    let bytes = 0
    let count = 0
    for (const queued of this.#queue) {
      bytes += queued.bytes
      if (count > 0 && (count === callUnitsMax || bytes > callBytesMax)) break
      count++
    }
    return count
  }

  async #answer(call: Call, sending: Promise<readonly Receipt[]>): Promise<void> {
    const tell = await this.#answerOf(call.batch, sending)
    this.#underWay.delete(call)
    // The server has work again before the answers of this call make work here.
    this.#send()
    tell()
    this.#tellIdle()
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const idle of this.#onIdle.splice(0)) idle()
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

function callOf(batch: readonly QueuedUnit[]): Call {
  const writes = new Set<string>()
  const reads = new Set<string>()
  for (const { unit } of batch) {
    for (const { key, guard } of unit) {
      writes.add(key)
      if (guard !== undefined) reads.add(guard.scope)
    }
  }
  return { batch, writes, reads }
}

/** Whether the later one must wait for the earlier one. */
function isBound(later: Call, earlier: Call): boolean {
  const commits = new Set(earlier.batch.map(({ commit }) => commit))
  return (
    later.batch.some(({ commit }) => commits.has(commit)) ||
    overlap(later.writes, earlier.writes) ||
    overlap(later.writes, earlier.reads) ||
    overlap(later.reads, earlier.writes)
  )
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const key of a) if (b.has(key)) return true
  return false
}

const missing = new MemorySyncError(
  'unknown_outcome',
  'the memory server gave no receipt for a unit; it may or may not be written',
)
