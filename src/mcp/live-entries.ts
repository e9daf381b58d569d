/**
 * What a namespace holds, as clients may see it: live values only, in key order, each with its place. Owns the bounds of one reply and
 * of one search. Knows no tool.
 */
import { isLive } from '../domain/entry.ts'
import { jsonBytesAtMost } from '../domain/size.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, Stored } from '../ports/store.ts'
import type { Namespaces, Place } from './namespaces.ts'

/**
 * Entries in one reply, by an estimate that is never too low. They are told twice, as structure and as text, and clients end the
 * connection at a message of 10 MiB.
 */
export const replyBytesMax = 4 * 1024 * 1024

/** Entries, and UTF-16 units of their values, that one search looks at. */
export const searchEntriesMax = 20_000
export const searchCharactersMax = 64 * 1024 * 1024

/** About what an entry has beside its value. */
const entryOverheadBytes = 512

/** Room for entries in one reply. The first one always fits. */
export class ReplyRoom {
  #bytes = 0
  #count = 0

  /** Whether `stored` fits too; if so it is counted. */
  takes({ key, entry }: Stored): boolean {
    return this.takesBytes(jsonBytesAtMost(entry.value) + key.length * 3 + entryOverheadBytes)
  }

  takesBytes(bytes: number): boolean {
    if (this.#count > 0 && this.#bytes + bytes > replyBytesMax) return false
    this.#bytes += bytes
    this.#count++
    return true
  }
}

export interface Placed {
  readonly place: Place
  readonly stored: Stored
}

export interface LiveEntriesOptions {
  /** Default: all of them. */
  readonly namespace?: string | undefined
  /** Over the keys of the namespace. Default: all. */
  readonly pattern?: string | undefined
  /** Only keys of the namespace after this one. */
  readonly after?: string | undefined
  readonly signal: AbortSignal
}

/** Live entries in the order of the store's keys. @throws `invalid_key` */
export async function* liveEntries(
  { store, clock }: { readonly store: Pick<Store, 'list'>; readonly clock: Clock },
  namespaces: Namespaces,
  { namespace, pattern = '**', after, signal }: LiveEntriesOptions,
): AsyncGenerator<Placed> {
  const storePattern = namespace === undefined ? '**' : namespaces.storePattern(namespace, pattern)
  const options = namespace === undefined || after === undefined ? {} : { after: namespaces.storeKey(namespace, after) }
  for await (const stored of store.list(storePattern, { ...options, signal })) {
    if (!isLive(stored.entry, clock.wallMs())) continue
    const place = namespaces.placeOf(stored.key)
    // The own namespace's patterns match keys of the others, too.
    if (place !== null && (namespace === undefined || place.namespace === namespace)) yield { place, stored }
  }
}

export interface Hit extends Placed {
  /** From 0 to 1. */
  readonly score: number
}

export interface SearchResult {
  /** Best first, the newer first among equals. */
  readonly hits: readonly Hit[]
  /** How many entries were looked at. */
  readonly scanned: number
  /** False: a bound was reached, and what follows in key order was not looked at. */
  readonly isComplete: boolean
}

/**
 * Entries whose key or value contain the terms, regardless of case. A term counts 1 in the key and 0.6 in the value only; the score is
 * the mean over the terms.
 *
 * @param threshold scores below it are left out, and always those of 0
 */
export async function searchEntries(
  entries: AsyncIterable<Placed>,
  terms: readonly string[],
  { limit, threshold }: { readonly limit: number; readonly threshold: number },
): Promise<SearchResult> {
  const wanted = terms.map((term) => term.toLowerCase())
  let hits: Hit[] = []
  let scanned = 0
  let characters = 0
  for await (const placed of entries) {
    if (scanned === searchEntriesMax || characters > searchCharactersMax) {
      return { hits: best(hits, limit), scanned, isComplete: false }
    }
    scanned++
    const { value } = placed.stored.entry
    const text = (typeof value === 'string' ? value : JSON.stringify(value)).toLowerCase()
    characters += text.length
    const score = scoreOf(wanted, placed.place.key.toLowerCase(), text)
    if (score === 0 || score < threshold) continue
    hits.push({ ...placed, score })
    if (hits.length > 2 * limit + 100) hits = best(hits, limit)
  }
  return { hits: best(hits, limit), scanned, isComplete: true }
}

function scoreOf(terms: readonly string[], key: string, text: string): number {
  if (terms.length === 0) return 0
  let sum = 0
  for (const term of terms) {
    if (key.includes(term)) sum += 1
    else if (text.includes(term)) sum += 0.6
  }
  return sum / terms.length
}

function best(hits: readonly Hit[], limit: number): Hit[] {
  const sorted = hits.toSorted((a, b) => b.score - a.score || b.stored.entry.timestamp - a.stored.entry.timestamp)
  return sorted.slice(0, limit)
}
