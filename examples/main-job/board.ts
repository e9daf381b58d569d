/**
 * What the shared memory says about the job's tasks: the newest record of each, by whichever process it was written. Reads
 * only, and shows nothing itself.
 */
import type { Memory, TaskRecord, TaskStatus } from 'memory-sync'

export interface Takeover {
  readonly task: string
  readonly from: string
  /** Who has it now, or ended it. */
  readonly to: string | null
  readonly attempts: number
}

export class Board {
  readonly #memory: Memory
  readonly #prefix: string
  readonly #records = new Map<string, TaskRecord>()
  readonly #counts: Record<TaskStatus, number> = { pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 }
  readonly #listeners = new Set<(record: TaskRecord, before: TaskRecord | undefined) => void>()
  readonly #end = new AbortController()

  /** @param job Tasks whose ids begin with it are on the board. */
  constructor(memory: Memory, job: string) {
    this.#memory = memory
    this.#prefix = `${job}-`
  }

  /** Follows the memory until `close`. Rejects when that fails. */
  async follow(): Promise<void> {
    for await (const event of this.#memory.watch('task-sentinel/tasks/*/record', { signal: this.#end.signal })) {
      if (event.type !== 'set') continue
      const record = event.value as TaskRecord
      if (!record.id.startsWith(this.#prefix)) continue
      const before = this.#records.get(record.id)
      this.#records.set(record.id, record)
      this.#counts[record.status]++
      if (before !== undefined) this.#counts[before.status]--
      for (const listener of [...this.#listeners]) listener(record, before)
    }
  }

  close(): void {
    this.#end.abort()
  }

  onChange(listener: (record: TaskRecord, before: TaskRecord | undefined) => void): void {
    this.#listeners.add(listener)
  }

  /** Settles as soon as `holds`; it is asked again after every change. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  get records(): readonly TaskRecord[] {
    return [...this.#records.values()]
  }

  get counts(): Readonly<Record<TaskStatus, number>> {
    return this.#counts
  }

  get ended(): number {
    return this.#counts.completed + this.#counts.failed + this.#counts.cancelled
  }

  /** Tasks that a worker has in its hands. */
  heldBy(worker: string): string[] {
    return this.records.filter(({ status, owner }) => status === 'processing' && owner === worker).map(({ id }) => id)
  }

  get takeovers(): Takeover[] {
    return this.records.flatMap(({ id, owner = null, attempts, takeovers = [] }) =>
      takeovers.map(({ worker }) => ({ task: id, from: worker, to: owner, attempts })),
    )
  }
}
