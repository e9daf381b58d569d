/** The record of a task that was submitted, and no more. For tests of what is told about tasks. */
import type { TaskRecord } from '../../../src/domain/task-record.ts'

export const submitted: TaskRecord = {
  id: 'job',
  type: 'render',
  status: 'pending',
  input: null,
  priority: 0,
  enqueued: [1000, 0, 'alpha'],
  epoch: 0,
  attempts: 0,
  maxAttempts: 3,
}
