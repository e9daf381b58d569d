/**
 * The sessions of an HTTP server by their ids: how many there may be, and when one nobody uses is over. Knows no request and no
 * message.
 *
 * - N1 there are never more than `sessionsMax`, those that are being opened included
 * - N2 a session in use does not expire; one that is not expires `idleMs` after its last use
 */
import type { Clock, Timer } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import { HttpTransport } from './http-transport.ts'

/** 32 letters of base32: 160 bits that nobody guesses. */
export const sessionIdCharacters = 32

/** What a transport is connected to: `MemoryServer`. */
export interface Connectable {
  connect(transport: HttpTransport): Promise<{ close(): Promise<void> }>
}

export interface HttpSessionsParts {
  readonly server: Connectable
  readonly clock: Clock
  readonly random: Random
  readonly sessionsMax: number
  readonly idleMs: number
  /** The end of an expired session failed, and nobody waits for it. */
  report(thrown: unknown): void
}

export class HttpSessions {
  readonly #parts: HttpSessionsParts
  readonly #sessionById = new Map<string, HttpSession>()

  constructor(parts: HttpSessionsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#sessionById.size
  }

  /** A new session in use, or null when there are as many as there may be. Rejects when the server does not take it. */
  async open(): Promise<HttpSession | null> {
    const { server, clock, random, sessionsMax, idleMs, report } = this.#parts
    if (this.#sessionById.size >= sessionsMax) return null
    const id = random.token(sessionIdCharacters)
    const transport = new HttpTransport(id, () => {
      session.stop()
      this.#sessionById.delete(id)
    })
    const session: HttpSession = new HttpSession(transport, { clock, idleMs, report })
    session.use()
    this.#sessionById.set(id, session)
    try {
      session.connected(await server.connect(transport))
      return session
    } catch (thrown) {
      await transport.close()
      throw thrown
    }
  }

  get(id: string): HttpSession | undefined {
    return this.#sessionById.get(id)
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessionById.values()].map((session) => session.end()))
  }
}

export class HttpSession {
  readonly transport: HttpTransport
  readonly #parts: Pick<HttpSessionsParts, 'clock' | 'idleMs' | 'report'>
  #connection: { close(): Promise<void> } | null = null
  #uses = 0
  #idleSinceMs = 0
  /** Runs from the first time that it is idle; looks again if it was used meanwhile. A timer per request would cost more. */
  #timer: Timer | null = null

  constructor(transport: HttpTransport, parts: Pick<HttpSessionsParts, 'clock' | 'idleMs' | 'report'>) {
    this.transport = transport
    this.#parts = parts
  }

  connected(connection: { close(): Promise<void> }): void {
    this.#connection = connection
  }

  /** Each call is followed by one of {@link unuse}. */
  use(): void {
    this.#uses++
  }

  unuse(): void {
    if (--this.#uses > 0 || this.transport.isClosed) return
    const { clock, idleMs } = this.#parts
    this.#idleSinceMs = clock.monotonicMs()
    if (this.#timer === null) this.#lookIn(idleMs)
  }

  /** Settles when the connection is over. What the client holds ends with its leases. Idempotent. */
  async end(): Promise<void> {
    try {
      await this.#connection?.close()
    } finally {
      await this.transport.close()
    }
  }

  /** No timer runs any more. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #lookIn(delayMs: number): void {
    const { clock, idleMs, report } = this.#parts
    const look = (): void => {
      this.#timer = null
      // The end of its use looks again.
      if (this.#uses > 0) return
      const leftMs = this.#idleSinceMs + idleMs - clock.monotonicMs()
      if (leftMs > 0) this.#lookIn(leftMs)
      else this.end().catch(report)
    }
    this.#timer = clock.setTimer(delayMs, look, { keepAlive: false })
  }
}
