/**
 * What the store has answered: units and batches since the start, and, while somebody watches, how long it took. Stands
 * between the batch writer and its store and changes nothing of what passes. Knows no record.
 */
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'

/** Of one interval; what comes beyond is not timed. */
export const timesMax = 1000

export interface CommitFigures {
  readonly committedUnits: number
  readonly committedBatches: number
  /** Of those answered since this was asked last; null: none was. */
  readonly commitP50Ms: number | null
  readonly commitMaxMs: number | null
}

export class CommitTimes {
  readonly #clock: Clock
  #units = 0
  #batches = 0
  #timesMs: number[] | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The store as the batch writer sees it. */
  wrap(store: Pick<Store, 'commit' | 'features'>): Pick<Store, 'commit' | 'features'> {
    return {
      get features() {
        return store.features
      },
      commit: (units, options) => {
        // Before the call: a store in this process has done its work when it returns.
        const startMs = this.#timesMs === null ? null : this.#clock.monotonicMs()
        const answer = store.commit(units, options)
        answer.then(
          () => this.#answered(units.length, startMs),
          () => {},
        )
        return answer
      },
    }
  }

  /** From now on answers are timed, or no more. */
  time(isTiming: boolean): void {
    this.#timesMs = isTiming ? [] : null
  }

  take(): CommitFigures {
    const times = (this.#timesMs ?? []).sort((a, b) => a - b)
    if (this.#timesMs !== null) this.#timesMs = []
    return {
      committedUnits: this.#units,
      committedBatches: this.#batches,
      commitP50Ms: times[Math.ceil(times.length / 2) - 1] ?? null,
      commitMaxMs: times.at(-1) ?? null,
    }
  }

  #answered(units: number, startMs: number | null): void {
    this.#units += units
    this.#batches++
    // A commit that was sent before the timing began has no beginning.
    if (this.#timesMs !== null && startMs !== null && this.#timesMs.length < timesMax) {
      this.#timesMs.push(this.#clock.monotonicMs() - startMs)
    }
  }
}
