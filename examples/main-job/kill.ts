/**
 * The accident: kills a worker process that has tasks in its hands, and finds out from the shared memory which these were.
 * Touches no task: that others finish them is what the job shows.
 */
import type { Runtime, TaskRecord } from 'memory-sync'
import type { Board } from './board.ts'
import type { Crew } from './crew.ts'

/** A worker may have ended its tasks just before the signal reached it; then the next one is tried. */
const killsMax = 3

export interface Killed {
  readonly worker: string
  readonly tasks: readonly string[]
}

/** Settles when a worker died with tasks in its hands; null when there was none to be caught before the job's end. */
export async function killHalfWay(
  runtime: Runtime,
  crew: Crew,
  board: Board,
  total: number,
  note: (text: string) => void,
): Promise<Killed | null> {
  const third = board.ended + Math.ceil((total - board.ended) / 3)
  for (let kills = 0; kills < killsMax; kills++) {
    const busiest = (): string | undefined =>
      crew.ids
        .map((id) => ({ id, held: board.heldBy(id).length }))
        .sort((a, b) => b.held - a.held)
        .find(({ held }) => held > 0)?.id
    await board.until(() => board.ended >= total || (board.ended >= third && busiest() !== undefined))
    const worker = busiest()
    if (board.ended >= total || worker === undefined) break
    await crew.kill(worker)
    const tasks = await heldInMemoryBy(runtime, worker)
    if (tasks.length > 0) {
      note(`killed ${worker} with ${tasks.length} tasks in its hands`)
      return { worker, tasks }
    }
    note(`killed ${worker}, which had ended all its tasks just before; the next one follows`)
  }
  note('no worker was killed: none was caught at work before the end')
  return null
}

/** The dead do not write: what the memory says now stays so until the lease is over. */
async function heldInMemoryBy(runtime: Runtime, worker: string): Promise<string[]> {
  const held: string[] = []
  for await (const { value } of runtime.memory.list('task-sentinel/tasks/*/record')) {
    const { id, status, owner } = value as TaskRecord
    if (status === 'processing' && owner === worker) held.push(id)
  }
  return held
}
