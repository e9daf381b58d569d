/**
 * The shared queue as three calls. Reads the manager's queue document, changes a line and gives it back; who gets a task that
 * several want is decided behind `syncQueue`, which refuses a lost claim. Knows no records and no store.
 */
import { MemorySyncError } from '../domain/errors.ts'
import { assertId } from '../domain/key.ts'
import { systemRandom } from '../platform.ts'
import type { Random } from '../ports/random.ts'

/** What it needs of a manager. `syncQueue` takes the difference to what `getQueue` gave, and rejects lost claims with `claim_lost`. */
export interface QueueHost {
  getQueue(): Promise<{ pending: string[]; processing: string[] } | null>
  syncQueue(queue: { pending: string[]; processing: string[] }): Promise<void>
}

export interface TaskQueueOptions {
  /** Which task is tried after a lost claim. Default: the system's chance. */
  readonly random?: Random
}

/** Claims that one `dequeue` may lose before it gives up: each loss means that somebody else got a task. */
export const dequeueAttemptsMax = 16
/** After a lost claim any of so many tasks at the head is tried: those who lost together do not all meet again. */
export const dequeueCandidatesMax = 8

/** Two calls on one manager would read the same head and both take it for theirs, so they go one after the other. */
const lastDequeueByHost = new WeakMap<QueueHost, Promise<unknown>>()

/**
 * First in, first out; under contention the order is kept nearly, not strictly. No task is given to two callers, in this
 * process or another, while its claim lasts.
 *
 * @example
 * const queue = new TaskQueue(manager)
 * await queue.enqueue('task-1')
 * const taskId = await queue.dequeue()
 * if (taskId !== null) await queue.complete(taskId)
 */
export class TaskQueue {
  readonly #host: QueueHost
  readonly #random: Random

  constructor(queueHost: QueueHost, { random = systemRandom }: TaskQueueOptions = {}) {
    this.#host = queueHost
    this.#random = random
  }

  /**
   * Puts the task at the end; nothing happens when it waits already or is being worked on. Settles when that is committed.
   *
   * @throws `invalid_key`, and whatever the manager rejects with.
   */
  async enqueue(taskId: string): Promise<void> {
    assertId(taskId, 'task id')
    const queue = (await this.#host.getQueue()) ?? { pending: [], processing: [] }
    // In `pending` as well as in `processing` it would be asked for twice, or taken from whoever works on it.
    if (queue.pending.includes(taskId) || queue.processing.includes(taskId)) return
    queue.pending.push(taskId)
    await this.#host.syncQueue(queue)
  }

  /**
   * Claims the first waiting task for this manager. A task that somebody else got first is passed over for another one.
   *
   * @returns null when nothing waits, or all that did was taken by others meanwhile.
   * @throws `claim_lost` (retryable) after {@link dequeueAttemptsMax} lost claims, and whatever the manager rejects with.
   */
  dequeue(): Promise<string | null> {
    const before = lastDequeueByHost.get(this.#host) ?? Promise.resolve()
    const dequeued = before.then(() => this.#dequeueNow())
    // Whoever comes next waits for it to end, not for it to succeed.
    lastDequeueByHost.set(
      this.#host,
      dequeued.catch(() => {}),
    )
    return dequeued
  }

  /**
   * Takes a task that is being worked on off the queue; nothing happens when it is not. Any process may do that.
   *
   * @throws `invalid_key`, `claim_lost` when it was taken over meanwhile, and whatever else the manager rejects with.
   */
  async complete(taskId: string): Promise<void> {
    assertId(taskId, 'task id')
    const queue = await this.#host.getQueue()
    if (queue === null || !queue.processing.includes(taskId)) return
    queue.processing = queue.processing.filter((id) => id !== taskId)
    await this.#host.syncQueue(queue)
  }

  async #dequeueNow(): Promise<string | null> {
    const lost = new Set<string>()
    for (let attempt = 1; ; attempt++) {
      const queue = await this.#host.getQueue()
      if (queue === null) return null
      // A lost one that still seems to wait was handed back, or is seen late; the next call will know.
      const candidates = firstOf(queue.pending, dequeueCandidatesMax, (id) => !lost.has(id))
      const taskId = candidates[attempt === 1 ? 0 : Math.floor(this.#random.next() * candidates.length)]
      if (taskId === undefined) return null
      queue.pending.splice(queue.pending.indexOf(taskId), 1)
      queue.processing.push(taskId)
      try {
        await this.#host.syncQueue(queue)
        return taskId
      } catch (error) {
        if (!(error instanceof MemorySyncError) || error.code !== 'claim_lost') throw error
        // It names what was lost; all else of the document has taken effect.
        if ('lost' in error && Array.isArray(error.lost) && !error.lost.includes(taskId)) return taskId
        if (attempt >= dequeueAttemptsMax) throw error
        lost.add(taskId)
      }
    }
  }
}

function firstOf(ids: readonly string[], max: number, isWanted: (id: string) => boolean): string[] {
  const found: string[] = []
  for (const id of ids) {
    if (found.length === max) break
    if (isWanted(id)) found.push(id)
  }
  return found
}
