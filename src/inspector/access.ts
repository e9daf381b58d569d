/**
 * Who may speak to the inspector, from the head of a request alone. Owns the token, its cookie and the heads of every answer. Knows no
 * path but the first.
 *
 * - A1 only a page that this server has served, or a client that has the token, is answered; a page of any other origin is not, be it
 *   of this machine
 * - A2 what is served can load, call and embed nothing but itself
 */
import type { IncomingMessage } from 'node:http'
import { type AllowedNames, isAllowedHost, isAllowedOrigin, secretCheck, tokenCheck } from '../http/guards.ts'

/** Of the page: nothing inline, nothing from elsewhere, no forms and no frames. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const securityHeads: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

/** Not used yet. */
export const ticketsMax = 10

export type Verdict = 'allowed' | 'wrong-host' | 'wrong-origin' | 'no-token'

export class Access {
  readonly #names: AllowedNames
  readonly #cookieName: string
  readonly #token: string
  readonly #tickets = new Set<string>()
  readonly #isToken: (given: string | undefined) => boolean
  readonly #isBearer: (authorization: string | undefined) => boolean

  constructor(port: number, token: string) {
    this.#token = token
    this.#isToken = secretCheck(token)
    this.#isBearer = tokenCheck(token)
    // Cookies know no ports: two inspectors of one machine must not overwrite each other's.
    this.#cookieName = `memory-sync-inspector-${port}`
    this.#names = {
      // Not every page of this machine, as for servers without cookies: only our own.
      isLoopback: false,
      host: '127.0.0.1',
      allowedHosts: [],
      allowedOrigins: ['127.0.0.1', 'localhost'].map((name) => `http://${name}:${port}`),
    }
  }

  /** Whether what the URL of a visit carries lets it in: the token, or a ticket, which is worth nothing afterwards. */
  admits(given: string): boolean {
    return this.#tickets.delete(given) || this.#isToken(given)
  }

  /** At most {@link ticketsMax}; the oldest goes. */
  addTicket(ticket: string): void {
    for (const oldest of this.#tickets) if (this.#tickets.size >= ticketsMax) this.#tickets.delete(oldest)
    this.#tickets.add(ticket)
  }

  /** For `Set-Cookie`; gone with the browser. */
  get cookie(): string {
    return `${this.#cookieName}=${this.#token}; HttpOnly; SameSite=Strict; Path=/`
  }

  /** @param isVisit the request is for the page itself: any link may lead there, and the token is judged by its caller. */
  judge({ headers }: IncomingMessage, isVisit: boolean): Verdict {
    if (!isAllowedHost(headers.host, { ...this.#names, isLoopback: true })) return 'wrong-host'
    if (!isAllowedOrigin(headers.origin, this.#names)) return 'wrong-origin'
    // Sent by browsers where there is no Origin: with what a foreign page embeds or loads as a script.
    const site = headers['sec-fetch-site']
    if (!isVisit && site !== undefined && site !== 'same-origin' && site !== 'none') return 'wrong-origin'
    return this.#isBearer(headers.authorization) || this.#isToken(this.#cookieOf(headers.cookie)) ? 'allowed' : 'no-token'
  }

  #cookieOf(header = ''): string | undefined {
    for (const part of header.split(';')) {
      const [name, value] = part.trim().split('=')
      if (name === this.#cookieName) return value
    }
    return undefined
  }
}
