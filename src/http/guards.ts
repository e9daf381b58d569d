/**
 * Who may speak to an HTTP server of this package: rules over the headers `Host`, `Origin` and `Authorization`, asked before a byte
 * of a body is read. Knows no server, no session and no message.
 *
 * - G1 a page of another site reaches nothing here, also when its name was made to resolve to this machine (DNS rebinding): such a
 *   request carries that name as its Host, and a cross-site one its Origin
 * - G2 a wrong token takes as long as a right one
 */
import { createHash, timingSafeEqual } from 'node:crypto'

export interface AllowedNames {
  /** Only processes of this machine can reach the server. */
  readonly isLoopback: boolean
  /** The address that it listens at. */
  readonly host: string
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
}

/**
 * Names of the loopback always; listed ones; the server's own. A server for others may also be called by any address: only a name
 * can be made to resolve to something else.
 */
export function isAllowedHost(header: string | undefined, names: AllowedNames): boolean {
  const name = hostNameOf(header)
  if (name === null) return false
  if (isLoopbackName(name) || names.allowedHosts.includes(name)) return true
  return !names.isLoopback && (isAddress(name) || name === names.host.toLowerCase())
}

/** Browsers send it, other clients do not. Pages of this machine are allowed where only this machine can reach the server. */
export function isAllowedOrigin(header: string | undefined, names: AllowedNames): boolean {
  if (header === undefined) return true
  const origin = originOf(header)
  if (origin === null) return false
  return names.allowedOrigins.includes(origin) || (names.isLoopback && isLoopbackName(new URL(origin).hostname))
}

/** Whether an `Authorization` header carries the token. */
export function tokenCheck(token: string): (authorization: string | undefined) => boolean {
  const isSecret = secretCheck(token)
  return (authorization) => isSecret(/^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1])
}

/** Whether a text is the secret, wherever it was sent. */
export function secretCheck(secret: string): (given: string | undefined) => boolean {
  const expected = digestOf(secret)
  // Digests have one length, whatever was given.
  return (given) => timingSafeEqual(digestOf(given ?? ''), expected) && given !== undefined
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The name in a `Host` header, in lower case, IPv6 in brackets; null for what is more or less than a host. */
export function hostNameOf(header: string | undefined): string | null {
  if (header === undefined || header === '' || /[\s/\\?#@]/.test(header)) return null
  return URL.canParse(`http://${header}`) ? new URL(`http://${header}`).hostname : null
}

/** Scheme, name and port of an `Origin` header; null for `null` and for what is no web origin. */
export function originOf(header: string): string | null {
  if (!/^https?:\/\/[^\s/\\?#@]+$/i.test(header) || !URL.canParse(header)) return null
  return new URL(header).origin
}

export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name)
}

function isAddress(name: string): boolean {
  return name.startsWith('[') || /^\d+(\.\d+){3}$/.test(name)
}
