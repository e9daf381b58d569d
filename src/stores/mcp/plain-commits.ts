/**
 * The commits of one handle at a plain server: in which order they are carried out, and which of them under the mutex. Knows
 * neither how a unit is written (`plain-write.ts`) nor how the mutex is had (`plain-mutex.ts`).
 *
 * - C1 commits are carried out in the order of the calls, one after the other
 * - C2 a commit with a unit that has to be judged (`revision`, `absent`, a guard) is carried out under the mutex, as a whole; what
 *   has gathered behind it goes under the same turn, up to {@link unitsPerTurnMax} units
 * - C3 a turn that lasts too long is given back between two units, and another one is waited for
 */
import { MemorySyncError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Receipt, Unit } from '../../ports/store.ts'
import { abortedError } from '../refusals.ts'
import type { MutexHold, PlainMutex } from './plain-mutex.ts'
import { isJudged, type PlainWriter } from './plain-write.ts'

/** Milliseconds that a commit waits for the mutex in all, from its call on. */
export const turnWaitMsMax = 30_000
/** Units written in one turn, while others wait for theirs. */
export const unitsPerTurnMax = 100

export interface PlainCommitsOptions {
  readonly writer: Pick<PlainWriter, 'commit' | 'commitHeld'>
  /** Or why there is none. */
  readonly mutex: Pick<PlainMutex, 'acquire'> | MemorySyncError
  readonly clock: Clock
}

interface Commit {
  readonly units: readonly Unit[]
  readonly isJudged: boolean
  readonly signal: AbortSignal | undefined
  readonly untilMs: number
  /** Of the first units, under earlier turns. */
  readonly receipts: Receipt[]
  readonly resolve: (receipts: readonly Receipt[]) => void
  readonly reject: (error: unknown) => void
}

export class PlainCommits {
  readonly #options: PlainCommitsOptions
  readonly #queue: Commit[] = []
  #running: Promise<void> | null = null

  constructor(options: PlainCommitsOptions) {
    this.#options = options
  }

  submit(units: readonly Unit[], signal: AbortSignal | undefined): Promise<readonly Receipt[]> {
    return new Promise((resolve, reject) => {
      const untilMs = this.#options.clock.monotonicMs() + turnWaitMsMax
      this.#queue.push({ units, isJudged: units.some(isJudged), signal, untilMs, receipts: [], resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Settles when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (this.#isGivenUp(first)) this.#queue.shift()
      else if (first.isJudged) await this.#takeTurn(first)
      else await this.#commitPlain(first)
    }
    this.#running = null
  }

  /** @param refusal for the units that have to be judged. */
  async #commitPlain(commit: Commit, refusal?: MemorySyncError): Promise<void> {
    this.#queue.shift()
    await this.#options.writer.commit(commit.units, refusal).then(commit.resolve, commit.reject)
  }

  async #takeTurn(first: Commit): Promise<void> {
    const { mutex } = this.#options
    if (mutex instanceof MemorySyncError) return this.#commitPlain(first, mutex)
    let hold: MutexHold
    try {
      hold = await mutex.acquire(first.untilMs)
    } catch (thrown) {
      const error = MemorySyncError.from(thrown, 'store_unavailable')
      // Units that need no judge are none the worse for it.
      if (error.code === 'not_supported' && first.receipts.length === 0) return this.#commitPlain(first, error)
      this.#queue.shift()
      while (first.receipts.length < first.units.length) first.receipts.push({ type: 'failed', error })
      settle(first)
      return
    }
    try {
      await this.#useTurn(hold)
    } finally {
      await hold.release()
    }
  }

  async #useTurn(hold: MutexHold): Promise<void> {
    let unitsLeft = unitsPerTurnMax
    for (let first = this.#queue[0]; first?.isJudged === true; first = this.#queue[0]) {
      if (this.#isGivenUp(first)) {
        this.#queue.shift()
        continue
      }
      for (let unit = first.units[first.receipts.length]; unit !== undefined; unit = first.units[first.receipts.length]) {
        if (unitsLeft-- === 0 || !hold.isFresh) return
        first.receipts.push(await this.#options.writer.commitHeld(unit, hold))
      }
      this.#queue.shift()
      settle(first)
    }
  }

  /** Its caller has turned away before anything was done. */
  #isGivenUp({ signal, receipts, reject }: Commit): boolean {
    if (signal?.aborted !== true || receipts.length > 0) return false
    reject(abortedError(signal))
    return true
  }
}

/** Rejects when nothing was written of any unit. */
function settle({ receipts, resolve, reject }: Commit): void {
  const [first] = receipts
  if (first?.type === 'failed' && receipts.every((receipt) => isUnavailable(receipt))) reject(first.error)
  else resolve(receipts)
}

function isUnavailable(receipt: Receipt): boolean {
  return receipt.type === 'failed' && receipt.error.code === 'store_unavailable'
}
