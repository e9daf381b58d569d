/**
 * The worker tools: a client as a worker that others see, its heartbeat by which it keeps what it holds, its leaving, and who works in
 * this namespace at all.
 */
import { z } from 'zod'
import { messageOf } from '../../domain/errors.ts'
import { readWorkers } from '../../wire/worker-documents.ts'
import { workerCapacityMax } from '../client-workers.ts'
import { type Holding, holdingsOf, type Leased } from '../holdings.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'
import { typesMax } from './claims.ts'

/** Workers that one worker_list shows. */
export const workersShownMax = 1000

const types = z.array(z.string()).nullable().describe('null: any type.')
const worker = z.object({ id: z.string(), capacity: z.int(), types })
const held = z.object({ id: z.string(), epoch: z.int(), leaseMs: z.number(), leaseLeftMs: z.number() })

export function registerWorkerTools(tools: Toolbox, context: ToolContext): void {
  const { runtime, keys, clock } = context
  const holdings = holdingsOf(context)

  tools.add({
    name: 'worker_register',
    title: 'Register as a worker',
    description:
      'Makes you a worker that others see: worker_list shows it, and it takes tasks of these types (default: any) when you call task_claim, at most `capacity` at once. Not needed before task_claim, which registers you by itself; use it to choose id, types and capacity, or to begin anew after worker_drain. The same call again changes nothing. It leaves when you disconnect or call worker_drain.',
    input: {
      id: z.string().optional().describe('Default: made of your name.'),
      capacity: z.int().min(1).max(workerCapacityMax).default(1),
      types: z.array(z.string()).min(1).max(typesMax).optional(),
    },
    output: worker.shape,
    annotations: { idempotentHint: true },
    subjectOf: ({ id }) => id ?? holdings.label,
    async run({ id, capacity, types = null }) {
      await runtime.ready()
      return { structured: workerAnswer(holdings.workers.register({ id, capacity, types })) }
    },
  })

  tools.add({
    name: 'worker_heartbeat',
    title: 'Renew all that you hold',
    description:
      'Begins the leases of all tasks and locks that you hold anew, and says what that is and how long each is yours. Call it well before the shortest lease is over, again and again while you work. What is in `lost` is not yours any more: stop working on it. What is in `notRenewed` is still yours for leaseLeftMs: call again in a moment.',
    input: {},
    output: {
      workers: z.array(worker),
      tasks: z.array(held),
      locks: z.array(held).describe('Their id is their name.'),
      lost: z.array(z.object({ kind: z.enum(['task', 'lock']), id: z.string(), epoch: z.int(), reason: z.string() })),
      notRenewed: z.array(z.object({ kind: z.enum(['task', 'lock']), id: z.string(), reason: z.string() })),
    },
    annotations: { idempotentHint: true },
    subjectOf: () => holdings.label,
    async run() {
      await runtime.ready()
      const [tasks, locks] = await Promise.all([
        renewAll('task', holdings.claims, (_, claim) => holdings.forgetClaim(claim)),
        renewAll('lock', holdings.locks, (name, lock) => holdings.forgetLock(name, lock)),
      ])
      return {
        structured: {
          workers: holdings.workers.all.map(workerAnswer),
          tasks: tasks.held,
          locks: locks.held,
          lost: [...tasks.lost, ...locks.lost],
          notRenewed: [...tasks.notRenewed, ...locks.notRenewed],
        },
      }
    },
  })

  tools.add({
    name: 'worker_drain',
    title: 'Take no more tasks',
    description:
      'Ends your part as a worker: you take no more tasks, and those that you hold go back to the queue at once, their attempts not counted. keep: true lets you end them first: go on with task_progress, task_complete and task_fail; the worker leaves with the last one. Locks stay yours until lock_release. Call it before you go away. To begin anew: worker_register.',
    input: { keep: z.boolean().default(false) },
    output: {
      drained: z.array(worker),
      handedBack: z.array(z.string()),
      kept: z.array(z.string()).describe('Tasks that you still hold.'),
    },
    annotations: { idempotentHint: true },
    subjectOf: () => holdings.label,
    async run({ keep }) {
      const drained = holdings.workers.drain().map(workerAnswer)
      const handedBack: string[] = []
      if (!keep) {
        const claims = [...holdings.claims.values()].filter(({ held, isEnding }) => held.isHeld && !isEnding)
        const outcomes = await Promise.allSettled(claims.map((claim) => claim.end(() => claim.held.release())))
        for (const [index, claim] of claims.entries()) {
          // One that was lost meanwhile is with somebody else, or will be.
          if (outcomes[index]?.status !== 'fulfilled') continue
          holdings.forgetClaim(claim)
          handedBack.push(claim.held.id)
        }
      }
      const kept = [...holdings.claims].filter(([, { held }]) => held.isHeld).map(([id]) => id)
      return { structured: { drained, handedBack, kept } }
    },
  })

  tools.add({
    name: 'worker_list',
    title: 'List workers',
    description:
      'Lists the workers of this memory, of all processes and clients: state (active, draining, offline), isAlive (its heartbeat has not expired), how many tasks it has and could have, and the types it takes (null: any). Use it to see who would take a task of some type. Those that left are shown with includeOffline; notShown counts what was left out.',
    input: { includeOffline: z.boolean().default(false) },
    output: {
      workers: z.array(
        z.object({
          id: z.string(),
          state: z.string(),
          isAlive: z.boolean(),
          heartbeatAgeMs: z.number().nullable(),
          statusAgeMs: z.number(),
          running: z.number().nullable(),
          capacity: z.number().nullable(),
          types,
        }),
      ),
      notShown: z.int(),
    },
    async run({ includeOffline }) {
      const all = await readWorkers(runtime.memory, keys, clock.wallMs())
      const workers = all
        .filter(({ isAlive, state }) => includeOffline || isAlive || state !== 'offline')
        .slice(0, workersShownMax)
        .map(({ types, ...told }) => ({ ...told, types: types === null ? null : [...types] }))
      return { structured: { workers, notShown: all.length - workers.length } }
    },
  })
}

function workerAnswer({ id, capacity, types }: { id: string; capacity: number; types: readonly string[] | null }) {
  return { id, capacity, types: types === null ? null : [...types] }
}

/** What is lost is told once and forgotten. */
async function renewAll<Kind extends 'task' | 'lock', Held extends Leased>(
  kind: Kind,
  holdingById: ReadonlyMap<string, Holding<Held>>,
  forget: (id: string, holding: Holding<Held>) => void,
) {
  const kept: z.output<typeof held>[] = []
  const lost: { kind: Kind; id: string; epoch: number; reason: string }[] = []
  const notRenewed: { kind: Kind; id: string; reason: string }[] = []
  await Promise.all(
    [...holdingById].map(async ([id, holding]) => {
      const { held } = holding
      if (holding.isEnding) return
      const failure = await holding.renew().then(
        () => null,
        (thrown: unknown) => messageOf(thrown),
      )
      const { epoch, leaseMs } = held
      if (held.isHeld) kept.push({ id, epoch, leaseMs, leaseLeftMs: held.leaseLeftMs() })
      if (held.isHeld && failure !== null) notRenewed.push({ kind, id, reason: failure })
      if (held.isHeld || holding.isEnding) return
      lost.push({ kind, id, epoch, reason: failure ?? 'its lease was over before the renewal was committed' })
      forget(id, holding)
    }),
  )
  return { held: kept, lost, notRenewed }
}
