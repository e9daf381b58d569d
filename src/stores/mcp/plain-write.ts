/**
 * Writing to a plain server: registers that anybody overwrites at any time. Owns the way of a unit: read and compare where its
 * condition asks for it, write, read back, repair. Knows neither watches nor listings, nor how the mutex is had.
 *
 * - R1 a key is in the index before it is written
 * - R2 after a write its author reads the register: what is older than its own entry is overwritten again, what is newer stays, and
 *   of what is concurrent the join is written. Everybody makes the same join of the same two, so nobody goes on for ever
 * - R3 `revision`, `absent` and guards are judged under the mutex, by what is read from the server under it; without a mutex they
 *   are refused, never imitated
 * - R4 under the mutex nothing is written unless the mutex will still be held when that has ended
 *
 * What is not promised: a write without such a condition, which takes no mutex, may land between another writer's read and its
 * write: it goes unseen by that writer's condition, and if its own author dies before it reads back, it is lost.
 */
import { type Entry, isLive, isTombstone } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { compareVersions, isCovered } from '../../domain/version-vector.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Receipt, Stored, Unit, Write } from '../../ports/store.ts'
import { judgeUnit, type Look, type Refusal } from '../judge.ts'
import { decodePlain, encodePlain, type PlainEncoding } from './plain-encoding.ts'
import type { PlainIndex } from './plain-index.ts'
import { joinOf, type Merge } from './plain-join.ts'
import type { MutexHold } from './plain-mutex.ts'
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

/** An entry as it will be read, and its text. */
interface Encoded {
  readonly text: string
  readonly entry: Entry
}

export class PlainWriter {
  readonly #options: PlainWriterOptions

  constructor(options: PlainWriterOptions) {
    this.#options = options
  }

  /**
   * As the port says. Calls must follow each other.
   *
   * @param refusal what units that have to be judged are refused with. It must be given when there are any.
   */
  async commit(units: readonly Unit[], refusal?: MemorySyncError): Promise<readonly Receipt[]> {
    // For all at once: keys of one commit share index documents. One that cannot be added is refused with its own unit.
    await this.#options.index?.add(keysOf(units)).catch(() => {})
    const receipts: Receipt[] = []
    for (let from = 0; from < units.length; ) {
      const group = nextGroup(units, from)
      const outcomes = await Promise.all(group.map((unit) => this.#write(unit, refusal)))
      for (const outcome of outcomes) receipts.push(this.#receiptOf(outcome))
      from += group.length
    }
    const [first] = receipts
    if (first?.type === 'failed' && receipts.every((receipt) => isUnavailable(receipt))) throw first.error
    return receipts
  }

  /** One unit under the mutex, with all its conditions and guards. Never rejects. */
  async commitHeld(unit: Unit, hold: MutexHold): Promise<Receipt> {
    const outcome: Outcome = { written: [], found: [], refusal: unitFault(unit, this.#options.clock.wallMs()) }
    let texts: readonly (Encoded | null)[] = []
    try {
      if (outcome.refusal === null) await hold.renew()
      outcome.refusal ??= await this.#judge(unit)
      // One that is too large must not be found out with half of the unit written.
      if (outcome.refusal === null) texts = unit.map(({ entry }) => (entry === null ? null : this.#encode(entry)))
    } catch (thrown) {
      outcome.refusal = { type: 'failed', error: errorOf(thrown, outcome, unit[0]?.key ?? '') }
    }
    for (const [index, { key }] of unit.entries()) {
      if (outcome.refusal !== null) break
      try {
        await hold.renew()
        await this.#put(key, texts[index] ?? null, outcome, hold)
      } catch (thrown) {
        outcome.refusal = { type: 'failed', error: errorOf(thrown, outcome, key) }
      }
    }
    return this.#receiptOf(outcome)
  }

  /** By what the server gives now; the view only says which revision of this handle that is. */
  async #judge(unit: Unit): Promise<Receipt | null> {
    const storedByKey = new Map<string, Stored | null>()
    const unreadable = new Set<string>()
    const read = async (key: string): Promise<void> => {
      try {
        storedByKey.set(key, await this.#options.view.read(key))
      } catch (error) {
        if (!(error instanceof MemorySyncError) || error.code !== 'corrupt') throw error
        unreadable.add(key)
      }
    }
    await Promise.all([...judgedKeysOf(unit)].map(read))
    const look: Look = {
      revisionOf: (key) => (unreadable.has(key) ? Number.MAX_SAFE_INTEGER : (storedByKey.get(key)?.revision ?? 0)),
      entryOf: (key) => storedByKey.get(key)?.entry ?? null,
    }
    const refusal = judgeUnit(unit, look, this.#options.clock.wallMs())
    switch (refusal?.type) {
      case undefined:
        return null
      case 'conflict':
        return { ...refusal, stored: storedByKey.get(refusal.key) ?? null }
      case 'stale-epoch':
        return { ...refusal, stored: storedByKey.get(refusal.scope) ?? null }
      case 'failed':
        return failedBy(refusal)
    }
  }

  async #write(unit: Unit, refusal: MemorySyncError | undefined): Promise<Outcome> {
    const outcome: Outcome = { written: [], found: [], refusal: unitFault(unit, this.#options.clock.wallMs()) }
    if (refusal !== undefined && isJudged(unit)) outcome.refusal ??= { type: 'failed', error: refusal }
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
    const { view, clock } = this.#options
    if (condition.type === 'causal' || entry === null) {
      const stored = await view.read(key)
      const isSeen = condition.type !== 'causal' || stored === null || isCovered(stored.entry.version, condition.context)
      const isInTheWay = entry === null && stored !== null && isLive(stored.entry, clock.wallMs())
      if (!isSeen || isInTheWay) return { type: 'conflict', key, stored }
    }
    await this.#put(key, entry === null ? null : this.#encode(entry), outcome, null)
    return null
  }

  /** @param encoded null: what is there is purged. */
  async #put(key: string, encoded: Encoded | null, outcome: Outcome, hold: MutexHold | null): Promise<void> {
    const { registers, namespace, index } = this.#options
    if (encoded === null) {
      await registers.remove(namespace, key)
      outcome.written.push({ key, entry: null })
      return
    }
    await index?.add([key])
    const last = await this.#settle(key, encoded, hold)
    outcome.written.push({ key, entry: encoded.entry })
    if (last !== encoded.entry) outcome.found.push({ key, entry: last })
  }

  /** Writes until what is read back needs no more. @returns what is there then. */
  async #settle(key: string, own: Encoded, hold: MutexHold | null): Promise<Entry> {
    const { registers, namespace, merge, clock } = this.#options
    let { entry, text } = own
    for (let round = 1; round <= repairRoundsMax; round++) {
      try {
        await hold?.renew()
        await registers.write(namespace, key, text, this.#serverTtl(entry))
      } catch (cause) {
        if (round === 1) throw cause
        const message = `the entry at ${quote(key)} was written, overwritten by another, and could not be written again: whether it stays is not known`
        throw new MemorySyncError('unknown_outcome', message, { cause, key })
      }
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
  #encode(entry: Entry): Encoded {
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
      const fault = causalFault(write)
      if (fault !== null) return { type: 'failed', error: fault }
    }
    const refusal = judgeUnit(unit, emptyStore, nowMs)
    return refusal?.type === 'failed' ? failedBy(refusal) : null
  } catch (cause) {
    const message = 'a unit must be a list of writes { key, entry, condition }'
    return { type: 'failed', error: new MemorySyncError('invalid_value', message, { cause }) }
  }
}

function failedBy({ code, message, key }: Refusal & { readonly type: 'failed' }): Receipt {
  return { type: 'failed', error: new MemorySyncError(code, message, key === undefined ? {} : { key }) }
}

/** Whether a condition or guard is more than a plain register can be asked for. Malformed units are not. */
export function isJudged(unit: Unit): boolean {
  if (!Array.isArray(unit)) return false
  return unit.some((write: Partial<Write> | undefined) => {
    const type = write?.condition?.type
    return write?.guard !== undefined || type === 'revision' || type === 'absent'
  })
}

function judgedKeysOf(unit: Unit): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const { key, entry, condition, guard } of unit) {
    if (condition.type !== 'none' || entry === null) keys.add(key)
    if (guard !== undefined) keys.add(guard.scope)
  }
  return keys
}

function causalFault({ key, condition }: Write): MemorySyncError | null {
  if (condition.type !== 'causal' || (typeof condition.context === 'object' && condition.context !== null)) return null
  return new MemorySyncError('invalid_value', `a causal condition needs a context, got ${quote(condition)}`, { key })
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
