/**
 * What `status` says about a namespace, from its records and its workers' documents alone: counts, who works, and what looks
 * wrong. Decides nothing, reads nothing itself.
 */
import type { Moment } from '../domain/deadline.ts'
import { leaseLeftMs } from '../domain/lease.ts'
import type { TaskRecord } from '../domain/task-record.ts'
import type { WorkerView } from '../wire/worker-documents.ts'
import { isReadable, takes, type UnreadableRecord } from './records.ts'
import { count, formatDuration } from './table.ts'

/** Workers that are gone are shown for so long. */
export const goneShownMs = 3600 * 1000
/** Problems of one kind that are named one by one. */
const namedMax = 5

export interface WorkerRow extends WorkerView {
  /** Tasks that it owns now, by their records. */
  readonly running: number
}

export interface Overview {
  readonly queue: Readonly<Record<TaskRecord['status'], number>>
  readonly workers: readonly WorkerRow[]
  /** Workers that left or vanished longer than {@link goneShownMs} ago. */
  readonly workersNotShown: number
  readonly problems: readonly string[]
}

export class OverviewFold {
  readonly #counts = { pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 }
  readonly #runningByOwner = new Map<string, number>()
  readonly #pendingByType = new Map<string, number>()
  readonly #unreadable: string[] = []
  #leasesOver = 0

  add(record: TaskRecord | UnreadableRecord, now: Moment): void {
    if (!isReadable(record)) {
      if (this.#unreadable.length < namedMax) this.#unreadable.push(record.key)
      return
    }
    this.#counts[record.status]++
    if (record.status === 'pending' && record.type !== null) increment(this.#pendingByType, record.type)
    if (record.status !== 'processing') return
    increment(this.#runningByOwner, record.owner ?? '')
    if (record.lease !== undefined && leaseLeftMs(record.lease, now) === 0) this.#leasesOver++
  }

  end(workers: readonly WorkerView[]): Overview {
    const rows = workers.map((worker) => ({ ...worker, running: this.#runningByOwner.get(worker.id) ?? 0 }))
    const shown = rows.filter(
      (row) => row.isAlive || row.running > 0 || (row.state !== 'offline' && row.statusAgeMs < goneShownMs),
    )
    return {
      queue: { ...this.#counts },
      workers: shown,
      workersNotShown: rows.length - shown.length,
      problems: this.#problems(shown),
    }
  }

  #problems(workers: readonly WorkerRow[]): string[] {
    const problems: string[] = []
    const gone = workers.filter((worker) => !worker.isAlive && (worker.state !== 'offline' || worker.running > 0))
    for (const { id, running, statusAgeMs } of gone.slice(0, namedMax)) {
      const tasks = running === 0 ? '' : `; its ${count(running, 'task')} will be taken over when the leases are over`
      problems.push(`worker ${id} has no heartbeat any more, its last sign was ${formatDuration(statusAgeMs)} ago${tasks}`)
    }
    if (gone.length > namedMax) problems.push(`${gone.length - namedMax} more workers have no heartbeat any more`)
    if (this.#leasesOver > 0) {
      problems.push(`${count(this.#leasesOver, 'running task')} outlived the owner's lease and can be taken over by any worker`)
    }
    const idle = [...this.#pendingByType].filter(([type]) => !workers.some((worker) => takes(worker, type)))
    for (const [type, tasks] of idle.slice(0, namedMax)) {
      problems.push(
        `no worker takes the type ${JSON.stringify(type)}, of which ${count(tasks, 'task')} ${tasks === 1 ? 'is' : 'are'} pending`,
      )
    }
    if (idle.length > namedMax) problems.push(`no worker takes ${idle.length - namedMax} more types of pending tasks`)
    if (this.#counts.failed > 0) problems.push(`${count(this.#counts.failed, 'task')} failed: memory-sync dead-letters`)
    for (const key of this.#unreadable) problems.push(`what lies at ${key} is no task record and is ignored`)
    return problems
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
