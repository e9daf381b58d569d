/**
 * The store behind our own server: conditions, guards and revisions are those of the store that it serves. Owns the handle's life,
 * its commits and its watches; what is asked of the server is `our-tools.ts`.
 *
 * - O1 commits take effect in the order of the calls, and behind the head of every watch from now that was asked for before
 * - O2 closing settles the commits that were made before it, then ends everything else
 */
import { parsePattern } from '../../domain/pattern.ts'
import type {
  FeedItem,
  ListOptions,
  ReadOptions,
  Receipt,
  Store,
  Stored,
  StoreFeatures,
  Unit,
  WatchOptions,
} from '../../ports/store.ts'
import { commitUnitsMax } from '../../wire/mcp-memory.ts'
import { keyFault } from '../key-fault.ts'
import { assertListOptions, assertWatchOptions, closedError, refuseAborted } from '../refusals.ts'
import { ChangePolls } from './change-polls.ts'
import { CommitLane } from './commit-lane.ts'
import type { Connection } from './connection.ts'
import { OurTools } from './our-tools.ts'
import { OwnWrites } from './own-writes.ts'
import type { Place } from './remote-feed.ts'
import { RemoteWatch, type RemoteWatchHost } from './remote-watch.ts'
import { sizedUnit } from './sized-unit.ts'

/** Entries in one `memory_commit`, in bytes. A unit that alone is larger is sent alone, and the server decides. */
export const commitBytesMax = 4 * 1024 * 1024

/** The store of an open connection of dialect `ours`; its `close` closes the connection. */
export async function createOurStore(connection: Connection, options: { readonly entryBytesMax: number }): Promise<Store> {
  const own = new OwnWrites()
  const tools = new OurTools(connection, own)
  // Told with the changes: behind the head there are none.
  await tools.changes('**', await tools.head(), 0)
  return new OurStore(connection, tools, own, options.entryBytesMax)
}

class OurStore implements Store {
  readonly url: string
  readonly #connection: Connection
  readonly #tools: OurTools
  readonly #own: OwnWrites
  readonly #entryBytesMax: number
  readonly #lane: CommitLane
  readonly #watches = new Set<RemoteWatch>()
  readonly #watchHost: RemoteWatchHost
  /** Heads that are being read for watches from now: no commit may be faster. */
  readonly #heads = new Set<Promise<unknown>>()
  #closing: Promise<void> | null = null

  constructor(connection: Connection, tools: OurTools, own: OwnWrites, entryBytesMax: number) {
    this.url = connection.url
    this.#connection = connection
    this.#tools = tools
    this.#own = own
    this.#entryBytesMax = entryBytesMax
    this.#watchHost = { feed: tools, polls: new ChangePolls(tools), onEnd: (watch) => this.#watches.delete(watch) }
    this.#lane = new CommitLane({
      send: (units) => tools.commit(units),
      clearance: () => (this.#heads.size === 0 ? null : Promise.allSettled(this.#heads)),
      callUnitsMax: commitUnitsMax,
      callBytesMax: commitBytesMax,
    })
  }

  get features(): StoreFeatures {
    const { durability } = this.#tools
    return { compareAndSet: true, atomicUnit: true, watch: 'push', reach: 'network', durability }
  }

  async open(): Promise<void> {
    this.#refuseClosed()
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    this.#refuseClosed()
    return keyFault(key) === null ? this.#tools.get(key, options?.signal) : null
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    assertListOptions(options)
    parsePattern(pattern)
    let after: string | null = options?.after ?? null
    let left = options?.limit ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      refuseAborted(options?.signal)
      this.#refuseClosed()
      const page = await this.#tools.page(pattern, after, { limit: left, signal: options?.signal })
      yield* page.entries
      left -= page.entries.length
      if (page.next === null) return
      after = page.next
    }
  }

  async commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    refuseAborted(options?.signal)
    this.#refuseClosed()
    const sized = units.map((unit) => sizedUnit(unit, this.#entryBytesMax))
    for (const unit of sized) if ('unit' in unit) this.#own.remember(unit)
    return this.#lane.submit(sized, options?.signal)
  }

  watch(pattern: string, options: WatchOptions = {}): AsyncIterable<FeedItem> {
    this.#refuseClosed()
    assertWatchOptions(options)
    const parsed = parsePattern(pattern)
    const now = options.after === 'now' && options.signal?.aborted !== true ? this.#headForWatch() : null
    const watch = new RemoteWatch(this.#watchHost, parsed, options, now)
    if (!watch.isEnded) this.#watches.add(watch)
    return watch
  }

  async head(options?: ReadOptions): Promise<number> {
    refuseAborted(options?.signal)
    this.#refuseClosed()
    return (await this.#tools.head(options?.signal)).revision
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #headForWatch(): Promise<Place> {
    const head = this.#tools.head()
    this.#heads.add(head)
    // Whoever reads the watch hears of a failure.
    head.catch(() => {}).finally(() => this.#heads.delete(head))
    return head
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw closedError(this.url)
  }

  async #close(): Promise<void> {
    for (const watch of [...this.#watches]) watch.end()
    await this.#lane.idle()
    await this.#connection.close()
  }
}
