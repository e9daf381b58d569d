/**
 * Stores what is read from another memory server where clients of `serve` find it, and counts what became of it. Knows neither the
 * server nor the command.
 *
 * - I1 nothing is overwritten that had seen what comes, or is newer than it: the rules of entries that clients hand in (`src/mcp`)
 * - I2 every value is counted once, by what became of it; one that cannot be stored is skipped with the reason, and the rest goes on
 */
import { type Entry, isLive } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import { HybridClock } from '../domain/hybrid-clock.ts'
import { ConflictResolvers } from '../domain/resolvers.ts'
import { isClientText } from '../mcp/client-text.ts'
import { ClientWriter, type Received } from '../mcp/client-writer.ts'
import { Namespaces } from '../mcp/namespaces.ts'
import type { Logger } from '../ports/logger.ts'
import type { Store } from '../ports/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { ForeignReading } from '../stores/mcp/foreign-reading.ts'
import { importedEntry, importLabel, reasonOf } from './import-entry.ts'

/** Values that are told by name with what is wrong with them; more are only counted. */
export const toldMax = 1000

export interface Told {
  /** null: the key is that of the store itself. */
  readonly namespace: string | null
  readonly key: string
  readonly reason: string
}

export interface NamespaceTold {
  /** null: any. */
  readonly namespace: string | null
  readonly isComplete: boolean
  /** What may be missing, and why; null: nothing. */
  readonly note: string | null
}

export interface ImporterOptions {
  readonly runtime: Runtime
  readonly logger: Logger
  /** Nothing is stored; all is counted as if it had been. */
  readonly isDry: boolean
}

export class Importer {
  imported = 0
  unchanged = 0
  /** What is here stays: it had seen what comes, or is newer. */
  older = 0
  /** Deleted or expired there, and never here. */
  gone = 0
  skipped = 0
  doubtful = 0
  readonly skippedTold: Told[] = []
  readonly doubtfulTold: Told[] = []
  readonly namespaces: NamespaceTold[] = []
  readonly #runtime: Runtime
  readonly #places: Namespaces
  readonly #writer: ClientWriter

  /** @throws `invalid_option` for a runtime whose namespace no memory server can have. */
  constructor({ runtime, logger, isDry }: ImporterOptions) {
    const { store, clock, random, keys, nowMs, conflictResolver } = runtime.inside
    this.#runtime = runtime
    this.#places = new Namespaces(runtime.namespace)
    this.#writer = new ClientWriter({
      store: isDry ? dry(store) : store,
      clock,
      random,
      keys,
      logger,
      hybridClock: new HybridClock(),
      resolver: conflictResolver ?? ConflictResolvers.lastWriteWins,
      ready: () => runtime.ready(),
      nowMs,
      label: () => importLabel,
    })
  }

  get found(): number {
    return this.imported + this.unchanged + this.older + this.gone + this.skipped
  }

  get isComplete(): boolean {
    return this.namespaces.every(({ isComplete }) => isComplete)
  }

  /** @throws what the store throws when it is not the value's fault. */
  async take(reading: ForeignReading): Promise<void> {
    switch (reading.type) {
      case 'whole':
        this.namespaces.push({ namespace: reading.namespace, isComplete: true, note: reading.assumed })
        return
      case 'gap':
        this.namespaces.push({ namespace: reading.namespace, isComplete: false, note: reading.reason })
        return
      case 'unreadable':
        this.#skip(reading)
        return
      case 'entry': {
        const { key, entry } = reading.stored
        const place = this.#places.placeOf(key) ?? { namespace: null, key }
        return this.#store(place, () => ({ storeKey: key, entry, doubt: null, isTimed: true }))
      }
      case 'value':
        return this.#store(reading, () => {
          const { key, entry, doubt } = importedEntry(reading)
          const isTimed = entry.workerId !== importLabel || reading.updatedAtMs !== null
          return { storeKey: this.#places.storeKey(reading.namespace, key), entry, doubt, isTimed }
        })
    }
  }

  async #store({ namespace, key }: Omit<Told, 'reason'>, made: () => Made): Promise<void> {
    try {
      const { storeKey, entry, doubt, isTimed } = made()
      const here = await this.#runtime.inside.store.get(storeKey)
      if (here === null && !this.#isLive(entry)) {
        this.gone++
        return
      }
      const isSame = here !== null && this.#isLive(here.entry) && isSameText(here.entry, entry)
      if (isSame) this.unchanged++
      else if (here !== null && this.#isLive(here.entry) && !isTimed) throw new MemorySyncError('conflict', unknownOrder)
      else this.#count(await this.#writer.receive(storeKey, entry))
      if (doubt === null) return
      this.doubtful++
      if (this.doubtfulTold.length < toldMax) this.doubtfulTold.push({ namespace, key, reason: doubt })
    } catch (thrown) {
      this.#skip({ namespace, key, reason: reasonOf(thrown) })
    }
  }

  #isLive(entry: Entry): boolean {
    return isLive(entry, this.#runtime.inside.clock.wallMs())
  }

  #count({ outcome, isDiscarded }: Received): void {
    if (outcome === 'same') this.unchanged++
    else if (isDiscarded) this.older++
    else this.imported++
  }

  #skip({ namespace, key, reason }: Told): void {
    this.skipped++
    if (this.skippedTold.length < toldMax) this.skippedTold.push({ namespace, key, reason })
  }
}

/** A value, ready to be stored. */
interface Made {
  readonly storeKey: string
  readonly entry: Entry
  readonly doubt: string | null
  /** Whether it is known when it was written. */
  readonly isTimed: boolean
}

const unknownOrder =
  'there is another text here, and the server does not tell when its own was written; delete the one here, or store the other one there again'

/** A text that its server told the time of only once is the same text. */
function isSameText(here: Entry, entry: Entry): boolean {
  return entry.workerId === importLabel && isClientText(here) && here.value === entry.value
}

/** The store as it is, which takes every write and keeps none. */
function dry(store: Store): Pick<Store, 'get' | 'commit'> {
  return {
    get: (key, options) => store.get(key, options),
    commit: async (units) => units.map(() => ({ type: 'committed', revision: 0, durability: 'none' })),
  }
}
