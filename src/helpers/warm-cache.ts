/** Reads task states ahead of their use, so that the manager's cache holds them. Knows nothing of the cache itself. */
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId } from '../domain/key.ts'
import { eachBounded } from './bounded-each.ts'

/** What it needs of a manager. */
export interface TaskStateHost {
  getTaskState(taskId: string): Promise<unknown>
}

/** Reads under way at once: enough to keep a store across a network busy, few enough to leave room for others. */
export const warmingAtOnceMax = 64

/**
 * Loads the state of each task. More ids than the cache has room for push each other out again.
 *
 * @returns how many of the tasks have a state; an id that is given twice is read and counted once.
 * @throws `invalid_option`, `invalid_key`, or the first read's failure; no further read begins then.
 *
 * @example
 * const found = await warmCache(manager, ['task-1', 'task-2'])
 */
export async function warmCache(manager: TaskStateHost, taskIds: Iterable<string>): Promise<number> {
  // A text is iterable too, and would be taken for ids of one letter each.
  if (typeof taskIds !== 'object' || taskIds === null || !(Symbol.iterator in taskIds)) {
    throw new MemorySyncError('invalid_option', `warmCache takes an array of task ids, got ${quote(taskIds)}`)
  }
  const ids = new Set([...taskIds].map((id) => assertId(id, 'task id')))
  let found = 0
  await eachBounded(ids, warmingAtOnceMax, async (id) => {
    if ((await manager.getTaskState(id)) !== null) found++
  })
  return found
}
