/** `mcpStore` finds out by itself what it is connected to, and is the store for that. */
import { afterEach, expect, test } from 'vitest'
import { committed, put, rejectsWith, valueAt } from '../../../src/testing/store-contract/subject.ts'
import { plainDialects, plainServer } from './plain-server.ts'
import { Ends, memoryServer, storeAt, storeInMemory } from './served.ts'

const ends = new Ends()
afterEach(() => ends.run())

test.each(plainDialects)('%s: a plain store, with the options of one', async (dialect) => {
  const server = plainServer(dialect)
  ends.add(() => server.close())
  const store = storeAt(ends, { client: await server.client(), plain: { namespace: 'notes' } })
  await store.open()
  const compareAndSet = dialect === 'claude-flow-v2' ? 'assumed' : false
  expect(store.features).toMatchObject({ compareAndSet, atomicUnit: false, watch: 'poll', reach: 'network' })
  await committed(store, put('a', 'ünïcode'))
  expect(await valueAt(store, 'a')).toBe('ünïcode')
  expect(await valueAt(await server.store({ namespace: 'notes' }), 'a')).toBe('ünïcode')
  expect(await valueAt(await server.store({ namespace: 'other' }), 'a')).toBe(undefined)
})

test('ours, although it has the plain servers’ tools as well', async () => {
  const store = await storeInMemory(ends, await memoryServer(ends))
  expect(store.features).toMatchObject({ compareAndSet: true, atomicUnit: true, watch: 'push', reach: 'network' })
})

test.each([
  [{}, 'got 0 of them'],
  [{ url: 'http://host/mcp', command: 'run' }, 'got 2 of them'],
  [{ url: 'ftp://host/mcp' }, 'ftp://host/mcp'],
  [{ url: 'host' }, 'host'],
  [{ command: '' }, 'command'],
  [{ command: 'run', callTimeoutMs: 0 }, 'callTimeoutMs'],
  [{ command: 'run', callsInFlightMax: 1.5 }, 'callsInFlightMax'],
  [{ command: 'run', entryBytesMax: -1 }, 'entryBytesMax'],
])('malformed options %j are refused at once', async (options, named) => {
  const error = await rejectsWith('invalid_option', () => storeAt(ends, options))
  expect(error.message).toContain(named)
})
