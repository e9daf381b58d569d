/** Each thing about claude-flow's servers that a caller can trip over, one test each, as a client meets it. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InitializeResultSchema, McpError } from '@modelcontextprotocol/sdk/types.js'
import { beforeEach, describe, expect, test } from 'vitest'
import { createVirtualClock, type VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { call, connect } from './connect.ts'
import { memoryTable } from './table.ts'
import { claudeFlowV2, type V2Options, type V2Row, type V2Table } from './v2.ts'
import { claudeFlowV3, type V3Row, type V3Table } from './v3.ts'

const mebibyte = 1_048_576

let clock: VirtualClock
beforeEach(() => {
  clock = createVirtualClock()
})

/** The code, the message behind the SDK's prefix, and the data of the error that a request ends with. */
async function faultOf(request: Promise<unknown>): Promise<{ code: number; message: string; data: unknown }> {
  const error = await request.then(
    (answer) => {
      throw new Error(`expected an error, got ${JSON.stringify(answer)}`)
    },
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof McpError)) throw error
  return { code: error.code, message: error.message.replace(/^MCP error -\d+: /, ''), data: error.data }
}

describe('claude-flow v2', () => {
  let table: V2Table
  let client: Client
  beforeEach(async () => {
    table = memoryTable<V2Row>()
    client = await open()
  })

  const open = (options?: Partial<V2Options>, onError?: (error: Error) => void) =>
    connect(claudeFlowV2({ table, clock, ...options }), onError)
  const usage = (args: Record<string, unknown>, by = client) => call(by, 'memory_usage', { namespace: 'n', ...args })
  const store = (key: string, value: unknown, more?: Record<string, unknown>) => usage({ action: 'store', key, value, ...more })
  const retrieve = (key: string, by = client) => usage({ action: 'retrieve', key }, by)
  const keysOf = (reply: Record<string, unknown>, member: string) => (reply[member] as { key: string }[]).map(({ key }) => key)

  describe('values', () => {
    test.each([
      ['{"a":1}', { a: 1 }],
      ['123', 123],
      ['true', true],
      ['"q"', 'q'],
      ['12345678901234567890', 12345678901234567000],
      ['', ''],
      ['ms1:{"a":1}', 'ms1:{"a":1}'],
    ])('%s is read back parsed if it parses', async (text, value) => {
      await store('k', text)
      expect(await retrieve('k')).toMatchObject({ value, found: true })
    })

    test('a stored null reads as not found, and is still listed', async () => {
      await store('k', 'null')
      expect(await retrieve('k')).toMatchObject({ success: true, value: null, found: false })
      expect(keysOf(await usage({ action: 'list' }), 'entries')).toEqual(['k'])
    })

    test('a miss is a success', async () => {
      expect(await retrieve('nothing')).toMatchObject({ success: true, value: null, found: false })
    })

    test('markers of its own serializer are revived, at any depth', async () => {
      await store('k', '{"at":{"__type__":"__Date__","value":"2026-01-01T00:00:00.000Z"},"gone":[{"__type__":"__undefined__"}]}')
      expect(await retrieve('k')).toMatchObject({ value: { at: '2026-01-01T00:00:00.000Z', gone: [null] } })
    })

    test('a marked BigInt can be stored, and makes every call fail that would give it back: lists of its namespace too', async () => {
      expect(await store('k', '{"n":{"__type__":"__BigInt__","value":"1"}}')).toMatchObject({ success: true })
      await store('other', 'v')
      for (const args of [{ action: 'retrieve', key: 'k' }, { action: 'list' }, { action: 'search', value: 'k' }]) {
        expect(await faultOf(usage(args))).toEqual({
          code: -32000,
          message: 'Tool execution failed',
          data: 'Do not know how to serialize a BigInt',
        })
      }
      expect(await retrieve('other')).toMatchObject({ value: 'v' })
      await usage({ action: 'delete', key: 'k' })
      expect(await usage({ action: 'list' })).toMatchObject({ count: 1 })
    })

    test.each([
      ['{"__proto__":{"a":1},"b":2}', { b: 2 }],
      ['{"__symbol_a__":1,"b":2}', { b: 2 }],
      ['{"__circular__":1,"b":2}', '[Circular Reference]'],
      ['{"__type__":"__Map__","entries":[["a",1]]}', {}],
      ['{"__type__":"__NaN__"}', null],
    ])('%s loses what its serializer takes for its own', async (text, value) => {
      await store('k', text)
      const reply = await retrieve('k')
      expect(reply.value).toEqual(value)
      expect(Object.keys(Object(reply.value))).not.toContain('__proto__')
    })

    test('a value that is no text is stored as JSON, and no value at all as a marker', async () => {
      expect(await store('k', { y: 1 })).toMatchObject({ size: 7 })
      expect(await retrieve('k')).toMatchObject({ value: { y: 1 } })
      expect(await store('k', undefined)).toMatchObject({ success: true, size: 28 })
    })

    test('there is no limit of size but the reader’s', async () => {
      await store('k', 'x'.repeat(4 * mebibyte))
      expect((await retrieve('k')).value).toHaveLength(4 * mebibyte)
    })

    test('a list carries the values and can exceed 10 MiB', async () => {
      const value = 'x'.repeat(200_000)
      for (let index = 0; index < 60; index++) await store(`k/${index}`, value)
      const reply = await client.callTool({ name: 'memory_usage', arguments: { action: 'list', namespace: 'n' } })
      expect((reply.content as { text: string }[])[0]?.text.length).toBeGreaterThan(10 * mebibyte)
    })

    test('any key and any namespace is taken', async () => {
      for (const key of ['a b', 'a/../b', '$;&|`(){}[]<>!#\\', 'ключ/日本/🎉', '__proto__', 'new\nline', 'k'.repeat(5000)]) {
        expect(await usage({ action: 'store', key, value: 'v', namespace: key })).toMatchObject({ stored: true })
        expect(await usage({ action: 'retrieve', key, namespace: key })).toMatchObject({ value: 'v' })
      }
    })
  })

  describe('writes', () => {
    test('a store always overwrites; there is no insert-if-absent', async () => {
      await store('k', 'one')
      expect(await store('k', 'two', { upsert: false })).toMatchObject({ success: true, stored: true })
      expect(await retrieve('k')).toMatchObject({ value: 'two' })
    })

    test('the id in a reply is no version: an overwrite shows the last id that this server inserted', async () => {
      const ids = [await store('a', '1'), await store('b', '1'), await store('a', '2'), await store('c', '1')].map(({ id }) => id)
      expect(ids).toEqual([1, 2, 2, 4])
      const other = await open()
      expect(await usage({ action: 'store', key: 'a', value: '3' }, other)).toMatchObject({ id: 0 })
    })

    test('a delete says whether there was something', async () => {
      await store('k', 'v')
      expect(await usage({ action: 'delete', key: 'k' })).toMatchObject({ success: true, deleted: true })
      expect(await usage({ action: 'delete', key: 'k' })).toMatchObject({ success: true, deleted: false })
    })

    test('without a namespace it is `default`', async () => {
      await call(client, 'memory_usage', { action: 'store', key: 'k', value: 'v' })
      expect(await usage({ action: 'retrieve', key: 'k', namespace: 'default' })).toMatchObject({ value: 'v' })
      expect(await retrieve('k')).toMatchObject({ found: false })
    })

    test.each([
      [2, 1999, true],
      [2, 2000, false],
      [-1, 0, false],
      [0, 1_000_000_000, true],
      [0.5, 999, true],
      [0.5, 1000, false],
    ])('a ttl of %d is seconds: after %d ms, found is %s', async (ttl, afterMs, found) => {
      await store('k', 'v', { ttl })
      await clock.advance(afterMs)
      expect(await retrieve('k')).toMatchObject({ found })
      expect(await usage({ action: 'list' })).toMatchObject({ count: found ? 1 : 0 })
      expect(await usage({ action: 'search', value: 'k' })).toMatchObject({ count: found ? 1 : 0 })
    })

    test('an overwrite without a ttl makes the entry stay', async () => {
      await store('k', 'v', { ttl: 2 })
      await store('k', 'v')
      await clock.advance(5000)
      expect(await retrieve('k')).toMatchObject({ found: true })
    })

    test('what servers of one directory store at the same time is all kept, and seen by all at once', async () => {
      const clients = [client, await open(), await open()]
      await Promise.all(
        clients.flatMap((by, server) =>
          Array.from({ length: 30 }, (_, index) => usage({ action: 'store', key: `${server}/${index}`, value: `v${index}` }, by)),
        ),
      )
      for (const by of clients) expect(await usage({ action: 'list' }, by)).toMatchObject({ count: 90 })
      await store('k', 'old')
      expect(await retrieve('k', clients[1])).toMatchObject({ value: 'old' })
      await store('k', 'new')
      expect(await retrieve('k', clients[1])).toMatchObject({ value: 'new' })
    })
  })

  describe('lists and searches', () => {
    test('a list has the newest 100 and no pages, whatever is asked for', async () => {
      for (let index = 0; index < 130; index++) {
        await store(`k/${index}`, 'v')
        await clock.advance(1000)
      }
      const keys = keysOf(await usage({ action: 'list', limit: 500, offset: 100, pattern: 'k/1' }), 'entries')
      expect(keys).toHaveLength(100)
      expect(keys.slice(0, 2)).toEqual(['k/129', 'k/128'])
    })

    test('within one second the older ones are taken for the newer', async () => {
      for (let index = 0; index < 130; index++) await store(`k/${index}`, 'v')
      const keys = keysOf(await usage({ action: 'list' }), 'entries')
      expect([keys[0], keys.at(-1)]).toEqual(['k/0', 'k/99'])
    })

    test('a search looks for its `value` in keys and values; a `pattern` is ignored and matches all', async () => {
      await store('alpha', 'one')
      await store('beta', 'ALPHA too')
      await store('gamma', 'three')
      const found = async (args: Record<string, unknown>) =>
        keysOf(await usage({ action: 'search', ...args }), 'results').toSorted()
      expect(await found({ value: 'alpha' })).toEqual(['alpha', 'beta'])
      expect(await found({ pattern: 'alpha' })).toEqual(['alpha', 'beta', 'gamma'])
      expect(await found({ pattern: 'nothing' })).toHaveLength(3)
    })

    test('in a search `*` is literal, `%` and `_` are wildcards', async () => {
      for (const key of ['a/1/b', 'a/2/b', 'star*']) await store(key, 'v')
      const found = async (value: string) => keysOf(await usage({ action: 'search', value }), 'results')
      expect(await found('a/*')).toEqual([])
      expect(await found('r*')).toEqual(['star*'])
      expect(await found('a%b')).toEqual(['a/1/b', 'a/2/b'])
      expect(await found('a_1')).toEqual(['a/1/b'])
    })

    test('a search has at most 50, the most read first', async () => {
      for (let index = 0; index < 60; index++) await store(`k/${index}`, 'v')
      await retrieve('k/59')
      const keys = keysOf(await usage({ action: 'search', value: 'k/', limit: 500 }), 'results')
      expect(keys).toHaveLength(50)
      expect(keys[0]).toBe('k/59')
    })
  })

  describe('failures and other requests', () => {
    test('a failure is a reply like any other: `success: false`, and `isError` is never set', async () => {
      const reply = await client.callTool({ name: 'memory_usage', arguments: { action: 'store', value: 'v' } })
      expect(reply.isError).toBeUndefined()
      const [content] = reply.content as { text: string }[]
      const error = 'NOT NULL constraint failed: memory_entries.key'
      expect(JSON.parse(content?.text ?? '')).toMatchObject({ success: false, error })
      expect(await usage({ action: 'frobnicate' })).toMatchObject({ error: 'Unknown memory action: frobnicate' })
    })

    test('a call without arguments ends with -32000', async () => {
      expect(await faultOf(client.callTool({ name: 'memory_usage' }))).toEqual({
        code: -32000,
        message: 'Tool execution failed',
        data: "Cannot read properties of undefined (reading 'action')",
      })
    })

    test('a tool that does not exist succeeds, and so does memory_search, which is listed and does nothing', async () => {
      await store('k', 'v')
      for (const tool of ['memory_search', 'memory_store', 'no_such_tool']) {
        const reply = await call(client, tool, { pattern: 'k', namespace: 'n' })
        expect(reply).toMatchObject({ success: true, tool, message: `Tool ${tool} executed successfully` })
        expect(reply.results).toBeUndefined()
      }
    })

    test('ping, prompts and resources/subscribe are unknown methods, though subscribing is advertised', async () => {
      expect(client.getServerCapabilities()?.resources?.subscribe).toBe(true)
      const unknown = { code: -32601, message: 'Method not found', data: undefined }
      expect(await faultOf(client.ping())).toEqual(unknown)
      expect(await faultOf(client.subscribeResource({ uri: 'claude-flow://swarms' }))).toEqual(unknown)
    })

    test('it speaks the protocol of 2024, whatever it is asked for', async () => {
      const protocolVersion = '2099-01-01'
      const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } }
      const answer = await client.request({ method: 'initialize', params }, InitializeResultSchema)
      expect(answer.protocolVersion).toBe('2024-11-05')
    })

    test('an error without an id comes at the start, and the connection works', async () => {
      const errors: string[] = []
      const other = await open({}, ({ message }) => errors.push(message))
      expect(await retrieve('k', other)).toMatchObject({ success: true })
      expect(errors).toEqual([expect.stringContaining('"error":{"code":-32601,"message":"Method not found"}')])
    })

    test('without its database driver it works on, alone and forgetful, and only `storage_type` tells', async () => {
      await store('k', 'shared')
      const alone = await open({ storage: 'in-memory' })
      expect(await retrieve('k')).toMatchObject({ found: true, storage_type: 'sqlite' })
      expect(await retrieve('k', alone)).toMatchObject({ success: true, found: false, storage_type: 'in-memory' })
      await usage({ action: 'store', key: 'own', value: '1' }, alone)
      expect(await retrieve('own', alone)).toMatchObject({ value: 1 })
      expect(await retrieve('own')).toMatchObject({ found: false })
    })
  })
})

describe('claude-flow v3', () => {
  let table: V3Table
  let client: Client
  beforeEach(async () => {
    table = memoryTable<V3Row>()
    client = await open()
  })

  const open = () => connect(claudeFlowV3({ table, clock }))
  const store = (key: unknown, value: unknown, more?: Record<string, unknown>, by = client) =>
    call(by, 'memory_store', { key, value, namespace: 'n', ...more })
  const retrieve = (key: string, by = client) => call(by, 'memory_retrieve', { key, namespace: 'n' })
  const list = (more?: Record<string, unknown>, by = client) => call(by, 'memory_list', { namespace: 'n', ...more })
  const storeFault = (args: Record<string, unknown>) => faultOf(client.callTool({ name: 'memory_store', arguments: args }))

  test.each([
    ['{"a":1}', { a: 1 }],
    ['123', 123],
    ['12345678901234567890', 12345678901234567000],
    ['ms1:{"a":1}', 'ms1:{"a":1}'],
    ['{"__type__":"__BigInt__","value":"1"}', { __type__: '__BigInt__', value: '1' }],
  ])('%s is read back parsed if it parses, and no marker is revived', async (text, value) => {
    await store('k', text)
    expect(await retrieve('k')).toMatchObject({ value, found: true })
  })

  test('a stored null is found, unlike on v2; no reply to a retrieve says `success`', async () => {
    await store('k', 'null')
    expect(await retrieve('k')).toMatchObject({ value: null, found: true })
    const miss = await retrieve('nothing')
    expect(miss).toEqual({ key: 'nothing', namespace: 'n', value: null, found: false })
  })

  test('an empty value is refused, in the style of v2', async () => {
    expect(await store('k', '')).toMatchObject({ success: false, stored: false, error: 'Value is required and cannot be empty' })
    expect(await retrieve('k')).toMatchObject({ found: false })
  })

  test('a missing key is refused the same way', async () => {
    const code = 'MISSING_REQUIRED_PARAM'
    expect(await store(undefined, 'v')).toMatchObject({ success: false, code })
    expect(await call(client, 'memory_delete', { namespace: 'n' })).toMatchObject({ success: false, deleted: false, code })
    expect(await call(client, 'memory_search', { query: '' })).toMatchObject({ results: [], total: 0, code })
  })

  test.each([...';&|`$(){}[]<>!#\\', '../', '..\\'])('a key with %s ends the call with -32603', async (part) => {
    const message = "Failed to execute MCP tool 'memory_store': Key contains disallowed characters"
    expect(await storeFault({ key: `a${part}b`, value: 'v' })).toEqual({ code: -32603, message, data: undefined })
  })

  test.each(['a/b', 'a b', 'a:b', 'a..b', 'q?x', 'star*', 'at@k', 'pct%k', `quote'"k`, '__proto__', 'ключ/🎉'])(
    'the key %s is taken',
    async (key) => {
      await store(key, 'v')
      expect(await retrieve(key)).toMatchObject({ value: 'v' })
    },
  )

  test('keys have at most 1,024 characters, values 1,048,576', async () => {
    expect(await store('k'.repeat(1024), 'v')).toMatchObject({ stored: true })
    expect(await storeFault({ key: 'k'.repeat(1025), value: 'v' })).toMatchObject({
      code: -32603,
      message: expect.stringContaining('Key exceeds maximum length of 1024 characters'),
    })
    // It says bytes and counts characters.
    expect(await store('k', 'é'.repeat(mebibyte))).toMatchObject({ stored: true })
    expect(await storeFault({ key: 'k', value: 'x'.repeat(mebibyte + 1) })).toMatchObject({
      code: -32603,
      message: expect.stringContaining('Value exceeds maximum size of 1048576 bytes'),
    })
  })

  test('`upsert: false` inserts only what is absent, whichever server has it', async () => {
    expect(await store('k', 'one', { upsert: false })).toMatchObject({ success: true, stored: true })
    const other = await open()
    const refused = await store('k', 'two', { upsert: false }, other)
    expect(refused).toMatchObject({ success: false, stored: false, error: expect.stringContaining('already exists') })
    expect(await retrieve('k', other)).toMatchObject({ value: 'one' })
    expect(await store('k', 'three')).toMatchObject({ stored: true })
  })

  test('of many servers that insert at once, one succeeds', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, open))
    const replies = await Promise.all(clients.map((by, index) => store('k', `v${index}`, { upsert: false }, by)))
    expect(replies.filter(({ stored }) => stored)).toHaveLength(1)
  })

  test('a deleted key can be inserted again; a delete of nothing is `success: false` without an error', async () => {
    await store('k', 'v', { upsert: false })
    expect(await call(client, 'memory_delete', { key: 'k', namespace: 'n' })).toMatchObject({ success: true, deleted: true })
    const reply = await call(client, 'memory_delete', { key: 'k', namespace: 'n' })
    expect(reply).toMatchObject({ success: false, deleted: false })
    expect(reply.error).toBeUndefined()
    expect(await store('k', 'v', { upsert: false })).toMatchObject({ stored: true })
  })

  test('a ttl is accepted and never enforced', async () => {
    expect(await store('k', 'v', { ttl: 1 })).toMatchObject({ stored: true })
    expect(await store('negative', 'v', { ttl: -1 })).toMatchObject({ stored: true })
    await clock.advance(3_600_000)
    expect(await retrieve('k')).toMatchObject({ found: true })
    expect(await list()).toMatchObject({ total: 2 })
  })

  test('what a server has read it reads for ever, though another has overwritten or deleted it', async () => {
    const other = await open()
    await store('k', 'old')
    expect(await retrieve('k', other)).toMatchObject({ value: 'old' })
    await store('k', 'new')
    expect(await retrieve('k', other)).toMatchObject({ value: 'old' })
    await call(client, 'memory_delete', { key: 'k', namespace: 'n' })
    await clock.advance(60_000)
    expect(await retrieve('k', other)).toMatchObject({ value: 'old', found: true })
    expect(await list({}, other)).toMatchObject({ total: 0 })
    // Only a write of its own opens its eyes, and a new process.
    expect(await retrieve('k', await open())).toMatchObject({ found: false })
    await store('k', 'own', {}, other)
    expect(await retrieve('k', other)).toMatchObject({ value: 'own' })
  })

  test('a miss is not cached: what another server stores later is seen', async () => {
    const other = await open()
    expect(await retrieve('k', other)).toMatchObject({ found: false })
    await store('k', 'v')
    expect(await retrieve('k', other)).toMatchObject({ value: 'v' })
  })

  test('a list has pages of 50 with a total, the newest first, without values', async () => {
    for (let index = 0; index < 120; index++) {
      await store(`k/${index}`, 'v')
      await clock.advance(1)
    }
    const first = await list()
    expect(first).toMatchObject({ total: 120, limit: 50, offset: 0 })
    const entries = first.entries as Record<string, unknown>[]
    expect(entries).toHaveLength(50)
    expect(entries[0]).toMatchObject({ key: 'k/119', size: 1 })
    expect(entries[0]).not.toHaveProperty('value')
    const last = (await list({ limit: 100, offset: 100 })).entries as { key: string }[]
    expect(last.map(({ key }) => key)).toEqual(Array.from({ length: 20 }, (_, index) => `k/${19 - index}`))
  })

  test('a namespace that can be written to cannot always be listed', async () => {
    for (const namespace of ['n/s', 'n s', 'пространство', 'n'.repeat(129)]) {
      expect(await store('k', 'v', { namespace })).toMatchObject({ stored: true })
      const fault = await faultOf(client.callTool({ name: 'memory_list', arguments: { namespace } }))
      expect(fault.code).toBe(-32603)
    }
    await store('k', 'v', { namespace: 'A-z_0.9:x' })
    expect(await list({ namespace: 'A-z_0.9:x' })).toMatchObject({ total: 1 })
    expect(await storeFault({ key: 'k', value: 'v', namespace: 'n#s' })).toMatchObject({
      message: expect.stringContaining('Namespace contains disallowed characters'),
    })
  })

  test('a search finds by words of the value; no prefix, no pattern, and not the whole value', async () => {
    await store('a/1', `hello ${'x'.repeat(100)}`)
    await store('a/2', 'other')
    const found = async (args: Record<string, unknown>) =>
      (await call(client, 'memory_search', { namespace: 'n', ...args })).results as { key: string; value: string }[]
    for (const query of ['a/', 'a/*', 'a%']) expect(await found({ query })).toEqual([])
    const [hit, ...others] = await found({ query: 'hello' })
    expect(others).toEqual([])
    expect(hit?.value).toBe(`hello ${'x'.repeat(54)}...`)
    expect(await found({ query: 'a/', threshold: 0 })).toHaveLength(2)
  })

  test('unknown tools, memory_usage among them, and unknown methods are -32601; ping is answered', async () => {
    for (const name of ['memory_usage', 'no_such_tool', 'toString']) {
      const fault = await faultOf(client.callTool({ name, arguments: {} }))
      expect(fault).toMatchObject({ code: -32601, message: `Tool not found: ${name}` })
    }
    expect(client.getServerCapabilities()?.resources?.subscribe).toBe(true)
    const subscribed = client.subscribeResource({ uri: 'x:y' })
    expect(await faultOf(subscribed)).toMatchObject({ code: -32601, message: 'Method not found: resources/subscribe' })
    expect(await client.ping()).toEqual({})
  })
})
