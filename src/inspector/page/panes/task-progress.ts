/** How far a task's handler says it has come. Pure. */
import { defaultNamespace, keysOf } from '../../../domain/key.ts'
import { isEnded } from '../../../domain/task-record.ts'
import type { TaskRow } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'

export interface TaskProgress {
  readonly percent: number
  /** Empty: nothing was said beside the number. */
  readonly note: string
}

/** `unheard`: none was reported. null: the task has ended, and what it said last on its way says nothing of that. */
export function progressOf(
  { entries, namespace }: Pick<SessionState, 'entries' | 'namespace'>,
  { id, record }: Pick<TaskRow, 'id' | 'record'>,
): TaskProgress | 'unheard' | null {
  if (isEnded(record)) return null
  const value = entries.get(keysOf(namespace || defaultNamespace).task(id, 'progress'))?.current.entry.value
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return 'unheard'
  const { progress, status } = value as { readonly progress?: unknown; readonly status?: unknown }
  return typeof progress === 'number' ? { percent: progress, note: typeof status === 'string' ? status : '' } : 'unheard'
}
