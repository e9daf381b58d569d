/**
 * Worlds for the runtime's tests: one virtual clock, one shared memory store, any number of runtimes on it, each behind a
 * store handle and a clock that can be made to fail. Ends each test by checking that nothing was left: no timer, no
 * rejection that nobody handled.
 */
import { afterEach, expect } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Clock, Timer } from '../../src/ports/clock.ts'
import type { LogFields, Logger } from '../../src/ports/logger.ts'
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
} from '../../src/ports/store.ts'
import { checkRuntimeOptions, type RuntimeOptions } from '../../src/runtime/options.ts'
import { Runtime } from '../../src/runtime/runtime.ts'
import type { TaskHandle } from '../../src/runtime/tasks.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type FaultyStore, faultyStore } from '../../src/testing/faulty-store.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts'

/** What becomes of one commit: a fault of the scripted store, or an error that no store of ours would throw. */
export type CommitFate = 'pass' | 'fail' | 'lose-reply' | 'hang' | 'throw'

/** A handle of the shared store that does as the test says: scripted faults, and a process that stops in the middle of a call. */
export class TestStore implements Store {
  readonly url: string
  features: StoreFeatures
  /** Asked before each commit, with what it would write. What hangs goes its way at `faults.release()`, as late as that is. */
  commitFate: (units: readonly Unit[]) => CommitFate = () => 'pass'
  /** Milliseconds that a commit takes. */
  commitMs = 0
  /** Asked before each read; what it throws is what the read rejects with. */
  onGet: (key: string) => void = () => {}
  onWatch: () => void = () => {}
  onOpen: () => Promise<void> = async () => {}
  /** Changes what a watch yields. */
  onFeed: (item: FeedItem) => FeedItem = (item) => item
  isClosed = false
  readonly faults: FaultyStore
  #fate: CommitFate = 'pass'
  #gate: Promise<void> | null = null
  #openGate: () => void = () => {}

  constructor(inner: Store, clock: Clock) {
    this.faults = faultyStore(inner, { clock })
    this.faults.during(({ operation }) => {
      if (operation !== 'commit') return null
      if (this.#fate === 'pass' || this.#fate === 'throw') return this.commitMs > 0 ? { delayMs: this.commitMs } : null
      return this.#fate
    })
    this.url = inner.url
    this.features = inner.features
  }

  /** All calls wait, answers too, until `thaw`. */
  freeze(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#openGate = resolve
    })
  }

  thaw(): void {
    this.#gate = null
    this.#openGate()
  }

  async open(): Promise<void> {
    await this.onOpen()
    await this.faults.open()
  }

  async get(key: string, options?: ReadOptions): Promise<Stored | null> {
    if (this.#gate !== null) await this.#gate
    this.onGet(key)
    const stored = await this.faults.get(key, options)
    if (this.#gate !== null) await this.#gate
    return stored
  }

  async *list(pattern: string, options?: ListOptions): AsyncGenerator<Stored> {
    if (this.#gate !== null) await this.#gate
    this.onGet(pattern)
    for await (const stored of this.faults.list(pattern, options)) {
      if (this.#gate !== null) await this.#gate
      yield stored
    }
  }

  async commit(units: readonly Unit[], options?: ReadOptions): Promise<readonly Receipt[]> {
    if (this.#gate !== null) await this.#gate
    const fate = this.commitFate(units)
    if (fate === 'throw') throw new Error('ECONNRESET')
    this.#fate = fate
    // Without the caller's signal: what has left for the store cannot be called back.
    const receipts = await this.faults.commit(units, fate === 'pass' ? options : {})
    if (this.#gate !== null) await this.#gate
    return receipts
  }

  async *watch(pattern: string, options: WatchOptions = {}): AsyncGenerator<FeedItem> {
    this.onWatch()
    for await (const item of this.faults.watch(pattern, options)) {
      if (this.#gate !== null) await this.#gate
      yield this.onFeed(item)
    }
  }

  head(options?: ReadOptions): Promise<number> {
    return this.faults.head(options)
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.faults.close()
  }
}

/** A process's own clock, that can stop: what falls due while it is frozen fires when it is thawed. */
export class TestClock implements Clock {
  bootId: string | null
  /** Asked for each timer; a test throws here to crash whoever sets it. */
  onTimer: (delayMs: number) => void = () => {}
  readonly #clock: VirtualClock
  #frozen: (() => void)[] | null = null

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.bootId = clock.bootId
  }

  wallMs(): number {
    return this.#clock.wallMs()
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  setTimer(delayMs: number, fire: () => void, options?: { keepAlive?: boolean }): Timer {
    this.onTimer(delayMs)
    let isCancelled = false
    const timer = this.#clock.setTimer(delayMs, () => this.#run(() => isCancelled || fire()), options)
    return {
      cancel() {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  defer(run: () => void): void {
    this.#clock.defer(() => this.#run(run))
  }

  freeze(): void {
    this.#frozen ??= []
  }

  thaw(): void {
    const held = this.#frozen ?? []
    this.#frozen = null
    for (const run of held) run()
  }

  #run(run: () => void): void {
    if (this.#frozen === null) run()
    else this.#frozen.push(run)
  }
}

/** One process of a world. */
export interface Member {
  readonly runtime: Runtime
  readonly store: TestStore
  readonly clock: TestClock
  /** What was reported, oldest first. */
  readonly problems: MemorySyncError[]
  /** As a process that stops for a while: its timers and its store calls wait. */
  freeze(): void
  thaw(): void
}

export interface MemberOptions extends Omit<RuntimeOptions, 'store' | 'clock' | 'random'> {
  /** Before the runtime is made: faults from the first call on. */
  readonly prepare?: (store: TestStore, clock: TestClock) => void
  /** Whether shutdown closes the store. Default true. */
  readonly ownsStore?: boolean
}

export interface World {
  readonly clock: VirtualClock
  /** A handle of the shared memory without faults. */
  readonly memory: Store
  /** Another process on the same memory. */
  join(options?: MemberOptions): Member
  /** Runs virtual time until the promise settles. */
  run<T>(promise: PromiseLike<T>, limitMs?: number): Promise<T>
  /** Runs virtual time until the promise rejects, and gives the error. */
  refused(promise: PromiseLike<unknown>): Promise<MemorySyncError>
  /** Runs virtual time until the task's record has this status. */
  until(task: TaskHandle, status: string): Promise<void>
  /** Shuts all members down. Also done at the end of each test. */
  close(): Promise<void>
}

let worlds = 0
const open = new Set<World>()

export function world(options: { readonly seed?: number; readonly bootId?: string | null } = {}): World {
  const number = ++worlds
  const clock = createVirtualClock(options.bootId === undefined ? {} : { bootId: options.bootId })
  const name = `world-${number}`
  const memory = memoryStore({ name, clock })
  // What a name holds lives while one handle is open: this one outlives the members.
  void memory.open()
  const members: Member[] = []
  let driving: Promise<unknown> | null = null
  const run = async <T>(promise: PromiseLike<T>, limitMs = 3600_000): Promise<T> => {
    // One call at a time moves time; the others' promises settle along the way, or are next.
    while (driving !== null) await driving.catch(() => {})
    const own = clock.drive(promise, { limitMs })
    driving = own
    try {
      return await own
    } finally {
      if (driving === own) driving = null
    }
  }
  const it: World = {
    clock,
    memory,
    join(memberOptions = {}) {
      const member = createMember(memberOptions, { clock, name, seed: (options.seed ?? 1) * 1000 + members.length })
      members.push(member)
      return member
    },
    run,
    async refused(promise) {
      const outcome = await run(
        Promise.resolve(promise).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        ),
      )
      if (!('error' in outcome)) expect.unreachable(`was not refused, but gave ${JSON.stringify(outcome.value)}`)
      expect(outcome.error).toBeInstanceOf(MemorySyncError)
      return outcome.error as MemorySyncError
    },
    async until(task, status) {
      await run(
        (async () => {
          for await (const seen of task.watch()) if (seen.status === status) return
          expect.unreachable(`task ${task.id} ended without being ${status}`)
        })(),
      )
    },
    async close() {
      for (const { thaw } of members) thaw()
      await run(Promise.all(members.map(({ runtime }) => runtime.shutdown({ drainMs: 0 }))))
      await memory.close()
    },
  }
  open.add(it)
  return it
}

function createMember(
  options: MemberOptions,
  { clock: virtual, name, seed }: { readonly clock: VirtualClock; readonly name: string; readonly seed: number },
): Member {
  const { prepare, ownsStore = true, ...given } = options
  const clock = new TestClock(virtual)
  const store = new TestStore(memoryStore({ name, clock: virtual }), virtual)
  const random = createSeededRandom(seed)
  prepare?.(store, clock)
  const incarnation = random.token(8)
  const runtime = new Runtime({
    options: checkRuntimeOptions({ logger: quiet, ...given }),
    store,
    ownsStore,
    clock,
    random,
    logger: given.logger ?? quiet,
    workerId: given.workerId ?? `w${seed}`,
    incarnation,
  })
  const problems: MemorySyncError[] = []
  runtime.onProblem((error) => problems.push(error))
  return {
    runtime,
    store,
    clock,
    problems,
    freeze() {
      clock.freeze()
      store.freeze()
    },
    thaw() {
      store.thaw()
      clock.thaw()
    },
  }
}

/** Set to see what runtimes log while a test is being written. */
const isLoud = process.env.LOUD === '1'
const say = (message: string, fields?: LogFields): void => {
  if (isLoud) console.error(message, fields ?? '')
}
const quiet: Logger = { debug: say, info: say, warn: say, error: say }

/** Resolves after so many milliseconds; rejects and leaves no timer when the signal aborts. */
export function wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(ms, resolve)
    signal?.addEventListener('abort', () => {
      timer.cancel()
      reject(signal.reason)
    })
  })
}

/** A promise and what settles it. */
export function gate<T = void>(): { readonly promise: Promise<T>; open(value: T): void; fail(error: unknown): void } {
  let resolvePromise: (value: T) => void = () => {}
  let rejectPromise: (error: unknown) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    resolvePromise = resolve
    rejectPromise = reject
  })
  return { promise, open: (value) => resolvePromise(value), fail: (error) => rejectPromise(error) }
}

/** A handler that does nothing until its signal aborts, and ignores that too. */
export const hangs = (): Promise<never> => new Promise(() => {})

const strays: unknown[] = []
process.on('unhandledRejection', (reason) => strays.push(reason))
process.on('uncaughtException', (error) => strays.push(error))

afterEach(async () => {
  const worldsOfTest = [...open]
  open.clear()
  for (const each of worldsOfTest) {
    await each.close()
    // What was put off to a later turn may still run; timers may not be left.
    await each.clock.advance(0)
    expect(each.clock.describePending()).toEqual([])
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(strays.splice(0)).toEqual([])
})
