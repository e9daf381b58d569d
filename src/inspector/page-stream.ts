/**
 * The event stream of one page: pieces of the recording as server-sent events, as fast as the page reads and no faster. Knows no
 * request and no token.
 *
 * - E1 a page that does not read costs at most one piece beyond what its connection buffers: what it missed meanwhile is told by the
 *   cursor
 * - E2 one that reads nothing for {@link stalledMsMax} is disconnected
 */
import type { Writable } from 'node:stream'
import type { Clock, Timer } from '../ports/clock.ts'
import { type Cursor, type Piece, placeText } from './cursor.ts'
import type { Recorder } from './recorder.ts'

/** News of so many milliseconds goes together. */
export const gatherMs = 50
/** Between two comments on a quiet stream, which find out dead connections. */
export const aliveMs = 15_000
export const stalledMsMax = 30_000

export interface PageStreamParts {
  readonly clock: Clock
  readonly recorder: Recorder
  readonly cursor: Cursor
  readonly output: Writable
  /** Called once, when the connection is gone for whatever reason. */
  onEnd(): void
}

export class PageStream {
  readonly #parts: PageStreamParts
  readonly #forget: () => void
  /** Not while the page has not read what was written. */
  #isDrained = true
  #gather: Timer | null = null
  #watchdog: Timer | null = null
  #isEnded = false

  constructor(parts: PageStreamParts) {
    this.#parts = parts
    const { output, recorder } = parts
    output.on('drain', () => this.#drained())
    output.once('close', () => this.#ended())
    output.on('error', () => this.#ended())
    this.#forget = recorder.onAppend(() => this.#later())
    this.#rest()
    this.#pump()
  }

  /** Disconnects. Idempotent. */
  end(): void {
    this.#ended()
    this.#parts.output.destroy()
  }

  #later(): void {
    if (this.#isEnded || !this.#isDrained) return
    this.#gather ??= this.#parts.clock.setTimer(gatherMs, () => this.#pump(), { keepAlive: false })
  }

  #pump(): void {
    this.#gather?.cancel()
    this.#gather = null
    while (!this.#isEnded && this.#isDrained) {
      const piece = this.#parts.cursor.next()
      if (piece === null) return
      this.#write(textOf(piece))
    }
  }

  #write(text: string): void {
    this.#isDrained = this.#parts.output.write(text)
    if (!this.#isDrained) this.#watch(stalledMsMax, () => this.end())
  }

  #drained(): void {
    if (this.#isEnded) return
    this.#isDrained = true
    this.#rest()
    this.#pump()
  }

  #rest(): void {
    this.#watch(aliveMs, () => {
      this.#rest()
      this.#write(': alive\n\n')
    })
  }

  #watch(delayMs: number, fire: () => void): void {
    this.#watchdog?.cancel()
    this.#watchdog = this.#parts.clock.setTimer(delayMs, fire, { keepAlive: false })
  }

  #ended(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#gather?.cancel()
    this.#watchdog?.cancel()
    this.#forget()
    this.#parts.onEnd()
  }
}

function textOf(piece: Piece): string {
  switch (piece.type) {
    case 'records': {
      const id = piece.place === null ? '' : `id: ${placeText(piece.place)}\n`
      return `${id}data: [${piece.lines.join(',')}]\n\n`
    }
    case 'live':
      return `event: live\nid: ${placeText(piece.place)}\ndata: {}\n\n`
    case 'reset':
      // Without a field of its own a message has the id of the one before it.
      return `event: reset\nid:\ndata: ${JSON.stringify({ lost: piece.lost })}\n\n`
  }
}
