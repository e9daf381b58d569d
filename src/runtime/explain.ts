/** Why a task is where it is, in words and data, from records alone: any process can ask. Decides and writes nothing. */
import type { SeenRecord, TaskState } from '../../machines/task.ts'
import { deadlineLeftMs, type Moment } from '../domain/deadline.ts'
import { isEnded, isMetBy, type Takeover, type TaskFault, type TaskRecord } from '../domain/task-record.ts'

export interface DependencyState {
  readonly id: string
  /** `unknown`: no such task (yet); it blocks until it is submitted and has completed. */
  readonly status: TaskRecord['status'] | 'unknown'
}

export interface Explanation {
  readonly id: string
  readonly type: string | null
  readonly state: TaskState
  /** One sentence for people. */
  readonly reason: string
  readonly attempts: number
  readonly maxAttempts: number
  readonly epoch: number
  readonly owner: string | null
  /** Milliseconds until the owner's lease is over, if it runs. */
  readonly leaseLeftMs: number | null
  /** Milliseconds until it may start, if it waits for a time. */
  readonly delayLeftMs: number | null
  readonly dependencies: readonly DependencyState[]
  readonly error: TaskFault | null
  readonly cancelRequested: string | null
  readonly takeovers: readonly Takeover[]
}

export interface ExplainHands {
  now(): Moment
  leaseLeftMs(seen: SeenRecord): number
  /** Live here. */
  isHosted(id: string): boolean
  statusOf(id: string): Promise<TaskRecord['status'] | 'unknown'>
  /** Task types that a worker of this process takes; null: every type. */
  readonly typesHere: ReadonlySet<string> | null
}

export async function explain(seen: SeenRecord, hands: ExplainHands): Promise<Explanation> {
  const { record } = seen
  const dependencies: DependencyState[] = []
  for (const id of record.dependsOn ?? []) dependencies.push({ id, status: await hands.statusOf(id) })
  const delayLeftMs =
    record.status === 'pending' && record.notBefore !== undefined ? deadlineLeftMs(record.notBefore, hands.now()) : 0
  const leaseLeftMs = record.status === 'processing' ? hands.leaseLeftMs(seen) : null
  const unmet = dependencies.filter(({ status }) => !isMetBy(record, status))
  const state: TaskState =
    record.status !== 'pending' ? record.status : delayLeftMs > 0 ? 'backingOff' : unmet.length > 0 ? 'blocked' : 'pending'
  return {
    id: record.id,
    type: record.type,
    state,
    reason: reasonOf(record, state, {
      unmet,
      delayLeftMs,
      leaseLeftMs,
      isHosted: hands.isHosted(record.id),
      typesHere: hands.typesHere,
    }),
    attempts: record.attempts,
    maxAttempts: record.maxAttempts,
    epoch: record.epoch,
    owner: record.status === 'processing' ? (record.owner ?? null) : null,
    leaseLeftMs,
    delayLeftMs: delayLeftMs > 0 ? delayLeftMs : null,
    dependencies,
    error: record.error ?? null,
    cancelRequested: record.cancelRequested ?? null,
    takeovers: record.takeovers ?? [],
  }
}

interface Facts {
  readonly unmet: readonly DependencyState[]
  readonly delayLeftMs: number
  readonly leaseLeftMs: number | null
  readonly isHosted: boolean
  readonly typesHere: ReadonlySet<string> | null
}

function reasonOf(record: TaskRecord, state: TaskState, facts: Facts): string {
  const attempts = `${record.attempts} of ${record.maxAttempts} attempts`
  if (isEnded(record)) {
    if (state === 'completed') return `completed by ${record.owner ?? 'nobody'} after ${attempts}`
    if (state === 'failed') return `failed after ${attempts}: ${record.error?.message ?? 'unknown'}. It can be replayed.`
    return `cancelled: ${record.cancelRequested ?? ''}`
  }
  if (state === 'blocked') {
    const shown = facts.unmet.slice(0, 5).map(({ id, status }) => `${id} (${status})`)
    const more = facts.unmet.length > shown.length ? ` and ${facts.unmet.length - shown.length} more` : ''
    return `waits for ${shown.join(', ')}${more}`
  }
  if (state === 'backingOff') {
    const why =
      record.error === undefined ? 'a delay was asked for' : `attempt ${record.attempts} failed: ${record.error.message}`
    return `not before ${Math.ceil(facts.delayLeftMs)} ms from now: ${why}`
  }
  if (state === 'processing') {
    const where = facts.isHosted ? `here, by ${record.owner}` : `by ${record.owner}`
    const cancel = record.cancelRequested === undefined ? '' : '; its cancellation was asked for'
    if ((facts.leaseLeftMs ?? 0) <= 0)
      return `attempt ${record.attempts} was started by ${record.owner}, whose lease is over: it waits to be taken over${cancel}`
    return `attempt ${record.attempts} runs ${where}, under a lease with ${facts.leaseLeftMs} ms left${cancel}`
  }
  if (record.type === null) return 'ready; it has no type and waits for a claim from outside'
  const takers =
    facts.typesHere === null || facts.typesHere.has(record.type)
      ? ''
      : `; no worker of this process takes the type "${record.type}"`
  return `ready, waiting for a worker with room${takers}`
}
