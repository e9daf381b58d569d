/**
 * The MCP server over one runtime: tools and resources for any number of clients, one SDK server for each. Owns the sessions. Knows no
 * particular transport: `stdio.ts` and `http-server.ts` bring connections.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { HybridClock } from '../domain/hybrid-clock.ts'
import { ConflictResolvers } from '../domain/resolvers.ts'
import { type Logger, silentLogger } from '../ports/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Sweeper } from '../runtime/sweeper.ts'
import { clientSweeper } from './client-sweeper.ts'
import { labelOf } from './client-text.ts'
import { ClientWriter } from './client-writer.ts'
import { KeyCensus } from './key-census.ts'
import { Namespaces } from './namespaces.ts'
import { registerResources } from './resources.ts'
import { type ClientSession, Session } from './session.ts'
import { Toolbox } from './tool.ts'
import { type AuditLine, type Limits, limitsDefault, type ToolContext } from './tool-context.ts'
import { registerLockTools } from './tools/locks.ts'
import { registerMemoryTools } from './tools/memory.ts'
import { registerMemoryList } from './tools/memory-list.ts'
import { registerMemoryUsage } from './tools/memory-usage.ts'
import { registerMemoryV3 } from './tools/memory-v3.ts'
import { registerTaskTools } from './tools/tasks.ts'
import { registerWorkerTools } from './tools/workers.ts'

export interface MemoryServerOptions {
  /** How the server calls itself. Default `memory-sync`. */
  readonly name?: string
  /** The version that it tells. Default `0`. */
  readonly version?: string
  /** Default: silent. */
  readonly logger?: Logger
  /** Gets a line for each call that changes something. Default: the logger, at level info. */
  readonly audit?: (line: AuditLine) => void
  /** Default: {@link limitsDefault}. */
  readonly limits?: Partial<Limits>
}

/**
 * A memory server over a runtime that you own: it neither opens nor shuts it down.
 *
 * @example
 * const runtime = createRuntime()
 * const server = createMemoryServer(runtime)
 * await serveStdio(server) // until the client is gone
 * await server.close()
 * await runtime.shutdown()
 *
 * @throws `invalid_option`
 */
export function createMemoryServer(runtime: Runtime, options: MemoryServerOptions = {}): MemoryServer {
  return new MemoryServer(runtime, options)
}

export class MemoryServer {
  /** Yours: the server neither opens nor shuts it down. */
  readonly runtime: Runtime
  readonly limits: Limits
  readonly #options: MemoryServerOptions
  readonly #logger: Logger
  readonly #namespaces: Namespaces
  readonly #census: KeyCensus
  readonly #hybridClock = new HybridClock()
  readonly #sessions = new Set<Session>()
  #sweeper: Sweeper | null = null
  #isClosed = false

  /** @throws `invalid_option` */
  constructor(runtime: Runtime, options: MemoryServerOptions = {}) {
    this.runtime = runtime
    this.#options = options
    this.#logger = options.logger ?? silentLogger
    this.limits = checkedLimits(options.limits)
    this.#namespaces = new Namespaces(runtime.namespace)
    this.#census = new KeyCensus(runtime.memory, runtime.inside.clock)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Settles when the runtime's store can be used. @throws what `runtime.ready()` does */
  ready(): Promise<void> {
    return this.runtime.ready()
  }

  /**
   * Serves the client at the other end of a transport that has not been started; settles when it can call.
   *
   * @throws `closed` after `close()`, and what `ready()` does
   */
  async connect(transport: Transport): Promise<ClientSession> {
    this.#refuseClosed()
    await this.ready()
    this.#refuseClosed()
    this.#sweep()
    const { name = 'memory-sync', version = '0' } = this.#options
    const server = new McpServer({ name, version }, { instructions: instructionsFor(this.#namespaces.own) })
    const session = new Session(this.runtime.inside.random.token(8), server, this.#logger)
    this.#sessions.add(session)
    void session.closed.then(() => this.#sessions.delete(session))
    this.#register(server, session)
    server.server.onclose = () => session.over()
    // One bad message is the client's problem; the connection goes on.
    server.server.onerror = (error) => this.#logger.debug(`a message failed: ${messageOf(error)}`, { client: session.client.id })
    try {
      await server.connect(transport)
    } catch (thrown) {
      await session.close()
      throw MemorySyncError.from(thrown, 'store_unavailable', `the transport did not start: ${messageOf(thrown)}`)
    }
    return session
  }

  /** Ends all connections; settles when that is done. What their clients hold ends with its leases, or with the runtime. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#sweeper?.stop()
    await Promise.all([...this.#sessions].map((session) => session.close()))
  }

  #register(server: McpServer, { client }: Session): void {
    const { store, keys, clock, random, nowMs, conflictResolver } = this.runtime.inside
    const logger = this.#logger
    const context: ToolContext = {
      runtime: this.runtime,
      store,
      keys,
      clock,
      client,
      limits: this.limits,
      audit: (line) => this.#audit(line),
      fault: (tool, thrown) => logger.error(`${tool} failed: ${messageOf(thrown)}`, { client: client.id, thrown }),
    }
    const writer = new ClientWriter({
      store,
      clock,
      random,
      keys,
      logger,
      hybridClock: this.#hybridClock,
      resolver: conflictResolver ?? ConflictResolvers.lastWriteWins,
      ready: () => this.ready(),
      nowMs,
      label: () => labelOf(client.name),
    })
    const tools = new Toolbox(server, context)
    registerMemoryUsage(tools, context, this.#namespaces, writer)
    registerMemoryV3(tools, context, this.#namespaces, writer)
    registerMemoryList(tools, context, this.#namespaces)
    registerMemoryTools(tools, context)
    registerTaskTools(tools, context)
    registerWorkerTools(tools, context)
    registerLockTools(tools, context)
    tools.serve()
    registerResources(server, context, this.#namespaces, this.#census)
  }

  /** From the first client on: before, there is nothing to tidy that another server would not. */
  #sweep(): void {
    if (this.#sweeper !== null) return
    this.#sweeper = clientSweeper(this.runtime, (error) => this.#logger.warn(error.message, { code: error.code }))
    this.#sweeper.start()
  }

  #audit(line: AuditLine): void {
    try {
      if (this.#options.audit !== undefined) this.#options.audit(line)
      else this.#logger.info(`${line.tool} by ${line.client}: ${line.subject}: ${line.outcome}`, { ...line })
    } catch (thrown) {
      // The call has been made; its reply must not depend on who writes the log.
      this.#logger.error(`the audit line was not taken: ${messageOf(thrown)}`, { ...line })
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new MemorySyncError('closed', 'the memory server was closed; connect to another one')
  }
}

function checkedLimits(given: Partial<Limits> = {}): Limits {
  const limits = { ...limitsDefault, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw new MemorySyncError('invalid_option', `limits.${name} must be a positive integer, got ${quote(value)}`)
  }
  return Object.freeze(limits)
}

function instructionsFor(namespace: string): string {
  return `Memory that agents, programs and workers share, live: what one stores the others see at once.

- To remember and look up: memory_store, memory_retrieve, memory_search, memory_list, memory_delete (texts or JSON), or memory_usage with an action. Each takes a namespace; without one it is "default". Keys are parts joined by "/", such as "research/2026/notes".
- The namespace "${namespace}" is that of the workers: tasks, their states and results are there, under keys that begin with "${namespace}/". Read them freely.
- Another agent may write the same key. To store only what nobody has stored yet: memory_store with upsert: false. To wait for news: memory_changes with waitMs, or subscribe to a resource memory://<namespace>/<key>.
- A failed call says what to do next. Do not repeat a call that failed with a code that begins with "invalid_" without changing it.`
}
