/**
 * One directory as this process has it open: once, however many handles there are. Puts the parts together (thread, committer,
 * reader, feed, notice) and owns what needs several of them. lmdb is loaded here, so that other stores work without its binary.
 *
 * - O1 a directory is open at most once per process, by its real path; what is being closed is waited for
 * - O2 the feed is told of own commits by their receipts, of others' by the log, all in revision order
 */
import { join } from 'node:path'
import { MemorySyncError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Stored } from '../../ports/store.ts'
import { ChangeFeed } from '../change-feed.ts'
import { type CommitThread, Committer } from './committer.ts'
import { damaged, prepareDirectory, unusable } from './directory.ts'
import { dataFile, noticeFile } from './format.ts'
import { CommitNotice } from './notice.ts'
import type { CrashPoint } from './protocol.ts'
import { FileReader } from './reader.ts'
import { type StartData, StoreThread } from './store-thread.ts'

export interface OpenOptions {
  readonly directory: string
  readonly clock: Clock
  readonly logger: Logger
  readonly logChangesMax: number
}

/** Deaths of the thread within the period after which no other one is started, until the period has passed. */
const restartsMax = 5
const restartPeriodMs = 60_000
/** Before the second restart in a row; doubled for each further one. */
const restartDelayMs = 100
/** Log pages of others' commits that are read at once for all watches; when more came, each watch reads at its own pace. */
const catchUpPagesMax = 8

interface Shared {
  handles: number
  readonly opening: Promise<OpenDirectory>
}

const sharedByPath = new Map<string, Shared>()
const closingByPath = new Map<string, Promise<void>>()

/** Opens the directory or joins those who have it open. Pair it with `releaseDirectory`. */
export async function acquireDirectory(options: OpenOptions): Promise<OpenDirectory> {
  const path = prepareDirectory(options.directory)
  await closingByPath.get(path)
  let shared = sharedByPath.get(path)
  if (shared === undefined) {
    shared = { handles: 0, opening: OpenDirectory.open(path, options) }
    sharedByPath.set(path, shared)
    shared.opening.catch(() => sharedByPath.delete(path))
  }
  shared.handles++
  return shared.opening
}

export async function releaseDirectory(directory: OpenDirectory): Promise<void> {
  const shared = sharedByPath.get(directory.path)
  if (shared === undefined || --shared.handles > 0) return
  sharedByPath.delete(directory.path)
  const closing = directory.close().finally(() => closingByPath.delete(directory.path))
  closingByPath.set(directory.path, closing)
  await closing
}

/** For tests: what this process has open at a real path. */
export function openDirectoryAt(path: string): Promise<OpenDirectory> | null {
  return sharedByPath.get(path)?.opening ?? null
}

export class OpenDirectory {
  readonly path: string
  readonly reader: FileReader
  readonly feed: ChangeFeed
  readonly committer: Committer
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #threadData: StartData
  readonly #notice: CommitNotice
  #thread: StoreThread
  readonly #deathsMs: number[] = []
  /** Somebody may have committed while own commits were in flight. */
  #isLookDue = false
  #isClosed = false

  private constructor(path: string, reader: FileReader, thread: StoreThread, threadData: StartData, options: OpenOptions) {
    const { clock, logger } = options
    this.path = path
    this.reader = reader
    this.#clock = clock
    this.#logger = logger
    this.#thread = thread
    this.#threadData = threadData
    this.feed = new ChangeFeed(reader, reader.head())
    const host = {
      clock,
      logger,
      decode: (key: string, text: string, revision: number) => reader.decode(key, text, revision),
      onCommitted: (before: number, after: number, changes: readonly Stored[]) => this.#onCommitted(before, after, changes),
      onIdle: () => {
        if (this.#isLookDue) this.#look(true)
      },
      restart: () => this.#restart(),
    }
    this.committer = new Committer(host, thread)
    this.#notice = new CommitNotice(join(path, noticeFile), (isUrgent) => this.#look(isUrgent), clock, logger)
  }

  static async open(path: string, options: OpenOptions): Promise<OpenDirectory> {
    const threadData: StartData = { directory: path, logChangesMax: options.logChangesMax }
    let opened: OpenDirectory | null = null
    const events = {
      onMessage: (message: Parameters<Committer['onMessage']>[0]) => opened?.committer.onMessage(message),
      onDeath: (reason: string) => opened?.committer.onDeath(reason),
    }
    const loading = loadLmdb()
    // Whichever of the two fails, the other one must not be an unhandled rejection.
    loading.catch(() => {})
    const thread = await startThread(path, threadData, events, options.clock)
    let reader: FileReader
    try {
      reader = new FileReader(await loading, path, options.clock, options.logger)
    } catch (cause) {
      await thread.close()
      throw MemorySyncError.from(cause, 'store_unavailable', `the store in ${path} cannot be read`)
    }
    opened = new OpenDirectory(path, reader, thread, threadData, options)
    return opened
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.committer.drained()
    this.#notice.close()
    // Before the thread: whoever closes last closes the data, and the thread does it while no other process opens it.
    await this.reader.close()
    if (!(await this.#thread.close())) {
      this.#logger.warn('the store thread still waits for a process that is writing; it was left behind', { path: this.path })
    }
  }

  /** For tests: the thread dies as in a crash. */
  crashThread(when: CrashPoint): void {
    this.#thread.post({ type: 'die', when })
  }

  #onCommitted(before: number, after: number, changes: readonly Stored[]): void {
    if (before > this.feed.head && this.feed.hasLive) this.#catchUp(before)
    this.feed.publish(before + 1, after, changes)
  }

  /** Somebody may have committed: whoever watches is told. */
  #look(isUrgent: boolean): void {
    if (!this.feed.hasLive || this.#isClosed) return
    // Own commits would be read back from the log; their receipts are on the way and tell of others' too.
    if (this.committer.inFlight > 0 && !isUrgent) {
      this.#isLookDue = true
      return
    }
    this.#isLookDue = false
    try {
      const head = this.reader.head()
      if (head > this.feed.head) this.#catchUp(head)
    } catch (error) {
      // A look is called from the event loop: nobody could catch it there, and another look follows.
      this.#logger.error('the store cannot be read to see what others committed', { path: this.path, error })
    }
  }

  /** Reads the log once for all live watches. */
  #catchUp(target: number): void {
    try {
      for (let pages = 0; this.feed.head < target && pages < catchUpPagesMax; pages++) {
        const page = this.reader.log(this.feed.head, (key) => this.feed.isWanted(key))
        if (page === null || page.through === this.feed.head) break
        this.feed.publish(this.feed.head + 1, page.through, page.changes)
      }
    } catch (error) {
      this.#logger.error('the log of changes cannot be read', { path: this.path, error })
    }
    // A gap: each live watch goes back to the log, and learns there what can be told.
    if (this.feed.head < target) this.feed.publish(this.feed.head + 2, target, [])
  }

  async #restart(): Promise<CommitThread> {
    const nowMs = this.#clock.monotonicMs()
    while (this.#deathsMs.length > 0 && nowMs - (this.#deathsMs[0] as number) > restartPeriodMs) this.#deathsMs.shift()
    if (this.#deathsMs.length >= restartsMax) {
      const message = `the store's thread died ${restartsMax} times within ${restartPeriodMs / 1000} s; nothing was written`
      throw new MemorySyncError('store_unavailable', message)
    }
    this.#deathsMs.push(nowMs)
    if (this.#deathsMs.length > 1) await this.#delay(restartDelayMs * 2 ** (this.#deathsMs.length - 2))
    const events = {
      onMessage: (message: Parameters<Committer['onMessage']>[0]) => this.committer.onMessage(message),
      onDeath: (reason: string) => this.committer.onDeath(reason),
    }
    this.#thread = await startThread(this.path, this.#threadData, events, this.#clock)
    return this.#thread
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(delayMs, resolve))
  }
}

async function startThread(
  path: string,
  data: StartData,
  events: Parameters<typeof StoreThread.start>[1],
  clock: Clock,
): Promise<StoreThread> {
  try {
    return await StoreThread.start(data, events, clock)
  } catch (cause) {
    const error = MemorySyncError.from(cause, 'store_unavailable')
    throw error.code === 'corrupt' ? damaged(join(path, dataFile), error.message, cause) : unusable(path, cause)
  }
}

async function loadLmdb(): Promise<typeof import('lmdb')> {
  try {
    return await import('lmdb')
  } catch (cause) {
    const message = `file stores need the package lmdb, which cannot be loaded here. Run 'npm install lmdb', or use 'memory:'.`
    throw new MemorySyncError('not_supported', message, { cause })
  }
}
