import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { begin, HttpFixture, initialize, mcpHeaders, ping, post } from './http-fixture.ts'

const fixture = new HttpFixture()
afterEach(() => fixture.end())

const token = 'a-token-of-24-characters'

interface Raw {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface RawOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent one after the other, without a Content-Length unless the headers have one. */
  readonly chunks?: readonly string[]
}

/** What `fetch` would not send as it is. */
function raw(url: string, { method = 'POST', headers = {}, chunks = [] }: RawOptions): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false, headers: { ...mcpHeaders, ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    // A refusal may close the connection before all is sent.
    sent.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : reject(error)))
    for (const chunk of chunks) sent.write(chunk)
    sent.end()
  })
}

describe('the HTTP server', () => {
  it('listens on this machine only unless it is told otherwise, and then asks for a token', async () => {
    const { http } = await fixture.serve()
    expect(new URL(http.url).hostname).toBe('127.0.0.1')
    await expect(fixture.serve({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringMatching(/give a token/),
    })
  })

  it('answers a client without the token with 401 and the way to send it, and one with the token', async () => {
    const { http, server } = await fixture.serve({ token, host: '0.0.0.0' })
    const url = http.url.replace('0.0.0.0', '127.0.0.1')
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${token}` }]) {
      const refused = await post(url, initialize, headers)
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer /)
      expect(await refused.text()).not.toContain(token)
    }
    expect(server.sessionCount).toBe(0)
    const { client } = await fixture.connect(url, { authorization: `Bearer ${token}` })
    await client.ping()
    // Nor does a session's id stand for the token.
    const id = await begin(url, { authorization: `Bearer ${token}` })
    for (const method of ['POST', 'GET', 'DELETE']) {
      expect((await raw(url, { method, headers: { 'mcp-session-id': id } })).status).toBe(401)
    }
    expect(server.sessionCount).toBe(2)
    expect(await (await fetch(new URL('/health', url))).json()).toEqual({ ok: true })
  })

  it('refuses a Host that is not its own, for every path, before it looks at the body', async () => {
    const { http, server } = await fixture.serve()
    for (const url of [http.url, new URL('/health', http.url).href]) {
      const refused = await raw(url, { headers: { host: 'evil.example:7438' }, chunks: [JSON.stringify(initialize)] })
      expect(refused.status).toBe(403)
      expect(refused.text).toContain('--allow-host')
    }
    expect((await raw(http.url, { headers: { host: 'localhost' }, chunks: [JSON.stringify(initialize)] })).status).toBe(200)
    expect(server.sessionCount).toBe(1)
  })

  it('refuses a page of another site, also its preflight, and allows none to read its answers', async () => {
    const { http, server } = await fixture.serve({ allowedOrigins: ['https://app.example.com'] })
    for (const origin of ['https://evil.example', 'null']) {
      for (const method of ['POST', 'OPTIONS', 'GET', 'DELETE']) {
        const refused = await raw(http.url, {
          method,
          headers: { origin },
          chunks: method === 'POST' ? [JSON.stringify(initialize)] : [],
        })
        expect(refused.status).toBe(403)
        expect(Object.keys(refused.headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
      }
    }
    expect(server.sessionCount).toBe(0)
    for (const origin of ['http://localhost:6274', 'https://app.example.com']) {
      const allowed = await raw(http.url, { headers: { origin }, chunks: [JSON.stringify(initialize)] })
      expect(allowed.status).toBe(200)
      expect(allowed.headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  it('says of every answer that it is what it says, and that nobody keeps it', async () => {
    const { http } = await fixture.serve()
    const paths = ['/mcp', '/health', '/', '/mcp/', '/../etc/passwd', '/__proto__']
    for (const path of paths) {
      const { headers, text } = await raw(new URL(path, http.url).href, { method: 'GET' })
      expect(headers, path).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
      expect(JSON.parse(text), path).toBeTypeOf('object')
    }
  })

  it('refuses a body beyond its bound, announced or not, before it is parsed', async () => {
    const { http } = await fixture.serve({ bodyBytesMax: 1024 * 1024 })
    const headers = { 'mcp-session-id': await begin(http.url) }
    const chunk = 'x'.repeat(256 * 1024)
    const announced = await raw(http.url, { headers: { ...headers, 'content-length': String(2 ** 31) }, chunks: ['{'] })
    expect(announced.status).toBe(413)
    const streamed = await raw(http.url, { headers, chunks: Array.from({ length: 8 }, () => chunk) })
    expect(streamed.status).toBe(413)
    expect(JSON.parse(streamed.text)).toMatchObject({ error: { message: expect.stringMatching(/at most 1048576 bytes/) } })
    const text = JSON.stringify(ping(1))
    const padded = await raw(http.url, { headers, chunks: [text, ' '.repeat(1024 * 1024 - text.length)] })
    expect(padded.status).toBe(200)
  })

  it('takes batches of 4 MiB of entries by default', async () => {
    const { http } = await fixture.serve()
    const { client } = await fixture.connect(http.url)
    const entry = (value: string) => ({ value, version: { w: 1 }, timestamp: 1, workerId: 'w' })
    const units = Array.from({ length: 16 }, (_, n) => [
      { key: `big/${n}`, entry: entry(`"${'\\'.repeat(256 * 1024 - 200)}`), condition: { type: 'none' } },
    ])
    const { structuredContent } = await client.callTool({ name: 'memory_commit', arguments: { units } })
    const { receipts } = structuredContent as { receipts: { type: string }[] }
    expect(receipts.map(({ type }) => type)).toEqual(Array.from({ length: 16 }, () => 'committed'))
  })

  it.each([
    ['another content type', { 'content-type': 'text/plain' }, 415],
    ['a content type that only contains JSON', { 'content-type': 'text/plain; a=application/json' }, 415],
    ['no content type', { 'content-type': '' }, 415],
    ['a client that takes no JSON', { accept: 'text/html' }, 406],
    ['a client that takes no events', { accept: 'application/json' }, 406],
  ])('refuses %s', async (_, headers, status) => {
    const { http } = await fixture.serve()
    expect((await raw(http.url, { headers, chunks: [JSON.stringify(initialize)] })).status).toBe(status)
  })

  it.each([
    ['no JSON', '{"jsonrpc":', -32_700],
    ['nothing', '', -32_700],
    ['no message', '{"hello":1}', -32_600],
    ['no messages', '[]', -32_600],
    ['too many messages', JSON.stringify(Array.from({ length: 101 }, (_, id) => ping(id))), -32_600],
    ['nesting that no stack bears', '['.repeat(500_000), -32_700],
    ['closed nesting that no stack bears', `${'['.repeat(500_000)}${']'.repeat(500_000)}`, -32_600],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32_600],
  ])('answers %s with an error of JSON-RPC and no word of the inside', async (_, text, code) => {
    const { http } = await fixture.serve()
    const headers = { 'mcp-session-id': await begin(http.url) }
    const { status, text: answer } = await raw(http.url, { headers, chunks: [text] })
    expect(status).toBe(400)
    expect(JSON.parse(answer)).toMatchObject({ jsonrpc: '2.0', error: { code }, id: null })
    expect(answer).not.toMatch(/\bat |\.ts|node_modules|SyntaxError|zod/i)
  })

  it.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE'])('does not know the method %s', async (method) => {
    const { http } = await fixture.serve()
    const headers = { 'mcp-session-id': await begin(http.url), accept: 'text/event-stream' }
    const { status, headers: answered } = await raw(http.url, { method, headers })
    expect({ status, allow: answered.allow }).toEqual({ status: 405, allow: 'GET, POST, DELETE' })
  })

  const head = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n'
  it.each([
    ['its head', head, { headMsMax: 100 }],
    ['its body', `${head}Accept: application/json, text/event-stream\r\n\r\n{`, { requestMsMax: 200 }],
  ])('lets nobody hold a connection by sending %s slowly', async (_, begun, bounds) => {
    const { http } = await fixture.serve(bounds)
    const socket = connect(Number(new URL(http.url).port), '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.write(begun)
    await gone
    expect(answer).toMatch(/^HTTP\/1\.1 (408|400) /)
  })

  it('is not misled by a request that says its length twice', async () => {
    const { http } = await fixture.serve()
    const socket = connect(Number(new URL(http.url).port), '127.0.0.1')
    const heads = 'Host: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n'
    socket.end(
      `POST /mcp HTTP/1.1\r\n${heads}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n`,
    )
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).not.toContain('"ok"')
  })
})
