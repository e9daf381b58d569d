/**
 * Brings ready tasks to workers with room: keeps the queue view from the feed, claims in queue order, hosts the actors of
 * the tasks that its workers own, and reaps those whose owner is gone. Decides no outcome: charts do.
 *
 * - D1 a worker never has more tasks than its capacity
 * - D2 every task that this process owns has exactly one live actor, from the claim to the commit of its outcome
 * - D3 a pending task that a worker here could take is in the view, or the view is partial and a scan will find it
 */
import type { Actor } from 'xstate'
import type { SeenRecord, TaskEvent, TaskState } from '../../machines/task.ts'
import type { Remember, WriteOutcome } from '../actors/outcome.ts'
import { decideAtRest, seenRecord, type TaskRef, type taskLogic } from '../actors/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Keys } from '../domain/key.ts'
import { LeaseObserver, leaseLeftMs } from '../domain/lease.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import { isEnded, type TaskRecord } from '../domain/task-record.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import type { Pull, StayEnd } from './claims.ts'
import { type QueuedTask, QueueView } from './queue-view.ts'
import type { Supervisor } from './supervisor.ts'

/** Claims in one turn of the event loop; then timers and I/O have their turn. */
export const claimsPerTurnMax = 256
/** After a lost race one of the next few is tried instead of the next: contenders spread. */
const lostRaceSkipMax = 4

/** Rounds of a decision at rest that lost against other writers. */
const decisionRoundsMax = 16
/** A record that could not be read, or claimed for want of a store, is looked at again after about so long. */
const lookAgainMs = 1000

/** A worker as the dispatcher sees it. */
export interface WorkerSlot {
  readonly id: string
  readonly address: string
  readonly types: readonly string[] | null
  readonly capacity: number
  /** It takes tasks only for those who wait there. */
  readonly pull: Pull | null
  running: number
  takesTasks: boolean
}

export interface DispatcherHands {
  readonly store: Pick<Store, 'get' | 'list' | 'features'>
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  readonly incarnation: string
  readonly supervisor: Supervisor
  readonly taskLogic: ReturnType<typeof taskLogic>
  readonly remember: Remember
  now(): Moment
  lease(): TaskRecord['lease'] & object
  /** A task's actor crashed: it can no longer end its handler itself. */
  abandon(task: TaskRef): void
  report(error: MemorySyncError): void
}

export class Dispatcher {
  readonly #hands: DispatcherHands
  readonly #view = new QueueView()
  readonly #slots = new Map<string, WorkerSlot>()
  readonly #slotByTask = new Map<string, WorkerSlot>()
  readonly #observer = new LeaseObserver()
  /** Records of this turn that are in the view: claimed at once, they need not be read again. The view itself keeps none. */
  readonly #fresh = new ShortLivedMap<string, SeenRecord>()
  #state: 'off' | 'on' | 'stopping' = 'off'
  #isScanning = false
  /** Claims that may be made before the scan that goes on has ended: of tasks that come before all that it may find. */
  #claimsWhileScanning = 0
  #mustScan = false
  #isScheduled = false
  #claimsThisTurn = 0
  #skip = 0
  #timer: Timer | null = null
  #timerDueMs = 0
  /** Second looks that are still to come. */
  readonly #looks = new Set<Timer>()
  #whenIdle: (() => void)[] = []

  constructor(hands: DispatcherHands) {
    this.#hands = hands
  }

  /** Tasks whose actors live here. */
  get running(): number {
    return this.#slotByTask.size
  }

  /** Tasks that could be claimed now, as far as they are in view. */
  get ready(): number {
    return this.#view.readyCount
  }

  /** The handler's worker. */
  workerOf(taskId: string): WorkerSlot | undefined {
    return this.#slotByTask.get(taskId)
  }

  runningIds(): string[] {
    return [...this.#slotByTask.keys()]
  }

  addWorker(slot: WorkerSlot): void {
    this.#slots.set(slot.id, slot)
    if (this.#state === 'off') this.#state = 'on'
    this.scan()
  }

  removeWorker(id: string): void {
    this.#slots.delete(id)
  }

  /** No more claims. Settles when no task lives here any more. */
  stop(): Promise<void> {
    this.#state = 'stopping'
    this.#timer?.cancel()
    for (const look of this.#looks) look.cancel()
    return this.#slotByTask.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** A worker may have room. */
  schedule(): void {
    if (this.#isScheduled || this.#state !== 'on') return
    this.#isScheduled = true
    if (this.#claimsThisTurn < claimsPerTurnMax) {
      queueMicrotask(() => this.#dispatch())
    } else {
      this.#hands.clock.defer(() => {
        this.#claimsThisTurn = 0
        this.#dispatch()
      })
    }
  }

  /** A record changed, by whom ever. */
  changed(id: string, stored: Stored): void {
    if (this.#state === 'off') return
    const seen = seenRecord(stored)
    if (seen === null) {
      this.#view.remove(id)
      return
    }
    // A task's actor knows its own writes from their receipts; a wish to cancel may come from this process too.
    const isOwnWrite = stored.entry.x?.d[2] === this.#hands.incarnation && seen.record.cancelRequested === undefined
    if (!isOwnWrite && this.#slotByTask.has(id) && seen.record.status === 'processing') {
      this.#hands.supervisor.tell(`task/${id}`, { type: 'record.changed', seen, now: this.#hands.now() })
    }
    this.#note(seen)
    if (isEnded(seen.record)) this.#ended(seen.record)
  }

  /** Something was missed, or the view ran low: read all records. One scan at a time; another may follow. */
  scan(): void {
    if (this.#state !== 'on') return
    if (this.#isScanning) this.#mustScan = true
    else void this.#scan()
  }

  /**
   * Lets the chart decide an event for a task without a live actor, and writes what it says. Rejects when the store does.
   *
   * @returns the record as it is afterwards; null when there is none.
   */
  async decide(id: string, eventFor: (seen: SeenRecord, state: TaskState) => TaskEvent | null): Promise<SeenRecord | null> {
    const key = this.#hands.keys.task(id, 'record')
    for (let round = 1; ; round++) {
      const seen = seenRecord(await this.#hands.store.get(key))
      if (seen === null) return null
      const state = this.stateOf(seen.record)
      const event = eventFor(seen, state)
      const intents = event === null ? [] : decideAtRest(seen, key, state, event).intents
      if (intents.length === 0) return seen
      const outcome = await new Promise<WriteOutcome>((resolve) => this.#hands.remember(intents, resolve))
      if (outcome.type === 'committed') return seenRecord(await this.#hands.store.get(key))
      if (outcome.type === 'failed') throw outcome.error
      if (round >= decisionRoundsMax) {
        throw new MemorySyncError(
          'conflict',
          `task ${id} changed ${decisionRoundsMax} times while it was being decided on; try again`,
          { key },
        )
      }
    }
  }

  /** The chart's state for a record at rest, or with an owner elsewhere. */
  stateOf(record: TaskRecord): TaskState {
    if (record.status !== 'pending') return record.status
    const inView = this.#view.get(record.id)
    if (inView?.place === 'timed' && inView.waits === 'delay') return 'backingOff'
    if (inView?.place === 'blocked') return 'blocked'
    const { notBefore } = record
    if (notBefore !== undefined && this.#leftMs(notBefore) > 0) return 'backingOff'
    return inView === undefined && (record.dependsOn?.length ?? 0) > 0 ? 'blocked' : 'pending'
  }

  /** Milliseconds until the owner's lease is over, as this process can judge it. */
  leaseLeftMs(seen: SeenRecord): number {
    const { lease } = seen.record
    if (lease === undefined) return 0
    const now = this.#hands.now()
    const { reach } = this.#hands.store.features
    const left = reach === 'network' ? null : leaseLeftMs(lease, now)
    const key = this.#hands.keys.task(seen.record.id, 'record')
    return left ?? this.#observer.leftMs(key, seen.revision, lease.leaseMs, now.monotonicMs)
  }

  /**
   * The task's actor is gone and its slot free.
   *
   * @param end `rested`: its record is pending again, and the change was not noted while it lived here. `lost`: somebody
   * else has it and the feed tells of it, or there was no store to write to and nobody will tell.
   */
  taskEnded(id: string, end: StayEnd): void {
    const slot = this.#slotByTask.get(id)
    if (slot === undefined) return
    this.#slotByTask.delete(id)
    this.#release(slot, id, end)
    if (end === 'rested') this.#lookAgain(id, 0)
    else if (end === 'lost') this.#lookAgain(id)
    if (this.#slotByTask.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  #leftMs(notBefore: Moment): number {
    const now = this.#hands.now()
    return notBefore.bootId !== null && notBefore.bootId === now.bootId
      ? notBefore.monotonicMs - now.monotonicMs
      : notBefore.wallMs - now.wallMs
  }

  #note(seen: SeenRecord): void {
    if (this.#slotByTask.has(seen.record.id)) {
      this.#view.remove(seen.record.id)
      return
    }
    if (!this.#isWanted(seen.record)) return
    const leaseMs = seen.record.status === 'processing' ? this.leaseLeftMs(seen) : 0
    const task = this.#view.put(seen.record, seen.revision, this.#hands.now(), leaseMs)
    if (task === undefined) return
    if (task.place === 'ready') {
      if (this.#fresh.size < claimsPerTurnMax) this.#fresh.set(task.id, seen)
      this.schedule()
    } else if (task.place === 'timed') this.#arm()
    else void this.#checkDependencies(task)
  }

  /** Ready tasks that no worker here takes would only fill the view; what must be reaped or failed concerns everybody. */
  #isWanted(record: TaskRecord): boolean {
    if (record.status !== 'pending' || (record.dependsOn?.length ?? 0) > 0) return true
    for (const slot of this.#slots.values()) {
      if (record.type === null ? takesUntyped(slot) : slot.types === null || slot.types.includes(record.type)) return true
    }
    return false
  }

  #ended(record: TaskRecord): void {
    for (const dependent of this.#view.dependentsOf(record.id)) this.#dependencyEnded(dependent, record)
  }

  #dependencyEnded(task: QueuedTask, dependency: TaskRecord): void {
    if (dependency.status === 'completed') {
      if (this.#view.meet(task, dependency.id)) this.schedule()
      return
    }
    void this.#guarded(async () => {
      const seen = await this.decide(task.id, ({ record }, state) => {
        if (state !== 'blocked' || record.onDependencyFailure === 'run') return null
        return { type: 'dependency.failed', dependency: dependency.id, now: this.#hands.now() }
      })
      if (seen?.record.onDependencyFailure === 'run' && this.#view.meet(task, dependency.id)) this.schedule()
    })
  }

  /** Dependencies that ended before anybody looked. */
  async #checkDependencies(task: QueuedTask): Promise<void> {
    await this.#guarded(async () => {
      for (const dependency of [...(task.unmet ?? [])]) {
        const seen = seenRecord(await this.#hands.store.get(this.#hands.keys.task(dependency, 'record')))
        if (seen !== null && isEnded(seen.record) && this.#view.get(task.id) === task) this.#dependencyEnded(task, seen.record)
      }
    })
  }

  async #scan(): Promise<void> {
    this.#isScanning = true
    this.#claimsWhileScanning = 0
    try {
      do {
        this.#mustScan = false
        this.#view.beginScan()
        for await (const stored of this.#hands.store.list(this.#hands.keys.allTaskRecords)) {
          if (this.#state !== 'on') return
          this.#noteScanned(stored)
        }
      } while (this.#mustScan)
    } catch (thrown) {
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable'))
      this.#later(this.#lookAgainMs(), () => this.scan())
    } finally {
      this.#isScanning = false
      this.schedule()
      this.#arm()
    }
  }

  /** Others write to the store too: one record that is none must not hide those behind it. */
  #noteScanned(stored: Stored): void {
    try {
      const seen = seenRecord(stored)
      if (seen !== null) this.#note(seen)
    } catch (thrown) {
      const message = `a record was skipped: ${messageOf(thrown)}`
      this.#hands.report(new MemorySyncError('corrupt', message, { key: stored.key, cause: thrown }))
    }
  }

  #dispatch(): void {
    this.#isScheduled = false
    this.#claimReady()
    if (this.#fresh.size > 0) this.#fresh.clear()
  }

  #claimReady(): void {
    if (this.#state !== 'on') return
    for (;;) {
      if (this.#isScanning && this.#claimsWhileScanning <= 0) return
      const slot = this.#freest()
      if (slot === null) break
      if (this.#claimsThisTurn >= claimsPerTurnMax) {
        this.schedule()
        return
      }
      const task = this.#takeFor(slot)
      if (task === undefined) {
        // Another worker may take other types.
        if (!this.#claimForAnother(slot)) break
      } else {
        this.#claim(slot, task)
      }
      this.#claimsThisTurn++
      this.#claimsWhileScanning--
    }
    if (this.#view.isPartial) this.#refillIfWanted()
  }

  #refillIfWanted(): void {
    for (const slot of this.#slots.values()) {
      if (!slot.takesTasks || !this.#view.wantsScan(slot.types, takesUntyped(slot))) continue
      this.#refill()
      return
    }
  }

  /** Reads all records again; what is known comes first and goes on being claimed meanwhile. */
  #refill(): void {
    if (this.#isScanning) return
    const { knownFirst } = this.#view
    this.scan()
    this.#claimsWhileScanning = knownFirst
  }

  #claimForAnother(slot: WorkerSlot): boolean {
    for (const other of this.#slots.values()) {
      if (other === slot || !hasRoom(other)) continue
      const task = this.#takeFor(other)
      if (task === undefined) continue
      this.#claim(other, task)
      return true
    }
    return false
  }

  #freest(): WorkerSlot | null {
    let freest: WorkerSlot | null = null
    for (const slot of this.#slots.values()) {
      if (hasRoom(slot) && (freest === null || slot.capacity - slot.running > freest.capacity - freest.running)) freest = slot
    }
    return freest
  }

  #takeFor(slot: WorkerSlot): QueuedTask | undefined {
    const task = this.#view.take(slot.types, takesUntyped(slot))
    if (task === undefined || this.#skip === 0) return task
    // A race was lost just now: leave the next few to the winner.
    this.#skip--
    const next = this.#view.take(slot.types, takesUntyped(slot))
    if (next === undefined) return task
    this.#lookAgain(task.id, 0)
    return next
  }

  #claim(slot: WorkerSlot, task: QueuedTask): void {
    slot.running++
    this.#slotByTask.set(task.id, slot)
    slot.pull?.assigned(task.id)
    this.#hands.supervisor.tell(slot.address, { type: 'task.assigned' })
    void this.#host(slot, task)
  }

  async #host(slot: WorkerSlot, task: QueuedTask): Promise<void> {
    const key = this.#hands.keys.task(task.id, 'record')
    try {
      const seen = this.#freshOf(task) ?? (await this.#read(key))
      if (seen === null || seen.record.status !== 'pending' || this.#state !== 'on') {
        this.#slotByTask.delete(task.id)
        this.#release(slot, task.id, 'lost')
        if (seen !== null) this.#note(seen)
        if (this.#slotByTask.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
        return
      }
      const actor = this.#hands.supervisor.start({
        address: `task/${task.id}`,
        logic: this.#hands.taskLogic,
        input: { ...seen, prefix: key.slice(0, -'/record'.length) },
        onEnd: (end) => {
          if (end.type === 'crashed') this.#hands.abandon(actor)
          if (end.type === 'done' && end.state === 'lost') this.#skip = Math.floor(this.#hands.random.next() * lostRaceSkipMax)
          this.taskEnded(task.id, end.type === 'done' ? (end.state as TaskState) : 'lost')
        },
      })
      this.#tellClaim(actor, slot, task.id)
    } catch (thrown) {
      this.#hands.report(
        MemorySyncError.from(thrown, 'store_unavailable', `task ${task.id} could not be claimed: ${messageOf(thrown)}`),
      )
      this.taskEnded(task.id, 'lost')
    }
  }

  #freshOf(task: QueuedTask): SeenRecord | undefined {
    const seen = this.#fresh.get(task.id)
    return seen?.revision === task.revision ? seen : undefined
  }

  async #read(key: string): Promise<SeenRecord | null> {
    const stored = await this.#hands.store.get(key)
    return seenRecord(stored)
  }

  #tellClaim(actor: Actor<DispatcherHands['taskLogic']>, slot: WorkerSlot, id: string): void {
    const owner = { worker: slot.id, incarnation: this.#hands.incarnation }
    const lease = this.#hands.lease()
    const own = slot.pull === null ? lease : { ...lease, leaseMs: slot.pull.leaseMsOf(id) }
    actor.send({ type: 'task.claim', owner, lease: own, now: this.#hands.now() })
  }

  #release(slot: WorkerSlot, id: string, end: StayEnd): void {
    slot.running--
    slot.pull?.released(id, end)
    this.#hands.supervisor.tell(slot.address, { type: 'task.ended' })
    this.schedule()
  }

  #lookAgainMs(): number {
    return lookAgainMs * (0.5 + this.#hands.random.next())
  }

  #later(delayMs: number, run: () => void): void {
    if (this.#state !== 'on') return
    const timer = this.#hands.clock.setTimer(
      delayMs,
      () => {
        this.#looks.delete(timer)
        run()
      },
      { keepAlive: false },
    )
    this.#looks.add(timer)
  }

  #lookAgain(id: string, delayMs = this.#lookAgainMs()): void {
    if (this.#state !== 'on') return
    const look = async (): Promise<void> => {
      if (this.#state !== 'on') return
      try {
        const stored = await this.#hands.store.get(this.#hands.keys.task(id, 'record'))
        const seen = seenRecord(stored)
        if (seen !== null) this.#note(seen)
      } catch {
        // The store is away: ask again, for as long as this runtime lives.
        this.#lookAgain(id)
      }
    }
    if (delayMs === 0) void look()
    else this.#later(delayMs, () => void look())
  }

  /** One timer for everything that waits for a time. */
  #arm(): void {
    const dueMs = this.#view.nextDueMs
    if (dueMs === null || this.#state !== 'on') return
    if (this.#timer !== null && this.#timerDueMs <= dueMs) return
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    this.#timer = this.#hands.clock.setTimer(
      Math.max(0, dueMs - this.#hands.clock.monotonicMs()),
      () => {
        this.#timer = null
        this.#due()
      },
      { keepAlive: false },
    )
  }

  #due(): void {
    if (this.#state !== 'on') return
    for (const task of this.#view.popDue(this.#hands.clock.monotonicMs())) {
      if (task.place === 'blocked') void this.#checkDependencies(task)
      else void this.#reap(task)
    }
    if (this.#view.isScanDue(this.#hands.clock.monotonicMs())) this.#refill()
    this.schedule()
    if (!this.#isScanning) this.#arm()
  }

  /** The owner's lease seems over: look at the record, and take the task from it if so. */
  async #reap(task: QueuedTask): Promise<void> {
    await this.#guarded(async () => {
      const seen = await this.decide(task.id, (current) => {
        if (current.record.status !== 'processing' || this.leaseLeftMs(current) > 0) return null
        return { type: 'owner.lost', now: this.#hands.now() }
      })
      if (seen !== null) this.#note(seen)
    }, task.id)
  }

  /** Background work of this file never rejects into the host: it is reported, and tried again if it was about a task. */
  async #guarded(work: () => Promise<void>, id?: string): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable'))
      if (id !== undefined) this.#lookAgain(id)
    }
  }
}

/** A task without a type is for whoever claims it by hand: no handler could know what to do with it. */
function takesUntyped({ pull, types }: WorkerSlot): boolean {
  return pull !== null && types === null
}

function hasRoom(slot: WorkerSlot): boolean {
  return slot.takesTasks && slot.running < slot.capacity && (slot.pull === null || slot.pull.wants)
}
