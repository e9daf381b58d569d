/**
 * The store at a memory server, over the Model Context Protocol: our own (`memory-sync serve`) with all that a store promises, or a
 * plain one, as claude-flow has. Assembles: which of the two it is, is found when it is opened.
 */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Logger, silentLogger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import type { Store, StoreFeatures } from '../../ports/store.ts'
import { entryBytesMaxDefault } from '../../wire/entry-codec.ts'
import { lazyStore } from '../lazy-store.ts'
import { openConnection } from './connection.ts'
import { createOurStore } from './ours.ts'
import type { PlainStoreOptions } from './plain-store.ts'
import { type Target, urlOf } from './target.ts'

export interface McpStoreOptions {
  /** A server that speaks Streamable HTTP: `http://127.0.0.1:7438/mcp`. One of `url`, `command`, `client` is given. */
  readonly url?: string | URL
  /** A server to be started, which speaks on its stdin and stdout; it is stopped when the store is closed. Found by PATH. */
  readonly command?: string
  /** Of the command. Default: none. */
  readonly args?: readonly string[]
  /**
   * Of the command, beside the few variables that every program needs (PATH, HOME, ...). The rest of this process's environment
   * is not handed on: it may hold secrets.
   */
  readonly env?: Readonly<Record<string, string>>
  /** An SDK client that is connected already. Closing the store leaves it open. */
  readonly client?: Client
  /** With `url`: sent as bearer token. Default: none. */
  readonly token?: string
  readonly clock: Clock
  /** Spreads attempts over time. */
  readonly random: Random
  /** Told of reconnections, of what the server writes to stderr (debug), of weaknesses of a plain server. Default: nobody. */
  readonly logger?: Logger
  /** A call without an answer for so long is given up, in milliseconds. Default 30,000. */
  readonly callTimeoutMs?: number
  /** Calls that the server works on at once; others wait their turn. Default 16. */
  readonly callsInFlightMax?: number
  /** How a plain server is used: namespace, encoding, merging, polling, exclusion. Of no meaning for our own server. */
  readonly plain?: Pick<
    PlainStoreOptions,
    'namespace' | 'encoding' | 'merge' | 'pollBusyMs' | 'pollIdleMs' | 'maxOpLatencyMs' | 'singleServer'
  >
  /** An encoded entry with more bytes is refused with `too_large`. Default 512 KiB. */
  readonly entryBytesMax?: number
}

export const callTimeoutMsDefault = 30_000
export const callsInFlightMaxDefault = 16

/** The least that any server gives: what is said until it is known which one it is. */
export const featuresBeforeOpen: StoreFeatures = Object.freeze({
  compareAndSet: true,
  atomicUnit: true,
  watch: 'push',
  reach: 'network',
  durability: 'none',
})

/**
 * Connects to nothing yet: `open()`, or the first call, does.
 *
 * @throws `invalid_option` for a malformed option.
 */
export function mcpStore(options: McpStoreOptions): Store {
  const target = targetOf(options)
  const { clock, random, logger = silentLogger } = options
  const callTimeoutMs = positive('callTimeoutMs', options.callTimeoutMs ?? callTimeoutMsDefault)
  const callsInFlightMax = positive('callsInFlightMax', options.callsInFlightMax ?? callsInFlightMaxDefault)
  const entryBytesMax = positive('entryBytesMax', options.entryBytesMax ?? entryBytesMaxDefault)
  return lazyStore({
    url: urlOf(target),
    features: featuresBeforeOpen,
    async make(signal) {
      const connection = await openConnection({ target, clock, random, logger, callTimeoutMs, callsInFlightMax }, signal)
      try {
        if (connection.dialect === 'ours') return await createOurStore(connection, { entryBytesMax })
        // Few need it, and it is as large as all the rest.
        const { createPlainStore } = await import('./plain-store.ts')
        const plain = { ...options.plain, clock, random, logger, entryBytesMax }
        const store = createPlainStore(connection, connection.dialect, plain)
        await store.open()
        return store
      } catch (thrown) {
        await connection.close()
        throw thrown
      }
    },
  })
}

function targetOf({ url, command, args = [], env = {}, client, token }: McpStoreOptions): Target {
  const given = [url, command, client].filter((one) => one !== undefined)
  if (given.length !== 1) {
    throw new MemorySyncError('invalid_option', `give one of url, command and client, got ${given.length} of them`)
  }
  if (client !== undefined) return { type: 'client', client }
  if (command !== undefined) {
    if (typeof command !== 'string' || command === '') {
      throw new MemorySyncError('invalid_option', `command must be a non-empty string, got ${quote(command)}`)
    }
    return { type: 'stdio', command, args, env }
  }
  return { type: 'http', url: httpUrlOf(url as string | URL), token: token === '' ? undefined : token }
}

function httpUrlOf(given: string | URL): URL {
  let url: URL
  try {
    url = new URL(given)
  } catch (cause) {
    throw new MemorySyncError('invalid_option', `url must be a URL, got ${quote(given)}`, { cause })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new MemorySyncError('invalid_option', `url must begin with http: or https:, got ${quote(given)}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new MemorySyncError(
      'invalid_option',
      'url must not hold a name or password: others would read it; give the option token',
    )
  }
  return url
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new MemorySyncError('invalid_option', `${name} must be a positive integer, got ${quote(value)}`)
}
