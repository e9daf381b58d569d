/** Watching a server that tells nobody anything: when it is asked, how little, and what is told of what it answers. */
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import type { Store } from '../../../src/ports/store.ts'
import { Poll, pollFailuresMax } from '../../../src/stores/mcp/plain-poll.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import { committed, FeedReader, pairs, put, tombstone } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { call } from './claude-flow/connect.ts'
import { countsOf, type PlainServer, plainDialects, plainServer } from './plain-server.ts'

const namespace = 'task-sentinel'

function virtual(dialect: (typeof plainDialects)[number], isCachedApart = false) {
  const clock = createVirtualClock()
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  return { clock, warnings, server: plainServer(dialect, { clock, serverClock: clock, logger, isCachedApart }) }
}

/** The value that a watch was told last, by key. */
function follow(store: Store, pattern: string): { values: Map<string, unknown>; entries: Map<string, Entry>; end(): void } {
  const end = new AbortController()
  const values = new Map<string, unknown>()
  const entries = new Map<string, Entry>()
  void (async () => {
    for await (const item of store.watch(pattern, { signal: end.signal })) {
      if (item.type !== 'changes') continue
      for (const { key, entry } of item.changes) {
        values.set(key, entry.x?.t === 1 ? undefined : entry.value)
        entries.set(key, entry)
      }
    }
  })()
  return { values, entries, end: () => end.abort() }
}

async function fill(store: Store, count: number, value: number): Promise<void> {
  await store.commit(Array.from({ length: count }, (_, index) => [put(`k/${String(index).padStart(4, '0')}`, value)]))
}

async function otherStores(server: PlainServer, clock: VirtualClock, key: string, value: number): Promise<void> {
  await committed(await server.store({ clock }), put(key, value))
}

describe('the cadence of a poll', () => {
  function poll(clock: VirtualClock, look: () => Promise<boolean>, failing = (_error: unknown): void => {}): Poll {
    return new Poll({ clock, random: createSeededRandom(7), look, failing })
  }

  test('slows down from 250 ms to 5 s while nothing changes, and is fast again at once when something does', async () => {
    const clock = createVirtualClock()
    const atMs: number[] = []
    let hasChanged = false
    const running = poll(clock, async () => {
      atMs.push(clock.monotonicMs())
      return hasChanged
    })
    atMs.push(clock.monotonicMs())
    running.start()
    await clock.advance(60_000)
    const pauses = atMs.slice(1).map((at, index) => at - (atMs[index] as number))
    expect(pauses[0]).toBeGreaterThanOrEqual(200)
    expect(pauses[0]).toBeLessThanOrEqual(300)
    expect(pauses.length).toBeLessThan(24)
    for (const pause of pauses.slice(-5)) {
      expect(pause).toBeGreaterThanOrEqual(4000)
      expect(pause).toBeLessThanOrEqual(6000)
    }
    expect(new Set(pauses.slice(-5)).size).toBeGreaterThan(1)

    hasChanged = true
    await clock.advance(6001)
    atMs.length = 0
    await clock.advance(10_000)
    expect(atMs.length).toBeGreaterThanOrEqual(33)
    expect(atMs.length).toBeLessThanOrEqual(50)
    running.stop()
    expect(clock.pending).toBe(0)
  })

  test('has one look at a time, however long it takes', async () => {
    const clock = createVirtualClock()
    let looks = 0
    let answer: (hasChanged: boolean) => void = () => {}
    const running = poll(clock, () => {
      looks++
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    running.start()
    await clock.advance(60_000)
    expect(looks).toBe(1)
    answer(true)
    await clock.advance(400)
    expect(looks).toBe(2)
    running.stop()
    answer(true)
    await clock.advance(60_000)
    expect(looks).toBe(2)
    expect(clock.pending).toBe(0)
  })

  test('says that it fails after some looks in a row, and goes on', async () => {
    const clock = createVirtualClock()
    let looks = 0
    const errors: unknown[] = []
    const running = poll(
      clock,
      async () => {
        throw new Error(`look ${++looks}`)
      },
      (error) => errors.push((error as Error).message),
    )
    running.start()
    await clock.runUntil(() => looks === pollFailuresMax - 1)
    expect(errors).toEqual([])
    await clock.runUntil(() => looks === 2 * pollFailuresMax)
    expect(errors).toEqual(['look 3', 'look 6'])
    running.stop()
  })
})

describe.each(plainDialects)('a watch on %s', (dialect) => {
  test('is told what other processes write and delete, within seconds', async () => {
    const { clock, server } = virtual(dialect)
    const store = await server.store()
    await committed(store, put('a', 1))
    const told = follow(store, '**')
    await clock.advance(60_000)
    expect([...told.values]).toEqual([['a', 1]])
    await otherStores(server, clock, 'b', 2)
    await clock.advance(6000)
    expect([...told.values]).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    await committed(await server.store(), put('a', tombstone()))
    await clock.advance(6000)
    expect(told.values.get('a')).toBe(undefined)
    told.end()
    await server.close()
    expect(clock.pending).toBe(0)
  })

  test('is told of a key that is gone from the server as a tombstone of its last version', async () => {
    const { clock, server } = virtual(dialect)
    const store = await server.store()
    await committed(store, put('a', 1), put('b', 1))
    const last = (await store.get('a'))?.entry
    const told = follow(store, '**')
    const client = await server.client()
    const [tool, remove] = dialect === 'claude-flow-v2' ? ['memory_usage', { action: 'delete' }] : ['memory_delete', {}]
    await call(client, tool as string, { ...(remove as object), namespace, key: 'a' })
    await clock.advance(6000)
    expect(told.values).toEqual(
      new Map([
        ['a', undefined],
        ['b', 1],
      ]),
    )
    expect(told.entries.get('a')).toMatchObject({ value: null, version: last?.version, x: { t: 1, d: last?.x?.d } })
    expect(await store.get('a')).toBe(null)
    told.end()
    await server.close()
  })

  test('shares its polls with all others of the handle, and ends them with the last', async () => {
    const { clock, server } = virtual(dialect)
    const store = await server.store()
    const watches = Array.from({ length: 20 }, (_, index) => follow(store, `k${index}/*`))
    await clock.advance(1000)
    server.sent.length = 0
    await clock.advance(30_000)
    const lists = countsOf(server.sent)[dialect === 'claude-flow-v2' ? 'list' : 'memory_list'] ?? 0
    expect(lists).toBeGreaterThan(4)
    expect(lists).toBeLessThan(20)
    for (const watch of watches) watch.end()
    await clock.advance(0)
    expect(clock.pending).toBe(0)
    server.sent.length = 0
    await clock.advance(60_000)
    expect(server.sent).toEqual([])
    await server.close()
  })

  test('from now on is silent about what was there before this handle had looked', async () => {
    const { clock, server } = virtual(dialect)
    await fill(await server.store(), 130, 1)
    await clock.advance(10_000)
    await otherStores(server, clock, 'recent', 1)
    await clock.advance(1000)
    const store = await server.store()
    const reader = new FeedReader(store.watch('**', { after: 'now' }))
    const first = await clock.drive(reader.snapshot())
    // Written a second before the call: it may have been after it, for all that the server tells.
    expect(pairs(first.changes)).toEqual([['recent', 1]])
    await otherStores(server, clock, 'later', 1)
    expect(pairs(await clock.drive(reader.changes(1)))).toEqual([['later', 1]])
    await reader.end()
    await server.close()
  })

  test('comes to the latest values when more is written at once than the server lists', async () => {
    const { clock, server } = virtual(dialect)
    const writer = await server.store()
    const store = await server.store()
    const told = follow(store, '**')
    for (let value = 1; value <= 3; value++) {
      await fill(writer, 300, value)
      await clock.advance(8000)
      expect(told.values.size).toBe(300)
      expect(new Set(told.values.values())).toEqual(new Set([value]))
    }
    told.end()
    await server.close()
  })

  test('rejects, once, when the server cannot be looked at any more, and leaves no timer', async () => {
    const { clock, server } = virtual(dialect)
    const store = await server.store()
    const reader = new FeedReader(store.watch('**'))
    await clock.drive(reader.snapshot())
    const waiting = reader.next()
    waiting.catch(() => {})
    for (const client of await server.clients()) await client.close()
    await expect(clock.drive(waiting)).rejects.toMatchObject({ name: 'MemorySyncError' })
    expect(await reader.next()).toBe(null)
    expect(clock.pending).toBe(0)
  })
})

describe('how little is asked', () => {
  test('v2: nothing but the listing, while all keys are in it', async () => {
    const { clock, server } = virtual('claude-flow-v2')
    const store = await server.store()
    await fill(await server.store(), 90, 1)
    const told = follow(store, '**')
    await clock.advance(3000)
    expect(told.values.size).toBe(90)
    server.sent.length = 0
    await otherStores(server, clock, 'k/0007', 2)
    await clock.advance(20_000)
    expect(told.values.get('k/0007')).toBe(2)
    const counts = countsOf(server.sent)
    expect(counts.retrieve).toBe(1) // the writer's own look at what it wrote
    expect(counts.list).toBeGreaterThan(3)
    told.end()
    await server.close()
  })

  test('v2: a few of the keys beyond the listing, in turn', async () => {
    const { clock, server } = virtual('claude-flow-v2')
    const store = await server.store()
    await fill(await server.store(), 300, 1)
    const told = follow(store, '**')
    await clock.advance(20_000)
    server.sent.length = 0
    await clock.advance(60_000)
    const { list = 0, retrieve = 0 } = countsOf(server.sent)
    expect(list).toBeGreaterThanOrEqual(10)
    expect(retrieve).toBeLessThanOrEqual(16 * list)
    // Removed where no listing shows it: found when its turn comes.
    const client = await server.client()
    await call(client, 'memory_usage', { action: 'delete', namespace, key: 'k/0250' })
    await clock.advance(120_000)
    expect(told.values.get('k/0250')).toBe(undefined)
    told.end()
    await server.close()
  })

  test('v3: only the values of keys with a new time', async () => {
    const { clock, server } = virtual('claude-flow-v3')
    const store = await server.store()
    await fill(await server.store(), 250, 1)
    const told = follow(store, '**')
    await clock.advance(20_000)
    expect(told.values.size).toBe(250)
    server.sent.length = 0
    await clock.advance(60_000)
    const { memory_list: lists = 0, memory_retrieve: reads = 0 } = countsOf(server.sent)
    expect(lists).toBeGreaterThanOrEqual(10)
    expect(reads).toBe(0)
    server.sent.length = 0
    await otherStores(server, clock, 'k/0007', 2)
    await clock.advance(6000)
    expect(told.values.get('k/0007')).toBe(2)
    expect(countsOf(server.sent).memory_retrieve).toBe(2) // the writer's and the watcher's
    told.end()
    await server.close()
  })
})

test('v3: an old value out of a server process’s cache is found out, and said once', async () => {
  const { clock, server, warnings } = virtual('claude-flow-v3', true)
  const [store, other] = [await server.store(), await server.store()]
  await committed(store, put('a', 1), put('b', 1))
  const told = follow(store, '**')
  await clock.advance(6000)
  await committed(other, put('a', 2), put('b', 2), put('new', 2))
  await clock.advance(6000)
  // What a server process has not read yet it reads; what it has read it gives again and again.
  expect([...told.values]).toEqual([
    ['a', 1],
    ['b', 1],
    ['new', 2],
  ])
  expect(warnings).toEqual([expect.stringContaining('cache')])
  told.end()
  await server.close()
})
