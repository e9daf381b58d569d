/**
 * Deadlines that outlive the process that set them. A deadline carries both clocks, so that on the same boot the wall clock
 * may step without moving it, and elsewhere the wall clock still serves. Reads no clock itself.
 */

/** One look at a machine's clocks. */
export type Moment = {
  /** Milliseconds since 1970. */
  readonly wallMs: number
  /** Names the boot that `monotonicMs` belongs to; null when it is not known. */
  readonly bootId: string | null
  /** Milliseconds since that boot. */
  readonly monotonicMs: number
}

/** The moment at which something is due, as the machine that set it saw it. */
export type Deadline = Moment

/** What `Moment` needs of a clock. */
export interface MomentClock {
  readonly bootId: string | null
  wallMs(): number
  monotonicMs(): number
}

export function momentOf(clock: MomentClock): Moment {
  return { wallMs: clock.wallMs(), bootId: clock.bootId, monotonicMs: clock.monotonicMs() }
}

/** Due `delayMs` after `now`; a negative delay is due at once. */
export function deadlineIn(delayMs: number, now: Moment): Deadline {
  const delay = Math.max(0, Math.ceil(delayMs))
  return { wallMs: now.wallMs + delay, bootId: now.bootId, monotonicMs: now.monotonicMs + delay }
}

/**
 * Milliseconds until the deadline, 0 when it has passed. On the boot that set it, by monotonic time: an hour's step of the
 * wall clock changes nothing. After a reboot, on another machine, or where the boot has no name, by wall time.
 */
export function deadlineLeftMs(deadline: Deadline, now: Moment): number {
  const isSameBoot = deadline.bootId !== null && deadline.bootId === now.bootId
  return Math.max(0, isSameBoot ? deadline.monotonicMs - now.monotonicMs : deadline.wallMs - now.wallMs)
}
