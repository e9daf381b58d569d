/**
 * `memory_usage`: one tool with five actions, as claude-flow v2 has it and as programs that follow its guide call it. Keeps their reply
 * shapes; where they lose data it does not: texts come back unchanged, lists have pages, a search keeps to its namespace.
 *
 * - U1 a text that is the JSON of an entry is reconciled by its version: newer replaces, older is dropped and the reply says so
 * - U2 any other text is stored as it is, labelled with the client
 */
import { z } from 'zod'
import { type Entry, isLive } from '../../domain/entry.ts'
import { MemorySyncError } from '../../domain/errors.ts'
import { entryOfText, textOf } from '../client-text.ts'
import type { ClientWriter } from '../client-writer.ts'
import { liveEntries, type Placed, ReplyRoom, searchEntries } from '../live-entries.ts'
import { type Namespaces, namespaceDefault } from '../namespaces.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'

/** Entries of one `list`. Keys of one `search` by pattern: its callers know no pages. Results of one by text. */
export const listLimitDefault = 100
export const searchKeysMax = 10_000
export const searchResultsDefault = 50

const input = {
  action: z.enum(['store', 'retrieve', 'delete', 'list', 'search']),
  key: z.string().optional().describe('For store, retrieve and delete'),
  value: z
    .unknown()
    .optional()
    .describe(
      'For store: the text to store; anything else is stored as its JSON text. For search: a text that key or value contain',
    ),
  pattern: z
    .string()
    .optional()
    .describe(
      'For search and list: keys that match, `*` within a segment (at the end: everything below), `**` any number of segments',
    ),
  namespace: z.string().max(512).default(namespaceDefault),
  ttl: z.number().min(0).optional().describe('For store: seconds until the value expires; 0 or absent: never'),
  after: z.string().optional().describe('For list and search: only keys after this one; give `next` of the page before'),
  limit: z.int().min(1).max(searchKeysMax).optional().describe('For list (default 100) and search: at most so many'),
}

const named = {
  key: z.string(),
  value: z.string(),
  namespace: z.string(),
  updatedAt: z.string(),
}

const output = {
  success: z.boolean(),
  action: z.string(),
  namespace: z.string(),
  key: z.string().optional(),
  value: z.string().nullable().optional(),
  found: z.boolean().optional(),
  stored: z.boolean().optional(),
  /** What became of an entry: `stored`, `same`, `older`, `merged`. */
  outcome: z.string().optional(),
  size: z.number().optional(),
  revision: z.number().optional(),
  deleted: z.boolean().optional(),
  entries: z.array(z.object({ ...named, storedBy: z.string() })).optional(),
  keys: z.array(z.string()).optional(),
  results: z.array(z.object({ ...named, score: z.number() })).optional(),
  pattern: z.string().optional(),
  count: z.number().optional(),
  /** More follow after this key. */
  next: z.string().nullable().optional(),
  /** False: the search stopped at its bound before it had seen everything. */
  complete: z.boolean().optional(),
  storage_type: z.string(),
  timestamp: z.string(),
}

type Call = z.infer<z.ZodObject<typeof input>>
type Answer = Omit<z.infer<z.ZodObject<typeof output>>, 'success' | 'action' | 'namespace' | 'storage_type' | 'timestamp'>

export function registerMemoryUsage(tools: Toolbox, context: ToolContext, namespaces: Namespaces, writer: ClientWriter): void {
  const memory = new MemoryUsage(context, namespaces, writer)
  tools.add({
    name: 'memory_usage',
    title: 'Store and look up texts',
    description:
      'Shared memory by key and namespace: store a text, retrieve it, delete it, list a namespace, search keys by pattern or texts by content. What is stored here is seen at once by every agent and program that shares this memory. A text that is the JSON of an entry { value, version, timestamp, workerId } is kept only if it is newer than what is stored; the reply says what became of it.',
    input,
    output,
    annotations: { destructiveHint: true },
    subjectOf: ({ action, namespace, key }) =>
      action === 'store' || action === 'delete' ? `${action} ${namespace}/${key ?? ''}` : undefined,
    refusal: ({ action, key }, message) => ({
      success: false,
      error: message,
      action,
      ...(key === undefined ? undefined : { key }),
    }),
    async run(call, { signal }) {
      await context.runtime.ready()
      const answer = await memory.answer(call, signal)
      const { action, namespace } = call
      const timestamp = isoOf(context.clock.wallMs())
      return { structured: { success: true, action, namespace, ...answer, storage_type: storageOf(context), timestamp } }
    },
  })
}

class MemoryUsage {
  readonly #context: ToolContext
  readonly #namespaces: Namespaces
  readonly #writer: ClientWriter

  constructor(context: ToolContext, namespaces: Namespaces, writer: ClientWriter) {
    this.#context = context
    this.#namespaces = namespaces
    this.#writer = writer
  }

  answer(call: Call, signal: AbortSignal): Promise<Answer> {
    switch (call.action) {
      case 'store':
        return this.#store(call)
      case 'retrieve':
        return this.#retrieve(call, signal)
      case 'delete':
        return this.#delete(call)
      case 'list':
        return this.#list(call, signal)
      case 'search':
        if (call.pattern !== undefined) return this.#searchKeys(call, call.pattern, signal)
        return this.#searchTexts(call, signal)
    }
  }

  async #store(call: Call): Promise<Answer> {
    const key = needKey(call)
    if (call.value === undefined) throw missing('store', 'value, the text to store')
    const storeKey = this.#namespaces.storeKey(call.namespace, key)
    const text = typeof call.value === 'string' ? call.value : JSON.stringify(call.value)
    const given = entryOfText(text)
    if (given === null) {
      const { revision } = await this.#writer.write(storeKey, text, { ttlSeconds: call.ttl })
      return { key, stored: true, size: text.length, revision }
    }
    const hasOwnTtl = given.ttl !== undefined || call.ttl === undefined || call.ttl === 0
    const entry: Entry = hasOwnTtl ? given : { ...given, ttl: call.ttl as number }
    const { outcome, isDiscarded, revision } = await this.#writer.receive(storeKey, entry)
    return { key, stored: !isDiscarded, outcome, size: text.length, revision }
  }

  async #retrieve(call: Call, signal: AbortSignal): Promise<Answer> {
    const key = needKey(call)
    const { store, clock } = this.#context
    const stored = await store.get(this.#namespaces.storeKey(call.namespace, key), { signal })
    if (stored === null || !isLive(stored.entry, clock.wallMs())) return { key, value: null, found: false }
    return { key, value: textOf(stored.entry), found: true, revision: stored.revision }
  }

  async #delete(call: Call): Promise<Answer> {
    const key = needKey(call)
    return { key, deleted: await this.#writer.delete(this.#namespaces.storeKey(call.namespace, key)) }
  }

  async #list(call: Call, signal: AbortSignal): Promise<Answer> {
    const entries: NonNullable<Answer['entries']> = []
    const room = new ReplyRoom()
    let next: string | null = null
    for await (const placed of this.#live(call, signal)) {
      if (entries.length === (call.limit ?? listLimitDefault) || !room.takes(placed.stored)) {
        next = entries.at(-1)?.key ?? null
        break
      }
      entries.push({ ...namedOf(placed), storedBy: placed.stored.entry.workerId })
    }
    return { entries, count: entries.length, next }
  }

  async #searchKeys(call: Call, pattern: string, signal: AbortSignal): Promise<Answer> {
    const keys: string[] = []
    const room = new ReplyRoom()
    let next: string | null = null
    for await (const { place } of this.#live(call, signal)) {
      if (keys.length === (call.limit ?? searchKeysMax) || !room.takesBytes(place.key.length * 3 + 3)) {
        next = keys.at(-1) ?? null
        break
      }
      keys.push(place.key)
    }
    return { pattern, keys, count: keys.length, next }
  }

  /** claude-flow v2 takes what to search for from `value`, and finds everything where that is missing or empty. */
  async #searchTexts(call: Call, signal: AbortSignal): Promise<Answer> {
    if (call.value !== undefined && typeof call.value !== 'string') {
      throw new MemorySyncError('invalid_option', 'search takes a pattern of keys, or a text as value; give one of them')
    }
    const wanted = call.value ?? ''
    const limit = Math.min(call.limit ?? searchResultsDefault, listLimitDefault)
    const { hits, isComplete } = await searchEntries(this.#live(call, signal), [wanted], { limit, threshold: 0 })
    const room = new ReplyRoom()
    const fitting = hits.filter(({ stored }) => room.takes(stored))
    const results = fitting.map((hit) => ({ ...namedOf(hit), score: hit.score }))
    const keys = results.map(({ key }) => key)
    return { pattern: wanted, results, keys, count: results.length, complete: isComplete && fitting.length === hits.length }
  }

  #live({ namespace, pattern, after }: Call, signal: AbortSignal): AsyncGenerator<Placed> {
    return liveEntries(this.#context, this.#namespaces, { namespace, pattern, after, signal })
  }
}

function namedOf({ place, stored: { entry } }: Placed) {
  return { ...place, value: textOf(entry), updatedAt: isoOf(entry.timestamp) }
}

function needKey({ action, key }: Call): string {
  if (key === undefined) throw missing(action, 'key')
  return key
}

function missing(action: string, what: string): MemorySyncError {
  return new MemorySyncError('invalid_option', `memory_usage ${action} needs a ${what}`)
}

/** Foreign clocks may say anything; not every number is a date. */
function isoOf(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}

/** What the store is, for clients that look whether it is one that forgets: `memory`, `file`. */
function storageOf({ store }: ToolContext): string {
  return store.url.slice(0, store.url.indexOf(':'))
}
