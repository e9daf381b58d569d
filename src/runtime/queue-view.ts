/**
 * What a dispatcher knows of the queue: which tasks are ready and in what order, which wait for a time, for other tasks,
 * or for their owner's lease. A bounded view of the records, filled by a scan and kept by the feed. Knows no store.
 *
 * - Q1 at most {@link readyMax} ready tasks, of each type the first in queue order; what does not fit is on disk,
 *   `isPartial` says so
 * - Q2 an older revision of a record never replaces a newer one
 */
import type { Moment } from '../domain/deadline.ts'
import { deadlineLeftMs } from '../domain/deadline.ts'
import { Heap, type HeapItem } from '../domain/heap.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import { compareInQueue, isEnded, type TaskRecord } from '../domain/task-record.ts'

export const readyMax = 10_000
/** Tasks that wait for a time, or for other tasks, or for a lease; each kind. */
export const waitingMax = 10_000

export interface QueuedTask extends HeapItem {
  readonly id: string
  readonly type: string | null
  readonly priority: number
  readonly enqueued: TaskRecord['enqueued']
  readonly revision: number
  place: 'ready' | 'timed' | 'blocked'
  /** Monotonic milliseconds at which a timed one is looked at again. */
  dueMs: number
  /** What a timed one waits for. */
  readonly waits: 'delay' | 'lease' | null
  /** Dependencies not known to have completed. */
  readonly unmet: Set<string> | null
}

export class QueueView {
  readonly #taskById = new ShortLivedMap<string, QueuedTask>()
  readonly #readyByType = new ShortLivedMap<string | null, QueuedTask[]>()
  readonly #timed = new Heap<QueuedTask>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.id < b.id))
  readonly #dependents = new ShortLivedMap<string, Set<string>>()
  #ready = 0
  #blocked = 0
  /** Types of which some ready tasks did not fit. */
  readonly #partialTypes = new Set<string | null>()
  #isBlockedLeftOut = false
  /** When the first of the timed tasks is due that did not fit. */
  #horizonMs = Number.POSITIVE_INFINITY

  get readyCount(): number {
    return this.#ready
  }

  get size(): number {
    return this.#taskById.size
  }

  /** Something did not fit: a scan is needed when the view has drained. */
  get isPartial(): boolean {
    return this.#partialTypes.size > 0 || this.#isBlockedLeftOut || this.#horizonMs < Number.POSITIVE_INFINITY
  }

  /** Whether a scan would find something that there is room for, ready tasks of these types (null: of any) among it. */
  wantsScan(types: readonly string[] | null, takesUntyped = false): boolean {
    if (this.#isBlockedLeftOut && this.#blocked < waitingMax / 4) return true
    const enough = readyMax / 4 / Math.max(1, this.#readyByType.size)
    for (const type of this.#partialTypes) {
      const isWanted = type === null ? takesUntyped : types === null || types.includes(type)
      if (isWanted && (this.#readyByType.get(type)?.length ?? 0) < enough) return true
    }
    return false
  }

  /** Tasks that may be taken before a scan has ended: they come before all that it can find. */
  get knownFirst(): number {
    let known = this.#ready
    for (const type of this.#partialTypes) known = Math.min(known, this.#readyByType.get(type)?.length ?? 0)
    return known
  }

  /** Whether timed tasks that did not fit are due. */
  isScanDue(nowMs: number): boolean {
    return this.#horizonMs <= nowMs
  }

  /** Before a scan: what it finds is all there is. */
  beginScan(): void {
    this.#partialTypes.clear()
    this.#isBlockedLeftOut = false
    this.#horizonMs = Number.POSITIVE_INFINITY
  }

  get(id: string): QueuedTask | undefined {
    return this.#taskById.get(id)
  }

  /** @param leaseLeftMs of a record that is being processed. @returns the task if it is in the view now. */
  put(record: TaskRecord, revision: number, now: Moment, leaseLeftMs: number): QueuedTask | undefined {
    const known = this.#taskById.get(record.id)
    if (known !== undefined) {
      if (known.revision > revision) return known
      this.remove(record.id)
    }
    if (isEnded(record)) return undefined
    const task = classify(record, revision, now, leaseLeftMs)
    return this.#place(task) ? task : undefined
  }

  remove(id: string): void {
    const task = this.#taskById.get(id)
    if (task === undefined) return
    this.#taskById.delete(id)
    if (task.place === 'timed') this.#timed.remove(task)
    else if (task.place === 'blocked') this.#forgetDependencies(task)
    else this.#removeReady(task)
  }

  /** Takes the first ready task of these types (null: of any; tasks without a type only if asked for) out of the view. */
  take(types: readonly string[] | null, takesUntyped = false): QueuedTask | undefined {
    let first: QueuedTask | undefined
    for (const type of types ?? this.#readyByType.keys()) {
      if (type === null && !takesUntyped) continue
      const head = this.#readyByType.get(type)?.at(-1)
      if (head !== undefined && (first === undefined || compareInQueue(head, first) < 0)) first = head
    }
    if (first !== undefined) this.remove(first.id)
    return first
  }

  /** Tasks that wait for this one. */
  dependentsOf(id: string): QueuedTask[] {
    const tasks: QueuedTask[] = []
    for (const dependent of this.#dependents.get(id) ?? []) {
      const task = this.#taskById.get(dependent)
      if (task !== undefined) tasks.push(task)
    }
    return tasks
  }

  /** A dependency completed. @returns whether the task is ready now. */
  meet(task: QueuedTask, dependency: string): boolean {
    if (task.place !== 'blocked' || task.unmet === null) return false
    task.unmet.delete(dependency)
    const dependents = this.#dependents.get(dependency)
    dependents?.delete(task.id)
    if (dependents?.size === 0) this.#dependents.delete(dependency)
    if (task.unmet.size > 0) return false
    this.remove(task.id)
    return this.#place({ ...task, place: 'ready', unmet: null })
  }

  /** Milliseconds (monotonic) at which the first timed task is due, in the view or out of it. */
  get nextDueMs(): number | null {
    const dueMs = Math.min(this.#timed.peek()?.dueMs ?? Number.POSITIVE_INFINITY, this.#horizonMs)
    return dueMs === Number.POSITIVE_INFINITY ? null : dueMs
  }

  /**
   * Timed tasks that are due: delayed ones become ready. Given to the caller are those whose lease is over, and those that
   * are blocked from now on: nobody has followed their dependencies so far.
   */
  popDue(nowMs: number): QueuedTask[] {
    const due: QueuedTask[] = []
    for (;;) {
      const first = this.#timed.peek()
      if (first === undefined || first.dueMs > nowMs) return due
      this.remove(first.id)
      if (first.waits === 'lease') {
        due.push(first)
      } else if (first.unmet !== null) {
        const blocked: QueuedTask = { ...first, place: 'blocked', waits: null }
        if (this.#place(blocked)) due.push(blocked)
      } else {
        this.#place({ ...first, place: 'ready', waits: null })
      }
    }
  }

  #place(task: QueuedTask): boolean {
    if (task.place === 'ready') return this.#insertReady(task)
    if (task.place === 'timed') return this.#insertTimed(task)
    if (this.#blocked >= waitingMax) {
      this.#isBlockedLeftOut = true
      return false
    }
    this.#taskById.set(task.id, task)
    this.#blocked++
    for (const dependency of task.unmet ?? []) {
      const dependents = this.#dependents.get(dependency)
      if (dependents === undefined) this.#dependents.set(dependency, new Set([task.id]))
      else dependents.add(task.id)
    }
    return true
  }

  #insertTimed(task: QueuedTask): boolean {
    if (this.#timed.size >= waitingMax && task.dueMs < this.#horizonMs) this.#leaveLatestOut()
    if (this.#timed.size >= waitingMax || task.dueMs >= this.#horizonMs) {
      this.#horizonMs = Math.min(this.#horizonMs, task.dueMs)
      return false
    }
    this.#taskById.set(task.id, task)
    this.#timed.push(task)
    return true
  }

  /** Many at once, so that a long scan need not look for the latest again and again. */
  #leaveLatestOut(): void {
    const byDue = [...this.#timed.values()].sort((a, b) => a.dueMs - b.dueMs)
    for (const task of byDue.slice(waitingMax - waitingMax / 8)) {
      this.remove(task.id)
      this.#horizonMs = Math.min(this.#horizonMs, task.dueMs)
    }
  }

  /** Each type's tasks lie last first, so that the head is taken from the array's end. */
  #insertReady(task: QueuedTask): boolean {
    let tasks = this.#readyByType.get(task.type)
    if (tasks === undefined) {
      tasks = []
      this.#readyByType.set(task.type, tasks)
    }
    let low = 0
    let high = tasks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareInQueue(tasks[middle] as QueuedTask, task) > 0) low = middle + 1
      else high = middle
    }
    // While some of a type are only on disk, nothing may be put behind the last that is known: they may come between.
    if (low === 0 && this.#partialTypes.has(task.type)) {
      if (tasks.length === 0) this.#readyByType.delete(task.type)
      return false
    }
    tasks.splice(low, 0, task)
    this.#taskById.set(task.id, task)
    this.#ready++
    if (this.#ready > readyMax) this.#evict()
    return this.#taskById.has(task.id)
  }

  /** Drops the last task of the longest type. */
  #evict(): void {
    let longest: QueuedTask[] = []
    for (const tasks of this.#readyByType.values()) if (tasks.length > longest.length) longest = tasks
    const last = longest.shift()
    if (last === undefined) return
    this.#taskById.delete(last.id)
    this.#ready--
    this.#partialTypes.add(last.type)
  }

  #removeReady(task: QueuedTask): void {
    const tasks = this.#readyByType.get(task.type)
    if (tasks === undefined) return
    if (tasks.at(-1) === task) tasks.pop()
    else {
      const index = tasks.indexOf(task)
      if (index === -1) return
      tasks.splice(index, 1)
    }
    if (tasks.length === 0) this.#readyByType.delete(task.type)
    this.#ready--
  }

  #forgetDependencies(task: QueuedTask): void {
    this.#blocked--
    for (const dependency of task.unmet ?? []) {
      const dependents = this.#dependents.get(dependency)
      dependents?.delete(task.id)
      if (dependents?.size === 0) this.#dependents.delete(dependency)
    }
  }
}

function classify(record: TaskRecord, revision: number, now: Moment, leaseLeftMs: number): QueuedTask {
  const { id, type, priority, enqueued } = record
  const isProcessing = record.status === 'processing'
  const hasUnmet = !isProcessing && record.dependsOn !== undefined && record.dependsOn.length > 0
  const unmet = hasUnmet ? new Set(record.dependsOn) : null
  const delayMs = isProcessing || record.notBefore === undefined ? 0 : deadlineLeftMs(record.notBefore, now)
  const waits = isProcessing ? 'lease' : delayMs > 0 ? 'delay' : null
  const place = waits !== null ? 'timed' : hasUnmet ? 'blocked' : 'ready'
  const dueMs = waits === null ? 0 : now.monotonicMs + (isProcessing ? leaseLeftMs : delayMs)
  return { heapIndex: -1, id, type, priority, enqueued, revision, place, dueMs, waits, unmet }
}
