/**
 * The other processes on this memory that serve their transitions: one client for each announcement, told of its renewals and of its
 * end. Knows neither how a client reads nor what it is told.
 *
 * - O1 an announcement that is not renewed is over when its entry expires, whether or not anybody deletes it
 */
import type { Clock, Timer } from '../ports/clock.ts'
import type { MemoryChange } from '../runtime/memory.ts'
import { announcementKey, announcementOf } from '../trace/beacon-keys.ts'
import type { TraceClient } from '../trace/trace-source.ts'

/** Processes heard at once; more are shown by their memory alone. */
export const othersMax = 100

export interface OtherProcessesParts {
  readonly clock: Clock
  readonly namespace: string
  /** Of the runtime that serves: it is heard without a client. */
  readonly incarnation: string
  /** Hybrid milliseconds, as entries have them. */
  nowMs(): number
  newClient(): TraceClient
  report(message: string): void
}

interface Other {
  readonly client: TraceClient
  timer: Timer | null
}

export class OtherProcesses {
  readonly #parts: OtherProcessesParts
  readonly #before: string
  readonly #behind: string
  readonly #otherByWorker = new Map<string, Other>()
  #isFull = false
  #isStopped = false

  constructor(parts: OtherProcessesParts) {
    this.#parts = parts
    const [before = '', behind = ''] = announcementKey(parts.namespace, '*').split('*')
    this.#before = before
    this.#behind = behind
  }

  /** Any change of the memory. */
  changed(change: MemoryChange): void {
    const { key, entry } = change
    if (this.#isStopped || !key.startsWith(this.#before) || !key.endsWith(this.#behind)) return
    const worker = key.slice(this.#before.length, -this.#behind.length)
    if (worker === '' || worker.includes('/')) return
    const announcement = change.type === 'set' ? announcementOf(change.value) : null
    if (announcement?.incarnation === this.#parts.incarnation) return
    const other = this.#otherByWorker.get(worker) ?? (announcement === null ? null : this.#add(worker))
    if (other === null) return
    other.timer?.cancel()
    other.timer = null
    other.client.announced(announcement)
    if (announcement === null || entry.ttl === undefined) return
    const leftMs = entry.timestamp + entry.ttl * 1000 - this.#parts.nowMs()
    other.timer = this.#parts.clock.setTimer(Math.max(0, leftMs), () => other.client.announced(null), { keepAlive: false })
  }

  /** The client that hears this source now. */
  clientOf(source: string): TraceClient | null {
    for (const { client } of this.#otherByWorker.values()) if (client.source === source) return client
    return null
  }

  stop(): void {
    this.#isStopped = true
    for (const { client, timer } of this.#otherByWorker.values()) {
      timer?.cancel()
      client.stop()
    }
    this.#otherByWorker.clear()
  }

  #add(worker: string): Other | null {
    const { newClient, report } = this.#parts
    if (this.#otherByWorker.size >= othersMax) this.#forgetIdle()
    if (this.#otherByWorker.size >= othersMax) {
      if (!this.#isFull)
        report(`more than ${othersMax} processes announce themselves: the others are shown by their memory alone`)
      this.#isFull = true
      return null
    }
    const other: Other = { client: newClient(), timer: null }
    this.#otherByWorker.set(worker, other)
    return other
  }

  /** Processes that have ended leave their clients behind: under their worker id they may come again. */
  #forgetIdle(): void {
    for (const [worker, { client }] of this.#otherByWorker) {
      if (client.state !== 'idle') continue
      client.stop()
      this.#otherByWorker.delete(worker)
    }
  }
}
