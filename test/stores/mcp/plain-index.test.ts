/** More keys than a server lists: found, found again after a crash, and never silently left out. */
import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/domain/json.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import { PlainIndex, shardBytesMax } from '../../../src/stores/mcp/plain-index.ts'
import type { Registers } from '../../../src/stores/mcp/registers.ts'
import { commit, committed, listed, put, valueAt } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'
import { call } from './claude-flow/connect.ts'
import { countsOf, plainDialects, plainServer } from './plain-server.ts'

const namespace = 'task-sentinel'

function units(count: number, prefix = 'k/') {
  return Array.from({ length: count }, (_, index) => [put(`${prefix}${String(index).padStart(4, '0')}`, index)])
}

async function keysOf(store: Awaited<ReturnType<ReturnType<typeof plainServer>['store']>>, pattern = '**'): Promise<string[]> {
  return (await listed(store.list(pattern))).map(({ key }) => key)
}

describe.each(plainDialects)('more than 100 keys on %s', (dialect) => {
  test('are listed whole by another handle, each with its value', async () => {
    const server = plainServer(dialect)
    const writer = await server.store()
    await writer.commit(units(250))
    const reader = await server.store()
    const all = await listed(reader.list('k/*'))
    expect(all.map(({ key }) => key)).toEqual(units(250).map(([write]) => write?.key))
    expect(all.map(({ entry }) => entry.value)).toEqual(Array.from({ length: 250 }, (_, index) => index))
    await server.close()
  })
})

describe.each(plainDialects)('a listing on %s', (dialect) => {
  // v3 tells milliseconds, and takes several of them for each write.
  test.each(dialect === 'claude-flow-v2' ? [0, 400, 2000] : [1, 400])(
    'has what others wrote before it, %i ms after the last one, however much that was',
    async (pauseMs) => {
      const serverClock = createVirtualClock()
      const server = plainServer(dialect, { serverClock })
      const [writer, reader] = [await server.store(), await server.store()]
      await writer.commit(units(300))
      for (let round = 1; round <= 3; round++) {
        await serverClock.advance(pauseMs)
        await listed(reader.list('**'))
        await serverClock.advance(pauseMs)
        // One that a listing in whole seconds shows last, then more than it shows at all.
        const key = `k/0${290 + round}`
        await committed(writer, put(key, `round ${round}`))
        expect((await listed(reader.list('k/*'))).find((stored) => stored.key === key)?.entry.value).toBe(`round ${round}`)
        await writer.commit(units(200).map(([write]) => [put(write?.key ?? '', `round ${round}`)]))
        const values = (await listed(reader.list('k/*'))).slice(0, 200).map(({ entry }) => entry.value)
        expect(new Set(values)).toEqual(new Set([`round ${round}`]))
      }
      await server.close()
    },
  )
})

describe('the index on claude-flow v2', () => {
  test('is small: at most 64 documents, one for many keys', async () => {
    const server = plainServer('claude-flow-v2')
    const store = await server.store()
    await store.commit(units(250))
    const reply = await call(await server.client(), 'memory_usage', { action: 'list', namespace: `${namespace}.keys` })
    const entries = reply.entries as { key: string; value: { keys: string[] } }[]
    expect(entries.length).toBeLessThanOrEqual(64)
    expect(entries.flatMap(({ value }) => value.keys).length).toBe(250)
    await server.close()
  })

  test('has a key before the key is written', async () => {
    const server = plainServer('claude-flow-v2')
    const store = await server.store()
    await committed(store, put('a', 1))
    const places = server.sent.filter(({ args }) => args.action === 'store').map(({ args }) => args.namespace)
    expect(places).toEqual([`${namespace}.keys`, namespace])
    await server.close()
  })

  test('costs nothing for a key that it has', async () => {
    const server = plainServer('claude-flow-v2')
    const store = await server.store()
    await committed(store, put('a', 1))
    server.sent.length = 0
    await committed(store, put('a', 2))
    expect(countsOf(server.sent, `${namespace}.keys`)).toEqual({})
    expect(countsOf(server.sent)).toEqual({ store: 1, retrieve: 1 })
    await server.close()
  })

  test('that lost a key finds it among the newest hundred, and then has it again for good', async () => {
    const serverClock = createVirtualClock()
    const server = plainServer('claude-flow-v2', { serverClock })
    const store = await server.store()
    await store.commit(units(200))
    await serverClock.advance(5000)
    const client = await server.client()
    // As a writer without an index leaves it, or one whose place in the index was overwritten before it died.
    await call(client, 'memory_usage', { action: 'store', namespace, key: 'stray', value: '1' })
    await serverClock.advance(5000)
    const finder = await server.store()
    expect(await keysOf(finder)).toContain('stray')
    await serverClock.advance(5000)
    await finder.commit(units(150))
    const later = await server.store()
    expect(await keysOf(later)).toContain('stray')
    expect(await keysOf(later)).toHaveLength(201)
    await server.close()
  })

  test('that lost a key gets it back by the next write of it', async () => {
    const serverClock = createVirtualClock()
    const server = plainServer('claude-flow-v2', { serverClock })
    const client = await server.client()
    await call(client, 'memory_usage', { action: 'store', namespace, key: 'stray', value: '1' })
    await serverClock.advance(5000)
    await (await server.store()).commit(units(150))
    await serverClock.advance(5000)
    expect(await keysOf(await server.store())).not.toContain('stray')
    await committed(await server.store(), put('stray', 2))
    await serverClock.advance(5000)
    await (await server.store()).commit(units(150))
    expect(await keysOf(await server.store())).toContain('stray')
    await server.close()
  })

  test('whose documents were destroyed is made anew by whoever has written the keys', async () => {
    const server = plainServer('claude-flow-v2')
    const store = await server.store()
    await store.commit(units(150))
    const client = await server.client()
    for (let shard = 0; shard < 64; shard++) {
      const key = `keys/${String(shard).padStart(2, '0')}`
      await call(client, 'memory_usage', { action: 'store', namespace: `${namespace}.keys`, key, value: 'ruined' })
    }
    expect(await keysOf(store)).toHaveLength(150)
    expect(await keysOf(await server.store())).toHaveLength(150)
    await server.close()
  })

  test('forgets a key that holds nothing, after a while, and the watchers’ store with it', async () => {
    const clock = createVirtualClock()
    const server = plainServer('claude-flow-v2', { serverClock: clock, clock })
    const store = await server.store()
    await store.commit(units(120))
    const client = await server.client()
    await call(client, 'memory_usage', { action: 'delete', namespace, key: 'k/0007' })
    await clock.advance(5000)
    expect(await keysOf(store)).toHaveLength(119)
    await clock.advance(11 * 60 * 1000)
    expect(await keysOf(store)).toHaveLength(119)
    await clock.advance(1000)
    const fresh = await server.store()
    server.sent.length = 0
    expect(await keysOf(fresh)).toHaveLength(119)
    const asked = server.sent.filter(({ args }) => args.action === 'retrieve' && args.key === 'k/0007')
    expect(asked).toEqual([])
    await server.close()
  })
})

describe('index documents that are rewritten by many', () => {
  test('lose nothing for good: what one overwrote, its writer puts back at its next read', async () => {
    const registers = sharedRegisters()
    const indexes = Array.from({ length: 5 }, () => new PlainIndex(registers, 'ns.keys', silentLogger))
    for (let round = 0; round < 40; round++) {
      await Promise.all(indexes.map((index, writer) => index.add([`w${writer}/${round}/a`, `w${writer}/${round}/b`])))
    }
    for (const index of indexes) await index.read()
    const keys = [...(await new PlainIndex(registers, 'ns.keys', silentLogger).read())]
    expect(new Set(keys).size).toBe(5 * 40 * 2)
  })

  test('are read as far as they can be read', async () => {
    const registers = sharedRegisters()
    await registers.write('ns.keys', 'keys/03', '{"keys":"all"}')
    const told: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => told.push(message) }
    const index = new PlainIndex(registers, 'ns.keys', logger)
    await index.add(['a', 'b'])
    expect([...(await index.read())].sort()).toEqual(['a', 'b'])
    expect(told[0]).toContain('cannot be read')
  })

  test('refuse a key too many, and say what to do', async () => {
    const server = plainServer('claude-flow-v2')
    const client = await server.client()
    const keys = Array.from({ length: shardBytesMax / 64 }, (_, index) => `${'x'.repeat(60)}${String(index).padStart(5, '0')}`)
    for (let shard = 0; shard < 64; shard++) {
      const key = `keys/${String(shard).padStart(2, '0')}`
      const value = JSON.stringify({ keys })
      await call(client, 'memory_usage', { action: 'store', namespace: `${namespace}.keys`, key, value })
    }
    const store = await server.store()
    const receipt = await commit(store, put('new', 1))
    expect(receipt).toMatchObject({ type: 'failed', error: { code: 'too_large', message: expect.stringContaining('serve') } })
    expect(await valueAt(store, 'new')).toBe(undefined)
    await server.close()
  })
})

/** Registers with a turn of the event loop between any two steps of two callers. */
function sharedRegisters(): Registers {
  const textByKey = new Map<string, string>()
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    listsAll: false,
    durability: 'none',
    async read(_namespace, key) {
      await turn()
      const text = textByKey.get(key)
      await turn()
      return text === undefined ? null : { content: JSON.parse(text) as Json, updatedAtMs: null }
    },
    async write(_namespace, key, text) {
      await turn()
      textByKey.set(key, text)
      await turn()
    },
    async remove(_namespace, key) {
      textByKey.delete(key)
    },
    async list() {
      await turn()
      const entries = [...textByKey].map(([key, text]) => ({ key, content: JSON.parse(text) as Json, updatedAtMs: 0 }))
      return { entries, isComplete: true, settledMs: 0 }
    },
  }
}
