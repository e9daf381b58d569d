/**
 * The streams of a trace server: records as JSON lines, to each client at its own pace. Knows nothing of who may have them.
 *
 * - U3 a helping is written when the one before was taken, and in a turn of the event loop of its own
 */
import type { ServerResponse } from 'node:http'
import { MemorySyncError } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { TraceSource, TraceWatch } from './trace-source.ts'

export const clientsMax = 8
/** A client that takes nothing for so long is disconnected. */
export const stallMsMax = 30_000
/** The longest silence on a stream. */
export const signOfLifeMs = 2000
/** A client that comes back so soon goes on where it was: until then its process is watched as if it were there. */
export const resumeMsMax = 10_000
/** Records that are written at once. */
const linesMax = 200
/** Up to which number the records say what lived when the stream began; 0: it goes on behind what was asked for. */
export const introducedHeader = 'x-introduced-through'

export interface StreamHands {
  readonly trace: TraceSource
  readonly clock: Clock
}

/** Those that read, and who has just left. */
export class TraceStreams {
  readonly #hands: StreamHands
  readonly #streams = new Set<TraceStream>()
  #left: { readonly watch: TraceWatch; readonly timer: Timer } | null = null

  constructor(hands: StreamHands) {
    this.#hands = hands
  }

  get size(): number {
    return this.#streams.size
  }

  begin(response: ServerResponse, after: number | undefined): void {
    if (this.#streams.size >= clientsMax) {
      throw new MemorySyncError('backpressure', `${clientsMax} inspectors read from this process already; end one of them`)
    }
    const stream: TraceStream = new TraceStream(this.#hands, response, after, (watch) => {
      this.#streams.delete(stream)
      this.#forget()
      const timer = this.#hands.clock.setTimer(resumeMsMax, () => this.#forget(), { keepAlive: false })
      this.#left = { watch, timer }
    })
    this.#streams.add(stream)
    this.#forget()
    stream.begin()
  }

  end(): void {
    for (const stream of [...this.#streams]) stream.end()
    this.#forget()
  }

  #forget(): void {
    this.#left?.timer.cancel()
    this.#left?.watch.stop()
    this.#left = null
  }
}

/** One client's stream. */
class TraceStream {
  readonly #clock: Clock
  readonly #response: ServerResponse
  readonly #watch: TraceWatch
  /** Its watch is left to others. */
  readonly #ended: (watch: TraceWatch) => void
  #timer: Timer | null = null
  #isScheduled = false
  #isBlocked = false
  #hasBegun = false
  #isOver = false
  /** When the client has last taken something, monotonic. */
  #takenMs: number

  constructor(
    { trace, clock }: StreamHands,
    response: ServerResponse,
    after: number | undefined,
    ended: (watch: TraceWatch) => void,
  ) {
    this.#clock = clock
    this.#response = response
    this.#ended = ended
    this.#takenMs = clock.monotonicMs()
    this.#watch = trace.watch(() => this.#schedule(), after === undefined ? {} : { after })
  }

  begin(): void {
    const response = this.#response
    response.on('close', () => this.#end())
    response.on('error', () => this.#end())
    response.on('drain', () => {
      this.#isBlocked = false
      this.#takenMs = this.#clock.monotonicMs()
      this.#schedule()
    })
    this.#schedule()
    this.#look()
  }

  /** What was told already goes out, as far as the client takes it. */
  end(): void {
    if (this.#isOver) return
    while (!this.#isBlocked && this.#write());
    this.#response.end()
    this.#end()
  }

  /** Records come in the middle of others' work: they are sent later. */
  #schedule(): void {
    if (this.#isScheduled || this.#isBlocked || this.#isOver) return
    this.#isScheduled = true
    this.#clock.defer(() => {
      this.#isScheduled = false
      if (this.#isOver || this.#isBlocked) return
      // One helping per turn: a long stream must not hold up the process.
      if (this.#write()) this.#schedule()
    })
  }

  /** Returns whether there may be more to write. */
  #write(): boolean {
    const records = this.#watch.read(linesMax)
    if (!this.#hasBegun) {
      if (records.length === 0) return false
      this.#hasBegun = true
      this.#response.writeHead(200, {
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
        [introducedHeader]: String(this.#watch.introducedThrough),
      })
    }
    if (records.length === 0) return false
    let lines = ''
    for (const record of records) lines += `${JSON.stringify(record)}\n`
    this.#isBlocked = !this.#response.write(lines)
    return true
  }

  /** Shows that the process lives, and gives up clients that do not read. */
  #look(): void {
    if (this.#isOver) return
    const nowMs = this.#clock.monotonicMs()
    if (!this.#isBlocked) {
      this.#takenMs = nowMs
      if (this.#hasBegun) this.#isBlocked = !this.#response.write('\n')
    } else if (nowMs - this.#takenMs >= stallMsMax) {
      this.#response.destroy()
      this.#end()
      return
    }
    this.#timer = this.#clock.setTimer(signOfLifeMs, () => this.#look(), { keepAlive: false })
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer?.cancel()
    this.#ended(this.#watch)
  }
}
