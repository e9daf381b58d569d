/**
 * One session with a memory server: the SDK's client over a child's pipes, over HTTP, or one that was handed in. Owns the
 * handshake, the dialect, timeouts by the clock, and the server's last words. Never comes back: a lost session is replaced.
 *
 * - L1 the dialect is found by the names that `tools/list` gives, on all its pages, never by calling a tool
 * - L2 `onerror` is news for the log: servers write what is no protocol and go on; only the end of the transport ends a session
 * - L3 the stderr of a child is read to its end, or its pipe would fill and block it
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { changesWaitMsMax, memoryTools } from '../../wire/mcp-memory.ts'
import { callFaultOf } from './call-fault.ts'
import { httpFetch } from './http-fetch.ts'
import type { Target } from './target.ts'
import type { Dialect, ToolReply } from './tool-call.ts'

/** From the start to the list of tools, in milliseconds: `npx` may have to fetch the server first. */
export const openTimeoutMs = 60_000
/** One message of the server, in bytes. The SDK's own bound of 10 MiB ends the connection at a page of large entries. */
export const messageBytesMax = 64 * 1024 * 1024
/** What is kept of a child's stderr for error messages, in characters. */
const lastWordsLengthMax = 4096
/** `tools/list` is asked for so many pages at most. */
const toolPagesMax = 100
/** How long a server may take to hear that a session is over, in milliseconds. */
const farewellMsMax = 2000
/** The SDK times calls itself, by the system's clock; ours is always first. */
const neverMs = 2 ** 31 - 1

export interface SessionHands {
  readonly clock: Clock
  readonly logger: Logger
  readonly url: string
  readonly number: number
  /** Aborted when nobody wants it any more. */
  readonly signal: AbortSignal
}

export interface Session {
  readonly dialect: Dialect
  /** Its transport has ended. */
  readonly isDown: boolean
  /** What the server said last on stderr, ready to be added to a message; empty if nothing. */
  lastWords(): string
  /** Rejects with what the SDK throws, or with `unknown_outcome` after `timeoutMs`. */
  call(tool: string, args: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<ToolReply>
  /** Ends what is under way, a started server too. Never rejects. `said`: the server is told. */
  close(how: 'said' | 'silent'): Promise<void>
  /** For a session that no new call is given: closes it once its last call has ended. Never rejects. */
  retire(): Promise<void>
}

/** The least of a tool's result that is needed: the SDK's own schema takes every kind of content apart. */
const toolResult = z.looseObject({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
  _meta: z.looseObject({ error: z.unknown().optional() }).optional(),
})

const toolList = z.looseObject({
  tools: z.array(z.looseObject({ name: z.string() })),
  nextCursor: z.string().optional(),
})

/** @throws `store_unavailable`, `not_supported` for a server that is no memory, `closed` when `signal` aborts. */
export async function openSession(target: Target, hands: SessionHands): Promise<Session> {
  const session = new ClientSession(target, hands)
  const giveUp = (): void => void session.close('silent')
  hands.signal.addEventListener('abort', giveUp, { once: true })
  try {
    await session.open()
    return session
  } catch (thrown) {
    await session.close('silent')
    if (hands.signal.aborted) throw hands.signal.reason
    throw thrown
  } finally {
    hands.signal.removeEventListener('abort', giveUp)
  }
}

class ClientSession implements Session {
  readonly #target: Target
  readonly #hands: SessionHands
  readonly #client: Client
  readonly #transport: Transport | null
  /** Calls under way; given up when the session is closed and its client is not ours to close. */
  readonly #calls = new Set<AbortController>()
  #dialect: Dialect = 'ours'
  #isEnded = false
  #stderrTail = ''
  #onIdle: (() => void) | null = null

  constructor(target: Target, hands: SessionHands) {
    this.#target = target
    this.#hands = hands
    this.#transport = this.#transportTo(target)
    // The version is that of the tools' shapes, of which there is one.
    this.#client = target.type === 'client' ? target.client : new Client({ name: 'memory-sync', version: '1' })
  }

  get dialect(): Dialect {
    return this.#dialect
  }

  get isDown(): boolean {
    return this.#isEnded || this.#client.transport === undefined
  }

  lastWords(): string {
    const words = this.#stderrTail.trim()
    return words === '' ? '' : `; the server last said on stderr: ${words}`
  }

  async open(): Promise<void> {
    const { url, logger } = this.#hands
    if (this.#transport !== null) {
      const transport = this.#transport
      this.#client.onclose = () => {
        this.#isEnded = true
      }
      this.#client.onerror = (error) =>
        logger.debug('a memory server or its transport complains', { url, reason: messageOf(error) })
      await this.#opening((options) => this.#client.connect(transport, options))
    } else if (this.#client.transport === undefined) {
      const message = 'the client that was handed in is not connected; connect it, then use the store'
      throw new MemorySyncError('store_unavailable', message, { retryable: false })
    }
    const names = await this.#opening((options) => this.#toolNames(options))
    this.#dialect = dialectOf(names, url)
  }

  async call(tool: string, args: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<ToolReply> {
    const request = { method: 'tools/call' as const, params: { name: tool, arguments: args } }
    const late = `${this.#hands.url} did not answer a call of ${tool} within ${timeoutMs} ms${this.lastWords()}`
    const result = await this.#timed(timeoutMs, late, (options) => this.#client.request(request, toolResult, options))
    const texts = result.content.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
    return {
      structured: result.structuredContent,
      text: texts.join('\n'),
      isError: result.isError,
      error: result._meta?.error,
      session: this.#hands.number,
    }
  }

  async close(how: 'said' | 'silent'): Promise<void> {
    this.#isEnded = true
    this.#onIdle?.()
    const { clock } = this.#hands
    try {
      if (this.#target.type === 'client') {
        for (const call of [...this.#calls]) call.abort(new MemorySyncError('closed', 'the store is closed'))
        return
      }
      const transport = this.#transport
      if (how === 'said' && transport instanceof StreamableHTTPClientTransport) {
        await Promise.race([transport.terminateSession(), pause(clock, farewellMsMax)])
      }
    } catch {
      // It did not hear the farewell: sessions expire.
    }
    // Ends a child too: its stdin is closed, 2 s later it is terminated, 2 s later killed.
    await this.#client.close().catch(() => {})
    await this.#transport?.close().catch(() => {})
  }

  async retire(): Promise<void> {
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.close('silent')
  }

  async #opening<T>(step: (options: RequestOptions) => Promise<T>): Promise<T> {
    const { url } = this.#hands
    try {
      return await this.#timed(openTimeoutMs, `${url} did not open a session within ${openTimeoutMs} ms`, step)
    } catch (thrown) {
      throw callFaultOf(thrown, { tool: 'initialize', url, isRepeatable: true, session: this }).error
    }
  }

  async #timed<T>(timeoutMs: number, message: string, step: (options: RequestOptions) => Promise<T>): Promise<T> {
    const own = new AbortController()
    this.#calls.add(own)
    const timer = this.#hands.clock.setTimer(timeoutMs, () => own.abort(new MemorySyncError('unknown_outcome', message)))
    try {
      return await step({ signal: own.signal, timeout: neverMs })
    } catch (thrown) {
      // The SDK makes a text of the reason.
      if (own.signal.aborted) throw own.signal.reason
      throw thrown
    } finally {
      timer.cancel()
      this.#calls.delete(own)
      if (this.#calls.size === 0) this.#onIdle?.()
    }
  }

  async #toolNames(options: RequestOptions): Promise<Set<string>> {
    const names = new Set<string>()
    let cursor: string | undefined
    for (let page = 0; page < toolPagesMax; page++) {
      const params = cursor === undefined ? {} : { cursor }
      const { tools, nextCursor } = await this.#client.request({ method: 'tools/list', params }, toolList, options)
      for (const { name } of tools) names.add(name)
      if (nextCursor === undefined) break
      cursor = nextCursor
    }
    return names
  }

  #transportTo(target: Target): Transport | null {
    const { clock } = this.#hands
    switch (target.type) {
      case 'client':
        return null
      case 'http': {
        // No call is waited for longer than this.
        const fetch = httpFetch({ clock, replyMsMax: 2 * changesWaitMsMax + openTimeoutMs, replyBytesMax: messageBytesMax })
        const headers: Record<string, string> = target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }
        return new StreamableHTTPClientTransport(target.url, { fetch, requestInit: { headers } })
      }
      case 'stdio': {
        const { command, args, env } = target
        const maxBufferSize = messageBytesMax
        const transport = new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr: 'pipe', maxBufferSize })
        transport.stderr?.on('data', (chunk: Uint8Array) => this.#hear(Buffer.from(chunk).toString('utf8')))
        return transport
      }
    }
  }

  #hear(words: string): void {
    this.#stderrTail = (this.#stderrTail + words).slice(-lastWordsLengthMax)
    this.#hands.logger.debug('a memory server writes to stderr', { url: this.#hands.url, text: words.trimEnd() })
  }
}

function dialectOf(names: ReadonlySet<string>, url: string): Dialect {
  if (names.has(memoryTools.commit) && names.has(memoryTools.changes)) return 'ours'
  if (names.has('memory_usage')) return 'claude-flow-v2'
  if (names.has('memory_store')) return 'claude-flow-v3'
  const found = names.size === 0 ? 'none at all' : quote([...names].slice(0, 5).join(', '))
  throw new MemorySyncError(
    'not_supported',
    `${url} is no memory server: none of its tools is memory_commit, memory_usage or memory_store; it has ${names.size}: ${found}`,
  )
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve, { keepAlive: false }))
}
