/**
 * The runtime: one process's part in the shared memory. Owns the order in which its pieces start and stop, and the public
 * calls; what happens in between is the charts' and their hands' business.
 */
import type { AnyActorRef, InspectionEvent, Observer } from 'xstate'
import { BatchWriter } from '../actors/batch-writer.ts'
import { circuitBreakerLogic } from '../actors/circuit-breaker.ts'
import type { RememberOptions, WriteOutcome } from '../actors/outcome.ts'
import { syncLogic } from '../actors/sync.ts'
import { taskLogic } from '../actors/task.ts'
import { workerLogic } from '../actors/worker.ts'
import { type Moment, momentOf } from '../domain/deadline.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { assertId, type Keys, keysOf } from '../domain/key.ts'
import type { ConflictResolver } from '../domain/resolvers.ts'
import type { TaskRecord } from '../domain/task-record.ts'
import type { Version } from '../domain/version-vector.ts'
import type { Intent, Unit } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import { Beacon } from '../trace/beacon.ts'
import { CommitTimes } from '../trace/commit-times.ts'
import { RuntimeTrace } from '../trace/runtime-trace.ts'
import type { TraceSource } from '../trace/trace-source.ts'
import { ReadCache } from './cache.ts'
import { assertEvent, commandsByKind, type DrivenCommand, drivenEventOf, parseAddress, taskCommandOf } from './commands.ts'
import { Dispatcher } from './dispatcher.ts'
import { type Explanation, explain } from './explain.ts'
import { HandlerRunner } from './handlers.ts'
import { Journal } from './journal.ts'
import { type HeldLock, type LockOptions, Locks } from './locks.ts'
import { Memory } from './memory.ts'
import type { CheckedOptions } from './options.ts'
import { Queue } from './queue.ts'
import { QueueDocuments } from './queue-document.ts'
import { type Conflict, Reconciler } from './reconciler.ts'
import { Subscriptions } from './subscriptions.ts'
import { Supervisor } from './supervisor.ts'
import { Sweeper } from './sweeper.ts'
import type { TaskSpec } from './task-spec.ts'
import { type TaskHandle, Tasks, unknownTask } from './tasks.ts'
import { traceHands } from './trace-hands.ts'
import { Watches } from './watches.ts'
import { assertGoodFor, type StoreDemand } from './weak-store.ts'
import { type PullingWorkerHandle, type PullingWorkerOptions, type WorkerHandle, type WorkerOptions, Workers } from './workers.ts'

/** After the abort of their signals, handlers have so long to end before their tasks are handed back. */
export const abortGraceMs = 2000
/** How long shutdown waits for the store to take what is left. */
export const flushDeadlineMs = 5000
const aliveTimerMs = 3_600_000
export const drainMsDefault = 30_000
export interface RuntimeParts {
  readonly options: CheckedOptions
  readonly store: Store
  /** Whether shutdown closes the store. */
  readonly ownsStore: boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly workerId: string
  readonly incarnation: string
  readonly observer?: RuntimeObserver
  /** Default: what `allowWeak` says. */
  readonly demand?: StoreDemand
}

/** What those built on a runtime need beyond its calls. */
export interface RuntimeInside {
  readonly store: Store
  readonly keys: Keys
  readonly clock: Clock
  readonly random: Random
  /** Hybrid milliseconds. */
  nowMs(): number
  remember(intents: readonly Intent[], options?: RememberOptions): Promise<WriteOutcome>
  /** The queue as documents, and this process's claims from them. */
  readonly queueDocuments: QueueDocuments
  /** Locks by their keys. */
  readonly locks: Locks
  /** Sends what waits for company. */
  flush(): void
  readonly conflictResolver: ConflictResolver | undefined
  /** Runs of the conflict resolver. */
  conflicts(): number
  /** What this process has seen: the newest counter of each worker, its own included. */
  seen(): Version
  readonly cache: Pick<ReadCache, 'metrics' | 'clear'>
  /** What happens here, for inspectors. */
  readonly trace: TraceSource
  /** Those that live now, by their addresses. */
  actors(): Iterable<AnyActorRef>
}

/** What the facade counts and tells. */
export interface RuntimeObserver {
  /** Units of one batch that were committed. */
  committed?(units: readonly Unit[]): void
  resolved?(conflict: Conflict): void
}

type State = 'opening' | 'open' | 'draining' | 'closed' | 'failed'

export class Runtime {
  /** Labels this process's writes. */
  readonly workerId: string
  /** Names this life of it: leases belong to the life, not to the label. */
  readonly incarnation: string
  /** The shared memory. */
  readonly memory: Memory
  /** What waits, what failed, and running it again. */
  readonly queue: Queue
  readonly #parts: RuntimeParts
  readonly #keys: Keys
  readonly #supervisor: Supervisor
  readonly #writer: BatchWriter
  readonly #journal: Journal
  readonly #subscriptions: Subscriptions
  readonly #reconciler: Reconciler | null
  readonly #cache: ReadCache
  readonly #watches: Watches
  readonly #locks: Locks
  readonly #runner: HandlerRunner
  readonly #dispatcher: Dispatcher
  readonly #tasks: Tasks
  readonly #queueDocuments: QueueDocuments
  readonly #sweeper: Sweeper
  readonly #workers: Workers
  readonly #trace: RuntimeTrace
  readonly #beacon: Beacon
  readonly #problemListeners = new Set<(error: MemorySyncError) => void>()
  readonly #opening: Promise<void>
  #state: State = 'opening'
  #failure: MemorySyncError | null = null
  #problems = 0
  #aliveTimer: Timer | null = null
  #breakerKnowsFailure = false
  /** Whether changes come in the order of their revisions; a snapshot comes in that of its keys. */
  #isFeedLive = false
  /** The revision up to which subscribers were told. */
  #toldThrough = 0
  #closing: Promise<void> | null = null

  /** Use `createRuntime`. */
  constructor(parts: RuntimeParts) {
    const { options, store, clock, random } = parts
    this.#parts = parts
    this.workerId = parts.workerId
    this.incarnation = parts.incarnation
    const keys = keysOf(options.namespace)
    this.#keys = keys
    const report = (error: MemorySyncError): void => this.#report(error)
    const now = (): Moment => this.#now()
    this.#supervisor = new Supervisor({
      clock,
      restart: options.restart,
      report,
      escalate: (address, error) => this.#escalate(address, error),
    })
    const { committed } = parts.observer ?? {}
    const commitTimes = new CommitTimes(clock)
    this.#writer = new BatchWriter({
      store: commitTimes.wrap(store),
      clock,
      random,
      report,
      observe: (call) => this.#observeCall(call),
      ...(committed === undefined ? undefined : { committed }),
    })
    this.#journal = new Journal({
      workerId: parts.workerId,
      incarnation: parts.incarnation,
      clock,
      store,
      writer: this.#writer,
      reportClockAhead: (entry) =>
        report(
          new MemorySyncError(
            'diverged',
            `the clock of ${quote(entry.workerId)} is more than a minute ahead; its times are clamped`,
          ),
        ),
    })
    const remember = this.#journal.remember.bind(this.#journal)
    const cache = new ReadCache({ store, admits: ({ key }) => this.memory.isWriting(key) }, options.cacheSize)
    this.#cache = cache
    this.#subscriptions = new Subscriptions(report)
    this.#reconciler = reconcilerOf(parts, report, (conflict) => this.#trace.conflict(conflict))
    this.#watches = new Watches(store)
    this.memory = new Memory({
      store,
      clock,
      random,
      keys,
      ready: () => this.#usable(),
      cached: (key) => (this.#state === 'open' ? cache.fresh(key) : undefined),
      peek: (key) => cache.peek(key),
      read: (key) => cache.get(key),
      room: () => this.#room(),
      learn: (stored) => this.#journal.learn(stored),
      contextOf: (key) => this.#journal.contexts.get(key),
      write: (intents) => new Promise((resolve) => remember(intents, resolve)),
      reconcile: this.#reconciler === null ? null : this.#reconciler.reconcile.bind(this.#reconciler),
      subscribe: (pattern, listener) => this.#subscriptions.add(pattern, listener),
      follow: (pattern, watchOptions) => this.#watches.follow(pattern, watchOptions),
    })
    this.#locks = new Locks({
      store,
      clock,
      random,
      keys,
      workerId: parts.workerId,
      incarnation: parts.incarnation,
      supervisor: this.#supervisor,
      remember,
      report,
      ready: () => this.#usable(),
      learn: (stored) => this.#journal.learn(stored),
    })
    const locks = this.#locks
    this.#runner = new HandlerRunner({
      clock,
      random,
      keys,
      lock: (name, lockOptions) => locks.acquireHold(keys.lock(assertId(name, 'lock name')), { autoRenew: true, ...lockOptions }),
      memory: this.memory,
      leaseMs: options.taskLeaseMs,
      now,
      report,
      handlerOf: (id) => this.#workers.handlerOf(id),
      pullOf: (id) => this.#workers.pullOf(id),
    })
    const runner = this.#runner
    this.#dispatcher = new Dispatcher({
      store,
      clock,
      random,
      keys,
      incarnation: parts.incarnation,
      supervisor: this.#supervisor,
      remember,
      now,
      report,
      lease: () => runner.lease(),
      abandon: (task) => {
        runner.abort(task, 'its actor crashed')
        runner.end(task)
      },
      taskLogic: taskLogic({
        remember,
        now,
        startHandler: (task, record) => runner.start(task, record),
        abortHandler: (task, reason) => runner.abort(task, reason),
        endHandler: (task) => runner.end(task),
        renewed: (task, sentMs) => runner.renewed(task, sentMs),
        rest: (id) => this.#rest(id),
      }),
    })
    this.#tasks = new Tasks({
      store,
      keys,
      remember,
      now,
      workerId: parts.workerId,
      journal: this.#journal,
      dispatcher: this.#dispatcher,
      supervisor: this.#supervisor,
      tick: () => this.#journal.tick(),
      newId: () => newTaskId(this.#journal.nowMs(), random),
      ready: () => this.#usable(),
      room: () => this.#room(),
      follow: (key, watchOptions) => this.#watches.follow(key, watchOptions),
      deliver: (record, command) => this.#deliver(record, command),
    })
    this.#queueDocuments = new QueueDocuments({
      store,
      clock,
      keys,
      workerId: parts.workerId,
      incarnation: parts.incarnation,
      remember,
      now,
      report,
      ready: () => this.#usable(),
      room: () => this.#room(),
      observe: (entry) => this.#journal.observe(entry),
      tick: () => this.#journal.tick(),
      // Two heartbeats in a row may be missed.
      lease: () => ({ ...runner.lease(), leaseMs: Math.max(options.taskLeaseMs, 3 * options.heartbeatIntervalMs) }),
      leaseLeftMs: (seen) => this.#dispatcher.leaseLeftMs(seen),
    })
    this.#sweeper = new Sweeper({ store, clock, random, keys, remember, report })
    this.queue = new Queue(this.#tasks, this.#sweeper, () => this.#usable())
    this.#workers = new Workers({
      workerId: parts.workerId,
      incarnation: parts.incarnation,
      keys,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      supervisor: this.#supervisor,
      dispatcher: this.#dispatcher,
      nowMs: () => this.#journal.nowMs(),
      isOpen: () => this.#isOpen(),
      pulling: { clock, random, leaseMsDefault: options.taskLeaseMs, now, schedule: () => this.#dispatcher.schedule() },
      logic: workerLogic({
        remember,
        clock,
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        keepAlive: options.keepAlive,
        nowMs: () => this.#journal.nowMs(),
        askForTasks: (id) => this.#workers.askForTasks(id),
      }),
    })
    this.#trace = new RuntimeTrace(
      traceHands({
        parts,
        commitTimes,
        supervisor: this.#supervisor,
        writer: this.#writer,
        dispatcher: this.#dispatcher,
        cache,
        problems: () => this.#problems,
        conflicts: () => this.#reconciler?.count ?? 0,
        onProblem: (listener) => this.onProblem(listener),
        send: (address, event) => this.send(address, event),
        report,
      }),
    )
    this.#beacon = new Beacon({ ...parts, namespace: options.namespace, trace: this.#trace, remember, report })
    this.#stayAlive()
    this.#opening = this.#open()
    // Every caller hears of a failure; nobody calling is no reason to bring the host down.
    this.#opening.catch(() => {})
  }

  /** Settles when the store is open and its feed is live. @throws `store_unavailable`, `corrupt`, `not_supported`, `closed` */
  ready(): Promise<void> {
    return this.#usable()
  }

  /** Where the memory lies. */
  get storeUrl(): string {
    return this.#parts.store.url
  }

  get namespace(): string {
    return this.#keys.namespace
  }

  /** Faults that no caller waits for: so many so far. */
  get problemCount(): number {
    return this.#problems
  }

  /** Calls `listener` for each such fault, beside the logger. Returns the end of it. */
  onProblem(listener: (error: MemorySyncError) => void): () => void {
    this.#problemListeners.add(listener)
    return () => this.#problemListeners.delete(listener)
  }

  /** @internal */
  get inside(): RuntimeInside {
    const { store, clock, random } = this.#parts
    return {
      store,
      keys: this.#keys,
      clock,
      random,
      nowMs: () => this.#journal.nowMs(),
      remember: (intents, options) => new Promise((resolve) => this.#journal.remember(intents, resolve, options)),
      queueDocuments: this.#queueDocuments,
      locks: this.#locks,
      flush: () => this.#writer.flush(),
      conflictResolver: this.#parts.options.conflictResolver,
      conflicts: () => this.#reconciler?.count ?? 0,
      seen: () => this.#journal.seen,
      cache: this.#cache,
      trace: this.#trace,
      actors: () => [...this.#supervisor.actors()].map(([, actor]) => actor),
    }
  }

  /** Starts a worker actor in this process. It takes tasks as soon as it is registered. @throws `invalid_option`, `closed` */
  spawnWorker(options: PullingWorkerOptions): PullingWorkerHandle
  spawnWorker(options: WorkerOptions): WorkerHandle
  spawnWorker(options: WorkerOptions): WorkerHandle {
    if (!this.#isOpen()) throw this.#closedError()
    return this.#workers.spawn(options, this.#opening)
  }

  /** Puts a task into the queue; settles when that is committed. An id that exists gives the existing task. */
  submit(spec: TaskSpec): Promise<TaskHandle> {
    if (!this.#isOpen()) return Promise.reject(this.#closedError())
    return this.#tasks.submit(spec)
  }

  /** A task by its id, wherever it was submitted. */
  task(id: string): TaskHandle {
    return this.#tasks.handle(id)
  }

  /**
   * Takes the lock of that name, shared by all runtimes of the namespace; null when somebody else, or an earlier call here,
   * has it until `waitMs` are over. It is renewed until it is released, at shutdown at the latest. Who waits has no place in
   * a line.
   *
   * At most one holder's writes `{ lock }` take effect from any point on: the store refuses those of a former holder. Two
   * processes may for a while both believe that they hold it; effects elsewhere need `lock.epoch` as a fencing token.
   *
   * @example
   * await using lock = await runtime.lock('nightly', { waitMs: 5000 })
   * if (lock !== null) await runtime.memory.set('report', { day: 1 }, { lock })
   *
   * @throws `invalid_option`, `invalid_key`, `aborted`, `closed`; `store_unavailable` and the like: never null for a store
   * that failed
   */
  async lock(name: string, options: LockOptions = {}): Promise<HeldLock | null> {
    const key = this.#keys.lock(assertId(name, 'lock name'))
    if (!this.#isOpen()) throw this.#closedError()
    return this.#locks.acquire(key, { autoRenew: true, ...options })
  }

  /**
   * Sends an event to an actor by address: `task/<id>` (the events of {@link TaskCommand}), `worker/<id>` (`worker.drain`).
   *
   * @throws `invalid_option` for a malformed or reserved event, `not_supported` for one that its actor does not take from
   * outside or that lives in another process
   */
  async send(address: string, event: PostEvent): Promise<void> {
    assertEvent(event)
    const { kind, id } = parseAddress(address)
    if (kind === 'task') return this.#tasks.send(id, taskCommandOf(event))
    if (!this.#workers.has(id)) {
      throw new MemorySyncError(
        'not_supported',
        `worker ${quote(id)} is not in this process; only its own process can send it events`,
      )
    }
    if (!Object.hasOwn(commandsByKind.worker, event.type)) {
      throw new MemorySyncError('not_supported', `a worker takes "worker.drain" from outside, not ${quote(event.type)}`)
    }
    void this.#workers.drain(id)
  }

  /** Why a task is where it is. @throws `invalid_key` when there is no such task */
  async explain(id: string): Promise<Explanation> {
    const seen = await this.#tasks.seen(assertId(id, 'task id'))
    if (seen === null) throw unknownTask(id)
    return explain(seen, {
      now: () => this.#now(),
      leaseLeftMs: (current) => this.#dispatcher.leaseLeftMs(current),
      isHosted: (taskId) => this.#dispatcher.workerOf(taskId) !== undefined,
      statusOf: async (taskId) => (await this.#tasks.seen(taskId))?.record.status ?? 'unknown',
      typesHere: this.#workers.types(),
    })
  }

  /**
   * Attaches an XState inspection observer, a function or an object with `next`, to all actors of this runtime. Returns its end.
   * Slows the runtime while attached.
   *
   * @throws `invalid_option` for what is neither
   */
  inspect(observer: ((event: InspectionEvent) => void) | Pick<Observer<InspectionEvent>, 'next'>): () => void {
    const observe = typeof observer === 'function' ? observer : (event: InspectionEvent) => observer.next?.(event)
    if (typeof observer !== 'function' && typeof observer?.next !== 'function') {
      throw new MemorySyncError('invalid_option', `inspect takes a function or an object with next, not ${quote(observer)}`)
    }
    return this.#supervisor.inspect(observe)
  }

  /**
   * Ends this runtime: no more claims; handlers have `drainMs`, then their signals abort, and two seconds later what still
   * runs is handed back to the queue. Settles when everything written is committed (or reported as a problem) and no timer
   * or handle is left. Idempotent; never rejects.
   */
  shutdown({ drainMs = drainMsDefault }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#shutdown(drainMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  /** Waiting for a result holds no handle of its own: without this the process would end under its waiter. */
  #stayAlive(): void {
    const { keepAlive } = this.#parts.options
    if (keepAlive) this.#aliveTimer = this.#parts.clock.setTimer(aliveTimerMs, () => this.#stayAlive())
  }

  async #open(): Promise<void> {
    const abandoned = new Promise<never>((_, reject) => {
      this.#abandonOpening = () => reject(this.#closedError())
    })
    abandoned.catch(() => {})
    try {
      await Promise.race([this.#parts.store.open(), abandoned])
    } catch (thrown) {
      throw MemorySyncError.from(thrown, 'store_unavailable')
    }
    const { store, demand, options } = this.#parts
    assertGoodFor(store, demand ?? (options.allowWeak ? 'assumed' : 'safe'))
    const supervisor = this.#supervisor
    if (this.#state !== 'opening') throw this.#closedError()
    supervisor.start({
      address: 'batch-writer',
      restart: 'permanent',
      logic: this.#writer.logic(),
      input: { lingerMs: this.#parts.options.lingerMs, batchIntervalMs: this.#parts.options.batchIntervalMs },
      onStart: (actor) => this.#writer.attach(actor),
    })
    const announce = (state: keyof typeof breakerEvent) => supervisor.tell('batch-writer', { type: breakerEvent[state] })
    supervisor.start({
      address: 'circuit-breaker',
      restart: 'permanent',
      input: {},
      logic: circuitBreakerLogic({ announce }),
      // One that crashed while it was open begins anew: closed, which nobody would tell the writer.
      onStart: () => announce('closed'),
    })
    const live = new Promise<void>((resolve) => {
      supervisor.start({
        address: 'sync',
        restart: 'permanent',
        logic: syncLogic({
          store: this.#parts.store,
          random: this.#parts.random,
          dispatch: (changes) => this.#dispatch(changes),
          announce: (state, through) => {
            if (state === 'live') resolve()
            this.#feedIs(state, through)
          },
          report: (message) => {
            this.#cache.suspect()
            this.#report(new MemorySyncError('store_unavailable', `the feed of the store broke: ${message}`))
          },
        }),
      })
    })
    await Promise.race([live, abandoned])
    if (this.#state !== 'opening') throw this.#closedError()
    this.#state = 'open'
    this.#sweeper.start()
  }

  /** Who waits for the opening is told that the runtime is shut down. */
  #abandonOpening: () => void = () => {}

  /** Everything committed comes through here once, by whom ever. */
  #dispatch(changes: readonly Stored[]): void {
    this.#cache.applied(changes)
    for (const change of changes) {
      try {
        this.#dispatchOne(change, changes)
      } catch (thrown) {
        // Others write to the store too: one entry that is none must not cost the rest.
        this.#report(
          MemorySyncError.from(thrown, 'corrupt', `a change of ${quote(change?.key)} was skipped: ${messageOf(thrown)}`),
        )
      }
    }
  }

  #dispatchOne(change: Stored, changes: readonly Stored[]): void {
    const { entry, key } = change
    if (entry.x?.d[2] !== this.incarnation) {
      this.#journal.observe(entry)
      this.#journal.contexts.refresh(key, entry.version)
    }
    const taskId = this.#keys.taskOfRecord(key)
    if (taskId !== null) {
      this.#tasks.changed(taskId, change, changes)
      this.#dispatcher.changed(taskId, change)
    }
    this.#locks.changed(change)
    if (key === this.#beacon.key) this.#beacon.changed(change)
    // After a gap everything that is stored comes again: subscribers hear of what they have not heard of.
    if (change.revision > this.#toldThrough) this.#subscriptions.dispatch(change)
    if (this.#isFeedLive) this.#toldThrough = Math.max(this.#toldThrough, change.revision)
  }

  /** After a connection or a gap, what was missed is looked for. */
  #feedIs(state: 'live' | 'reset', through: number | null): void {
    this.#isFeedLive = state === 'live'
    if (state === 'reset') this.#cache.suspect()
    // A store that polls tells of own writes before it has looked for others': what is cached is never known to be the newest.
    else if (through !== null && this.#parts.store.features.watch === 'push') this.#cache.caughtUp(through)
    if (through !== null) this.#toldThrough = Math.max(this.#toldThrough, through)
    if (state !== 'live' || this.#state !== 'open') return
    this.#dispatcher.scan()
    this.#tasks.lookAgain()
  }

  #usable(): Promise<void> {
    if (this.#state === 'open' || this.#state === 'draining') return opened
    if (this.#state === 'opening') return this.#opening
    return Promise.reject(this.#closedError())
  }

  #isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'opening'
  }

  #now(): Moment {
    return { ...momentOf(this.#parts.clock), wallMs: this.#journal.nowMs() }
  }

  #closedError(): MemorySyncError {
    if (this.#failure !== null) {
      return new MemorySyncError('closed', `the runtime gave up: ${this.#failure.message}`, { cause: this.#failure })
    }
    return new MemorySyncError('closed', 'the runtime was shut down')
  }

  #room(): Promise<void> | null {
    if (!this.#writer.isFull) return null
    if (this.#parts.options.backpressure === 'wait') return this.#writer.room()
    return Promise.reject(
      new MemorySyncError('backpressure', `${this.#writer.pending} writes are waiting for the store already; try again later`),
    )
  }

  #observeCall(call: 'succeeded' | 'failed'): void {
    // The breaker need not hear of the millionth success in a row.
    if (call === 'succeeded' && !this.#breakerKnowsFailure) return
    this.#breakerKnowsFailure = call === 'failed'
    this.#supervisor.tell('circuit-breaker', { type: `call.${call}` })
  }

  #report(error: MemorySyncError): void {
    this.#problems++
    const { logger } = this.#parts
    const fields = { code: error.code, ...(error.key === undefined ? {} : { key: error.key }) }
    harmless(() => logger.warn(error.message, fields))
    for (const listener of [...this.#problemListeners]) {
      harmless(
        () => listener(error),
        (thrown) => logger.error('a problem listener threw', { thrown: messageOf(thrown) }),
      )
    }
  }

  #escalate(address: string, error: MemorySyncError): void {
    if (address.startsWith('worker/')) {
      this.#workers.forget(address.slice('worker/'.length))
      return
    }
    this.#failure = error
    void this.shutdown({ drainMs: 0 })
  }

  /** The actor of a task that went back to its record is dropped. */
  #rest(id: string): void {
    // Not inside its own transition: its receipt is still being handled.
    queueMicrotask(() => {
      this.#supervisor.stop(`task/${id}`)
      this.#dispatcher.taskEnded(id, 'rested')
    })
  }

  /** To the actor of a driven task that lives here. */
  #deliver(record: TaskRecord, command: DrivenCommand): void {
    const worker = this.#dispatcher.workerOf(record.id)
    const only = `it takes "task.cancel", not ${quote(command.type)}`
    if (worker === undefined) {
      const where =
        record.status === 'processing' ? `runs at worker ${quote(record.owner)} in another process` : `is ${record.status}`
      throw new MemorySyncError('not_supported', `task ${quote(record.id)} ${where}: ${only}`)
    }
    if (!this.#workers.isDriven(worker.id)) {
      throw new MemorySyncError(
        'not_supported',
        `task ${quote(record.id)} is run by a handler of worker ${quote(worker.id)}: ${only}`,
      )
    }
    const address = `task/${record.id}`
    const state: unknown = this.#supervisor.get(address)?.getSnapshot().value
    if (state !== 'processing') {
      // Its chart would ignore the event, and the sender would never know.
      const when = state === 'settling' ? 'has been given its outcome' : 'is being claimed'
      throw new MemorySyncError('not_supported', `task ${quote(record.id)} ${when}: ${only} now`)
    }
    this.#supervisor.tell(address, drivenEventOf(command, this.#now(), this.#parts.random.next()))
  }

  async #shutdown(drainMs: number): Promise<void> {
    const wasOpen = this.#state === 'open'
    this.#state = this.#failure === null ? 'draining' : 'failed'
    if (!wasOpen) this.#abandonOpening()
    this.#beacon.goOut()
    const whenOffline = this.#workers.drainAll()
    await this.#drainTasks(drainMs)
    await this.#locks.releaseAll(this.#failure === null ? flushDeadlineMs : 0)
    await this.#within(flushDeadlineMs, whenOffline())
    await this.#drainWriter()
    this.#writer.stop()
    this.#aliveTimer?.cancel()
    this.#state = this.#failure === null ? 'closed' : 'failed'
    this.#sweeper.stop()
    this.#supervisor.tell('sync', { type: 'sync.stop' })
    this.#tasks.close()
    this.#watches.end()
    this.#supervisor.stopAll()
    this.#trace.close()
    await this.#beacon.close()
    if (!this.#parts.ownsStore) return
    try {
      await this.#parts.store.close()
    } catch (thrown) {
      this.#report(MemorySyncError.from(thrown, 'store_unavailable'))
    }
  }

  async #drainTasks(drainMs: number): Promise<void> {
    const idle = this.#dispatcher.stop()
    if (await this.#within(drainMs, idle)) return
    this.#runner.abortAll('the runtime is shutting down')
    if (await this.#within(abortGraceMs, idle)) return
    this.#runner.handBackAll()
    await this.#within(flushDeadlineMs, idle)
  }

  async #drainWriter(): Promise<void> {
    const writer = this.#supervisor.get('batch-writer')
    if (writer === undefined) return
    const stopped = new Promise<void>((resolve) => writer.subscribe({ complete: resolve, error: () => resolve() }))
    writer.send({ type: 'writer.drain', drainMs: flushDeadlineMs, ...this.#writer.counts })
    await this.#within(flushDeadlineMs * 2, stopped)
  }

  /** @returns whether the promise settled in time. */
  async #within(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
    let isOver = false
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.setTimer(limitMs, () => {
        isOver = true
        resolve()
      })
      const settle = (): void => {
        timer.cancel()
        resolve()
      }
      promise.then(settle, settle)
    })
    return !isOver
  }
}

/** Faults are reported from inside of actors: what is told of them may fail in any way and must not make a fault of its own. */
function harmless(tell: () => void, complain: (thrown: unknown) => void = () => {}): void {
  try {
    tell()
  } catch (thrown) {
    try {
      complain(thrown)
    } catch {
      // Nobody is left to tell.
    }
  }
}

function reconcilerOf(
  parts: RuntimeParts,
  report: (error: MemorySyncError) => void,
  trace: (conflict: Conflict) => void,
): Reconciler | null {
  const { conflictResolver: resolver } = parts.options
  if (resolver === undefined) return null
  return new Reconciler({
    resolver,
    wallMs: () => parts.clock.wallMs(),
    report,
    resolved(conflict) {
      parts.observer?.resolved?.(conflict)
      trace(conflict)
    },
  })
}

const opened = Promise.resolve()
const breakerEvent = { closed: 'breaker.closed', open: 'breaker.opened', 'half-open': 'breaker.halfOpened' } as const

/**
 * Ids that begin with the time, as in ULID: tasks of one time lie side by side in the store's tree, so that a commit touches
 * few of its pages. With random ids the file store writes several times as much to disk.
 */
function newTaskId(nowMs: number, random: Random): string {
  return `${nowMs.toString(36).padStart(9, '0')}-${random.token(10)}`
}
