/** Stores over the doubles of claude-flow's servers, as the tests of the plain tier need them. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { systemClock } from '../../../src/platform.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { type Logger, silentLogger } from '../../../src/ports/logger.ts'
import type { Store } from '../../../src/ports/store.ts'
import { type Connection, openConnection } from '../../../src/stores/mcp/connection.ts'
import { createPlainStore, type PlainDialect, type PlainStoreOptions } from '../../../src/stores/mcp/plain-store.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import { connect } from './claude-flow/connect.ts'
import { memoryTable } from './claude-flow/table.ts'
import { claudeFlowV2, type V2Row } from './claude-flow/v2.ts'
import { claudeFlowV3, type V3Row } from './claude-flow/v3.ts'

export const plainDialects: readonly PlainDialect[] = ['claude-flow-v2', 'claude-flow-v3']

/** One call as it went to the server. */
export interface Sent {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface PlainServer {
  /** Calls of all handles, in order. */
  readonly sent: Sent[]
  /** Another client of the same memory: another process for v2, the same server process for v3. */
  client(): Promise<Client>
  /** All clients so far. */
  clients(): Promise<readonly Client[]>
  connection(): Promise<Connection>
  /** Another handle, open. */
  store(options?: Partial<PlainStoreOptions>): Promise<Store>
  close(): Promise<void>
}

export interface PlainServerOptions {
  /** Of the servers. Default: the system's. */
  readonly serverClock?: Clock
  /** Of the stores. Default: the system's. */
  readonly clock?: Clock
  readonly logger?: Logger
  readonly storage?: 'sqlite' | 'in-memory'
  /** v3: each client has a server process of its own, with its own cache. */
  readonly isCachedApart?: boolean
}

export function plainServer(dialect: PlainDialect, options: PlainServerOptions = {}): PlainServer {
  const { serverClock = systemClock, clock = systemClock, logger = silentLogger, storage = 'sqlite' } = options
  const v2Table = memoryTable<V2Row>()
  const v3Table = memoryTable<V3Row>()
  const sent: Sent[] = []
  const stores: Store[] = []
  const clients: Promise<Client>[] = []

  const newClient = (): Promise<Client> => {
    const server =
      dialect === 'claude-flow-v2'
        ? claudeFlowV2({ table: v2Table, clock: serverClock, storage })
        : claudeFlowV3({ table: v3Table, clock: serverClock })
    const client = connect(server)
    clients.push(client)
    return client
  }
  const client = (): Promise<Client> => {
    const isShared = dialect === 'claude-flow-v3' && options.isCachedApart !== true
    return (isShared ? clients[0] : undefined) ?? newClient()
  }
  const connection = async (): Promise<Connection> => {
    const opened = await openConnection({
      target: { type: 'client', client: await client() },
      clock: systemClock,
      random: createSeededRandom(1),
      logger,
      callTimeoutMs: 30_000,
      callsInFlightMax: 16,
    })
    return {
      url: opened.url,
      dialect: opened.dialect,
      call: (tool, args, callOptions) => {
        sent.push({ tool, args })
        return opened.call(tool, args, callOptions)
      },
      close: () => opened.close(),
    }
  }
  return {
    sent,
    client,
    clients: () => Promise.all(clients),
    connection,
    async store(storeOptions) {
      const store = createPlainStore(await connection(), dialect, {
        clock,
        // Handles name themselves by chance: no two may have the same.
        random: createSeededRandom(2 + stores.length),
        logger,
        ...storeOptions,
      })
      stores.push(store)
      await store.open()
      return store
    },
    async close() {
      await Promise.all(stores.map((store) => store.close()))
      for (const each of clients) await (await each).close()
    },
  }
}

/** What a server was asked for, counted by what it is asked to do. */
export function countsOf(sent: readonly Sent[], namespace = 'task-sentinel'): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { tool, args } of sent) {
    if (args.namespace !== namespace) continue
    const what = tool === 'memory_usage' ? String(args.action) : tool
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}
