/**
 * Tasks that are claimed when somebody asks, and driven by whoever asked: the line of those who wait at a worker, and each claim as
 * its holder sees it. Which task it is and what becomes of it is decided by the dispatcher and the task's chart.
 *
 * - P1 a worker of this kind is given a task only for somebody who waits
 * - P2 a task that comes too late for who waited goes back to the queue, its attempt not counted
 * - P3 its lease is renewed by its holder alone: one that is silent loses the task
 */
import type { TaskEvent, TaskState } from '../../machines/task.ts'
import type { TaskRef } from '../actors/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { TaskRecord } from '../domain/task-record.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import { checkPercent, type DrivenCommand, drivenEventOf, faultCharactersMax, outputOf } from './commands.ts'

export const claimLeaseMsMin = 1000
/** An hour. */
export const claimLeaseMsMax = 3_600_000
/** Also without patience: what is ready is claimed, and a claim takes a moment. */
const claimMomentMs = 250
/** Claims that wait at one worker; more are refused with `backpressure`. */
export const claimsWaitingMax = 1000

export interface ClaimOptions {
  /** After so many milliseconds without `renew` or `progress` others may take the task over. 1,000 to 3,600,000; default `taskLeaseMs`. */
  readonly leaseMs?: number
  /** How many milliseconds to wait for a task. Default 0; that there is none is said after a quarter of a second at the earliest. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/** A task that was claimed. It ends with `complete`, `fail` or `release`, or is lost when its lease is over. */
export interface ClaimedTask {
  readonly id: string
  /** null: it was put into the queue without one. */
  readonly type: string | null
  readonly input: Json
  /** 1 for the first. */
  readonly attempt: number
  /** The fencing token of this attempt. */
  readonly epoch: number
  readonly leaseMs: number
  /** Aborted when it is over for another reason than its holder's own word: cancelled, timed out, lease over, taken over, shutdown. */
  readonly signal: AbortSignal
  readonly isHeld: boolean
  /** Milliseconds until the lease is over, unless it is renewed; 0 when it is not held. */
  leaseLeftMs(): number
  /** The lease begins anew; settles when that is committed. @throws `claim_lost` */
  renew(): Promise<void>
  /** Writes the document `progress` (percent from 0 to 100) and renews. @throws `claim_lost`, `invalid_value` */
  progress(percent: number, note?: string): Promise<void>
  /** Settles when it is committed. @throws `claim_lost`, `invalid_value`, `too_large` */
  complete(output?: unknown): Promise<void>
  /** Settles when it is committed; tells whether another attempt follows. @throws `claim_lost` */
  fail(message: string, options?: { readonly isFinal?: boolean }): Promise<'retried' | 'failed'>
  /** Hands it back to the queue, the attempt not counted. @throws `claim_lost` */
  release(): Promise<void>
}

/** How a task's stay at its worker ended; `rested`: its record is pending again. */
export type StayEnd = TaskState | 'rested'

/** What the runner of handlers knows of a task that runs. */
export interface RunControl {
  readonly signal: AbortSignal
  /** Why its signal was aborted. */
  readonly abortedBy: MemorySyncError | null
  leaseLeftMs(): number
  /** Settles when the renewal is committed; rejects when the run ends before. */
  renew(): Promise<void>
}

export interface PullHands {
  readonly clock: Clock
  readonly random: Random
  readonly leaseMsDefault: number
  now(): Moment
  /** Somebody waits: the dispatcher should look. */
  schedule(): void
}

interface Waiter {
  readonly leaseMs: number
  resolve(task: ClaimedTask | null): void
  timer: Timer | null
  isGone: boolean
}

/** The line at one worker. */
export class Pull {
  readonly #hands: PullHands
  #waiting: Waiter[] = []
  /** Claims on their way. */
  readonly #waiterByTask = new Map<string, Waiter>()
  readonly #claimByTask = new Map<string, Claim>()
  #isClosed = false

  constructor(hands: PullHands) {
    this.#hands = hands
  }

  /** Whether somebody waits for whom no claim is under way. */
  get wants(): boolean {
    return this.#waiting.length > 0
  }

  /** @throws `invalid_option`, `aborted`, `backpressure` */
  async claim(options: ClaimOptions): Promise<ClaimedTask | null> {
    const { waitMs = 0, leaseMs = this.#hands.leaseMsDefault, signal } = options
    if (!(Number.isFinite(leaseMs) && leaseMs >= claimLeaseMsMin && leaseMs <= claimLeaseMsMax)) {
      throw new MemorySyncError(
        'invalid_option',
        `leaseMs must be ${claimLeaseMsMin} to ${claimLeaseMsMax}, got ${quote(leaseMs)}`,
      )
    }
    if (!(Number.isFinite(waitMs) && waitMs >= 0 && waitMs <= claimLeaseMsMax)) {
      throw new MemorySyncError('invalid_option', `waitMs must be 0 to ${claimLeaseMsMax}, got ${quote(waitMs)}`)
    }
    if (signal?.aborted) throw waitAborted(signal)
    if (this.#isClosed) return null
    if (this.#waiting.length >= claimsWaitingMax) {
      throw new MemorySyncError('backpressure', `${claimsWaitingMax} claims wait at this worker already; wait for some of them`)
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        waiter.timer?.cancel()
        signal?.removeEventListener('abort', abort)
        waiter.isGone = true
        this.#waiting = this.#waiting.filter((other) => other !== waiter)
      }
      const waiter: Waiter = {
        leaseMs,
        timer: null,
        isGone: false,
        resolve: (task) => {
          end()
          resolve(task)
        },
      }
      const abort = (): void => {
        end()
        reject(waitAborted(signal as AbortSignal))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(waiter)
      this.#hands.schedule()
      this.#giveUpIn(Math.max(waitMs, claimMomentMs), waiter)
    })
  }

  /** Nobody is given anything any more. */
  close(): void {
    this.#isClosed = true
    for (const waiter of [...this.#waiting]) waiter.resolve(null)
  }

  /** The dispatcher claims this task for the first who waits. */
  assigned(taskId: string): void {
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) this.#waiterByTask.set(taskId, waiter)
  }

  leaseMsOf(taskId: string): number {
    return this.#waiterByTask.get(taskId)?.leaseMs ?? this.#hands.leaseMsDefault
  }

  /** The claim is committed. */
  begun(task: TaskRef, record: TaskRecord, run: RunControl): void {
    const waiter = this.#waiterByTask.get(record.id)
    this.#waiterByTask.delete(record.id)
    if (waiter === undefined || waiter.isGone) {
      task.send({ type: 'drain.elapsed', now: this.#hands.now() })
      return
    }
    const claim = new Claim(task, record, run, this.#hands)
    this.#claimByTask.set(record.id, claim)
    waiter.resolve(claim)
  }

  /** The task's stay is over; or it never began, because somebody else was faster. */
  released(taskId: string, end: StayEnd): void {
    this.#claimByTask.get(taskId)?.ended(end)
    this.#claimByTask.delete(taskId)
    const waiter = this.#waiterByTask.get(taskId)
    this.#waiterByTask.delete(taskId)
    if (waiter === undefined || waiter.isGone) return
    if (this.#isClosed) waiter.resolve(null)
    else this.#waiting.unshift(waiter)
  }

  #giveUpIn(delayMs: number, waiter: Waiter): void {
    const giveUp = (): void => {
      // One whose claim is on its way is answered by that: the task is its own already, or will be another's in a moment.
      if ([...this.#waiterByTask.values()].includes(waiter)) this.#giveUpIn(claimMomentMs, waiter)
      else waiter.resolve(null)
    }
    waiter.timer = this.#hands.clock.setTimer(delayMs, giveUp, { keepAlive: false })
  }
}

class Claim implements ClaimedTask {
  readonly id: string
  readonly type: string | null
  readonly input: Json
  readonly attempt: number
  readonly epoch: number
  readonly leaseMs: number
  readonly #task: TaskRef
  readonly #run: RunControl
  readonly #hands: PullHands
  readonly #whenEnded: Promise<StayEnd>
  #end: StayEnd | null = null
  #tellEnd: (end: StayEnd) => void = () => {}
  #isSettling = false

  constructor(task: TaskRef, record: TaskRecord, run: RunControl, hands: PullHands) {
    this.id = record.id
    this.type = record.type
    this.input = record.input
    this.attempt = record.attempts
    this.epoch = record.epoch
    this.leaseMs = record.lease?.leaseMs ?? hands.leaseMsDefault
    this.#task = task
    this.#run = run
    this.#hands = hands
    this.#whenEnded = new Promise((resolve) => {
      this.#tellEnd = resolve
    })
  }

  get signal(): AbortSignal {
    return this.#run.signal
  }

  get isHeld(): boolean {
    return this.leaseLeftMs() > 0
  }

  leaseLeftMs(): number {
    return this.#end === null && !this.#isSettling ? Math.max(0, this.#run.leaseLeftMs()) : 0
  }

  async renew(): Promise<void> {
    this.#assertHeld()
    try {
      await this.#run.renew()
    } catch {
      throw this.#lost()
    }
  }

  async progress(percent: number, note?: string): Promise<void> {
    const checked = checkPercent(percent)
    this.#assertHeld()
    this.#send({ type: 'task.progress', percent: checked, ...(note === undefined ? {} : { note }) })
    await this.renew()
  }

  async complete(output?: unknown): Promise<void> {
    if ((await this.#settle({ type: 'task.complete', output: outputOf(output) })) !== 'completed') throw this.#lost()
  }

  async fail(message: string, options: { readonly isFinal?: boolean } = {}): Promise<'retried' | 'failed'> {
    const told = messageOf(message).slice(0, faultCharactersMax)
    const end = await this.#settle({ type: 'task.fail', message: told, isFinal: options.isFinal === true })
    if (end === 'failed') return 'failed'
    if (end === 'rested') return 'retried'
    throw this.#lost()
  }

  async release(): Promise<void> {
    this.#assertHeld()
    this.#isSettling = true
    this.#task.send({ type: 'drain.elapsed', now: this.#hands.now() })
    if ((await this.#whenEnded) !== 'rested') throw this.#lost()
  }

  ended(end: StayEnd): void {
    this.#end = end
    this.#tellEnd(end)
  }

  #settle(command: DrivenCommand): Promise<StayEnd> {
    this.#assertHeld()
    this.#isSettling = true
    this.#send(command)
    return this.#whenEnded
  }

  #send(command: DrivenCommand): void {
    const event: TaskEvent = drivenEventOf(command, this.#hands.now(), this.#hands.random.next())
    this.#task.send(event)
  }

  #assertHeld(): void {
    if (!this.isHeld) throw this.#lost()
  }

  #lost(): MemorySyncError {
    const { abortedBy } = this.#run
    const reason =
      this.#end === 'completed' || this.#end === 'failed' || this.#end === 'cancelled'
        ? `it is ${this.#end} already`
        : abortedBy !== null
          ? messageOf(abortedBy)
          : this.#isSettling
            ? 'its outcome could not be written, or was given already'
            : `its lease of ${this.leaseMs} ms is over`
    const message = `task ${quote(this.id)} is not held any more under epoch ${this.epoch}: ${reason}. Somebody else may have it.`
    return new MemorySyncError('claim_lost', message, { retryable: false })
  }
}

function waitAborted(signal: AbortSignal): MemorySyncError {
  return new MemorySyncError('aborted', 'the waiting for a task was aborted', { cause: signal.reason })
}
