/**
 * The manager's locks of tasks: which it holds, what they guard, and when a write renews one. Knows nothing of how a lock is
 * taken (`src/runtime/locks.ts`).
 *
 * - K1 while `<task>/lock` is held, every write of this manager below the task is guarded by it, but for `record` and `lock`
 * - K2 a lock that was lost goes on refusing writes until it is released or taken again
 */
import type { Keys } from '../domain/key.ts'
import type { HeldLock, Locks } from '../runtime/locks.ts'

export interface TaskLockOptions {
  /** Milliseconds to wait for the lock. Default 0: an answer at once. */
  readonly waitMs?: number
  /** Renews by a timer until it is released. Default false: guarded writes renew it. */
  readonly autoRenew?: boolean
  readonly signal?: AbortSignal
}

interface Taken {
  readonly lock: HeldLock
  readonly leaseMs: number
}

/** A guarded write renews the lock when so much of the lease is gone. */
const renewAfterShare = 1 / 3

export class TaskLocks {
  readonly #locks: Pick<Locks, 'acquire'>
  readonly #keys: Keys
  readonly #lost: (taskId: string, epoch: number) => void
  readonly #takenByTask = new Map<string, Taken>()

  constructor(locks: Pick<Locks, 'acquire'>, keys: Keys, lost: (taskId: string, epoch: number) => void) {
    this.#locks = locks
    this.#keys = keys
    this.#lost = lost
  }

  async acquire(taskId: string, leaseMs: number, options: TaskLockOptions): Promise<boolean> {
    const lock = await this.#locks.acquire(this.#keys.task(taskId, 'lock'), { leaseMs, ...options })
    if (lock === null) return false
    this.#takenByTask.set(taskId, { lock, leaseMs })
    lock.signal.addEventListener('abort', () => this.#lost(taskId, lock.epoch), { once: true })
    return true
  }

  /** The epoch while the lock is held, else null. */
  epoch(taskId: string): number | null {
    const lock = this.#takenByTask.get(taskId)?.lock
    return lock?.isHeld === true ? lock.epoch : null
  }

  /** @returns false when it was not held, or not any more. */
  async release(taskId: string): Promise<boolean> {
    const taken = this.#takenByTask.get(taskId)
    this.#takenByTask.delete(taskId)
    if (taken === undefined) return false
    const wasHeld = taken.lock.isHeld
    await taken.lock.release()
    return wasHeld
  }

  /** The lock that guards a write of `key`, if one does. */
  guarding(key: string): HeldLock | undefined {
    if (this.#takenByTask.size === 0) return undefined
    const taskId = this.taskOf(key)
    return taskId === null ? undefined : this.#takenByTask.get(taskId)?.lock
  }

  /** After a guarded write was sent. */
  wrote(key: string): void {
    const taskId = this.taskOf(key)
    const taken = taskId === null ? undefined : this.#takenByTask.get(taskId)
    if (taken === undefined || !taken.lock.isHeld) return
    // What comes of it is told by the lock's signal.
    if (taken.lock.leaseLeftMs() < taken.leaseMs * (1 - renewAfterShare)) void taken.lock.renew().catch(() => {})
  }

  async releaseAll(): Promise<void> {
    await Promise.allSettled([...this.#takenByTask.keys()].map((taskId) => this.release(taskId)))
  }

  /** The task below which `key` lies, unless the key has rules of its own. */
  taskOf(key: string): string | null {
    const prefix = `${this.#keys.namespace}/tasks/`
    if (!key.startsWith(prefix)) return null
    const [taskId, ...document] = key.slice(prefix.length).split('/')
    if (taskId === undefined || document.length === 0) return null
    if (document.length === 1 && (document[0] === 'record' || document[0] === 'lock')) return null
    return taskId
  }
}
