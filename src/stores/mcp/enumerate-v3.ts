/**
 * Everything at a claude-flow v3 server: its listing has pages over all namespaces and no values, which are read one by one. Owns when
 * a listing that others change is whole.
 *
 * A server process gives what it has read once for ever, whatever others write: one that was started for this reading has read nothing.
 */
import { MemorySyncError, messageOf } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { ForeignPlace, ForeignQuestion, ForeignReading } from './foreign-reading.ts'
import { callTool, type Reply, refused, type ToolCaller } from './registers.ts'

/** Entries of one page: about 300 KB. */
const pageEntriesMax = 1000
/** A listing that others keep changing is given up after so many attempts. */
export const listAttemptsMax = 4

interface Listed extends ForeignPlace {
  readonly characters: number | null
}

/** Each value once. @throws what the connection throws. */
export async function* enumerateV3(caller: ToolCaller, { known, signal }: ForeignQuestion): AsyncGenerator<ForeignReading> {
  const listed = new Map<string, Listed>()
  const isWhole = await listInto(listed, caller, signal)
  for (const place of listed.values()) {
    const reading = await read(caller, place, signal)
    if (reading !== null) yield reading
  }
  for (const place of known) {
    if (listed.has(nameOf(place))) continue
    const reason = 'the server has no such key'
    yield (await read(caller, { ...place, characters: null }, signal)) ?? { ...place, type: 'unreadable', reason }
  }
  if (!isWhole) {
    const reason = `others changed the memory while it was listed, ${listAttemptsMax} times; import when nobody writes`
    yield { type: 'gap', namespace: null, reason }
    return
  }
  for (const namespace of new Set([...listed.values()].map((place) => place.namespace))) {
    yield { type: 'whole', namespace, assumed: null }
  }
}

/** The newest come first: what is written meanwhile pushes others over the edge of a page. */
async function listInto(listed: Map<string, Listed>, caller: ToolCaller, signal: AbortSignal | undefined): Promise<boolean> {
  for (let attempt = 1; attempt <= listAttemptsMax; attempt++) {
    const first = await pageOf(caller, 0, signal)
    let seen = 0
    for (let page = first; page.entries.length > 0; page = await pageOf(caller, seen, signal)) {
      seen += page.entries.length
      for (const { namespace, key, size } of page.entries) {
        if (typeof namespace !== 'string' || typeof key !== 'string') continue
        const place = { namespace, key, characters: typeof size === 'number' ? size : null }
        listed.set(nameOf(place), place)
      }
      if (seen >= page.total) break
    }
    const { entries, total } = await pageOf(caller, 0, signal)
    if (total === first.total && total === seen && markOf(entries) === markOf(first.entries)) return true
  }
  return false
}

interface Page {
  readonly entries: readonly Reply[]
  readonly total: number
}

async function pageOf(caller: ToolCaller, offset: number, signal: AbortSignal | undefined): Promise<Page> {
  const reply = await callTool(caller, 'memory_list', { limit: pageEntriesMax, offset }, { signal, isRead: true })
  const { entries, total } = reply
  if (!Array.isArray(entries)) throw refused('memory_list', reply.error ?? reply)
  return { entries, total: typeof total === 'number' ? total : entries.length }
}

/** null: it is not there, or not any more. */
async function read(
  caller: ToolCaller,
  { namespace, key, characters }: Listed,
  signal: AbortSignal | undefined,
): Promise<ForeignReading | null> {
  let reply: Reply
  try {
    reply = await callTool(caller, 'memory_retrieve', { namespace, key }, { signal, isRead: true })
  } catch (thrown) {
    if (!(thrown instanceof MemorySyncError) || thrown.code === 'store_unavailable') throw thrown
    return { type: 'unreadable', namespace, key, reason: messageOf(thrown) }
  }
  const { found, value, updatedAt } = reply
  if (typeof found !== 'boolean') throw refused('memory_retrieve', reply.error ?? reply)
  if (!found) return null
  if (value === undefined) return { type: 'unreadable', namespace, key, reason: 'the server gives no value for it' }
  const updatedAtMs = typeof updatedAt === 'number' ? updatedAt : null
  return { type: 'value', namespace, key, content: value as Json, updatedAtMs, characters }
}

function nameOf({ namespace, key }: ForeignPlace): string {
  return JSON.stringify([namespace, key])
}

function markOf(entries: readonly Reply[]): string {
  return entries.map(({ namespace, key, updatedAt }) => JSON.stringify([namespace, key, updatedAt])).join('\n')
}
