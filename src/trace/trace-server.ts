/**
 * Serves what happens in this process to inspectors of the same machine: a stream of records, and a door for events. On loopback,
 * for who has the token. Knows the trace by its interface and HTTP; who may know the token is the beacon's business.
 *
 * - `GET  /trace?after=<seq>` records as JSON lines, without `after` from those that live; `x-introduced-through` says up to where
 *   they tell of these. An empty line is a sign of life.
 * - `POST /send`              `{ address, event }` -> `{ ok: true }`, or 403 unless events are allowed
 *
 * - U1 nothing here keeps the process alive, and nothing is thrown into it
 * - U2 what a client does not read is not kept for it: the ring is all there is
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { tokenCheck } from '../http/guards.ts'
import { readJsonBody } from '../http/json-body.ts'
import type { Clock } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { TraceSource } from './trace-source.ts'
import { TraceStreams } from './trace-streams.ts'

/** Each client holds one connection, and another for a moment to send an event. */
const connectionsMax = 32
export const sendBodyBytesMax = 64 * 1024
/** How long clients may take to read their end. */
const closeMsMax = 1000

export interface TraceServerHands {
  readonly trace: TraceSource
  readonly clock: Clock
  readonly token: string
  allowsActions(): boolean
  report(error: MemorySyncError): void
}

export interface TraceServer {
  /** `http://127.0.0.1:<port>/trace` */
  readonly url: string
  /** Streams that are open. */
  readonly clients: number
  /** Ends all streams, after what was told already has been sent to those that read. Settles when the port is free. */
  close(): Promise<void>
}

/** @throws `aborted` when no port can be had. */
export async function startTraceServer(hands: TraceServerHands): Promise<TraceServer> {
  const { createServer } = await import('node:http')
  const streams = new TraceStreams(hands)
  const isToken = tokenCheck(hands.token)
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    answer(hands, isToken, server, streams, request, response).catch((thrown) => refuse(response, thrown))
  })
  server.maxConnections = connectionsMax
  server.on('connection', (socket) => {
    socket.unref()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new MemorySyncError('aborted', `inspectors cannot be served: ${messageOf(cause)}`, { cause }))
    })
    server.listen({ host: '127.0.0.1', port: 0 }, resolve)
  })
  server.unref()
  server.on('error', (cause) =>
    hands.report(new MemorySyncError('aborted', `serving inspectors: ${messageOf(cause)}`, { cause })),
  )
  return {
    url: `http://127.0.0.1:${portOf(server)}/trace`,
    get clients() {
      return streams.size
    },
    async close() {
      streams.end()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of [...sockets]) socket.destroySoon()
      // Who does not read its end is not waited for.
      const timer = hands.clock.setTimer(closeMsMax, () => {
        for (const socket of [...sockets]) socket.destroy()
      })
      await closed
      timer.cancel()
    },
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function answer(
  hands: TraceServerHands,
  isToken: ReturnType<typeof tokenCheck>,
  server: Server,
  streams: TraceStreams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { host, origin, authorization } = request.headers
  const port = portOf(server)
  // Pages of any site may try loopback ports; none can set these, nor learn the token.
  if ((host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) || origin !== undefined)
    return reply(response, 403, forbidden)
  if (!isToken(authorization)) return reply(response, 401, unknownToken)
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (request.method === 'GET' && pathname === '/trace') {
    streams.begin(response, afterOf(searchParams.get('after')))
    return
  }
  if (request.method === 'POST' && pathname === '/send') return reply(response, 200, await send(hands, request))
  reply(response, 404, errorBody('not_supported', `there is no ${request.method} ${pathname.slice(0, 100)} here`))
}

async function send({ trace, allowsActions }: TraceServerHands, request: IncomingMessage): Promise<object> {
  if (!allowsActions()) throw new MemorySyncError('not_supported', 'the inspector was not started with --allow-actions')
  const body = await readJsonBody(request, sendBodyBytesMax)
  const { address, event } = (typeof body === 'object' && body !== null ? body : {}) as { address?: unknown; event?: unknown }
  if (typeof address !== 'string') {
    throw new MemorySyncError('invalid_option', `the address must be a text such as "task/42", not ${quote(address)}`)
  }
  // What is no event is refused by who sends it.
  await trace.send(address, event as PostEvent)
  return { ok: true }
}

function afterOf(given: string | null): number | undefined {
  if (given === null) return undefined
  const after = Number(given)
  if (Number.isSafeInteger(after) && after >= 0 && given !== '') return after
  throw new MemorySyncError('invalid_option', `after must be the number of a record, not ${quote(given)}`)
}

const forbidden = errorBody('not_supported', 'this is served to inspectors of this machine only, not to pages')
const unknownToken = errorBody('not_supported', 'the token is missing or unknown')
const statusByCode: Readonly<Record<string, number>> = { too_large: 413, backpressure: 429, closed: 503 }

function errorBody(code: string, message: string): object {
  return { error: { code, message } }
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const { code, message } = MemorySyncError.from(thrown, 'aborted')
  const status = code === 'not_supported' ? 403 : (statusByCode[code] ?? 400)
  reply(response, status, errorBody(code, message))
}

function reply(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  response.end(JSON.stringify(body))
}
