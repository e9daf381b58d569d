/**
 * Where a client's (namespace, key) lies in the store. Clients of MCP memory servers name a value by two texts, the store by one key.
 *
 * - the runtime's own namespace: the key as it is given. Programs that share the runtime's memory know its keys, which begin with the
 *   namespace already: `task-sentinel/tasks/1/state`
 * - any other namespace: `mcp/<encodeId(namespace)>/<key>`
 *
 * - N1 two pairs never share a store key, and `placeOf` gives back the pair: the own namespace has no keys below `mcp/`
 *
 * Knows no store and no tool.
 */
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { assertKey, decodeId, encodeId, exceedsKeyBytes } from '../domain/key.ts'
import { parsePattern } from '../domain/pattern.ts'

/** The namespace of callers that name none. */
export const namespaceDefault = 'default'

/** Above all namespaces but the runtime's own. */
export const clientRoot = 'mcp'

const root = `${clientRoot}/`
/** `encodeId` never makes `=tags`, so nothing below it is in anybody's namespace. */
const tagsRoot = `${root}=tags/`

/** A key as a client names it. */
export interface Place {
  readonly namespace: string
  readonly key: string
}

export class Namespaces {
  readonly own: string

  /** @throws `invalid_option` for a runtime whose own keys would lie among those of the other namespaces. */
  constructor(own: string) {
    if (`${own}/`.startsWith(root)) {
      throw new MemorySyncError(
        'invalid_option',
        `a memory server keeps its clients' namespaces below ${quote(root)}, so its runtime cannot have the namespace ${quote(own)}; give it another one`,
      )
    }
    this.own = own
  }

  /** @throws `invalid_key` for a key that no store takes, and for a key of the own namespace that would lie in another one. */
  storeKey(namespace: string, key: string): string {
    assertKey(key)
    if (namespace !== this.own) return assertKey(rootOf(namespace) + key)
    if (`${key}/`.startsWith(root)) {
      throw new MemorySyncError(
        'invalid_key',
        `key ${quote(key)} is in none of the namespace ${quote(namespace)}: below ${quote(root)} are the other namespaces, which are asked for by name`,
      )
    }
    return key
  }

  /** The store's pattern for `pattern` in a namespace. What it matches is still to be asked for its place. @throws `invalid_key` */
  storePattern(namespace: string, pattern: string): string {
    parsePattern(pattern)
    const whole = namespace === this.own ? pattern : rootOf(namespace) + pattern
    parsePattern(whole)
    return whole
  }

  /** null: it is in nobody's namespace. */
  placeOf(storeKey: string): Place | null {
    if (!storeKey.startsWith(root)) return storeKey === clientRoot ? null : { namespace: this.own, key: storeKey }
    const end = storeKey.indexOf('/', root.length)
    if (end === -1) return null
    let namespace: string
    try {
      namespace = decodeId(storeKey.slice(root.length, end))
    } catch {
      return null
    }
    return namespace === this.own ? null : { namespace, key: storeKey.slice(end + 1) }
  }
}

/** Where the tags of the value at `storeKey` lie; null when that would be longer than a key may be. */
export function tagsKeyOf(storeKey: string): string | null {
  const key = tagsRoot + storeKey
  return exceedsKeyBytes(key) ? null : key
}

function rootOf(namespace: string): string {
  try {
    return `${root}${encodeId(namespace)}/`
  } catch (cause) {
    throw new MemorySyncError('invalid_key', `the namespace cannot be used: ${messageOf(cause)}`, { cause })
  }
}
