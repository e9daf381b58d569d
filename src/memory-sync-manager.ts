/**
 * `MemorySyncManager`: shared memory for a worker that brings its own loop. A facade over a runtime without workers: names
 * documents by task, worker and agent, counts, and tells events. Decides nothing about conflicts, locks or the queue: the
 * runtime's parts do.
 */

import type { Entry } from './domain/entry.ts'
import { MemorySyncError } from './domain/errors.ts'
import { type Json, mutableCopy } from './domain/json.ts'
import { assertId, assertKey } from './domain/key.ts'
import { type Resolution, resolveWith } from './domain/resolvers.ts'
import type { Unit } from './domain/write.ts'
import { Announcer } from './facade/events.ts'
import { LiveSubscriptions, type SubscriptionCallbacks } from './facade/live-subscriptions.ts'
import { Liveness } from './facade/liveness.ts'
import { checkManagerOptions, type ManagerConfig, type MemorySyncOptions } from './facade/options.ts'
import { type TaskLockOptions, TaskLocks } from './facade/task-locks.ts'
import type { Timer } from './ports/clock.ts'
import { assembleRuntime } from './runtime/create-runtime.ts'
import type { Committed, WriteLock } from './runtime/memory.ts'
import type { QueueDocument } from './runtime/queue-document.ts'
import type { Runtime, RuntimeInside, RuntimeObserver } from './runtime/runtime.ts'

/** Milliseconds that `shutdown` waits for what is pending. */
export const shutdownFlushMs = 5000
/** Milliseconds between two flushes of what would linger. */
const flushAgainMs = 2
/** Milliseconds a task's lock is held without being renewed, unless said otherwise. */
export const taskLockMsDefault = 30_000

export interface ManagerWriteOptions {
  /** Seconds until the value expires; 0: never. Default: the manager's `defaultTTL`. */
  readonly ttl?: number
  /** First segment of the key, when it is another than the manager's. */
  readonly namespace?: string
}

export interface ManagerMetrics {
  /** Calls that read. */
  readonly reads: number
  /** Calls that write; not the timer's heartbeats, locks or the queue's records. */
  readonly writes: number
  /** Commits that held at least one such write. */
  readonly syncs: number
  /** Runs of the conflict resolver. */
  readonly conflicts: number
  readonly cacheHits: number
  readonly cacheMisses: number
  readonly pendingWrites: number
  readonly subscriptions: number
  /** Faults that no caller waited for. */
  readonly problems: number
  readonly cache: { readonly size: number; readonly maxSize: number; readonly invalidated: number }
  readonly vectorClock: Record<string, number>
}

// What lies at a key is the caller's knowledge.
// biome-ignore lint/suspicious/noExplicitAny: as in the guide, a document has whatever shape its writer gave it
type Document = any

/**
 * Memory that several processes share, for one worker. Synchronous; the store opens behind it, and a failure to open reaches
 * every call. Every promise settles when its own write is committed.
 *
 * @throws `invalid_option`, `invalid_key` for invalid options, nothing else.
 *
 * @example
 * const memorySync = new MemorySyncManager({ workerId: 'worker-1' })
 * await memorySync.syncTaskState('task-123', { status: 'running' })
 * await memorySync.getTaskState('task-123') // { status: 'running' }
 * await memorySync.shutdown()
 */
export class MemorySyncManager extends Announcer {
  private readonly config: ManagerConfig
  readonly #runtime: Runtime
  readonly #inside: RuntimeInside
  readonly #locks: TaskLocks
  readonly #liveness: Liveness
  readonly #subscriptions: LiveSubscriptions
  /** Own writes on their way: their keys. */
  readonly #pending = new Map<Promise<unknown>, string>()
  #reads = 0
  #writes = 0
  #syncs = 0
  #resolved = 0
  #hasStatus = false
  #closing: Promise<void> | null = null

  constructor(options: MemorySyncOptions) {
    super()
    const { config, runtime } = checkManagerOptions(options)
    this.config = config
    const observer: RuntimeObserver = {
      committed: (units) => this.#committed(units),
      resolved: ({ key, entries, resolution }) => {
        const { strategy, discarded } = resolution
        this.tell('conflict-resolved', { key, entries: entries.length, strategy, discarded: discarded.length })
      },
    }
    // Locks and the queue ask for more when they are used.
    this.#runtime = assembleRuntime(runtime, { observer, demand: 'documents' })
    this.#runtime.onProblem((error) => this.problem(error))
    this.#inside = this.#runtime.inside
    const { keys, clock, locks, queueDocuments } = this.#inside
    this.#locks = new TaskLocks(locks, keys, (taskId, epoch) => this.tell('lock-lost', { taskId, epoch }))
    this.#subscriptions = new LiveSubscriptions({
      memory: this.#runtime.memory,
      changed: (subscriptionId, key, value) => this.tell('change', { subscriptionId, key, value }),
      report: (error) => this.problem(error),
    })
    this.#liveness = new Liveness({
      memory: this.#runtime.memory,
      keys,
      clock,
      workerId: config.workerId,
      incarnation: this.#runtime.incarnation,
      intervalMs: config.heartbeatInterval,
      keepAlive: config.keepAlive,
      nowMs: () => this.#inside.nowMs(),
      remember: (intents, rememberOptions) => this.#inside.remember(intents, rememberOptions),
      beaten: () => void queueDocuments.renewClaims(),
      report: (error) => this.problem(error),
    })
    // A store that does not open is told to every caller.
    this.#runtime.ready().then(
      () => this.#liveness.start(),
      () => {},
    )
  }

  /** First segment of the keys. */
  get namespace(): string {
    return this.config.namespace
  }

  /** Settles when the store is open. */
  ready(): Promise<void> {
    return this.#runtime.ready()
  }

  // Tasks

  /** Replaces the task's state. */
  async syncTaskState(taskId: string, state: unknown): Promise<void> {
    await this.#set(this.#task(taskId, 'state'), state)
    this.tell('task-state-synced', { taskId, state })
  }

  /** The state as it was given; null: none, deleted or expired. */
  async getTaskState<State = Document>(taskId: string): Promise<State | null> {
    return this.#get(this.#task(taskId, 'state'))
  }

  async syncTaskProgress(taskId: string, progress: number, status: string): Promise<void> {
    await this.#set(this.#task(taskId, 'progress'), { progress, status, timestamp: this.#inside.nowMs() })
  }

  async getTaskProgress(taskId: string): Promise<{ progress: number; status: string; timestamp: number } | null> {
    return this.#get(this.#task(taskId, 'progress'))
  }

  /**
   * Takes the task's lock for `timeout` milliseconds: true, or false when somebody has it, this manager too. While it is
   * held, what this manager writes below the task is refused by the store once somebody else has taken it over.
   *
   * @throws `store_unavailable`: a store that fails is never `false`.
   */
  async acquireTaskLock(taskId: string, timeout = taskLockMsDefault, options: TaskLockOptions = {}): Promise<boolean> {
    this.#assertOpen()
    assertId(taskId, 'task id')
    await this.#runtime.ready()
    return this.#locks.acquire(taskId, timeout, options)
  }

  /** Gives the lock back, behind this manager's writes of the task. Not held, or lost: nothing but the event `lock-lost`. */
  async releaseTaskLock(taskId: string): Promise<void> {
    this.#assertOpen()
    assertId(taskId, 'task id')
    const own = [...this.#pending].filter(([, key]) => this.#locks.taskOf(key) === taskId).map(([write]) => write)
    await Promise.allSettled(own)
    if (!(await this.#locks.release(taskId))) this.tell('lock-lost', { taskId, epoch: null })
  }

  /** The fencing token of a lock that this manager holds. */
  getLockEpoch(taskId: string): number | null {
    return this.#locks.epoch(taskId)
  }

  // Agents

  async syncAgentCoordination(taskId: string, agentId: string, data: object): Promise<void> {
    await this.#set(this.#agent(taskId, agentId), { ...data, timestamp: this.#inside.nowMs() })
    this.tell('agent-coordinated', { taskId, agentId, data })
  }

  async getAgentCoordination<Data = Document>(taskId: string, agentId: string): Promise<Data | null> {
    return this.#get(this.#agent(taskId, agentId))
  }

  /** Ids of the agents that have a document at the task. */
  async getTaskAgents(taskId: string): Promise<string[]> {
    const keys = await this.searchKeys(`${this.#taskPrefix(taskId)}agents/*`)
    return keys.map((key) => key.slice(key.lastIndexOf('/') + 1))
  }

  // Workers

  async syncWorkerStatus(workerId: string, status: unknown): Promise<void> {
    if (workerId === this.config.workerId) this.#hasStatus = true
    await this.#set(this.#worker(workerId, 'status'), status)
    this.tell('worker-status-synced', { workerId, status })
  }

  async getWorkerStatus<Status = Document>(workerId: string): Promise<Status | null> {
    return this.#get(this.#worker(workerId, 'status'))
  }

  async syncWorkerCapacity(workerId: string, available: number): Promise<void> {
    await this.#set(this.#worker(workerId, 'capacity'), { available, timestamp: this.#inside.nowMs() })
  }

  async getWorkerCapacity(workerId: string): Promise<{ available: number; timestamp: number } | null> {
    return this.#get(this.#worker(workerId, 'capacity'))
  }

  /** A heartbeat now, beside those of the timer. */
  async updateHeartbeat(): Promise<void> {
    this.#assertOpen()
    this.#writes++
    await this.#runtime.ready()
    await this.#liveness.beat()
  }

  /** Workers whose heartbeat is there and has not been seen unchanged for six intervals. */
  async getActiveWorkers(): Promise<string[]> {
    this.#assertOpen()
    this.#reads++
    return this.#liveness.active()
  }

  // Coordination

  /** What waits and what is worked on, as a document of the caller's own; null: there never was a task. */
  async getQueue(): Promise<QueueDocument | null> {
    this.#assertOpen()
    this.#reads++
    return this.#inside.queueDocuments.getQueue()
  }

  /**
   * Makes the difference between `queue` and what `getQueue` gave true: enqueues, claims, completions, removals.
   *
   * @throws `claim_lost` (retryable, `lost` names the ids) when another process was first; everything else has taken effect.
   */
  async syncQueue(queue: QueueDocument): Promise<void> {
    this.#assertOpen()
    const synced = this.#inside.queueDocuments.syncQueue(queue)
    // The caller may change its document while this waits.
    const copy = { pending: [...queue.pending], processing: [...queue.processing] }
    await synced
    this.tell('queue-synced', copy)
  }

  async syncAssignments(assignments: unknown): Promise<void> {
    await this.#set(this.#coordination('assignments'), assignments)
  }

  async getAssignments<Assignments = Document>(): Promise<Assignments | null> {
    return this.#get(this.#coordination('assignments'))
  }

  /** Merges into the shared metrics, member by member. */
  async syncMetrics(metrics: object): Promise<void> {
    await this.update(this.#coordination('metrics'), (current: Document) => ({ ...current, ...metrics }))
  }

  // Any key

  /** The value, a private copy; null: none, deleted or expired. */
  async read<Value = Document>(key: string, { namespace }: Pick<ManagerWriteOptions, 'namespace'> = {}): Promise<Value | null> {
    return this.#get(this.#keyOf(key, namespace))
  }

  /** Keys that do not begin with a namespace are stored as given. */
  async write(key: string, value: unknown, { ttl, namespace }: ManagerWriteOptions = {}): Promise<void> {
    await this.#set(this.#keyOf(key, namespace), value, ttl)
  }

  /** Settles when it is committed, also when there was nothing. */
  async delete(key: string, { namespace }: Pick<ManagerWriteOptions, 'namespace'> = {}): Promise<void> {
    const own = this.#keyOf(key, namespace)
    await this.#change(own, (lock) => this.#runtime.memory.delete(own, lock))
    this.tell('delete', { key: own })
  }

  /** Computes a value from the one that is stored, atomically. `change` must be pure and may run again. */
  async update<Value = Document>(key: string, change: (value: Value | null) => unknown, options: ManagerWriteOptions = {}) {
    const own = this.#keyOf(key, options.namespace)
    const ttlSeconds = options.ttl ?? this.config.defaultTTL
    const given = (value: Json): unknown => change(mutableCopy(value) as Value | null)
    return this.#change(own, (lock) => this.#runtime.memory.update(own, given, { ...lock, ttlSeconds })) as Promise<Value>
  }

  /** Keys that have a value, in key order. */
  async searchKeys(pattern: string): Promise<string[]> {
    this.#assertOpen()
    this.#reads++
    const keys: string[] = []
    for await (const { key } of this.#runtime.memory.list(pattern)) keys.push(key)
    return keys
  }

  /** Calls back for every change that is committed from now on, by whom ever. @returns an id for `unsubscribe`. */
  subscribe(pattern: string, callbacks: SubscriptionCallbacks = {}): string {
    this.#assertOpen()
    const subscriptionId = this.#subscriptions.add(pattern, callbacks)
    this.tell('subscribed', { subscriptionId, pattern })
    return subscriptionId
  }

  /** An unknown id is no fault. */
  unsubscribe(subscriptionId: string): void {
    if (this.#subscriptions.remove(subscriptionId)) this.tell('unsubscribed', { subscriptionId })
  }

  /** Decides between entries of one key as the manager itself would. @throws `invalid_value` for none. */
  resolveConflict(entries: readonly Entry[]): Resolution {
    const resolution = resolveWith(this.config.conflictResolver, entries, (error) => this.problem(error))
    if (entries.length > 1) this.#resolved++
    return resolution
  }

  // Itself

  clearCache(): void {
    this.#inside.cache.clear()
    this.tell('cache-cleared')
  }

  /** Settles when all that was pending is committed. @throws `unflushed`, naming the keys that are not. */
  async forceSync(): Promise<void> {
    this.#assertOpen()
    const pending = [...this.#pending]
    const outcomes = await this.#flushed(pending.map(([write]) => write))
    const failed = pending.flatMap(([, key], index) => (outcomes[index]?.status === 'rejected' ? [key] : []))
    if (failed.length > 0) {
      throw new MemorySyncError('unflushed', `not written: ${[...new Set(failed)].join(', ')}; their own calls say why`)
    }
    this.tell('force-sync')
  }

  getMetrics(): ManagerMetrics {
    const { hits, misses, ...cache } = this.#inside.cache.metrics()
    return {
      reads: this.#reads,
      writes: this.#writes,
      syncs: this.#syncs,
      conflicts: this.#inside.conflicts() + this.#resolved,
      cacheHits: hits,
      cacheMisses: misses,
      pendingWrites: this.#pending.size,
      subscriptions: this.#subscriptions.size,
      problems: this.problemCount,
      cache,
      vectorClock: { ...this.#inside.seen() },
    }
  }

  /**
   * Ends this manager: refuses new calls, flushes for at most {@link shutdownFlushMs}, releases locks, hands claims back, is
   * offline, and closes the store if it opened it. Idempotent; never rejects.
   */
  shutdown(): Promise<void> {
    this.#closing ??= this.#shutdown()
    return this.#closing
  }

  async #shutdown(): Promise<void> {
    this.#liveness.stop()
    this.#subscriptions.clear()
    await new Promise<void>((resolve) => {
      const timer = this.#inside.clock.setTimer(shutdownFlushMs, resolve)
      void this.#farewell().then(() => {
        timer.cancel()
        resolve()
      })
    })
    await this.#runtime.shutdown({ drainMs: 0 })
    this.tell('shutdown')
  }

  /** May take for ever: also the opening of the store may hang. */
  async #farewell(): Promise<void> {
    if (!(await this.#settles(this.#runtime.ready()))) return
    const { keys, queueDocuments } = this.#inside
    await this.#flushed([...this.#pending.keys()])
    await Promise.allSettled([this.#locks.releaseAll(), queueDocuments.handBackAll(shutdownFlushMs)])
    const { workerId, defaultTTL } = this.config
    if (this.#hasStatus) {
      const offline = { state: 'offline', tasks: [], capacity: 0 }
      await this.#settles(this.#runtime.memory.set(keys.worker(workerId, 'status'), offline, { ttlSeconds: defaultTTL }))
    }
    await this.#settles(this.#liveness.remove())
  }

  /** Waits for writes without letting them linger; some may reach the buffer only now. */
  async #flushed(writes: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]> {
    const { clock } = this.#inside
    let again: Timer | null = null
    const flush = (): void => {
      this.#inside.flush()
      if (this.config.lingerMs > 0) again = clock.setTimer(flushAgainMs, flush, { keepAlive: false })
    }
    flush()
    try {
      return await Promise.allSettled(writes)
    } finally {
      ;(again as Timer | null)?.cancel()
    }
  }

  /** Whether it settles well; what goes wrong in the end has nobody left to hear of it but the listeners of problems. */
  async #settles(work: Promise<unknown>): Promise<boolean> {
    try {
      await work
      return true
    } catch (thrown) {
      this.problem(MemorySyncError.from(thrown, 'unflushed'))
      return false
    }
  }

  async #get<Value>(key: string): Promise<Value | null> {
    this.#assertOpen()
    this.#reads++
    const value = await this.#runtime.memory.get(key)
    return mutableCopy(value) as Value | null
  }

  async #set(key: string, value: unknown, ttl: number = this.config.defaultTTL): Promise<void> {
    const { version } = await this.#change(key, (lock) => this.#runtime.memory.set(key, value, { ...lock, ttlSeconds: ttl }))
    this.tell('write', { key, value: value as Json, version })
  }

  /** Counts a write, guards it by the task's lock, and keeps it as pending until it settles. */
  #change<Result extends Committed | Json>(
    key: string,
    write: (options: { readonly lock?: WriteLock }) => Promise<Result>,
  ): Promise<Result> {
    this.#assertOpen()
    const lock = this.#locks.guarding(key)
    const own = write(lock === undefined ? {} : { lock })
    this.#writes++
    this.#pending.set(own, key)
    const forget = (): void => void this.#pending.delete(own)
    own.then(forget, forget)
    if (lock !== undefined) this.#locks.wrote(key)
    return own
  }

  #committed(units: readonly Unit[]): void {
    const count = units.filter((unit) => unit.some(({ key }) => this.#isCounted(key))).length
    if (count === 0) return
    this.#syncs++
    this.tell('batch-flushed', { count })
  }

  #isCounted(key: string): boolean {
    const { keys } = this.#inside
    return keys.taskOfRecord(key) === null && !keys.isLock(key) && !key.endsWith('/heartbeat')
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new MemorySyncError('closed', 'the manager was shut down')
  }

  #keyOf(key: string, namespace?: string): string {
    assertKey(key)
    if (namespace === undefined) return key
    assertId(namespace, 'namespace')
    return key.startsWith(`${namespace}/`) ? key : `${namespace}/${key}`
  }

  #taskPrefix(taskId: string): string {
    return `${this.config.namespace}/tasks/${assertId(taskId, 'task id')}/`
  }

  #task(taskId: string, document: 'state' | 'progress'): string {
    return `${this.#taskPrefix(taskId)}${document}`
  }

  #agent(taskId: string, agentId: string): string {
    return `${this.#taskPrefix(taskId)}agents/${assertId(agentId, 'agent id')}`
  }

  #worker(workerId: string, document: 'status' | 'capacity'): string {
    return this.#inside.keys.worker(assertId(workerId, 'worker id'), document)
  }

  #coordination(document: 'assignments' | 'metrics'): string {
    return `${this.config.namespace}/coordination/${document}`
  }
}
