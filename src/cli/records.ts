/** Reads task records as they lie in memory, minding that others can write anything there, and judges who could take a task. */
import { isTaskRecord, type TaskRecord } from '../domain/task-record.ts'
import type { WorkerView } from '../wire/worker-documents.ts'
import type { Session } from './session.ts'

export interface UnreadableRecord {
  readonly key: string
}

/** Every task record, in key order; what lies at a record's key and is none comes as its key alone. */
export async function* readRecords({ runtime, keys }: Session): AsyncGenerator<TaskRecord | UnreadableRecord> {
  for await (const { key, value } of runtime.memory.list(keys.allTaskRecords)) {
    yield isTaskRecord(value) ? value : { key }
  }
}

export function isReadable(record: TaskRecord | UnreadableRecord): record is TaskRecord {
  return 'id' in record
}

/** Whether it takes new tasks of the type. */
export function takes(worker: WorkerView, type: string | null): boolean {
  const isWorking = worker.isAlive && worker.state === 'active'
  return isWorking && type !== null && (worker.types === null || worker.types.includes(type))
}
