/**
 * The life of the store's thread as the main thread sees it: start, death, restarts, end. Hands messages over and tells of
 * deaths; knows nothing of what the messages mean.
 *
 * - L1 it keeps the process alive only while somebody holds it (`hold`)
 */
import { Worker } from 'node:worker_threads'
import { MemorySyncError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FromThread, ThreadData, ToThread } from './protocol.ts'
import { createGate, guardExit, unguardExit } from './thread-gate.ts'
import { type ThreadProgram, threadProgram } from './thread-program.ts'

/** A thread that was asked to close and does not, because another process holds the writer's lock, is left to itself. */
const closeMsMax = 5000

export type StartData = Omit<ThreadData, 'gate'>

export interface ThreadEvents {
  onMessage(message: FromThread): void
  /** The thread is gone without having been asked. */
  onDeath(reason: string): void
}

export class StoreThread {
  readonly #worker: Worker
  readonly #events: ThreadEvents
  readonly #clock: Clock
  readonly #gate = createGate()
  readonly #ended: Promise<void>
  #isClosing = false
  #isDead = false
  #reason = ''
  #holders = 0

  private constructor(program: ThreadProgram, data: StartData, events: ThreadEvents, clock: Clock) {
    this.#events = events
    this.#clock = clock
    guardExit(this.#gate)
    this.#worker = new Worker(program.file, {
      eval: program.isText,
      workerData: { ...data, gate: this.#gate } satisfies ThreadData,
      name: 'memory-sync store',
      // Not what this process was started with: a loader or an inspector port is not for this thread.
      execArgv: [],
    })
    this.#worker.on('error', (error) => {
      this.#reason = error.message
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#isDead = true
        unguardExit(this.#gate)
        resolve()
        if (!this.#isClosing) this.#events.onDeath(this.#reason === '' ? `it ended with code ${code}` : this.#reason)
      })
    })
  }

  /**
   * @throws what the thread says about the directory; `store_unavailable` if it dies before saying anything.
   */
  static async start(data: StartData, events: ThreadEvents, clock: Clock): Promise<StoreThread> {
    let settle: ((message: FromThread | string) => void) | null = null
    const first = new Promise<FromThread | string>((resolve) => {
      settle = resolve
    })
    const thread = new StoreThread(
      await threadProgram(),
      data,
      {
        onMessage: () => {},
        onDeath: (reason) => (settle === null ? events.onDeath(reason) : settle(reason)),
      },
      clock,
    )
    thread.#worker.once('message', (message: FromThread) => settle?.(message))
    const answer = await first
    settle = null
    if (typeof answer === 'object' && answer.type === 'ready') {
      thread.#worker.on('message', (message: FromThread) => events.onMessage(message))
      if (thread.#holders === 0) thread.#worker.unref()
      return thread
    }
    thread.#isClosing = true
    await thread.#worker.terminate()
    if (typeof answer === 'object' && answer.type === 'unusable') throw new MemorySyncError(answer.code, answer.message)
    const reason = typeof answer === 'string' ? answer : `it said ${answer.type}`
    throw new MemorySyncError('store_unavailable', `the store's thread could not be started: ${reason}`)
  }

  get isDead(): boolean {
    return this.#isDead
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  /** Keeps the process alive until `release`. */
  hold(): void {
    if (this.#holders++ === 0) this.#worker.ref()
  }

  release(): void {
    if (--this.#holders === 0) this.#worker.unref()
  }

  /** Ends the thread after what it was sent. Returns whether it has ended; one that hangs no longer keeps the process alive. */
  async close(): Promise<boolean> {
    if (this.#isDead) return true
    this.#isClosing = true
    this.#worker.ref()
    this.post({ type: 'close' })
    await new Promise<void>((resolve) => {
      const deadline = this.#clock.setTimer(closeMsMax, resolve)
      void this.#ended.then(() => {
        deadline.cancel()
        resolve()
      })
    })
    this.#worker.unref()
    return this.#isDead
  }
}
