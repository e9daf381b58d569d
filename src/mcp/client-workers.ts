/**
 * The workers that one client is: each lives in the server's runtime like any other, and takes a task only when the client asks. Owns
 * how many there may be and when they leave; what they claim is kept in `holdings.ts`.
 *
 * - J1 one worker per set of types, at most {@link workersPerClientMax} at once
 * - J2 a worker that left its client takes nothing more, and is offline when its last claim has ended
 * - J3 who was told to drain takes nothing until it registers again
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { PullingWorkerHandle } from '../runtime/workers.ts'

export const workersPerClientMax = 10
/** Tasks that one worker of a client may have at once. */
export const workerCapacityMax = 100

export interface ClientWorker {
  readonly id: string
  readonly capacity: number
  /** null: any type. */
  readonly types: readonly string[] | null
  readonly handle: PullingWorkerHandle
}

export interface ClientWorkerOptions {
  readonly id?: string | undefined
  readonly capacity: number
  /** null: any type. */
  readonly types: readonly string[] | null
}

export class ClientWorkers {
  readonly #runtime: Pick<Runtime, 'spawnWorker'>
  readonly #label: () => string
  readonly #workerByTypes = new Map<string, ClientWorker>()
  #made = 0
  #isDrained = false
  #isGone = false

  /** @param label names the client; asked when it first registers, for before that nobody knows its name */
  constructor(runtime: Pick<Runtime, 'spawnWorker'>, label: () => string) {
    this.#runtime = runtime
    this.#label = label
  }

  /** Those that take tasks, the first one first. */
  get all(): readonly ClientWorker[] {
    return [...this.#workerByTypes.values()]
  }

  /** The client's worker for these types; the one that is there if it is just so. @throws `invalid_option`, `backpressure`, `closed` */
  register(options: ClientWorkerOptions): ClientWorker {
    if (this.#isGone) throw new MemorySyncError('closed', 'the connection of this client is over')
    const types = options.types === null ? null : [...new Set(options.types)].sort()
    const typesText = JSON.stringify(types)
    const known = this.#workerByTypes.get(typesText)
    if (known !== undefined) {
      if (known.capacity === options.capacity && (options.id ?? known.id) === known.id) return known
      throw new MemorySyncError(
        'invalid_option',
        `for these types this client is worker ${quote(known.id)} with capacity ${known.capacity} already; go on as that one, or call worker_drain and register again`,
      )
    }
    if (this.#workerByTypes.size >= workersPerClientMax) {
      throw new MemorySyncError(
        'backpressure',
        `this client is ${workersPerClientMax} workers already, each for other types; claim with types of one of them, or call worker_drain`,
      )
    }
    const { id = this.#nextId(), capacity } = options
    const handle = this.#runtime.spawnWorker({
      id,
      capacity,
      driven: true,
      pulls: true,
      ...(types === null ? {} : { types }),
    })
    const worker = { id, capacity, types, handle }
    this.#workerByTypes.set(typesText, worker)
    this.#isDrained = false
    return worker
  }

  /**
   * The worker that claims tasks of these types, registered when it is missing. Without types the first one, whatever it takes; when
   * there is none, one that takes any.
   *
   * @throws `not_supported` after a drain; what `register` throws
   */
  forClaim(types: readonly string[] | null): ClientWorker {
    const [first] = this.#workerByTypes.values()
    if (types === null && first !== undefined) return first
    const known = types === null ? undefined : this.#workerByTypes.get(JSON.stringify([...new Set(types)].sort()))
    if (known !== undefined) return known
    if (this.#isDrained) {
      throw new MemorySyncError(
        'not_supported',
        'this client was drained and takes no more tasks; call worker_register to begin anew',
      )
    }
    return this.register({ capacity: workerCapacityMax, types })
  }

  /** They take nothing more. */
  drain(): readonly ClientWorker[] {
    const workers = this.all
    this.#isDrained = true
    this.#workerByTypes.clear()
    // It settles with the last claim, for which nobody should wait here.
    for (const { handle } of workers) void handle.drain()
    return workers
  }

  /** The connection is over. */
  leave(): void {
    this.#isGone = true
    this.drain()
  }

  /** Its first worker is named as the client is. */
  #nextId(): string {
    this.#made++
    return this.#made === 1 ? this.#label() : `${this.#label()}.${this.#made}`
  }
}
