/** Our memory server over a memory store of its own, by each transport, and the stores at it. For tests. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { serveHttp } from '../../../src/mcp/http-server.ts'
import { createMemoryServer, type MemoryServer, type MemoryServerOptions } from '../../../src/mcp/memory-server.ts'
import { systemClock, systemRandom } from '../../../src/platform.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import type { Store } from '../../../src/ports/store.ts'
import { createRuntime } from '../../../src/runtime/create-runtime.ts'
import { type McpStoreOptions, mcpStore } from '../../../src/stores/mcp/mcp-store.ts'
import { memoryStore } from '../../../src/stores/memory.ts'

export const logChangesMax = 1000

/** What a test has started, ended in the opposite order. */
export class Ends {
  readonly #ends: (() => unknown)[] = []

  add(end: () => unknown): void {
    this.#ends.push(end)
  }

  async run(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export async function memoryServer(
  ends: Ends,
  store: Store = privateStore(),
  options: MemoryServerOptions = {},
): Promise<MemoryServer> {
  const runtime = createRuntime({ store, logger: silentLogger })
  const server = createMemoryServer(runtime, options)
  ends.add(async () => {
    await server.close()
    await runtime.shutdown({ drainMs: 0 })
    await store.close()
  })
  await server.ready()
  return server
}

export function privateStore(): Store {
  return memoryStore({ clock: systemClock, logChangesMax })
}

/** A store at the server, in this process. */
export async function storeInMemory(ends: Ends, server: MemoryServer, options: Partial<McpStoreOptions> = {}): Promise<Store> {
  const client = new Client({ name: 'tester', version: '1' })
  const [here, there] = InMemoryTransport.createLinkedPair()
  await server.connect(there)
  await client.connect(here)
  const store = storeAt(ends, { client, ...options })
  ends.add(() => client.close())
  await store.open()
  return store
}

export async function servedByHttp(
  ends: Ends,
  server: MemoryServer,
  options: { port?: number; token?: string } = {},
): Promise<string> {
  const http = await serveHttp(server, { port: 0, drainMs: 0, ...options })
  ends.add(() => http.close())
  return http.url
}

/** Not opened yet. */
export function storeAt(ends: Ends, options: Partial<McpStoreOptions>): Store {
  const store = mcpStore({ clock: systemClock, random: systemRandom, ...options })
  ends.add(() => store.close())
  return store
}
