/**
 * Serving one client over standard input and output: one JSON message a line. Owns the two streams and how it ends: when the client
 * closes its end, the calls that are being worked on are answered first. Knows no tool.
 *
 * - O1 nothing but protocol is written to the output
 * - O2 a line that is no message is reported and skipped; a message longer than `messageBytesMax` ends the connection
 */
import { stdin, stdout } from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { MemoryServer } from './memory-server.ts'

export const messageBytesMax = 10 * 1024 * 1024
/** After the end of the input: so long may the calls take that are being worked on. Clients kill a server after two seconds. */
export const lastCallsMsMax = 1000

export interface StdioOptions {
  /** Default: the process's standard input. */
  readonly input?: Readable
  /** Default: the process's standard output, which nobody else may write to then. */
  readonly output?: Writable
}

/**
 * Serves the client at the other end of the streams; settles when it is gone and its session is over.
 *
 * @throws what `server.connect` does
 */
export async function serveStdio(server: MemoryServer, { input = stdin, output = stdout }: StdioOptions = {}): Promise<void> {
  const session = await server.connect(new StdioTransport(input, output, server.runtime.inside.clock))
  await session.closed
}

class StdioTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #input: Readable
  readonly #output: Writable
  readonly #clock: Clock
  readonly #buffer = new ReadBuffer({ maxBufferSize: messageBytesMax })
  /** Requests that are not answered yet. */
  readonly #unanswered = new Set<string | number>()
  #drained: Promise<void> | null = null
  #timer: Timer | null = null
  #hasInputEnded = false
  #isClosed = false

  constructor(input: Readable, output: Writable, clock: Clock) {
    this.#input = input
    this.#output = output
    this.#clock = clock
  }

  async start(): Promise<void> {
    this.#input.on('data', this.#onData)
    this.#input.on('end', this.#onEnd)
    this.#input.on('close', this.#onEnd)
    this.#input.on('error', this.#onEnd)
    // A client that was killed: writing to it fails, which must not bring the process down.
    this.#output.on('error', this.#onGone)
    this.#output.on('close', this.#onGone)
    if (this.#input.readableEnded || this.#input.destroyed) this.#onEnd()
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#isClosed) throw new MemorySyncError('closed', 'the client is gone')
    const hasRoom = this.#output.write(serializeMessage(message))
    if ('id' in message && message.id !== undefined && !('method' in message)) this.#answered(message.id)
    if (!hasRoom) await this.#whenDrained()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.cancel()
    this.#input.off('data', this.#onData)
    this.#input.off('end', this.#onEnd)
    this.#input.off('close', this.#onEnd)
    this.#input.off('error', this.#onEnd)
    // An open pipe that nobody reads from would keep the process alive.
    this.#input.pause()
    this.#buffer.clear()
    this.onclose?.()
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#buffer.append(chunk)
    } catch (thrown) {
      this.onerror?.(new MemorySyncError('too_large', `a message is too long: ${messageOf(thrown)}`, { cause: thrown }))
      void this.close()
      return
    }
    for (;;) {
      try {
        const message = this.#buffer.readMessage()
        if (message === null) return
        this.#noteRequest(message)
        this.onmessage?.(message)
      } catch (thrown) {
        this.onerror?.(new MemorySyncError('invalid_value', `a line is no message: ${messageOf(thrown)}`, { cause: thrown }))
      }
    }
  }

  readonly #onEnd = (): void => {
    if (this.#hasInputEnded || this.#isClosed) return
    this.#hasInputEnded = true
    if (this.#unanswered.size === 0) void this.close()
    else this.#timer = this.#clock.setTimer(lastCallsMsMax, () => void this.close())
  }

  readonly #onGone = (): void => {
    void this.close()
  }

  #noteRequest(message: JSONRPCMessage): void {
    if (!('method' in message)) return
    if ('id' in message) this.#unanswered.add(message.id)
    // A cancelled request is not answered.
    else if (message.method === 'notifications/cancelled') {
      const id: unknown = message.params?.requestId
      if (typeof id === 'string' || typeof id === 'number') this.#answered(id)
    }
  }

  #answered(id: string | number): void {
    this.#unanswered.delete(id)
    if (this.#hasInputEnded && this.#unanswered.size === 0) void this.close()
  }

  /** One listener for all who wait. */
  #whenDrained(): Promise<void> {
    this.#drained ??= new Promise((resolve) => {
      const done = (): void => {
        this.#output.off('drain', done)
        this.#output.off('close', done)
        this.#drained = null
        resolve()
      }
      this.#output.on('drain', done)
      this.#output.on('close', done)
    })
    return this.#drained
  }
}
