/**
 * The tasks of a session, from their records alone: what runs, what waits and for what, what ended. Judges by the moment that is asked
 * about and decides nothing; the rules of the queue's order are the domain's.
 */
import { isLive } from '../../../domain/entry.ts'
import { defaultNamespace, type Keys, keysOf } from '../../../domain/key.ts'
import {
  compareInQueue,
  isEnded,
  isMetBy,
  isTaskRecord,
  type Takeover,
  type TaskFault,
  type TaskRecord,
  type TaskStatus,
} from '../../../domain/task-record.ts'
import { isCut } from '../../../wire/trace-record.ts'
import { leaseEndMs } from './lease-end.ts'
import { onceFor } from './memo.ts'
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
  /** Milliseconds of the owner's lease, by the wall clock: an estimate. null: nobody has one. */
  readonly leaseLeftMs: number | null
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

const listsOf = onceFor((entries: SessionState['entries'], namespace: string, nowMs: number): TaskLists => {
  const { recordByView, unreadable } = readRecords(entries, keysOf(namespace || defaultNamespace), nowMs)
  const statusById = new Map<string, TaskStatus>()
  for (const { id, record } of recordByView.values()) statusById.set(id, record.status)

  const lists = { processing: [], queue: [], backingOff: [], blocked: [], deadLetters: [], ended: [] } as Lists
  const byId = new Map<string, TaskRow>()
  for (const [view, { id, record }] of recordByView) {
    const row = isEnded(record) ? endedRow(view, id) : rowOf(view, id, record, statusById, nowMs)
    byId.set(id, row)
    lists[listByStatus[row.status]].push(row)
  }
  const { processing, queue, backingOff, blocked, deadLetters, ended } = lists
  processing.sort((a, b) => a.enqueuedMs - b.enqueuedMs || compareInQueue(a.record, b.record))
  queue.sort((a, b) => compareInQueue(a.record, b.record))
  backingOff.sort((a, b) => (a.delayLeftMs ?? 0) - (b.delayLeftMs ?? 0) || compareInQueue(a.record, b.record))
  blocked.sort((a, b) => compareInQueue(a.record, b.record))
  deadLetters.sort(compareEnds)
  ended.sort(compareEnds)
  const all = [processing, queue, backingOff, blocked, deadLetters, ended].flat()
  const takenOver = all.filter(({ takeovers }) => takeovers.length > 0).sort(compareTakeovers)
  return { ...lists, all, takenOver, byId, unreadable }
})

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

interface ReadRecord {
  readonly id: string
  readonly record: TaskRecord
}

function readRecords(entries: SessionState['entries'], keys: Keys, nowMs: number) {
  const recordByView = new Map<EntryView, ReadRecord>()
  const unreadable: UnreadableTask[] = []
  for (const view of entries.values()) {
    const id = keys.taskOfRecord(view.key)
    if (id === null || !isLive(view.current.entry, nowMs)) continue
    const { value } = view.current.entry
    if (isTaskRecord(value)) recordByView.set(view, { id, record: value })
    else unreadable.push({ id, key: view.key, reason: isCut(value) ? 'cut' : 'no-record' })
  }
  return { recordByView, unreadable }
}

/** Ended tasks are the most by far, and nothing about them changes with time: each is made once. */
const endedRow = onceFor((view: EntryView, id: string) => rowOf(view, id, view.current.entry.value as TaskRecord, new Map(), 0))

function rowOf(
  view: EntryView,
  id: string,
  record: TaskRecord,
  statusById: ReadonlyMap<string, TaskStatus>,
  nowMs: number,
): TaskRow {
  const isRunning = record.status === 'processing'
  const delayLeftMs = record.status === 'pending' ? Math.max(0, numberOr(record.notBefore?.wallMs, 0) - nowMs) : 0
  const waitsFor = record.status === 'pending' ? unmetOf(record, statusById) : []
  return {
    id,
    key: view.key,
    record,
    // As the runtime explains it: a time is named before other tasks are.
    status: delayLeftMs > 0 ? 'backingOff' : waitsFor.length > 0 ? 'blocked' : record.status,
    revision: view.current.revision,
    position: view.current.position,
    enqueuedMs: numberOr(record.enqueued[0], 0),
    owner: isRunning ? (record.owner ?? null) : null,
    leaseLeftMs:
      isRunning && record.lease !== undefined
        ? Math.max(0, leaseEndMs(view, record.lease, (value) => (isTaskRecord(value) ? value.lease : null)) - nowMs)
        : null,
    delayLeftMs: delayLeftMs > 0 ? delayLeftMs : null,
    waitsFor,
    error: typeof record.error?.message === 'string' ? record.error : null,
    takeovers: Array.isArray(record.takeovers) ? record.takeovers : [],
  }
}

function unmetOf(record: TaskRecord, statusById: ReadonlyMap<string, TaskStatus>): TaskRow['waitsFor'] {
  const unmet: { id: string; status: TaskStatus | 'unknown' }[] = []
  for (const id of record.dependsOn ?? []) {
    const status = statusById.get(id) ?? 'unknown'
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
