/**
 * `memory_list`, for two callers. With `pattern`: the store's entries as they lie there, in pages, for programs that keep its rules.
 * Without it: the keys of a namespace, in claude-flow's words. Knows no other tool.
 */
import { z } from 'zod'
import { MemorySyncError } from '../../domain/errors.ts'
import { listEntriesMax, memoryListByPattern, memoryTools, type WireStored } from '../../wire/mcp-memory.ts'
import { liveEntries, ReplyRoom } from '../live-entries.ts'
import type { Namespaces } from '../namespaces.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'
import { wireStored } from './memory.ts'

/** Entries that are counted for `total`; `totalIsAtLeast` says that there are more. */
export const countedEntriesMax = 100_000
const limitDefault = 50

const named = z.object({
  key: z.string(),
  namespace: z.string(),
  storedAt: z.number(),
  updatedAt: z.number(),
  size: z.number(),
})

const input = {
  pattern: memoryListByPattern.input.pattern
    .optional()
    .describe('Keys of the store itself, with `*` within a segment and `**` for any number of them; gives whole entries'),
  after: memoryListByPattern.input.after.describe('With pattern: only keys after this one; give `next` of the page before'),
  namespace: z.string().max(512).optional().describe('Without pattern: the namespace whose keys to list. Default: all'),
  limit: z.int().min(0).max(listEntriesMax).optional().describe('At most so many. Default: 1000 with pattern, else 50'),
  offset: z.int().min(0).optional().describe('Without pattern: skip so many. Default 0'),
}

const output = {
  entries: z.array(z.union([memoryListByPattern.output.entries.element, named])),
  next: memoryListByPattern.output.next.optional(),
  revision: memoryListByPattern.output.revision.optional(),
  total: z.number().optional(),
  totalIsAtLeast: z.boolean().optional(),
  limit: z.number().optional(),
  offset: z.number().optional(),
}

export function registerMemoryList(tools: Toolbox, context: ToolContext, namespaces: Namespaces): void {
  tools.add({
    name: memoryTools.list,
    title: 'List what is stored',
    description:
      'Lists what is in the shared memory, in key order. With `namespace` (or nothing): the keys with their sizes and times, by limit and offset. With `pattern`: whole entries of the store itself, deleted ones too, a page at a time; ask again with `next` as `after` until it is null.',
    input,
    output,
    async run({ pattern, after, namespace, limit, offset = 0 }, { signal }) {
      await context.runtime.ready()
      if (pattern !== undefined) {
        if (namespace !== undefined || offset > 0) {
          throw new MemorySyncError(
            'invalid_option',
            'memory_list takes either pattern (with after) or namespace (with offset), not both; leave one of them out',
          )
        }
        return { structured: await pageOf(context, pattern, after, limit ?? listEntriesMax, signal) }
      }
      return { structured: await namedIn(context, namespaces, namespace, limit ?? limitDefault, offset, signal) }
    },
  })
}

async function pageOf({ store }: ToolContext, pattern: string, after: string | undefined, limit: number, signal: AbortSignal) {
  // Before the first entry is read: whoever follows the changes from here on misses none.
  const revision = await store.head({ signal })
  const entries: WireStored[] = []
  const room = new ReplyRoom()
  let next: string | null = null
  // One more than wanted, to know whether any follow.
  for await (const stored of store.list(pattern, { ...(after === undefined ? {} : { after }), limit: limit + 1, signal })) {
    if (entries.length === limit || !room.takes(stored)) {
      // Of a page without entries nothing can be the last one.
      next = entries.at(-1)?.key ?? after ?? null
      break
    }
    entries.push(wireStored(stored))
  }
  return { entries, next, revision }
}

async function namedIn(
  context: ToolContext,
  namespaces: Namespaces,
  namespace: string | undefined,
  limit: number,
  offset: number,
  signal: AbortSignal,
) {
  const entries: z.infer<typeof named>[] = []
  let total = 0
  let totalIsAtLeast = false
  for await (const { place, stored } of liveEntries(context, namespaces, { namespace, signal })) {
    if (total === countedEntriesMax && total >= offset + limit) {
      totalIsAtLeast = true
      break
    }
    const isWanted = total >= offset && entries.length < limit
    total++
    if (!isWanted) continue
    const { timestamp, value } = stored.entry
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    // Only the last write's time is known.
    entries.push({ ...place, storedAt: timestamp, updatedAt: timestamp, size: text.length })
  }
  return { entries, total, limit, offset, ...(totalIsAtLeast ? { totalIsAtLeast } : undefined) }
}
