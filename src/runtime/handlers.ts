/**
 * Running handlers: gives each its task, its signal and its time, renews the leases of all that run, and turns whatever a
 * handler does (return, throw, reject, hang, go on after the abort) into events of the task's chart. Decides nothing.
 */

import type { TaskRef } from '../actors/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { type Json, toJson } from '../domain/json.ts'
import { assertKey, type Keys } from '../domain/key.ts'
import type { Lease } from '../domain/lease.ts'

import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { TaskFault, TaskRecord } from '../domain/task-record.ts'
import { always, type Intent } from '../domain/write.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Pull, RunControl } from './claims.ts'
import { checkPercent, faultCharactersMax, outputOf } from './commands.ts'
import { assertFits, outputBytesMax } from './document-size.ts'
import type { HeldLock, LockHold } from './held-lock.ts'
import type { LockOptions } from './locks.ts'
import type { Memory } from './memory.ts'

/** How many keys one task may write with its completion. */
export const effectsMax = 100

/** What a handler is given. */
export interface HandledTask<Input = Json> {
  readonly id: string
  readonly type: string
  readonly input: Input
  /** 1 for the first. */
  readonly attempt: number
  /** The fencing token of this attempt: give it to whatever you write to outside the shared memory. */
  readonly epoch: number
  /** Aborted on timeout, cancellation, takeover and shutdown. What the handler does afterwards is ignored. */
  readonly signal: AbortSignal
  /** The shared memory; writes are refused with `stale_epoch` once this attempt is over or somebody else has the task. */
  readonly memory: Memory
  /**
   * As `runtime.lock`; the waiting ends with the task's signal. What the handler has not released when it ends is released
   * then. Its effects are committed after that: they are guarded by the task, not by its locks.
   */
  lock(name: string, options?: LockOptions): Promise<HeldLock | null>
  /** Writes the document `progress`; percent from 0 to 100. */
  progress(percent: number, note?: string): void
  /**
   * A write that takes effect together with the task's completion, or not at all: exactly once, however often the handler
   * is started. Unconditional; the last call for a key counts. At most {@link effectsMax} keys.
   */
  effect(key: string, value: unknown): void
}

/** Does a task's work. What it returns is the task's output, JSON; undefined counts as null. */
// biome-ignore lint/suspicious/noExplicitAny: each type of task has its own input, which only its handler knows
export type Handler = (task: HandledTask<any>) => unknown

export type Handlers = Readonly<Record<string, Handler>>

export interface HandlerRunnerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly keys: Keys
  readonly memory: Memory
  readonly leaseMs: number
  lock(name: string, options: LockOptions): Promise<LockHold | null>
  now(): Moment
  /** The handler of a task on a worker of this runtime; null: the worker is driven. */
  handlerOf(id: string): Handler | null
  /** Where the task's claimer waits; null: its worker takes tasks by itself. */
  pullOf(id: string): Pull | null
  report(error: MemorySyncError): void
}

interface Run {
  readonly task: TaskRef
  readonly record: TaskRecord
  /** Made when the handler first asks for its signal: most never do. */
  abort: AbortController | null
  abortedBy: MemorySyncError | null
  timeout: Timer | null
  /** Monotonic milliseconds at which the newest renewal was sent. */
  renewalSentMs: number
  /** …and of the newest that was committed: the lease counts from it. */
  heldSinceMs: number
  isOver: boolean
  readonly leaseMs: number
  /** Only its claimer renews it. */
  readonly isPulled: boolean
  /** Renewals that its claimer waits for, oldest first. */
  renewals: Renewal[] | null
  /** Most take none. */
  locks: Set<LockHold> | null
}

interface Renewal {
  readonly sentMs: number
  resolve(): void
  reject(error: MemorySyncError): void
}

export class HandlerRunner {
  readonly #options: HandlerRunnerOptions
  readonly #runByTask = new ShortLivedMap<string, Run>()
  /** A chart leaves `processing` before it aborts the handler, in one transition. A weak map of runs would cost far more. */
  #justEnded: Run | null = null
  #isDrained = false
  #renewalTimer: Timer | null = null

  constructor(options: HandlerRunnerOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#runByTask.size
  }

  lease(): Lease {
    const { clock, leaseMs } = this.#options
    return { leaseMs, bootId: clock.bootId, renewedAtMs: clock.monotonicMs() }
  }

  start(task: TaskRef, record: TaskRecord): void {
    const heldSinceMs = record.lease?.renewedAtMs ?? this.#options.clock.monotonicMs()
    const pull = this.#options.pullOf(record.id)
    const run: Run = {
      task,
      record,
      abort: null,
      abortedBy: null,
      timeout: null,
      renewalSentMs: heldSinceMs,
      heldSinceMs,
      isOver: false,
      leaseMs: record.lease?.leaseMs ?? this.#options.leaseMs,
      isPulled: pull !== null,
      renewals: null,
      locks: null,
    }
    this.#runByTask.set(task.id, run)
    if (this.#isDrained) {
      // Claimed while the runtime was shutting down: given back before it begins.
      queueMicrotask(() => task.send({ type: 'drain.elapsed', now: this.#options.now() }))
      return
    }
    this.#armRenewals()
    if (record.timeoutMs !== undefined) {
      run.timeout = this.#options.clock.setTimer(record.timeoutMs, () => {
        if (!run.isOver) task.send({ type: 'timeout.elapsed', now: this.#options.now(), chance: this.#options.random.next() })
      })
    }
    if (pull !== null) {
      queueMicrotask(() => pull.begun(task, record, this.#controlOf(run)))
      return
    }
    const handler = this.#options.handlerOf(record.id)
    // Not inside the transition that started it: a handler may do anything, also to its own task.
    if (handler !== null) queueMicrotask(() => this.#run(run, handler))
  }

  abort(task: TaskRef, reason: string): void {
    const run = this.#runByTask.get(task.id) ?? this.#justEnded
    if (run?.task !== task) return
    run.abortedBy ??= new MemorySyncError('aborted', `task ${run.record.id} was aborted: ${reason}`)
    run.abort?.abort(run.abortedBy)
  }

  end(task: TaskRef): void {
    const run = this.#runByTask.get(task.id)
    if (run === undefined) return
    run.isOver = true
    run.timeout?.cancel()
    for (const lock of [...(run.locks ?? [])]) lock.end(attemptOver(run))
    for (const renewal of run.renewals ?? []) renewal.reject(attemptOver(run))
    this.#runByTask.delete(task.id)
    this.#justEnded = run
    if (this.#runByTask.size === 0) {
      this.#renewalTimer?.cancel()
      this.#renewalTimer = null
    }
  }

  /** A renewal of a task was committed, which was sent at that time. */
  renewed(task: TaskRef, sentMs: number): void {
    const run = this.#runByTask.get(task.id)
    if (run === undefined) return
    run.heldSinceMs = Math.max(run.heldSinceMs, sentMs)
    while (run.renewals?.[0] !== undefined && run.renewals[0].sentMs <= sentMs) run.renewals.shift()?.resolve()
  }

  /** Aborts what runs. */
  abortAll(reason: string): void {
    for (const { task } of [...this.#runByTask.values()]) this.abort(task, reason)
  }

  /** What still runs goes back to the queue, and so does what would start from now on. */
  handBackAll(): void {
    this.#isDrained = true
    const now = this.#options.now()
    for (const { task } of [...this.#runByTask.values()]) task.send({ type: 'drain.elapsed', now })
  }

  async #run(run: Run, handler: Handler): Promise<void> {
    if (run.isOver) return
    const effects = new Map<string, Intent>()
    try {
      const returned = await handler(new RunningTask(run, effects, this.#options))
      if (run.isOver) return
      const output = this.#checkOutput(returned)
      if (output instanceof MemorySyncError) this.#fail(run, output, 'invalid_output')
      else {
        const now = this.#options.now()
        run.task.send({ type: 'task.complete', output, effects: [...effects.values()], now })
      }
    } catch (thrown) {
      // After its end (timeout, cancellation, takeover) a handler's complaint is nobody's business any more.
      if (run.isOver) return
      // One that gives up because the runtime shuts down has not failed: its task goes back, the attempt not counted.
      if (run.abortedBy !== null) run.task.send({ type: 'drain.elapsed', now: this.#options.now() })
      else this.#fail(run, thrown, 'handler')
    }
  }

  #checkOutput(returned: unknown): Json | MemorySyncError {
    try {
      return outputOf(returned)
    } catch (thrown) {
      return MemorySyncError.from(thrown, 'invalid_value')
    }
  }

  #fail(run: Run, thrown: unknown, reason: NonNullable<TaskFault['reason']>): void {
    const now = this.#options.now()
    run.task.send({ type: 'task.fail', ...failureOf(thrown, reason), now, chance: this.#options.random.next() })
  }

  /** A run as its claimer sees and renews it. */
  #controlOf(run: Run): RunControl {
    const leaseLeftMs = (): number => (run.isOver ? 0 : run.heldSinceMs + run.leaseMs - this.#options.clock.monotonicMs())
    return {
      get signal() {
        return signalOf(run)
      },
      get abortedBy() {
        return run.abortedBy
      },
      leaseLeftMs,
      renew: () => {
        if (leaseLeftMs() <= 0) return Promise.reject(attemptOver(run))
        const lease = { ...this.lease(), leaseMs: run.leaseMs }
        run.renewalSentMs = lease.renewedAtMs
        const renewal = new Promise<void>((resolve, reject) => {
          run.renewals ??= []
          run.renewals.push({ sentMs: lease.renewedAtMs, resolve, reject })
        })
        run.task.send({ type: 'lease.due', lease })
        return renewal
      },
    }
  }

  /** One timer renews all: a third of the lease between two renewals of a task, at most. */
  #armRenewals(): void {
    if (this.#renewalTimer !== null) return
    const { clock, leaseMs, random } = this.#options
    const everyMs = (leaseMs / 6) * (0.75 + random.next() / 4)
    this.#renewalTimer = clock.setTimer(everyMs, () => {
      this.#renewalTimer = null
      this.#renewAll()
      if (this.#runByTask.size > 0) this.#armRenewals()
    })
  }

  #renewAll(): void {
    const { leaseMs } = this.#options
    const lease = this.lease()
    for (const run of [...this.#runByTask.values()]) {
      if (lease.renewedAtMs - run.heldSinceMs >= run.leaseMs) {
        run.task.send({ type: 'lease.over' })
      } else if (!run.isPulled && lease.renewedAtMs - run.renewalSentMs >= leaseMs / 6) {
        run.renewalSentMs = lease.renewedAtMs
        run.task.send({ type: 'lease.due', lease })
      }
    }
  }
}

/** One attempt as its handler sees it. A class: what is made for every task is made once. */
class RunningTask implements HandledTask {
  readonly id: string
  readonly type: string
  readonly input: Json
  readonly attempt: number
  readonly epoch: number
  readonly #run: Run
  readonly #effects: Map<string, Intent>
  readonly #options: HandlerRunnerOptions
  #memory: Memory | null = null

  constructor(run: Run, effects: Map<string, Intent>, options: HandlerRunnerOptions) {
    const { record } = run
    this.id = record.id
    this.type = record.type ?? ''
    this.input = record.input
    this.attempt = record.attempts
    this.epoch = record.epoch
    this.#run = run
    this.#effects = effects
    this.#options = options
  }

  get signal(): AbortSignal {
    return signalOf(this.#run)
  }

  get memory(): Memory {
    const run = this.#run
    const { record } = run
    this.#memory ??= this.#options.memory.guardedBy(
      {
        scope: this.#options.keys.task(record.id, 'record'),
        epoch: record.epoch,
        incarnation: record.incarnation ?? '',
      },
      () => run.isOver,
    )
    return this.#memory
  }

  async lock(name: string, options: LockOptions = {}): Promise<HeldLock | null> {
    const run = this.#run
    const signal = options.signal === undefined ? this.signal : AbortSignal.any([this.signal, options.signal])
    const lock = await this.#options.lock(name, { ...options, signal })
    if (lock === null) return null
    if (run.isOver) {
      lock.end(attemptOver(run))
      throw attemptOver(run)
    }
    run.locks ??= new Set()
    run.locks.add(lock)
    void lock.ended.then(() => run.locks?.delete(lock))
    return lock
  }

  progress(percent: number, note?: string): void {
    const checked = checkPercent(percent)
    const run = this.#run
    if (!run.isOver) run.task.send({ type: 'task.progress', percent: checked, note: note ?? null, now: this.#options.now() })
  }

  effect(key: string, value: unknown): void {
    assertKey(key)
    const { keys } = this.#options
    if (keys.taskOfRecord(key) !== null) {
      throw new MemorySyncError('not_supported', `${key} is a task's record: an effect cannot write it`, { key })
    }
    if (keys.isLock(key)) {
      throw new MemorySyncError('not_supported', `${key} is a lock's record: an effect cannot write it`, { key })
    }
    // A unit writes a key once, and the completion writes these two itself.
    if (key === keys.task(this.id, 'state') || key === keys.task(this.id, 'result')) {
      throw new MemorySyncError('not_supported', `${key} is written with the task's completion: an effect cannot write it`, {
        key,
      })
    }
    if (this.#effects.size >= effectsMax && !this.#effects.has(key)) {
      throw new MemorySyncError('too_large', `a task can have at most ${effectsMax} effects; ${quote(key)} is one more`)
    }
    this.#effects.set(key, {
      key,
      value: assertFits(toJson(value), `the effect on ${quote(key)}`, outputBytesMax),
      condition: always,
    })
  }
}

function signalOf(run: Run): AbortSignal {
  if (run.abort === null) {
    run.abort = new AbortController()
    if (run.abortedBy !== null) run.abort.abort(run.abortedBy)
  }
  return run.abort.signal
}

function attemptOver({ record }: Run): MemorySyncError {
  return new MemorySyncError('aborted', `attempt ${record.attempts} of task ${record.id} is over`)
}

const faultNameCharactersMax = 200

/** What was thrown, as data. Members of what handlers throw may be anything, and looking at them may throw. */
function failureOf(thrown: unknown, reason: NonNullable<TaskFault['reason']>): { error: TaskFault; isFinal: boolean } {
  try {
    const name: unknown = thrown instanceof Error ? thrown.name : 'Error'
    const error: TaskFault = {
      name: typeof name === 'string' ? name.slice(0, faultNameCharactersMax) : 'Error',
      message: textOf(messageOf(thrown)).slice(0, faultCharactersMax),
      reason,
    }
    return { error, isFinal: isFinalError(thrown) }
  } catch {
    return { error: { name: 'Error', message: 'what was thrown cannot be looked at', reason }, isFinal: false }
  }
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : quote(message)
}

/** An error that says of itself that trying again is useless. */
function isFinalError(thrown: unknown): boolean {
  return (
    thrown instanceof Error && (thrown as { retryable?: unknown }).retryable === false && !(thrown instanceof MemorySyncError)
  )
}
