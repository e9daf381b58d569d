/**
 * The hands of `machines/task.ts`: its writes go to the journal, its handler to the runner. Knows how a receipt becomes an
 * event of the chart; decides nothing.
 */
import { transition } from 'xstate'
import { type SeenRecord, type TaskEvent, type TaskState, taskMachine } from '../../machines/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { isTaskRecord, type TaskRecord } from '../domain/task-record.ts'
import type { Intent } from '../domain/write.ts'
import type { Stored } from '../ports/store.ts'
import { assertBound } from './bind.ts'
import { compileChart } from './compiled-chart.ts'
import type { Remember, WriteOutcome } from './outcome.ts'

export interface TaskRef {
  /** Its address. */
  readonly id: string
  send(event: TaskEvent): void
}

export interface TaskHands {
  readonly remember: Remember
  startHandler(task: TaskRef, record: TaskRecord): void
  abortHandler(task: TaskRef, reason: string): void
  endHandler(task: TaskRef, record: TaskRecord): void
  /** A renewal was committed. The lease counts from when that one was sent: later ones may be on their way, or lost. */
  renewed(task: TaskRef, sentMs: number): void
  /** The live actor is no longer needed. */
  rest(id: string): void
  now(): Moment
}

type WriteRef = Extract<TaskEvent, { type: 'write.committed' }>['ref']

export function taskLogic(hands: TaskHands) {
  return compileChart(
    assertBound(
      taskMachine.provide({
        actions: {
          remember: ({ self }, { ref, intents }) =>
            hands.remember(
              intents,
              (outcome) => {
                if (ref === 'renew' && outcome.type === 'committed') {
                  const [{ lease } = {}] = intents.map(({ value }) => value as TaskRecord)
                  if (lease !== undefined) hands.renewed(self, lease.renewedAtMs)
                }
                self.send(receiptEvent(ref, outcome, hands))
              },
              ref === 'renew' ? urgent : undefined,
            ),
          startHandler: ({ self }, { record }) => hands.startHandler(self, record),
          abortHandler: ({ self }, { reason }) => hands.abortHandler(self, reason),
          endHandler: ({ self }, { record }) => hands.endHandler(self, record),
          rest: (_, { id }) => hands.rest(id),
        },
      }),
    ),
  )
}

const urgent = { urgent: true } as const

function receiptEvent(ref: WriteRef, outcome: WriteOutcome, hands: TaskHands): TaskEvent {
  switch (outcome.type) {
    case 'committed':
      return { type: 'write.committed', ref, revision: outcome.revision, version: outcome.version }
    case 'conflict':
    case 'stale-epoch':
      return { type: 'write.refused', ref, seen: seenRecord(outcome.stored), now: hands.now() }
    case 'failed':
      return { type: 'write.failed', ref, message: outcome.error.message }
  }
}

export interface Decision {
  readonly to: TaskState
  /** What is to be written first; nothing when the event means nothing in this state. */
  readonly intents: readonly Intent[]
}

/** What the chart says of a task without a live actor. @param key where its record lies. */
export function decideAtRest(seen: SeenRecord, key: string, state: TaskState, event: TaskEvent): Decision {
  const prefix = key.slice(0, -'/record'.length)
  const snapshot = taskMachine.resolveState({ value: state, context: { ...seen, prefix, verdict: null, rebases: 0 } })
  const [next, actions] = transition(taskMachine, snapshot, event)
  const remember = actions.find(({ type }) => type === 'remember')
  const intents = remember === undefined ? [] : (remember.params as { readonly intents: readonly Intent[] }).intents
  return { to: next.value as TaskState, intents }
}

/** A stored entry as a task's record; null when there is none, or something else lies there. */
export function seenRecord(stored: Stored | null): SeenRecord | null {
  if (stored === null || stored.entry.x?.t === 1 || !isTaskRecord(stored.entry.value)) return null
  return { record: stored.entry.value, revision: stored.revision, version: stored.entry.version }
}
