/**
 * `fetch` as the SDK's HTTP transport is given it, over `node:http`: Node's own takes a millisecond of processor more for each request,
 * which for a full batch is as much as all else. Owns sockets and the life of a request. Knows nothing of what is in it.
 *
 * - H1 every request has a signal of its own. The transport hands one and the same to all, and each would leave a listener on it until
 *   it is collected: over 1,500 in flight, or just not yet collected, Node floods stderr with warnings. Here it has one listener
 * - H2 a request is aborted when the transport closes, and at the latest after `replyMsMax`: no socket outlives its call for ever
 * - H3 no stream for news is opened: the stores ask for changes, and the stream's own reconnecting would only make noise
 * - H4 a redirect is given to the transport as it came: what may be followed is its to decide
 */
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import { MemorySyncError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'

export interface HttpFetchOptions {
  readonly clock: Clock
  /** Milliseconds; longer than any caller waits. */
  readonly replyMsMax: number
  /** A reply in one piece that is larger ends its request. An event stream is read piece by piece, and its reader bounds it. */
  readonly replyBytesMax: number
}

/** Milliseconds; what accepts no connection for so long surely runs nothing. */
export const connectMsMax = 10_000
/** Milliseconds that a socket waits for its next request: less than servers keep theirs (Node 5 s, others longer). */
const idleMsMax = 3000
/** Statuses whose replies have no body, and of which `Response` takes none. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

export function httpFetch({ clock, replyMsMax, replyBytesMax }: HttpFetchOptions): FetchLike {
  const inFlight = new Map<http.ClientRequest, http.IncomingMessage | null>()
  const followed = new WeakSet<AbortSignal>()
  const agents = {
    'http:': new http.Agent({ keepAlive: true, timeout: idleMsMax }),
    'https:': new https.Agent({ keepAlive: true, timeout: idleMsMax }),
  }

  /** Whoever waits for the reply, or reads it, is told the reason. */
  function end(request: http.ClientRequest, reason: Error): void {
    const stream = inFlight.get(request) ?? request
    stream.destroy(reason)
  }

  function follow(shared: AbortSignal): void {
    if (followed.has(shared)) return
    followed.add(shared)
    const abortAll = (): void => {
      for (const request of [...inFlight.keys()]) end(request, shared.reason)
    }
    shared.addEventListener('abort', abortAll, { once: true })
  }

  function send(target: URL, init: RequestInit | undefined): http.ClientRequest {
    const headers = Object.fromEntries(new Headers(init?.headers))
    const body = typeof init?.body === 'string' ? Buffer.from(init.body) : null
    if (body !== null) headers['content-length'] = String(body.length)
    const isTls = target.protocol === 'https:'
    const agent = agents[isTls ? 'https:' : 'http:']
    const request = (isTls ? https : http).request(target, { method: init?.method ?? 'GET', headers, agent })
    const late = (): void => end(request, new DOMException(`no whole reply within ${replyMsMax} ms`, 'TimeoutError'))
    const timer = clock.setTimer(replyMsMax, late, { keepAlive: false })
    inFlight.set(request, null)
    request.once('response', (reply) => inFlight.set(request, reply))
    request.once('close', () => {
      timer.cancel()
      inFlight.delete(request)
    })
    request.once('socket', (socket) => {
      if (!socket.connecting) return
      const giveUp = (): void => {
        const message = `${target.host} accepts no connection for ${connectMsMax} ms`
        end(request, new MemorySyncError('store_unavailable', message))
      }
      const connecting = clock.setTimer(connectMsMax, giveUp, { keepAlive: false })
      socket.once('connect', () => connecting.cancel())
      socket.once('close', () => connecting.cancel())
    })
    request.end(body ?? undefined)
    return request
  }

  return async (url, init) => {
    // 405 is how a server says that it offers no such stream.
    if (init?.method === 'GET') return new Response(null, { status: 405 })
    const shared = init?.signal
    if (shared?.aborted) throw shared.reason
    if (shared) follow(shared)
    const request = send(new URL(url), init)
    const reply = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    return responseOf(reply, replyBytesMax)
  }
}

async function responseOf(reply: http.IncomingMessage, bytesMax: number): Promise<Response> {
  const { statusCode: status = 0, statusMessage: statusText, headersDistinct } = reply
  const headers = new Headers()
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value)
  }
  const init = { status, headers, ...(statusText === undefined ? {} : { statusText }) }
  if (bodiless.has(status)) {
    reply.resume()
    return new Response(null, init)
  }
  if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
    return new Response(Readable.toWeb(reply) as ReadableStream<Uint8Array>, init)
  }
  // It ends by itself: whole, it is cheaper than as a stream.
  return new Response(await whole(reply, bytesMax), init)
}

async function whole(reply: http.IncomingMessage, bytesMax: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax)
      throw new MemorySyncError('too_large', `the reply is larger than ${bytesMax} bytes, which is as large as one may be`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
