/**
 * Time as the house sees it. Real: `src/platform.ts`. Virtual: `src/testing/virtual-clock.ts`.
 * No deadline is ever computed from wall time if monotonic time can serve.
 */

export interface Timer {
  /** Idempotent; a cancelled timer never fires. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. May step back; never use it for a deadline of this machine. */
  wallMs(): number
  /** Milliseconds since the machine's boot, shared by all its processes, never falling. Integer. */
  monotonicMs(): number
  /** Names the current boot of this machine; null where that cannot be known (then leases are judged by observation). */
  readonly bootId: string | null
  /**
   * Calls `fire` once after `delayMs` (at least 0).
   * `keepAlive: false` lets the process exit before it fires. Default true.
   */
  setTimer(delayMs: number, fire: () => void, options?: { keepAlive?: boolean }): Timer
  /** Calls `run` in a later turn of the event loop, after pending I/O had its chance. */
  defer(run: () => void): void
}
