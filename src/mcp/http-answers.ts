/** Answers of the HTTP server that are no result of a call: refusals as JSON-RPC errors. Knows neither sessions nor requests. */

/** JSON-RPC's own codes, and the SDK's for what HTTP itself refuses. */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  internalError: -32_603,
  refused: -32_000,
  noSession: -32_001,
} as const

export interface Refusal {
  readonly status: number
  readonly code: number
  /** For the client: what is wrong and what to do. Never what is inside of this process. */
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

export function refuse({ status, code, message, headers }: Refusal): Response {
  return jsonResponse(status, { jsonrpc: '2.0', error: { code, message }, id: null }, headers)
}

export function jsonResponse(status: number, body: unknown, headers?: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

/** At a bound that others will free: come again. */
export function busy(message: string, retryAfterSeconds: number): Refusal {
  return { status: 503, code: rpcCodes.refused, message, headers: { 'Retry-After': String(retryAfterSeconds) } }
}

export const methodNotAllowed: Refusal = {
  status: 405,
  code: rpcCodes.refused,
  message: 'Method not allowed: use POST, GET or DELETE',
  headers: { Allow: 'GET, POST, DELETE' },
}

export const noSession: Refusal = {
  status: 404,
  code: rpcCodes.noSession,
  message: 'Session not found: it has ended or expired; begin again with initialize',
}

export const unauthorized: Refusal = {
  status: 401,
  code: rpcCodes.refused,
  message: 'Unauthorized: send the token of this server as "Authorization: Bearer <token>"',
  headers: { 'WWW-Authenticate': 'Bearer realm="memory-sync"' },
}

export function forbidden(what: string, option: string): Refusal {
  return {
    status: 403,
    code: rpcCodes.refused,
    message: `Forbidden: ${what} is not allowed; the operator can allow it (${option})`,
  }
}

export function badRequest(message: string, code: number = rpcCodes.refused): Refusal {
  return { status: 400, code, message }
}

export function notAcceptable(types: string): Refusal {
  return { status: 406, code: rpcCodes.refused, message: `Not Acceptable: the client must accept ${types}` }
}

/** What a POST must bring and take. */
export function mediaRefusal(accept = '', contentType = ''): Refusal | null {
  if (!accept.includes('application/json') || !accept.includes('text/event-stream')) {
    return notAcceptable('application/json and text/event-stream')
  }
  if (/^application\/json\s*(;|$)/i.test(contentType)) return null
  return { status: 415, code: rpcCodes.refused, message: 'Unsupported Media Type: send application/json' }
}
