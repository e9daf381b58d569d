/**
 * The store over a plain memory server, claude-flow's: no compare-and-set, no revisions, no news. Owns what is put together for it
 * (`plain-write.ts`, `plain-look.ts`, `plain-watch.ts`, `plain-poll.ts`) and the life of a handle. Knows no transport.
 *
 * What it promises less than other stores do:
 * - revisions are this handle's own: the order in which it saw changes. They mean nothing to another handle
 * - `causal` is checked by reading before writing, and repaired by reading after it; `revision`, `absent` and guards are refused
 * - a unit is written in order, up to the first refusal
 * - a watch is told the latest value of a key, not every one, at the latest some seconds after the write
 * - it keeps in memory what it has seen
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { defaultNamespace } from '../../domain/key.ts'
import { parsePattern } from '../../domain/pattern.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Logger, silentLogger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
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
import { abortedError, assertListOptions, assertWatchOptions, closedError, refuseAborted } from '../refusals.ts'
import type { Connection } from './connection.ts'
import { registersV2 } from './dialect-v2.ts'
import { registersV3 } from './dialect-v3.ts'
import type { PlainEncoding } from './plain-encoding.ts'
import { PlainIndex } from './plain-index.ts'
import type { Merge } from './plain-join.ts'
import { PlainLook } from './plain-look.ts'
import { Poll } from './plain-poll.ts'
import { PlainView } from './plain-view.ts'
import { PlainWatch } from './plain-watch.ts'
import { PlainWriter } from './plain-write.ts'
import type { Registers } from './registers.ts'
import type { Dialect } from './tool-call.ts'

export type PlainDialect = Exclude<Dialect, 'ours'>

export interface PlainStoreOptions {
  readonly clock: Clock
  readonly random: Random
  /** Default: nobody hears. */
  readonly logger?: Logger
  /** The server's namespace that holds all keys of this store. Default `task-sentinel`, as in the guide. */
  readonly namespace?: string
  /** How entries are written; both are read. Default `readable`: the guide's JSON, for programs and agents that expect it. */
  readonly encoding?: PlainEncoding
  /** An entry whose JSON has more UTF-8 bytes is refused. Default 512 KiB. */
  readonly entryBytesMax?: number
  /** Makes one value of two that were written at the same time. Default: the last write wins. */
  readonly merge?: Merge
  /** Milliseconds between two looks at the server while it changes. Default 250. */
  readonly pollBusyMs?: number
  /** Milliseconds between two looks at the server when it has not changed for a while. Default 5000. */
  readonly pollIdleMs?: number
}

/** What the servers take, also with the index's suffix, and do not confuse with another. */
const namespacePattern = /^[A-Za-z0-9_.-]{1,120}$/
const indexSuffix = '.keys'
/** Any register will do: the reply says that the server works, and what it stores in. */
const probedKey = 'keys/00'

/** @throws `invalid_option` for a namespace that a server may not take. */
export function createPlainStore(
  connection: Pick<Connection, 'call' | 'close' | 'url'>,
  dialect: PlainDialect,
  options: PlainStoreOptions,
): Store {
  const { namespace = defaultNamespace } = options
  if (!namespacePattern.test(namespace)) {
    throw new MemorySyncError(
      'invalid_option',
      `the namespace ${quote(namespace)} cannot be one of a memory server: use 1 to 120 of A-Z a-z 0-9 _ . -`,
    )
  }
  return new PlainStore(connection, dialect, namespace, options)
}

class PlainStore implements Store {
  readonly url: string
  readonly #connection: Pick<Connection, 'close'>
  readonly #registers: Registers
  readonly #indexNamespace: string
  readonly #view: PlainView
  readonly #look: PlainLook
  readonly #writer: PlainWriter
  readonly #poll: Poll
  readonly #watches = new Set<PlainWatch>()
  #lastCommit: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | null = null

  constructor(
    connection: Pick<Connection, 'call' | 'close' | 'url'>,
    dialect: PlainDialect,
    namespace: string,
    options: PlainStoreOptions,
  ) {
    const { clock, random, logger = silentLogger, encoding = 'readable', entryBytesMax, merge } = options
    this.url = connection.url
    this.#connection = connection
    const registers = dialect === 'claude-flow-v2' ? registersV2(connection, { clock, logger }) : registersV3(connection)
    this.#registers = registers
    this.#indexNamespace = `${namespace}${indexSuffix}`
    const index = registers.listsAll ? null : new PlainIndex(registers, this.#indexNamespace, logger)
    const view = new PlainView({ registers, namespace, clock })
    this.#view = view
    this.#look = new PlainLook({ view, registers, namespace, index, clock, logger })
    this.#writer = new PlainWriter({ registers, namespace, index, view, clock, encoding, entryBytesMax, merge })
    this.#poll = new Poll({
      clock,
      random,
      ...(options.pollBusyMs === undefined ? {} : { busyMs: options.pollBusyMs }),
      ...(options.pollIdleMs === undefined ? {} : { idleMs: options.pollIdleMs }),
      look: () => this.#look.look((key) => this.#isWatched(key)),
      failing: (error) => this.#failWatches(MemorySyncError.from(error, 'store_unavailable')),
    })
  }

  get features(): StoreFeatures {
    const { durability } = this.#registers
    return { compareAndSet: false, atomicUnit: false, watch: 'poll', reach: 'network', durability }
  }

  async open(): Promise<void> {
    this.#use()
    await this.#registers.read(this.#indexNamespace, probedKey)
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    this.#use()
    return this.#view.read(key, options?.signal)
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    assertListOptions(options)
    const parsed = parsePattern(pattern)
    const { signal, after, limit = Number.POSITIVE_INFINITY } = options ?? {}
    refuseAborted(signal)
    this.#use()
    if (limit === 0) return
    if (parsed.key === null) await untilAborted(this.#look.look(parsed.matches), signal)
    else await this.#view.read(parsed.key, signal)
    let left = limit
    for await (const { key } of this.#view.mirror.list(pattern, after === undefined ? {} : { after })) {
      refuseAborted(signal)
      this.#use()
      // What is gone from the server stays in the mirror for its watchers.
      const stored = this.#view.stored(key)
      if (stored === null) continue
      yield stored
      if (--left === 0) return
    }
  }

  async commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    refuseAborted(options?.signal)
    this.#use()
    const run = (): Promise<readonly Receipt[]> => {
      refuseAborted(options?.signal)
      return this.#writer.commit(units)
    }
    // One after the other: they take effect in the order of the calls.
    const receipts = this.#lastCommit.then(run, run)
    this.#lastCommit = receipts
    return receipts
  }

  watch(pattern: string, options: WatchOptions = {}): AsyncIterable<FeedItem> {
    assertWatchOptions(options)
    const { matches } = parsePattern(pattern)
    this.#use()
    const watch = new PlainWatch({
      mirror: this.#view.mirror,
      pattern,
      options,
      isWanted: matches,
      look: (isWanted, quiet) => this.#look.look(isWanted, quiet),
      ended: (ended) => this.#unwatch(ended),
    })
    if (watch.isEnded) return watch
    this.#watches.add(watch)
    this.#poll.start()
    return watch
  }

  async head(options?: ReadOptions): Promise<number> {
    refuseAborted(options?.signal)
    this.#use()
    return this.#view.revision
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#poll.stop()
    for (const watch of [...this.#watches]) watch.end()
    await this.#lastCommit.catch(() => {})
    await this.#connection.close()
    await this.#look.idle()
    await this.#view.mirror.close()
  }

  #use(): void {
    if (this.#closing !== null) throw closedError(this.url)
  }

  #unwatch(watch: PlainWatch): void {
    this.#watches.delete(watch)
    if (this.#watches.size === 0) this.#poll.stop()
  }

  #isWatched(key: string): boolean {
    for (const watch of this.#watches) if (watch.isWanted(key)) return true
    return false
  }

  #failWatches(error: MemorySyncError): void {
    for (const watch of [...this.#watches]) watch.fail(error)
  }
}

/** The result, or a rejection as soon as the caller gives up: a look is shared and goes on. */
async function untilAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => reject(abortedError(signal))
    signal.addEventListener('abort', giveUp, { once: true })
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}
