/**
 * The runtime: one process's part in the shared memory. Owns the order in which its pieces start and stop, and the public
 * calls; what happens in between is the charts' and their hands' business.
 */
import type { InspectionEvent } from 'xstate'
import { BatchWriter } from '../actors/batch-writer.ts'
import { circuitBreakerLogic } from '../actors/circuit-breaker.ts'
import { syncLogic } from '../actors/sync.ts'
import { taskLogic } from '../actors/task.ts'
import { workerLogic } from '../actors/worker.ts'
import { type Moment, momentOf } from '../domain/deadline.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { toJson } from '../domain/json.ts'
import { assertId, type Keys, keysOf } from '../domain/key.ts'
import { compareInQueue, type TaskRecord } from '../domain/task-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import { Dispatcher, type WorkerSlot } from './dispatcher.ts'
import { type Explanation, explain } from './explain.ts'
import { HandlerRunner, type Handlers } from './handlers.ts'
import { Journal } from './journal.ts'
import { Memory } from './memory.ts'
import type { CheckedOptions } from './options.ts'
import { Subscriptions } from './subscriptions.ts'
import { Supervisor } from './supervisor.ts'
import { Sweeper } from './sweeper.ts'
import type { TaskSpec } from './task-spec.ts'
import { type DeadLetterTask, type TaskCommand, type TaskHandle, Tasks, unknownTask } from './tasks.ts'

/** After the abort of their signals, handlers have so long to end before their tasks are handed back. */
export const abortGraceMs = 2000
/** How long shutdown waits for the store to take what is left. */
export const flushDeadlineMs = 5000
export const drainMsDefault = 30_000
export const capacityMax = 10_000
/** Ready tasks that `queue.view()` names. */
export const queueShownMax = 100

export interface HandlerWorkerOptions {
  /** Default: the runtime's worker id and a number. */
  readonly id?: string
  /** Tasks at once. Default 1. */
  readonly capacity?: number
  /** By task type. */
  readonly handlers: Handlers
}

/** Its tasks wait in `processing` for `task.progress`, `task.complete` and `task.fail`. */
export interface DrivenWorkerOptions {
  readonly id?: string
  readonly capacity?: number
  readonly driven: true
  /** Default: tasks of any type. */
  readonly types?: readonly string[]
}

export type WorkerOptions = HandlerWorkerOptions | DrivenWorkerOptions

export interface WorkerHandle {
  readonly id: string
  /** Takes no more tasks; settles when its running ones have ended and it is offline. */
  drain(): Promise<void>
}

export interface QueueSnapshot {
  readonly pending: number
  readonly processing: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** The first in queue order, at most {@link queueShownMax}; blocked and delayed ones among them. */
  readonly next: readonly { readonly id: string; readonly type: string | null; readonly priority: number }[]
}

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
}

interface Worker extends WorkerSlot {
  readonly handlers: Handlers | null
  readonly whenOffline: Promise<void>
}

type State = 'opening' | 'open' | 'draining' | 'closed' | 'failed'

export class Runtime {
  /** Labels this process's writes. */
  readonly workerId: string
  /** Names this life of it: leases belong to the life, not to the label. */
  readonly incarnation: string
  /** The shared memory. */
  readonly memory: Memory
  readonly #parts: RuntimeParts
  readonly #keys: Keys
  readonly #supervisor: Supervisor
  readonly #writer: BatchWriter
  readonly #journal: Journal
  readonly #subscriptions: Subscriptions
  readonly #runner: HandlerRunner
  readonly #dispatcher: Dispatcher
  readonly #tasks: Tasks
  readonly #sweeper: Sweeper
  readonly #workers = new Map<string, Worker>()
  readonly #problemListeners = new Set<(error: MemorySyncError) => void>()
  readonly #opening: Promise<void>
  readonly #workerLogic
  #state: State = 'opening'
  #failure: MemorySyncError | null = null
  #problems = 0
  #workersSpawned = 0
  #breakerKnowsFailure = false
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
    const now = (): Moment => ({ ...momentOf(clock), wallMs: this.#journal.nowMs() })
    this.#supervisor = new Supervisor({
      clock,
      restart: options.restart,
      report,
      escalate: (address, error) => this.#escalate(address, error),
    })
    this.#writer = new BatchWriter({ store, clock, random, report, observe: (call) => this.#observeCall(call) })
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
    this.#subscriptions = new Subscriptions(report)
    this.memory = new Memory({
      store,
      clock,
      random,
      keys,
      ready: () => this.#usable(),
      room: () => this.#room(),
      learn: (stored) => this.#journal.learn(stored),
      contextOf: (key) => this.#journal.contexts.get(key),
      write: (intents) => new Promise((resolve) => remember(intents, resolve)),
      subscribe: (pattern, listener) => this.#subscriptions.add(pattern, listener),
    })
    this.#runner = new HandlerRunner({
      clock,
      random,
      keys,
      memory: this.memory,
      leaseMs: options.taskLeaseMs,
      now,
      report,
      handlerOf: (id) => this.#handlerOf(id),
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
      taskLogic: taskLogic({
        remember,
        now,
        startHandler: (task, record) => runner.start(task, record),
        abortHandler: (task, reason) => runner.abort(task, reason),
        endHandler: (task) => runner.end(task),
        renewed: (task) => runner.renewed(task),
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
      newId: () => random.token(16),
      ready: () => this.#usable(),
      room: () => this.#room(),
      deliver: (record, command) => this.#deliver(record, command),
    })
    this.#sweeper = new Sweeper({ store, clock, random, keys, remember, report })
    this.#workerLogic = workerLogic({
      remember,
      clock,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      keepAlive: options.keepAlive,
      nowMs: () => this.#journal.nowMs(),
      askForTasks: (id) => this.#askForTasks(id),
    })
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

  /** Starts a worker actor in this process. It takes tasks as soon as it is registered. @throws `invalid_option`, `closed` */
  spawnWorker(options: WorkerOptions): WorkerHandle {
    this.#assertOpen()
    const worker = this.#checkWorker(options)
    this.#workers.set(worker.slot.id, worker.slot)
    // A store that fails to open reaches every call; a worker then never starts.
    this.#opening.then(() => this.#startWorker(worker.slot, worker.offline)).catch(worker.offline)
    return { id: worker.slot.id, drain: () => this.#drainWorker(worker.slot) }
  }

  /** Puts a task into the queue; settles when that is committed. An id that exists gives the existing task. */
  submit(spec: TaskSpec): Promise<TaskHandle> {
    if (this.#state !== 'open' && this.#state !== 'opening') return Promise.reject(this.#closedError())
    return this.#tasks.submit(spec)
  }

  /** A task by its id, wherever it was submitted. */
  task(id: string): TaskHandle {
    return this.#tasks.handle(id)
  }

  readonly queue = {
    /** Counts, and what comes next; reads all records. */
    view: (): Promise<QueueSnapshot> => this.#queueView(),
    /** Failed tasks. */
    deadLetters: (): AsyncGenerator<DeadLetterTask> => this.#tasks.deadLetters(),
    /** An ended task goes to the end of the queue again, with all its attempts. */
    replay: (id: string): Promise<TaskHandle> => this.#tasks.replay(id),
    /** Removes what is past its retention now, instead of at the next sweep. Returns how much that was. */
    sweep: async (): Promise<number> => {
      await this.#usable()
      return this.#sweeper.sweep()
    },
  }

  /**
   * Sends an event to an actor by address: `task/<id>` (the events of {@link TaskCommand}), `worker/<id>` (`worker.drain`).
   *
   * @throws `invalid_option` for a malformed or reserved event, `not_supported` for one that its actor does not take from
   * outside or that lives in another process
   */
  async send(address: string, event: PostEvent): Promise<void> {
    const type: unknown = event?.type
    if (typeof type !== 'string')
      throw new MemorySyncError('invalid_option', `an event must be an object with a type, got ${quote(event)}`)
    if (type.startsWith('xstate.')) {
      throw new MemorySyncError(
        'invalid_option',
        `the event type ${quote(type)} is reserved: types that start with "xstate." are the machinery's own`,
      )
    }
    const [kind, id] = splitAddress(address)
    if (kind === 'task') return this.#tasks.send(id, commandOf(event))
    const worker = this.#workers.get(id)
    if (worker === undefined) {
      throw new MemorySyncError(
        'not_supported',
        `worker ${quote(id)} is not in this process; only its own process can send it events`,
      )
    }
    if (type !== 'worker.drain') {
      throw new MemorySyncError('not_supported', `a worker takes "worker.drain" from outside, not ${quote(type)}`)
    }
    void this.#drainWorker(worker)
  }

  /** Why a task is where it is. @throws `invalid_key` when there is no such task */
  async explain(id: string): Promise<Explanation> {
    const seen = await this.#tasks.seen(assertId(id, 'task id'))
    if (seen === null) throw unknownTask(id)
    return explain(seen, {
      now: () => ({ ...momentOf(this.#parts.clock), wallMs: this.#journal.nowMs() }),
      leaseLeftMs: (current) => this.#dispatcher.leaseLeftMs(current),
      isHosted: (taskId) => this.#dispatcher.workerOf(taskId) !== undefined,
      statusOf: async (taskId) => (await this.#tasks.seen(taskId))?.record.status ?? 'unknown',
      typesHere: this.#typesHere(),
    })
  }

  /** Attaches an XState inspection observer to all actors of this runtime. Returns its end. Slows the runtime while attached. */
  inspect(observe: (event: InspectionEvent) => void): () => void {
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

  async #open(): Promise<void> {
    await this.#parts.store.open()
    const { supervisor } = { supervisor: this.#supervisor }
    if (this.#state !== 'opening') return
    supervisor.start({
      address: 'circuit-breaker',
      restart: 'permanent',
      input: {},
      logic: circuitBreakerLogic({ announce: (state) => supervisor.tell('batch-writer', { type: breakerEvent[state] }) }),
    })
    supervisor.start({
      address: 'batch-writer',
      restart: 'permanent',
      logic: this.#writer.logic(),
      input: { lingerMs: this.#parts.options.lingerMs, batchIntervalMs: this.#parts.options.batchIntervalMs },
      onStart: (actor) => this.#writer.attach(actor),
    })
    await new Promise<void>((live) => {
      supervisor.start({
        address: 'sync',
        restart: 'permanent',
        logic: syncLogic({
          store: this.#parts.store,
          random: this.#parts.random,
          dispatch: (changes) => this.#dispatch(changes),
          announce: (state) => {
            if (state === 'live') live()
            this.#feedIsWhole(state)
          },
          report: (message) => this.#report(new MemorySyncError('store_unavailable', `the feed of the store broke: ${message}`)),
        }),
      })
      this.#abandonOpening = live
    })
    if (this.#state !== 'opening') return
    this.#state = 'open'
    this.#sweeper.start()
  }

  #abandonOpening: () => void = () => {}

  /** Everything committed comes through here once, by whom ever. */
  #dispatch(changes: readonly Stored[]): void {
    for (const change of changes) {
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
      this.#subscriptions.dispatch(change)
    }
  }

  /** After a connection or a gap, what was missed is looked for. */
  #feedIsWhole(state: 'live' | 'reset'): void {
    if (state !== 'live' || this.#state !== 'open') return
    this.#dispatcher.scan()
    this.#tasks.lookAgain()
  }

  #usable(): Promise<void> {
    if (this.#state === 'open' || this.#state === 'draining') return opened
    if (this.#state === 'opening') return this.#opening
    return Promise.reject(this.#closedError())
  }

  #assertOpen(): void {
    if (this.#state !== 'open' && this.#state !== 'opening') throw this.#closedError()
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
    this.#parts.logger.warn(error.message, { code: error.code, ...(error.key === undefined ? {} : { key: error.key }) })
    for (const listener of [...this.#problemListeners]) {
      try {
        listener(error)
      } catch (thrown) {
        this.#parts.logger.error('a problem listener threw', { thrown: String(thrown) })
      }
    }
  }

  #escalate(address: string, error: MemorySyncError): void {
    if (address.startsWith('worker/')) {
      const id = address.slice('worker/'.length)
      this.#workers.delete(id)
      this.#dispatcher.removeWorker(id)
      return
    }
    this.#failure = error
    void this.shutdown({ drainMs: 0 })
  }

  #checkWorker(options: WorkerOptions): { slot: Worker; offline: () => void } {
    if (options === null || typeof options !== 'object') throw invalidWorker('the options', options, 'an object')
    for (const member of Object.keys(options)) {
      if (!workerMembers.has(member)) throw invalidWorker(`option "${member}"`, '', `one of ${[...workerMembers].join(', ')}`)
    }
    const { capacity = 1 } = options
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > capacityMax) {
      throw invalidWorker('capacity', capacity, `an integer from 1 to ${capacityMax}`)
    }
    const id = options.id === undefined ? `${this.workerId}.${++this.#workersSpawned}` : assertId(options.id, 'worker id')
    if (this.#workers.has(id)) throw new MemorySyncError('invalid_option', `this runtime already has a worker ${quote(id)}`)
    const handlers = 'handlers' in options ? options.handlers : null
    const isDriven = 'driven' in options && options.driven === true
    if ((handlers === null) !== isDriven) throw invalidWorker('a worker', '', 'given either handlers or driven: true')
    for (const [type, handler] of Object.entries(handlers ?? {})) {
      assertId(type, 'task type')
      if (typeof handler !== 'function') throw invalidWorker(`handlers[${quote(type)}]`, handler, 'a function')
    }
    let offline = (): void => {}
    const whenOffline = new Promise<void>((resolve) => {
      offline = resolve
    })
    const types = handlers === null ? ('types' in options ? (options.types ?? null) : null) : Object.keys(handlers)
    if (types !== null && types.length === 0) throw invalidWorker('a worker', '', 'given at least one handler or type')
    const slot: Worker = {
      id,
      address: `worker/${id}`,
      types: types?.map((type) => assertId(type, 'task type')) ?? null,
      capacity,
      handlers,
      running: 0,
      takesTasks: false,
      whenOffline,
    }
    return { slot, offline }
  }

  #startWorker(worker: Worker, offline: () => void): void {
    if (this.#state !== 'open' && this.#state !== 'opening') {
      offline()
      return
    }
    const { heartbeatIntervalMs } = this.#parts.options
    this.#dispatcher.addWorker(worker)
    this.#supervisor.start({
      address: worker.address,
      restart: 'permanent',
      logic: this.#workerLogic,
      input: {
        id: worker.id,
        incarnation: this.incarnation,
        prefix: this.#keys.worker(worker.id, 'status').slice(0, -'/status'.length),
        capacity: worker.capacity,
        types: worker.types,
        heartbeatTtlSeconds: Math.max(30, Math.ceil((6 * heartbeatIntervalMs) / 1000)),
        startedMs: this.#journal.nowMs(),
      },
      onEnd: () => {
        this.#workers.delete(worker.id)
        this.#dispatcher.removeWorker(worker.id)
        offline()
      },
    })
  }

  #drainWorker(worker: Worker): Promise<void> {
    worker.takesTasks = false
    this.#supervisor.tell(worker.address, { type: 'worker.drain' })
    return worker.whenOffline
  }

  #askForTasks(id: string): void {
    const worker = this.#workers.get(id)
    if (worker === undefined) return
    if (this.#state === 'open' || this.#state === 'opening') worker.takesTasks = true
    this.#dispatcher.schedule()
  }

  #handlerOf(taskId: string) {
    const slot = this.#dispatcher.workerOf(taskId)
    const worker = slot === undefined ? undefined : this.#workers.get(slot.id)
    if (worker === undefined || worker.handlers === null) return null
    const { handlers } = worker
    return (task: Parameters<Handlers[string]>[0]): unknown => {
      const handler = Object.hasOwn(handlers, task.type) ? handlers[task.type] : undefined
      if (handler === undefined) throw new MemorySyncError('not_supported', `no handler for the task type ${quote(task.type)}`)
      return handler(task)
    }
  }

  /** The actor of a task that went back to its record is dropped. */
  #rest(id: string): void {
    // Not inside its own transition: its receipt is still being handled.
    queueMicrotask(() => {
      this.#supervisor.stop(`task/${id}`)
      this.#dispatcher.taskEnded(id, 'rested')
    })
  }

  #deliver(record: TaskRecord, command: TaskCommand): void {
    const worker = this.#dispatcher.workerOf(record.id)
    if (worker === undefined) {
      const where =
        record.status === 'processing' ? `runs at worker ${quote(record.owner)} in another process` : `is ${record.status}`
      throw new MemorySyncError(
        'not_supported',
        `task ${quote(record.id)} ${where}: it takes "task.cancel", not ${quote(command.type)}`,
      )
    }
    if (this.#workers.get(worker.id)?.handlers !== null) {
      throw new MemorySyncError(
        'not_supported',
        `task ${quote(record.id)} is run by a handler of worker ${quote(worker.id)}: it takes "task.cancel", not ${quote(command.type)}`,
      )
    }
    const now: Moment = { ...momentOf(this.#parts.clock), wallMs: this.#journal.nowMs() }
    const address = `task/${record.id}`
    if (command.type === 'task.complete') {
      this.#supervisor.tell(address, {
        type: command.type,
        output: command.output === undefined ? null : toJson(command.output),
        now,
      })
    } else if (command.type === 'task.progress') {
      const { percent, note = null } = command
      if (!(Number.isFinite(percent) && percent >= 0 && percent <= 100)) {
        throw new MemorySyncError('invalid_value', `progress must be a number from 0 to 100, got ${quote(percent)}`)
      }
      this.#supervisor.tell(address, { type: command.type, percent, note, now })
    } else if (command.type === 'task.fail') {
      const error = { name: 'Error', message: String(command.message), reason: 'reported' }
      this.#supervisor.tell(address, {
        type: command.type,
        error,
        now,
        chance: this.#parts.random.next(),
        isFinal: command.isFinal === true,
      })
    }
  }

  #typesHere(): ReadonlySet<string> | null {
    const types = new Set<string>()
    for (const worker of this.#workers.values()) {
      if (worker.types === null) return null
      for (const type of worker.types) types.add(type)
    }
    return types
  }

  async #queueView(): Promise<QueueSnapshot> {
    const counts = { pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 }
    let next: Pick<TaskRecord, 'id' | 'type' | 'priority' | 'enqueued'>[] = []
    for await (const { record } of this.#tasks.records()) {
      counts[record.status]++
      if (record.status !== 'pending') continue
      next.push({ id: record.id, type: record.type, priority: record.priority, enqueued: record.enqueued })
      if (next.length >= queueShownMax * 20) next = next.sort(compareInQueue).slice(0, queueShownMax)
    }
    next = next.sort(compareInQueue).slice(0, queueShownMax)
    return { ...counts, next: next.map(({ id, type, priority }) => ({ id, type, priority })) }
  }

  async #shutdown(drainMs: number): Promise<void> {
    const wasOpen = this.#state === 'open'
    this.#state = this.#failure === null ? 'draining' : 'failed'
    if (!wasOpen) this.#abandonOpening()
    const workers = [...this.#workers.values()]
    for (const worker of workers) {
      worker.takesTasks = false
      this.#supervisor.tell(worker.address, { type: 'worker.drain' })
    }
    await this.#drainTasks(drainMs)
    const offline = workers
      .filter((worker) => this.#supervisor.get(worker.address) !== undefined)
      .map((worker) => worker.whenOffline)
    await this.#within(flushDeadlineMs, Promise.all(offline))
    await this.#drainWriter()
    this.#state = this.#failure === null ? 'closed' : 'failed'
    this.#sweeper.stop()
    this.#supervisor.tell('sync', { type: 'sync.stop' })
    this.#tasks.close()
    this.#supervisor.stopAll()
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
    this.#runner.each((task) => this.#runner.abort(task, 'the runtime is shutting down'))
    if (await this.#within(abortGraceMs, idle)) return
    const now: Moment = { ...momentOf(this.#parts.clock), wallMs: this.#journal.nowMs() }
    this.#runner.each((task) => task.send({ type: 'drain.elapsed', now }))
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

const opened = Promise.resolve()
const breakerEvent = { closed: 'breaker.closed', open: 'breaker.opened', 'half-open': 'breaker.halfOpened' } as const
const workerMembers: ReadonlySet<string> = new Set(['id', 'capacity', 'handlers', 'driven', 'types'])

function invalidWorker(what: string, value: unknown, expected: string): MemorySyncError {
  return new MemorySyncError('invalid_option', `${what} must be ${expected}${value === '' ? '' : `, got ${quote(value)}`}`)
}

function splitAddress(address: unknown): ['task' | 'worker', string] {
  const [kind, ...rest] = typeof address === 'string' ? address.split('/') : []
  if ((kind === 'task' || kind === 'worker') && rest.length === 1) return [kind, assertId(rest[0], `${kind} id`)]
  throw new MemorySyncError('not_supported', `events can be sent to "task/<id>" and "worker/<id>", not to ${quote(address)}`)
}

function commandOf(event: PostEvent): TaskCommand {
  switch (event.type) {
    case 'task.cancel':
      return { type: event.type, reason: typeof event.reason === 'string' ? event.reason : 'cancelled' }
    case 'task.complete':
      return { type: event.type, output: event.output }
    case 'task.progress': {
      const note = event.note
      return { type: event.type, percent: Number(event.percent), ...(typeof note === 'string' ? { note } : {}) }
    }
    case 'task.fail':
      return { type: event.type, message: String(event.message ?? 'failed'), isFinal: event.isFinal === true }
    default:
      throw new MemorySyncError(
        'not_supported',
        `a task takes task.cancel, task.progress, task.complete and task.fail from outside, not ${quote(event.type)}`,
      )
  }
}
