/**
 * Tidying: ended tasks after their retention, workers that left, expired values, old tombstones. Every process may sweep; each removal is a
 * compare-and-set, so two sweepers do no harm. Knows the store and the journal; decides by the retention rules below.
 */
import type { Remember, WriteOutcome } from '../actors/outcome.ts'
import { seenRecord } from '../actors/task.ts'
import { isExpired, isTombstone } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import type { Keys } from '../domain/key.ts'
import { isEnded, type TaskRecord } from '../domain/task-record.ts'
import { always, type Intent } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'

/** Completed and cancelled tasks stay so long, in milliseconds, and no more than {@link endedTasksMax} of them. */
export const endedRetentionMs = 24 * 3600 * 1000
export const endedTasksMax = 10_000
/** Failed ones stay longer: somebody may want to replay them. */
export const failedRetentionMs = 7 * 24 * 3600 * 1000
/** Tombstones stay so long: a late writer must find that the key was deleted. */
export const tombstoneRetentionMs = 24 * 3600 * 1000
/** The documents of a worker that has left stay so long. */
export const leftWorkerRetentionMs = 24 * 3600 * 1000
/** An expired value is deleted so long after its end. */
export const expiredGraceMs = 60_000
/** Between two sweeps; each process waits between half and all of it. */
export const sweepIntervalMs = 5 * 60_000
/** Removals of one sweep; what is left waits for the next. */
export const sweepRemovalsMax = 20_000
/** Removals on their way at once. */
const removalsInFlightMax = 64

export interface SweeperHands {
  readonly store: Pick<Store, 'list' | 'commit' | 'features'>
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  readonly remember: Remember
  report(error: MemorySyncError): void
}

const documents = ['record', 'state', 'progress', 'result'] as const

export class Sweeper {
  readonly #hands: SweeperHands
  #timer: Timer | null = null
  #isStopped = false

  constructor(hands: SweeperHands) {
    this.#hands = hands
  }

  start(): void {
    if (this.#isStopped) return
    const delayMs = sweepIntervalMs * (0.5 + this.#hands.random.next() / 2)
    this.#timer = this.#hands.clock.setTimer(delayMs, () => void this.#run(), { keepAlive: false })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  async #run(): Promise<void> {
    try {
      await this.sweep()
    } catch (thrown) {
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable'))
    }
    this.start()
  }

  /** @returns how much was removed. */
  async sweep(): Promise<number> {
    const nowMs = this.#hands.clock.wallMs()
    const due: Stored[] = []
    const ended: { readonly stored: Stored; readonly record: TaskRecord }[] = []
    const needed = new Set<string>()
    for await (const stored of this.#hands.store.list(`${this.#hands.keys.namespace}/**`)) {
      if (this.#isStopped) return 0
      const seen = this.#hands.keys.taskOfRecord(stored.key) === null || isTombstone(stored.entry) ? null : seenRecord(stored)
      if (seen === null) {
        if (due.length < sweepRemovalsMax && (isDue(stored, nowMs) || this.#hasLeft(stored, nowMs))) due.push(stored)
      } else if (isEnded(seen.record)) {
        ended.push({ stored, record: seen.record })
      } else {
        for (const dependency of seen.record.dependsOn ?? []) needed.add(dependency)
      }
    }
    const tasks = ended.filter(({ record }) => !needed.has(record.id))
    tasks.sort((a, b) => (b.record.endedMs ?? 0) - (a.record.endedMs ?? 0))
    const over = tasks.filter(({ record }, index) => isOver(record, index, nowMs)).slice(0, sweepRemovalsMax)
    await this.#inTurns([
      ...over.map(
        ({ stored, record }) =>
          () =>
            this.#removeTask(stored, record),
      ),
      ...due.map((stored) => () => this.#remove(stored)),
    ])
    return over.length + due.length
  }

  async #inTurns(removals: readonly (() => Promise<unknown>)[]): Promise<void> {
    for (let at = 0; at < removals.length && !this.#isStopped; at += removalsInFlightMax) {
      await Promise.all(removals.slice(at, at + removalsInFlightMax).map((remove) => remove()))
    }
  }

  /** The record decides; its projections go with it. */
  #removeTask(stored: Stored, record: TaskRecord): Promise<WriteOutcome> {
    const intents: Intent[] = documents.map((document) => ({
      key: this.#hands.keys.task(record.id, document),
      value: undefined,
      condition: document === 'record' ? { type: 'revision', revision: stored.revision } : always,
      context: stored.entry.version,
    }))
    return this.#write(intents)
  }

  async #remove(stored: Stored): Promise<void> {
    const condition = { type: 'revision', revision: stored.revision } as const
    if (isTombstone(stored.entry)) await this.#hands.store.commit([[{ key: stored.key, entry: null, condition }]])
    else {
      const intents: Intent[] = [{ key: stored.key, value: undefined, condition, context: stored.entry.version }]
      const worker = this.#hands.keys.workerOfStatus(stored.key)
      if (worker !== null) intents.push({ key: this.#hands.keys.worker(worker, 'capacity'), value: undefined, condition: always })
      await this.#write(intents)
    }
  }

  /** A worker of a runtime, by its last word. What others keep there has a time to live, or is theirs to keep. */
  #hasLeft({ key, entry }: Stored, nowMs: number): boolean {
    if (this.#hands.keys.workerOfStatus(key) === null || isTombstone(entry)) return false
    const status = entry.value as { readonly state?: unknown; readonly incarnation?: unknown } | null
    const isOffline = status !== null && status.state === 'offline' && typeof status.incarnation === 'string'
    return isOffline && entry.timestamp + leftWorkerRetentionMs <= nowMs
  }

  #write(intents: readonly Intent[]): Promise<WriteOutcome> {
    return new Promise((resolve) => this.#hands.remember(intents, resolve))
  }
}

function isDue({ entry }: Stored, nowMs: number): boolean {
  if (isTombstone(entry)) return entry.timestamp + tombstoneRetentionMs <= nowMs
  return isExpired(entry, nowMs - expiredGraceMs)
}

function isOver(record: TaskRecord, index: number, nowMs: number): boolean {
  const ageMs = nowMs - (record.endedMs ?? 0)
  if (record.status === 'failed') return ageMs > failedRetentionMs
  return ageMs > endedRetentionMs || index >= endedTasksMax
}
