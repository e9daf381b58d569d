/**
 * Stores by URL, and where the default one lies. The one place that knows every adapter; only those who assemble things (the
 * runtime's factory, the manager, the CLI) import it.
 */
import { type Stats, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { Store } from '../ports/store.ts'
import { parseCommandLine } from './command-line.ts'
import { type FileStoreOptions, fileStore } from './file.ts'
import { lazyStore } from './lazy-store.ts'
import type { McpStoreOptions } from './mcp/mcp-store.ts'
import { memoryStore } from './memory.ts'

export interface OpenStoreOptions {
  readonly clock: Clock
  readonly logger?: Logger
  /** Memory servers need it: it spreads attempts over time, and names this process at plain ones. */
  readonly random?: Random
  /** Plain memory servers: which of their namespaces holds the keys. Default `task-sentinel`. */
  readonly namespace?: string
  /** File stores: what a receipt promises. Default `process-crash`. */
  readonly durability?: NonNullable<FileStoreOptions['durability']>
  /** An encoded entry with more bytes is refused, but by `memory:`. Default 512 KiB. */
  readonly entryBytesMax?: number
  /** Where relative directories and the default start. Default: the process's working directory. */
  readonly cwd?: string
  /** Default: the process's environment. */
  readonly env?: Environment
}

export type Environment = Readonly<Record<string, string | undefined>>

const directoryName = '.memory-sync'
const urlVariable = 'MEMORY_SYNC_STORE'
const tokenVariable = 'MEMORY_SYNC_TOKEN'
const schemes =
  'memory: (private), memory:<name> (shared in this process), file:<directory>, file: (the default directory), mcp+stdio:<command line>, http://<host>/mcp, https://<host>/mcp'

/**
 * The store at a URL, or the given store itself. Opens nothing yet: `store.open()` does, and says what is wrong with the place.
 *
 * `mcp+stdio:` is followed by a command line, split into words as a shell does (`command-line.ts`); leading words NAME=value are the
 * command's environment. To a server at an HTTP URL the environment's `MEMORY_SYNC_TOKEN` is sent, if it is set.
 *
 * @param store a URL, a store, or nothing for {@link defaultStoreUrl}.
 * @throws `invalid_option` for a URL that names no adapter, `not_supported` for one of an adapter that this version has not.
 */
export function openStore(store: string | Store | undefined, options: OpenStoreOptions): Store {
  if (store !== undefined && typeof store !== 'string') return store
  const { clock, logger, durability, entryBytesMax } = options
  const cwd = options.cwd ?? process.cwd()
  const env = options.env ?? process.env
  const url = store ?? defaultStoreUrl(cwd, env)
  const colon = url.indexOf(':')
  const scheme = colon === -1 ? '' : url.slice(0, colon)
  const rest = url.slice(colon + 1)
  switch (scheme) {
    case 'memory':
      return memoryStore(rest === '' ? { clock } : { clock, name: rest })
    case 'file':
      return fileStore({
        directory: rest === '' ? defaultDirectory(cwd) : resolve(cwd, directoryOf(url)),
        clock,
        ...(logger === undefined ? {} : { logger }),
        ...(durability === undefined ? {} : { durability }),
        ...(entryBytesMax === undefined ? {} : { entryBytesMax }),
      })
    case 'mcp+stdio': {
      const { command, args, env: commandEnv } = parseCommandLine(rest)
      return mcpStoreAt(url, { command, args, env: commandEnv }, options)
    }
    case 'http':
    case 'https':
      return mcpStoreAt(withoutSecrets(url), { url, token: env[tokenVariable] ?? '' }, options)
    case 'nats':
      throw new MemorySyncError(
        'not_supported',
        `this version has no adapter for ${quote(url)}. Use one of ${schemes}, or pass an object that implements Store.`,
      )
    default:
      throw new MemorySyncError('invalid_option', `${quote(url)} is no store's URL. There are ${schemes}.`)
  }
}

/** The SDK is an optional package: loaded when the store is opened, and missed only then. */
function mcpStoreAt(url: string, target: Partial<McpStoreOptions>, options: OpenStoreOptions): Store {
  const { clock, logger, random, namespace, entryBytesMax } = options
  return lazyStore({
    url,
    features: { compareAndSet: true, atomicUnit: true, watch: 'push', reach: 'network', durability: 'none' },
    async make(signal) {
      const { mcpStore } = await importMcpStore(url)
      // Two processes that were given the same name by default would exclude nobody.
      if (random === undefined) throw new MemorySyncError('invalid_option', `the store ${url} needs the option random`)
      const store = mcpStore({
        ...target,
        clock,
        random,
        ...(logger === undefined ? undefined : { logger }),
        ...(namespace === undefined ? undefined : { plain: { namespace } }),
        ...(entryBytesMax === undefined ? undefined : { entryBytesMax }),
      })
      const giveUp = (): void => void store.close()
      signal.addEventListener('abort', giveUp, { once: true })
      try {
        await store.open()
      } finally {
        signal.removeEventListener('abort', giveUp)
      }
      return store
    },
  })
}

async function importMcpStore(url: string): Promise<typeof import('./mcp/mcp-store.ts')> {
  try {
    return await import('./mcp/mcp-store.ts')
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new MemorySyncError(
      'not_supported',
      `the store ${url} needs a package that is not installed. Run: npm install @modelcontextprotocol/sdk`,
      { cause },
    )
  }
}

/** What a URL is shown as: names, passwords and what is behind the path may be secret. */
function withoutSecrets(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch (cause) {
    throw new MemorySyncError('invalid_option', `${quote(url)} is no URL; write http://<host>:<port>/mcp`, { cause })
  }
}

/**
 * `MEMORY_SYNC_STORE` if it is set; else `file:` of the directory `.memory-sync` in the nearest ancestor of `cwd` that has one, else in
 * the nearest that has `package.json` or `.git`, else in `cwd` itself. Creates nothing.
 */
export function defaultStoreUrl(cwd: string, env: Environment): string {
  const asked = env[urlVariable]
  return asked === undefined || asked === '' ? `file:${defaultDirectory(cwd)}` : asked
}

function defaultDirectory(cwd: string): string {
  const start = resolve(cwd)
  const found =
    nearest(start, (directory) => isDirectory(join(directory, directoryName))) ??
    nearest(start, (directory) => exists(join(directory, 'package.json')) || exists(join(directory, '.git'))) ??
    start
  return join(found, directoryName)
}

function nearest(start: string, isIt: (directory: string) => boolean): string | null {
  for (let directory = start; ; directory = dirname(directory)) {
    if (isIt(directory)) return directory
    if (dirname(directory) === directory) return null
  }
}

/** `file:///a%20b` is a URL as the web has them, `file:/a b` and `file:a` are plain paths behind a scheme. */
function directoryOf(url: string): string {
  const rest = url.slice(url.indexOf(':') + 1)
  if (!rest.startsWith('//')) return rest
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new MemorySyncError('invalid_option', `${quote(url)} names no directory; write file:<directory>`, { cause })
  }
}

function exists(path: string): boolean {
  return statOf(path) !== undefined
}

function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory() === true
}

/** What we may not look at is taken for absent: the search goes on above it. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
