/**
 * How one client's values get into the store: labelled with the client, stamped with version, dot and time, committed by
 * compare-and-set. One per connection. Owns also what becomes of whole entries that a client hands in. Knows no tool.
 *
 * The runtime's own writes go another way (its journal), because they are the runtime's: what a client writes is the client's.
 *
 * - W1 a write's version covers what it overwrites: every reader can tell the order of the two
 * - W2 an entry that is handed in keeps its version; it replaces only what its writer had seen
 * - W3 records of tasks and locks are never written here: their protocols are those of the task and lock tools
 */
import { type Entry, type EntryExtension, hybridTimestampOf, isLive } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { HybridClock } from '../domain/hybrid-clock.ts'
import { type Json, toJson } from '../domain/json.ts'
import type { Keys } from '../domain/key.ts'
import type { ConflictResolver } from '../domain/resolvers.ts'
import { assertCountable, boundedVersion, emptyVersion, withCounter } from '../domain/version-vector.ts'
import type { Condition, Write } from '../domain/write.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import { entryBytesAtMost } from '../wire/entry-codec.ts'
import { type Judgement, reconcileEntry } from './reconcile-entry.ts'

/** How often a write begins again because somebody else wrote between its read and its commit. */
export const writeRoundsMax = 100
const pauseMsMax = 64

export interface ClientWriterHands {
  readonly store: Pick<Store, 'get' | 'commit'>
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  readonly logger: Logger
  /** Shared by all clients of one server. */
  readonly hybridClock: HybridClock
  /** Decides between values whose writers had not seen each other. */
  readonly resolver: ConflictResolver
  /** Settles when the store can be used. */
  ready(): Promise<unknown>
  /** The runtime's hybrid milliseconds: what clients write is not older than what the runtime has seen. */
  nowMs(): number
  /** Who writes; asked at each write, as clients say their names after they have connected. */
  label(): string
}

export interface ClientWriteOptions {
  /** Seconds until it expires; absent or 0: never. */
  readonly ttlSeconds?: number | undefined
  /** Only where there is no value. */
  readonly ifAbsent?: boolean
  /** Another key to be written in the same unit. */
  beside?(entry: Entry): { readonly key: string; readonly value: Json }
}

export interface Written {
  readonly revision: number
  readonly entry: Entry
}

/** What became of an entry that was handed in. */
export type Received = Judgement & { readonly revision: number }

interface Decision {
  readonly entry: Entry
  readonly beside?: { readonly key: string; readonly value: Json } | undefined
}

export class ClientWriter {
  readonly #hands: ClientWriterHands
  /** Names this connection in dots: several clients may have one name. */
  readonly #incarnation: string
  #counter = 0

  constructor(hands: ClientWriterHands) {
    this.#hands = hands
    this.#incarnation = hands.random.token(8)
  }

  /**
   * Stores a value, whoever else writes meanwhile: the last to commit stays.
   *
   * @throws `conflict` when there is a value and `ifAbsent` was asked for; `invalid_value`, `too_large`, `not_supported` for a
   * record or a lock, and what the store throws
   */
  async write(key: string, value: unknown, options: ClientWriteOptions = {}): Promise<Written> {
    const json = toJson(value)
    const written = await this.#decide(key, (stored) => {
      if (options.ifAbsent === true && this.#isLive(stored)) {
        throw new MemorySyncError('conflict', `${quote(key)} has a value already, and only a new one was to be stored`, { key })
      }
      const entry = this.#stamp(json, stored?.entry, options.ttlSeconds)
      return { entry, beside: options.beside?.(entry) }
    })
    // It never decides to write nothing.
    return written as Written
  }

  /** @returns whether there was a value. */
  async delete(key: string): Promise<boolean> {
    const { entry } = await this.#decide(key, (stored) =>
      this.#isLive(stored) ? { entry: this.#stamp(undefined, stored?.entry) } : null,
    )
    return entry !== null
  }

  /** Takes an entry as another program made it, and compares its version with what is stored. @throws what `write` does */
  async receive(key: string, given: Entry): Promise<Received> {
    assertCountable(given.version, key)
    this.#observe(given)
    const { resolver, clock, logger } = this.#hands
    const isNew: Judgement = { entry: given, outcome: 'stored', isDiscarded: false }
    const report = (problem: MemorySyncError): void => logger.warn(problem.message, { code: problem.code, key })
    let judged = isNew
    const { revision } = await this.#decide(key, (stored) => {
      judged = stored === null ? isNew : reconcileEntry(stored.entry, given, resolver, clock.wallMs(), report)
      return judged.entry === stored?.entry ? null : { entry: judged.entry }
    })
    return { ...judged, revision }
  }

  /**
   * Reads, decides, commits what was decided where nobody wrote in between, and begins again otherwise.
   *
   * @returns what was written and the key's revision; no entry where the decision was to write nothing.
   */
  async #decide(
    key: string,
    decide: (stored: Stored | null) => Decision | null,
  ): Promise<{ readonly revision: number; readonly entry: Entry | null }> {
    this.#assertWritable(key)
    const { store } = this.#hands
    await this.#hands.ready()
    let stored = await store.get(key)
    for (let round = 1; ; round++) {
      if (stored !== null) this.#observe(stored.entry)
      const decided = decide(stored)
      if (decided === null) return { revision: stored?.revision ?? 0, entry: null }
      const { entry, beside } = decided
      // Nothing is to be sent that nobody could read back. @throws too_large
      entryBytesAtMost(entry)
      const unit: Write[] = [{ key, entry, condition: unchanged(stored) }]
      if (beside !== undefined) {
        const before = await store.get(beside.key)
        unit.push({ key: beside.key, entry: this.#stamp(beside.value, before?.entry, entry.ttl), condition: unchanged(before) })
      }
      const [receipt] = await store.commit([unit])
      if (receipt?.type === 'committed') return { revision: receipt.revision, entry }
      if (receipt?.type === 'failed') throw receipt.error
      if (round >= writeRoundsMax) {
        throw new MemorySyncError('conflict', `${quote(key)} was not written: others wrote it ${round} times meanwhile`, { key })
      }
      await this.#pause(round)
      stored = await store.get(key)
    }
  }

  #stamp(value: Json | undefined, overwritten: Entry | undefined, ttlSeconds?: number): Entry {
    const { hybridClock } = this.#hands
    const label = this.#hands.label()
    const context = boundedVersion(overwritten?.version ?? emptyVersion)
    this.#counter = Math.max(this.#counter, context[label] ?? 0) + 1
    const { ms, counter } = hybridClock.tick(this.#hands.nowMs())
    const x: EntryExtension = {
      v: 1,
      d: [label, this.#counter, this.#incarnation],
      ...(counter > 0 ? { c: counter } : undefined),
      ...(value === undefined ? ({ t: 1 } as const) : undefined),
    }
    const version = withCounter(context, label, this.#counter)
    const entry: Entry = { value: value ?? null, version, timestamp: ms, workerId: label, x }
    return ttlSeconds !== undefined && ttlSeconds > 0 ? { ...entry, ttl: ttlSeconds } : entry
  }

  #observe(entry: Entry): void {
    const { hybridClock, clock, logger } = this.#hands
    if (hybridClock.observe(hybridTimestampOf(entry), clock.wallMs())) return
    logger.warn(`the clock of ${quote(entry.workerId)} is more than a minute ahead; its times are clamped`, { code: 'diverged' })
  }

  #isLive(stored: Stored | null): boolean {
    return stored !== null && isLive(stored.entry, this.#hands.clock.wallMs())
  }

  #assertWritable(key: string): void {
    const { keys } = this.#hands
    if (keys.taskOfRecord(key) !== null) {
      throw new MemorySyncError('not_supported', `${key} is a task's record: use the task tools, which keep its rules`, { key })
    }
    if (keys.isLock(key)) {
      throw new MemorySyncError('not_supported', `${key} is a lock: use the lock tools, which keep its rules`, { key })
    }
  }

  /** Spreads writers that meet at one key again and again. */
  #pause(round: number): Promise<void> {
    if (round < 3) return Promise.resolve()
    const delayMs = this.#hands.random.next() * Math.min(pauseMsMax, 2 ** (round - 2))
    return new Promise((resolve) => this.#hands.clock.setTimer(delayMs, resolve))
  }
}

/** Not `absent`: that holds for a tombstone too, which nobody has seen then. */
function unchanged(stored: Stored | null): Condition {
  return stored === null ? { type: 'causal', context: emptyVersion } : { type: 'revision', revision: stored.revision }
}
