/**
 * Writing to a plain server: registers that anybody overwrites at any time. Owns the way of a unit: read and compare where its
 * condition asks for it, write, read back, repair. Knows neither watches nor listings.
 *
 * - R1 a key is in the index before it is written
 * - R2 after a write its author reads the register: what is older than its own entry is overwritten again, what is newer stays, and
 *   of what is concurrent the join is written. Everybody makes the same join of the same two, so nobody goes on for ever
 * - R3 what no server of this kind can promise is refused with `not_supported`, never imitated
 *
 * What is not promised: a write that lands between another writer's read and its write goes unseen by that writer's condition, and
 * if its own author dies before it reads back, it is lost.
 */
import { type Entry, isLive, isTombstone } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { compareVersions, isCovered } from '../../domain/version-vector.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Receipt, Unit, Write } from '../../ports/store.ts'
import { judgeUnit, type Look } from '../judge.ts'
import { decodePlain, encodePlain, type PlainEncoding } from './plain-encoding.ts'
import type { PlainIndex } from './plain-index.ts'
import { joinOf, type Merge } from './plain-join.ts'
import { decoded, type PlainView } from './plain-view.ts'
import type { Registers } from './registers.ts'

/** Units of one commit that are under way at the same time. */
export const unitsAtOnceMax = 16
/** Times that a writer overwrites what it finds instead of its own entry, until it says that it does not know the outcome. */
export const repairRoundsMax = 8
/** What a server that enforces it forgets a tombstone after. */
export const tombstoneTtlSeconds = 24 * 60 * 60

export interface PlainWriterOptions {
  readonly registers: Registers
  readonly namespace: string
  readonly index: PlainIndex | null
  readonly view: PlainView
  readonly clock: Clock
  readonly encoding: PlainEncoding
  readonly entryBytesMax: number | undefined
  /** Makes one value of two concurrent ones. Default: the last write wins. */
  readonly merge: Merge | undefined
}

/** What became of a unit. */
interface Outcome {
  /** Written, in order; null: purged. */
  readonly written: { readonly key: string; readonly entry: Entry | null }[]
  /** What is there now instead, newer or joined. */
  readonly found: { readonly key: string; readonly entry: Entry }[]
  refusal: Receipt | null
}

export class PlainWriter {
  readonly #options: PlainWriterOptions

  constructor(options: PlainWriterOptions) {
    this.#options = options
  }

  /** As the port says. Calls must follow each other. */
  async commit(units: readonly Unit[]): Promise<readonly Receipt[]> {
    // For all at once: keys of one commit share index documents. One that cannot be added is refused with its own unit.
    await this.#options.index?.add(keysOf(units)).catch(() => {})
    const receipts: Receipt[] = []
    for (let from = 0; from < units.length; ) {
      const group = nextGroup(units, from)
      const outcomes = await Promise.all(group.map((unit) => this.#write(unit)))
      for (const outcome of outcomes) receipts.push(this.#receiptOf(outcome))
      from += group.length
    }
    const [first] = receipts
    if (first?.type === 'failed' && receipts.every((receipt) => isUnavailable(receipt))) throw first.error
    return receipts
  }

  async #write(unit: Unit): Promise<Outcome> {
    const outcome: Outcome = { written: [], found: [], refusal: unitFault(unit, this.#options.clock.wallMs()) }
    if (outcome.refusal !== null) return outcome
    for (const write of unit) {
      try {
        outcome.refusal = await this.#writeOne(write, outcome)
      } catch (thrown) {
        outcome.refusal = { type: 'failed', error: errorOf(thrown, outcome, write.key) }
      }
      if (outcome.refusal !== null) break
    }
    return outcome
  }

  /** @returns null when it is done. */
  async #writeOne({ key, entry, condition }: Write, outcome: Outcome): Promise<Receipt | null> {
    const { view, registers, namespace, index, clock } = this.#options
    if (condition.type === 'causal' || entry === null) {
      const stored = await view.read(key)
      const isSeen = condition.type !== 'causal' || stored === null || isCovered(stored.entry.version, condition.context)
      const isInTheWay = entry === null && stored !== null && isLive(stored.entry, clock.wallMs())
      if (!isSeen || isInTheWay) return { type: 'conflict', key, stored }
    }
    if (entry === null) {
      await registers.remove(namespace, key)
      outcome.written.push({ key, entry })
      return null
    }
    await index?.add([key])
    const { text, entry: own } = this.#encode(entry)
    const last = await this.#settle(key, own, text)
    outcome.written.push({ key, entry: own })
    if (last !== own) outcome.found.push({ key, entry: last })
    return null
  }

  /** Writes until what is read back needs no more. @returns what is there then. */
  async #settle(key: string, own: Entry, ownText: string): Promise<Entry> {
    const { registers, namespace, merge, clock } = this.#options
    let entry = own
    let text = ownText
    for (let round = 1; round <= repairRoundsMax; round++) {
      await registers.write(namespace, key, text, this.#serverTtl(entry))
      const found = await this.#readBack(key)
      // Removed by somebody, or forgotten by the server already: there is nothing to keep this from.
      if (found === null || isEqual(found, entry)) return entry
      const comparison = compareVersions(found.version, entry.version)
      if (comparison === 'after') return found
      if (comparison === 'before') continue
      const joined = this.#encode(joinOf(found, entry, merge, clock.wallMs()))
      if (isEqual(joined.entry, found)) return found
      entry = joined.entry
      text = joined.text
    }
    const message = `others keep writing at ${quote(key)}: after ${repairRoundsMax} rounds it is not known whether this entry is part of what stays. Read it again`
    throw new MemorySyncError('unknown_outcome', message, { key })
  }

  async #readBack(key: string): Promise<Entry | null> {
    const { registers, namespace } = this.#options
    try {
      const register = await registers.read(namespace, key)
      return register === null ? null : decoded(key, register.content)
    } catch (cause) {
      const message = `the entry at ${quote(key)} was written, but could not be read back: whether it stays is not known`
      throw new MemorySyncError('unknown_outcome', message, { cause, key })
    }
  }

  /** The entry as it will be read, so that the two can be compared, and its text. */
  #encode(entry: Entry): { readonly text: string; readonly entry: Entry } {
    const text = encodePlain(entry, this.#options.encoding, this.#options.entryBytesMax)
    return { text, entry: decodePlain(text) }
  }

  #serverTtl(entry: Entry): number | undefined {
    if (isTombstone(entry)) return tombstoneTtlSeconds
    if (entry.ttl === undefined || entry.ttl === 0) return undefined
    const leftMs = entry.timestamp + entry.ttl * 1000 - this.#options.clock.wallMs()
    return Math.max(1, Math.ceil(leftMs / 1000))
  }

  #receiptOf({ written, found, refusal }: Outcome): Receipt {
    const { view, registers } = this.#options
    let revision = 0
    const entries = written.filter((write): write is { key: string; entry: Entry } => write.entry !== null)
    if (entries.length > 0) revision = view.wrote(entries)
    for (const { key, entry } of written) {
      if (entry !== null) continue
      const purged = view.purged(key)
      if (revision === 0) revision = purged
    }
    for (const { key, entry } of found) view.seen(key, entry, null, view.tick())
    return refusal ?? { type: 'committed', revision, durability: registers.durability }
  }
}

function* keysOf(units: readonly Unit[]): Iterable<string> {
  for (const unit of units) {
    if (unitFault(unit, 0) !== null) continue
    for (const { key, entry } of unit) if (entry !== null) yield key
  }
}

/** Units that share no key, in order. */
function nextGroup(units: readonly Unit[], from: number): readonly Unit[] {
  const keys = new Set<unknown>()
  let to = from
  for (; to < units.length && to - from < unitsAtOnceMax; to++) {
    const unit = units[to]
    if (!Array.isArray(unit)) return units.slice(from, to + 1)
    if (unit.some((write: Partial<Write> | undefined) => keys.has(write?.key))) break
    for (const write of unit as readonly (Partial<Write> | undefined)[]) keys.add(write?.key)
  }
  return units.slice(from, to)
}

const emptyStore: Look = { revisionOf: () => 0, entryOf: () => null }

/** What is wrong with a unit whatever is stored. */
function unitFault(unit: Unit, nowMs: number): Receipt | null {
  try {
    for (const write of unit) {
      const fault = supportFault(write)
      if (fault !== null) return { type: 'failed', error: fault }
    }
    const refusal = judgeUnit(unit, emptyStore, nowMs)
    if (refusal?.type !== 'failed') return null
    const details = refusal.key === undefined ? {} : { key: refusal.key }
    return { type: 'failed', error: new MemorySyncError(refusal.code, refusal.message, details) }
  } catch (cause) {
    const message = 'a unit must be a list of writes { key, entry, condition }'
    return { type: 'failed', error: new MemorySyncError('invalid_value', message, { cause }) }
  }
}

const advice = 'Use a server that can, in its place: memory-sync serve.'

function supportFault({ key, condition, guard }: Write): MemorySyncError | null {
  if (guard !== undefined) {
    const message = `this memory server cannot guard a write by an epoch (${quote(guard.scope)}). ${advice}`
    return new MemorySyncError('not_supported', message, { key })
  }
  if (condition.type === 'revision' || condition.type === 'absent') {
    const message = `this memory server has no compare-and-set, so no write can have the condition ${quote(condition.type)}. ${advice}`
    return new MemorySyncError('not_supported', message, { key })
  }
  if (condition.type === 'causal' && (typeof condition.context !== 'object' || condition.context === null)) {
    return new MemorySyncError('invalid_value', `a causal condition needs a context, got ${quote(condition)}`, { key })
  }
  return null
}

/** With part of a unit written, "nothing was written" is not true of it. */
function errorOf(thrown: unknown, { written }: Outcome, key: string): MemorySyncError {
  const error = MemorySyncError.from(thrown, 'unknown_outcome')
  if (written.length === 0 || error.code !== 'store_unavailable') return error
  const message = `the unit was written up to the write at ${quote(key)}, which failed: ${error.message}`
  return new MemorySyncError('unknown_outcome', message, { cause: error, key })
}

function isUnavailable(receipt: Receipt): boolean {
  return receipt.type === 'failed' && receipt.error.code === 'store_unavailable'
}

/** Both were decoded, so their members are in one order. */
function isEqual(a: Entry, b: Entry): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
