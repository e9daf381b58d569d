/**
 * The MCP server over HTTP (Streamable HTTP, one session per client). Owns the way of a request: who may speak, what fits, whose
 * session it is; and the end of them all. What is said is the business of the `MemoryServer`.
 *
 * - H1 a request is refused before its body is read wherever its head says enough
 * - H2 no answer tells what is inside of this process: no stack, no path
 * - H3 what may pile up has a bound: connections, sessions, requests under way and the bytes of their bodies
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { isInitializeRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js'
import type { Context, Hono } from 'hono'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { isAllowedHost, isAllowedOrigin, tokenCheck } from '../http/guards.ts'
import type { Clock } from '../ports/clock.ts'
import {
  badRequest,
  busy,
  forbidden,
  jsonResponse,
  mediaRefusal,
  methodNotAllowed,
  noSession,
  notAcceptable,
  type Refusal,
  refuse,
  rpcCodes,
  unauthorized,
} from './http-answers.ts'
import { type Body, declaredBytesOf, readBody, tooLarge } from './http-body.ts'
import { EventStream } from './http-event-stream.ts'
import { type CheckedHttpOptions, checkHttpOptions, type HttpServerOptions } from './http-options.ts'
import { type HttpSession, HttpSessions } from './http-sessions.ts'
import type { MemoryServer } from './memory-server.ts'
import { loadOptional } from './optional-package.ts'

export interface HttpServer {
  /** Where clients connect: `http://127.0.0.1:7438/mcp`. */
  readonly url: string
  /** Takes nothing new, gives what is under way `drainMs` to end, ends all sessions and connections. Idempotent. */
  close(): Promise<void>
}

export const mcpPath = '/mcp'
export const healthPath = '/health'
/** Open connections; a client with many calls in flight has one for each. */
export const connectionsMax = 4096
/** Bodies of requests under way, all together. */
export const bodiesBytesMax = 128 * 1024 * 1024
/** A connection without requests stays open so long: longer than clients like to keep one. */
const connectionIdleMs = 60_000
const sessionHeader = 'mcp-session-id'

type Call = Context<{ Bindings: HttpBindings }>
type Packages = [hono: typeof import('hono'), nodeServer: typeof import('@hono/node-server')]

/**
 * Serves `server` to the network. The caller closes both: this one first.
 *
 * @throws `invalid_option` for options out of range, a place that other machines can reach without a token, and an address that
 * cannot be listened at; `not_supported` when `hono` or `@hono/node-server` is not installed
 */
export async function serveHttp(server: MemoryServer, options: HttpServerOptions = {}): Promise<HttpServer> {
  const checked = checkHttpOptions(options)
  // Loaded here, so that who serves by stdio need not install them.
  const load = (): Promise<Packages> => Promise.all([import('hono'), import('@hono/node-server')])
  const packages = await loadOptional(load, 'serving over HTTP', ['hono', '@hono/node-server'])
  const door = new HttpDoor(server, checked, packages)
  await door.listen()
  return door
}

class HttpDoor implements HttpServer {
  url = ''
  readonly #options: CheckedHttpOptions
  readonly #clock: Clock
  readonly #sessions: HttpSessions
  readonly #node: Server
  #inFlight = 0
  #bodiesBytes = 0
  #closing: Promise<void> | null = null
  /** The last request under way has ended. */
  #drained: () => void = () => {}

  constructor(server: MemoryServer, options: CheckedHttpOptions, [hono, nodeServer]: Packages) {
    const { clock, random } = server.runtime.inside
    const { logger, sessionsMax, sessionIdleMs: idleMs, headMsMax, requestMsMax } = options
    this.#options = options
    this.#clock = clock
    const report = (thrown: unknown): void => logger.warn(`the end of a session failed: ${messageOf(thrown)}`)
    this.#sessions = new HttpSessions({ server, clock, random, sessionsMax, idleMs, report })
    this.#node = nodeServer.createAdaptorServer({
      fetch: this.#route(new hono.Hono()).fetch,
      // A library leaves the host's globals as they are.
      overrideGlobalObjects: false,
      serverOptions: {
        headersTimeout: Math.min(headMsMax, requestMsMax),
        requestTimeout: requestMsMax,
        connectionsCheckingInterval: Math.ceil(Math.min(headMsMax, requestMsMax) / 2),
        keepAliveTimeout: connectionIdleMs,
      },
    }) as Server
    this.#node.maxConnections = connectionsMax
  }

  async listen(): Promise<void> {
    const { port, host, logger } = this.#options
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => reject(cannotListen(host, port, cause))
      this.#node.once('error', failed)
      this.#node.listen(port, host, () => {
        this.#node.off('error', failed)
        this.#node.on('error', (error) => logger.error(`the HTTP server failed: ${error.message}`))
        resolve()
      })
    })
    const { port: taken } = this.#node.address() as AddressInfo
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${taken}${mcpPath}`
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#node.close(() => resolve()))
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(this.#options.drainMs, resolve)
        this.#drained = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    await this.#sessions.close()
    // The last answers are on their way.
    await new Promise<void>((resolve) => this.#clock.defer(resolve))
    this.#node.closeAllConnections()
    await closed
  }

  #route(app: Hono<{ Bindings: HttpBindings }>): Hono<{ Bindings: HttpBindings }> {
    const { token, logger } = this.#options
    const isToken = token === null ? () => true : tokenCheck(token)
    app.use(async (call, next) => {
      const refusal = this.#refusalOfSite(call.req.header('host'), call.req.header('origin'))
      if (refusal === null) await next()
      else call.res = refuse(refusal)
      call.res.headers.set('X-Content-Type-Options', 'nosniff')
      call.res.headers.set('Cache-Control', 'no-store')
    })
    app.get(healthPath, () => jsonResponse(200, { ok: true }))
    app.all(mcpPath, (call) => (isToken(call.req.header('authorization')) ? this.#answer(call) : refuse(unauthorized)))
    app.notFound(() => refuse({ status: 404, code: rpcCodes.refused, message: `there is nothing here; MCP is at ${mcpPath}` }))
    app.onError((thrown) => {
      logger.error(`a request failed: ${messageOf(thrown)}`, { thrown: thrown.stack })
      return refuse({ status: 500, code: rpcCodes.internalError, message: 'Internal error: the log of the server tells more' })
    })
    return app
  }

  #refusalOfSite(host: string | undefined, origin: string | undefined): Refusal | null {
    if (!isAllowedHost(host, this.#options)) return forbidden(`Host ${quote(host)}`, '--allow-host')
    return isAllowedOrigin(origin, this.#options) ? null : forbidden(`Origin ${quote(origin)}`, '--allow-origin')
  }

  #answer(call: Call): Promise<Response> | Response {
    if (this.#closing !== null) return refuse(busy('the server is shutting down', 5))
    // Not what the router takes it for: it lets HEAD be answered by what answers GET.
    switch (call.req.raw.method) {
      case 'POST':
        return this.#post(call)
      case 'GET':
        return this.#openStream(call)
      case 'DELETE':
        return this.#endSession(call)
      default:
        return refuse(methodNotAllowed)
    }
  }

  async #post(call: Call): Promise<Response> {
    const { bodyBytesMax, inFlightMax } = this.#options
    const refusal = mediaRefusal(call.req.header('accept'), call.req.header('content-type'))
    if (refusal !== null) return refuse(refusal)
    const bytes = declaredBytesOf(call.req.raw) ?? bodyBytesMax
    if (bytes > bodyBytesMax) return refuse(tooLarge(bodyBytesMax))
    if (this.#inFlight >= inFlightMax || this.#bodiesBytes + bytes > Math.max(bodiesBytesMax, bodyBytesMax)) {
      return refuse(busy(`${this.#inFlight} requests are under way, which is as many as there may be; wait for some of them`, 1))
    }
    this.#inFlight++
    this.#bodiesBytes += bytes
    try {
      const body = await readBody(call.req.raw, bodyBytesMax)
      return 'messages' in body ? await this.#deliver(call, body) : refuse(body)
    } finally {
      this.#bodiesBytes -= bytes
      if (--this.#inFlight === 0) this.#drained()
    }
  }

  async #deliver(call: Call, body: Body): Promise<Response> {
    const { messages } = body
    const isInitialize = messages.some(isInitializeRequest)
    const session = isInitialize ? await this.#begin(call, body) : this.#sessionOf(call)
    if (!('transport' in session)) return refuse(session)
    // A session that begins is in use already.
    if (!isInitialize) session.use()
    try {
      const { transport } = session
      if (transport.hasAmbiguousId(messages)) {
        return refuse(badRequest('Invalid Request: a request with this id is under way', rpcCodes.invalidRequest))
      }
      const answers = await transport.exchange(messages)
      // Nothing asked, or nothing left to say: all was cancelled.
      if (answers.length === 0) return transport.isClosed ? refuse(noSession) : new Response(null, { status: 202 })
      return jsonResponse(200, body.isBatch ? answers : answers[0], { [sessionHeader]: transport.sessionId })
    } finally {
      session.unuse()
    }
  }

  async #begin(call: Call, { messages }: Body): Promise<HttpSession | Refusal> {
    if (messages.length > 1) return badRequest('Invalid Request: initialize comes alone', rpcCodes.invalidRequest)
    const id = call.req.header(sessionHeader)
    if (id !== undefined && this.#sessions.get(id) !== undefined) {
      return badRequest('Invalid Request: this session is initialized already', rpcCodes.invalidRequest)
    }
    const session = await this.#sessions.open().catch((thrown: unknown) => {
      this.#options.logger.warn(`a client was not taken: ${messageOf(thrown)}`)
      return busy('the memory behind this server cannot be used now', 5)
    })
    return session ?? busy(`${this.#sessions.size} clients are connected, which is as many as there may be`, 60)
  }

  /** The session that a request belongs to. */
  #sessionOf(call: Call): HttpSession | Refusal {
    const id = call.req.header(sessionHeader)
    if (id === undefined) return badRequest('Bad Request: the header Mcp-Session-Id is missing; begin with initialize')
    const session = this.#sessions.get(id)
    if (session === undefined) return noSession
    const version = call.req.header('mcp-protocol-version')
    if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return session
    const known = SUPPORTED_PROTOCOL_VERSIONS.join(', ')
    return badRequest(`Bad Request: protocol version ${quote(version)} is not supported; there are ${known}`)
  }

  #openStream(call: Call): Response {
    if (call.req.header('accept')?.includes('text/event-stream') !== true) return refuse(notAcceptable('text/event-stream'))
    const session = this.#sessionOf(call)
    if (!('transport' in session)) return refuse(session)
    const { transport } = session
    const { outgoing } = call.env
    let body: ReadableStream<Uint8Array> | null = null
    const isOpened = transport.openStream(() => {
      session.use()
      const onEnd = (): void => {
        transport.closeStream()
        session.unuse()
      }
      const stream = new EventStream({ clock: this.#clock, disconnect: () => outgoing.destroy(), onEnd })
      body = stream.body
      return stream
    })
    if (!isOpened) {
      return refuse({ status: 409, code: rpcCodes.refused, message: 'Conflict: this session has an open stream already' })
    }
    return new Response(body, {
      headers: { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no', [sessionHeader]: transport.sessionId },
    })
  }

  async #endSession(call: Call): Promise<Response> {
    const session = this.#sessionOf(call)
    if (!('transport' in session)) return refuse(session)
    await session.end()
    return new Response(null, { status: 200 })
  }
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): MemorySyncError {
  const reason = cause.code === 'EADDRINUSE' ? 'somebody else listens there' : cause.message
  const message = `cannot listen at ${quote(host)}, port ${port}: ${reason}. Choose another port (0 takes any free one) or host.`
  return new MemorySyncError('invalid_option', message, { cause })
}
