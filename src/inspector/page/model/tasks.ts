/**
 * The tasks of a session, from their records alone: what runs, what waits and for what, what ended. Judges by the moment that is asked
 * about and decides nothing; the rules of the queue's order are the domain's.
 */
import { isLive } from '../../../domain/entry.ts'
import { defaultNamespace, keysOf } from '../../../domain/key.ts'
import {
  compareInQueue,
  isMetBy,
  isTaskRecord,
  type Takeover,
  type TaskFault,
  type TaskRecord,
  type TaskStatus,
} from '../../../domain/task-record.ts'
import { isCut } from '../../../wire/trace-record.ts'
import { LastOrder } from './last-order.ts'
import { leaseEndMs } from './lease-end.ts'
import { onceFor, onceForKeys } from './memo.ts'
import type { EntryView, SessionState } from './session-state.ts'

/** A record's status, and what a pending one waits for: other tasks, or a time. `pending`: ready to be claimed. */
export type TaskRowStatus = TaskStatus | 'blocked' | 'backingOff'

export interface TaskRow {
  readonly id: string
  /** Of its record. */
  readonly key: string
  readonly record: TaskRecord
  readonly status: TaskRowStatus
  readonly revision: number
  /** Place of the record's newest version in the recording. */
  readonly position: number
  readonly enqueuedMs: number
  /** While it is being processed; what `record` says otherwise is of the last one. */
  readonly owner: string | null
  /** When the owner's lease ends, by the wall clock: see {@link leaseLeftMs}. null: nobody has one. */
  readonly leaseEndsMs: number | null
  /** Milliseconds until it may be claimed, while it is backing off. */
  readonly delayLeftMs: number | null
  /** Tasks that it is blocked by. `unknown`: no such task is known. */
  readonly waitsFor: readonly { readonly id: string; readonly status: TaskStatus | 'unknown' }[]
  /** Of the last attempt that failed. */
  readonly error: TaskFault | null
  readonly takeovers: readonly Takeover[]
}

/** Something at a task's key that cannot be read: cut short on its way here, or written by somebody else. */
export interface UnreadableTask {
  readonly id: string
  readonly key: string
  readonly reason: 'cut' | 'no-record'
}

export interface TaskLists {
  /** Longest in the queue first. */
  readonly processing: readonly TaskRow[]
  /** Ready ones in the order in which they are claimed. */
  readonly queue: readonly TaskRow[]
  /** Soonest first. */
  readonly backingOff: readonly TaskRow[]
  /** In queue order. */
  readonly blocked: readonly TaskRow[]
  /** Failed, the newest first. */
  readonly deadLetters: readonly TaskRow[]
  /** Completed and cancelled, the newest first. */
  readonly ended: readonly TaskRow[]
  /** All of these, in this order. */
  readonly all: readonly TaskRow[]
  /** Those of them that one worker lost to another, whatever became of them: the one taken over last first. */
  readonly takenOver: readonly TaskRow[]
  readonly byId: ReadonlyMap<string, TaskRow>
  readonly unreadable: readonly UnreadableTask[]
}

export function tasksOf(state: SessionState, nowMs: number): TaskLists {
  return listsOf(state.entries, state.namespace, nowMs)
}

/** Milliseconds of the owner's lease, by the wall clock: an estimate. null: nobody has one. */
export function leaseLeftMs({ leaseEndsMs }: Pick<TaskRow, 'leaseEndsMs'>, nowMs: number): number | null {
  return leaseEndsMs === null ? null : Math.max(0, leaseEndsMs - nowMs)
}

const listsOf = onceFor((entries: SessionState['entries'], namespace: string, nowMs: number): TaskLists => {
  const keys = keysOf(namespace || defaultNamespace)
  const lists = { processing: [], queue: [], backingOff: [], blocked: [], deadLetters: [], ended: [] } as Lists
  const byId = new Map<string, TaskRow>()
  const unreadable: UnreadableTask[] = []
  const statusOf = (id: string): TaskStatus | 'unknown' => {
    const view = entries.get(keys.task(id, 'record'))
    const row = view !== undefined && isLive(view.current.entry, nowMs) ? rowOf(view, id) : null
    return row?.record.status ?? 'unknown'
  }
  for (const { id, key } of recordKeysOf(entries, keys.namespace)) {
    const view = entries.get(key)
    if (view === undefined || !isLive(view.current.entry, nowMs)) continue
    const recorded = rowOf(view, id)
    if (recorded === null) {
      unreadable.push({ id, key, reason: isCut(view.current.entry.value) ? 'cut' : 'no-record' })
      continue
    }
    const row = recorded.record.status === 'pending' ? waitingRow(recorded, statusOf, nowMs) : recorded
    byId.set(id, row)
    lists[listByStatus[row.status]].push(row)
  }
  const processing = processingOrder.of(lists.processing)
  const queue = queueOrder.of(lists.queue)
  const backingOff = lists.backingOff.sort((a, b) => (a.delayLeftMs ?? 0) - (b.delayLeftMs ?? 0) || compareWaiting(a, b))
  const blocked = lists.blocked.sort(compareWaiting)
  const deadLetters = deadLetterOrder.of(lists.deadLetters)
  const ended = endedOrder.of(lists.ended)
  const all = [processing, queue, backingOff, blocked, deadLetters, ended].flat()
  const takenOver = all.filter(({ takeovers }) => takeovers.length > 0).sort(compareTakeovers)
  return { processing, queue, backingOff, blocked, deadLetters, ended, all, takenOver, byId, unreadable }
})

const compareWaiting = (a: TaskRow, b: TaskRow): number => compareInQueue(a.record, b.record)
const processingOrder = new LastOrder<TaskRow>((a, b) => a.enqueuedMs - b.enqueuedMs || compareWaiting(a, b))
const queueOrder = new LastOrder<TaskRow>(compareWaiting)
const deadLetterOrder = new LastOrder<TaskRow>(compareEnds)
const endedOrder = new LastOrder<TaskRow>(compareEnds)

type Lists = { [Name in 'processing' | 'queue' | 'backingOff' | 'blocked' | 'deadLetters' | 'ended']: TaskRow[] }

const listByStatus: Readonly<Record<TaskRowStatus, keyof Lists>> = {
  processing: 'processing',
  pending: 'queue',
  backingOff: 'backingOff',
  blocked: 'blocked',
  failed: 'deadLetters',
  completed: 'ended',
  cancelled: 'ended',
}

interface RecordKey {
  readonly id: string
  readonly key: string
}

/** In key order. */
const recordKeysOf = onceForKeys((entries, namespace: string): readonly RecordKey[] => {
  const keys = keysOf(namespace)
  const found: RecordKey[] = []
  for (const key of entries.keys()) {
    const id = keys.taskOfRecord(key)
    if (id !== null) found.push({ id, key })
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1))
})

/** What its record says, whatever the time is and whatever others do: made once for each version. null: it cannot be read. */
const rowOf = onceFor((view: EntryView, id: string): TaskRow | null => {
  const { value } = view.current.entry
  if (!isTaskRecord(value)) return null
  const record: TaskRecord = value
  const isRunning = record.status === 'processing'
  const lease = isRunning ? record.lease : undefined
  return {
    id,
    key: view.key,
    record,
    status: record.status,
    revision: view.current.revision,
    position: view.current.position,
    enqueuedMs: numberOr(record.enqueued[0], 0),
    owner: isRunning ? (record.owner ?? null) : null,
    leaseEndsMs:
      lease === undefined ? null : leaseEndMs(view, lease, (earlier) => (isTaskRecord(earlier) ? earlier.lease : null)),
    delayLeftMs: null,
    waitsFor: [],
    error: typeof record.error?.message === 'string' ? record.error : null,
    takeovers: Array.isArray(record.takeovers) ? record.takeovers : [],
  }
})

/** A pending one, which waits for a time or for others; the same row when it waits for nothing. */
function waitingRow(row: TaskRow, statusOf: (id: string) => TaskStatus | 'unknown', nowMs: number): TaskRow {
  const { record } = row
  const delayLeftMs = Math.max(0, numberOr(record.notBefore?.wallMs, 0) - nowMs)
  const waitsFor = unmetOf(record, statusOf)
  if (delayLeftMs === 0 && waitsFor.length === 0) return row
  // As the runtime explains it: a time is named before other tasks are.
  return delayLeftMs > 0 ? { ...row, status: 'backingOff', delayLeftMs, waitsFor } : { ...row, status: 'blocked', waitsFor }
}

function unmetOf(record: TaskRecord, statusOf: (id: string) => TaskStatus | 'unknown'): TaskRow['waitsFor'] {
  const unmet: { id: string; status: TaskStatus | 'unknown' }[] = []
  for (const id of record.dependsOn ?? []) {
    const status = statusOf(id)
    if (!isMetBy(record, status)) unmet.push({ id, status })
  }
  return unmet
}

function compareEnds(a: TaskRow, b: TaskRow): number {
  return numberOr(b.record.endedMs, 0) - numberOr(a.record.endedMs, 0) || b.position - a.position
}

function compareTakeovers(a: TaskRow, b: TaskRow): number {
  return numberOr(b.takeovers.at(-1)?.atMs, 0) - numberOr(a.takeovers.at(-1)?.atMs, 0) || b.position - a.position
}

/** The check of records leaves some members unread. */
function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}
