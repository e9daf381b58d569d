/**
 * The body of a request, within its bounds, as JSON-RPC messages. Knows no session and no method.
 *
 * - B1 no more than the bound is ever read, whatever the head of the request claimed, and nothing longer is parsed
 */
import { type JSONRPCMessage, JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js'
import { type Refusal, rpcCodes } from './http-answers.ts'

/** Messages that one body may bring. */
export const batchMessagesMax = 100

export interface Body {
  readonly messages: readonly JSONRPCMessage[]
  /** They came as an array, and so go their answers. */
  readonly isBatch: boolean
}

/** The bytes that the head of a request announces, Infinity when that is no number; null when it does not say. */
export function declaredBytesOf(request: Request): number | null {
  const header = request.headers.get('content-length')
  if (header === null) return null
  return /^\d+$/.test(header) ? Number(header) : Number.POSITIVE_INFINITY
}

export function tooLarge(bytesMax: number): Refusal {
  return { status: 413, code: rpcCodes.refused, message: `the body may have at most ${bytesMax} bytes; send fewer units at once` }
}

export async function readBody(request: Request, bytesMax: number): Promise<Body | Refusal> {
  const text = await textOf(request, bytesMax)
  if (typeof text !== 'string') return text
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    return { status: 400, code: rpcCodes.parseError, message: 'Parse error: the body is not JSON' }
  }
  const isBatch = Array.isArray(given)
  const items: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (items.length === 0 || items.length > batchMessagesMax) {
    return invalid(`a batch has 1 to ${batchMessagesMax} messages, this one has ${items.length}`)
  }
  const messages: JSONRPCMessage[] = []
  for (const item of items) {
    const parsed = JSONRPCMessageSchema.safeParse(item)
    if (!parsed.success) return invalid('the body is no JSON-RPC 2.0 message')
    messages.push(parsed.data)
  }
  return { messages, isBatch }
}

async function textOf(request: Request, bytesMax: number): Promise<string | Refusal> {
  const declared = declaredBytesOf(request)
  if (declared !== null && declared > bytesMax) return tooLarge(bytesMax)
  try {
    // What was announced is what the HTTP parser lets through; reading it at once is the fast way.
    if (declared !== null) return await request.text()
    return (await readWithin(request, bytesMax)) ?? tooLarge(bytesMax)
  } catch {
    return { status: 400, code: rpcCodes.parseError, message: 'Parse error: the body ended early' }
  }
}

/** null as soon as there is more. */
async function readWithin(request: Request, bytesMax: number): Promise<string | null> {
  if (request.body === null) return ''
  const decoder = new TextDecoder()
  const reader = request.body.getReader()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > bytesMax) return null
    text += decoder.decode(value, { stream: true })
  }
}

function invalid(reason: string): Refusal {
  return { status: 400, code: rpcCodes.invalidRequest, message: `Invalid Request: ${reason}` }
}
