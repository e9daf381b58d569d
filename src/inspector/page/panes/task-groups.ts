/** The groups that tasks are listed in, and what they and their statuses are called. Pure. */
import type { TaskLists, TaskRowStatus } from '../model/selectors.ts'
import type { Tone } from '../ui/state-text.ts'

export interface TaskGroup {
  readonly name: 'all' | 'processing' | 'queue' | 'backingOff' | 'blocked' | 'deadLetters' | 'ended' | 'takenOver'
  readonly label: string
  readonly tone: Tone
  /** What would fill it. */
  readonly whenEmpty: string
}

export const taskGroups: readonly TaskGroup[] = [
  { name: 'all', label: 'All', tone: 'plain', whenEmpty: 'Every task that is submitted is listed here.' },
  {
    name: 'queue',
    label: 'Queue',
    tone: 'waiting',
    whenEmpty: 'Tasks that are ready and wait for a worker with room, in the order in which they will be claimed.',
  },
  {
    name: 'processing',
    label: 'Running',
    tone: 'active',
    whenEmpty: 'Tasks that a worker has claimed, with what is left of its lease.',
  },
  {
    name: 'backingOff',
    label: 'Backing off',
    tone: 'waiting',
    whenEmpty: 'Tasks that wait for a time: a delay that was asked for, or the pause after a failed attempt.',
  },
  {
    name: 'blocked',
    label: 'Blocked',
    tone: 'waiting',
    whenEmpty: 'Tasks that wait for other tasks: those submitted with dependsOn.',
  },
  {
    name: 'deadLetters',
    label: 'Dead letters',
    tone: 'bad',
    whenEmpty: 'Tasks whose attempts have all failed. They can be replayed from here.',
  },
  { name: 'ended', label: 'Ended', tone: 'good', whenEmpty: 'Tasks that were completed or cancelled.' },
  {
    name: 'takenOver',
    label: 'Taken over',
    tone: 'waiting',
    whenEmpty: 'Tasks of every status whose worker was lost while it had them: its lease was over, and the task was taken back.',
  },
]

/** How a status is called, and in which colour. */
export const statusLooks: Readonly<Record<TaskRowStatus, { readonly text: string; readonly tone: Tone }>> = {
  pending: { text: 'ready', tone: 'waiting' },
  processing: { text: 'running', tone: 'active' },
  backingOff: { text: 'backing off', tone: 'waiting' },
  blocked: { text: 'blocked', tone: 'waiting' },
  completed: { text: 'completed', tone: 'good' },
  failed: { text: 'failed', tone: 'bad' },
  cancelled: { text: 'cancelled', tone: 'rest' },
}

/** Place in the queue, from 1, by id. */
export function placesOf({ queue }: Pick<TaskLists, 'queue'>): ReadonlyMap<string, number> {
  return new Map(queue.map(({ id }, index) => [id, index + 1]))
}
