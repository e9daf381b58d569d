/**
 * What the HTTP server may be told, checked before anything listens. Owns the defaults, the bounds, and the rule that who can be
 * reached from other machines asks for a token. Knows no request.
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import { hostNameOf, isLoopbackName, originOf } from '../http/guards.ts'
import { type Logger, silentLogger } from '../ports/logger.ts'

export interface HttpServerOptions {
  /** 0: any free one. Default 7438. */
  readonly port?: number
  /** The address to listen at. Default 127.0.0.1: this machine only. Any other needs a `token`. */
  readonly host?: string
  /** Clients must send it as `Authorization: Bearer <token>`. Visible ASCII characters, at least 16. Default: none is asked for. */
  readonly token?: string
  /** Host names, without a port, by which clients may reach this server, besides those of the loopback and its own address. */
  readonly allowedHosts?: readonly string[]
  /** Origins of web pages that may call, as `https://example.com`, besides pages of this machine when only it can reach the server. */
  readonly allowedOrigins?: readonly string[]
  /** A request with a longer body is refused with 413. Default 8 MiB: batches of 4 MiB of entries, and what is around them. */
  readonly bodyBytesMax?: number
  /** Clients connected at once; one more is refused with 503. Default 1,000. */
  readonly sessionsMax?: number
  /** Milliseconds after which a session ends that has no request under way and no open stream. Default 30 minutes. */
  readonly sessionIdleMs?: number
  /** Requests under way at once, over all sessions; one more is refused with 503. Default 512. */
  readonly inFlightMax?: number
  /** Milliseconds that a client may take to send the head of a request. Default 10,000. */
  readonly headMsMax?: number
  /** Milliseconds that a client may take to send a whole request. Default 60,000. */
  readonly requestMsMax?: number
  /** Milliseconds that requests under way have to end when the server is closed. Default 2,000. */
  readonly drainMs?: number
  /** Where faults go that no client caused. Default: nowhere. */
  readonly logger?: Logger
}

export interface CheckedHttpOptions extends Required<Omit<HttpServerOptions, 'token'>> {
  readonly token: string | null
  /** Only processes of this machine can reach it. */
  readonly isLoopback: boolean
}

export const portDefault = 7438
export const hostDefault = '127.0.0.1'
export const bodyBytesMaxDefault = 8 * 1024 * 1024
export const sessionsMaxDefault = 1000
export const sessionIdleMsDefault = 30 * 60_000
export const inFlightMaxDefault = 512
export const headMsMaxDefault = 10_000
export const requestMsMaxDefault = 60_000
export const drainHttpMsDefault = 2000
/** A shorter token can be guessed. */
export const tokenCharactersMin = 16

const timerMsMax = 2 ** 31 - 1

/** @throws `invalid_option` naming the option, the value and what it may be. */
export function checkHttpOptions(options: HttpServerOptions): CheckedHttpOptions {
  const { host = hostDefault, token = null, allowedHosts = [], allowedOrigins = [], logger = silentLogger } = options
  const name = hostNameOf(host.includes(':') ? `[${host}]` : host)
  if (name === null) throw refused('host', host, 'an address or a name of this machine, without a port')
  const isLoopback = isLoopbackName(name)
  if (token !== null) checkToken(token)
  else if (!isLoopback) {
    throw new MemorySyncError(
      'invalid_option',
      `host ${quote(host)} can be reached from other machines: give a token (memory-sync serve takes it from MEMORY_SYNC_TOKEN or --token-file), or listen at ${hostDefault}`,
    )
  }
  return {
    host,
    token,
    isLoopback,
    logger,
    allowedHosts: allowedHosts.map(checkHostName),
    allowedOrigins: allowedOrigins.map(checkOrigin),
    port: whole('port', options.port ?? portDefault, 0, 65_535),
    bodyBytesMax: whole('bodyBytesMax', options.bodyBytesMax ?? bodyBytesMaxDefault, 1024, 2 ** 30),
    sessionsMax: whole('sessionsMax', options.sessionsMax ?? sessionsMaxDefault, 1, 1_000_000),
    sessionIdleMs: whole('sessionIdleMs', options.sessionIdleMs ?? sessionIdleMsDefault, 1, timerMsMax),
    inFlightMax: whole('inFlightMax', options.inFlightMax ?? inFlightMaxDefault, 1, 1_000_000),
    headMsMax: whole('headMsMax', options.headMsMax ?? headMsMaxDefault, 1, timerMsMax),
    requestMsMax: whole('requestMsMax', options.requestMsMax ?? requestMsMaxDefault, 1, timerMsMax),
    drainMs: whole('drainMs', options.drainMs ?? drainHttpMsDefault, 0, timerMsMax),
  }
}

/** The token itself is never quoted: messages end up in logs. */
function checkToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= tokenCharactersMin) return
  throw new MemorySyncError(
    'invalid_option',
    `the token must have at least ${tokenCharactersMin} characters, all visible ASCII; it has ${token.length}. "openssl rand -hex 32" makes one.`,
  )
}

function checkHostName(given: string): string {
  const name = hostNameOf(given)
  if (name !== null && name === given.toLowerCase()) return name
  throw refused('allowedHosts', given, 'a host name without a port, for example memory.example.com')
}

function checkOrigin(given: string): string {
  const origin = originOf(given)
  if (origin !== null && origin === given.toLowerCase()) return origin
  throw refused('allowedOrigins', given, 'an origin, for example https://app.example.com')
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw refused(name, value, `a whole number from ${least} to ${most}`)
}

function refused(name: string, value: unknown, what: string): MemorySyncError {
  return new MemorySyncError('invalid_option', `${name} must be ${what}, got ${quote(value)}`)
}
