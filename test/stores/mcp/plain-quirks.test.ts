/** What real servers do to a caller who does not know them, each as it is met through the store or the dialect. */
import { describe, expect, test } from 'vitest'
import { isLive } from '../../../src/domain/entry.ts'
import { MemorySyncError } from '../../../src/domain/errors.ts'
import type { Json } from '../../../src/domain/json.ts'
import { systemClock } from '../../../src/platform.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import type { Connection } from '../../../src/stores/mcp/connection.ts'
import { listBytesMax, registersV2 } from '../../../src/stores/mcp/dialect-v2.ts'
import { registersV3 } from '../../../src/stores/mcp/dialect-v3.ts'
import { createPlainStore } from '../../../src/stores/mcp/plain-store.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import {
  assertFailed,
  commit,
  committed,
  entryOf,
  FeedReader,
  listed,
  pairs,
  put,
  rejectsWith,
  tombstone,
  valueAt,
} from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'
import { call } from './claude-flow/connect.ts'
import { countsOf, type PlainServer, plainDialects, plainServer } from './plain-server.ts'

const namespace = 'task-sentinel'
const v2Options = { clock: systemClock, logger: silentLogger }

/** As another program does it. */
async function storePlainly(server: PlainServer, key: string, value: string): Promise<void> {
  const client = await server.client()
  const { tools } = await client.listTools()
  const isV2 = tools.some(({ name }) => name === 'memory_usage')
  if (isV2) await call(client, 'memory_usage', { action: 'store', namespace, key, value })
  else await call(client, 'memory_store', { namespace, key, value })
}

/** A server that gives one answer to everything. */
function answering(reply: object | Error): Pick<Connection, 'call'> {
  return {
    async call() {
      if (reply instanceof Error) throw reply
      return { text: JSON.stringify(reply), isError: false, structured: undefined, error: undefined, session: 1 }
    },
  }
}

/** As the connection hands on what a server answers with instead of a reply. */
function rpcError(code: number, message: string, data?: string): MemorySyncError {
  const cause = Object.assign(new Error(`MCP error ${code}: ${message}`), { name: 'McpError', code, data })
  return new MemorySyncError('unknown_outcome', message, { cause, retryable: false })
}

describe.each(plainDialects)('on %s', (dialect) => {
  test('all that is sent is ASCII: keys, values, index', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    await committed(store, put('tasks/ключ 日本語/🎉', { значение: '日本🎉' }))
    expect(JSON.stringify(server.sent)).toMatch(/^[ -~]*$/)
    expect(pairsOf(await listed((await server.store()).list('**')))).toEqual([['tasks/ключ 日本語/🎉', { значение: '日本🎉' }]])
    await server.close()
  })

  test('keys of any alphabet are told apart, and found by their names', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    const keys = ['a:b', 'a_b', 'a=3Ab', 'a#b', 'a(b)', 'a[0]', 'a{b}', 'a|b', 'a&b', '$a', 'a<b>', 'a!b', 'a\\b', 'a`b', 'a;b']
    keys.push('a/../b', 'a/..b', 'sp ace', 'q?x', 'dot.k', 'at@k', 'pct%k', "quote'k", 'dq"k', '..', 'é', 'e\u0301')
    for (const key of keys) await committed(store, put(key, key))
    const other = await server.store()
    for (const key of keys) expect(await valueAt(other, key)).toBe(key)
    expect((await listed(other.list('**'))).map(({ key }) => key).sort()).toEqual([...keys].sort())
    await server.close()
  })

  test('a key that another program wrote without our escapes is read by its own name', async () => {
    const server = plainServer(dialect)
    const keys = ['plain', 'a=b', 'x=41', 'ключ', 'a:b']
    for (const key of keys) await storePlainly(server, key, `value of ${key}`)
    const store = await server.store()
    for (const key of keys) expect(await valueAt(store, key)).toBe(`value of ${key}`)
    expect(pairsOf(await listed(store.list('**'))).sort()).toEqual(keys.sort().map((key) => [key, `value of ${key}`]))
    await committed(store, put('ключ', 'ours'))
    expect(await valueAt(await server.store(), 'ключ')).toBe('ours')
    expect(pairsOf(await listed((await server.store()).list('ключ')))).toEqual([['ключ', 'ours']])
    await server.close()
  })

  test('what another program stored plainly is a value; what cannot be a key here is left out', async () => {
    const server = plainServer(dialect)
    const texts: [string, string, Json][] = [
      ['text', 'hello', 'hello'],
      ['number', '123', 123],
      ['boolean', 'true', true],
      ['quoted', '"q"', 'q'],
      ['object', '{"x":1}', { x: 1 }],
      ['array', '[1,2]', [1, 2]],
      ['big', '12345678901234567890', Number('12345678901234567890')],
    ]
    for (const [key, text] of texts) await storePlainly(server, key, text)
    await storePlainly(server, 'new\nline', 'v')
    const store = await server.store()
    for (const [key, , value] of texts) {
      expect(await store.get(key)).toMatchObject({ entry: { value, version: {}, timestamp: 0, workerId: '' } })
    }
    expect((await listed(store.list('**'))).map(({ key }) => key)).toEqual(texts.map(([key]) => key).sort())
    await server.close()
  })

  test('an entry that cannot be read rejects by itself, is said, and hides nothing else', async () => {
    const told: unknown[] = []
    const server = plainServer(dialect, { logger: { ...silentLogger, error: (_message, fields) => told.push(fields?.key) } })
    const store = await server.store()
    await committed(store, put('good', 1))
    await storePlainly(server, 'bad', 'ms1:{"value":')
    await rejectsWith('corrupt', () => store.get('bad'))
    expect(pairsOf(await listed(store.list('**')))).toEqual([['good', 1]])
    expect(pairsOf(await listed(store.list('**')))).toEqual([['good', 1]])
    expect(told).toEqual(['bad'])
    await committed(store, put('bad', 'mended'))
    expect(await valueAt(store, 'bad')).toBe('mended')
    await server.close()
  })

  test('null, "123", "", markers of the server and 200 KB come back as they were', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    const values: Json[] = [null, '123', 123, '', '"q"', 'null', '12345678901234567890', { __type__: '__BigInt__', value: '7' }]
    values.push({ __type__: '__Date__', value: 0 }, ['é'.repeat(100_000)], 'x'.repeat(200 * 1024))
    for (const [index, value] of values.entries()) await committed(store, put(`k${index}`, value))
    const other = await server.store()
    for (const [index, value] of values.entries()) expect(await valueAt(other, `k${index}`)).toEqual(value)
    await server.close()
  })

  test('a lifetime is handed to the server in seconds, a tombstone lives a day there, and expiry is judged on read', async () => {
    const clock = createVirtualClock({ startMs: 1_700_000_000_000 })
    const server = plainServer(dialect, { clock, serverClock: clock })
    const store = await server.store()
    await committed(
      store,
      put('short', entryOf(1, { ttl: 10 })),
      put('never', 1),
      put('old', entryOf(1, { timestamp: 1, ttl: 1 })),
    )
    await committed(store, put('dead', tombstone()))
    const ttls = server.sent
      .filter(({ tool, args }) => args.namespace === namespace && (tool === 'memory_store' || args.action === 'store'))
      .map(({ args }) => [args.key, args.ttl])
    expect(ttls).toEqual([
      ['short', 10],
      ['never', undefined],
      ['old', 1],
      ['dead', 86_400],
    ])
    await clock.advance(11_000)
    const stored = await store.get('short')
    // v2 has forgotten it; v3 never does.
    if (dialect === 'claude-flow-v2') expect(stored).toBe(null)
    else expect(stored !== null && isLive(stored.entry, clock.wallMs())).toBe(false)
    await server.close()
  })
})

describe('claude-flow v2', () => {
  test('in memory only is said once, and promises no durability', async () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    const silent = plainServer('claude-flow-v2', { storage: 'in-memory', logger })
    const store = await silent.store()
    await committed(store, put('a', 1))
    await listed(store.list('**'))
    const assumption = expect.stringContaining('under an assumption')
    expect(warnings).toEqual([expect.stringContaining('its own memory only'), assumption])
    expect(store.features).toMatchObject({
      compareAndSet: 'assumed',
      atomicUnit: false,
      watch: 'poll',
      reach: 'network',
      durability: 'none',
    })
    await silent.close()

    const server = plainServer('claude-flow-v2', { logger })
    const durable = await server.store()
    expect(durable.features.durability).toBe('process-crash')
    expect(await commit(durable, put('a', 1))).toMatchObject({ type: 'committed', durability: 'process-crash' })
    expect(warnings.slice(2)).toEqual([assumption])
    await server.close()
  })

  test('is not asked for a listing that would be larger than a connection takes', async () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    const server = plainServer('claude-flow-v2', { logger })
    const store = await server.store()
    const big = 'x'.repeat(200 * 1024)
    const count = Math.ceil(listBytesMax / big.length) + 5
    for (let index = 0; index < count; index++) await committed(store, put(`k${String(index).padStart(3, '0')}`, big))
    server.sent.length = 0
    const all = await listed(store.list('**'))
    expect(all).toHaveLength(count)
    expect(countsOf(server.sent).list).toBe(undefined)
    expect(warnings.slice(1)).toEqual([expect.stringContaining('cannot list')])
    await server.close()
  })

  test('that does not know the tool says success and does nothing: that is seen', async () => {
    const server = plainServer('claude-flow-v2')
    const connection = await server.connection()
    const registers = registersV3(connection)
    await expect(registers.write(namespace, 'a', '1')).rejects.toBeInstanceOf(MemorySyncError)
    await expect(registers.read(namespace, 'a')).rejects.toBeInstanceOf(MemorySyncError)
    await expect(registers.list(namespace)).rejects.toBeInstanceOf(MemorySyncError)
    const reply = { success: true, tool: 'memory_usage', message: 'Tool memory_usage executed successfully' }
    const pretending = registersV2(answering(reply), v2Options)
    for (const use of [
      () => pretending.read(namespace, 'a'),
      () => pretending.write(namespace, 'a', '1'),
      () => pretending.list(namespace),
    ]) {
      await rejectsWith('not_supported', use)
    }
    await server.close()
  })

  test('that cannot give a value makes that key unreadable, and no other', async () => {
    const server = plainServer('claude-flow-v2')
    await storePlainly(server, 'big', '{"__type__":"__BigInt__","value":"7"}')
    const store = await server.store()
    await committed(store, put('good', 1))
    await rejectsWith('corrupt', () => store.get('big'))
    expect(await valueAt(store, 'good')).toBe(1)
    // Even the listing fails for it; the index is left.
    expect(pairsOf(await listed(store.list('**')))).toEqual([['good', 1]])
    await server.close()
  })

  test('that fails without an error of the protocol fails the write, which may be made again', async () => {
    const locked = registersV2(answering({ success: false, error: 'database is locked' }), v2Options)
    const error = await rejectsWith('store_unavailable', () => locked.write(namespace, 'a', '1'))
    expect(error.retryable).toBe(true)
    expect(error.message).toContain('database is locked')
  })
})

describe('claude-flow v3', () => {
  test('has no tool of v2: that is said as what it is', async () => {
    const server = plainServer('claude-flow-v3')
    const registers = registersV2(await server.connection(), v2Options)
    await rejectsWith('not_supported', () => registers.read(namespace, 'a'))
    await server.close()
  })

  test('takes no key that is too long in its alphabet, and no value over 1 MiB of ASCII', async () => {
    const server = plainServer('claude-flow-v3')
    const store = await server.store()
    const receipts = await store.commit([[put('é'.repeat(200), 1)], [put('large', 'é'.repeat(200_000))], [put('a', 1)]])
    assertFailed(receipts[0], 'invalid_key')
    assertFailed(receipts[1], 'too_large')
    expect(receipts[2]?.type).toBe('committed')
    await server.close()
  })

  test('is paged, and a listing that changes meanwhile misses nothing', async () => {
    const clock = createVirtualClock()
    const server = plainServer('claude-flow-v3', { serverClock: clock })
    const client = await server.client()
    const names = Array.from({ length: 2500 }, (_, index) => `k${String(index).padStart(4, '0')}`)
    for (const key of names) await call(client, 'memory_store', { namespace, key, value: 'v' })
    const connection = await server.connection()
    let pages = 0
    const registers = registersV3({
      async call(tool, args, options) {
        await clock.advance(1)
        // Between two pages the key at the end of the listing comes to its front.
        if (tool === 'memory_list' && ++pages === 2) await call(client, 'memory_store', { namespace, key: 'k0000', value: 'w' })
        return connection.call(tool, args, options)
      },
    })
    const { entries, isComplete } = await registers.list(namespace)
    expect(isComplete).toBe(true)
    expect(entries.map(({ key }) => key).sort()).toEqual(names)
    expect(pages).toBeGreaterThan(3)
    await server.close()
  })

  test('promises no durability', async () => {
    const server = plainServer('claude-flow-v3')
    expect((await server.store()).features.durability).toBe('none')
    await server.close()
  })
})

describe('errors of the protocol', () => {
  test.each([
    [
      'a refused key',
      rpcError(-32603, "Failed to execute MCP tool 'memory_store': Key contains disallowed characters"),
      'invalid_key',
    ],
    ['a long key', rpcError(-32603, 'Failed: Key exceeds maximum length of 1024 characters'), 'invalid_key'],
    ['a large value', rpcError(-32603, 'Failed: Value exceeds maximum size of 1048576 bytes'), 'too_large'],
    ['a fault of the server', rpcError(-32000, 'Tool execution failed', 'disk I/O error'), 'store_unavailable'],
    ['a connection that closed', rpcError(-32000, 'Connection closed'), 'unknown_outcome'],
    ['a timeout', new MemorySyncError('unknown_outcome', 'no reply'), 'unknown_outcome'],
    ['a closed store', new MemorySyncError('closed', 'closed'), 'closed'],
  ] as const)('%s is told as what it is', async (_, error, code) => {
    const registers = registersV3(answering(error))
    expect((await rejectsWith(code, () => registers.write(namespace, 'a', '1'))).code).toBe(code)
  })

  test('when nothing of a commit was written it rejects; when something may have been, each unit says so', async () => {
    const options = { clock: systemClock, random: createSeededRandom(1) }
    const hands = { url: 'test:', close: async () => {} }
    const away = { ...hands, ...answering(new MemorySyncError('store_unavailable', 'away')) }
    await rejectsWith('store_unavailable', () =>
      createPlainStore(away, 'claude-flow-v3', options).commit([[put('a', 1)], [put('b', 1)]]),
    )
    const lost = { ...hands, ...answering(new MemorySyncError('unknown_outcome', 'lost')) }
    const receipts = await createPlainStore(lost, 'claude-flow-v3', options).commit([[put('a', 1)], [put('b', 1)]])
    for (const receipt of receipts) assertFailed(receipt, 'unknown_outcome')
  })
})

test('a namespace that a server may refuse or confuse is refused at once', () => {
  const connection = { url: 'test:', close: async () => {}, ...answering({}) }
  for (const given of ['', 'a:b', 'n#s', 'пространство', 'x'.repeat(121)]) {
    const make = () =>
      createPlainStore(connection, 'claude-flow-v2', { clock: systemClock, random: createSeededRandom(1), namespace: given })
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  }
})

test('a value that only a later look finds is given a revision after all that was seen', async () => {
  const server = plainServer('claude-flow-v2')
  const store = await server.store()
  const own = await committed(store, put('a', 1))
  await committed(await server.store(), put('b', 2))
  const reader = new FeedReader(store.watch('**'))
  const { changes, revision } = await reader.snapshot()
  expect(pairs(changes)).toEqual([
    ['a', 1],
    ['b', 2],
  ])
  expect(revision).toBeGreaterThan(own)
  await reader.end()
  await server.close()
})

function pairsOf(all: readonly { readonly key: string; readonly entry: { readonly value: Json } }[]): [string, Json][] {
  return all.map(({ key, entry }) => [key, entry.value])
}
