/**
 * Everything in namespaces of a claude-flow v2 server, read through its one tool. Owns what a listing, a search and a look at one key
 * each give, and when a namespace is whole. Which texts are searched for is `key-search.ts`.
 *
 * - E1 one call at a time: a key beyond ASCII is broken where it lies across two chunks of the server's input, and a message that is
 *   alone in the pipe lies in one. The server says back what it was asked; a reply to another question counts as none
 * - E2 nothing is written. Looking at a key is counted by the server as an access, which changes no value
 */
import { MemorySyncError, messageOf } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import { listedMaxV2 } from './dialect-v2.ts'
import type { ForeignPlace, ForeignQuestion, ForeignReading, ForeignUnreadable, ForeignValue } from './foreign-reading.ts'
import { KeySearch, searchAssumes } from './key-search.ts'
import { callTool, type Reply, refused, type ToolCaller } from './registers.ts'

/** Calls for one namespace: half a minute at a server on this machine. */
export const searchCallsMaxDefault = 50_000

const tool = 'memory_usage'
/** At one key that was found, until a search shows it among its first rows. */
const looksMax = 3

/** Each value once, each namespace's `whole` or `gap` behind its values. @throws what the connection throws. */
export async function* enumerateV2(
  caller: ToolCaller,
  { namespaces, known, searchCallsMax = searchCallsMaxDefault, signal }: ForeignQuestion,
): AsyncGenerator<ForeignReading> {
  for (const namespace of new Set([...namespaces, ...known.map((place) => place.namespace)])) {
    const reader = new NamespaceReader(caller, namespace, searchCallsMax, signal)
    const keys = keysIn(namespace, known)
    yield* keys.length === 0 ? reader.all() : reader.named(keys)
  }
}

function keysIn(namespace: string, places: readonly ForeignPlace[]): string[] {
  return places.filter((place) => place.namespace === namespace).map(({ key }) => key)
}

type Keyed = ForeignValue | ForeignUnreadable

class NamespaceReader {
  readonly #caller: ToolCaller
  readonly #namespace: string
  readonly #searchCallsMax: number
  readonly #signal: AbortSignal | undefined
  readonly #readingByKey = new Map<string, Keyed>()
  /** Found and not given out yet. */
  #fresh: Keyed[] = []

  constructor(caller: ToolCaller, namespace: string, searchCallsMax: number, signal: AbortSignal | undefined) {
    this.#caller = caller
    this.#namespace = namespace
    this.#searchCallsMax = searchCallsMax
    this.#signal = signal
  }

  async *all(): AsyncGenerator<ForeignReading> {
    const listed = await this.#rowsOf({ action: 'list' }, 'entries')
    yield* this.#given()
    if (listed !== null && listed.length < listedMaxV2) {
      yield { type: 'whole', namespace: this.#namespace, assumed: null }
      return
    }
    const { isComplete } = await this.#search()
    yield* this.#given()
    const reason = `more keys than the server lists, and ${this.#searchCallsMax} searches find no end of them`
    if (isComplete) yield { type: 'whole', namespace: this.#namespace, assumed: searchAssumes }
    else yield { type: 'gap', namespace: this.#namespace, reason }
  }

  /** What is listed, and these keys: that there are no others, their caller has to know. */
  async *named(keys: readonly string[]): AsyncGenerator<ForeignReading> {
    await this.#rowsOf({ action: 'list' }, 'entries')
    yield* this.#given()
    for (const key of keys) {
      if (this.#readingByKey.has(key)) continue
      // A look says no time, a search does.
      await this.#rowsOf({ action: 'search', value: key }, 'results')
      if (!this.#readingByKey.has(key) && !(await this.#look(key))) this.#add(unreadable(this.#namespace, key, notThere))
      yield* this.#given()
    }
    yield { type: 'whole', namespace: this.#namespace, assumed: 'a key that was not named' }
  }

  #search(): Promise<{ readonly isComplete: boolean }> {
    const search = new KeySearch({
      search: (text) => this.#rowsOf({ action: 'search', value: text }, 'results'),
      look: (key) => this.#look(key),
      callsMax: this.#searchCallsMax,
    })
    return search.run([...this.#readingByKey.keys()])
  }

  *#given(): Generator<Keyed> {
    const fresh = this.#fresh
    this.#fresh = []
    yield* fresh
  }

  /** The keys of a reply's rows, which are kept; null: the server can give none, since it cannot read one of them. */
  async #rowsOf(args: { readonly action: string; readonly value?: string }, member: string): Promise<string[] | null> {
    let reply: Reply
    try {
      reply = await this.#use(args)
    } catch (thrown) {
      if (thrown instanceof MemorySyncError && isOfOneValue(thrown)) return null
      throw thrown
    }
    const rows = reply[member]
    if (!Array.isArray(rows)) throw refused(`${tool} ${args.action}`, reply.error ?? reply)
    if (args.value !== undefined && reply.pattern !== args.value) return null
    return rows.flatMap((row: unknown) => {
      const { key, value, updatedAt } = (typeof row === 'object' && row !== null ? row : {}) as Reply
      if (typeof key !== 'string') return []
      if (!this.#readingByKey.has(key)) this.#add(this.#readingOf(key, value, timeOf(updatedAt)))
      return [key]
    })
  }

  /** Whether there is such a key. What is found so is kept, with its time where the server lets itself be brought to tell it. */
  async #look(key: string): Promise<boolean> {
    if (this.#readingByKey.has(key)) return true
    try {
      for (let round = 1; ; round++) {
        const { key: asked, found, value } = await this.#use({ action: 'retrieve', key })
        if (found !== true || asked !== key) return false
        // A reply to a look has no time, a row of a search has; and what was looked at more often comes before others there.
        await this.#rowsOf({ action: 'search', value: key }, 'results')
        if (this.#readingByKey.has(key)) return true
        if (round < looksMax) continue
        this.#add(this.#readingOf(key, value, null))
        return true
      }
    } catch (thrown) {
      if (!(thrown instanceof MemorySyncError) || !isOfOneValue(thrown)) throw thrown
      this.#add(unreadable(this.#namespace, key, messageOf(thrown)))
      return true
    }
  }

  #readingOf(key: string, value: unknown, updatedAtMs: number | null): Keyed {
    const namespace = this.#namespace
    // Its own mark for "no value" is left out of the reply.
    if (value === undefined) return unreadable(namespace, key, 'the server gives no value for it')
    return { type: 'value', namespace, key, content: value as Json, updatedAtMs, characters: null }
  }

  #add(reading: Keyed): void {
    this.#readingByKey.set(reading.key, reading)
    this.#fresh.push(reading)
  }

  async #use(args: Readonly<Record<string, unknown>>): Promise<Reply> {
    const given = { namespace: this.#namespace, ...args }
    const reply = await callTool(this.#caller, tool, given, { signal: this.#signal, isRead: true })
    if (reply.success === true) return reply
    throw refused(`${tool} ${String(args.action)}`, reply.error ?? reply)
  }
}

const notThere = 'the server has no such key, or its text is "null", which the server takes for nothing'

/** The server refuses a whole reply when one value of it cannot be told. */
function isOfOneValue({ code }: MemorySyncError): boolean {
  return code === 'corrupt' || code === 'too_large' || code === 'invalid_key'
}

function unreadable(namespace: string, key: string, reason: string): ForeignUnreadable {
  return { type: 'unreadable', namespace, key, reason }
}

function timeOf(text: unknown): number | null {
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}
