/**
 * The life of a task. An actor of this chart is live from its claim to the commit of its outcome; before and after, the
 * record says which state it is in, and pure transitions decide. Knows no clock and no store: moments come with events,
 * writes leave as `remember`.
 *
 * - T1 no final state is entered by a transition that emits a write: outcomes pass through `settling`
 * - T2 a write of the record is conditioned on the revision last seen, so a stale owner changes nothing
 * - T3 `lost` writes nothing
 */
import { assign, raise, setup } from 'xstate'
import { type Deadline, deadlineIn } from '../src/domain/deadline.ts'
import type { Json } from '../src/domain/json.ts'
import type { Lease } from '../src/domain/lease.ts'
import { backoffDefault, backoffMs } from '../src/domain/retry.ts'
import {
  cancelled,
  claimed,
  completed,
  failed,
  handedBack,
  type Owner,
  renewed,
  retried,
  type TaskFault,
  type TaskRecord,
  takenOver,
} from '../src/domain/task-record.ts'
import type { Version } from '../src/domain/version-vector.ts'
import { always, type Intent } from '../src/domain/write.ts'
import { effect } from './effect.ts'

/** A record where it lies: what a decision is based on. */
export interface SeenRecord {
  readonly record: TaskRecord
  readonly revision: number
  readonly version: Version
}

export interface TaskInput extends SeenRecord {
  /** `<namespace>/tasks/<id>` */
  readonly prefix: string
}

/** What is to become of the task, before it is written. */
export type Verdict =
  | { readonly type: 'completed'; readonly endedMs: number; readonly output: Json; readonly effects: readonly Intent[] }
  | { readonly type: 'failed'; readonly endedMs: number; readonly error: TaskFault }
  | { readonly type: 'cancelled'; readonly endedMs: number; readonly reason: string }
  | { readonly type: 'retried'; readonly error: TaskFault; readonly notBefore: Deadline; readonly endedMs: number }
  | { readonly type: 'handed-back'; readonly endedMs: number }
  | { readonly type: 'taken-over'; readonly endedMs: number }

export interface TaskContext extends TaskInput {
  readonly verdict: Verdict | null
  /** How often the outcome was refused because the record had moved under the same epoch. */
  readonly rebases: number
}

/** Which of the actor's writes a receipt is for. */
export type Ref = 'claim' | 'renew' | 'settle' | 'progress'

/** A moment, with the wall time taken from the hybrid clock. */
type Now = Deadline

export type TaskEvent =
  | { type: 'task.claim'; owner: Owner; lease: Lease; now: Now }
  | { type: 'task.cancel'; reason: string; now: Now }
  | { type: 'task.progress'; percent: number; note: string | null; now: Now }
  | { type: 'task.complete'; output: Json; effects?: readonly Intent[]; now: Now }
  | { type: 'task.fail'; error: TaskFault; now: Now; chance: number; isFinal?: boolean }
  | { type: 'timeout.elapsed'; now: Now; chance: number }
  | { type: 'lease.due'; lease: Lease }
  | { type: 'lease.over' }
  | { type: 'drain.elapsed'; now: Now }
  | { type: 'owner.lost'; now: Now }
  | { type: 'delay.elapsed' }
  | { type: 'dependencies.completed' }
  | { type: 'dependency.failed'; dependency: string; now: Now }
  | { type: 'record.changed'; seen: SeenRecord; now: Now }
  | { type: 'write.committed'; ref: Ref; revision: number; version: Version }
  | { type: 'write.refused'; ref: Ref; seen: SeenRecord | null; now: Now }
  | { type: 'write.failed'; ref: Ref; message: string }

/** An outcome that is refused this often, each time under its own epoch, gives up and leaves the task to its lease. */
export const rebasesMax = 16

/** States in which a task is its record and needs no live actor. */
export type TaskState =
  | 'pending'
  | 'blocked'
  | 'backingOff'
  | 'claiming'
  | 'processing'
  | 'settling'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'lost'

export const taskMachine = setup({
  types: {
    input: {} as TaskInput,
    context: {} as TaskContext,
    events: {} as TaskEvent,
    tags: {} as 'at-rest',
  },
  actions: {
    /** Writes that take effect together; the receipt comes back as `write.*` with the same `ref`. */
    remember: effect<{ ref: Ref; intents: readonly Intent[] }>(),
    /** Runs the handler for this record, or for a driven worker only arms timeout and lease. Answers `task.complete` or `task.fail`. */
    startHandler: effect<{ record: TaskRecord }>(),
    /** Aborts the handler's signal; whatever it does afterwards is ignored. */
    abortHandler: effect<{ reason: string }>(),
    /** The handler's part is over: its timeout and renewals stop. */
    endHandler: effect<{ record: TaskRecord }>(),
    /** The actor is no longer needed: the record says the rest. */
    rest: effect<{ id: string }>(),
  },
  guards: {
    hasNoAttemptLeft: ({ context }) => context.record.attempts >= context.record.maxAttempts,
    isCancelAsked: ({ context }) => context.record.cancelRequested !== undefined,
    isOfClaim: (_, { ref }: { ref: Ref }) => ref === 'claim',
    /** A renewal that the feed has not told of already. */
    isNewRenewal: ({ context }, { ref, revision }: { ref: Ref; revision: number }) =>
      ref === 'renew' && revision > context.revision,
    /** Told late: since then something newer was seen. */
    isKnown: ({ context }, { seen }: { seen: SeenRecord | null }) => seen !== null && seen.revision <= context.revision,
    isSettledAs: ({ context }, { ref, verdict }: { ref: Ref; verdict: Verdict['type'] }) =>
      ref === 'settle' && context.verdict !== null && endOf(context.record, context.verdict) === verdict,
    isOfSettling: (_, { ref }: { ref: Ref }) => ref === 'settle',
    /** The stored record is still of this owner and epoch. */
    isStillOurs: ({ context }, { seen }: { seen: SeenRecord | null }) =>
      seen !== null && isSameClaim(seen.record, context.record) && seen.record.status === 'processing',
    isStillOursToSettle: ({ context }, { ref, seen }: { ref: Ref; seen: SeenRecord | null }) =>
      ref === 'settle' &&
      seen !== null &&
      isSameClaim(seen.record, context.record) &&
      seen.record.status === 'processing' &&
      // An owner that has just renewed is alive: whether its lease is over must be judged anew.
      context.verdict?.type !== 'taken-over' &&
      context.rebases < rebasesMax,
    /** The reply was lost, but the outcome is there: only this owner could have written it. */
    isSettledAlready: ({ context }, { ref, seen }: { ref: Ref; seen: SeenRecord | null }) =>
      ref === 'settle' &&
      seen !== null &&
      isSameClaim(seen.record, context.record) &&
      context.verdict !== null &&
      seen.record.status === outcomeOf(context.record, context.verdict).status,
    isCancelOfOurs: ({ context }, { seen }: { seen: SeenRecord | null }) =>
      seen !== null &&
      isSameClaim(seen.record, context.record) &&
      seen.record.status === 'processing' &&
      seen.record.cancelRequested !== undefined,
    isRetriable: ({ context }, { isFinal }: { isFinal: boolean }) =>
      !isFinal && context.record.attempts < context.record.maxAttempts,
  },
}).createMachine({
  id: 'task',
  // Not a spread: V8 takes a microsecond for members that are added to a copy.
  context: ({ input }) => Object.assign({ verdict: null, rebases: 0 }, input),
  initial: 'pending',
  states: {
    pending: {
      description: 'In the queue, ready to be claimed.',
      tags: 'at-rest',
      on: {
        'task.claim': [
          {
            guard: 'isCancelAsked',
            target: 'settling',
            actions: assign({
              verdict: ({ context, event }): Verdict => ({
                type: 'cancelled',
                reason: context.record.cancelRequested ?? '',
                endedMs: event.now.wallMs,
              }),
            }),
          },
          {
            guard: 'hasNoAttemptLeft',
            target: 'settling',
            actions: assign({
              verdict: ({ context, event }): Verdict => ({
                type: 'failed',
                error: context.record.error ?? exhausted(context.record),
                endedMs: event.now.wallMs,
              }),
            }),
          },
          {
            target: 'claiming',
            actions: assign({
              record: ({ context, event }) => claimed(context.record, event.owner, event.lease),
            }),
          },
        ],
        'task.cancel': {
          target: 'settling',
          actions: assign({
            verdict: ({ event }): Verdict => ({ type: 'cancelled', reason: event.reason, endedMs: event.now.wallMs }),
          }),
        },
      },
    },
    blocked: {
      description: 'Waits until every task that it depends on has completed.',
      tags: 'at-rest',
      on: {
        'dependencies.completed': 'pending',
        'dependency.failed': {
          target: 'settling',
          actions: assign({
            verdict: ({ event }): Verdict => ({
              type: 'failed',
              error: {
                name: 'DependencyFailed',
                message: `dependency failed: task ${event.dependency} did not complete`,
                reason: 'dependency_failed',
              },
              endedMs: event.now.wallMs,
            }),
          }),
        },
        'task.cancel': {
          target: 'settling',
          actions: assign({
            verdict: ({ event }): Verdict => ({ type: 'cancelled', reason: event.reason, endedMs: event.now.wallMs }),
          }),
        },
      },
    },
    backingOff: {
      description: 'Not before its time: a delay that was asked for, or the pause after a failed attempt.',
      tags: 'at-rest',
      on: {
        'delay.elapsed': 'pending',
        'task.cancel': {
          target: 'settling',
          actions: assign({
            verdict: ({ event }): Verdict => ({ type: 'cancelled', reason: event.reason, endedMs: event.now.wallMs }),
          }),
        },
      },
    },
    claiming: {
      description: 'The record is being taken by compare-and-set; others may be faster.',
      entry: { type: 'remember', params: ({ context }) => ({ ref: 'claim', intents: claimIntents(context) }) },
      on: {
        'write.committed': {
          guard: { type: 'isOfClaim', params: ({ event }) => event },
          target: 'processing',
          actions: assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }),
        },
        'write.refused': [
          {
            description: 'The reply was lost, the claim was not.',
            guard: { type: 'isStillOurs', params: ({ event }) => event },
            target: 'processing',
            actions: assign(({ event }) => event.seen ?? {}),
          },
          { target: 'lost' },
        ],
        'write.failed': 'lost',
      },
    },
    processing: {
      description: 'The handler runs, or a driven task waits for events, under a lease that is renewed.',
      entry: { type: 'startHandler', params: ({ context }) => ({ record: context.record }) },
      exit: { type: 'endHandler', params: ({ context }) => ({ record: context.record }) },
      on: {
        'task.progress': {
          actions: {
            type: 'remember',
            params: ({ context, event }) => ({ ref: 'progress', intents: progressIntents(context, event) }),
          },
        },
        'task.complete': {
          target: 'settling',
          actions: assign({
            verdict: ({ event }): Verdict => ({
              type: 'completed',
              output: event.output,
              effects: event.effects ?? [],
              endedMs: event.now.wallMs,
            }),
          }),
        },
        'task.fail': [
          {
            guard: { type: 'isRetriable', params: ({ event }) => ({ isFinal: event.isFinal === true }) },
            target: 'settling',
            actions: assign({ verdict: ({ context, event }) => retryVerdict(context.record, event.error, event) }),
          },
          {
            target: 'settling',
            actions: assign({
              verdict: ({ event }): Verdict => ({ type: 'failed', error: event.error, endedMs: event.now.wallMs }),
            }),
          },
        ],
        'timeout.elapsed': [
          {
            guard: { type: 'isRetriable', params: { isFinal: false } },
            target: 'settling',
            actions: [
              { type: 'abortHandler', params: { reason: 'timeout' } },
              assign({ verdict: ({ context, event }) => retryVerdict(context.record, timedOut(context.record), event) }),
            ],
          },
          {
            target: 'settling',
            actions: [
              { type: 'abortHandler', params: { reason: 'timeout' } },
              assign({
                verdict: ({ context, event }): Verdict => ({
                  type: 'failed',
                  error: timedOut(context.record),
                  endedMs: event.now.wallMs,
                }),
              }),
            ],
          },
        ],
        'lease.due': {
          actions: [
            assign({ record: ({ context, event }) => renewed(context.record, event.lease) }),
            { type: 'remember', params: ({ context }) => ({ ref: 'renew', intents: renewIntents(context) }) },
          ],
        },
        'lease.over': {
          description: 'No renewal was committed in time: somebody else may have the task by now.',
          target: 'lost',
          actions: { type: 'abortHandler', params: { reason: 'the lease is over' } },
        },
        'write.committed': {
          guard: { type: 'isNewRenewal', params: ({ event }) => event },
          actions: assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }),
        },
        'write.refused': [
          { guard: { type: 'isKnown', params: ({ event }) => event } },
          {
            guard: { type: 'isCancelOfOurs', params: ({ event }) => event },
            target: 'settling',
            actions: [
              { type: 'abortHandler', params: { reason: 'cancelled' } },
              assign(({ event }) => ({ ...event.seen, verdict: cancelVerdict(event) })),
            ],
          },
          {
            guard: { type: 'isStillOurs', params: ({ event }) => event },
            actions: assign(({ event }) => event.seen ?? {}),
          },
          { target: 'lost', actions: { type: 'abortHandler', params: { reason: 'the task was taken over' } } },
        ],
        'record.changed': [
          {
            description: 'The feed is behind the receipts: what was so before the claim must not look like a takeover.',
            guard: { type: 'isKnown', params: ({ event }) => event },
          },
          {
            guard: { type: 'isCancelOfOurs', params: ({ event }) => event },
            target: 'settling',
            actions: [
              { type: 'abortHandler', params: { reason: 'cancelled' } },
              assign(({ event }) => ({ ...event.seen, verdict: cancelVerdict(event) })),
            ],
          },
          {
            guard: { type: 'isStillOurs', params: ({ event }) => event },
            actions: assign(({ event }) => event.seen),
          },
          { target: 'lost', actions: { type: 'abortHandler', params: { reason: 'the task was taken over' } } },
        ],
        'drain.elapsed': {
          target: 'settling',
          actions: [
            { type: 'abortHandler', params: { reason: 'shutdown' } },
            assign({ verdict: ({ event }): Verdict => ({ type: 'handed-back', endedMs: event.now.wallMs }) }),
          ],
        },
        'owner.lost': {
          description: 'Decided by others, when the lease in the record is over.',
          target: 'settling',
          actions: assign({ verdict: ({ event }): Verdict => ({ type: 'taken-over', endedMs: event.now.wallMs }) }),
        },
      },
    },
    settling: {
      description: 'The outcome is decided and being written; it is not true before it is committed.',
      entry: { type: 'remember', params: ({ context }) => ({ ref: 'settle', intents: settleIntents(context) }) },
      on: {
        'write.committed': [
          {
            guard: { type: 'isSettledAs', params: ({ event }) => ({ ref: event.ref, verdict: 'completed' }) },
            target: 'completed',
          },
          { guard: { type: 'isSettledAs', params: ({ event }) => ({ ref: event.ref, verdict: 'failed' }) }, target: 'failed' },
          {
            guard: { type: 'isSettledAs', params: ({ event }) => ({ ref: event.ref, verdict: 'cancelled' }) },
            target: 'cancelled',
          },
          {
            guard: { type: 'isSettledAs', params: ({ event }) => ({ ref: event.ref, verdict: 'retried' }) },
            target: 'backingOff',
            actions: [
              assign(({ context, event }) => restingContext(context, event)),
              { type: 'rest', params: ({ context }) => ({ id: context.record.id }) },
            ],
          },
          {
            guard: { type: 'isOfSettling', params: ({ event }) => event },
            target: 'pending',
            actions: [
              assign(({ context, event }) => restingContext(context, event)),
              { type: 'rest', params: ({ context }) => ({ id: context.record.id }) },
            ],
          },
          {
            guard: { type: 'isNewRenewal', params: ({ event }) => event },
            actions: assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }),
          },
        ],
        'write.refused': [
          {
            description: 'A renewal or a request to cancel came between; the epoch is still ours.',
            guard: { type: 'isStillOursToSettle', params: ({ event }) => event },
            target: 'settling',
            reenter: true,
            actions: assign(({ context, event }) => ({
              ...event.seen,
              rebases: context.rebases + 1,
              verdict: event.seen?.record.cancelRequested === undefined ? context.verdict : cancelVerdict(event),
            })),
          },
          {
            guard: { type: 'isSettledAlready', params: ({ event }) => event },
            actions: raise(({ context, event }) => ({
              type: 'write.committed' as const,
              ref: 'settle' as const,
              revision: event.seen?.revision ?? context.revision,
              version: event.seen?.version ?? context.version,
            })),
          },
          { guard: { type: 'isOfSettling', params: ({ event }) => event }, target: 'lost' },
        ],
        'write.failed': { guard: { type: 'isOfSettling', params: ({ event }) => event }, target: 'lost' },
      },
    },
    completed: { type: 'final' },
    failed: { type: 'final', description: 'A dead letter; replaying it begins a new life.' },
    cancelled: { type: 'final' },
    lost: { type: 'final', description: 'No longer ours, and nothing was written: the record is somebody else’s to change.' },
  },
})

function isSameClaim(seen: TaskRecord, own: TaskRecord): boolean {
  return seen.epoch === own.epoch && seen.incarnation === own.incarnation && seen.owner === own.owner
}

/** What the task is once the verdict is written: an orphan whose cancellation was asked for does not return to the queue. */
function endOf(record: TaskRecord, verdict: Verdict): Verdict['type'] {
  return verdict.type === 'taken-over' && record.cancelRequested !== undefined ? 'cancelled' : verdict.type
}

/** The outcome is written and the task goes on: what was decided before is over. */
function restingContext(context: TaskContext, receipt: { revision: number; version: Version }): Partial<TaskContext> {
  const record = context.verdict === null ? context.record : outcomeOf(context.record, context.verdict)
  return { record, revision: receipt.revision, version: receipt.version, verdict: null, rebases: 0 }
}

/** The record that a verdict leads to. */
function outcomeOf(record: TaskRecord, verdict: Verdict): TaskRecord {
  switch (verdict.type) {
    case 'completed':
      return completed(record, verdict.endedMs)
    case 'failed':
      return failed(record, verdict.error, verdict.endedMs)
    case 'cancelled':
      return cancelled(record, verdict.reason, verdict.endedMs)
    case 'retried':
      return retried(record, verdict.error, verdict.notBefore)
    case 'handed-back':
      return handedBack(record)
    case 'taken-over': {
      const next = takenOver(record, verdict.endedMs)
      return record.cancelRequested === undefined ? next : cancelled(next, record.cancelRequested, verdict.endedMs)
    }
  }
}

function retryVerdict(record: TaskRecord, error: TaskFault, event: { now: Now; chance: number }): Verdict {
  const delayMs = backoffMs(record.backoff ?? backoffDefault, record.attempts, event.chance)
  return { type: 'retried', error, notBefore: deadlineIn(delayMs, event.now), endedMs: event.now.wallMs }
}

function cancelVerdict(event: { seen: SeenRecord | null; now: Now }): Verdict {
  return { type: 'cancelled', reason: event.seen?.record.cancelRequested ?? '', endedMs: event.now.wallMs }
}

function timedOut(record: TaskRecord): TaskFault {
  return { name: 'TimeoutError', message: `the attempt took longer than ${record.timeoutMs} ms`, reason: 'timeout' }
}

function exhausted(record: TaskRecord): TaskFault {
  return {
    name: 'AttemptsExhausted',
    message: `all ${record.maxAttempts} attempts were started and none reported an end; the last owner was ${record.owner}`,
    reason: 'attempts_exhausted',
  }
}

function recordIntent(context: TaskContext, record: TaskRecord): Intent {
  return {
    key: `${context.prefix}/record`,
    value: record,
    condition: { type: 'revision', revision: context.revision },
    context: context.version,
  }
}

/** The document `state`, for readers that know no records. */
export function stateDocument(record: TaskRecord): Json {
  switch (record.status) {
    case 'pending':
      return { status: 'pending', attempts: record.attempts }
    case 'processing':
      return { status: 'processing', workerId: record.owner ?? null, attempt: record.attempts }
    case 'completed':
      return { status: 'completed', workerId: record.owner ?? null, completedAt: record.endedMs ?? null }
    case 'failed':
      return { status: 'failed', error: record.error?.message ?? null, failedAt: record.endedMs ?? null }
    case 'cancelled':
      return { status: 'cancelled', reason: record.cancelRequested ?? null, cancelledAt: record.endedMs ?? null }
  }
}

function stateIntent(context: TaskContext, record: TaskRecord): Intent {
  return { key: `${context.prefix}/state`, value: stateDocument(record), condition: always, context: context.version }
}

function claimIntents(context: TaskContext): Intent[] {
  return [recordIntent(context, context.record), stateIntent(context, context.record)]
}

function renewIntents(context: TaskContext): Intent[] {
  return [recordIntent(context, context.record)]
}

function settleIntents(context: TaskContext): Intent[] {
  const { verdict } = context
  if (verdict === null) return []
  const outcome = outcomeOf(context.record, verdict)
  const intents = [recordIntent(context, outcome), stateIntent(context, outcome)]
  if (verdict.type === 'completed') {
    intents.push({ key: `${context.prefix}/result`, value: verdict.output, condition: always, context: context.version })
    intents.push(...verdict.effects)
  }
  return intents
}

function progressIntents(context: TaskContext, event: { percent: number; note: string | null; now: Now }): Intent[] {
  return [
    {
      key: `${context.prefix}/progress`,
      value: { progress: event.percent, status: event.note ?? 'processing', timestamp: event.now.wallMs },
      condition: always,
      guard: { scope: `${context.prefix}/record`, epoch: context.record.epoch, incarnation: context.record.incarnation ?? '' },
      context: context.version,
    },
  ]
}
