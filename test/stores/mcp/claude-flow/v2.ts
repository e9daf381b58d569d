/**
 * A stand-in for claude-flow v2's MCP server: the tool `memory_usage`, with everything about it that a caller can trip over.
 * Built from the recorded replies in `wire/`; `wire.test.ts` holds it to them, text for text.
 *
 * - D1 what one server of a table stores, all others of it see at once
 * - D2 a value is stored as text and read back as JSON if it parses, with the server's own markers revived
 * - D3 nothing is refused that the server does not refuse, and no failure sets `isError`
 */
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { Clock } from '../../../../src/ports/clock.ts'
import { type Arguments, createDouble, RpcFault, replyText } from './double.ts'
import { memoryTable } from './table.ts'
import { readBack, storedText } from './v2-serializer.ts'
import { inMemoryShelf, sqliteShelf, type V2Row, type V2Table } from './v2-shelf.ts'
import { readWire } from './wire.ts'

export type { V2Row, V2Table } from './v2-shelf.ts'

export interface V2Options {
  /** The directory: servers with the same table share it. Default: a private one. */
  readonly table?: V2Table
  readonly clock: Pick<Clock, 'wallMs'>
  /** Default `2.7.47`. The two differ in what they say of themselves only. */
  readonly version?: '2.0.0' | '2.7.47'
  /**
   * What the server found to store in. `in-memory` is what it falls back to, without a word but this one in its replies, where its
   * database driver does not load: then it shares with nobody, whatever the table. Default `sqlite`.
   */
  readonly storage?: 'sqlite' | 'in-memory'
  readonly sessionId?: string
  /** Gets the line that the server prints to stderr for every call. Default: nobody. */
  readonly log?: (line: string) => void
}

export function claudeFlowV2(options: V2Options): Server {
  const { clock, version = '2.7.47', storage = 'sqlite', sessionId = 'session-cf-1700000000000-test' } = options
  const { header } = readWire(version)
  const table = storage === 'sqlite' ? (options.table ?? memoryTable()) : memoryTable<V2Row>()
  const shelf = storage === 'sqlite' ? sqliteShelf(table, clock) : inMemoryShelf(table, clock)

  const callTool = (name: string, args: Arguments | undefined): string => {
    options.log?.(`[${iso(clock.wallMs())}] INFO [claude-flow-mcp] (${sessionId}) 🔧 Tool called: ${name}`)
    try {
      return replyText(name === 'memory_usage' ? memoryUsage(args) : pretend(name, args))
    } catch (error) {
      throw new RpcFault(-32000, 'Tool execution failed', (error as Error).message)
    }
  }

  /** What it says to every tool that it does not know, and to some of those that it lists. */
  const pretend = (tool: string, args: Arguments | undefined) => ({
    success: true,
    tool,
    message: `Tool ${tool} executed successfully`,
    args,
    timestamp: iso(clock.wallMs()),
  })

  const memoryUsage = (args: Arguments | undefined): object => {
    if (args === undefined) throw new TypeError("Cannot read properties of undefined (reading 'action')")
    const { action, key, value, ttl } = args
    const namespace = String(args.namespace || 'default')
    const tail = () => ({ storage_type: storage, timestamp: iso(clock.wallMs()) })
    switch (action) {
      case 'store': {
        if (storage === 'sqlite' && (key === undefined || key === null)) {
          return { success: false, error: 'NOT NULL constraint failed: memory_entries.key', action, ...tail() }
        }
        const text = storedText(value)
        const metadata = { sessionId, storedBy: 'mcp-server', type: 'knowledge' }
        const id = shelf.store(namespace, String(key), text, typeof ttl === 'number' ? ttl : 0, metadata)
        return { success: true, action, key, namespace, stored: true, size: text.length, id, ...tail() }
      }
      case 'retrieve': {
        const text = shelf.retrieve(namespace, String(key))
        const found = text === null ? null : readBack(text)
        return { success: true, action, key, value: found, found: found !== null, namespace, ...tail() }
      }
      case 'list': {
        const entries = shelf.newest(namespace).map((row) => ({
          key: row.key,
          value: readBack(row.text),
          namespace,
          metadata: row.metadata,
          createdAt: iso(row.createdMs),
          updatedAt: iso(row.updatedMs),
          accessCount: row.accessCount,
        }))
        return { success: true, action, namespace, entries, count: entries.length, ...tail() }
      }
      case 'delete':
        return { success: true, action, key, namespace, deleted: shelf.remove(namespace, String(key)), ...tail() }
      case 'search': {
        // The argument is `value`; a `pattern` is not looked at.
        const results = shelf.search(namespace, String(value ?? '')).map((row) => ({
          key: row.key,
          value: readBack(row.text),
          namespace,
          score: row.accessCount,
          updatedAt: iso(row.updatedMs),
        }))
        return { success: true, action, pattern: value, namespace, results, count: results.length, ...tail() }
      }
      default:
        return { success: false, error: `Unknown memory action: ${String(action)}`, timestamp: iso(clock.wallMs()) }
    }
  }

  return createDouble({
    serverInfo: header.serverInfo,
    tools: header.memoryTools,
    callTool,
    resultByMethod: { 'resources/list': { resources } },
    unknownMethod: () => 'Method not found',
    unanswered: ['ping'],
    refusesNotifications: true,
    greeting: {
      method: 'server.initialized',
      params: { serverInfo: { ...header.serverInfo, capabilities: header.capabilities } },
    },
  })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

const resources = [
  {
    name: 'Active Swarms',
    uri: 'claude-flow://swarms',
    description: 'List of active swarm configurations and status',
    mimeType: 'application/json',
  },
  {
    name: 'Agent Registry',
    uri: 'claude-flow://agents',
    description: 'Registry of available agents and their capabilities',
    mimeType: 'application/json',
  },
  {
    name: 'Neural Models',
    uri: 'claude-flow://models',
    description: 'Available neural network models and training status',
    mimeType: 'application/json',
  },
  {
    name: 'Performance Metrics',
    uri: 'claude-flow://performance',
    description: 'Real-time performance metrics and benchmarks',
    mimeType: 'application/json',
  },
]
