/**
 * The inspector over HTTP, on the loopback: the way of a request, who may speak, what fits, and the end of them all. What is answered
 * is the business of {@link InspectorAnswers}.
 *
 * Plain `node:http`: an inspector that needs nothing installed is one that people use.
 *
 * - H1 a request is refused before its body is read wherever its head says enough
 * - H2 no answer tells what is inside of this process: no stack, no path
 * - H3 what may pile up has a bound: connections, streams, bodies, and what waits for a slow reader
 * - H4 nothing that a client does throws into the host, and nothing here keeps the process alive
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ErrorCode, MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { readJsonBody } from '../http/json-body.ts'
import type { Logger } from '../ports/logger.ts'
import { tokenParameter } from '../wire/inspector-api.ts'
import { Access, securityHeads, type Verdict } from './access.ts'
import type { Asset } from './page-assets.ts'

export const hostDefault = '127.0.0.1'
export const connectionsMax = 256
export const bodyBytesMax = 256 * 1024
/** A client may take so long to send the head of a request, and the whole of it. */
export const headMsMax = 10_000
export const requestMsMax = 30_000
const connectionIdleMs = 60_000

export interface HttpServerParts {
  readonly port: number
  readonly token: string
  readonly logger: Logger
  readonly answers: InspectorAnswers
}

/** What is behind the door. Whatever these throw becomes an answer. */
export interface InspectorAnswers {
  page(path: string): Promise<Asset | null>
  session(): Json
  entry(key: string): Promise<Json | null>
  explain(task: string): Promise<Json>
  /** Answers by itself, over time. @param from the place behind which to go on. */
  events(response: ServerResponse, from: string | null): Promise<void>
  /** The file's name, and its text in pieces. */
  exported(): Promise<{ readonly name: string; readonly chunks: Iterable<string> | AsyncIterable<string> }>
  /** Gives what was done; null: nothing may be done. */
  readonly act: ((action: Json) => Promise<string>) | null
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly heads?: Readonly<Record<string, string>>
}

export class InspectorHttpServer {
  /** With the token: who has it may look. */
  url = ''
  readonly #parts: HttpServerParts
  readonly #server: Server
  #access: Access | null = null

  constructor(parts: HttpServerParts) {
    this.#parts = parts
    this.#server = createServer(
      {
        headersTimeout: headMsMax,
        requestTimeout: requestMsMax,
        connectionsCheckingInterval: headMsMax / 2,
        keepAliveTimeout: connectionIdleMs,
      },
      (request, response) => void this.#received(request, response),
    )
    this.#server.maxConnections = connectionsMax
    this.#server.on('connection', (socket) => socket.unref())
    this.#server.unref()
  }

  /** @throws `invalid_option` when the port cannot be listened at */
  async listen(): Promise<void> {
    const { port, token, logger } = this.#parts
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => reject(cannotListen(port, cause))
      this.#server.once('error', failed)
      this.#server.listen(port, hostDefault, () => {
        this.#server.off('error', failed)
        this.#server.on('error', (error) => logger.error(`inspector: the HTTP server failed: ${error.message}`))
        resolve()
      })
    })
    const { port: taken } = this.#server.address() as AddressInfo
    this.#access = new Access(taken, token)
    this.url = `http://${hostDefault}:${taken}/?${tokenParameter}=${token}`
  }

  /** As {@link url}, good for one visit. */
  ticketUrl(ticket: string): string {
    this.#access?.addTicket(ticket)
    const url = new URL(this.url)
    url.searchParams.set(tokenParameter, ticket)
    return url.href
  }

  /** All connections end at once. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #received(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    try {
      for (const [name, value] of Object.entries(securityHeads)) response.setHeader(name, value)
      await this.#route(request, response)
    } catch (thrown) {
      this.#failed(response, thrown)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request)
    if (url === null || this.#access === null) return refuse(response, badRequest('the address is none'))
    const isVisit = url.pathname === '/' && request.method === 'GET'
    const verdict = this.#access.judge(request, isVisit)
    const given = isVisit ? url.searchParams.get(tokenParameter) : null
    if (given !== null && verdict !== 'wrong-host' && verdict !== 'wrong-origin') {
      if (!this.#access.admits(given)) return refuse(response, refusalOf('no-token'))
      return admit(response, this.#access.cookie, request.headers['sec-fetch-site'])
    }
    if (verdict !== 'allowed') return refuse(response, refusalOf(verdict))
    const isAction = url.pathname === '/api/actions'
    const method = isAction ? 'POST' : 'GET'
    if (request.method !== method) return refuse(response, methodNotAllowed(method))
    if (isAction) return this.#act(request, response)
    await this.#answer(url, request, response)
  }

  async #answer(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { answers } = this.#parts
    const { pathname, searchParams } = url
    switch (pathname) {
      case '/api/session':
        return json(response, 200, answers.session())
      case '/api/events':
        // A page that connects by itself again cannot set a head: it says the place in the address.
        return answers.events(response, lastEventIdOf(request) ?? searchParams.get('after'))
      case '/api/entry': {
        const entry = await answers.entry(searchParams.get('key') ?? '')
        if (entry === null) return refuse(response, notFound('there is nothing at this key'))
        return json(response, 200, entry)
      }
      case '/api/explain':
        return json(response, 200, await answers.explain(searchParams.get('task') ?? ''))
      case '/api/export':
        return this.#export(response)
      default: {
        const asset = await answers.page(pathname)
        if (asset === null) return refuse(response, notFound('there is nothing here'))
        response.writeHead(200, { 'Content-Type': asset.type, 'Content-Length': asset.bytes.byteLength }).end(asset.bytes)
      }
    }
  }

  async #act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { act } = this.#parts.answers
    if (act === null) return refuse(response, actionsForbidden)
    const message = await act(await readJsonBody(request, bodyBytesMax))
    json(response, 200, { ok: true, message })
  }

  async #export(response: ServerResponse): Promise<void> {
    const { name, chunks } = await this.#parts.answers.exported()
    response.writeHead(200, {
      'Content-Type': 'application/x-ndjson',
      'Content-Disposition': `attachment; filename="${name}"`,
    })
    for await (const chunk of chunks) {
      if (response.destroyed) return
      if (!response.write(chunk)) await drained(response)
    }
    response.end()
  }

  #failed(response: ServerResponse, thrown: unknown): void {
    const { logger } = this.#parts
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (!(thrown instanceof MemorySyncError)) {
      logger.error(`inspector: a request failed: ${messageOf(thrown)}`, { thrown })
      refuse(response, { status: 500, code: 'internal', message: 'internal error: the log of the process tells more' })
      return
    }
    const { code, message } = thrown
    refuse(response, { status: statusByCode[code] ?? 500, code, message })
  }
}

const statusByCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid_option: 400,
  invalid_value: 400,
  invalid_key: 404,
  too_large: 413,
  aborted: 400,
  not_supported: 409,
  conflict: 409,
  stale_epoch: 409,
  lock_lost: 409,
  backpressure: 503,
  closed: 503,
  store_unavailable: 503,
  unknown_outcome: 503,
}

/** The token leaves the address bar and the history. */
function admit(response: ServerResponse, cookie: string, site: string | string[] | undefined): void {
  response.setHeader('Set-Cookie', cookie)
  if (site !== 'cross-site') {
    response.writeHead(303, { Location: '/' }).end()
    return
  }
  // Who comes by a link of another site, and is sent on, still comes from there: such a visit has no strict cookie.
  response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><meta http-equiv="refresh" content="0;url=/">')
}

function json(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, { status, code, message, heads }: Refusal): void {
  // What is left of a body that nobody reads must not be taken for the next request.
  response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close', ...heads })
  response.end(JSON.stringify({ error: { code, message } }))
}

const actionsForbidden: Refusal = {
  status: 403,
  code: 'not_supported',
  message: 'this inspector only shows: start it with allowActions, or as "memory-sync inspect --allow-actions"',
}

function badRequest(message: string): Refusal {
  return { status: 400, code: 'invalid_option', message }
}

function notFound(message: string): Refusal {
  return { status: 404, code: 'not_found', message }
}

function methodNotAllowed(method: string): Refusal {
  return { status: 405, code: 'not_supported', message: `only ${method} is possible here`, heads: { Allow: method } }
}

function refusalOf(verdict: Exclude<Verdict, 'allowed'>): Refusal {
  switch (verdict) {
    case 'wrong-host':
      return { status: 403, code: 'forbidden', message: 'this Host is not allowed: open the inspector as 127.0.0.1 or localhost' }
    case 'wrong-origin':
      return { status: 403, code: 'forbidden', message: 'pages of another origin may not call the inspector' }
    case 'no-token':
      return {
        status: 401,
        code: 'unauthorized',
        message:
          'the token of this inspector is missing or another one: open the whole URL that was printed where it was started',
        heads: { 'WWW-Authenticate': 'Bearer realm="memory-sync inspector"' },
      }
  }
}

function urlOf({ url = '' }: IncomingMessage): URL | null {
  // Not what another server would be asked for.
  return url.startsWith('/') && URL.canParse(url, 'http://inspector') ? new URL(url, 'http://inspector') : null
}

function lastEventIdOf({ headers }: IncomingMessage): string | null {
  const id = headers['last-event-id']
  return typeof id === 'string' ? id : null
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
}

function cannotListen(port: number, cause: NodeJS.ErrnoException): MemorySyncError {
  const reason = cause.code === 'EADDRINUSE' ? 'somebody else listens there' : cause.message
  const message = `the inspector cannot listen at ${hostDefault}, port ${port}: ${reason}. Choose another port; 0 takes any free one.`
  return new MemorySyncError('invalid_option', message, { cause })
}
