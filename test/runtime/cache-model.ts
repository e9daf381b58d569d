/**
 * A store and its feed that do every step when the test says so: when a read of the store takes place and when it is answered,
 * what the feed gives and when. Remembers what each key was at each revision. And the cache as the tests make it on such a store.
 */
import type { Entry } from '../../src/domain/entry.ts'
import { systemClock } from '../../src/platform.ts'
import type { Store, Stored, StoreFeatures } from '../../src/ports/store.ts'
import { ReadCache } from '../../src/runtime/cache.ts'

/** What a key was from a revision on: the revision of a value, or dead: absent, deleted or purged, which readers judge alike. */
export type State = number | 'dead'

interface Reading {
  readonly key: string
  readonly answer: (stored: Stored | null) => void
  readonly fail: (error: Error) => void
  /** undefined: has not taken place. */
  found: Stored | null | undefined
}

export class ModelStore {
  readonly features: StoreFeatures
  readonly url = 'model:'
  revision = 0
  readonly readings: Reading[] = []
  reads = 0
  /** Most readings of one key that were on their way at once. */
  readsAtOnceMax = 0
  headNow?: () => number
  readonly #entries = new Map<string, Stored>()
  readonly #log: (Stored | null)[] = []
  readonly #history = new Map<string, { from: number; state: State }[]>()
  /** Up to where the feed has told. */
  #place = 0

  constructor(reach: StoreFeatures['reach'], hasHeadNow = reach !== 'network') {
    this.features = { compareAndSet: true, atomicUnit: true, watch: 'push', reach, durability: 'none' }
    if (hasHeadNow) this.headNow = () => this.revision
  }

  write(key: string, writer: 'own' | 'other', isTombstone = false): Stored {
    const revision = ++this.revision
    const stored: Stored = { key, revision, entry: entryOf(revision, writer, isTombstone) }
    this.#entries.set(key, stored)
    this.#log.push(stored)
    this.#remember(key, isTombstone ? 'dead' : revision)
    return stored
  }

  /** Only of a tombstone. */
  purge(key: string): boolean {
    if (this.#entries.get(key)?.entry.x?.t !== 1) return false
    this.revision++
    this.#entries.delete(key)
    this.#log.push(null)
    return true
  }

  get(key: string): Promise<Stored | null> {
    this.reads++
    const atOnce = this.readings.filter((reading) => reading.key === key).length + 1
    this.readsAtOnceMax = Math.max(this.readsAtOnceMax, atOnce)
    return new Promise((answer, fail) => this.readings.push({ key, answer, fail, found: undefined }))
  }

  read(reading: Reading | undefined): void {
    if (reading !== undefined && reading.found === undefined) reading.found = this.#entries.get(reading.key) ?? null
  }

  answer(reading: Reading | undefined): void {
    if (reading === undefined) return
    this.read(reading)
    this.readings.splice(this.readings.indexOf(reading), 1)
    reading.answer(reading.found ?? null)
  }

  fail(reading: Reading | undefined, error: Error): void {
    if (reading === undefined) return
    this.readings.splice(this.readings.indexOf(reading), 1)
    reading.fail(error)
  }

  /** The feed's next changes, as they were committed. */
  pushed(count: number): Stored[] {
    const changes = this.#log.slice(this.#place, this.#place + count)
    this.#place += changes.length
    return changes.filter((change) => change !== null)
  }

  /** The feed's next changes, read from a log that knows keys only: what is overwritten is left out. null: it cannot be told. */
  logged(count: number): Stored[] | null {
    const changes: Stored[] = []
    for (const change of this.#log.slice(this.#place, this.#place + count)) {
      if (change === null) continue
      const stored = this.#entries.get(change.key)
      if (stored === undefined) return null
      if (stored === change) changes.push(change)
    }
    this.#place = Math.min(this.#log.length, this.#place + count)
    return changes
  }

  get place(): number {
    return this.#place
  }

  /** All that is stored, in key order; the feed goes on behind it. */
  snapshot(): { stored: Stored[]; revision: number } {
    this.#place = this.revision
    const keys = [...this.#entries.keys()].sort()
    return { stored: keys.map((key) => this.#entries.get(key) as Stored), revision: this.revision }
  }

  /** What the key was at some time from this revision to now. */
  statesSince(key: string, revision: number): Set<State> {
    const states = new Set<State>()
    const history = this.#history.get(key) ?? []
    let current: State = 'dead'
    for (const { from, state } of history) {
      if (from > revision) states.add(current)
      current = state
    }
    return states.add(current)
  }

  /** What the cache needs of a store. */
  asStore(): Pick<Store, 'features' | 'get' | 'headNow'> {
    return this
  }

  #remember(key: string, state: State): void {
    const history = this.#history.get(key) ?? []
    history.push({ from: this.revision, state })
    this.#history.set(key, history)
  }
}

export function stateOf(stored: Stored | null): State {
  return stored === null || stored.entry.x?.t === 1 ? 'dead' : stored.revision
}

function entryOf(count: number, writer: string, isTombstone: boolean): Entry {
  return {
    value: isTombstone ? null : count,
    version: { [writer]: count },
    timestamp: count,
    workerId: writer,
    x: { v: 1, d: [writer, count, writer], ...(isTombstone ? { t: 1 as const } : {}) },
  }
}

export const isOwn = (change: Stored): boolean => change.entry.workerId === 'own'

export function cacheOn(store: ModelStore, size?: number): ReadCache {
  const cache = new ReadCache({ store: store.asStore(), admits: isOwn }, size)
  cache.caughtUp(store.revision)
  return cache
}

/** Real turns of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => systemClock.defer(resolve))

/** Answers all reads, also those that begin meanwhile. */
export async function answerAll(store: ModelStore): Promise<void> {
  for (let rounds = 0; rounds < 5; rounds++) {
    for (const reading of [...store.readings]) store.answer(reading)
    await turn()
  }
}

export async function filled(store: ModelStore, cache: ReadCache, key: string): Promise<Stored | null> {
  const reading = cache.get(key)
  await answerAll(store)
  return reading
}
