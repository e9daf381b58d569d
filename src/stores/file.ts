/**
 * The store in a directory: shared by all processes of one machine without a server, kept over crashes. This file is a handle:
 * it owns what belongs to one caller (options, watches, its pending commits); what belongs to the directory is shared by the
 * handles of this process and lies in `file/`.
 *
 * What survives: a commit that has its receipt survives the death of every process (`process-crash`). A power cut can take back
 * what was committed last, at most what the last transaction before it held; it never damages the file. With `fsync` it cannot
 * take back anything that has its receipt. Not for network file systems, and not shared between containers.
 */
import { resolve } from 'node:path'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { parsePattern } from '../domain/pattern.ts'
import type { Clock } from '../ports/clock.ts'
import { type Logger, silentLogger } from '../ports/logger.ts'
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
} from '../ports/store.ts'
import { entryBytesMaxDefault } from '../wire/entry-codec.ts'
import { logChangesMaxDefault } from './file/format.ts'
import { acquireDirectory, type OpenDirectory, releaseDirectory } from './file/open-directory.ts'
import { assertListOptions, assertWatchOptions, closedError, refuseAborted } from './refusals.ts'
import type { WatchCursor } from './watch-cursor.ts'

export interface FileStoreOptions {
  /** Created if need be. Relative ones are resolved against the working directory, now. */
  readonly directory: string
  readonly clock: Clock
  /** Told of entries that cannot be read and of deaths of the store's thread. Default: nobody. */
  readonly logger?: Logger
  /** What a receipt promises. Default `process-crash`. */
  readonly durability?: 'process-crash' | 'fsync'
  /** An encoded entry with more bytes is refused with `too_large`. Default 512 KiB. */
  readonly entryBytesMax?: number
  /** Changes that a watch can resume over. Default 100,000. */
  readonly logChangesMax?: number
}

/**
 * Touches nothing yet: `open()` does.
 *
 * @throws `invalid_option` for a malformed option.
 */
export function fileStore(options: FileStoreOptions): Store {
  const { directory, durability = 'process-crash' } = options
  if (typeof directory !== 'string' || directory === '') {
    throw new MemorySyncError('invalid_option', `directory must be a non-empty string, got ${quote(directory)}`)
  }
  if (durability !== 'process-crash' && durability !== 'fsync') {
    throw new MemorySyncError('invalid_option', `durability must be 'process-crash' or 'fsync', got ${quote(durability)}`)
  }
  return new FileStore({
    directory: resolve(directory),
    durability,
    clock: options.clock,
    logger: options.logger ?? silentLogger,
    entryBytesMax: positive('entryBytesMax', options.entryBytesMax ?? entryBytesMaxDefault),
    logChangesMax: positive('logChangesMax', options.logChangesMax ?? logChangesMaxDefault),
  })
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new MemorySyncError('invalid_option', `${name} must be a positive integer, got ${quote(value)}`)
}

class FileStore implements Store {
  readonly features: StoreFeatures
  readonly url: string
  readonly #options: Required<FileStoreOptions>
  readonly #watches = new Set<WatchCursor>()
  #opening: Promise<OpenDirectory> | null = null
  #directory: OpenDirectory | null = null
  #closing: Promise<void> | null = null
  #pendingCommits = 0
  #onSettled: (() => void) | null = null

  constructor(options: Required<FileStoreOptions>) {
    this.#options = options
    this.url = `file:${options.directory}`
    this.features = Object.freeze({
      compareAndSet: true,
      atomicUnit: true,
      watch: 'push',
      reach: 'machine',
      durability: options.durability,
    })
  }

  async open(): Promise<void> {
    await this.#use()
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    const { reader } = this.#directory ?? (await this.#use())
    return this.#read(() => reader.get(key))
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    assertListOptions(options)
    const parsed = parsePattern(pattern)
    let after: string | null = options?.after ?? null
    let left = options?.limit ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      refuseAborted(options?.signal)
      const { reader } = await this.#use()
      const from = after
      const page = this.#read(() => reader.page(parsed, from))
      for (const stored of page.stored) {
        yield stored
        if (--left === 0) return
      }
      if (page.after === null) return
      after = page.after
      // A long list is many synchronous reads: others get their turn between two pages.
      await new Promise<void>((next) => this.#options.clock.defer(next))
    }
  }

  async commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    refuseAborted(options?.signal)
    if (this.#closing !== null) throw closedError(this.url)
    this.#pendingCommits++
    try {
      const { committer } = this.#directory ?? (await this.#use())
      const { durability, entryBytesMax } = this.#options
      return await committer.commit(units, { durability, entryBytesMax, signal: options?.signal })
    } finally {
      if (--this.#pendingCommits === 0) this.#onSettled?.()
    }
  }

  watch(pattern: string, options?: WatchOptions): AsyncIterable<FeedItem> {
    if (this.#closing !== null) throw closedError(this.url)
    if (this.#directory !== null) return this.#directory.feed.watch(pattern, options, this.#watches)
    parsePattern(pattern)
    assertWatchOptions(options)
    const watch = this.#use().then(({ feed }) => feed.watch(pattern, options, this.#watches))
    // Told to whoever reads the watch.
    watch.catch(() => {})
    return lateWatch(watch)
  }

  async head(options?: ReadOptions): Promise<number> {
    refuseAborted(options?.signal)
    const { reader } = this.#directory ?? (await this.#use())
    return this.#read(() => reader.head())
  }

  headNow(): number {
    if (this.#directory === null && this.#closing === null) {
      throw new MemorySyncError('store_unavailable', `the store ${this.url} is not open yet; await open() first`)
    }
    return this.#read(() => this.#directory?.reader.head() ?? 0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Only while it is not closed; a failed opening may be tried again. */
  #use(): Promise<OpenDirectory> {
    if (this.#closing !== null && this.#pendingCommits === 0) return Promise.reject(closedError(this.url))
    if (this.#opening === null) {
      this.#opening = acquireDirectory(this.#options)
      this.#opening.then(
        (directory) => {
          this.#directory = directory
        },
        () => {
          this.#opening = null
        },
      )
    }
    return this.#opening
  }

  #read<T>(read: () => T): T {
    if (this.#closing !== null) throw closedError(this.url)
    try {
      return read()
    } catch (cause) {
      throw MemorySyncError.from(cause, 'store_unavailable')
    }
  }

  async #close(): Promise<void> {
    for (const watch of [...this.#watches]) watch.end()
    if (this.#pendingCommits > 0) {
      await new Promise<void>((settled) => {
        this.#onSettled = settled
      })
    }
    const directory = await this.#opening?.catch(() => null)
    if (directory == null) return
    for (const watch of [...this.#watches]) watch.end()
    this.#directory = null
    await releaseDirectory(directory)
  }
}

async function* lateWatch(watch: Promise<WatchCursor>): AsyncGenerator<FeedItem> {
  yield* await watch
}
