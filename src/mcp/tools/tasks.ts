/**
 * The tools of whoever gives tasks and follows them: submit, look, explain, cancel, replay. Those of whoever does the work are in
 * `claims.ts`. Reads records; what becomes of a task is decided by its chart.
 */
import { z } from 'zod'
import { isLive } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import { assertId } from '../../domain/key.ts'
import { isTaskRecord, type TaskRecord } from '../../domain/task-record.ts'
import { attemptsMax, dependenciesMax, type TaskSpec } from '../../runtime/task-spec.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'
import { registerClaimTools } from './claims.ts'

export const tasksListedDefault = 50
export const tasksListedMax = 500
/** Records that one task_list looks at, whatever it finds among them. */
export const recordsReadMax = 10_000
/** Of each error and reason in a list; task_get gives the whole. */
const listedCharactersMax = 500

const statuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const
const id = z.string().describe('The id of a task.')
const status = z.enum(statuses)

const summary = {
  id: z.string(),
  type: z.string().nullable(),
  status,
  priority: z.number(),
  attempts: z.int(),
  maxAttempts: z.int(),
  epoch: z.int(),
  /** The worker that has it, or had it last. */
  owner: z.string().optional(),
  enqueuedMs: z.number(),
  endedMs: z.number().optional(),
  error: z.string().optional(),
  cancelRequested: z.string().optional(),
}

const explanation = {
  id: z.string(),
  type: z.string().nullable(),
  state: z.string(),
  reason: z.string(),
  attempts: z.int(),
  maxAttempts: z.int(),
  epoch: z.int(),
  owner: z.string().nullable(),
  leaseLeftMs: z.number().nullable(),
  delayLeftMs: z.number().nullable(),
  dependencies: z.array(z.object({ id: z.string(), status: z.string() })),
  error: z.object({ name: z.string(), message: z.string(), reason: z.string().optional() }).nullable(),
  cancelRequested: z.string().nullable(),
  takeovers: z.array(z.object({ worker: z.string(), incarnation: z.string(), epoch: z.int(), atMs: z.number() })),
}

export function registerTaskTools(tools: Toolbox, context: ToolContext): void {
  const { runtime, store, keys, clock } = context

  tools.add({
    name: 'task_submit',
    title: 'Submit a task',
    description:
      'Puts a task into the shared queue, for a worker or an agent that takes its type. Settled when the answer comes. Give an id to make the call repeatable: an id that exists gives that task as it is (look at type and status), and nothing is submitted. dependsOn: ids of tasks that must complete first. Next: task_get for the result, task_explain for why it does not start, task_cancel to call it off.',
    input: {
      id: z.string().optional(),
      type: z.string().describe('Which workers take it.'),
      input: z.unknown().optional().describe('Any JSON, for whoever does the work.'),
      priority: z.number().default(0).describe('Higher goes first.'),
      delayMs: z.number().min(0).optional(),
      timeoutMs: z.number().min(1).optional().describe('For one attempt.'),
      maxAttempts: z.int().min(1).max(attemptsMax).default(3),
      dependsOn: z.array(z.string()).max(dependenciesMax).optional(),
      onDependencyFailure: z.enum(['fail', 'run']).default('fail'),
    },
    output: { id: z.string(), type: z.string().nullable(), status },
    annotations: { idempotentHint: false },
    subjectOf: (input) => input.id ?? `a task of type ${input.type}`,
    async run(input) {
      const handle = await runtime.submit(specOf(input))
      const record = await recordOf(handle.id)
      return { structured: { id: record.id, type: record.type, status: record.status } }
    },
  })

  tools.add({
    name: 'task_get',
    title: 'Read a task',
    description:
      'Gives what is recorded of a task: type, status, input, attempts, who has it, and, when it has ended, its output (completed), error (failed) or the reason it was cancelled. task: null when there is no such task (any more). Does not wait: call it again later while status is pending or processing. task_explain says why a task does not go on.',
    input: { id },
    output: {
      task: z
        .object({ ...summary, input: z.unknown(), output: z.unknown().optional(), dependsOn: z.array(z.string()) })
        .nullable(),
    },
    async run({ id }) {
      const record = await runtime.task(id).record()
      if (record === null) return { structured: { task: null }, text: `There is no task ${quote(id)}, or not any more.` }
      const { input, dependsOn = [] } = record
      const task: TaskView = { ...summaryOf(id, record, Number.POSITIVE_INFINITY), input, dependsOn: [...dependsOn] }
      if (record.status === 'completed') task.output = await runtime.memory.get(keys.task(id, 'result'))
      return { structured: { task } }
    },
  })

  tools.add({
    name: 'task_list',
    title: 'List tasks',
    description:
      'Lists tasks in order of their ids, without inputs and outputs, all or those of a status or a type. status: failed gives the dead letters, which task_replay can start again. While `next` is not null there may be more, also when fewer than limit came: call again with after: next.',
    input: {
      status: status.optional(),
      type: z.string().optional(),
      after: z.string().optional().describe('`next` of the answer before.'),
      limit: z.int().min(1).max(tasksListedMax).default(tasksListedDefault),
    },
    output: { tasks: z.array(z.object(summary)), next: z.string().nullable() },
    async run({ status, type, after, limit }, { signal }) {
      await runtime.ready()
      const from = after === undefined ? {} : { after: keys.task(assertId(after, 'after'), 'record') }
      const tasks: Summary[] = []
      let looked = 0
      for await (const { key, entry } of store.list(keys.allTaskRecords, { ...from, signal })) {
        looked++
        const { value } = entry
        const id = keys.taskOfRecord(key)
        if (id === null) continue
        if (isLive(entry, clock.wallMs()) && isTaskRecord(value) && isWanted(value, status, type)) {
          tasks.push(summaryOf(id, value, listedCharactersMax))
        }
        if (tasks.length >= limit || looked >= recordsReadMax) return { structured: { tasks, next: id } }
      }
      return { structured: { tasks, next: null } }
    },
  })

  tools.add({
    name: 'task_explain',
    title: 'Explain a task',
    description:
      'Says in one sentence (reason) and in data why a task is where it is: what it waits for, who has it and for how long, why it failed, from whom it was taken over. Use it when a task does not start or end, and when an answer was claim_lost. invalid_key: there is no such task.',
    input: { id },
    output: explanation,
    async run({ id }) {
      const { dependencies, takeovers, error, ...facts } = await runtime.explain(id)
      return { structured: { ...facts, error, dependencies: [...dependencies], takeovers: [...takeovers] } }
    },
  })

  tools.add({
    name: 'task_cancel',
    title: 'Cancel a task',
    description:
      'Calls a task off, whoever submitted it. A pending one is cancelled at once; one that is being worked on is cancelled by its worker (status stays processing until then), whose outcome does not count any more; an ended one stays as it is, and status says how. To give back a task that you claimed yourself, use task_release.',
    input: { id, reason: z.string().max(1000).default('cancelled') },
    output: { id: z.string(), status, cancelRequested: z.string().optional() },
    annotations: { destructiveHint: true, idempotentHint: true },
    subjectOf: (input) => input.id,
    async run({ id, reason }) {
      await runtime.task(id).send({ type: 'task.cancel', reason })
      const { status, cancelRequested } = await recordOf(id)
      return { structured: { id, status, ...(cancelRequested === undefined ? {} : { cancelRequested }) } }
    },
  })

  tools.add({
    name: 'task_replay',
    title: 'Start an ended task again',
    description:
      'Puts a task that has ended (a dead letter above all: task_list with status failed) at the end of the queue again, with its old input and all its attempts. conflict: it has not ended. Before you replay a failed task, look at its error with task_get and mend the cause.',
    input: { id },
    output: { id: z.string(), status },
    subjectOf: (input) => input.id,
    async run({ id }) {
      const handle = await runtime.queue.replay(id)
      return { structured: { id, status: (await recordOf(handle.id)).status } }
    },
  })

  registerClaimTools(tools, context)

  async function recordOf(id: string): Promise<TaskRecord> {
    const record = await runtime.task(id).record()
    if (record !== null) return record
    throw new MemorySyncError('invalid_key', `the task ${quote(id)} is gone: it ended, and its retention is over`)
  }
}

type Summary = z.output<z.ZodObject<typeof summary>>
type TaskView = Summary & { input: Json; output?: Json; dependsOn: string[] }

/** Others can write to any key: of a record only what `isTaskRecord` checks is what it should be. */
function summaryOf(id: string, record: TaskRecord, charactersMax: number): Summary {
  const { type, status, priority, attempts, maxAttempts, epoch, enqueued, endedMs } = record
  const summary: Summary = { id, type, status, priority, attempts, maxAttempts, epoch, enqueuedMs: Number(enqueued[0]) || 0 }
  if (typeof endedMs === 'number') summary.endedMs = endedMs
  const texts = { owner: record.owner, error: record.error?.message, cancelRequested: record.cancelRequested }
  for (const [member, text] of Object.entries(texts) as [keyof typeof texts, unknown][]) {
    if (typeof text === 'string') summary[member] = text.slice(0, charactersMax)
  }
  return summary
}

function isWanted(record: TaskRecord, status: TaskRecord['status'] | undefined, type: string | undefined): boolean {
  return (status === undefined || record.status === status) && (type === undefined || record.type === type)
}

/** Members that were not given must not be there at all. */
function specOf(given: { readonly [Member in keyof TaskSpec]: TaskSpec[Member] | undefined }): TaskSpec {
  const members = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.fromEntries(members) as unknown as TaskSpec
}
