/**
 * One connection to another process's trace server: its lines as records, and an event sent there. Checks the shape of what
 * comes. Decides nothing about trying again.
 *
 * - C1 reading keeps no process alive, and nothing is thrown into it
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type ErrorCode, MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { TraceAnnouncement } from '../wire/inspector-api.ts'
import type { TraceRecord, TraceRecordType } from '../wire/trace-record.ts'
import { introducedHeader } from './trace-streams.ts'

/** A process that gives no sign of life for so long is taken for one that hangs. */
export const quietMsMax = 10_000
/** An event that is not answered for so long. */
export const sendMsMax = 10_000
/** A line is one record; longer ones come from no process of ours. */
export const lineCharactersMax = 1024 * 1024
const replyCharactersMax = 64 * 1024

export interface ConnectionHands {
  readonly clock: Clock
  /** Up to which number its first records say what lived; 0: it went on behind what was asked for. */
  opened(introducedThrough: number): void
  heard(records: readonly TraceRecord[]): void
  /** Once, unless it was closed from here. @param isRefused nobody listens there. */
  broke(reason: string, isRefused: boolean): void
}

export class TraceConnection {
  readonly #announcement: TraceAnnouncement
  readonly #hands: ConnectionHands
  #request: ClientRequest | null = null
  #timer: Timer | null = null
  #rest = ''
  #isOver = false

  /** @param after the number of the last record that is known; null: none. */
  constructor(announcement: TraceAnnouncement, after: number | null, hands: ConnectionHands) {
    this.#announcement = announcement
    this.#hands = hands
    this.#open(after).catch((thrown) => this.#break(messageOf(thrown)))
  }

  close(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#request?.destroy()
  }

  async #open(after: number | null): Promise<void> {
    this.#waitForLife()
    const path = after === null ? '/trace' : `/trace?after=${after}`
    const request = await requestTo(this.#announcement, 'GET', path)
    // Before anything else: a request that nobody listens to throws its end at the host.
    request.on('error', (error: NodeJS.ErrnoException) => this.#break(messageOf(error), error.code === 'ECONNREFUSED'))
    if (this.#isOver) {
      request.destroy()
      return
    }
    this.#request = request
    request.on('socket', (socket) => socket.unref())
    request.on('response', (response) => this.#begin(response))
    request.end()
  }

  #begin(response: IncomingMessage): void {
    if (response.statusCode !== 200) {
      response.resume()
      this.#break(`it answered with status ${response.statusCode}`)
      return
    }
    this.#hands.opened(Number(response.headers[introducedHeader]) || 0)
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#read(text))
    response.on('error', (error) => this.#break(messageOf(error)))
    response.on('close', () => this.#break('it ended the connection'))
  }

  #read(text: string): void {
    if (this.#isOver) return
    this.#waitForLife()
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > lineCharactersMax) {
      this.#break(`it sent a line of more than ${lineCharactersMax} characters`)
      return
    }
    const records: TraceRecord[] = []
    for (const line of lines) {
      if (line === '') continue
      const record = recordOf(line)
      if (record !== null && record.source !== this.#announcement.incarnation) {
        this.#break(`it tells of ${quote(record.source)}, which was not announced`)
        return
      }
      if (record !== null) records.push(record)
    }
    if (records.length > 0) this.#hands.heard(records)
  }

  #waitForLife(): void {
    this.#timer?.cancel()
    const silent = (): void => this.#break(`it gave no sign of life for ${quietMsMax} ms`)
    this.#timer = this.#hands.clock.setTimer(quietMsMax, silent, { keepAlive: false })
  }

  #break(reason: string, isRefused = false): void {
    if (this.#isOver) return
    this.close()
    this.#hands.broke(reason, isRefused)
  }
}

/** @throws what the process there throws; `store_unavailable` when it cannot be reached. */
export async function sendEvent(announcement: TraceAnnouncement, address: string, event: PostEvent, clock: Clock): Promise<void> {
  const body = JSON.stringify({ address, event })
  const request = await requestTo(announcement, 'POST', '/send', { 'content-type': 'application/json' })
  const timer = clock.setTimer(sendMsMax, () => request.destroy(new Error(`no answer within ${sendMsMax} ms`)))
  let reply: { readonly status: number | undefined; readonly text: string }
  try {
    reply = await new Promise((resolve, reject) => {
      request.on('error', reject)
      request.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text = (text + chunk).slice(0, replyCharactersMax)
        })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode, text }))
      })
      request.end(body)
    })
  } catch (cause) {
    throw new MemorySyncError('store_unavailable', `the process of ${quote(address)} cannot be reached: ${messageOf(cause)}`, {
      cause,
    })
  } finally {
    timer.cancel()
  }
  if (reply.status !== 200) throw toldError(reply.text, `the process of ${quote(address)} answered with status ${reply.status}`)
}

async function requestTo(
  { url, token }: TraceAnnouncement,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ClientRequest> {
  const { request } = await import('node:http')
  const { hostname, port } = new URL(url)
  return request({ hostname, port, method, path, agent: false, headers: { ...headers, authorization: `Bearer ${token}` } })
}

const types: ReadonlySet<TraceRecordType> = new Set<TraceRecordType>([
  ...(['source', 'chart', 'actor', 'transition', 'actor.ended', 'dead-letter'] as const),
  ...(['change', 'conflict', 'problem', 'metrics', 'gap', 'source.lost'] as const),
])

/** null: no record, or one of a kind that is not known here. */
function recordOf(line: string): TraceRecord | null {
  let given: Partial<TraceRecord> | null
  try {
    given = JSON.parse(line)
  } catch {
    return null
  }
  if (given === null || typeof given !== 'object') return null
  const { source, seq, atMs, type } = given
  const isStamped = typeof source === 'string' && Number.isSafeInteger(seq) && Number.isFinite(atMs)
  return isStamped && type !== undefined && types.has(type) ? (given as TraceRecord) : null
}

/** Codes that a process answers with. */
const codes: ReadonlySet<string> = new Set<ErrorCode>([
  ...(['invalid_option', 'invalid_key', 'invalid_value', 'too_large', 'conflict'] as const),
  ...(['backpressure', 'closed', 'not_supported', 'store_unavailable'] as const),
])

function toldError(text: string, otherwise: string): MemorySyncError {
  try {
    const { code, message } = (JSON.parse(text) as { error: { code: string; message: unknown } }).error
    if (typeof message === 'string' && codes.has(code)) return new MemorySyncError(code as ErrorCode, message)
  } catch {
    // Something else answered.
  }
  return new MemorySyncError('aborted', otherwise)
}
