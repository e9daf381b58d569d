/**
 * The four memory tools of our own server, called and understood: what is asked, what an answer means, which error it tells. Knows
 * no transport (a `Connection` calls) and keeps nothing but what the server has said of its durability.
 *
 * - T1 an error that the server tells keeps its code, but for what is true of the server only: that *it* is closed, or gave up *its* call
 */
import { z } from 'zod'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Durability, Receipt, Stored, Unit } from '../../ports/store.ts'
import {
  memoryChanges,
  memoryCommit,
  memoryGet,
  memoryListByPattern,
  memoryTools,
  receiptsOf,
  storedOf,
  toldErrorOf,
} from '../../wire/mcp-memory.ts'
import type { Connection } from './connection.ts'
import { OwnWrites } from './own-writes.ts'
import type { ChangesPage, Place, RemoteFeed, SnapshotPage } from './remote-feed.ts'
import type { ToolReply } from './tool-call.ts'

/** Entries asked for at once: a page is some hundred kilobytes of ordinary entries. */
const pageEntriesMax = 512

const getAnswer = z.object(memoryGet.output)
const commitAnswer = z.object(memoryCommit.output)
const listAnswer = z.object(memoryListByPattern.output)
const changesAnswer = z.object(memoryChanges.output)

export class OurTools implements RemoteFeed {
  readonly #connection: Connection
  readonly #own: OwnWrites
  #durability: Durability = 'none'

  /** @param own what need not be sent back. Default: nothing. */
  constructor(connection: Connection, own = new OwnWrites()) {
    this.#connection = connection
    this.#own = own
  }

  /** What the server's receipts promise, as it said last. */
  get durability(): Durability {
    return this.#durability
  }

  async get(key: string, signal?: AbortSignal): Promise<Stored | null> {
    const { answer } = await this.#read(memoryTools.get, { key }, getAnswer, signal)
    const { found, entry, revision } = answer
    return found && entry !== undefined ? storedOf({ key, revision, entry }) : null
  }

  async head(signal?: AbortSignal): Promise<Place> {
    return (await this.page('**', null, { limit: 0, signal })).place
  }

  async page(
    pattern: string,
    after: string | null,
    { limit = pageEntriesMax, signal }: { readonly limit?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SnapshotPage> {
    const args = { pattern, limit: Math.min(limit, pageEntriesMax), ...(after === null ? undefined : { after }) }
    const { answer, session } = await this.#read(memoryTools.list, args, listAnswer, signal)
    const { entries, next, revision } = answer
    return { entries: entries.map(storedOf), next, place: { revision, session } }
  }

  async changes(pattern: string, place: Place, waitMs: number): Promise<ChangesPage | 'reset'> {
    const args = { pattern, after: place.revision, waitMs }
    const { incarnation } = this.#own
    if (incarnation === undefined) return (await this.#changes(place, args)) ?? 'reset'
    const page = await this.#changes(place, { ...args, own: incarnation })
    // Told of a write that was forgotten here: asked for with everything in it.
    return page ?? (await this.#changes(place, args)) ?? 'reset'
  }

  /** null: what the server left out is not known here either. */
  async #changes(
    place: Place,
    args: { readonly pattern: string; readonly after: number; readonly waitMs: number; readonly own?: string },
  ): Promise<ChangesPage | 'reset' | null> {
    const { answer, session } = await this.#read(memoryTools.changes, args, changesAnswer, undefined, args.waitMs)
    this.#durability = answer.durability
    const next = { revision: answer.revision, session }
    if (answer.reset === true || this.isOtherLife(place, next)) return 'reset'
    const changes: Stored[] = []
    for (const { key, revision, entry, ownCounter } of answer.changes) {
      const known = entry ?? this.#own.entryOf(ownCounter ?? -1, key)
      if (known === undefined) return null
      changes.push(entry === undefined ? { key, revision, entry: known } : storedOf({ key, revision, entry }))
    }
    return { changes, place: next }
  }

  isOtherLife(one: Place, other: Place): boolean {
    return this.#durability === 'none' && one.session !== other.session
  }

  /** One receipt per unit. @throws as {@link Connection.call} does, and what the server tells of the whole call. */
  async commit(units: readonly Unit[]): Promise<readonly Receipt[]> {
    const reply = await this.#connection.call(memoryTools.commit, { units, brief: true })
    if (reply.isError) throw localError(errorIn(memoryTools.commit, reply), true)
    const parsed = commitAnswer.safeParse(reply.structured)
    if (!parsed.success) throw misunderstood(memoryTools.commit, parsed.error, 'unknown_outcome')
    return receiptsOf(parsed.data.receipts, units).map((receipt) =>
      receipt.type === 'failed' ? { type: 'failed', error: localError(receipt.error, true) } : receipt,
    )
  }

  async #read<Schema extends z.ZodType>(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    schema: Schema,
    signal: AbortSignal | undefined,
    waitMs = 0,
  ): Promise<{ answer: z.output<Schema>; session: number }> {
    const options = { isRepeatable: true, waitMs, ...(signal === undefined ? undefined : { signal }) }
    const reply = await this.#connection.call(tool, args, options)
    if (reply.isError) throw localError(errorIn(tool, reply), false)
    const parsed = schema.safeParse(reply.structured)
    if (!parsed.success) throw misunderstood(tool, parsed.error, 'corrupt')
    return { answer: parsed.data, session: reply.session }
  }
}

/** What a reply with `isError` says. One that tells no code refuses the arguments: the SDK checks them before we do. */
function errorIn(tool: string, reply: ToolReply): MemorySyncError {
  return (
    toldErrorOf(reply.error) ?? new MemorySyncError('invalid_value', `the server refuses a call of ${tool}: ${quote(reply.text)}`)
  )
}

function localError(error: MemorySyncError, isCommit: boolean): MemorySyncError {
  const { code, message } = error
  if (code === 'closed')
    return new MemorySyncError('store_unavailable', `the server is shutting down: ${message}`, { cause: error })
  if (code !== 'aborted' && code !== 'unknown_outcome') return error
  return new MemorySyncError(isCommit ? 'unknown_outcome' : 'store_unavailable', message, { cause: error })
}

function misunderstood(tool: string, cause: z.ZodError, code: 'corrupt' | 'unknown_outcome'): MemorySyncError {
  const [fault] = cause.issues
  const place = fault?.path.map(String).join('.') ?? ''
  const message = `the server's answer to ${tool} is not of the shape that this release knows (${place}: ${fault?.message ?? '?'}); use the same release on both sides`
  return new MemorySyncError(code, message, { cause, retryable: false })
}
