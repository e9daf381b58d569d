/**
 * `memory_store`, `memory_retrieve`, `memory_delete`, `memory_search`: claude-flow v3's names and reply shapes over the same memory.
 * Values are texts or JSON; tags lie beside the value and belong to that very write. Knows nothing of `memory_usage`.
 *
 * - V1 `upsert: false` stores only where there is no value, atomically for all processes
 * - V2 tags are those of the stored value: whoever overwrites it, by whatever way, overwrites them too
 */
import { z } from 'zod'
import { type Entry, isLive } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import { isClientText } from '../client-text.ts'
import type { ClientWriter } from '../client-writer.ts'
import { liveEntries, ReplyRoom, searchEntries } from '../live-entries.ts'
import { type Namespaces, namespaceDefault, tagsKeyOf } from '../namespaces.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'

export const tagsMax = 32
export const searchLimitMax = 500
/** As claude-flow has it. */
export const searchThresholdDefault = 0.3
const termsMax = 32

const key = z.string().describe('Names the value in its namespace; use / between parts')
const namespace = z.string().max(512).default(namespaceDefault)

export function registerMemoryV3(tools: Toolbox, context: ToolContext, namespaces: Namespaces, writer: ClientWriter): void {
  const { store, clock, runtime } = context
  const backend = `memory-sync (${store.url.slice(0, store.url.indexOf(':'))})`
  const refusal = (input: { readonly key?: string }, message: string) => ({
    success: false,
    ...(input.key === undefined ? undefined : { key: input.key }),
    error: message,
  })

  tools.add({
    name: 'memory_store',
    title: 'Store a value',
    description:
      'Stores a text or a JSON value under a key of a namespace, for every agent and program that shares this memory. Replaces what is there; with upsert: false it is stored only if the key has no value yet, which no two callers can both succeed with.',
    input: {
      key,
      value: z.unknown().describe('A text or any JSON value'),
      namespace,
      tags: z
        .array(z.string().min(1).max(128))
        .max(tagsMax)
        .optional()
        .describe('Labels of this value; memory_retrieve gives them back'),
      ttl: z.number().min(0).optional().describe('Seconds until the value expires; 0 or absent: never'),
      upsert: z.boolean().default(true),
    },
    output: {
      success: z.boolean(),
      key: z.string(),
      namespace: z.string(),
      stored: z.boolean(),
      storedAt: z.string(),
      revision: z.number(),
      hasEmbedding: z.boolean(),
      backend: z.string(),
    },
    annotations: { destructiveHint: true },
    subjectOf: (input) => `${input.namespace}/${input.key}`,
    refusal: (input, message) => ({ ...refusal(input, message), stored: false }),
    async run({ key, value, namespace, tags, ttl, upsert }) {
      if (value === undefined || value === '') {
        throw new MemorySyncError('invalid_value', 'memory_store needs a value that is not empty')
      }
      const storeKey = namespaces.storeKey(namespace, key)
      const beside = tags === undefined || tags.length === 0 ? undefined : besideOf(storeKey, tags)
      const { entry, revision } = await writer.write(storeKey, value, {
        ttlSeconds: ttl,
        ifAbsent: !upsert,
        ...(beside === undefined ? undefined : { beside }),
      })
      const storedAt = new Date(entry.timestamp).toISOString()
      return { structured: { success: true, key, namespace, stored: true, storedAt, revision, hasEmbedding: false, backend } }
    },
  })

  tools.add({
    name: 'memory_retrieve',
    title: 'Retrieve a value',
    description:
      'Gives the value of a key as it was stored, never an outdated one. A text that is exactly the JSON of an object or array is given as that object or array. found: false when there is none, it was deleted, or it has expired.',
    input: { key, namespace },
    output: {
      key: z.string(),
      namespace: z.string(),
      value: z.unknown(),
      found: z.boolean(),
      tags: z.array(z.string()).optional(),
      storedAt: z.number().optional(),
      updatedAt: z.number().optional(),
      storedBy: z.string().optional(),
      revision: z.number().optional(),
      hasEmbedding: z.boolean().optional(),
      backend: z.string().optional(),
    },
    async run({ key, namespace }, { signal }) {
      const storeKey = namespaces.storeKey(namespace, key)
      await runtime.ready()
      const stored = await store.get(storeKey, { signal })
      if (stored === null || !isLive(stored.entry, clock.wallMs())) {
        return { structured: { key, namespace, value: null, found: false } }
      }
      const { timestamp, workerId } = stored.entry
      const tags = await tagsOf(context, storeKey, stored.entry, signal)
      const value = clientValueOf(stored.entry)
      const times = { storedAt: timestamp, updatedAt: timestamp }
      const { revision } = stored
      const found = { value, tags, ...times, storedBy: workerId, revision, hasEmbedding: false, found: true, backend }
      return { structured: { key, namespace, ...found } }
    },
  })

  tools.add({
    name: 'memory_delete',
    title: 'Delete a value',
    description: 'Deletes the value of a key. deleted: false, and success: false, when there was none; that is no error.',
    input: { key, namespace },
    output: { success: z.boolean(), key: z.string(), namespace: z.string(), deleted: z.boolean(), backend: z.string() },
    annotations: { destructiveHint: true, idempotentHint: true },
    subjectOf: (input) => `${input.namespace}/${input.key}`,
    refusal: (input, message) => ({ ...refusal(input, message), deleted: false }),
    async run({ key, namespace }) {
      const storeKey = namespaces.storeKey(namespace, key)
      const deleted = await writer.delete(storeKey)
      // Without their value the tags mean nothing; they are only in the way.
      const tagsKey = tagsKeyOf(storeKey)
      if (deleted && tagsKey !== null) await writer.delete(tagsKey)
      return { structured: { success: deleted, key, namespace, deleted, backend } }
    },
  })

  tools.add({
    name: 'memory_search',
    title: 'Search keys and values',
    description:
      'Finds values by the words of the query, as parts of keys and values, regardless of case. It compares letters, not meanings. The score (similarity) is 1 when every word is in the key, 0.6 when every word is only in the value. It looks at no more than 20,000 entries; `complete: false` says that there were more: narrow it by namespace.',
    input: {
      query: z.string().trim().min(1).max(2000),
      namespace: z.string().max(512).optional().describe('Default: all namespaces'),
      limit: z.int().min(1).max(searchLimitMax).default(10),
      threshold: z.number().min(0).max(1).default(searchThresholdDefault).describe('Only results of at least this similarity'),
    },
    output: {
      query: z.string(),
      results: z.array(z.object({ key: z.string(), namespace: z.string(), value: z.unknown(), similarity: z.number() })),
      total: z.number(),
      scanned: z.number(),
      complete: z.boolean(),
      backend: z.string(),
    },
    async run({ query, namespace, limit, threshold }, { signal }) {
      await runtime.ready()
      const terms = [...new Set(query.split(/\s+/))].slice(0, termsMax)
      const entries = liveEntries(context, namespaces, { namespace, signal })
      const { hits, scanned, isComplete } = await searchEntries(entries, terms, { limit, threshold })
      const room = new ReplyRoom()
      const fitting = hits.filter(({ stored }) => room.takes(stored))
      const results = fitting.map(({ place, stored, score }) => ({
        ...place,
        value: clientValueOf(stored.entry),
        similarity: score,
      }))
      const complete = isComplete && fitting.length === hits.length
      return { structured: { query, results, total: results.length, scanned, complete, backend } }
    },
  })
}

/** claude-flow gives parsed what parses; here only where nothing of the text is lost, and never a text for a number. */
function clientValueOf(entry: Entry): Json {
  if (!isClientText(entry) || !/^[[{]/.test(entry.value)) return entry.value
  try {
    const parsed = JSON.parse(entry.value) as Json
    return JSON.stringify(parsed) === entry.value ? parsed : entry.value
  } catch {
    return entry.value
  }
}

/** Writes the tags beside the value, with the dot of that very write. */
function besideOf(storeKey: string, tags: readonly string[]) {
  const key = tagsKeyOf(storeKey)
  if (key === null) {
    throw new MemorySyncError(
      'invalid_key',
      `the key ${quote(storeKey)} is too long for a value with tags; shorten it, or store no tags`,
    )
  }
  return (entry: Entry) => ({ key, value: { tags, of: dotOf(entry) } })
}

function dotOf({ x }: Entry): string {
  return JSON.stringify(x?.d ?? null)
}

async function tagsOf({ store }: ToolContext, storeKey: string, entry: Entry, signal: AbortSignal): Promise<string[]> {
  const key = tagsKeyOf(storeKey)
  const value = key === null ? null : (await store.get(key, { signal }))?.entry.value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const { tags, of } = value as { readonly tags?: Json; readonly of?: Json }
  if (of !== dotOf(entry) || !Array.isArray(tags)) return []
  return tags.filter((tag): tag is string => typeof tag === 'string')
}
