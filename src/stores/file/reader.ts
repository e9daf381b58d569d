/**
 * Reads of a file store on the main thread, straight from lmdb's map of the file: synchronous, beside whoever writes. Never
 * writes. Owns what happens to records that cannot be decoded.
 *
 * - R1 a read sees every commit, of any process, that was finished before the read began
 */
import type { Database, RootDatabase } from 'lmdb'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { compareKeys } from '../../domain/key.ts'
import type { Pattern } from '../../domain/pattern.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Stored } from '../../ports/store.ts'
import { decodeEntry } from '../../wire/entry-codec.ts'
import { keyFault } from '../key-fault.ts'
import type { FeedSource, LogPage, Page } from '../watch-cursor.ts'
import { entriesDatabase, environmentOptions, headRecord, logDatabase, logEnd } from './format.ts'

type Lmdb = typeof import('lmdb')

/** Entries given, keys looked at and log records read before others may run. */
const pageEntriesMax = 256
const pageKeysMax = 4096
const pageRecordsMax = 256
/** Unreadable records that were reported, so that each is reported once; beyond this many, again. */
const reportedMax = 1024

export class FileReader implements FeedSource {
  readonly #root: RootDatabase<string, string>
  readonly #entries: Database<string, string>
  readonly #log: Database<string, string | number>
  readonly #versionOfLast: () => number
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #reported = new Set<string>()

  /** The databases must exist: the thread has opened them. `readOnly` keeps this side from ever waiting for the writer's lock. */
  constructor(lmdb: Lmdb, path: string, clock: Clock, logger: Logger) {
    this.#root = lmdb.open<string, string>({ ...environmentOptions, path, readOnly: true })
    this.#entries = this.#root.openDB<string, string>(entriesDatabase)
    this.#log = this.#root.openDB<string, string | number>(logDatabase)
    this.#versionOfLast = lmdb.getLastVersion
    this.#clock = clock
    this.#logger = logger
  }

  /** @throws `corrupt` for a record that is no entry. */
  get(key: string): Stored | null {
    // lmdb throws for what it could never hold.
    if (keyFault(key) !== null) return null
    this.#refresh()
    const text = this.#entries.get(key)
    return text === undefined ? null : this.decode(key, text, this.#versionOfLast())
  }

  /** @throws `corrupt`, naming the key. */
  decode(key: string, text: string, revision: number): Stored {
    try {
      return { key, entry: decodeEntry(text), revision }
    } catch (cause) {
      const message = `the entry stored at ${quote(key)} cannot be read: ${messageOf(cause)}`
      throw new MemorySyncError('corrupt', message, { cause, key })
    }
  }

  head(): number {
    this.#refresh()
    return this.#log.getBinaryFast(headRecord) === undefined ? 0 : this.#versionOfLast()
  }

  page(pattern: Pattern, after: string | null): Page {
    this.#refresh()
    const stored: Stored[] = []
    if (pattern.key !== null) {
      if (after === null || compareKeys(after, pattern.key) < 0) this.#push(stored, pattern.key)
      return { stored, after: null }
    }
    const { prefix } = pattern
    const isResumed = after !== null && compareKeys(after, prefix) >= 0
    const start = isResumed ? after : prefix
    let seen = 0
    let resumeAfter: string | null = null
    // Keys first: most patterns want few of the entries that they pass.
    for (const key of this.#entries.getKeys({ ...(start === '' ? {} : { start }), exclusiveStart: isResumed })) {
      if (!key.startsWith(prefix)) break
      if (pattern.matches(key)) this.#push(stored, key)
      if (++seen < pageKeysMax && stored.length < pageEntriesMax) continue
      resumeAfter = key
      break
    }
    return { stored, after: resumeAfter }
  }

  log(after: number, isWanted: (key: string) => boolean): LogPage | null {
    this.#refresh()
    const options = { start: after + 1, end: logEnd, limit: pageRecordsMax, versions: true }
    const records = [...this.#log.getRange(options)]
    const changes: Stored[] = []
    let through = after
    for (const { key: last, value, version } of records) {
      const first = version ?? 0
      // Trimmed: what came between is not known any more.
      if (first > through + 1) return null
      const keys = JSON.parse(value) as readonly (string | null)[]
      for (let index = through + 1 - first; index < keys.length; index++) {
        const key = keys[index] as string | null
        if (key === null || !isWanted(key)) continue
        const text = this.#entries.get(key)
        // Written, deleted and purged since: who last saw the value would never hear of its end.
        if (text === undefined) return null
        // A later record is about what is stored now.
        if (this.#versionOfLast() !== first + index) continue
        this.#pushText(changes, key, text, first + index)
      }
      through = last as number
      if (changes.length >= pageEntriesMax) return { changes, through, isEnd: false }
    }
    return { changes, through, isEnd: records.length < pageRecordsMax }
  }

  defer(run: () => void): void {
    this.#clock.defer(run)
  }

  async close(): Promise<void> {
    await this.#root.close()
  }

  #push(stored: Stored[], key: string): void {
    const text = this.#entries.get(key)
    if (text !== undefined) this.#pushText(stored, key, text, this.#versionOfLast())
  }

  /** Leaves out what cannot be read: one bad record must not stop a list or a watch. */
  #pushText(stored: Stored[], key: string, text: string, revision: number): void {
    try {
      stored.push(this.decode(key, text, revision))
    } catch (error) {
      const name = `${revision} ${key}`
      if (this.#reported.has(name)) return
      if (this.#reported.size >= reportedMax) this.#reported.clear()
      this.#reported.add(name)
      this.#logger.error('a stored entry cannot be read and was left out', { key, revision, error })
    }
  }

  /** lmdb keeps a snapshot for the rest of the event-loop turn; another process may have committed since (0.4 us). */
  #refresh(): void {
    this.#root.resetReadTxn()
  }
}
