/** Reads task records and workers' documents as they lie in memory, minding that others can write anything there. */

import { z } from 'zod'
import { isTaskRecord, type TaskRecord } from '../domain/task-record.ts'
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

export interface WorkerView {
  readonly id: string
  /** `active`, `draining`, `offline`, or what somebody else wrote. */
  readonly state: string
  /** Whether its heartbeat is there and has not expired. */
  readonly isAlive: boolean
  /** Since its newest heartbeat; null when there is none. By this machine's wall clock. */
  readonly heartbeatAgeMs: number | null
  /** Since its status was written. */
  readonly statusAgeMs: number
  readonly capacity: number | null
  /** null: any type. */
  readonly types: readonly string[] | null
}

const statusDocument = z.object({
  state: z.string().catch('unknown'),
  capacity: z.number().nullable().catch(null),
  types: z.array(z.string()).nullable().catch(null),
})

/** Workers by what they wrote about themselves, in order of their ids. */
export async function readWorkers({ runtime, keys }: Session, nowMs: number): Promise<WorkerView[]> {
  const prefix = keys.worker('', 'status').slice(0, -'/status'.length)
  const heartbeatMsById = new Map<string, number>()
  for await (const { key, entry } of runtime.memory.list(keys.worker('*', 'heartbeat'))) {
    heartbeatMsById.set(key.slice(prefix.length, -'/heartbeat'.length), entry.timestamp)
  }
  const workers: WorkerView[] = []
  for await (const { key, value, entry } of runtime.memory.list(keys.worker('*', 'status'))) {
    const id = key.slice(prefix.length, -'/status'.length)
    const heartbeatMs = heartbeatMsById.get(id)
    const { state, capacity, types } = statusDocument.parse(value !== null && typeof value === 'object' ? value : {})
    workers.push({
      id,
      state,
      isAlive: heartbeatMs !== undefined,
      heartbeatAgeMs: heartbeatMs === undefined ? null : Math.max(0, nowMs - heartbeatMs),
      statusAgeMs: Math.max(0, nowMs - entry.timestamp),
      capacity,
      types,
    })
  }
  return workers
}

/** Whether it takes new tasks of the type. */
export function takes(worker: WorkerView, type: string | null): boolean {
  const isWorking = worker.isAlive && worker.state === 'active'
  return isWorking && type !== null && (worker.types === null || worker.types.includes(type))
}
