/**
 * Tasks as their submitters see them: submit, wait for the result, follow, cancel, explain, replay, retry. Handles hold no state:
 * the record does. Knows the store for reads and the journal for writes; runs nothing.
 */
import { type SeenRecord, stateDocument, type TaskEvent } from '../../machines/task.ts'
import type { Remember, WriteOutcome } from '../actors/outcome.ts'
import { seenRecord } from '../actors/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { isTombstone } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { assertId, type Keys } from '../domain/key.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import { cancelAsked, isEnded, pauseEnded, replayed, type TaskRecord } from '../domain/task-record.ts'
import { emptyVersion } from '../domain/version-vector.ts'
import { always, type Intent, ifAbsent } from '../domain/write.ts'
import type { FeedItem, Store, Stored } from '../ports/store.ts'
import { assertEvent, type DrivenCommand, type TaskCommand, taskCommandOf } from './commands.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Journal } from './journal.ts'
import type { Supervisor } from './supervisor.ts'
import { recordOf, type SpecHands, type TaskSpec } from './task-spec.ts'

/** Records read to find a cycle among dependencies; a graph beyond it is not searched further. */
export const cycleSearchMax = 1000
/** Submitted tasks remembered as not ended; of others the record is read when somebody begins to wait. */
const openMax = 10_000
/** Compare-and-set rounds of a request to cancel, to replay or to retry. */
const roundsMax = 16

export interface TaskStatusEvent {
  /** The chart's state, as the record says: `pending`, `processing`, … */
  readonly status: TaskRecord['status']
  readonly attempts: number
  readonly owner: string | null
  readonly revision: number
  readonly record: TaskRecord
}

/** A task by its id. It holds nothing else. */
export interface TaskHandle {
  readonly id: string
  /**
   * The output once the task has completed, in whatever process. `Output` is the caller's word; nothing checks it.
   *
   * @throws `task_failed` (its `cause` tells the last error), `aborted` when it was cancelled or `signal` aborts, `closed`
   */
  result<Output = Json>(options?: { readonly signal?: AbortSignal }): Promise<Output>
  /** Settles when the task has taken the event. @throws `not_supported` when it runs in another process or cannot take it. */
  send(command: TaskCommand): Promise<void>
  /** Its record now; null when there is none (any more). */
  record(): Promise<TaskRecord | null>
  /** Every committed change of its record from now on, the present one first; ends when the task has. */
  watch(options?: { readonly signal?: AbortSignal }): AsyncGenerator<TaskStatusEvent>
}

export interface DeadLetterTask {
  readonly id: string
  readonly type: string | null
  readonly attempts: number
  readonly error: TaskRecord['error'] | null
  readonly failedMs: number | null
}

type Waiter = (seen: SeenRecord | null, changes: readonly Stored[]) => void

export interface TasksHands extends SpecHands {
  readonly store: Pick<Store, 'get' | 'list'>
  readonly keys: Keys
  readonly journal: Journal
  readonly dispatcher: Dispatcher
  readonly supervisor: Supervisor
  readonly remember: Remember
  ready(): Promise<void>
  room(): Promise<void> | null
  /** A watch that ends with the runtime at the latest. */
  follow(key: string, options: { readonly signal?: AbortSignal }): AsyncIterable<FeedItem>
  now(): Moment
  /** Delivers to an actor of this runtime. @throws `not_supported`, `invalid_option` */
  deliver(record: TaskRecord, command: DrivenCommand): void
}

export class Tasks {
  readonly #hands: TasksHands
  /** Tasks submitted here of which the feed has not told an end: nobody who waits for one need read its record. */
  readonly #open = new ShortLivedMap<string, true>()
  readonly #waiters = new ShortLivedMap<string, Set<Waiter>>()

  constructor(hands: TasksHands) {
    this.#hands = hands
  }

  /** Settles when the task is committed. */
  async submit(spec: TaskSpec): Promise<TaskHandle> {
    const record = recordOf(spec, this.#hands)
    await this.#hands.ready()
    if (record.dependsOn !== undefined) await this.#refuseCycles(record)
    for (let room = this.#hands.room(); room !== null; room = this.#hands.room()) await room
    // Before the write: its end may be told before this call goes on.
    if (this.#open.size < openMax) this.#open.set(record.id, true)
    const outcome = await this.#write([
      { key: this.#hands.keys.task(record.id, 'record'), value: record, condition: ifAbsent, context: emptyVersion },
      { key: this.#hands.keys.task(record.id, 'state'), value: stateDocument(record), condition: always, context: emptyVersion },
    ])
    if (outcome.type !== 'committed') this.#open.delete(record.id)
    if (outcome.type === 'failed') throw outcome.error
    // A conflict means that the id exists: the task is that one.
    return this.handle(record.id)
  }

  handle(id: string): TaskHandle {
    return new Handle(this, assertId(id, 'task id'))
  }

  /** The feed brought changes: whoever waits for a task's end hears of it, with the batch that it came in. */
  changed(id: string, stored: Stored, changes: readonly Stored[]): void {
    const waiters = this.#waiters.get(id)
    if (waiters === undefined && !this.#open.has(id)) return
    const seen = seenRecord(stored)
    if (seen !== null && !isEnded(seen.record)) return
    this.#open.delete(id)
    this.#waiters.delete(id)
    for (const waiter of waiters ?? []) waiter(seen, changes)
  }

  /** After a gap in the feed: everybody looks for himself. */
  lookAgain(): void {
    this.#open.clear()
    for (const id of [...this.#waiters.keys()]) {
      void this.seen(id)
        .then((seen) => {
          if (seen !== null && !isEnded(seen.record)) return
          const waiters = this.#waiters.get(id)
          this.#waiters.delete(id)
          for (const waiter of waiters ?? []) waiter(seen, [])
        })
        // The next change or the next gap will tell; the feed reports the store's state.
        .catch(() => {})
    }
  }

  /** At shutdown: nobody is left waiting. */
  close(): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter(null, closedMark)
    this.#waiters.clear()
    this.#open.clear()
  }

  async seen(id: string): Promise<SeenRecord | null> {
    await this.#hands.ready()
    const stored = await this.#hands.store.get(this.#hands.keys.task(id, 'record'))
    if (stored === null || isTombstone(stored.entry)) return null
    this.#hands.journal.observe(stored.entry)
    return seenRecord(stored)
  }

  async result(id: string, signal?: AbortSignal): Promise<Json> {
    if (signal?.aborted === true) throw aborted(id)
    const ended = new Promise<[SeenRecord | null, readonly Stored[]]>((resolve, reject) => {
      const waiter: Waiter = (seen, changes) => {
        signal?.removeEventListener('abort', onAbort)
        resolve([seen, changes])
      }
      const onAbort = (): void => {
        this.#waiters.get(id)?.delete(waiter)
        reject(aborted(id))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const waiters = this.#waiters.get(id)
      if (waiters === undefined) this.#waiters.set(id, new Set([waiter]))
      else waiters.add(waiter)
      if (this.#open.has(id)) return
      // It may have ended before anybody waited.
      this.seen(id).then((seen) => {
        if (seen === null || isEnded(seen.record)) {
          this.#waiters.get(id)?.delete(waiter)
          waiter(seen, [])
        }
      }, reject)
    })
    const [seen, changes] = await ended
    if (changes === closedMark)
      throw new MemorySyncError('closed', `the runtime was shut down while task ${id} was awaited; the task goes on`)
    if (seen === null)
      throw new MemorySyncError(
        'invalid_key',
        `there is no task ${quote(id)}; it was never submitted, or was swept after its retention`,
      )
    return this.#resultOf(seen.record, changes)
  }

  async *watch(id: string, signal?: AbortSignal): AsyncGenerator<TaskStatusEvent> {
    await this.#hands.ready()
    const key = this.#hands.keys.task(id, 'record')
    for await (const item of this.#hands.follow(key, signal === undefined ? {} : { signal })) {
      if (item.type !== 'changes') continue
      for (const stored of item.changes) {
        const seen = seenRecord(stored)
        if (seen === null) return
        const { record, revision } = seen
        yield { status: record.status, attempts: record.attempts, owner: record.owner ?? null, revision, record }
        if (isEnded(record)) return
      }
    }
  }

  /** Cancels a task wherever it is: pending at once, running by its owner, an ended one stays as it is. */
  async cancel(id: string, reason: string): Promise<void> {
    await this.#hands.ready()
    for (let round = 1; ; round++) {
      const seen = await this.seen(id)
      if (seen === null) throw unknownTask(id)
      if (isEnded(seen.record) || seen.record.cancelRequested !== undefined) return
      if (seen.record.status === 'pending') {
        const event = (): TaskEvent => ({ type: 'task.cancel', reason, now: this.#hands.now() })
        const after = await this.#hands.dispatcher.decide(id, ({ record }) => (record.status === 'pending' ? event() : null))
        if (after === null || isEnded(after.record)) return
      } else {
        const outcome = await this.#replace(seen, cancelAsked(seen.record, reason))
        if (outcome.type === 'committed') return
        if (outcome.type === 'failed') throw outcome.error
      }
      if (round >= roundsMax) throw contended(id, 'cancelled')
    }
  }

  async send(id: string, command: TaskCommand): Promise<void> {
    if (command.type === 'task.cancel') return this.cancel(id, command.reason ?? 'cancelled')
    const seen = await this.seen(id)
    if (seen === null) throw unknownTask(id)
    this.#hands.deliver(seen.record, command)
  }

  /** Failed tasks, in key order. */
  async *deadLetters(): AsyncGenerator<DeadLetterTask> {
    for await (const { record } of this.records()) {
      if (record.status !== 'failed') continue
      const { id, type, attempts, error = null, endedMs = null } = record
      yield { id, type, attempts, error, failedMs: endedMs }
    }
  }

  async *records(): AsyncGenerator<SeenRecord> {
    await this.#hands.ready()
    for await (const stored of this.#hands.store.list(this.#hands.keys.allTaskRecords)) {
      const seen = seenRecord(stored)
      if (seen !== null) yield seen
    }
  }

  /** An ended task goes to the end of the queue again, with all its attempts. */
  replay(id: string): Promise<TaskHandle> {
    return this.#change(id, 'replayed', (record) => {
      if (!isEnded(record)) {
        throw new MemorySyncError('conflict', `task ${quote(id)} is ${record.status}: only an ended task can be replayed`, {
          retryable: false,
        })
      }
      const time = this.#hands.tick()
      return replayed(record, [time.ms, time.counter, this.#hands.workerId])
    })
  }

  /** A task that is backing off may be claimed at once. */
  retryNow(id: string): Promise<TaskHandle> {
    return this.#change(id, 'retried', (record) => {
      if (record.status !== 'pending' || record.notBefore === undefined) {
        const what = record.status === 'pending' ? 'pending and waits for no time' : record.status
        throw new MemorySyncError('conflict', `task ${quote(id)} is ${what}: only one that is backing off can be retried now`, {
          retryable: false,
        })
      }
      return pauseEnded(record)
    })
  }

  /** @param change throws when the record is not one that it is for; runs again when another was faster. */
  async #change(id: string, what: string, change: (record: TaskRecord) => TaskRecord): Promise<TaskHandle> {
    for (let round = 1; ; round++) {
      const seen = await this.seen(assertId(id, 'task id'))
      if (seen === null) throw unknownTask(id)
      const outcome = await this.#replace(seen, change(seen.record))
      if (outcome.type === 'committed') return this.handle(id)
      if (outcome.type === 'failed') throw outcome.error
      if (round >= roundsMax) throw contended(id, what)
    }
  }

  #replace(seen: SeenRecord, record: TaskRecord): Promise<WriteOutcome> {
    const { keys } = this.#hands
    const intents: Intent[] = [
      {
        key: keys.task(record.id, 'record'),
        value: record,
        condition: { type: 'revision', revision: seen.revision },
        context: seen.version,
      },
      { key: keys.task(record.id, 'state'), value: stateDocument(record), condition: always, context: seen.version },
    ]
    return this.#write(intents)
  }

  #write(intents: readonly Intent[]): Promise<WriteOutcome> {
    return new Promise((resolve) => this.#hands.remember(intents, resolve))
  }

  async #resultOf(record: TaskRecord, changes: readonly Stored[]): Promise<Json> {
    if (record.status === 'failed') {
      const { name, message } = record.error ?? { name: 'Error', message: 'unknown' }
      const cause = Object.assign(new Error(message), { name })
      throw new MemorySyncError(
        'task_failed',
        `task ${record.id} failed after ${record.attempts} of ${record.maxAttempts} attempts: ${message}`,
        { cause },
      )
    }
    if (record.status === 'cancelled') {
      throw new MemorySyncError('aborted', `task ${record.id} was cancelled: ${record.cancelRequested ?? ''}`)
    }
    const key = this.#hands.keys.task(record.id, 'result')
    const stored = changes.find((change) => change.key === key) ?? (await this.#hands.store.get(key))
    return stored === null || isTombstone(stored.entry) ? null : stored.entry.value
  }

  /** @throws `invalid_option` when a known task depends, directly or not, on this one. */
  async #refuseCycles(record: TaskRecord): Promise<void> {
    const looked = new Set<string>()
    const open = [...(record.dependsOn ?? [])]
    while (open.length > 0 && looked.size < cycleSearchMax) {
      const id = open.pop() as string
      if (looked.has(id)) continue
      looked.add(id)
      const seen = await this.seen(id)
      for (const dependency of seen?.record.dependsOn ?? []) {
        if (dependency === record.id) {
          throw new MemorySyncError(
            'invalid_option',
            `dependsOn would close a cycle: task ${quote(id)} already waits for ${quote(record.id)}`,
          )
        }
        open.push(dependency)
      }
    }
  }
}

class Handle implements TaskHandle {
  readonly #tasks: Tasks
  readonly id: string

  constructor(tasks: Tasks, id: string) {
    this.#tasks = tasks
    this.id = id
  }

  async result<Output = Json>(options: { readonly signal?: AbortSignal } = {}): Promise<Output> {
    return (await this.#tasks.result(this.id, options.signal)) as Output
  }

  async send(command: TaskCommand): Promise<void> {
    assertEvent(command)
    return this.#tasks.send(this.id, taskCommandOf(command))
  }

  async record(): Promise<TaskRecord | null> {
    return (await this.#tasks.seen(this.id))?.record ?? null
  }

  watch(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<TaskStatusEvent> {
    return this.#tasks.watch(this.id, options.signal)
  }
}

const closedMark: readonly Stored[] = []

function aborted(id: string): MemorySyncError {
  return new MemorySyncError('aborted', `waiting for task ${id} was aborted by its signal; the task goes on`)
}

export function unknownTask(id: string): MemorySyncError {
  return new MemorySyncError(
    'invalid_key',
    `there is no task ${quote(id)}; it was never submitted, or was swept after its retention`,
  )
}

function contended(id: string, what: string): MemorySyncError {
  return new MemorySyncError('conflict', `task ${quote(id)} changed ${roundsMax} times while it was to be ${what}; try again`)
}
