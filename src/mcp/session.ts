/**
 * One client's connection: its name, its end, and what is to be done at its end. Owns that order. Knows no tool and no transport.
 *
 * - S1 what was registered by `onClose` runs once, in the order of the calls, whatever of it fails; then `closed` settles
 */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { messageOf } from '../domain/errors.ts'
import { encodeId } from '../domain/key.ts'
import type { Logger } from '../ports/logger.ts'
import type { Client } from './tool-context.ts'

export interface ClientSession {
  readonly client: Client
  /** Settles when the connection is over and what `onClose` registered has run. Claims and locks end with their leases. Never rejects. */
  readonly closed: Promise<void>
  /** Ends the connection; settles like `closed`. Idempotent. */
  close(): Promise<void>
}

/** Of a client's own name, so many characters are used. */
const nameCharactersMax = 64
const nameOfNameless = 'unnamed'

export class Session implements ClientSession {
  readonly client: Client
  readonly closed: Promise<void>
  readonly #server: McpServer
  readonly #logger: Logger
  readonly #over = new AbortController()
  readonly #ends: (() => unknown)[] = []
  #settle: () => void = () => {}

  constructor(id: string, server: McpServer, logger: Logger) {
    this.#server = server
    this.#logger = logger
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
    const { signal } = this.#over
    this.client = {
      id,
      // Said with the first request, after the connection has begun.
      get name() {
        return clientName(server.server.getClientVersion()?.name)
      },
      signal,
      onClose: (run) => {
        if (signal.aborted) void this.#run(run)
        else this.#ends.push(run)
      },
    }
  }

  async close(): Promise<void> {
    try {
      await this.#server.close()
    } catch (thrown) {
      this.#logger.warn(`a connection did not close: ${messageOf(thrown)}`, { client: this.client.id })
    }
    this.over()
    await this.closed
  }

  /** The connection is over, whoever ended it. Idempotent. */
  over(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    void this.#end()
  }

  async #end(): Promise<void> {
    for (const run of this.#ends.splice(0)) await this.#run(run)
    this.#settle()
  }

  async #run(run: () => unknown): Promise<void> {
    try {
      await run()
    } catch (thrown) {
      this.#logger.error(`something was not ended with its client: ${messageOf(thrown)}`, { client: this.client.id })
    }
  }
}

function clientName(given: string | undefined): string {
  const text = given?.slice(0, nameCharactersMax).toWellFormed().trim()
  if (text === undefined || text === '') return nameOfNameless
  try {
    return encodeId(text)
  } catch {
    // Hardly anything but characters that no id may have.
    return nameOfNameless
  }
}
