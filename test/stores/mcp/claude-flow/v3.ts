/**
 * A stand-in for claude-flow v3's MCP server ("ruflo"): `memory_store`, `memory_retrieve`, `memory_delete`, `memory_list` and
 * `memory_search`, with everything about them that a caller can trip over. Built from the recorded replies in `wire/`, which
 * `wire.test.ts` holds it to.
 *
 * - E1 a server that has read an entry gives it again until it writes or deletes that key itself, whatever others do. (The real one's
 *   cache is bounded and ages; nobody can rely on when)
 * - E2 lists and searches are never cached
 * - E3 a ttl is accepted and means nothing
 */
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { Clock } from '../../../../src/ports/clock.ts'
import { type Arguments, createDouble, methodNotFound, parsedIfJson, RpcFault, replyText } from './double.ts'
import { memoryTable, type Row, type Table } from './table.ts'
import { readWire } from './wire.ts'

export interface V3Row extends Row {
  readonly text: string
  readonly tags: unknown
  readonly storedMs: number
  readonly accessCount: number
}

export type V3Table = Table<V3Row>

export interface V3Options {
  /** The directory: servers with the same table share it. Default: a private one. */
  readonly table?: V3Table
  readonly clock: Pick<Clock, 'wallMs'>
}

const keyLengthMax = 1024
const valueLengthMax = 1_048_576
const refusedCharacters = /[;&|`$(){}[\]<>!#\\\0]|\.\.[/\\]/
const listableNamespace = /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/
const listableNamespaceLengthMax = 128
const listedDefault = 50
const foundDefault = 10
const similarityMinDefault = 0.3
const excerptLengthMax = 60

const backend = 'sqlite (bridge, brute-force cosine)'
/** It has no model here, and says so. */
const noEmbedding = { hasEmbedding: false, embeddingDimensions: null, provenanceType: 'unknown', backend }
const embeddingError = 'agentdb embedder is serving mock vectors; local embedding chain has no real model (backend=mock)'

export function claudeFlowV3(options: V3Options): Server {
  const { clock, table = memoryTable<V3Row>() } = options
  const { header } = readWire('3.43.0')
  const cachedRowByPlace = new Map<string, V3Row>()

  const store = (args: Arguments): object => {
    const { key, tags = [], upsert } = args
    const missing = missingText(args, 'key', 'memory_store')
    if (missing !== null) return { success: false, key, stored: false, hasEmbedding: false, ...missing }
    const text = typeof args.value === 'string' ? args.value : (JSON.stringify(args.value) ?? '')
    const { namespace, place } = placeOf(args)
    if (text === '') {
      return { success: false, key, stored: false, hasEmbedding: false, error: 'Value is required and cannot be empty' }
    }
    check(key, namespace, text)
    const isStored = table.transact((rows) => {
      if (upsert === false && rows.get(namespace, String(key)) !== undefined) return false
      // A row is replaced, never changed: the count starts again.
      const storedMs = clock.wallMs()
      rows.put({ id: rows.nextId(), namespace, key: String(key), text, tags, storedMs, accessCount: 0 })
      return true
    })
    if (isStored) cachedRowByPlace.delete(place)
    const storedAt = new Date(clock.wallMs()).toISOString()
    const error = `key "${key}" already exists in namespace "${namespace}" — pass upsert=true (--upsert on the CLI) to update it`
    const end = { storeTime: '1.00ms', ...(isStored ? { embeddingError } : { error }) }
    return { success: isStored, key, namespace, stored: isStored, storedAt, ...noEmbedding, ...end }
  }

  const retrieve = (args: Arguments): object => {
    const { key } = args
    const missing = missingText(args, 'key', 'memory_retrieve')
    if (missing !== null) return { key, namespace: args.namespace, value: null, found: false, ...missing }
    const { namespace, place } = placeOf(args)
    check(key, namespace)
    const row = cachedRowByPlace.get(place) ?? read(namespace, String(key))
    if (row === undefined) return { key, namespace, value: null, found: false }
    cachedRowByPlace.set(place, row)
    return {
      key,
      namespace,
      value: parsedIfJson(row.text),
      tags: row.tags,
      storedAt: row.storedMs,
      updatedAt: row.storedMs,
      accessCount: row.accessCount,
      hasEmbedding: false,
      found: true,
      backend,
    }
  }

  const read = (namespace: string, key: string): V3Row | undefined =>
    table.transact((rows) => {
      const row = rows.get(namespace, key)
      if (row === undefined) return undefined
      const counted = { ...row, accessCount: row.accessCount + 1 }
      rows.put(counted)
      return counted
    })

  const remove = (args: Arguments): object => {
    const { key } = args
    const missing = missingText(args, 'key', 'memory_delete')
    if (missing !== null) return { success: false, key, namespace: args.namespace, deleted: false, ...missing }
    const { namespace, place } = placeOf(args)
    check(key, namespace)
    const deleted = table.transact((rows) => rows.remove(namespace, String(key)))
    cachedRowByPlace.delete(place)
    return { success: deleted, key, namespace, deleted, hnswIndexInvalidated: deleted, backend }
  }

  const list = (args: Arguments): object => {
    const namespace = args.namespace ? String(args.namespace) : undefined
    if (namespace !== undefined) checkListable(namespace)
    const limit = Number(args.limit) || listedDefault
    const offset = Number(args.offset) || 0
    const newestFirst = newest(namespace)
    const entries = newestFirst.slice(offset, offset + limit).map((row) => ({
      key: row.key,
      namespace: row.namespace,
      storedAt: row.storedMs,
      updatedAt: row.storedMs,
      accessCount: row.accessCount,
      hasEmbedding: false,
      size: row.text.length,
    }))
    return { entries, total: newestFirst.length, limit, offset, backend }
  }

  /** By meaning, the server says. Without a model that is the share of the query's words which the value holds; keys do not count. */
  const search = (args: Arguments): object => {
    const missing = missingText(args, 'query', 'memory_search')
    if (missing !== null) return { query: args.query, results: [], total: 0, ...missing }
    const query = String(args.query)
    const namespace = args.namespace ? String(args.namespace) : undefined
    check(undefined, namespace)
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word.length > 1)
    const similarityOf = (text: string) => {
      const held = words.filter((word) => text.toLowerCase().includes(word))
      return words.length === 0 ? 0 : (0.4 * held.length) / words.length
    }
    const ranked = newest(namespace).map((row) => ({ row, similarity: similarityOf(row.text) }))
    const results = ranked
      .filter(({ similarity }) => similarity >= Number(args.threshold ?? similarityMinDefault))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, Number(args.limit ?? foundDefault))
      .map(({ row, similarity }) => ({
        key: row.key,
        namespace: row.namespace,
        value: parsedIfJson(excerptOf(row.text)),
        similarity,
        provenanceType: 'unknown',
      }))
    return { query, results, total: results.length, searchTime: '1.00ms', backend: 'HNSW + sql.js' }
  }

  const newest = (namespace: string | undefined): V3Row[] =>
    table.transact((rows) => rows.all(namespace).sort((a, b) => b.storedMs - a.storedMs))

  const tools: Readonly<Record<string, (args: Arguments) => object>> = {
    memory_store: store,
    memory_retrieve: retrieve,
    memory_delete: remove,
    memory_list: list,
    memory_search: search,
  }

  return createDouble({
    serverInfo: header.serverInfo,
    tools: header.memoryTools,
    callTool(name, args = {}) {
      const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
      if (tool === undefined) throw new RpcFault(methodNotFound, `Tool not found: ${name}`)
      try {
        return replyText(tool(args))
      } catch (error) {
        throw new RpcFault(-32603, `Failed to execute MCP tool '${name}': ${(error as Error).message}`)
      }
    },
    unknownMethod: (method) => `Method not found: ${method}`,
    refusesNotifications: false,
  })
}

function placeOf(args: Arguments): { namespace: string; place: string } {
  const namespace = String(args.namespace || 'default')
  return { namespace, place: JSON.stringify([namespace, args.key]) }
}

function missingText(args: Arguments, member: string, tool: string): { error: string; code: string } | null {
  const given = args[member]
  if (typeof given === 'string' && given !== '') return null
  const seen = given === '' ? 'it was an empty string' : given === undefined ? 'it was omitted' : `got ${typeof given}`
  const error = `${tool}: required parameter "${member}" must be a non-empty string (${seen})`
  return { error, code: 'MISSING_REQUIRED_PARAM' }
}

/** Limits that end the call with an error, not with a reply. */
function check(key: unknown, namespace: string | undefined, text = ''): void {
  const name = key === undefined ? '' : String(key)
  if (name.length > keyLengthMax) throw new Error(`Key exceeds maximum length of ${keyLengthMax} characters`)
  if (text.length > valueLengthMax) throw new Error(`Value exceeds maximum size of ${valueLengthMax} bytes`)
  if (refusedCharacters.test(name)) throw new Error('Key contains disallowed characters')
  if (namespace !== undefined && refusedCharacters.test(namespace)) throw new Error('Namespace contains disallowed characters')
}

/** Stricter than what `check` lets a store write to. */
function checkListable(namespace: string): void {
  if (namespace.length > listableNamespaceLengthMax) {
    throw new Error(`namespace exceeds ${listableNamespaceLengthMax} characters`)
  }
  if (listableNamespace.test(namespace)) return
  throw new Error('namespace contains invalid characters (allowed: alphanumeric, _, -, ., :)')
}

function excerptOf(text: string): string {
  return text.length > excerptLengthMax ? `${text.slice(0, excerptLengthMax)}...` : text
}
