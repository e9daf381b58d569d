import { connect } from 'node:net'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, describe, expect, it } from 'vitest'
import { serveHttp } from '../../src/mcp/http-server.ts'
import { changesWaitMsMax, memoryTools } from '../../src/wire/mcp-memory.ts'
import { begin, HttpFixture, initialize, ping, post, type Served } from './http-fixture.ts'

const fixture = new HttpFixture()
afterEach(() => fixture.end())

const longPoll = (id: number, after: number, waitMs = changesWaitMsMax) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: memoryTools.changes, arguments: { after, waitMs } },
})

/** Settles when so many requests wait inside of the server: one more is then refused. */
async function untilBusy(served: Served, session: string): Promise<void> {
  await expect.poll(async () => (await served.post(ping('probe'), { 'mcp-session-id': session })).status).toBe(503)
}

describe('clients over HTTP', () => {
  it('share the memory, each in a session of its own', async () => {
    const { http, server, runtime } = await fixture.serve()
    expect(http.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
    const one = await fixture.connect(http.url, {}, 'one')
    const two = await fixture.connect(http.url, {}, 'two')
    expect(one.transport.sessionId).toMatch(/^[a-z2-7]{32}$/)
    expect(one.transport.sessionId).not.toBe(two.transport.sessionId)
    expect(server.sessionCount).toBe(2)
    await one.client.callTool({ name: 'memory_usage', arguments: { action: 'store', key: 'k', value: '"v"' } })
    const { structuredContent } = await two.client.callTool({ name: 'memory_usage', arguments: { action: 'retrieve', key: 'k' } })
    expect(structuredContent).toMatchObject({ success: true, found: true })
    await runtime.memory.set('direct', 1)
    const got = await two.client.callTool({ name: memoryTools.get, arguments: { key: 'direct' } })
    expect(got.structuredContent).toMatchObject({ found: true, entry: { value: 1 } })
  })

  it('hear of changes on their open stream', async () => {
    const { http, runtime } = await fixture.serve()
    const { client } = await fixture.connect(http.url)
    const heard = new Promise<string>((resolve) => {
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri))
    })
    const uri = `memory://${runtime.namespace}/${encodeURIComponent(`${runtime.namespace}/news`)}`
    await client.subscribeResource({ uri })
    // The stream is opened beside the first calls; what is said before there is one is not repeated.
    let isHeard = false
    void heard.then(() => {
      isHeard = true
    })
    for (let value = 0; !isHeard; value++) {
      await runtime.memory.set(`${runtime.namespace}/news`, value)
      await client.ping()
    }
    expect(await heard).toBe(uri)
  })

  it('leave by DELETE, and what they held is given back', async () => {
    const { http, server } = await fixture.serve()
    const { client, transport } = await fixture.connect(http.url)
    const id = transport.sessionId as string
    await client.ping()
    await transport.terminateSession()
    expect(server.sessionCount).toBe(0)
    const late = await post(http.url, ping(1), { 'mcp-session-id': id })
    expect(late.status).toBe(404)
  })

  it('may call with many calls at once, each answered by its own', async () => {
    const { http, runtime } = await fixture.serve()
    const { client } = await fixture.connect(http.url)
    await Promise.all(Array.from({ length: 100 }, (_, n) => runtime.memory.set(`n/${n}`, n)))
    const values = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const { structuredContent } = await client.callTool({ name: memoryTools.get, arguments: { key: `n/${n}` } })
        return (structuredContent as { entry: { value: number } }).entry.value
      }),
    )
    expect(values).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it('get a batch of answers for a batch of requests, and nothing for none', async () => {
    const { http, post } = await fixture.serve()
    const session = { 'mcp-session-id': await begin(http.url) }
    const answered = await post([ping(1), { jsonrpc: '2.0', method: 'notifications/initialized' }, ping('2')], session)
    expect(answered.headers.get('content-type')).toBe('application/json')
    expect(await answered.json()).toEqual([
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: '2', result: {} },
    ])
    const silent = await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)
    expect({ status: silent.status, text: await silent.text() }).toEqual({ status: 202, text: '' })
  })

  it('end a call that takes long by cancelling it', async () => {
    const served = await fixture.serve({ inFlightMax: 1 })
    const session = await begin(served.http.url)
    const headers = { 'mcp-session-id': session }
    const call = served.post(
      [longPoll(7, 0), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }],
      headers,
    )
    expect((await call).status).toBe(202)
    expect((await served.post(ping(8), headers)).status).toBe(200)
  })
})

describe('a session', () => {
  it('is asked for, known, and begun once', async () => {
    const { http, post } = await fixture.serve()
    const missing = await post(ping(1))
    expect(missing.status).toBe(400)
    expect(await missing.json()).toMatchObject({
      error: { code: -32_000, message: expect.stringMatching(/Mcp-Session-Id is missing/) },
    })
    const unknown = await post(ping(1), { 'mcp-session-id': 'a'.repeat(32) })
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ error: { code: -32_001 } })
    const id = await begin(http.url)
    expect((await post(initialize, { 'mcp-session-id': id })).status).toBe(400)
    // A client that lost its session begins again, its old id still in hand.
    expect((await post(initialize, { 'mcp-session-id': 'a'.repeat(32) })).status).toBe(200)
    expect((await post([initialize, ping(1)])).status).toBe(400)
    expect((await post(ping(1), { 'mcp-session-id': id, 'mcp-protocol-version': '1999-01-01' })).status).toBe(400)
    expect((await post(ping(1), { 'mcp-session-id': id, 'mcp-protocol-version': '2025-06-18' })).status).toBe(200)
  })

  it('has one open stream, which needs a client that takes events', async () => {
    const { http } = await fixture.serve()
    const headers = { 'mcp-session-id': await begin(http.url), accept: 'text/event-stream' }
    const stop = new AbortController()
    const stream = await fetch(http.url, { headers, signal: stop.signal })
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    expect((await fetch(http.url, { headers })).status).toBe(409)
    expect((await fetch(http.url, { headers: { ...headers, accept: 'application/json' } })).status).toBe(406)
    stop.abort()
    await expect
      .poll(async () => {
        const again = await fetch(http.url, { headers, signal: AbortSignal.timeout(5000) })
        void again.body?.cancel()
        return again.status
      })
      .toBe(200)
  })

  it('is not left behind by a client that nobody understood', async () => {
    const { server, post } = await fixture.serve()
    expect((await post({ ...initialize, params: {} })).status).toBe(400)
    expect(server.sessionCount).toBe(0)
  })

  it('that nobody uses expires, and the client is told to begin again', async () => {
    const { http, server, post } = await fixture.serve({ sessionIdleMs: 50 })
    const id = await begin(http.url)
    await expect.poll(() => server.sessionCount).toBe(0)
    expect((await post(ping(1), { 'mcp-session-id': id })).status).toBe(404)
  })
})

describe('bounds', () => {
  it('on clients: one more is refused and told when to come again, and an end makes room', async () => {
    const { http, post } = await fixture.serve({ sessionsMax: 1 })
    const id = await begin(http.url)
    const refused = await post(initialize)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringMatching(/1 clients are connected/) } })
    expect((await fetch(http.url, { method: 'DELETE', headers: { 'mcp-session-id': id } })).status).toBe(200)
    expect((await post(initialize)).status).toBe(200)
  })

  it('on requests under way, over all clients', async () => {
    const served = await fixture.serve({ inFlightMax: 2 })
    const { http, runtime } = served
    const sessions = await Promise.all([begin(http.url), begin(http.url)])
    const polls = sessions.map((id) => served.post(longPoll(1, 0), { 'mcp-session-id': id }))
    await untilBusy(served, sessions[0])
    const refused = await served.post(ping(2), { 'mcp-session-id': sessions[1] })
    expect(refused.headers.get('retry-after')).toBe('1')
    await runtime.memory.set('k', 1)
    for (const poll of polls) expect((await poll).status).toBe(200)
    expect((await served.post(ping(3), { 'mcp-session-id': sessions[0] })).status).toBe(200)
  })

  it('on what one id may mean: a second request with it is refused while the first is under way', async () => {
    const served = await fixture.serve({ inFlightMax: 2 })
    const headers = { 'mcp-session-id': await begin(served.http.url) }
    const first = served.post(longPoll(1, 0), headers)
    await expect.poll(async () => (await served.post(longPoll(1, 0, 0), headers)).status).toBe(400)
    await served.runtime.memory.set('k', 1)
    expect((await first).status).toBe(200)
  })
})

describe('a memory that cannot be used', () => {
  it('is told as such, for later', async () => {
    const { server, post } = await fixture.serve()
    await server.close()
    const refused = await post(initialize)
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ error: { message: 'the memory behind this server cannot be used now' } })
  })
})

describe('health', () => {
  it('is told without data', async () => {
    const { http } = await fixture.serve()
    const response = await fetch(new URL('/health', http.url))
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: true })
  })
})

describe('the end', () => {
  it('lets requests under way end, refuses new ones, and leaves no connection', async () => {
    const served = await fixture.serve({ inFlightMax: 1, drainMs: 20_000 })
    const session = await begin(served.http.url)
    const poll = served.post(longPoll(1, 0), { 'mcp-session-id': session })
    await untilBusy(served, session)
    const closed = served.http.close()
    await served.runtime.memory.set('k', 1)
    const answer = await poll
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ id: 1, result: { structuredContent: { changes: [{ key: 'k' }] } } })
    await closed
    await served.http.close()
    expect(served.server.sessionCount).toBe(0)
    await expect(served.post(ping(2))).rejects.toThrow('fetch failed')
  })

  it('waits for no request longer than it was told to, and closes open streams', async () => {
    const served = await fixture.serve({ inFlightMax: 1, drainMs: 1 })
    const { client } = await fixture.connect(served.http.url)
    await client.ping()
    const session = await begin(served.http.url)
    const poll = served.post(longPoll(1, 0), { 'mcp-session-id': session })
    await untilBusy(served, session)
    await served.http.close()
    expect((await poll).status).toBe(404)
  })

  it('comes although a client holds its connection open and says nothing', async () => {
    const { http } = await fixture.serve()
    const { port, hostname } = new URL(http.url)
    const socket = connect(Number(port), hostname)
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    await http.close()
    await gone
  })
})

describe('a place where somebody else listens', () => {
  it('is told with what to do', async () => {
    const { http, server } = await fixture.serve()
    const port = Number(new URL(http.url).port)
    await expect(serveHttp(server, { port })).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringMatching(new RegExp(`port ${port}: somebody else listens there. Choose another port`)),
    })
  })
})
