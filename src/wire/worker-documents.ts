/**
 * What workers write about themselves, as others read it. Anybody can write there, so nothing of it is trusted. Decides nothing and
 * knows no store.
 */
import { z } from 'zod'
import type { Keys } from '../domain/key.ts'

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
  /** Tasks that it had when it wrote that. */
  readonly running: number | null
  readonly capacity: number | null
  /** null: any type. */
  readonly types: readonly string[] | null
}

const statusDocument = z.object({
  state: z.string().catch('unknown'),
  running: z.number().nullable().catch(null),
  capacity: z.number().nullable().catch(null),
  types: z.array(z.string()).nullable().catch(null),
})

/** The memory that the documents lie in: values that have neither expired nor been deleted, in key order. */
export interface WorkerMemory {
  list(
    pattern: string,
  ): AsyncIterable<{ readonly key: string; readonly value: unknown; readonly entry: { readonly timestamp: number } }>
}

/** Workers by what they wrote about themselves, in order of their ids. */
export async function readWorkers(memory: WorkerMemory, keys: Keys, nowMs: number): Promise<WorkerView[]> {
  const prefix = keys.worker('', 'status').slice(0, -'/status'.length)
  const heartbeatMsById = new Map<string, number>()
  for await (const { key, entry } of memory.list(keys.worker('*', 'heartbeat'))) {
    heartbeatMsById.set(key.slice(prefix.length, -'/heartbeat'.length), entry.timestamp)
  }
  const workers: WorkerView[] = []
  for await (const { key, value, entry } of memory.list(keys.worker('*', 'status'))) {
    const id = key.slice(prefix.length, -'/status'.length)
    const heartbeatMs = heartbeatMsById.get(id)
    workers.push({
      id,
      isAlive: heartbeatMs !== undefined,
      heartbeatAgeMs: heartbeatMs === undefined ? null : Math.max(0, nowMs - heartbeatMs),
      statusAgeMs: Math.max(0, nowMs - entry.timestamp),
      ...statusDocument.parse(value !== null && typeof value === 'object' ? value : {}),
    })
  }
  return workers
}
