import { expect, it } from 'vitest'
import { systemClock } from '../../../src/platform.ts'
import { enumerateV2 } from '../../../src/stores/mcp/enumerate-v2.ts'
import type { ForeignReading } from '../../../src/stores/mcp/foreign-reading.ts'
import { call } from './claude-flow/connect.ts'
import { plainServer } from './plain-server.ts'

async function readAll(searchCallsMax?: number) {
  // All within one second, of which the server lists and finds the rows that came first: alpha/1 is behind a hundred that hold it.
  const serverClock = { ...systemClock, wallMs: () => 1_700_000_000_000 }
  const server = plainServer('claude-flow-v2', { serverClock })
  const client = await server.client()
  const keys = Array.from({ length: 400 }, (_, n) => `alpha/${n}`).filter((key) => key !== 'alpha/1')
  keys.push('alpha/1')
  for (const key of keys) await call(client, 'memory_usage', { action: 'store', namespace: 'n', key, value: `note of ${key}` })
  const connection = await server.connection()
  const readings: ForeignReading[] = []
  for await (const reading of enumerateV2(connection, { namespaces: ['n'], known: [], searchCallsMax })) readings.push(reading)
  const actions = new Set(server.sent.map(({ args }) => args.action))
  await connection.close()
  await server.close()
  return { keys, actions, values: readings.filter(({ type }) => type === 'value'), end: readings.at(-1) }
}

it('reads every value of a namespace once, with the time of each, and writes nothing', async () => {
  const { keys, actions, values, end } = await readAll()
  expect(values.map((value) => 'key' in value && value.key).toSorted()).toEqual(keys.toSorted())
  // Also of the one that only a look at the very key has found.
  expect(values.filter((value) => value.type === 'value' && value.updatedAtMs === null)).toEqual([])
  expect(end).toMatchObject({ type: 'whole', namespace: 'n' })
  expect(actions).toEqual(new Set(['list', 'search', 'retrieve']))
})

it('says at the end that keys may be missing when it may not search for all', async () => {
  const { values, end } = await readAll(30)
  expect(end).toEqual({ type: 'gap', namespace: 'n', reason: expect.stringContaining('30 searches') })
  expect(values.length).toBeGreaterThanOrEqual(100)
})
