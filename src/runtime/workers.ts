/**
 * The workers of this process: what may be spawned, their actors, their handlers, and how each leaves. Which task a worker
 * gets is the dispatcher's business, when it takes any is its chart's.
 */
import type { workerLogic } from '../actors/worker.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId, type Keys } from '../domain/key.ts'
import { type ClaimedTask, type ClaimOptions, Pull, type PullHands } from './claims.ts'
import type { Dispatcher, WorkerSlot } from './dispatcher.ts'
import type { Handler, Handlers } from './handlers.ts'
import type { Supervisor } from './supervisor.ts'

export const capacityMax = 10_000
/** A heartbeat expires after so many intervals without another, and not before {@link heartbeatTtlMinSeconds}. */
const heartbeatTtlIntervals = 6
const heartbeatTtlMinSeconds = 30

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

/** It takes a task only while somebody waits in `claim`; who got it drives it and renews its lease. */
export interface PullingWorkerOptions extends DrivenWorkerOptions {
  readonly pulls: true
}

export type WorkerOptions = HandlerWorkerOptions | DrivenWorkerOptions | PullingWorkerOptions

export interface WorkerHandle {
  readonly id: string
  /** Takes no more tasks; settles when its running ones have ended and it is offline. */
  drain(): Promise<void>
}

export interface PullingWorkerHandle extends WorkerHandle {
  /**
   * The next task in queue order that this worker may take; null when there was none until `waitMs` were over, when its capacity is
   * used, or when the worker leaves.
   *
   * @throws `invalid_option`, `aborted`, `backpressure`
   */
  claim(options?: ClaimOptions): Promise<ClaimedTask | null>
}

interface Worker extends WorkerSlot {
  /** null: it is driven. */
  readonly handlers: Handlers | null
  readonly whenOffline: Promise<void>
  wentOffline(): void
  /** It was told to leave, perhaps before it started. */
  isLeaving: boolean
}

export interface WorkersHands {
  readonly workerId: string
  readonly incarnation: string
  readonly keys: Keys
  readonly heartbeatIntervalMs: number
  readonly supervisor: Supervisor
  readonly dispatcher: Dispatcher
  readonly logic: ReturnType<typeof workerLogic>
  readonly pulling: PullHands
  /** Hybrid milliseconds. */
  nowMs(): number
  /** Whether workers may still start and take tasks. */
  isOpen(): boolean
}

export class Workers {
  readonly #hands: WorkersHands
  readonly #workers = new Map<string, Worker>()
  #spawned = 0

  constructor(hands: WorkersHands) {
    this.#hands = hands
  }

  /**
   * The worker starts when `opening` settles; a store that fails to open reaches every call, and it never starts.
   *
   * @throws `invalid_option`, `invalid_key`
   */
  spawn(options: WorkerOptions, opening: Promise<void>): WorkerHandle | PullingWorkerHandle {
    const worker = this.#check(options)
    const { id, pull } = worker
    this.#workers.set(id, worker)
    opening.then(() => this.#start(worker)).catch(() => this.forget(id))
    const handle: WorkerHandle = { id, drain: () => this.drain(id) }
    return pull === null ? handle : { ...handle, claim: (claimOptions = {}) => pull.claim(claimOptions) }
  }

  /** Settles when the worker is offline; at once for one that is not of this process (any more). */
  drain(id: string): Promise<void> {
    const worker = this.#workers.get(id)
    if (worker === undefined) return Promise.resolve()
    worker.takesTasks = false
    worker.isLeaving = true
    worker.pull?.close()
    if (this.#hands.supervisor.get(worker.address) !== undefined) {
      this.#hands.supervisor.tell(worker.address, { type: 'worker.drain' })
    }
    return worker.whenOffline
  }

  /** Tells all to leave. The returned function gives what is to be waited for once their tasks have ended. */
  drainAll(): () => Promise<unknown> {
    const workers = [...this.#workers.values()]
    for (const worker of workers) void this.drain(worker.id)
    return () => {
      const live = workers.filter((worker) => this.#hands.supervisor.get(worker.address) !== undefined)
      return Promise.all(live.map((worker) => worker.whenOffline))
    }
  }

  has(id: string): boolean {
    return this.#workers.has(id)
  }

  isDriven(id: string): boolean {
    return this.#workers.get(id)?.handlers === null
  }

  /** Where the claimer of a task waits; null: the task's worker takes tasks by itself. */
  pullOf(taskId: string): Pull | null {
    return this.#hands.dispatcher.workerOf(taskId)?.pull ?? null
  }

  /** A worker that crashed too often. */
  forget(id: string): void {
    const worker = this.#workers.get(id)
    this.#workers.delete(id)
    this.#hands.dispatcher.removeWorker(id)
    worker?.pull?.close()
    worker?.wentOffline()
  }

  /** The worker's chart says that it can take tasks. */
  askForTasks(id: string): void {
    const worker = this.#workers.get(id)
    if (worker === undefined) return
    if (this.#hands.isOpen()) worker.takesTasks = true
    this.#hands.dispatcher.schedule()
  }

  /** Task types that a worker here takes; null: every type. */
  types(): ReadonlySet<string> | null {
    const types = new Set<string>()
    for (const worker of this.#workers.values()) {
      if (worker.types === null) return null
      for (const type of worker.types) types.add(type)
    }
    return types
  }

  /** What runs a task that was claimed here; null: nothing does, its worker is driven. */
  handlerOf(taskId: string): Handler | null {
    const slot = this.#hands.dispatcher.workerOf(taskId)
    const handlers = slot === undefined ? null : (this.#workers.get(slot.id)?.handlers ?? null)
    if (handlers === null) return null
    return (task) => {
      // Own members only: a task type may be named like a member of every object.
      const handler = Object.hasOwn(handlers, task.type) ? handlers[task.type] : undefined
      if (handler === undefined) throw new MemorySyncError('not_supported', `no handler for the task type ${quote(task.type)}`)
      return handler(task)
    }
  }

  #start(worker: Worker): void {
    const hands = this.#hands
    if (!hands.isOpen() || worker.isLeaving) {
      this.forget(worker.id)
      return
    }
    hands.dispatcher.addWorker(worker)
    hands.supervisor.start({
      address: worker.address,
      restart: 'permanent',
      logic: hands.logic,
      input: {
        id: worker.id,
        incarnation: hands.incarnation,
        prefix: hands.keys.worker(worker.id, 'status').slice(0, -'/status'.length),
        capacity: worker.capacity,
        types: worker.types,
        heartbeatTtlSeconds: Math.max(
          heartbeatTtlMinSeconds,
          Math.ceil((heartbeatTtlIntervals * hands.heartbeatIntervalMs) / 1000),
        ),
        startedMs: hands.nowMs(),
      },
      onEnd: () => this.forget(worker.id),
    })
  }

  #check(options: WorkerOptions): Worker {
    if (options === null || typeof options !== 'object') throw invalid('the worker options', options, 'an object')
    for (const member of Object.keys(options)) {
      if (!members.has(member))
        throw invalid(
          `worker option ${quote(member)}`,
          options[member as keyof WorkerOptions],
          `one of ${[...members].join(', ')}`,
        )
    }
    const { capacity = 1 } = options
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > capacityMax) {
      throw invalid('capacity', capacity, `an integer from 1 to ${capacityMax}`)
    }
    const id = options.id === undefined ? `${this.#hands.workerId}.${++this.#spawned}` : assertId(options.id, 'worker id')
    if (this.#workers.has(id)) throw new MemorySyncError('invalid_option', `this runtime already has a worker ${quote(id)}`)
    const { handlers, types } = checkWork(options)
    const pull = 'pulls' in options && options.pulls === true ? new Pull(this.#hands.pulling) : null
    if (pull !== null && handlers !== null) {
      throw new MemorySyncError('invalid_option', 'a worker that pulls is driven: it has no handlers')
    }
    let wentOffline = (): void => {}
    const whenOffline = new Promise<void>((resolve) => {
      wentOffline = resolve
    })
    const slot = { id, address: `worker/${id}`, types, capacity, pull, running: 0, takesTasks: false }
    return { ...slot, handlers, whenOffline, wentOffline, isLeaving: false }
  }
}

const members: ReadonlySet<string> = new Set(['id', 'capacity', 'handlers', 'driven', 'types', 'pulls'])

function checkWork(options: WorkerOptions): { handlers: Handlers | null; types: readonly string[] | null } {
  const handlers = 'handlers' in options ? (options.handlers ?? null) : null
  const isDriven = 'driven' in options && options.driven === true
  if ((handlers !== null) === isDriven) {
    throw new MemorySyncError('invalid_option', 'a worker needs either handlers: { [type]: function } or driven: true')
  }
  if (handlers !== null && typeof handlers !== 'object')
    throw invalid('handlers', handlers, 'an object of functions by task type')
  for (const [type, handler] of Object.entries(handlers ?? {})) {
    if (typeof handler !== 'function') throw invalid(`handlers[${quote(type)}]`, handler, 'a function')
  }
  const asked = handlers === null ? ('types' in options ? (options.types ?? null) : null) : Object.keys(handlers)
  if (asked !== null && (!Array.isArray(asked) || asked.length === 0))
    throw invalid('the task types of a worker', asked, 'at least one')
  return { handlers, types: asked?.map((type) => assertId(type, 'task type')) ?? null }
}

function invalid(what: string, value: unknown, expected: string): MemorySyncError {
  return new MemorySyncError('invalid_option', `${what} must be ${expected}, got ${quote(value)}`)
}
