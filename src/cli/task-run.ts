/**
 * One file's tasks from submission to their last result: counts, and tells each end once. Knows the runtime's public calls
 * and neither streams nor signals.
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { TaskHandle } from '../runtime/tasks.ts'
import type { TaskLine } from './task-file.ts'

/** Submissions that wait for their commit at once. */
export const submissionsInFlightMax = 256

export type TaskEnd =
  | { readonly id: string; readonly type: string; readonly status: 'completed'; readonly output: Json }
  | {
      readonly id: string
      readonly type: string
      readonly status: 'failed' | 'cancelled'
      readonly error: { readonly name: string; readonly message: string }
    }

export class TaskRun {
  readonly #runtime: Runtime
  readonly #lines: readonly TaskLine[]
  readonly #handles: (TaskHandle | undefined)[]
  #submitted = 0
  #existing = 0
  #ended = 0
  #notCompleted = 0

  constructor(runtime: Runtime, lines: readonly TaskLine[]) {
    this.#runtime = runtime
    this.#lines = lines
    this.#handles = new Array(lines.length)
  }

  get total(): number {
    return this.#lines.length
  }

  get submitted(): number {
    return this.#submitted
  }

  /** Ids that the store had before: those tasks were not submitted again. */
  get existing(): number {
    return this.#existing
  }

  get ended(): number {
    return this.#ended
  }

  /** Failed or cancelled. */
  get notCompleted(): number {
    return this.#notCompleted
  }

  /** The longest id. */
  get idWidth(): number {
    return this.#handles.reduce((width, handle) => Math.max(width, handle?.id.length ?? 0), 0)
  }

  /** In the order of the lines. Settles when all are committed, or none is submitted any more after `signal`. */
  async submit(signal: AbortSignal): Promise<void> {
    let next = 0
    let isOver = false
    const lane = async (): Promise<void> => {
      while (!isOver && !signal.aborted && next < this.#lines.length) {
        const index = next++
        try {
          await this.#submitOne(index)
        } catch (thrown) {
          isOver = true
          throw thrown
        }
      }
    }
    await Promise.all(Array.from({ length: submissionsInFlightMax }, lane))
  }

  async #submitOne(index: number): Promise<void> {
    const spec = this.#lines[index]?.spec
    if (spec === undefined) return
    const handle = await this.#runtime.submit(spec)
    this.#handles[index] = handle
    this.#submitted++
    // A random id is nobody else's.
    if (spec.id === undefined) return
    const record = await handle.record()
    if (record !== null && record.enqueued[2] !== this.#runtime.workerId) this.#existing++
  }

  /**
   * Calls `tell` with each task's end, as they come. Settles when all have ended, or the runtime was shut down.
   *
   * @throws whatever keeps a result from being known
   */
  async results(tell: (end: TaskEnd) => Promise<void>): Promise<void> {
    await Promise.all(this.#handles.map((handle, index) => handle && this.#resultOf(handle, index, tell)))
  }

  async #resultOf(handle: TaskHandle, index: number, tell: (end: TaskEnd) => Promise<void>): Promise<void> {
    const type = this.#lines[index]?.spec.type ?? ''
    const end = await endOf(handle, type)
    if (end === null) return
    this.#ended++
    if (end.status !== 'completed') this.#notCompleted++
    await tell(end)
  }
}

/** null: shut down before it ended. */
async function endOf(handle: TaskHandle, type: string): Promise<TaskEnd | null> {
  const { id } = handle
  try {
    return { id, type, status: 'completed', output: await handle.result() }
  } catch (thrown) {
    if (!(thrown instanceof MemorySyncError)) throw thrown
    const { code, cause, message } = thrown
    if (code === 'closed') return null
    if (code === 'aborted') return { id, type, status: 'cancelled', error: { name: 'cancelled', message } }
    if (code !== 'task_failed') throw thrown
    const name = cause instanceof Error ? cause.name : 'Error'
    return { id, type, status: 'failed', error: { name, message: messageOf(cause) } }
  }
}
