/**
 * XState's clock over ours, so that `after` and delayed sends run on whatever clock the runtime was given. Knows no actor.
 */
import type { Clock, Timer } from '../ports/clock.ts'

/** The shape that `createActor(machine, { clock })` takes. */
export interface XstateClock {
  readonly setTimeout: (fire: (...args: unknown[]) => void, delayMs: number) => Timer
  readonly clearTimeout: (id: Timer | undefined) => void
}

/**
 * @param options.keepAlive whether a pending delay keeps the process running. Default true, as with the platform's timers.
 */
export function xstateClock(clock: Clock, options: { readonly keepAlive?: boolean } = {}): XstateClock {
  const timerOptions = { keepAlive: options.keepAlive ?? true }
  return {
    setTimeout: (fire, delayMs) => clock.setTimer(Math.max(0, delayMs), () => fire(), timerOptions),
    // XState clears ids that it may never have set.
    clearTimeout: (id) => id?.cancel(),
  }
}
