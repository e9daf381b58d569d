/** A task and everything that can happen to it, in whatever state it is: for the chart's tests, and for those who run the chart. */
import { type SeenRecord, type TaskEvent, type TaskState, taskMachine } from '../../machines/task.ts'
import { claimed, isEnded, type TaskRecord } from '../../src/domain/task-record.ts'

export const now = { wallMs: 1000, bootId: 'boot', monotonicMs: 50 }
export const later = { leaseMs: 15_000, bootId: 'boot', renewedAtMs: 60 }
export const lease = { leaseMs: 15_000, bootId: 'boot', renewedAtMs: 50 }
export const owner = { worker: 'w.1', incarnation: 'own' }
export const other = { worker: 'v.1', incarnation: 'other' }
export const prefix = 'ns/tasks/t'
export const fault = { name: 'Error', message: 'broken', reason: 'handler' } as const

export const pending: TaskRecord = {
  id: 't',
  type: 'demo',
  status: 'pending',
  input: { n: 1 },
  priority: 0,
  enqueued: [1, 0, 'w'],
  epoch: 4,
  attempts: 0,
  maxAttempts: 2,
  // Without jitter the pause after a failure is one number.
  backoff: { baseMs: 100, factor: 2, maxMs: 10_000, jitter: 0 },
}

export const processing = claimed(pending, owner, lease)

interface Context extends SeenRecord {
  readonly rebases: number
  readonly verdict: { readonly type: string } | null
}

/** The chart in a state, as a process finds it that knows only the record. */
export function at(state: TaskState, record: TaskRecord = state === 'processing' ? processing : pending, revision = 7) {
  const context = { record, revision, version: { w: 1 }, prefix, verdict: null, rebases: 0 }
  return taskMachine.resolveState({ value: state, context })
}

/** The record as others may have left it: a revision later, with these members changed. */
export function seenAs(context: SeenRecord, members: Partial<TaskRecord> = {}, revision = context.revision + 1): SeenRecord {
  return { record: { ...context.record, ...members }, revision, version: { ...context.version, v: revision } }
}

const refs = ['claim', 'renew', 'settle', 'progress'] as const

/** Every event, each with the payloads that make a difference. */
export function eventsFor(context: Context): TaskEvent[] {
  const ours = seenAs(context)
  const cancelled = seenAs(context, { cancelRequested: 'not needed' })
  const taken = seenAs(context, { epoch: context.record.epoch + 1, incarnation: other.incarnation, owner: other.worker })
  const endings = (['completed', 'failed', 'cancelled', 'pending'] as const).map((status) => seenAs(context, { status }))
  const refusals = [null, ours, cancelled, taken, ...endings, seenAs(context, {}, context.revision - 1)]
  return [
    { type: 'task.claim', owner, lease, now },
    { type: 'task.cancel', reason: 'not needed', now },
    { type: 'task.progress', percent: 50, note: 'half', now },
    { type: 'task.complete', output: { ok: true }, now },
    { type: 'task.complete', output: null, effects: [{ key: 'ns/e', value: 1, condition: { type: 'none' } }], now },
    { type: 'task.fail', error: fault, now, chance: 0.5 },
    { type: 'task.fail', error: fault, now, chance: 0.5, isFinal: true },
    { type: 'timeout.elapsed', now, chance: 0.5 },
    { type: 'lease.due', lease: later },
    { type: 'lease.over' },
    { type: 'drain.elapsed', now },
    { type: 'owner.lost', now },
    { type: 'delay.elapsed' },
    { type: 'dependencies.completed' },
    { type: 'dependency.failed', dependency: 'd', now },
    { type: 'record.changed', seen: ours, now },
    { type: 'record.changed', seen: cancelled, now },
    { type: 'record.changed', seen: taken, now },
    { type: 'record.changed', seen: { ...taken, revision: context.revision - 1 }, now },
    ...refs.map((ref): TaskEvent => ({ type: 'write.committed', ref, revision: context.revision + 1, version: { w: 2 } })),
    ...refs.map((ref): TaskEvent => ({ type: 'write.committed', ref, revision: context.revision - 1, version: { w: 2 } })),
    ...refs.flatMap((ref) => refusals.map((seen): TaskEvent => ({ type: 'write.refused', ref, seen, now }))),
    ...refs.map((ref): TaskEvent => ({ type: 'write.failed', ref, message: 'the store is away' })),
  ]
}

/** What of a context can make a later difference; counters only as far as they do. */
export function keyOf({ value, context }: { value: unknown; context: Context }): string {
  const { record, verdict, rebases } = context
  const { status, attempts, cancelRequested, error } = record
  return JSON.stringify([value, status, isEnded(record), attempts, cancelRequested, error?.name, verdict?.type, rebases > 0])
}
