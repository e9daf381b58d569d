/**
 * The store over a plain memory server, claude-flow's: no compare-and-set, no revisions, no news. Owns what is put together for it
 * (`plain-write.ts`, `plain-commits.ts`, `plain-mutex.ts`, `plain-look.ts`, `plain-watch.ts`, `plain-poll.ts`) and the life of a
 * handle. Knows no transport.
 *
 * What it promises less than other stores do:
 * - revisions are this handle's own: the order in which it saw changes. They mean nothing to another handle
 * - `causal` is checked by reading before writing, and repaired by reading after it
 * - `revision`, `absent` and guards are judged under a mutex among all handles of the namespace, which holds under an assumption
 *   (`plain-mutex.ts`); they exclude each other, not writes without such a condition. Where the servers of several handles do not see
 *   each other's writes (v3) they are refused
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
import { keyFault } from '../key-fault.ts'
import { abortedError, assertListOptions, assertWatchOptions, closedError, refuseAborted } from '../refusals.ts'
import type { Connection } from './connection.ts'
import { registersV2 } from './dialect-v2.ts'
import { registersV3 } from './dialect-v3.ts'
import { PlainCommits } from './plain-commits.ts'
import type { PlainEncoding } from './plain-encoding.ts'
import { PlainIndex } from './plain-index.ts'
import type { Merge } from './plain-join.ts'
import { PlainLook } from './plain-look.ts'
import { maxOpLatencyMsMax, PlainMutex } from './plain-mutex.ts'
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
  /**
   * Milliseconds within which every call to the server is taken to end; conditions, locks and tasks are safe as long as that is so.
   * 1 to 60,000, default 2000. Five times as long after a process died in the middle of a write, others write again.
   */
  readonly maxOpLatencyMs?: number
  /**
   * claude-flow v3 only: whether all clients of the namespace share one server process. Each of its processes has a cache that never
   * hears of the others, so without it conditions, locks and tasks are refused. Default false.
   */
  readonly singleServer?: boolean
}

/** What the servers take, also with the index's suffix, and do not confuse with another. */
const namespacePattern = /^[A-Za-z0-9_.-]{1,120}$/
const indexSuffix = '.keys'
/** Of the namespace for the mutex's registers. */
const mutexSuffix = '.mutex'
/** Any register will do: the reply says that the server works, and what it stores in. */
const probedKey = 'keys/00'

const exclusionAssumption =
  "conditions, locks and tasks at this memory server hold under an assumption: exclusion holds while every call to the server ends within maxOpLatencyMs and no process pauses longer than its lease; what a process does after such a pause may overwrite others' writes. memory-sync serve needs no such assumption."
const cachedApart =
  'this memory server (claude-flow v3) never shows one client what another wrote through another process of it, so no condition, guard, lock or task can be kept there. Use a server that can, in its place: memory-sync serve. If all clients share one server process, say so with the option singleServer: true.'

/** @throws `invalid_option` for a namespace that a server may not take, a latency that is none. */
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
  const { maxOpLatencyMs } = options
  if (maxOpLatencyMs !== undefined && !(maxOpLatencyMs >= 1 && maxOpLatencyMs <= maxOpLatencyMsMax)) {
    throw new MemorySyncError(
      'invalid_option',
      `maxOpLatencyMs must be a number of milliseconds from 1 to ${maxOpLatencyMsMax}, got ${quote(maxOpLatencyMs)}`,
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
  readonly #mutex: PlainMutex | null
  readonly #commits: PlainCommits
  readonly #poll: Poll
  readonly #logger: Logger
  readonly #watches = new Set<PlainWatch>()
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
    this.#logger = logger
    const registers = dialect === 'claude-flow-v2' ? registersV2(connection, { clock, logger }) : registersV3(connection)
    this.#registers = registers
    this.#indexNamespace = `${namespace}${indexSuffix}`
    const index = registers.listsAll ? null : new PlainIndex(registers, this.#indexNamespace, logger)
    const view = new PlainView({ registers, namespace, clock })
    this.#view = view
    this.#look = new PlainLook({ view, registers, namespace, index, clock, logger })
    const writer = new PlainWriter({ registers, namespace, index, view, clock, encoding, entryBytesMax, merge })
    const isShared = dialect === 'claude-flow-v2' || options.singleServer === true
    const { maxOpLatencyMs } = options
    const mutexOptions = { registers, namespace: `${namespace}${mutexSuffix}`, clock, random, logger, maxOpLatencyMs }
    this.#mutex = isShared ? new PlainMutex(mutexOptions) : null
    this.#commits = new PlainCommits({
      writer,
      mutex: this.#mutex ?? new MemorySyncError('not_supported', cachedApart),
      clock,
    })
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
    const compareAndSet = this.#mutex === null ? false : 'assumed'
    return { compareAndSet, atomicUnit: false, watch: 'poll', reach: 'network', durability }
  }

  async open(): Promise<void> {
    this.#use()
    await this.#registers.read(this.#indexNamespace, probedKey)
    if (this.#mutex !== null) this.#logger.warn(exclusionAssumption, { url: this.url })
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    refuseAborted(options?.signal)
    this.#use()
    // Nothing can be there, and a server may say so in its own way.
    if (keyFault(key) !== null) return null
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
    return this.#commits.submit(units, options?.signal)
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
    await this.#commits.idle()
    await this.#mutex?.close()
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
