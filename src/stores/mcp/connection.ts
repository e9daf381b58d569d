/**
 * The connection of one store to its memory server: calls tools, over as many sessions as it takes. Owns the bound of calls in
 * flight, the attempts of a call and the way back after a session was lost. Knows no tool but by name and no entry: what calls
 * mean is said by the stores on top, how a session is made by `session.ts`.
 *
 * - N1 a call is repeated only when the server surely did not run it, or the caller said that running it twice does no harm
 * - N2 a call of the first kind that got no reply rejects with `unknown_outcome`, never with anything that sounds like "not done"
 * - N3 the dialect never changes: a server that comes back as another one is refused
 */
import { MemorySyncError } from '../../domain/errors.ts'
import { type Backoff, backoffMs } from '../../domain/retry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import { abortedError, closedError, refuseAborted } from '../refusals.ts'
import { callFaultOf } from './call-fault.ts'
import { CallSlots } from './call-slots.ts'
import { openSession, type Session } from './session.ts'
import { type Target, urlOf } from './target.ts'
import type { Dialect, ToolReply } from './tool-call.ts'

export type { Dialect, ToolReply } from './tool-call.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Running it twice does no harm: a lost reply is then asked for again. Default false. */
  readonly isRepeatable?: boolean
  /**
   * Milliseconds that the server may wait on purpose before it answers. Such a call has so much more time, and is not counted
   * among the calls in flight: who makes them bounds them. Default 0.
   */
  readonly waitMs?: number
}

export interface Connection {
  /** Known once it is open. */
  readonly dialect: Dialect
  /** For people. */
  readonly url: string
  /**
   * @throws `store_unavailable` (nothing was done), `unknown_outcome` (it may have been), `backpressure`, `closed`, `aborted`, and
   * `invalid_value` or `not_supported` when the server refuses the call itself; the SDK's `McpError` is the cause then.
   */
  call(tool: string, args: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<ToolReply>
  /** Idempotent. Ends what is in flight; a server that was started for it is stopped. */
  close(): Promise<void>
}

export interface ConnectionOptions {
  readonly target: Target
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A call without a reply for so many milliseconds is given up. */
  readonly callTimeoutMs: number
  readonly callsInFlightMax: number
}

/** Calls that wait for their turn; more are refused with `backpressure`. */
export const callsWaitingMax = 4096
/** Attempts of one call, as long as {@link ConnectionOptions.callTimeoutMs} is not over either. */
export const callAttemptsMax = 7
/** About 7 s over all attempts: what a server needs to be started again. */
const backoff: Backoff = { baseMs: 100, factor: 2, maxMs: 3000, jitter: 0.5 }

/** Connects. @throws `store_unavailable`, `not_supported` for a server that is no memory. */
export async function openConnection(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
  const connection = new McpConnection(options)
  const giveUp = (): void => void connection.close()
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    await connection.open()
    return connection
  } catch (thrown) {
    await connection.close()
    throw thrown
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

class McpConnection implements Connection {
  readonly url: string
  readonly #options: ConnectionOptions
  readonly #slots: CallSlots
  readonly #closing = new AbortController()
  #dialect: Dialect | null = null
  #session: Session | null = null
  #opening: Promise<Session> | null = null
  #sessions = 0
  readonly #retired = new Set<Session>()

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#slots = new CallSlots(options.callsInFlightMax, callsWaitingMax)
    this.url = urlOf(options.target)
  }

  get dialect(): Dialect {
    if (this.#dialect === null) throw new MemorySyncError('store_unavailable', `${this.url} is not connected yet`)
    return this.#dialect
  }

  async open(): Promise<void> {
    await this.#use()
  }

  async call(tool: string, args: Readonly<Record<string, unknown>>, options: CallOptions = {}): Promise<ToolReply> {
    const { clock, random, callTimeoutMs, logger } = this.#options
    const sinceMs = clock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      refuseAborted(options.signal)
      const fault = await this.#attempt(tool, args, options)
      if ('reply' in fault) return fault.reply
      if (this.#closing.signal.aborted) throw fault.error.code === 'unknown_outcome' ? fault.error : closedError(this.url)
      const isOver = attempt >= callAttemptsMax || clock.monotonicMs() - sinceMs >= callTimeoutMs
      if (!fault.mayRepeat || isOver) throw fault.error
      logger.debug('a call of a memory server is made again', { url: this.url, tool, attempt, reason: fault.error.message })
      await this.#pause(backoffMs(backoff, attempt, random.next()), options.signal)
    }
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort(closedError(this.url))
      this.#slots.refuseAll(closedError(this.url))
    }
    // One that is just being opened sees the signal and ends itself.
    await this.#opening?.catch(() => null)
    const session = this.#session
    this.#session = null
    await Promise.all([session?.close('said'), ...[...this.#retired].map((lost) => lost.close('silent'))])
  }

  async #attempt(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    { signal, isRepeatable = false, waitMs = 0 }: CallOptions,
  ): Promise<{ reply: ToolReply } | { error: MemorySyncError; mayRepeat: boolean }> {
    let session: Session | null = null
    try {
      const slot = waitMs > 0 ? () => {} : this.#slots.take(signal)
      const release = slot instanceof Promise ? await slot : slot
      let sent: Promise<ToolReply>
      try {
        session = this.#sessionUp() ?? (await this.#use())
        refuseAborted(signal)
        sent = session.call(tool, args, this.#options.callTimeoutMs + waitMs)
      } catch (thrown) {
        release()
        throw thrown
      }
      // The slot is the server's work, not the caller's patience.
      sent.then(release, release)
      const reply = await untilAborted(sent, signal, isRepeatable)
      const reason = reply.isError ? codeOf(reply.error) : null
      if (reason === 'backpressure') {
        const error = new MemorySyncError('backpressure', `${this.url} has too many calls to work on: ${reply.text}`)
        return { error, mayRepeat: true }
      }
      if (reason === 'closed' || (reason === 'aborted' && isRepeatable)) {
        // It is going, and may come back.
        const error = new MemorySyncError('store_unavailable', `${this.url} is shutting down: ${reply.text}`)
        return { error, mayRepeat: true }
      }
      return { reply }
    } catch (thrown) {
      const fault = callFaultOf(thrown, { tool, url: this.url, isRepeatable, session })
      if (fault.isSessionOver && session !== null) this.#drop(session)
      return fault
    }
  }

  #sessionUp(): Session | null {
    return this.#session === null || this.#session.isDown || this.#closing.signal.aborted ? null : this.#session
  }

  /** The session, opened if need be; all who ask meanwhile wait for the same one. */
  #use(): Promise<Session> {
    if (this.#closing.signal.aborted) return Promise.reject(closedError(this.url))
    const session = this.#sessionUp()
    if (session !== null) return Promise.resolve(session)
    if (this.#session !== null) this.#drop(this.#session)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #open(): Promise<Session> {
    const { target, clock, logger } = this.#options
    const number = ++this.#sessions
    const session = await openSession(target, { clock, logger, number, url: this.url, signal: this.#closing.signal })
    if (this.#dialect !== null && this.#dialect !== session.dialect) {
      await session.close('said')
      throw new MemorySyncError(
        'not_supported',
        `${this.url} was a server of dialect ${this.#dialect} and is one of ${session.dialect} now; open another store on it`,
      )
    }
    this.#dialect = session.dialect
    this.#session = session
    if (number > 1) logger.info('connected to the memory server again', { url: this.url, session: number })
    return session
  }

  #drop(session: Session): void {
    if (this.#session !== session) return
    this.#session = null
    // Other calls may still be answered by it.
    this.#retired.add(session)
    void session.retire().finally(() => this.#retired.delete(session))
  }

  /** Settles early when the connection closes or the caller gives up: the loop then says why. */
  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const closing = this.#closing.signal
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(ms, done)
      function done(): void {
        timer.cancel()
        signal?.removeEventListener('abort', done)
        closing.removeEventListener('abort', done)
        resolve()
      }
      signal?.addEventListener('abort', done, { once: true })
      closing.addEventListener('abort', done, { once: true })
    })
  }
}

/** The reply, or a rejection as soon as the caller gives up: the call goes on, and its slot stays taken. */
function untilAborted<T>(sent: Promise<T>, signal: AbortSignal | undefined, isRepeatable: boolean): Promise<T> {
  if (signal === undefined) return sent
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      const message = 'the caller gave up before the server answered; it may or may not have happened'
      reject(isRepeatable ? abortedError(signal) : new MemorySyncError('unknown_outcome', message, { cause: signal.reason }))
    }
    signal.addEventListener('abort', giveUp, { once: true })
    sent.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** The code of an error that our own server told. */
function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { readonly code?: unknown }).code : undefined
}
