/**
 * The shared memory as a source of records: what lies there, then every change, by whomever. Owns the cutting and redaction of what is
 * told. Knows neither actors nor pages.
 *
 * - M1 the snapshot is bounded: {@link snapshotTasksMax} keys of tasks and {@link snapshotKeysMax} of all; how many more there are is
 *   told as a gap
 * - M2 a feed that breaks is told as a gap and followed again, until {@link MemorySource.stop} or the runtime's end
 * - M3 behind a gap all is told anew under another incarnation: what was deleted meanwhile no snapshot names
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { MemoryChange, MemoryEvent } from '../runtime/memory.ts'
import type { GapRecord, SourceRecord, TraceRecord } from '../wire/trace-record.ts'
import { entriesMax } from './present.ts'

export const snapshotKeysMax = entriesMax
/** Workers, locks and coordination come behind the tasks in key order, and must have room left. */
export const snapshotTasksMax = 40_000
/** Before a broken feed is followed again. */
export const followAgainMs = 1000

export interface MemorySourceParts {
  readonly clock: Clock
  readonly about: Omit<SourceRecord, 'type' | 'kind' | 'seq' | 'atMs' | 'pid' | 'host'>
  watch(signal: AbortSignal): AsyncIterable<MemoryEvent>
  /** The entry as it may leave. */
  told(change: MemoryChange): MemoryChange['entry']
  append(records: readonly TraceRecord[]): void
  /** Each change, before it is told. */
  seen(change: MemoryChange): void
  report(message: string): void
}

type Unplaced<R extends TraceRecord> = R extends TraceRecord ? Omit<R, 'source' | 'seq' | 'atMs'> : never

export class MemorySource {
  readonly #parts: MemorySourceParts
  readonly #end = new AbortController()
  #timer: Timer | null = null
  #seq = 0
  #isSnapshot = true
  /** Snapshots that were told, the present one included. */
  #snapshots = 0
  #isTold = false
  #keys = 0
  #tasks = 0
  #leftOut = 0
  #lastFault: string | null = null

  constructor(parts: MemorySourceParts) {
    this.#parts = parts
  }

  /** Settles when all that was stored has been told, or will not be for now. */
  start(): Promise<void> {
    this.#introduce()
    return new Promise((resolve) => void this.#follow(resolve))
  }

  #introduce(): void {
    const { workerId, incarnation: life, namespace, store } = this.#parts.about
    const incarnation = this.#snapshots === 0 ? life : `${life}.${this.#snapshots}`
    this.#snapshots++
    this.#isTold = true
    this.#tell({ type: 'source', kind: 'memory', workerId, incarnation, pid: null, host: null, namespace, store })
  }

  stop(): void {
    this.#end.abort()
    this.#timer?.cancel()
  }

  async #follow(caughtUp: () => void): Promise<void> {
    const { signal } = this.#end
    try {
      for await (const event of this.#parts.watch(signal)) {
        if (signal.aborted) break
        this.#take(event)
        if (event.type === 'caught-up') caughtUp()
      }
      if (!signal.aborted) this.#gap(null, 'disconnected')
    } catch (thrown) {
      this.#failed(thrown)
    }
    caughtUp()
    if (signal.aborted) return
    this.#beginAnew()
    this.#timer = this.#parts.clock.setTimer(followAgainMs, () => void this.#follow(() => {}), { keepAlive: false })
  }

  #failed(thrown: unknown): void {
    if (this.#end.signal.aborted) return
    if (thrown instanceof MemorySyncError && thrown.code === 'closed') {
      this.#tell({ type: 'source.lost', reason: thrown.message })
      this.stop()
      return
    }
    const message = messageOf(thrown)
    // A store that is away for long is told once.
    if (message !== this.#lastFault) this.#parts.report(`the memory cannot be followed: ${message}`)
    this.#lastFault = message
    this.#gap(null, 'disconnected')
  }

  #take(event: MemoryEvent): void {
    if (event.type === 'reset') {
      this.#gap(null, 'slow-watcher')
      this.#beginAnew()
      return
    }
    if (!this.#isTold) this.#introduce()
    if (event.type === 'caught-up') {
      if (this.#leftOut > 0) this.#gap(this.#leftOut, 'limit')
      this.#isSnapshot = false
      this.#lastFault = null
    } else {
      this.#parts.seen(event)
      if (this.#isSnapshot && !this.#hasRoom(event.key)) this.#leftOut++
      else this.#change(event)
    }
  }

  #beginAnew(): void {
    this.#isSnapshot = true
    this.#isTold = false
    this.#keys = 0
    this.#tasks = 0
    this.#leftOut = 0
  }

  #hasRoom(key: string): boolean {
    const isOfTask = key.startsWith(`${this.#parts.about.namespace}/tasks/`)
    if (this.#keys >= snapshotKeysMax || (isOfTask && this.#tasks >= snapshotTasksMax)) return false
    this.#keys++
    if (isOfTask) this.#tasks++
    return true
  }

  #change(change: MemoryChange): void {
    const { key, revision } = change
    const told = { type: 'change', key, revision, entry: this.#parts.told(change) } as const
    this.#tell(this.#isSnapshot ? { ...told, isSnapshot: true } : told)
  }

  #gap(lost: number | null, reason: GapRecord['reason']): void {
    this.#tell({ type: 'gap', lost, reason })
  }

  #tell(record: Unplaced<TraceRecord>): void {
    const { append, about, clock } = this.#parts
    append([{ ...record, source: about.source, seq: ++this.#seq, atMs: clock.wallMs() } as TraceRecord])
  }
}
