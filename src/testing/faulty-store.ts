/**
 * A store that fails on command: wraps any other one and, for chosen calls, refuses, loses the reply, delays or hangs. Nothing
 * here is left to chance: the same script gives the same faults. Knows no test runner.
 *
 * @example
 * const store = faultyStore(memoryStore({ clock }), { clock })
 * store.next('commit', 'lose-reply') // the next commit is made, and its caller is told that nobody knows
 * store.during((call) => (call.operation === 'get' && call.target === 'a' ? 'fail' : null))
 */
import { MemorySyncError } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  FeedItem,
  ListOptions,
  ReadOptions,
  Receipt,
  Store,
  Stored,
  StoreFeatures,
  Unit,
  WatchOptions,
} from '../ports/store.ts'

export type FaultyOperation = 'open' | 'get' | 'list' | 'head' | 'commit' | 'watch'

/**
 * - `fail`: refused before anything happens, with `store_unavailable`; a watch fails when it is read
 * - `lose-reply`: done, but the caller gets `unknown_outcome`; for all but commits the same as `fail`
 * - `hang`: nothing happens until `release`, then the call goes its way; an aborted signal ends the waiting with `aborted`
 * - `hang-reply`: done at once, the answer comes at `release`
 * - `drop`: a watch ends as if its store had closed, without a word; for all others the same as `fail`
 * - `delayMs`: goes its way after so many milliseconds of the clock
 */
export type Fault = 'fail' | 'lose-reply' | 'hang' | 'hang-reply' | 'drop' | { readonly delayMs: number }

export interface FaultyCall {
  readonly operation: FaultyOperation
  /** 1 for the first call of this operation. */
  readonly count: number
  /** The key, the pattern, or the first key of a commit. */
  readonly target: string
  /** What a commit is to write. */
  readonly units: readonly Unit[]
}

export interface FaultyStoreOptions {
  readonly clock: Clock
}

export interface FaultyStore extends Store {
  /** The next `times` calls of this operation get the fault. Faults queue up; they come before rules. */
  next(operation: FaultyOperation, fault: Fault, times?: number): void
  /** Asks for every call which fault it gets; null: none. Later rules first. Returns the way to end it. */
  during(rule: (call: FaultyCall) => Fault | null): () => void
  /** Lets all that hang go on. */
  release(): void
  /** Running watches fail with `store_unavailable`, or end without a word. */
  dropWatches(how?: 'fail' | 'end'): void
  /** No more faults: forgets queued ones and rules, and releases. */
  heal(): void
  /** How many calls of this operation there were. */
  count(operation: FaultyOperation): number
  /** How many calls hang now. */
  readonly hanging: number
}

export function faultyStore(store: Store, options: FaultyStoreOptions): FaultyStore {
  return new Faulty(store, options.clock)
}

class Faulty implements FaultyStore {
  readonly features: StoreFeatures
  readonly url: string
  readonly #store: Store
  readonly #clock: Clock
  readonly #queued = new Map<FaultyOperation, Fault[]>()
  readonly #counts = new Map<FaultyOperation, number>()
  readonly #rules: ((call: FaultyCall) => Fault | null)[] = []
  readonly #hanging = new Set<() => void>()
  readonly #watches = new Set<DroppableWatch>()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.features = store.features
    this.url = store.url
  }

  next(operation: FaultyOperation, fault: Fault, times = 1): void {
    const queued = this.#queued.get(operation) ?? []
    for (let time = 0; time < times; time++) queued.push(fault)
    this.#queued.set(operation, queued)
  }

  during(rule: (call: FaultyCall) => Fault | null): () => void {
    this.#rules.unshift(rule)
    return () => {
      const index = this.#rules.indexOf(rule)
      if (index !== -1) this.#rules.splice(index, 1)
    }
  }

  release(): void {
    for (const goOn of [...this.#hanging]) goOn()
  }

  dropWatches(how: 'fail' | 'end' = 'fail'): void {
    for (const watch of [...this.#watches]) watch.drop(how)
  }

  heal(): void {
    this.#queued.clear()
    this.#rules.length = 0
    this.release()
  }

  count(operation: FaultyOperation): number {
    return this.#counts.get(operation) ?? 0
  }

  get hanging(): number {
    return this.#hanging.size
  }

  open(): Promise<void> {
    return this.#run('open', '', undefined, () => this.#store.open())
  }

  get(key: string, options?: ReadOptions): Promise<Stored | null> {
    return this.#run('get', key, options?.signal, () => this.#store.get(key, options))
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    yield* await this.#run('list', pattern, options?.signal, async () => this.#store.list(pattern, options))
  }

  head(options?: ReadOptions): Promise<number> {
    return this.#run('head', '', options?.signal, () => this.#store.head(options))
  }

  commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    const target = units[0]?.[0]?.key ?? ''
    return this.#run('commit', target, options?.signal, () => this.#store.commit(units, options), units)
  }

  watch(pattern: string, options?: WatchOptions): AsyncIterable<FeedItem> {
    const fault = this.#faultOf('watch', pattern, [])
    const items = this.#store.watch(pattern, options)[Symbol.asyncIterator]()
    const watch = new DroppableWatch(items, () => this.#watches.delete(watch))
    this.#watches.add(watch)
    if (fault === 'fail' || fault === 'lose-reply') watch.drop('fail')
    else if (fault === 'drop') watch.drop('end')
    else if (fault !== null) watch.waitFor(this.#pause(fault, options?.signal))
    return watch
  }

  close(): Promise<void> {
    this.release()
    return this.#store.close()
  }

  async #run<T>(
    operation: FaultyOperation,
    target: string,
    signal: AbortSignal | undefined,
    call: () => Promise<T>,
    units: readonly Unit[] = [],
  ): Promise<T> {
    const fault = this.#faultOf(operation, target, units)
    if (fault === null) return call()
    const what = `${operation} ${this.count(operation)}`
    if (fault === 'lose-reply' && operation === 'commit') {
      await call()
      throw new MemorySyncError('unknown_outcome', `scripted fault: the reply to ${what} was lost`)
    }
    if (fault === 'fail' || fault === 'lose-reply' || fault === 'drop') throw refused(what)
    if (fault === 'hang-reply') {
      const answer = await call()
      await this.#hang(signal)
      return answer
    }
    await this.#pause(fault, signal)
    return call()
  }

  #faultOf(operation: FaultyOperation, target: string, units: readonly Unit[]): Fault | null {
    const count = this.count(operation) + 1
    this.#counts.set(operation, count)
    const queued = this.#queued.get(operation)?.shift()
    if (queued !== undefined) return queued
    const call: FaultyCall = { operation, count, target, units }
    for (const rule of this.#rules) {
      const fault = rule(call)
      if (fault !== null) return fault
    }
    return null
  }

  #pause(fault: 'hang' | 'hang-reply' | { readonly delayMs: number }, signal: AbortSignal | undefined): Promise<void> {
    if (typeof fault === 'string') return this.#hang(signal)
    return new Promise((resolve) => this.#clock.setTimer(fault.delayMs, resolve))
  }

  #hang(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#hanging.delete(goOn)
        signal?.removeEventListener('abort', giveUp)
      }
      const goOn = () => {
        end()
        resolve()
      }
      const giveUp = () => {
        end()
        reject(new MemorySyncError('aborted', 'the call was aborted while it hung', { cause: signal?.reason }))
      }
      this.#hanging.add(goOn)
      signal?.addEventListener('abort', giveUp, { once: true })
      if (signal?.aborted) giveUp()
    })
  }
}

/** A watch that can be cut off from its store, also while its consumer waits. */
class DroppableWatch implements AsyncIterableIterator<FeedItem> {
  readonly #items: AsyncIterator<FeedItem>
  readonly #onEnd: () => void
  readonly #dropped: Promise<'fail' | 'end'>
  #drop: (how: 'fail' | 'end') => void = () => {}
  #how: 'fail' | 'end' | null = null
  #before: Promise<void> | null = null

  constructor(items: AsyncIterator<FeedItem>, onEnd: () => void) {
    this.#items = items
    this.#onEnd = onEnd
    this.#dropped = new Promise((resolve) => {
      this.#drop = resolve
    })
  }

  /** Nothing is given before this has settled. */
  waitFor(before: Promise<void>): void {
    this.#before = before
    // An aborted watch ends; its consumer is told by the watch itself.
    before.catch(() => {})
  }

  drop(how: 'fail' | 'end'): void {
    if (this.#how !== null) return
    this.#how = how
    this.#onEnd()
    this.#drop(how)
    void this.#items.return?.()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<FeedItem>> {
    if (this.#how === null && this.#before !== null) await Promise.race([this.#before.catch(() => {}), this.#dropped])
    const item = this.#how === null ? await Promise.race([this.#items.next(), this.#dropped]) : this.#how
    if (typeof item === 'object') {
      if (item.done) this.#onEnd()
      return item
    }
    if (item === 'end') return { done: true, value: undefined }
    // Told once; whoever reads on finds the end.
    this.#how = 'end'
    throw refused('the watch')
  }

  async return(): Promise<IteratorResult<FeedItem>> {
    this.#onEnd()
    await this.#items.return?.()
    return { done: true, value: undefined }
  }
}

function refused(what: string): MemorySyncError {
  return new MemorySyncError('store_unavailable', `scripted fault: ${what} was refused`)
}
