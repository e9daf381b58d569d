/**
 * One run of the job: submits every task, waits for every result, and puts the finished index together. It sees the workers
 * through the shared memory only. Knows neither the command line nor what the result is compared with.
 */
import type { Runtime } from 'memory-sync'
import type { Board } from './board.ts'
import type { Crew } from './crew.ts'
import { type Killed, killHalfWay } from './kill.ts'
import type { Result } from './plain-run.ts'
import type { Plan } from './plan.ts'
import { type Index, merged, type TextFacts } from './text-index.ts'

export interface JobParts {
  readonly plan: Plan
  readonly runtime: Runtime
  readonly crew: Crew
  readonly board: Board
  /** Whether a worker is to be killed half-way. */
  readonly kill: boolean
  note(text: string): void
}

export interface JobOutcome extends Result {
  readonly killed: Killed | null
  readonly durationMs: number
}

/** @throws `task_failed` when a task has failed for good. */
export async function runJob({ plan, runtime, crew, board, kill, note }: JobParts): Promise<JobOutcome> {
  const total = plan.fileTasks.length + plan.mergeTasks.length
  // A memory that cannot be opened is told once, not by every process.
  await runtime.ready()
  await Promise.all([crew.start('worker-a'), crew.start('worker-b')])
  const startedMs = performance.now()
  const fileTasks = await Promise.all(plan.fileTasks.map((task) => runtime.submit(task)))
  const mergeTasks = await Promise.all(plan.mergeTasks.map((task) => runtime.submit(task)))
  const killing = kill ? killHalfWay(runtime, crew, board, total, note) : Promise.resolve(null)
  const [facts] = await Promise.all([
    Promise.all(fileTasks.map((task) => task.result<TextFacts>())),
    Promise.all(mergeTasks.map((task) => task.result())),
  ])
  const durationMs = performance.now() - startedMs
  // A result may be known here before the board has seen its record.
  await board.until(() => board.ended >= total)
  const parts = await Promise.all(plan.indexKeys.map((key) => runtime.memory.get<Index>(key)))
  return { facts, index: merged(parts.map((part) => part ?? [])), killed: await killing, durationMs }
}
