/**
 * The open stream of a client: what the server says of its own accord, as server-sent events. Owns its framing and its bound; knows
 * no session.
 *
 * - E1 a client that does not read costs at most `bytesMax`: then it is cut off, and connects again
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import type { Clock, Timer } from '../ports/clock.ts'

/** Waiting for a client to read. Notifications say only that something changed, a few hundred bytes each. */
export const streamBytesMax = 1024 * 1024
/** Between two comments that keep proxies from taking a quiet stream for a dead one, and that find out dead clients. */
export const streamAliveMs = 15_000

export interface EventStreamParts {
  readonly clock: Clock
  readonly bytesMax?: number
  /** Ends the connection without waiting for what was not read. */
  disconnect(): void
  /** Called once, when nothing more can be sent. */
  onEnd(): void
}

export class EventStream {
  /** To be sent to the client. */
  readonly body: ReadableStream<Uint8Array>
  readonly #parts: EventStreamParts
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #timer: Timer | null = null

  constructor(parts: EventStreamParts) {
    this.#parts = parts
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      this.#controller = controller
    }
    const highWaterMark = parts.bytesMax ?? streamBytesMax
    this.body = new ReadableStream({ start, cancel: () => this.#ended() }, new ByteLengthQueuingStrategy({ highWaterMark }))
    this.#stayAlive()
  }

  send(message: JSONRPCMessage): void {
    this.#write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
  }

  /** What was sent before still reaches a client that reads. Idempotent. */
  end(): void {
    const controller = this.#controller
    this.#ended()
    controller?.close()
  }

  #write(text: string): void {
    const controller = this.#controller
    if (controller === null) return
    const bytes = this.#encoder.encode(text)
    if ((controller.desiredSize ?? 0) >= bytes.byteLength) {
      controller.enqueue(bytes)
    } else {
      this.#ended()
      this.#parts.disconnect()
    }
  }

  #stayAlive(): void {
    this.#timer = this.#parts.clock.setTimer(
      streamAliveMs,
      () => {
        this.#write(': alive\n\n')
        if (this.#controller !== null) this.#stayAlive()
      },
      { keepAlive: false },
    )
  }

  #ended(): void {
    if (this.#controller === null) return
    this.#controller = null
    this.#timer?.cancel()
    this.#parts.onEnd()
  }
}
