/** `runtime.queue`: what waits, what failed, and running it again. Reads records; the order is the record's own. */
import { compareInQueue, type TaskRecord } from '../domain/task-record.ts'
import type { Sweeper } from './sweeper.ts'
import type { DeadLetterTask, TaskHandle, Tasks } from './tasks.ts'

/** Pending tasks that {@link QueueSnapshot} names. */
export const queueShownMax = 100

export interface QueueSnapshot {
  readonly pending: number
  readonly processing: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** The first pending ones in queue order, blocked and delayed ones among them; at most {@link queueShownMax}. */
  readonly next: readonly { readonly id: string; readonly type: string | null; readonly priority: number }[]
}

export class Queue {
  readonly #tasks: Tasks
  readonly #sweeper: Sweeper
  readonly #ready: () => Promise<void>

  constructor(tasks: Tasks, sweeper: Sweeper, ready: () => Promise<void>) {
    this.#tasks = tasks
    this.#sweeper = sweeper
    this.#ready = ready
  }

  /** Counts, and what comes next; reads all records. */
  async view(): Promise<QueueSnapshot> {
    const counts = { pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 }
    let next: Pick<TaskRecord, 'id' | 'type' | 'priority' | 'enqueued'>[] = []
    for await (const { record } of this.#tasks.records()) {
      counts[record.status]++
      if (record.status !== 'pending') continue
      const { id, type, priority, enqueued } = record
      next.push({ id, type, priority, enqueued })
      if (next.length >= queueShownMax * 20) next = next.sort(compareInQueue).slice(0, queueShownMax)
    }
    next = next.sort(compareInQueue).slice(0, queueShownMax)
    return { ...counts, next: next.map(({ id, type, priority }) => ({ id, type, priority })) }
  }

  /** Failed tasks, in key order. */
  deadLetters(): AsyncGenerator<DeadLetterTask> {
    return this.#tasks.deadLetters()
  }

  /**
   * An ended task goes to the end of the queue again, with all its attempts.
   *
   * @throws `invalid_key` when there is no such task, `conflict` when it has not ended
   */
  replay(id: string): Promise<TaskHandle> {
    return this.#tasks.replay(id)
  }

  /**
   * A pending task that is backing off after a failed attempt, or was submitted for a later time, may be claimed at once. Attempts stay.
   *
   * @throws `invalid_key` when there is no such task, `conflict` when it does not wait for its time
   */
  retryNow(id: string): Promise<TaskHandle> {
    return this.#tasks.retryNow(id)
  }

  /** Removes now what is past its retention, instead of at the next sweep. Returns how much that was. */
  async sweep(): Promise<number> {
    await this.#ready()
    return this.#sweeper.sweep()
  }
}
