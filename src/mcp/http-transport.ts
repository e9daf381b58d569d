/**
 * One client's connection over Streamable HTTP, as the SDK's server wants a transport: answers go back as the JSON body of the request
 * that asked, all else to the client's open stream. Knows neither HTTP's heads nor who may speak.
 *
 * The SDK has a transport of its own. When it answers with JSON it keeps every answer until the session ends, leaves the request of a
 * cancelled call open for ever, and queues for a client that does not read without a bound.
 *
 * - R1 every exchange ends: by its answers, by cancellation, or with the connection
 * - R2 nothing of an exchange is kept when it has ended
 */
import type { Transport, TransportSendOptions } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  type CancelledNotification,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js'
import type { EventStream } from './http-event-stream.ts'

/** Requests that came in one body, and what was answered so far. */
interface Exchange {
  readonly answers: JSONRPCMessage[]
  left: number
  readonly resolve: (answers: readonly JSONRPCMessage[]) => void
}

export class HttpTransport implements Transport {
  readonly sessionId: string
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #exchangeById = new Map<RequestId, Exchange>()
  readonly #onEnd: () => void
  #stream: EventStream | null = null
  #isClosed = false

  /** @param onEnd called once, when the connection is over for whatever reason. */
  constructor(sessionId: string, onEnd: () => void) {
    this.sessionId = sessionId
    this.#onEnd = onEnd
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async start(): Promise<void> {}

  /** Never waits: what nobody can be told any more is dropped. */
  async send(message: JSONRPCMessage, _options?: TransportSendOptions): Promise<void> {
    if (isAnswer(message)) this.#settle(message.id, message)
    else this.#stream?.send(message)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const id of [...this.#exchangeById.keys()]) this.#settle(id, null)
    this.closeStream()
    this.#onEnd()
    this.onclose?.()
  }

  /**
   * Whether a message is one of several with its id, or one with this id is being worked on: nobody could tell their answers apart.
   */
  hasAmbiguousId(messages: readonly JSONRPCMessage[]): boolean {
    const ids = messages.filter(isJSONRPCRequest).map(({ id }) => id)
    return new Set(ids).size < ids.length || ids.some((id) => this.#exchangeById.has(id))
  }

  /** The answers to the requests among the messages; fewer when some were cancelled or the connection ended. Never rejects. */
  exchange(messages: readonly JSONRPCMessage[]): Promise<readonly JSONRPCMessage[]> {
    const requests = messages.filter(isJSONRPCRequest)
    return new Promise((resolve) => {
      const exchange: Exchange = { answers: [], left: requests.length, resolve }
      if (this.#isClosed || requests.length === 0) resolve([])
      if (this.#isClosed) return
      for (const { id } of requests) this.#exchangeById.set(id, exchange)
      for (const message of messages) {
        this.onmessage?.(message)
        const cancelled = cancelledBy(message)
        // The server does not answer what was cancelled.
        if (cancelled !== undefined) this.#settle(cancelled, null)
      }
    })
  }

  /** @returns false when the client has a stream already. */
  openStream(make: () => EventStream): boolean {
    if (this.#stream !== null || this.#isClosed) return false
    this.#stream = make()
    return true
  }

  /** Forgets the stream, and ends it if it has not ended. */
  closeStream(): void {
    const stream = this.#stream
    this.#stream = null
    stream?.end()
  }

  #settle(id: RequestId | undefined, answer: JSONRPCMessage | null): void {
    const exchange = id === undefined ? undefined : this.#exchangeById.get(id)
    if (exchange === undefined || id === undefined) return
    this.#exchangeById.delete(id)
    if (answer !== null) exchange.answers.push(answer)
    if (--exchange.left === 0) exchange.resolve(exchange.answers)
  }
}

function isAnswer(message: JSONRPCMessage): message is JSONRPCMessage & { readonly id: RequestId } {
  return isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)
}

function cancelledBy(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  return (message as CancelledNotification).params?.requestId
}
