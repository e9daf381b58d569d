/** The store at our server over HTTP: tokens, lost replies, restarts, and what many calls at once leave behind. */
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { serveHttp } from '../../../src/mcp/http-server.ts'
import { systemClock } from '../../../src/platform.ts'
import type { Store, Write } from '../../../src/ports/store.ts'
import { fileStore } from '../../../src/stores/file.ts'
import { commit, committed, FeedReader, pairs, put, rejectsWith, valueAt } from '../../../src/testing/store-contract/subject.ts'
import { temporaryDirectory } from '../peers.ts'
import { Ends, memoryServer, privateStore, servedByHttp, storeAt } from './served.ts'

const ends = new Ends()
afterEach(() => ends.run())

/** A server that can be stopped with all it holds in memory, and started again at the same place. */
class Restartable {
  #ends = new Ends()
  #port = 0
  readonly #store: () => Store

  constructor(store: () => Store) {
    this.#store = store
    ends.add(() => this.stop())
  }

  async start(): Promise<string> {
    const server = await memoryServer(this.#ends, this.#store())
    const http = await serveHttp(server, { port: this.#port, drainMs: 0 })
    this.#ends.add(() => http.close())
    this.#port = Number(new URL(http.url).port)
    return http.url
  }

  stop(): Promise<void> {
    return this.#ends.run()
  }
}

function filed(): Store {
  const directory = temporaryDirectory()
  ends.add(() => directory.remove())
  return fileStore({ directory: directory.path, clock: systemClock })
}

describe('a token', () => {
  const token = 'a-token-of-this-test-0123456789'

  test('lets in who has it', async () => {
    const url = await servedByHttp(ends, await memoryServer(ends), { token })
    expect(await committed(storeAt(ends, { url, token }), put('a', 1))).toBe(1)
  })

  test.each([undefined, 'another-token-0123456789abcdef'])('%s: who has not is told what to set, at once', async (wrong) => {
    const url = await servedByHttp(ends, await memoryServer(ends), { token })
    const store = storeAt(ends, wrong === undefined ? { url } : { url, token: wrong })
    const error = await rejectsWith('store_unavailable', () => store.open())
    expect(error.message).toContain('MEMORY_SYNC_TOKEN')
    expect(error.message).not.toContain(token)
    expect(error.retryable).toBe(false)
  })
})

describe('a server that cannot be reached', () => {
  test('is named, and the reason', async () => {
    const url = `http://127.0.0.1:${await freePort()}/mcp`
    const error = await rejectsWith('store_unavailable', () => storeAt(ends, { url }).open())
    expect(error.message).toContain(url)
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.retryable).toBe(true)
  })

  test('at first is reached by a later call', async () => {
    const port = await freePort()
    const store = storeAt(ends, { url: `http://127.0.0.1:${port}/mcp` })
    await rejectsWith('store_unavailable', () => store.open())
    await servedByHttp(ends, await memoryServer(ends), { port })
    expect(await committed(store, put('a', 1))).toBe(1)
  })
})

describe('a server that is started again', () => {
  test('over a directory: reads, commits and watches go on, nothing is told twice or missed', async () => {
    const directory = temporaryDirectory()
    ends.add(() => directory.remove())
    const server = new Restartable(() => fileStore({ directory: directory.path, clock: systemClock }))
    const store = storeAt(ends, { url: await server.start() })
    await store.open()
    expect(store.features.durability).toBe('process-crash')
    const reader = new FeedReader(store.watch('*'))
    await reader.snapshot()
    await committed(store, put('before', 1))
    await reader.until('before')
    const waiting = reader.changes(1)
    await server.stop()
    const reading = valueAt(store, 'before')
    await server.start()
    expect(await reading).toBe(1)
    await committedAnyway(store, put('after', 2))
    expect(pairs(await waiting)).toEqual([['after', 2]])
    expect(await store.head()).toBe(2)
    expect(reader.resets).toBe(0)
    await reader.end()
  })

  test('over a memory that is gone with it: watches hear of it by a reset, though revisions look the same', async () => {
    const server = new Restartable(privateStore)
    const store = storeAt(ends, { url: await server.start() })
    await committed(store, put('lost', 1))
    const reader = new FeedReader(store.watch('*'))
    await reader.snapshot()
    const waiting = reader.next()
    await server.stop()
    await server.start()
    // As many revisions as before: a place in the old memory would be one in the new.
    await committedAnyway(store, put('new', 1))
    expect(await waiting).toEqual({ type: 'reset' })
    expect(pairs((await reader.snapshot()).changes)).toEqual([['new', 1]])
    const resumed = new FeedReader(store.watch('*', { after: 1 }))
    expect(await resumed.next()).toEqual({ type: 'reset' })
    await reader.end()
    await resumed.end()
  })
})

describe('a lost reply', () => {
  test('to a commit: the outcome is unknown, and the commit is not made again', async () => {
    const proxy = await proxyTo(await servedByHttp(ends, await memoryServer(ends, filed())))
    const store = storeAt(ends, { url: proxy.url })
    await store.open()
    proxy.loseNext('memory_commit')
    const error = await rejectsWith('unknown_outcome', () => commit(store, put('a', 1)))
    expect(error.retryable).toBe(true)
    expect(proxy.passed('memory_commit')).toBe(1)
    expect(await valueAt(store, 'a')).toBe(1)
    expect(await store.head()).toBe(1)
  })

  test('to a read: it is read again', async () => {
    const proxy = await proxyTo(await servedByHttp(ends, await memoryServer(ends)))
    const store = storeAt(ends, { url: proxy.url })
    await committed(store, put('a', 1))
    proxy.loseNext('memory_get')
    expect(await valueAt(store, 'a')).toBe(1)
    expect(proxy.passed('memory_get')).toBe(2)
  })
})

describe('many calls at once', () => {
  test('leave no warning and nothing on the transport’s signal', async () => {
    const warnings: string[] = []
    const hear = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', hear)
    ends.add(() => process.off('warning', hear))
    const url = await servedByHttp(ends, await memoryServer(ends))
    const store = storeAt(ends, { url, callsInFlightMax: 100 })
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => store.get(`k${index}`)))
    }
    expect(warnings).toEqual([])
  })
})

/** A connection that the old server closed may take a commit with it, and nobody knows then: the caller looks, and decides. */
async function committedAnyway(store: Store, write: Write): Promise<void> {
  for (;;) {
    try {
      await committed(store, { ...write, condition: { type: 'absent' } })
      return
    } catch (error) {
      expect(error).toMatchObject({ code: 'unknown_outcome' })
      if ((await store.get(write.key)) !== null) return
    }
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.add(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

async function freePort(): Promise<number> {
  const server = createServer()
  const url = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return Number(new URL(url).port)
}

interface Proxy {
  readonly url: string
  /** The next call of the tool is passed on, its reply is not. */
  loseNext(tool: string): void
  passed(tool: string): number
}

async function proxyTo(target: string): Promise<Proxy> {
  let lost: string | null = null
  const bodies: string[] = []
  const server = createServer(async (incoming, outgoing) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    bodies.push(body)
    const isLost = lost !== null && body.includes(`"${lost}"`)
    if (isLost) lost = null
    const { host, ...headers } = incoming.headers
    const passed = request(target, { method: incoming.method ?? 'POST', headers }, (reply) => {
      if (isLost) {
        reply.resume().on('end', () => outgoing.destroy())
        return
      }
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
      reply.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    passed.end(body)
  })
  const url = await listen(server)
  return {
    url,
    loseNext: (tool) => {
      lost = tool
    },
    passed: (tool) => bodies.filter((body) => body.includes(`"${tool}"`)).length,
  }
}
