/** Where an import reads: the server of `--from`, and the keys of `--keys-from`. Knows no store. */
import { createReadStream } from 'node:fs'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { loadOptional } from '../mcp/optional-package.ts'
import { systemClock, systemRandom } from '../platform.ts'
import type { Logger } from '../ports/logger.ts'
import { parseCommandLine } from '../stores/command-line.ts'
import type { Connection } from '../stores/mcp/connection.ts'
import type { ForeignPlace } from '../stores/mcp/foreign-reading.ts'
import type { Target } from '../stores/mcp/target.ts'
import { readText } from './arguments.ts'

export const keysFileCharactersMax = 64 * 1024 * 1024
/** A server may be slow to count what it has. */
const callTimeoutMs = 60_000
/** Reading asks one thing after the other. */
const callsInFlightMax = 1

/** @throws `invalid_option` for what names no memory server. */
export function importTarget(from: string, token: string | undefined): Target {
  const scheme = from.slice(0, from.indexOf(':'))
  if (scheme === 'mcp+stdio') return { type: 'stdio', ...parseCommandLine(from.slice(scheme.length + 1)) }
  if ((scheme === 'http' || scheme === 'https') && URL.canParse(from)) {
    return { type: 'http', url: new URL(from), token: token === '' ? undefined : token }
  }
  const ways = 'mcp+stdio:<command line>, http://<host>/mcp or https://<host>/mcp'
  throw new MemorySyncError('invalid_option', `${quote(from)} is no memory server to import from; give ${ways}`)
}

/** @throws `store_unavailable`, `not_supported` for a server that is no memory, and without the package that it takes. */
export async function connectSource(target: Target, logger: Logger, signal: AbortSignal): Promise<Connection> {
  const { openConnection } = await loadOptional(() => import('../stores/mcp/connection.ts'), 'import', [
    '@modelcontextprotocol/sdk',
  ])
  const bounds = { callTimeoutMs, callsInFlightMax }
  return openConnection({ target, clock: systemClock, random: systemRandom, logger, ...bounds }, signal)
}

/**
 * One `namespace<TAB>key` per line; empty lines mean nothing.
 *
 * @throws `invalid_option` for a file that cannot be read, `invalid_value` naming the first bad line, `too_large`
 */
export async function readKeysFile(path: string): Promise<ForeignPlace[]> {
  let text: string
  try {
    text = await readText(createReadStream(path, 'utf8'), keysFileCharactersMax, quote(path))
  } catch (thrown) {
    if (thrown instanceof MemorySyncError) throw thrown
    throw new MemorySyncError('invalid_option', `the keys in ${quote(path)} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    })
  }
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const tab = line.indexOf('\t')
      if (tab > 0 && tab < line.length - 1) return [{ namespace: line.slice(0, tab), key: line.slice(tab + 1) }]
      const advice = 'write the namespace, a tab, the key'
      throw new MemorySyncError('invalid_value', `${quote(path)} line ${index + 1}: ${quote(line)} names no key; ${advice}`)
    })
}
