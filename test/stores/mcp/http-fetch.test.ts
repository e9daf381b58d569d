/** What the SDK's HTTP transport is given as `fetch`: whatever becomes of a request, it ends, says why, and leaves nothing. */
import { getEventListeners, once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/platform.ts'
import { connectMsMax, type HttpFetchOptions, httpFetch } from '../../../src/stores/mcp/http-fetch.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'
import { Ends } from './served.ts'

const ends = new Ends()
afterEach(() => ends.run())

const replyMsMax = 60_000
const replyBytesMax = 1000

function fetchWith(options: Partial<HttpFetchOptions> = {}): FetchLike {
  return httpFetch({ clock: systemClock, replyMsMax, replyBytesMax, ...options })
}

interface Served {
  readonly url: string
  readonly sockets: ReadonlySet<Socket>
  requests(): number
}

async function serve(answer: RequestListener = () => {}): Promise<Served> {
  const sockets = new Set<Socket>()
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    sockets.add(request.socket)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.add(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, sockets, requests: () => requests }
}

const post = { method: 'POST', body: '{"é":1}', headers: { 'content-type': 'application/json' } }

describe('a reply', () => {
  test('brings status, headers and body, and the request what it was given', async () => {
    const { url } = await serve(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      response.writeHead(418, 'Short and stout', { 'x-name': 'pot' })
      response.end(JSON.stringify([request.method, request.url, request.headers['content-type'], body]))
    })
    const response = await fetchWith()(url, post)
    expect([response.status, response.statusText, response.headers.get('x-name')]).toEqual([418, 'Short and stout', 'pot'])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.json()).toEqual(['POST', '/mcp', 'application/json', '{"é":1}'])
  })

  test.each([204, 304])('without a body (%s)', async (status) => {
    const { url } = await serve((_request, response) => response.writeHead(status).end())
    const response = await fetchWith()(url, { method: 'DELETE' })
    expect([response.status, response.body]).toEqual([status, null])
  })

  test('that is a redirect is the caller’s to follow', async () => {
    const { url } = await serve((_request, response) => response.writeHead(307, { location: 'http://elsewhere.test/' }).end())
    const response = await fetchWith()(url, post)
    expect([response.status, response.headers.get('location')]).toEqual([307, 'http://elsewhere.test/'])
  })

  test('as events is read while it comes, and its reader may end it', async () => {
    let isClosed = false
    const { url } = await serve((_request, response) => {
      response.on('close', () => {
        isClosed = true
      })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const response = await fetchWith()(url, post)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
    await reader.cancel()
    await expect.poll(() => isClosed).toBe(true)
  })

  test('larger than it may be is refused', async () => {
    const { url } = await serve((_request, response) => response.end('x'.repeat(replyBytesMax + 1)))
    await expect(fetchWith()(url, post)).rejects.toMatchObject({ code: 'too_large' })
  })

  test('that breaks off is an error', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
    })
    await expect(fetchWith()(url, post)).rejects.toThrow('aborted')
  })

  test('leaves its socket to the next request', async () => {
    const served = await serve((_request, response) => response.end('{}'))
    const fetch = fetchWith()
    for (let request = 0; request < 20; request++) await (await fetch(served.url, post)).text()
    expect([served.requests(), served.sockets.size]).toEqual([20, 1])
  })
})

describe('requests that get no reply', () => {
  test('have one listener on the signal that they share, and are ended by it', async () => {
    const { url, requests, sockets } = await serve()
    const shared = new AbortController()
    const fetch = fetchWith()
    const failures = Promise.allSettled(Array.from({ length: 50 }, () => fetch(url, { ...post, signal: shared.signal })))
    await expect.poll(requests).toBe(50)
    expect(getEventListeners(shared.signal, 'abort')).toHaveLength(1)
    const reason = new Error('closing')
    shared.abort(reason)
    for (const failure of await failures) expect(failure).toEqual({ status: 'rejected', reason })
    await expect.poll(() => [...sockets].every((socket) => socket.destroyed)).toBe(true)
    await expect(fetch(url, { ...post, signal: shared.signal })).rejects.toBe(reason)
  })

  test.each([
    { name: 'at all', answer: undefined },
    { name: 'but its head', answer: ((_request, response) => response.writeHead(200).flushHeaders()) as RequestListener },
  ])('$name: end when no caller waits any more', async ({ answer }) => {
    const { url, requests } = await serve(answer)
    const clock = createVirtualClock()
    const failure = expect(fetchWith({ clock })(url, post)).rejects.toThrow(`within ${replyMsMax} ms`)
    await expect.poll(requests).toBe(1)
    await expect.poll(() => clock.pending).toBe(1)
    await clock.advance(replyMsMax)
    await failure
    expect(clock.pending).toBe(0)
  })

  test('because nobody listens there say so', async () => {
    await expect(fetchWith()('http://127.0.0.1:1/', post)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('because no connection comes about were not sent', async () => {
    const { url, requests } = await serve()
    const clock = createVirtualClock()
    const failure = expect(fetchWith({ clock })(url, post)).rejects.toMatchObject({ code: 'store_unavailable' })
    // The socket is there, and this goes on before the system can tell that it is connected.
    await new Promise((resolve) => process.nextTick(resolve))
    expect(clock.pending).toBe(2)
    await clock.advance(connectMsMax)
    await failure
    expect([requests(), clock.pending]).toEqual([0, 0])
  })

  test('open no stream for news', async () => {
    expect((await fetchWith()('http://127.0.0.1:1/', { method: 'GET' })).status).toBe(405)
  })
})
