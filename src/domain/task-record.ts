/**
 * The task record: the one truth about a task, and the ways in which it may change. Each function gives the next record
 * and decides nothing about when: that is `machines/task.ts`. Knows no clock; moments come with the call.
 *
 * - R1 `epoch` rises with every claim and every takeover, and with nothing else: an epoch has at most one owner, ever
 * - R2 `attempts` counts handler starts that were not handed back; it never exceeds `maxAttempts`
 * - R3 a record that has ended changes only by `replayed`
 */
import type { Deadline } from './deadline.ts'
import type { Json } from './json.ts'
import { isLease, type Lease } from './lease.ts'
import type { Backoff } from './retry.ts'

export type TaskStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled'

/** Why an attempt or a task failed, as plain data. */
export type TaskFault = {
  readonly name: string
  readonly message: string
  /** A code of the error family, where the runtime itself failed the task: `timeout`, `dependency_failed`, … */
  readonly reason?: 'handler' | 'timeout' | 'dependency_failed' | 'invalid_output' | 'attempts_exhausted' | 'reported'
}

/** One change of owner by force. */
export type Takeover = {
  /** The worker that had the task, and the life of its process. */
  readonly worker: string
  readonly incarnation: string
  /** The epoch that it lost. */
  readonly epoch: number
  /** Hybrid time in milliseconds. */
  readonly atMs: number
}

export type TaskRecord = {
  readonly id: string
  /** null: only claims from outside take it (a queue without types), never a handler. */
  readonly type: string | null
  readonly status: TaskStatus
  readonly input: Json
  readonly priority: number
  /** When it joined the queue: hybrid milliseconds, hybrid counter, writer. Orders equal priorities. */
  readonly enqueued: readonly [ms: number, counter: number, workerId: string]
  readonly epoch: number
  readonly attempts: number
  readonly maxAttempts: number
  readonly backoff?: Backoff
  /** Per attempt, from the handler's start. */
  readonly timeoutMs?: number
  /** Not to be claimed before. */
  readonly notBefore?: Deadline
  readonly dependsOn?: readonly string[]
  /** Default `fail`. */
  readonly onDependencyFailure?: 'run'
  /** The owner, its life and its lease while processing; afterwards those of the last one. */
  readonly owner?: string
  readonly incarnation?: string
  readonly lease?: Lease
  /** The reason of whoever asked to cancel while the task was running. */
  readonly cancelRequested?: string
  /** Of the last attempt that failed. */
  readonly error?: TaskFault
  /** The newest {@link takeoversMax}. */
  readonly takeovers?: readonly Takeover[]
  /** Hybrid milliseconds at which it ended. */
  readonly endedMs?: number
}

export const takeoversMax = 10

/** Whether a dependency in this state does not keep the task waiting (any more). */
export function isMetBy({ onDependencyFailure }: TaskRecord, status: TaskStatus | 'unknown' | undefined): boolean {
  return status === 'completed' || (onDependencyFailure === 'run' && (status === 'failed' || status === 'cancelled'))
}

const statuses: ReadonlySet<unknown> = new Set(['pending', 'processing', 'completed', 'failed', 'cancelled'])

/** Whether a stored value has a record's shape: others can write to any key, and what they write must not be trusted. */
export function isTaskRecord(value: unknown): value is TaskRecord {
  if (value === null || typeof value !== 'object') return false
  const record = value as Partial<Record<keyof TaskRecord, unknown>>
  return (
    typeof record.id === 'string' &&
    (record.type === null || typeof record.type === 'string') &&
    statuses.has(record.status) &&
    typeof record.priority === 'number' &&
    Array.isArray(record.enqueued) &&
    record.enqueued.length === 3 &&
    isCount(record.epoch) &&
    isCount(record.attempts) &&
    isCount(record.maxAttempts) &&
    (record.dependsOn === undefined ||
      (Array.isArray(record.dependsOn) && record.dependsOn.every((id) => typeof id === 'string'))) &&
    (record.status !== 'processing' || (typeof record.incarnation === 'string' && isLease(record.lease)))
  )
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isEnded(record: TaskRecord): boolean {
  return record.status !== 'pending' && record.status !== 'processing'
}

/** Queue order: higher priority first, then first in first out by hybrid time, writer and id. */
export function compareInQueue(
  a: Pick<TaskRecord, 'id' | 'priority' | 'enqueued'>,
  b: Pick<TaskRecord, 'id' | 'priority' | 'enqueued'>,
): number {
  return (
    b.priority - a.priority ||
    a.enqueued[0] - b.enqueued[0] ||
    a.enqueued[1] - b.enqueued[1] ||
    compareText(a.enqueued[2], b.enqueued[2]) ||
    compareText(a.id, b.id)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export type Owner = {
  readonly worker: string
  readonly incarnation: string
}

/** A worker takes the pending task: a new epoch and one attempt more. */
export function claimed(record: TaskRecord, owner: Owner, lease: Lease): TaskRecord {
  return changed(forgotten(record), {
    status: 'processing',
    epoch: record.epoch + 1,
    attempts: record.attempts + 1,
    owner: owner.worker,
    incarnation: owner.incarnation,
    lease,
  })
}

export function renewed(record: TaskRecord, lease: Lease): TaskRecord {
  return changed(record, { lease })
}

export function completed(record: TaskRecord, endedMs: number): TaskRecord {
  return changed(record, { status: 'completed', endedMs })
}

/** A dead letter: listed until it is swept, and replayable. */
export function failed(record: TaskRecord, error: TaskFault, endedMs: number): TaskRecord {
  return changed(record, { status: 'failed', error, endedMs })
}

export function cancelled(record: TaskRecord, reason: string, endedMs: number): TaskRecord {
  return changed(record, { status: 'cancelled', cancelRequested: reason, endedMs })
}

/** After a failed attempt: back into the queue, not before `notBefore`. */
export function retried(record: TaskRecord, error: TaskFault, notBefore: Deadline): TaskRecord {
  return changed(record, { status: 'pending', error, notBefore })
}

/** The owner gives an unfinished attempt back; it does not count. */
export function handedBack(record: TaskRecord): TaskRecord {
  return changed(record, { status: 'pending', attempts: record.attempts - 1 })
}

/**
 * Somebody takes the task from an owner whose lease is over. Its attempt counts: the handler may have run. With no attempt
 * left, or a cancellation asked for, the next claim or the caller ends it.
 */
export function takenOver(record: TaskRecord, atMs: number): TaskRecord {
  const takeover: Takeover = {
    worker: record.owner ?? '',
    incarnation: record.incarnation ?? '',
    epoch: record.epoch,
    atMs,
  }
  return changed(record, {
    status: 'pending',
    epoch: record.epoch + 1,
    takeovers: [...(record.takeovers ?? []), takeover].slice(-takeoversMax),
  })
}

/** Whether `epoch` is that of the claim which followed the takeover: a takeover ends one epoch and begins another, the claim the next. */
export function isClaimBehind(takeover: Takeover, epoch: number): boolean {
  return epoch === takeover.epoch + 2
}

/** An ended task starts again at the queue's end, with all its attempts. */
export function replayed(record: TaskRecord, enqueued: TaskRecord['enqueued']): TaskRecord {
  const { endedMs: _, cancelRequested: __, ...rest } = forgotten(record)
  return { ...rest, status: 'pending', attempts: 0, enqueued, epoch: record.epoch + 1 }
}

/** The pause of a pending task is over: attempts, epoch and place stay. */
export function pauseEnded(record: TaskRecord): TaskRecord {
  const { notBefore: _, ...rest } = record
  return rest
}

export function cancelAsked(record: TaskRecord, reason: string): TaskRecord {
  return changed(record, { cancelRequested: reason })
}

/** Not a spread: members that an object literal adds behind one cost twenty times as much. */
function changed(record: TaskRecord, members: Partial<TaskRecord>): TaskRecord {
  return Object.assign({}, record, members)
}

/** Without what the last attempt left behind. Most records have nothing of it, and taking members away is slow. */
function forgotten(record: TaskRecord): TaskRecord {
  if (record.notBefore === undefined && record.error === undefined) return record
  const { notBefore: _, error: __, ...rest } = record
  return rest
}
