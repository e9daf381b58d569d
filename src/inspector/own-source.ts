/**
 * Reads what the own process tells of itself into the recording, in bounded portions and never in the middle of an actor's work. Knows
 * no page.
 */
import { messageOf } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { TraceSource, TraceWatch, TraceWatchOptions } from '../trace/trace-source.ts'
import type { TraceRecord } from '../wire/trace-record.ts'

/** Records are read together that come within so many milliseconds. */
const gatherMs = 20
/** Records read in one turn of the event loop. */
const readAtOnceMax = 2000

export interface OwnSourceParts {
  readonly clock: Clock
  readonly trace: TraceSource
  readonly options: TraceWatchOptions
  append(records: readonly TraceRecord[]): void
  report(message: string): void
}

export class OwnSource {
  readonly #parts: OwnSourceParts
  #watch: TraceWatch | null = null
  #timer: Timer | null = null
  /** What lived when the watch began has been told. */
  #introduced: () => void = () => {}

  constructor(parts: OwnSourceParts) {
    this.#parts = parts
  }

  /** Settles when what lives already has been told. Rejects with `closed` after the runtime's shutdown. */
  async start(): Promise<void> {
    const { trace, options } = this.#parts
    this.#watch = trace.watch(() => this.#later(gatherMs), options)
    await new Promise<void>((resolve) => {
      this.#introduced = resolve
      this.#read()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#watch?.stop()
    this.#watch = null
    this.#introduced()
  }

  #later(delayMs: number): void {
    this.#timer ??= this.#parts.clock.setTimer(delayMs, () => this.#wake(), { keepAlive: false })
  }

  #wake(): void {
    this.#timer = null
    try {
      this.#read()
    } catch (thrown) {
      // A timer of ours must not bring the host down.
      this.#parts.report(`the own process cannot be watched any more: ${messageOf(thrown)}`)
      this.stop()
    }
  }

  #read(): void {
    for (let left = readAtOnceMax; left > 0; ) {
      const records = this.#watch?.read() ?? []
      this.#parts.append(records)
      const seq = records.at(-1)?.seq ?? Number.POSITIVE_INFINITY
      if (seq >= (this.#watch?.introducedThrough ?? 0)) this.#introduced()
      if (records.length === 0) return
      left -= records.length
    }
    this.#later(0)
  }
}
