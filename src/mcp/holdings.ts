/**
 * What one client holds: its locks by name, its claims by task, and its workers. Owns the bound of it, and what becomes of it when the
 * connection is over. Renewing and ending are the tools' business.
 *
 * - G1 a client never holds more than `holdingsMax`, what is on its way included
 * - G2 the end of the connection ends no lock and no claim: their leases do, so a client that comes back is not raced by itself
 * - G3 what was lost is remembered until its place is needed, so that its holder can be told since when
 */
import { MemorySyncError } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClaimedTask } from '../runtime/claims.ts'
import type { HeldLock } from '../runtime/held-lock.ts'
import { ClientWorkers } from './client-workers.ts'
import type { Client, ToolContext } from './tool-context.ts'

/** How long a call may wait, for a lock, a task or the store: clients give up after a minute, what is between us after half of one. */
export const callWaitMsMax = 25_000
/** Of the client's name in the ids of its workers: an id has at most 128 characters. */
const nameCharactersMax = 64

/** What locks and claims have in common. */
export interface Leased {
  readonly epoch: number
  /** In milliseconds. */
  readonly leaseMs: number
  readonly isHeld: boolean
  leaseLeftMs(): number
  renew(): Promise<void>
}

/** A lock or a claim of a client, and the moment at which its lease is over unless it is renewed. */
export class Holding<Held extends Leased> {
  readonly held: Held
  /** The worker that claimed it, or the label under which the lock is held. */
  readonly by: string
  readonly #clock: Clock
  #overAtMs = 0
  #isEnding = false

  constructor(held: Held, by: string, clock: Clock) {
    this.held = held
    this.by = by
    this.#clock = clock
    this.#renewed()
  }

  /** Its holder's word that ends it is on its way, or was taken: that it is not held any more is no loss. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Milliseconds since its lease was over; 0 while it is not. */
  get overForMs(): number {
    return Math.max(0, this.#clock.monotonicMs() - this.#overAtMs)
  }

  /** Says the word that begins its lease anew. @throws what `say` throws; `unknown_outcome` when the store is slow */
  renew(say: () => Promise<void> = () => this.held.renew()): Promise<void> {
    return inTime(
      this.#clock,
      say().then(() => this.#renewed()),
    )
  }

  /** Says the word that ends it. @throws what `say` throws; `unknown_outcome` when the store is slow */
  end<T>(say: () => Promise<T>): Promise<T> {
    this.#isEnding = true
    const end = say()
    // Then it goes on, if it is still held.
    end.catch(() => {
      this.#isEnding = false
    })
    return inTime(this.#clock, end)
  }

  #renewed(): void {
    this.#overAtMs = this.#clock.monotonicMs() + this.held.leaseLeftMs()
  }
}

export class Holdings {
  readonly workers: ClientWorkers
  readonly #client: Client
  readonly #clock: Clock
  readonly #holdingsMax: number
  readonly #lockByName = new Map<string, Holding<HeldLock>>()
  readonly #claimByTask = new Map<string, Holding<ClaimedTask>>()
  #underWay = 0

  constructor({ client, clock, limits, runtime }: ToolContext) {
    this.workers = new ClientWorkers(runtime, () => this.label)
    this.#client = client
    this.#clock = clock
    this.#holdingsMax = limits.holdingsMax
    client.onClose(() => this.workers.leave())
  }

  /** Names the client among workers and holders of locks: an id. */
  get label(): string {
    const { id, name } = this.#client
    // What is cut off must not leave half a character.
    return `mcp-${name.slice(0, nameCharactersMax).toWellFormed()}-${id}`
  }

  /** By name; lost ones too, until they are forgotten. */
  get locks(): ReadonlyMap<string, Holding<HeldLock>> {
    return this.#lockByName
  }

  /** By task; lost ones too, until they are forgotten. */
  get claims(): ReadonlyMap<string, Holding<ClaimedTask>> {
    return this.#claimByTask
  }

  /** Keeps the lock that `acquire` gives. @throws `backpressure`, and what `acquire` throws */
  takeLock(name: string, acquire: () => Promise<HeldLock | null>): Promise<Holding<HeldLock> | null> {
    return this.#take(this.label, acquire, (lock) => this.#lockByName.set(name, lock))
  }

  /** Keeps the claim that `claim` gives. @throws `backpressure`, and what `claim` throws */
  takeClaim(worker: string, claim: () => Promise<ClaimedTask | null>): Promise<Holding<ClaimedTask> | null> {
    return this.#take(worker, claim, (task) => this.#claimByTask.set(task.held.id, task))
  }

  /** Unless it was acquired anew since. */
  forgetLock(name: string, holding: Holding<HeldLock>): void {
    if (this.#lockByName.get(name) === holding) this.#lockByName.delete(name)
  }

  /** Unless it was claimed anew since. */
  forgetClaim(holding: Holding<ClaimedTask>): void {
    const { id } = holding.held
    if (this.#claimByTask.get(id) === holding) this.#claimByTask.delete(id)
  }

  async #take<Held extends Leased>(
    by: string,
    acquire: () => Promise<Held | null>,
    keep: (holding: Holding<Held>) => void,
  ): Promise<Holding<Held> | null> {
    this.#assertRoom()
    this.#underWay++
    try {
      const held = await acquire()
      if (held === null) return null
      const holding = new Holding(held, by, this.#clock)
      keep(holding)
      return holding
    } finally {
      this.#underWay--
    }
  }

  #assertRoom(): void {
    const held = (): number => this.#lockByName.size + this.#claimByTask.size + this.#underWay
    if (held() < this.#holdingsMax) return
    for (const [name, lock] of [...this.#lockByName]) if (!lock.held.isHeld) this.forgetLock(name, lock)
    for (const claim of [...this.#claimByTask.values()]) if (!claim.held.isHeld) this.forgetClaim(claim)
    if (held() < this.#holdingsMax) return
    throw new MemorySyncError(
      'backpressure',
      `this client holds or asks for ${held()} locks and tasks, which is as many as it may; complete or release some of them first`,
    )
  }
}

const holdingsByContext = new WeakMap<ToolContext, Holdings>()

/** The holdings of the client behind this context: one for the life of its connection. */
export function holdingsOf(context: ToolContext): Holdings {
  let holdings = holdingsByContext.get(context)
  if (holdings === undefined) {
    holdings = new Holdings(context)
    holdingsByContext.set(context, holdings)
  }
  return holdings
}

/** Settles while whoever called still waits for it. @throws `unknown_outcome` when `promise` takes longer */
function inTime<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = `the store has not answered for ${callWaitMsMax} ms: whether this was written is not known yet`
    const giveUp = (): void => reject(new MemorySyncError('unknown_outcome', text))
    const timer = clock.setTimer(callWaitMsMax, giveUp, { keepAlive: false })
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}
