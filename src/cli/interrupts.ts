/**
 * Ctrl-C and its relatives. The first asks the command to end, the second ends the process at once. The library installs no
 * signal handlers; this is where they are. Knows no command.
 */
import type { Clock } from '../ports/clock.ts'
import { exitCodes, interrupted } from './exit-codes.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The same signal again within so many milliseconds is the first one told twice: a terminal sends Ctrl-C to the whole process
 * group, and npm passes it on to its child once more.
 */
export const echoMs = 300

export class Interrupts {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  #first: { readonly name: string; readonly atMs: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Aborted by the first signal, or when there is nobody left to write for. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether a signal came, and not just the end of the reader. */
  get wasSignalled(): boolean {
    return this.#first !== null
  }

  install(): void {
    for (const name of signals) process.on(name, () => this.#received(name))
  }

  /** Ends the command as a signal would, without being one. */
  stop(): void {
    this.#controller.abort(interrupted('nobody reads the output'))
  }

  /** Settles with the first interruption; never rejects. */
  happened(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve()
      else this.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** The promise's result. @throws the interruption when that comes first. */
  async orThrow<T>(promise: Promise<T>): Promise<T> {
    const interruption = this.happened().then(() => {
      throw this.signal.reason
    })
    // Whichever comes second has nobody to tell.
    interruption.catch(() => {})
    promise.catch(() => {})
    return Promise.race([promise, interruption])
  }

  #received(name: string): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#first === null) {
      this.#first = { name, atMs: nowMs }
      this.#controller.abort(interrupted(`interrupted by ${name}`))
    } else if (this.#first.name !== name || nowMs - this.#first.atMs >= echoMs) {
      process.exit(exitCodes.interrupted)
    }
  }
}
