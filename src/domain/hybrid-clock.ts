/**
 * Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): timestamps near wall time that never fall and
 * respect causality. Knows no clock of the machine: the caller gives the wall time.
 */

export interface HybridTimestamp {
  /** Milliseconds since 1970. */
  readonly ms: number
  /** Orders events within one millisecond. */
  readonly counter: number
}

/** A remote timestamp further ahead than this is clamped; the caller reports it. */
export const remoteAheadMaxMs = 60_000

/**
 * The counter goes on in the next millisecond after this many. Only a broken or hostile remote reaches it: without it, a
 * counter near 2^53 would make all later timestamps equal.
 */
export const hybridCounterMax = 2 ** 31 - 1

export class HybridClock {
  #ms = 0
  #counter = 0

  /** The next timestamp: later than all issued and all observed before, even when the wall clock stepped back. */
  tick(wallMs: number): HybridTimestamp {
    if (wallMs > this.#ms) {
      this.#ms = wallMs
      this.#counter = 0
    } else {
      this.#counter++
      this.#carry()
    }
    return { ms: this.#ms, counter: this.#counter }
  }

  /**
   * Learns of a timestamp from elsewhere, so that later own ones follow it.
   *
   * @returns false when it was more than {@link remoteAheadMaxMs} ahead of the wall clock and only that much was believed.
   */
  observe(remote: HybridTimestamp, wallMs: number): boolean {
    const limit = wallMs + remoteAheadMaxMs
    const clamped = remote.ms > limit
    const ms = clamped ? limit : remote.ms
    const counter = clamped ? 0 : remote.counter
    if (ms > this.#ms) {
      this.#ms = ms
      this.#counter = counter
    } else if (ms === this.#ms && counter > this.#counter) {
      this.#counter = counter
    }
    this.#carry()
    return !clamped
  }

  #carry(): void {
    if (this.#counter <= hybridCounterMax) return
    this.#ms++
    this.#counter = 0
  }

  /** The latest time issued or observed, or the wall time if that is later: what "now" means for this writer. */
  nowMs(wallMs: number): number {
    return Math.max(this.#ms, wallMs)
  }
}

export function compareTimestamps(a: HybridTimestamp, b: HybridTimestamp): number {
  return a.ms - b.ms || a.counter - b.counter
}
