/** A memory server on a runtime of its own and clients linked to it inside this process, and the end of them all. For tests. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { createRuntime } from '../../src/index.ts'
import { createMemoryServer, type MemoryServer, type MemoryServerOptions } from '../../src/mcp/memory-server.ts'
import type { ClientSession } from '../../src/mcp/session.ts'
import type { AuditLine } from '../../src/mcp/tool-context.ts'
import { systemClock } from '../../src/platform.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { RuntimeOptions } from '../../src/runtime/options.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

export class MemoryFixture {
  readonly #ends: (() => unknown)[] = []
  /** Milliseconds by which the wall clock of all servers is ahead of the real one. */
  aheadMs = 0

  async serve(options: MemoryServerOptions = {}, runtimeOptions: RuntimeOptions = {}): Promise<Served> {
    const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + this.aheadMs }
    const runtime = createRuntime({ store: 'memory:', logger: silentLogger, clock, ...runtimeOptions })
    const lines: AuditLine[] = []
    const server = createMemoryServer(runtime, { audit: (line) => lines.push(line), ...options })
    this.#ends.push(async () => {
      await server.close()
      await runtime.shutdown({ drainMs: 0 })
    })
    return { runtime, server, lines, connect: (name) => this.#connect(server, name) }
  }

  async #connect(server: MemoryServer, name = 'tester'): Promise<Connected> {
    const [clientEnd, serverEnd] = InMemoryTransport.createLinkedPair()
    const session = await server.connect(serverEnd)
    const client = new Client({ name, version: '1.0.0' })
    await client.connect(clientEnd)
    // From here on the client checks what it is given against the tools' schemas.
    await client.listTools()
    this.#ends.push(() => client.close())
    const call: Call = async (tool, args, signal) => {
      const result = await client.callTool({ name: tool, arguments: args }, undefined, signal === undefined ? {} : { signal })
      const [content] = result.content as readonly { readonly text: string }[]
      return {
        ...(result.structuredContent as Record<string, unknown> | undefined),
        text: content?.text ?? '',
        isError: result.isError === true,
        error: (result._meta as { readonly error?: ToldError } | undefined)?.error,
      } as Answer
    }
    return { client, session, call }
  }

  /** For `afterEach`. */
  async end(): Promise<void> {
    this.aheadMs = 0
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export interface Served {
  readonly runtime: Runtime
  readonly server: MemoryServer
  readonly lines: readonly AuditLine[]
  connect(name?: string): Promise<Connected>
}

export interface Connected {
  readonly client: Client
  readonly session: ClientSession
  readonly call: Call
}

interface ToldError {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly key?: string
}

/** The structured answer, with what a client is told beside it. Tests know what they asked for. */
export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: a reply of any tool
  readonly [member: string]: any
  readonly text: string
  readonly isError: boolean
  readonly error: ToldError | undefined
}

export type Call = (tool: string, args: Record<string, unknown>, signal?: AbortSignal) => Promise<Answer>
