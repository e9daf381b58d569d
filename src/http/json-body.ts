/**
 * The JSON body of a request to a plain HTTP server, within its bounds. Knows no path and no method.
 *
 * - B1 no more than the bound is ever kept, whatever the head of the request claimed, and nothing longer is parsed
 */
import type { IncomingMessage } from 'node:http'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { freezeParsed, type Json, valueDepthMax } from '../domain/json.ts'

/** @throws `too_large`, `invalid_value` for what is not JSON or not said to be, `aborted` when the client goes away */
export async function readJsonBody(request: IncomingMessage, bytesMax: number): Promise<Json> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new MemorySyncError('invalid_value', `send the body as application/json, not ${quote(request.headers['content-type'])}`)
  }
  const text = await textOf(request, bytesMax)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new MemorySyncError('invalid_value', 'the body is not JSON')
  }
  if (freezeParsed(value)) return value
  throw new MemorySyncError(
    'invalid_value',
    `the body has a number that is none, or is nested deeper than ${valueDepthMax} levels`,
  )
}

async function textOf(request: IncomingMessage, bytesMax: number): Promise<string> {
  const tooLarge = () => new MemorySyncError('too_large', `the body may have at most ${bytesMax} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (thrown) {
    throw MemorySyncError.from(thrown, 'aborted', 'the body ended early')
  }
  return Buffer.concat(chunks).toString('utf8')
}
