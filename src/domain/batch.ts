/**
 * The batch rules: which buffered units may be sent together, in what order, and which may become one. A bounded buffer
 * and nothing else: when to send is `machines/batch-writer.ts`, how is `src/actors/batch-writer.ts`.
 *
 * - B1 first in first out per key, at most one unit of a key in flight; a unit of several keys waits for all of them
 * - B2 only adjacent, unsent, unconditional or causal single writes of one key with the same guard become one; the last
 *   value wins, both promises settle with its receipt. Never across a delete, never `revision` or `absent`
 * - B3 nothing is dropped: a full buffer says so and the caller waits or is refused
 */
import { isTombstone } from './entry.ts'
import { ShortLivedMap } from './short-lived-map.ts'
import type { Guard, Unit, Write } from './write.ts'

export const bufferedUnitsMax = 10_000
export const bufferedBytesMax = 64 * 1024 * 1024
/** How far past blocked units one `take` looks, as a multiple of what it may take. */
const lookAheadFactor = 8

export interface BufferedUnit<Reply> {
  /** Its number among all that were buffered. */
  readonly sequence: number
  unit: Unit
  bytes: number
  /** Everybody who waits for the receipt: one, or more after coalescing. */
  readonly replies: Reply[]
  /** Times it was sent. */
  sends: number
  /** Monotonic milliseconds at which it was first buffered. */
  readonly sinceMs: number
  /** Never coalesced, and sent even while the breaker is open: heartbeats, renewals, releases. */
  readonly urgent: boolean
}

export class WriteBuffer<Reply> {
  #queue: BufferedUnit<Reply>[] = []
  #head = 0
  #bytes = 0
  readonly #inFlight = new ShortLivedMap<string, true>()
  readonly #unsentByKey = new ShortLivedMap<string, BufferedUnit<Reply>>()
  #inFlightUnits = 0
  #sequence = 0

  /** Units buffered and not in flight. */
  get size(): number {
    return this.#queue.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Units buffered or in flight. */
  get pending(): number {
    return this.size + this.#inFlightUnits
  }

  get isFull(): boolean {
    return this.size >= bufferedUnitsMax || this.#bytes >= bufferedBytesMax
  }

  /** Puts a unit at the end, or into the unsent one of its key where B2 allows. */
  add(unit: Unit, bytes: number, reply: Reply, sinceMs: number, urgent = false): void {
    const write = unit[0] as Write
    const before = this.#unsentByKey.get(write.key)
    if (before !== undefined && !urgent && unit.length === 1) {
      const merged = coalesce(before, write)
      if (merged !== null) {
        before.unit = [merged]
        this.#bytes += bytes - before.bytes
        before.bytes = bytes
        before.replies.push(reply)
        return
      }
    }
    const buffered: BufferedUnit<Reply> = { sequence: ++this.#sequence, unit, bytes, replies: [reply], sends: 0, sinceMs, urgent }
    this.#queue.push(buffered)
    this.#bytes += bytes
    for (const { key } of unit) this.#unsentByKey.set(key, buffered)
  }

  /** The next units that may be sent now, in order; they are in flight until `settle` or `putBack`. */
  take(countMax: number, bytesMax: number, urgentOnly = false): BufferedUnit<Reply>[] {
    const taken: BufferedUnit<Reply>[] = []
    const skipped: BufferedUnit<Reply>[] = []
    const blocked = new Set<string>()
    let bytes = 0
    let at = this.#head
    // Urgent units are rare and may lie behind everything; others are not looked for that far.
    const end = urgentOnly ? this.#queue.length : Math.min(this.#queue.length, at + countMax * lookAheadFactor)
    for (; at < end && taken.length < countMax; at++) {
      const buffered = this.#queue[at] as BufferedUnit<Reply>
      const isBlocked =
        (urgentOnly && !buffered.urgent) || buffered.unit.some(({ key }) => this.#inFlight.has(key) || blocked.has(key))
      if (!isBlocked && taken.length > 0 && bytes + buffered.bytes > bytesMax) break
      // Whatever comes later for these keys must stay behind it, sent or not.
      for (const { key } of buffered.unit) blocked.add(key)
      if (isBlocked) {
        skipped.push(buffered)
        continue
      }
      bytes += buffered.bytes
      taken.push(buffered)
    }
    this.#removeTaken(at, skipped)
    for (const buffered of taken) this.#toFlight(buffered)
    return taken
  }

  /** The store answered for it. */
  settle(buffered: BufferedUnit<Reply>): void {
    this.#inFlightUnits--
    for (const { key } of buffered.unit) this.#inFlight.delete(key)
  }

  /** They were not written and go first again, in their order. */
  putBack(units: readonly BufferedUnit<Reply>[]): void {
    for (const buffered of units) {
      this.settle(buffered)
      this.#bytes += buffered.bytes
      for (const { key } of buffered.unit) if (!this.#unsentByKey.has(key)) this.#unsentByKey.set(key, buffered)
    }
    this.#queue.splice(0, this.#head, ...units)
    this.#head = 0
  }

  /** Takes out what waits since before `sinceMs`: nobody waits for ever. */
  expire(sinceMs: number): BufferedUnit<Reply>[] {
    const isOld = (buffered: BufferedUnit<Reply>): boolean => buffered.sinceMs < sinceMs
    const expired = this.#queue.slice(this.#head).filter(isOld)
    if (expired.length === 0) return expired
    for (const buffered of this.clear()) {
      if (isOld(buffered)) continue
      this.#queue.push(buffered)
      this.#bytes += buffered.bytes
      for (const { key } of buffered.unit) this.#unsentByKey.set(key, buffered)
    }
    return expired
  }

  /** Takes everything unsent out: at the end of a flush deadline. */
  clear(): BufferedUnit<Reply>[] {
    const rest = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#bytes = 0
    this.#unsentByKey.clear()
    return rest
  }

  /** The newest unsent write of a key: own reads see own writes. */
  unsent(key: string): Write | null {
    return this.#unsentByKey.get(key)?.unit.find((write) => write.key === key) ?? null
  }

  #toFlight(buffered: BufferedUnit<Reply>): void {
    buffered.sends++
    this.#inFlightUnits++
    this.#bytes -= buffered.bytes
    for (const { key } of buffered.unit) {
      this.#inFlight.set(key, true)
      if (this.#unsentByKey.get(key) === buffered) this.#unsentByKey.delete(key)
    }
  }

  /** Closes the gap between what was skipped and what was not looked at. */
  #removeTaken(lookedTo: number, skipped: readonly BufferedUnit<Reply>[]): void {
    this.#head = lookedTo - skipped.length
    for (const [index, buffered] of skipped.entries()) this.#queue[this.#head + index] = buffered
    // Shift rarely: the queue is an array with a moving head.
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }
}

function coalesce<Reply>(before: BufferedUnit<Reply>, next: Write): Write | null {
  const previous = before.unit[0] as Write
  // One that was sent and came back may have been written: it must stay what it was.
  if (before.unit.length !== 1 || before.urgent || before.sends > 0 || previous.key !== next.key) return null
  if (!isPlain(previous) || !isPlain(next) || previous.condition.type !== next.condition.type) return null
  if (previous.entry === null || next.entry === null) return null
  if (isTombstone(previous.entry) || isTombstone(next.entry)) return null
  if (!isSameGuard(previous.guard, next.guard)) return null
  // The later write had seen the earlier one, the store has not: it is judged by what the earlier one had seen.
  return { ...next, condition: previous.condition }
}

function isSameGuard(a: Guard | undefined, b: Guard | undefined): boolean {
  return a?.scope === b?.scope && a?.epoch === b?.epoch && a?.incarnation === b?.incarnation
}

function isPlain(write: Write): boolean {
  return write.condition.type === 'none' || write.condition.type === 'causal'
}
