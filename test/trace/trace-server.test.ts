/** Who may read what happens in a process, who may send to its actors, and what it costs the process: nothing. */
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { sendBodyBytesMax } from '../../src/trace/trace-server.ts'
import { clientsMax, resumeMsMax, signOfLifeMs, stallMsMax } from '../../src/trace/trace-streams.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { echoLogic } from './echo-logic.ts'
import { ask, type Served, served, token, toldBy } from './served.ts'

const open: { server: { close(): Promise<void> } }[] = []
const stops: (() => void)[] = []

async function serving(options?: Parameters<typeof served>[0]): Promise<Served> {
  const it = await served(options)
  open.push(it)
  return it
}

function reading(it: Served, options?: Parameters<typeof toldBy>[0]) {
  const told = toldBy(options)
  stops.push(() => told.client.stop())
  told.client.announced(it.announcement)
  return told
}

afterEach(async () => {
  for (const stop of stops.splice(0)) stop()
  await Promise.all(open.splice(0).map(({ server }) => server.close()))
})

const bearer = `Bearer ${token}`

describe('the trace server refuses', () => {
  test.each([
    ['no token', {}, 401],
    ['another token', { authorization: `Bearer ${'x'.repeat(token.length)}` }, 401],
    ['a shorter token', { authorization: 'Bearer abc' }, 401],
    ['another scheme', { authorization: `Basic ${token}` }, 401],
    ['a name that leads here', { authorization: bearer, host: 'evil.example' }, 403],
    ['another port', { authorization: bearer, host: '127.0.0.1:1' }, 403],
    ['a page, whatever it knows', { authorization: bearer, origin: 'http://127.0.0.1:7439' }, 403],
  ])('%s', async (_, headers, status) => {
    const it = await serving()
    const answer = await ask(it, { headers })
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'not_supported', message: expect.any(String) } })
    expect(it.trace.isWatched).toBe(false)
  })

  test.each([
    ['GET', '/', 404],
    ['POST', '/trace', 404],
    ['GET', '/send', 404],
    ['DELETE', '/trace', 404],
    ['GET', '/trace?after=x', 400],
    ['GET', '/trace?after=-1', 400],
    ['GET', '/trace?after=', 400],
    ['GET', '/../etc/passwd', 404],
  ])('%s %s', async (method, path, status) => {
    const it = await serving()
    expect((await ask(it, { method, path })).status).toBe(status)
    expect(it.trace.isWatched).toBe(false)
  })

  test('more clients than it has room for', async () => {
    const it = await serving()
    const clients = Array.from({ length: clientsMax }, () => reading(it))
    await Promise.all(clients.map(({ hears }) => hears(({ type }) => type === 'source')))
    const answer = await ask(it)
    expect([answer.status, JSON.parse(answer.text).error.code]).toEqual([429, 'backpressure'])
    expect(it.server.clients).toBe(clientsMax)
  })

  test('what is no HTTP, and goes on', async () => {
    const it = await serving()
    const { hostname, port } = new URL(it.server.url)
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end('\u0000\u0001 nonsense\r\n\r\n'))
      socket.on('close', () => resolve())
      socket.on('error', () => {})
      socket.resume()
    })
    expect((await ask(it)).status).toBe(200)
  })
})

describe('an event that is sent', () => {
  const send = (it: Served, body: string) =>
    ask(it, { method: 'POST', path: '/send', headers: { authorization: bearer, 'content-type': 'application/json' }, body })

  test('is refused unless events are allowed, which may change', async () => {
    const it = await serving()
    const body = JSON.stringify({ address: 'a', event: { type: 'ping' } })
    expect(await send(it, body)).toMatchObject({ status: 403, text: expect.stringContaining('--allow-actions') })
    expect(it.sent).toEqual([])
    it.allowsActions = true
    expect(await send(it, body)).toMatchObject({ status: 200, text: '{"ok":true}' })
    expect(it.sent).toEqual([['a', { type: 'ping' }]])
  })

  test.each([
    ['no JSON', 'nope', 400],
    ['no object', '7', 400],
    ['no address', '{"event":{"type":"x"}}', 400],
    ['too much', JSON.stringify({ address: 'a', event: { type: 'x', text: 'x'.repeat(sendBodyBytesMax) } }), 413],
  ])('is refused when it is %s', async (_, body, status) => {
    const it = await serving()
    it.allowsActions = true
    expect((await send(it, body)).status).toBe(status)
    expect(it.sent).toEqual([])
  })

  test('reaches the actor by way of a client, and the refusal comes back', async () => {
    const it = await serving()
    const { client, hears } = reading(it)
    await hears(({ type }) => type === 'source')
    await expect(client.send('a', { type: 'ping' })).rejects.toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('--allow-actions'),
    })
    it.allowsActions = true
    await client.send('a', { type: 'ping', n: 1 })
    expect(it.sent).toEqual([['a', { type: 'ping', n: 1 }]])
    await it.server.close()
    await expect(client.send('a', { type: 'ping' })).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('a stream', () => {
  test('begins with what lives and goes on with what happens', async () => {
    const it = await serving()
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { records, hears, client } = reading(it)
    await hears(({ type }) => type === 'actor')
    expect(client.state).toBe('live')
    for (let count = 0; count < 1000; count++) it.supervisor.tell('a', { type: 'ping' })
    await hears((record) => record.type === 'transition' && (record.context as { count: number }).count === 1000)
    expect(records.slice(0, 3).map(({ type }) => type)).toEqual(['source', 'chart', 'actor'])
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => (records[0]?.seq ?? 0) + index))
  })

  test('says up to where it tells of what lives', async () => {
    const it = await serving()
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { headers, text } = await ask(it)
    expect(headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    const first = JSON.parse(text.split('\n')[0] ?? '') as TraceRecord
    expect(Number(headers['x-introduced-through'])).toBe(first.seq + 2)
  })

  test('that is not read costs its process no more than the ring, and ends after a while', async () => {
    const clock = createVirtualClock()
    const it = await serving({ hands: { clock }, limits: { recordsMax: 1000 } })
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { hostname, port } = new URL(it.server.url)
    const socket = connect(Number(port), hostname)
    // Nothing is ever read from it.
    socket.pause()
    socket.write(`GET /trace HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${bearer}\r\n\r\n`)
    while (it.server.clients === 0) await clock.settle()
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    let told = 0
    for (let round = 0; round < 200; round++) {
      for (let count = 0; count < 100; count++) it.supervisor.tell('a', { type: 'ping', text: 'x'.repeat(1000) })
      told += 100
      await clock.advance(0)
    }
    // 20 MB were told; what waits in the socket is what the system's buffers took and one helping.
    expect(told).toBe(20_000)
    expect(it.server.clients).toBe(1)
    await clock.advance(stallMsMax + 2 * signOfLifeMs)
    expect(it.server.clients).toBe(0)
    // It may come back for a while; then nothing is left of it.
    expect(it.trace.isWatched).toBe(true)
    await clock.advance(resumeMsMax)
    expect(it.trace.isWatched).toBe(false)
    socket.resume()
    await closed
  })

  test('that is read late says what was missed, and then what lives', async () => {
    const it = await serving({ limits: { recordsMax: 100 } })
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { records, hears } = reading(it)
    await hears(({ type }) => type === 'actor')
    // In one turn of the event loop: nobody can have read them all.
    for (let count = 0; count < 5000; count++) it.supervisor.tell('a', { type: 'ping' })
    await hears(({ type }) => type === 'gap')
    const gap = records.findIndex(({ type }) => type === 'gap')
    expect(records[gap]).toMatchObject({ reason: 'slow-watcher', lost: expect.any(Number) })
    await hears((record) => record.type === 'actor' && (record.context as { count: number }).count === 5000)
  })

  test('ends with the server, which leaves no port and no watcher behind', async () => {
    const it = await serving()
    const { records, hears, client } = reading(it)
    await hears(({ type }) => type === 'source')
    it.trace.close()
    await it.server.close()
    await hears(({ type }) => type === 'source.lost')
    expect(records.at(-1)).toMatchObject({ type: 'source.lost', reason: 'its runtime was shut down' })
    expect([client.state, it.server.clients, it.trace.isWatched]).toEqual(['idle', 0, false])
    await expect(ask(it)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
