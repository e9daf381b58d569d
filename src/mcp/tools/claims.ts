/**
 * The tools of whoever does a task's work: claim it under a lease, report on it, end it or give it back. A word on a task that the
 * client does not hold (any more) is refused with what is known of it.
 */
import { z } from 'zod'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { assertId } from '../../domain/key.ts'
import { type ClaimedTask, claimLeaseMsMax, claimLeaseMsMin } from '../../runtime/claims.ts'
import type { ClientWorker } from '../client-workers.ts'
import { callWaitMsMax, type Holding, holdingsOf } from '../holdings.ts'
import { lostClaim } from '../lost-claim.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'

export const toolClaimLeaseMsDefault = 60_000
export const typesMax = 100

const id = z.string().describe('The id of a task that you claimed.')
const epoch = z
  .int()
  .min(0)
  .optional()
  .describe('The epoch of your claim, if you know it: an older claim of the same task is refused then.')

export function registerClaimTools(tools: Toolbox, context: ToolContext): void {
  const { runtime, keys } = context
  const holdings = holdingsOf(context)

  tools.add({
    name: 'task_claim',
    title: 'Claim a task',
    description:
      'Takes the next ready task for you to work on; task: null when there is none (waitMs waits for one). types: only these; default: those you registered or claimed with first, else any. The task is yours for leaseMs: call task_progress or worker_heartbeat before they are over, or others take it over. End it with task_complete or task_fail; task_release gives it back. `guard` is for memory_commit: writes that only count while the task is yours.',
    input: {
      types: z.array(z.string()).min(1).max(typesMax).optional(),
      leaseMs: z.int().min(claimLeaseMsMin).max(claimLeaseMsMax).default(toolClaimLeaseMsDefault),
      waitMs: z.int().min(0).max(callWaitMsMax).default(0),
    },
    output: {
      task: z
        .object({
          id: z.string(),
          type: z.string().nullable(),
          input: z.unknown(),
          attempt: z.int(),
          epoch: z.int(),
          leaseMs: z.number(),
          leaseLeftMs: z.number(),
          guard: z.object({ scope: z.string(), epoch: z.int(), incarnation: z.string() }),
        })
        .nullable(),
      worker: z.string().describe('The worker that you are.'),
    },
    subjectOf: ({ types }) => types?.join(', ') ?? '*',
    async run({ types, leaseMs, waitMs }, { signal }) {
      // A worker of a runtime that is shut down would only say that there is no task.
      await runtime.ready()
      const worker = holdings.workers.forClaim(types ?? null)
      assertCapacity(worker)
      const holding = await holdings.takeClaim(worker.id, () => worker.handle.claim({ leaseMs, waitMs, signal }))
      if (holding === null) return { structured: { task: null, worker: worker.id }, text: noTaskText(worker) }
      const { held } = holding
      const { id, type, input, attempt, epoch } = held
      const guard = { scope: keys.task(id, 'record'), epoch, incarnation: runtime.incarnation }
      const task = { id, type, input, attempt, epoch, leaseMs: held.leaseMs, leaseLeftMs: held.leaseLeftMs(), guard }
      return { structured: { task, worker: worker.id }, text: claimedText(held) }
    },
  })

  tools.add({
    name: 'task_progress',
    title: 'Report progress on a task',
    description:
      'Tells how far the work on a task is (percent, and a short note) and begins its lease anew. Call it at least once in every leaseMs while you work on a task that you claimed. claim_lost means that the task is not yours any more: stop working on it.',
    input: { id, epoch, percent: z.number().min(0).max(100), note: z.string().max(1000).optional() },
    output: { id: z.string(), epoch: z.int(), leaseMs: z.number(), leaseLeftMs: z.number() },
    subjectOf: (input) => input.id,
    async run({ id, epoch, percent, note }) {
      const holding = await heldClaim(id, epoch)
      const { held } = holding
      await orLost(holding, () => holding.renew(() => held.progress(percent, note)))
      return { structured: { id, epoch: held.epoch, leaseMs: held.leaseMs, leaseLeftMs: held.leaseLeftMs() } }
    },
  })

  tools.add({
    name: 'task_complete',
    title: 'Complete a task',
    description:
      'Ends a task that you claimed as completed, with its output (any JSON). Settled when the answer comes: others see the result, and tasks that depend on it may start. claim_lost means that the task was not yours any more and nothing was written: do not repeat the work blindly, look at task_explain, and claim another task. Next: task_claim.',
    input: { id, epoch, output: z.unknown().optional() },
    output: { id: z.string(), status: z.literal('completed'), epoch: z.int() },
    subjectOf: (input) => input.id,
    async run({ id, epoch, output }) {
      const holding = await heldClaim(id, epoch)
      await orLost(holding, () => holding.end(() => holding.held.complete(output)))
      holdings.forgetClaim(holding)
      return { structured: { id, status: 'completed' as const, epoch: holding.held.epoch } }
    },
  })

  tools.add({
    name: 'task_fail',
    title: 'Fail a task',
    description:
      'Ends your attempt at a task that you claimed as failed; message says why, for whoever looks later. The task is tried again after a pause while it has attempts left (outcome: retried), unless isFinal says that trying again is useless (outcome: failed). To give a task back that you did not really try, use task_release. Next: task_claim.',
    input: { id, epoch, message: z.string().min(1), isFinal: z.boolean().default(false) },
    output: { id: z.string(), outcome: z.enum(['retried', 'failed']), epoch: z.int() },
    subjectOf: (input) => input.id,
    async run({ id, epoch, message, isFinal }) {
      const holding = await heldClaim(id, epoch)
      const outcome = await orLost(holding, () => holding.end(() => holding.held.fail(message, { isFinal })))
      holdings.forgetClaim(holding)
      return { structured: { id, outcome, epoch: holding.held.epoch } }
    },
  })

  tools.add({
    name: 'task_release',
    title: 'Give a task back',
    description:
      'Gives a task that you claimed back to the queue, for any worker to take at once; your attempt is not counted. Use it when you cannot or will not do the work after all. When you tried and it did not work, use task_fail, which says why.',
    input: { id, epoch },
    output: { id: z.string(), status: z.literal('pending') },
    subjectOf: (input) => input.id,
    async run({ id, epoch }) {
      const holding = await heldClaim(id, epoch)
      await orLost(holding, () => holding.end(() => holding.held.release()))
      holdings.forgetClaim(holding)
      return { structured: { id, status: 'pending' as const } }
    },
  })

  /** @throws `claim_lost`, `invalid_key` for a task that there is not */
  async function heldClaim(id: string, epoch: number | undefined): Promise<Holding<ClaimedTask>> {
    const holding = holdings.claims.get(assertId(id, 'task id'))
    if (holding !== undefined && (epoch === undefined || epoch === holding.held.epoch)) return holding
    throw await lostClaim(context, { id, epoch, holding })
  }

  /** What `say` throws; a lost claim with what is known of the task now. */
  async function orLost<T>(holding: Holding<ClaimedTask>, say: () => Promise<T>): Promise<T> {
    try {
      return await say()
    } catch (cause) {
      if (!(cause instanceof MemorySyncError && cause.code === 'claim_lost')) throw cause
      throw await lostClaim(context, { id: holding.held.id, holding, cause })
    }
  }

  /** Without this a claim beyond it would wait in vain, and nobody would know why. */
  function assertCapacity({ id, capacity }: ClientWorker): void {
    const held = [...holdings.claims.values()].filter(({ by, held }) => by === id && held.isHeld)
    if (held.length < capacity) return
    const tasks = held.slice(0, 5).map(({ held }) => quote(held.id))
    throw new MemorySyncError(
      'backpressure',
      `worker ${quote(id)} has as many tasks as its capacity of ${capacity}: ${tasks.join(', ')}. End one of them, or register with a greater capacity.`,
    )
  }
}

function claimedText({ id, type, input, attempt, leaseMs, epoch }: ClaimedTask): string {
  const named = JSON.stringify({ id, epoch })
  return [
    `Task ${quote(id)} of type ${quote(type)} is yours for ${leaseMs} ms (attempt ${attempt}). Its input: ${JSON.stringify(input)}`,
    `1. Do the work. Before ${leaseMs} ms are over, and again each time: task_progress with ${named} and percent, or worker_heartbeat {}. Otherwise others take the task over and your outcome is refused.`,
    `2. When it is done: task_complete with ${named} and output. When it cannot be done: task_fail with ${named} and message, and isFinal: true if trying again is useless. To give it back untried: task_release.`,
    '3. When an answer is claim_lost: stop, the task is not yours any more, and do not repeat the work blindly.',
  ].join('\n')
}

function noTaskText({ id, types }: ClientWorker): string {
  const wanted = types === null ? 'any type' : types.join(', ')
  return `No task is ready for worker ${quote(id)} (${wanted}). Call task_claim with waitMs (at most ${callWaitMsMax}) to wait for one; task_list shows what there is.`
}
