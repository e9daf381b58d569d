/**
 * The store's thread: the only writer of its process. Each message is one lmdb transaction: judge every unit, write what may
 * take effect, append one record to the change log, answer. A thread, because a transaction blocks while another process holds
 * the writer's lock. Imports little: its start is part of every `open`.
 *
 * - T1 an answer is sent after the transaction is committed, never before
 * - T2 revisions continue from the head found inside the transaction, whoever wrote it
 */
import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { ABORT, type Database, getLastVersion, open, type RootDatabase } from 'lmdb'
import type { Entry } from '../../domain/entry.ts'
import { type ErrorCode, messageOf } from '../../domain/errors.ts'
import { judgeUnit, type Look, type Refusal } from '../judge.ts'
import { DirectoryLock } from './directory-lock.ts'
import { dataFile, entriesDatabase, environmentOptions, headRecord, logDatabase, noticeFile } from './format.ts'
import { CommitBell } from './notice.ts'
import {
  type CrashPoint,
  type FlatItem,
  type FromThread,
  itemsPerWrite,
  type RefusedUnit,
  type TextWrite,
  type ThreadData,
  type ToThread,
  unflattenWrite,
} from './protocol.ts'
import { enter, leave } from './thread-gate.ts'

/** Log records are removed when this many changes came since the last time, not at every commit. */
const trimEveryChanges = 256
/** At most this many records at once; the rest next time. */
const trimRecordsMax = 1024

/** lmdb itself looks for readers that died at the opening only. Costs some microseconds. */
const readerCheckTransactions = 1000

/** lmdb's flags of a transaction: commit in this call; and do not wait until the root itself is on disk, only its pages. */
const synchronousCommit = 0x02
const withoutRootSync = 0x40000

const port = parentPort
const { directory, logChangesMax, gate } = workerData as ThreadData

class Thread implements Look {
  readonly #lock: DirectoryLock
  readonly #root: RootDatabase<string, string>
  readonly #entries: Database<string, string>
  readonly #log: Database<string, string | number>
  readonly #bell: CommitBell
  #trimmedAt = 0
  #dyingAt: CrashPoint | null = null
  #isCommitting = false
  #transactions = 0

  constructor() {
    const lock = new DirectoryLock(directory)
    const opened = lock.hold(() => {
      const root = open<string, string>({ ...environmentOptions, path: directory })
      return {
        root,
        entries: root.openDB<string, string>(entriesDatabase),
        log: root.openDB<string, string | number>(logDatabase),
      }
    })
    this.#lock = lock
    this.#root = opened.root
    this.#entries = opened.entries
    this.#log = opened.log
    this.#bell = new CommitBell(join(directory, noticeFile))
  }

  take(message: ToThread): void {
    switch (message.type) {
      case 'commit':
        if (this.#dyingAt === 'before-commit') process.exit(1)
        if (!enter(gate)) return
        try {
          this.#commit(message)
        } finally {
          leave(gate)
        }
        break
      case 'close':
        this.#flush()
        this.#bell.close()
        void this.#close().then(() => port?.close())
        break
      case 'die':
        if (message.when === 'now') process.exit(1)
        this.#dyingAt = message.when
    }
  }

  /** The root of the last transaction is in the system's cache only (`withoutRootSync`): a store that was closed is on disk. */
  #flush(): void {
    if (this.#transactions === 0) return
    try {
      const file = openSync(join(directory, dataFile), 'r+')
      fdatasyncSync(file)
      closeSync(file)
    } catch {
      // It is as safe as it was: process crashes it survives.
    }
  }

  async #close(): Promise<void> {
    // lmdb closes within the call: nothing of it is asynchronous where nothing is written asynchronously.
    await this.#lock.hold(() => this.#root.close())
    await this.#lock.close()
  }

  #commit({ id, nowMs, isFlushed, units }: Extract<ToThread, { type: 'commit' }>): void {
    let answer: Extract<FromThread, { type: 'receipts' }> | undefined
    this.#isCommitting = false
    try {
      this.#lock.hold(() =>
        this.#root.transactionSync(
          () => {
            answer = this.#write(id, units, nowMs)
            this.#isCommitting = answer.after > answer.before
            return this.#isCommitting ? undefined : ABORT
          },
          // lmdb's types know no combination of flags but its own.
          isFlushed ? synchronousCommit : synchronousCommit | withoutRootSync,
        ),
      )
    } catch (error) {
      // A failed transaction leaves the head where it was; where that cannot be seen, nothing can be said.
      const isUndone = !this.#isCommitting || (answer !== undefined && this.#headOrNull() === answer.before)
      send({ type: 'broken', id, isUndone, message: messageOf(error) })
      return
    }
    if (this.#dyingAt === 'after-commit') process.exit(1)
    if (this.#isCommitting) this.#bell.ring()
    if (answer !== undefined) send(answer)
    // Killed processes leave snapshots behind, whose pages could never be used again.
    if (++this.#transactions % readerCheckTransactions === 0) this.#root.readerCheck()
  }

  #write(id: number, items: readonly FlatItem[], nowMs: number): Extract<FromThread, { type: 'receipts' }> {
    const before = this.#head()
    const results: (number | RefusedUnit)[] = []
    const keys: (string | null)[] = []
    for (let at = 0; at < items.length; ) {
      const unit: TextWrite[] = []
      const count = items[at++] as number
      for (let index = 0; index < count; index++, at += itemsPerWrite) unit.push(unflattenWrite(items, at))
      results.push(this.#writeUnit(unit, before + keys.length + 1, keys, nowMs))
    }
    const after = before + keys.length
    if (after > before) {
      this.#log.putSync(after, JSON.stringify(keys), before + 1)
      this.#log.putSync(headRecord, '', after)
      if (after - this.#trimmedAt >= trimEveryChanges) this.#trim(after)
    }
    return { type: 'receipts', id, before, after, results }
  }

  #writeUnit(unit: readonly TextWrite[], first: number, keys: (string | null)[], nowMs: number): number | RefusedUnit {
    const refusal = this.#judge(unit, nowMs)
    if (refusal !== null) return this.#refused(refusal)
    let revision = first
    for (const { key, entry } of unit) {
      if (entry === null) {
        this.#entries.removeSync(key)
        keys.push(null)
      } else {
        this.#entries.putSync(key, entry, revision)
        keys.push(key)
      }
      revision++
    }
    return first
  }

  /** A unit that cannot be judged is refused by itself: it must not take the others of its transaction with it. */
  #judge(unit: readonly TextWrite[], nowMs: number): Refusal | null {
    try {
      return judgeUnit(unit, this, nowMs)
    } catch (error) {
      return { type: 'failed', code: 'invalid_value', message: `the unit cannot be judged: ${messageOf(error)}` }
    }
  }

  #refused(refusal: Refusal): RefusedUnit {
    const place = refusal.type === 'conflict' ? refusal.key : refusal.type === 'stale-epoch' ? refusal.scope : null
    const text = place === null ? undefined : this.#entries.get(place)
    return text === undefined ? { refusal, text: null, revision: 0 } : { refusal, text, revision: getLastVersion() }
  }

  revisionOf(key: string): number {
    return this.#entries.getBinaryFast(key) === undefined ? 0 : getLastVersion()
  }

  entryOf(key: string): Entry | null {
    const text = this.#entries.get(key)
    if (text === undefined) return null
    try {
      const entry = JSON.parse(text) as Entry | null
      return typeof entry === 'object' && typeof entry?.version === 'object' ? entry : null
    } catch {
      return null
    }
  }

  #head(): number {
    return this.#log.getBinaryFast(headRecord) === undefined ? 0 : getLastVersion()
  }

  #headOrNull(): number | null {
    try {
      this.#root.resetReadTxn()
      return this.#head()
    } catch {
      return null
    }
  }

  /** Forgets log records whose last change is older than the newest `logChangesMax`. */
  #trim(head: number): void {
    this.#trimmedAt = head
    const end = head - logChangesMax + 1
    if (end <= 1) return
    for (const key of [...this.#log.getKeys({ start: 1, end, limit: trimRecordsMax })]) this.#log.removeSync(key)
  }
}

function send(message: FromThread): void {
  port?.postMessage(message)
}

function unusable(error: unknown): FromThread {
  const message = messageOf(error)
  const isDamaged = /MDB_INVALID|MDB_CORRUPTED|MDB_VERSION_MISMATCH|MDB_PAGE_NOTFOUND/.test(message)
  const code: ErrorCode = isDamaged ? 'corrupt' : 'store_unavailable'
  return { type: 'unusable', code, message }
}

// Opening makes the databases, which is a transaction too.
if (enter(gate)) {
  try {
    const thread = new Thread()
    port?.on('message', (message: ToThread) => thread.take(message))
    send({ type: 'ready' })
  } catch (error) {
    send(unusable(error))
  } finally {
    leave(gate)
  }
}
