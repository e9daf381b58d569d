/** Reading another process: what a broken connection, a dead process and a liar look like. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts'
import { announcementOf } from '../../src/trace/beacon-keys.ts'
import { thisProcess } from '../../src/trace/this-process.ts'
import { refusedMax, retryBackoff, triesMax } from '../../src/trace/trace-client.ts'
import { lineCharactersMax, quietMsMax } from '../../src/trace/trace-connection.ts'
import type { TraceClient } from '../../src/trace/trace-source.ts'
import type { TraceAnnouncement } from '../../src/wire/inspector-api.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { echoLogic } from './echo-logic.ts'
import { type Served, served, token, toldBy } from './served.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function serving(options?: Parameters<typeof served>[0]): Promise<Served> {
  const it = await served(options)
  ends.push(() => it.server.close())
  return it
}

function reading(hands?: Parameters<typeof toldBy>[0]) {
  const told = toldBy(hands)
  ends.unshift(() => told.client.stop())
  return told
}

/** A way to the server that can be cut. */
async function wire({ announcement }: Served) {
  const sockets = new Set<Socket>()
  const target = Number(new URL(announcement.url).port)
  const proxy = createNetServer((socket) => {
    const onward = connect(target, '127.0.0.1')
    sockets.add(socket)
    // The server minds by what name it is called.
    socket.on('data', (chunk: Buffer) =>
      onward.write(chunk.toString('latin1').replace(`127.0.0.1:${port}`, `127.0.0.1:${target}`), 'latin1'),
    )
    onward.pipe(socket)
    socket.on('close', () => onward.destroy())
    onward.on('close', () => socket.destroy())
    for (const each of [socket, onward]) each.on('error', () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const close = async (): Promise<void> => {
    cut()
    if (proxy.listening) await new Promise((resolve) => proxy.close(resolve))
  }
  ends.push(close)
  return { announcement: { ...announcement, url: `http://127.0.0.1:${port}/trace` }, cut, close }
}

/** A server that answers as the test says. */
async function liar(answer: (response: ServerResponse) => void): Promise<TraceAnnouncement> {
  const server = createServer((_, response) => answer(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/trace`, token, incarnation: 'life', ...thisProcess }
}

async function untilGivenUp(client: TraceClient, clock: VirtualClock): Promise<void> {
  while (client.state === 'connecting') await clock.advance(50)
}

const isOf = (type: TraceRecord['type']) => (record: TraceRecord) => record.type === type
const counted = (count: number) => (record: TraceRecord) =>
  record.type === 'transition' && (record.context as { count: number }).count === count

describe('a client', () => {
  test('goes on where it was when the connection broke, without a gap', async () => {
    const it = await serving()
    const way = await wire(it)
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { client, records, hears } = reading()
    client.announced(way.announcement)
    await hears(isOf('actor'))
    for (let cuts = 1; cuts <= 3; cuts++) {
      way.cut()
      for (let count = 0; count < 50; count++) it.supervisor.tell('a', { type: 'ping' })
      await hears(counted(50 * cuts))
    }
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => (records[0]?.seq ?? 0) + index))
    expect(records.filter(isOf('source'))).toHaveLength(1)
    expect(records.filter(isOf('gap'))).toHaveLength(0)
  })

  test('begins anew when the connection broke before it knew who lives', async () => {
    const it = await serving()
    const actors = 5000
    for (let actor = 0; actor < actors; actor++) it.supervisor.start({ address: `a/${actor}`, logic: echoLogic })
    // Others have watched for long: what lives is told in numbers from which, for them, one could go on.
    const other = it.watch()
    for (let count = 0; count < 2 * actors; count++) it.supervisor.tell('a/0', { type: 'ping' })
    const way = await wire(it)
    const { client, records, hears } = reading()
    client.announced(way.announcement)
    await hears(isOf('actor'))
    way.cut()
    await hears((record) => record.type === 'actor' && record.address === `a/${actors - 1}`)
    const begin = records.findLastIndex(isOf('source'))
    expect(begin).toBeGreaterThan(0)
    expect(records.slice(begin).filter(isOf('actor'))).toHaveLength(actors)
    other.watch.stop()
  })

  test('says that the source is lost when nobody listens there any more', async () => {
    const it = await serving()
    const way = await wire(it)
    const { client, records, hears } = reading()
    client.announced(way.announcement)
    await hears(isOf('source'))
    const last = records.at(-1)?.seq ?? 0
    await way.close()
    const lost = await hears(isOf('source.lost'))
    expect(lost).toMatchObject({ source: 'life', reason: expect.stringContaining('ECONNREFUSED') })
    // What was told after the connection broke nobody knows.
    expect(records.slice(-2)).toMatchObject([
      { type: 'gap', lost: null, reason: 'disconnected', seq: last + 1 },
      { seq: last + 2 },
    ])
    expect(client.state).toBe('idle')
    // A renewal says that it lives: it is heard again, from who lives on.
    client.announced({ ...way.announcement, url: it.announcement.url })
    await hears((record) => record.type === 'source' && records.indexOf(record) > records.indexOf(lost))
    expect(records.slice(records.indexOf(lost) + 1, records.indexOf(lost) + 3)).toMatchObject([
      { type: 'gap', lost: null, reason: 'disconnected' },
      { type: 'source', source: 'life' },
    ])
  })

  test('tries a bounded number of times, fewer where nobody listens', async () => {
    const clock = createVirtualClock()
    let calls = 0
    const { client } = reading({ clock })
    const busy = await liar((response) => {
      calls++
      response.writeHead(429).end()
    })
    client.announced(busy)
    await untilGivenUp(client, clock)
    expect(calls).toBe(triesMax)
    const startMs = clock.monotonicMs()
    client.announced({ ...busy, url: 'http://127.0.0.1:1/trace' })
    await untilGivenUp(client, clock)
    // After the last of them it waits no more.
    expect(clock.monotonicMs() - startMs).toBeLessThan(retryBackoff.baseMs * 2 ** refusedMax)
    expect(clock.pending).toBe(0)
  })

  test('keeps a live stream whose announcement has expired, and gives it up when it breaks', async () => {
    const it = await serving()
    const way = await wire(it)
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { client, hears } = reading()
    client.announced(way.announcement)
    await hears(isOf('actor'))
    client.announced(null)
    it.supervisor.tell('a', { type: 'ping' })
    await hears(counted(1))
    way.cut()
    await hears(isOf('source.lost'))
    expect(client.state).toBe('idle')
  })

  test('hears the next process under the same worker id as another source', async () => {
    const [one, two] = [await serving(), await serving({ incarnation: 'next' })]
    const { client, records, hears } = reading()
    client.announced(one.announcement)
    await hears(isOf('source'))
    client.announced(two.announcement)
    await hears((record) => record.source === 'next' && record.type === 'source')
    expect(records.find(isOf('source.lost'))).toMatchObject({ source: 'life', reason: 'another process has taken its place' })
    expect(records.findLast(({ source }) => source === 'life')?.type).toBe('source.lost')
    expect(records.find(({ source }) => source === 'next')).toMatchObject({ type: 'source', seq: 1 })
    expect(client.source).toBe('next')
  })

  test('does not look for processes of other machines', async () => {
    const it = await serving()
    const { client, records } = reading({ host: 'elsewhere.example' })
    client.announced(it.announcement)
    expect(client.state).toBe('elsewhere')
    await expect(client.send('a', { type: 'x' })).rejects.toMatchObject({ code: 'store_unavailable' })
    expect([records, it.server.clients]).toEqual([[], 0])
  })

  test('that is stopped before its connection was made throws nothing into the process', async () => {
    const it = await serving()
    const thrown: unknown[] = []
    const hear = (error: unknown): void => void thrown.push(error)
    process.on('uncaughtException', hear)
    ends.push(() => process.off('uncaughtException', hear))
    const { client } = reading()
    client.announced(it.announcement)
    client.announced({ ...it.announcement, incarnation: 'another life' })
    client.stop()
    const { request } = await import('node:http')
    // What was begun before this request has ended before its answer.
    const answer = once(request(it.announcement.url).end(), 'response')
    await answer
    expect(thrown).toEqual([])
  })

  test('tells nothing after it was stopped, and keeps no connection', async () => {
    const it = await serving()
    it.supervisor.start({ address: 'a', logic: echoLogic })
    const { client, records, hears } = reading()
    client.announced(it.announcement)
    await hears(isOf('actor'))
    const count = records.length
    client.stop()
    it.supervisor.tell('a', { type: 'ping' })
    while (it.server.clients > 0) await it.clock.settle()
    client.announced(it.announcement)
    expect([records.length, client.state]).toEqual([count, 'idle'])
  })
})

describe('what is no trace', () => {
  test.each([
    ['errors', (response: ServerResponse) => response.writeHead(500).end('no')],
    ['nothing', (response: ServerResponse) => response.destroy()],
    ['an endless line', (response: ServerResponse) => void response.writeHead(200).write('x'.repeat(lineCharactersMax + 2))],
    [
      'another source',
      (response: ServerResponse) =>
        void response.writeHead(200).write(`${JSON.stringify({ source: 'x', seq: 1, atMs: 1, type: 'gap' })}\n`),
    ],
  ])('is given up after some tries: %s', async (_, answer) => {
    const clock = createVirtualClock()
    const { client, records } = reading({ clock })
    client.announced(await liar(answer))
    await untilGivenUp(client, clock)
    expect([client.state, records, clock.pending]).toEqual(['idle', [], 0])
  })

  test('is left out line by line', async () => {
    const good = { source: 'life', seq: 1, atMs: 1, type: 'gap', lost: 1, reason: 'limit' }
    const lines = [
      '{',
      'null',
      '7',
      '""',
      JSON.stringify({ ...good, seq: 'x' }),
      JSON.stringify({ ...good, type: 'news' }),
      JSON.stringify(good),
    ]
    const { client, hears, records } = reading()
    client.announced(await liar((response) => void response.writeHead(200).write(`${lines.join('\n')}\n`)))
    await hears(isOf('gap'))
    expect(records).toEqual([good])
  })

  test('is a process that gives no sign of life', async () => {
    const clock = createVirtualClock()
    const { client, hears, records } = reading({ clock })
    const line = `${JSON.stringify({ source: 'life', seq: 1, atMs: 1, type: 'gap', lost: 1, reason: 'limit' })}\n`
    let calls = 0
    client.announced(await liar((response) => (calls++ === 0 ? response.writeHead(200).write(line) : response.destroy())))
    await hears(isOf('gap'))
    await clock.advance(quietMsMax - 1)
    expect([client.state, calls]).toEqual(['live', 1])
    await clock.advance(2)
    expect(client.state).toBe('connecting')
    await untilGivenUp(client, clock)
    expect(records.at(-1)).toMatchObject({ type: 'source.lost' })
  })

  test.each([
    [{ url: 'http://127.0.0.1:80/trace' }, true],
    [{ url: 'http://example.com:80/trace' }, false],
    [{ url: 'http://127.0.0.1:80@example.com/trace' }, false],
    [{ url: 'https://127.0.0.1:80/trace' }, false],
    [{ url: 'http://127.0.0.1:80/admin' }, false],
    [{ token: 'short' }, false],
    [{ pid: 'x' }, false],
  ])('nor is an announcement with %j called: %j', (members, isTaken) => {
    const good = { url: 'http://127.0.0.1:1/trace', token, incarnation: 'life', ...thisProcess }
    expect(announcementOf({ ...good, ...members }) !== null).toBe(isTaken)
    for (const none of [null, 'x', 7, [], {}]) expect(announcementOf(none)).toBeNull()
  })
})
