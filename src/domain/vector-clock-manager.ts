/**
 * A vector clock to hold in the hand: one worker's view of how far all workers are, for users who order events of their
 * own. The runtime keeps its versions by itself and does not use it.
 */
import { MemorySyncError, messageOf, quote } from './errors.ts'
import { assertId } from './key.ts'
import {
  type Comparison,
  compareVersions,
  joinVersions,
  parseVersion,
  type Version,
  versionWorkersMax,
  withCounter,
} from './version-vector.ts'

/**
 * @example
 * const mine = new VectorClockManager('worker-1')
 * const sent = mine.increment()              // before sending an event: attach this clock
 * mine.update(receivedClock)                 // on receiving one
 * mine.happenedBefore(sent, mine.getClock()) // true
 */
export class VectorClockManager {
  readonly #workerId: string
  #clock: Version

  /** @throws `invalid_key` for a worker id that cannot be a segment of a key. */
  constructor(workerId: string) {
    this.#workerId = assertId(workerId, 'workerId')
    this.#clock = withCounter({}, workerId, 0)
  }

  /** A copy of the clock. At first it holds only this worker, at 0. */
  getClock(): Version {
    return joinVersions(this.#clock, {})
  }

  /**
   * Counts an event of this worker and returns a copy of the clock after it.
   *
   * @throws `invalid_value` when the counter is at 2^53-1.
   */
  increment(): Version {
    return this.#advance(this.#clock)
  }

  /**
   * Learns what `received` has seen, this worker's own counter included (an earlier life may have counted further), and
   * counts the receipt as an event. Returns a copy of the clock after it.
   *
   * @throws `invalid_value` for anything but a clock, when all workers together would be more than 256, or the own counter
   * is at 2^53-1; the clock stays as it was.
   */
  update(received: Version): Version {
    const joined = joinVersions(this.#clock, clockOf('the received clock', received))
    const workers = Object.keys(joined).length
    if (workers > versionWorkersMax) {
      throw new MemorySyncError(
        'invalid_value',
        `a clock may name at most ${versionWorkersMax} workers, together they are ${workers}`,
      )
    }
    return this.#advance(joined)
  }

  /**
   * How `a` stands to `b`: 'before' when b has seen all that a has and more. A worker that is missing counts as 0.
   *
   * @throws `invalid_value` for anything but two clocks.
   */
  compare(a: Version, b: Version): Comparison {
    return compareVersions(clockOf('the first clock', a), clockOf('the second clock', b))
  }

  /** Whether `b` has seen all that `a` has, and more. @throws `invalid_value` for anything but two clocks. */
  happenedBefore(a: Version, b: Version): boolean {
    return this.compare(a, b) === 'before'
  }

  #advance(clock: Version): Version {
    const counter = clock[this.#workerId] ?? 0
    if (counter >= Number.MAX_SAFE_INTEGER) {
      throw new MemorySyncError(
        'invalid_value',
        `the counter of ${quote(this.#workerId)} is at its end, ${counter}: go on under another worker id`,
      )
    }
    this.#clock = withCounter(clock, this.#workerId, counter + 1)
    return this.getClock()
  }
}

function clockOf(what: string, given: unknown): Version {
  try {
    return parseVersion(given)
  } catch (cause) {
    throw new MemorySyncError('invalid_value', `${what} is none: ${messageOf(cause)}`, { cause })
  }
}
