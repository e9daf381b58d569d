/**
 * Where intents become writes: stamped with version, dot and hybrid time, checked for size, handed to the batch writer,
 * and answered exactly once. One journal per runtime life. Knows no actor but the batch writer's door.
 *
 * - J1 dots are unique: the counter rises with every write of this life, whatever the key
 * - J2 a key's version context is what the intent was based on, else what this life has seen of the key, else it is read
 */
import type { RememberOptions, WriteOutcome } from '../actors/outcome.ts'
import type { Entry, EntryExtension } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import { HybridClock, type HybridTimestamp } from '../domain/hybrid-clock.ts'
import { boundedVersion, emptyVersion, isCovered, joinVersions, type Version, withCounter } from '../domain/version-vector.ts'
import type { Intent, Unit, Write } from '../domain/write.ts'
import type { Clock } from '../ports/clock.ts'
import type { Receipt, Store, Stored } from '../ports/store.ts'
import { entryBytesAtMost } from '../wire/entry-codec.ts'
import { Contexts } from './contexts.ts'

/** About what a write takes beside its entry: key, condition and guard. */
const writeOverheadBytes = 1024

export interface JournalWriter {
  submit(unit: Unit, bytes: number, answer: (receipt: Receipt, isUncertain: boolean) => void, urgent: boolean): void
}

export interface JournalOptions {
  readonly workerId: string
  readonly incarnation: string
  readonly clock: Clock
  readonly store: Pick<Store, 'get'>
  readonly writer: JournalWriter
  readonly reportClockAhead: (entry: Entry) => void
}

export class Journal {
  readonly contexts = new Contexts()
  readonly hybridClock = new HybridClock()
  readonly #options: JournalOptions
  #counter = 0
  #seen: Version = emptyVersion

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Hybrid milliseconds: what "now" means in documents. */
  nowMs(): number {
    return this.hybridClock.nowMs(this.#options.clock.wallMs())
  }

  tick(): HybridTimestamp {
    return this.hybridClock.tick(this.#options.clock.wallMs())
  }

  /** The newest counter of each worker, as far as this life has read or written; its own included. */
  get seen(): Version {
    return withCounter(this.#seen, this.#options.workerId, Math.max(this.#counter, this.#seen[this.#options.workerId] ?? 0))
  }

  /** What was read or told: later writes follow it in time and have seen its version. */
  learn(stored: Stored): void {
    this.observe(stored.entry)
    if (!isCovered(stored.entry.version, this.#seen)) this.#seen = boundedVersion(joinVersions(this.#seen, stored.entry.version))
    this.contexts.learn(stored.key, stored.entry.version)
  }

  observe(entry: Entry): void {
    const remote = { ms: entry.timestamp, counter: entry.x?.c ?? 0 }
    if (!this.hybridClock.observe(remote, this.#options.clock.wallMs())) this.#options.reportClockAhead(entry)
  }

  /** Stamps the intents as one unit and submits it. Never throws; a unit that is refused here is answered `failed`. */
  remember(intents: readonly Intent[], answer: (outcome: WriteOutcome) => void, options?: RememberOptions): void {
    const unknown = intents.filter((intent) => intent.context === undefined && this.contexts.get(intent.key) === undefined)
    if (unknown.length === 0) this.#submit(intents, answer, options)
    else void this.#readThenSubmit(unknown, intents, answer, options)
  }

  async #readThenSubmit(
    unknown: readonly Intent[],
    intents: readonly Intent[],
    answer: (outcome: WriteOutcome) => void,
    options?: RememberOptions,
  ): Promise<void> {
    try {
      for (const { key } of unknown) {
        const stored = await this.#options.store.get(key)
        if (stored === null) this.contexts.learn(key, emptyVersion)
        else this.learn(stored)
      }
    } catch (thrown) {
      answer({ type: 'failed', error: MemorySyncError.from(thrown, 'store_unavailable') })
      return
    }
    this.#submit(intents, answer, options)
  }

  #submit(intents: readonly Intent[], answer: (outcome: WriteOutcome) => void, options?: RememberOptions): void {
    const time = this.tick()
    const unit: Write[] = []
    let bytes = 0
    try {
      for (const intent of intents) {
        const write = this.#stamp(intent, time)
        bytes += sizeOf(write)
        unit.push(write)
      }
    } catch (thrown) {
      answer({ type: 'failed', error: MemorySyncError.from(thrown, 'invalid_value') })
      return
    }
    const first = unit[0]
    if (first === undefined) return
    const version = first.entry?.version ?? emptyVersion
    this.#options.writer.submit(
      unit,
      bytes,
      (receipt, isUncertain) => {
        if (receipt.type === 'committed') {
          for (const write of unit) if (write.entry !== null) this.contexts.refresh(write.key, write.entry.version)
          answer({ type: 'committed', revision: receipt.revision, version, durability: receipt.durability })
        } else {
          if (receipt.type !== 'failed' && receipt.stored !== null) this.learn(receipt.stored)
          if (receipt.type === 'conflict') {
            answer({
              ...receipt,
              own: first.entry,
              isOverwritten: isUncertain && receipt.stored !== null && hasSeen(receipt.stored, first),
            })
          } else answer(receipt)
        }
      },
      options?.urgent === true,
    )
  }

  #stamp(intent: Intent, time: HybridTimestamp): Write {
    const { workerId, incarnation } = this.#options
    const context = boundedVersion(intent.context ?? this.contexts.get(intent.key) ?? emptyVersion)
    const counter = Math.max(this.#counter, context[workerId] ?? 0) + 1
    if (counter > Number.MAX_SAFE_INTEGER) throw countedOut(intent.key, workerId)
    this.#counter = counter
    const version = withCounter(context, workerId, this.#counter)
    const x: { -readonly [Member in keyof EntryExtension]: EntryExtension[Member] } = {
      v: 1,
      d: [workerId, this.#counter, incarnation],
    }
    if (time.counter > 0) x.c = time.counter
    if (intent.guard !== undefined) x.e = [intent.guard.scope, intent.guard.epoch]
    if (intent.value === undefined) x.t = 1
    if (intent.fields !== undefined) x.f = intent.fields
    const plain = { value: intent.value ?? null, version, timestamp: time.ms, workerId, x }
    const hasTtl = intent.ttlSeconds !== undefined && intent.ttlSeconds > 0
    const entry: Entry = hasTtl ? { ...plain, ttl: intent.ttlSeconds as number } : plain
    if (intent.context === undefined || intent.condition.type === 'causal') this.contexts.learn(intent.key, version)
    const write: Write = { key: intent.key, entry, condition: intent.condition }
    return intent.guard === undefined ? write : { ...write, guard: intent.guard }
  }
}

/** What is stored claims so many writes of this worker that none can follow. Only forged entries do. */
function countedOut(key: string, workerId: string): MemorySyncError {
  const message = `${key} was not written: what is stored there counts 2^53-1 writes of ${workerId}, and no more can be counted. Purge it, or write under another worker id.`
  return new MemorySyncError('corrupt', message, { key })
}

/** Whether the stored entry's writer knew of `write`: then it was there before. Lives of one worker id look alike here. */
function hasSeen(stored: Stored, { entry }: Write): boolean {
  const dot = entry?.x?.d
  return dot !== undefined && (stored.entry.version[dot[0]] ?? 0) >= dot[1]
}

/** Bytes for the buffer's bound. @throws `too_large` for an entry that the store would refuse. */
function sizeOf(write: Write): number {
  return writeOverheadBytes + (write.entry === null ? 0 : entryBytesAtMost(write.entry))
}
