/**
 * How far it is: a live line at a terminal, otherwise a plain line now and then, and none while nothing changes. Owns the
 * rhythm; what is said comes from outside.
 */
import type { Clock, Timer } from '../ports/clock.ts'
import type { Output } from './output.ts'

/** Between two updates of the live line. */
export const liveIntervalMs = 100

export class Progress {
  readonly #output: Output
  readonly #clock: Clock
  readonly #text: () => string
  readonly #intervalMs: number
  #timer: Timer | null = null
  #said: string

  /** @param plainIntervalMs between two plain lines. */
  constructor(output: Output, clock: Clock, text: () => string, plainIntervalMs: number) {
    this.#output = output
    this.#clock = clock
    this.#text = text
    this.#intervalMs = output.hasLiveLine ? liveIntervalMs : plainIntervalMs
    this.#said = text()
    this.#show()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#output.live(null)
  }

  #show(): void {
    const text = this.#text()
    if (this.#output.hasLiveLine) this.#output.live(text)
    else if (text !== this.#said) this.#output.say(text)
    this.#said = text
    this.#timer = this.#clock.setTimer(this.#intervalMs, () => this.#show(), { keepAlive: false })
  }
}

/** `[######..............]` */
export function bar(done: number, all: number, width = 20): string {
  const full = all === 0 ? width : Math.floor((done / all) * width)
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}
