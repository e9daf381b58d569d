/** An MCP server over HTTP on a runtime of its own, its clients, and the end of them all. For tests. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createRuntime } from '../../src/index.ts'
import type { HttpServerOptions } from '../../src/mcp/http-options.ts'
import { type HttpServer, serveHttp } from '../../src/mcp/http-server.ts'
import { createMemoryServer, type MemoryServer } from '../../src/mcp/memory-server.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

export class HttpFixture {
  readonly #ends: (() => unknown)[] = []

  async serve(options: HttpServerOptions & { readonly clock?: Clock } = {}): Promise<Served> {
    const { clock, ...rest } = options
    const runtime = createRuntime({ store: 'memory:', logger: silentLogger, ...(clock === undefined ? {} : { clock }) })
    const server = createMemoryServer(runtime)
    await server.ready()
    const http = await serveHttp(server, { port: 0, drainMs: 0, ...rest })
    this.#ends.push(async () => {
      await http.close()
      await server.close()
      await runtime.shutdown({ drainMs: 0 })
    })
    return { runtime, server, http, post: (body, headers) => post(http.url, body, headers) }
  }

  async connect(url: string, headers: Readonly<Record<string, string>> = {}, name = 'tester'): Promise<Connected> {
    const client = new Client({ name, version: '1.0.0' })
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
    await client.connect(transport)
    this.#ends.push(() => client.close())
    return { client, transport }
  }

  /** For `afterEach`. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export interface Served {
  readonly runtime: Runtime
  readonly server: MemoryServer
  readonly http: HttpServer
  /** A bare request, as no well-behaved client would send it. */
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
}

export interface Connected {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

export const mcpHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

export function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(url, { method: 'POST', body: text, headers: { ...mcpHeaders, ...headers } })
}

export const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'bare', version: '1.0.0' } },
} as const

/** The id of a new session. */
export async function begin(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await post(url, initialize, headers)
  const id = response.headers.get('mcp-session-id')
  if (id === null) throw new Error(`no session: ${response.status} ${await response.text()}`)
  await response.text()
  return id
}

export const ping = (id: number | string) => ({ jsonrpc: '2.0', id, method: 'ping' })
