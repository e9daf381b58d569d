import { afterEach, describe, expect, it } from 'vitest'
import { MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
afterEach(() => fixture.end())

const namespace = 'probe'

describe('memory_store and memory_retrieve', () => {
  it('answer in claude-flow’s shapes', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect(await call('memory_retrieve', { key: 'nope', namespace })).toMatchObject({
      key: 'nope',
      namespace,
      value: null,
      found: false,
    })
    expect(await call('memory_store', { key: 'a/1', value: 'hello', namespace })).toMatchObject({
      success: true,
      key: 'a/1',
      namespace,
      stored: true,
      storedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      hasEmbedding: false,
      backend: 'memory-sync (memory)',
    })
    expect(await call('memory_retrieve', { key: 'a/1', namespace })).toMatchObject({
      value: 'hello',
      tags: [],
      storedAt: expect.any(Number),
      updatedAt: expect.any(Number),
      storedBy: 'mcp:tester',
      found: true,
    })
  })

  it.each([
    ['a text', 'hello', 'hello'],
    ['an object', { y: [1, null] }, { y: [1, null] }],
    ['an object as compact JSON', '{"x":1,"v":2}', { x: 1, v: 2 }],
    ['an object as spaced JSON', '{ "x": 1 }', '{ "x": 1 }'],
    ['digits that a number would lose', '{"n":12345678901234567890}', '{"n":12345678901234567890}'],
    ['a number as text', '123', '123'],
    ['a number', 123, 123],
    ['null as text', 'null', 'null'],
    ['null', null, null],
    ['false', false, false],
  ])('give back %s', async (_, value, given) => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'k', value })
    expect(await call('memory_retrieve', { key: 'k' })).toMatchObject({ value: given, found: true })
  })

  it('share their values with memory_usage and with programs', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'k', value: '{"x":1}', namespace })
    expect((await call('memory_usage', { action: 'retrieve', key: 'k', namespace })).value).toBe('{"x":1}')
    await runtime.memory.set('mcp/probe/k', { from: 'a program' })
    expect((await call('memory_retrieve', { key: 'k', namespace })).value).toEqual({ from: 'a program' })
  })

  it('never give what another process has overwritten', async () => {
    const { runtime, server, connect } = await fixture.serve()
    const { call } = await connect()
    for (let round = 0; round < 50; round++) {
      await runtime.memory.set('k', round)
      expect((await call('memory_retrieve', { key: 'k', namespace: 'task-sentinel' })).value).toBe(round)
    }
    expect(server.sessionCount).toBe(1)
  })

  it('with upsert: false let exactly one of many succeed, and tell the others', async () => {
    const { connect } = await fixture.serve()
    const clients = await Promise.all(Array.from({ length: 5 }, (_, index) => connect(`c${index}`)))
    const answers = await Promise.all(
      clients.map(({ call }, index) => call('memory_store', { key: 'once', value: `${index}`, namespace, upsert: false })),
    )
    expect(answers.filter(({ stored }) => stored === true)).toHaveLength(1)
    const refused = answers.filter(({ isError }) => isError)
    expect(refused).toHaveLength(4)
    for (const { error, text } of refused) {
      expect(error).toMatchObject({ code: 'conflict' })
      expect(JSON.parse(text)).toMatchObject({
        success: false,
        key: 'once',
        stored: false,
        error: expect.stringContaining('conflict'),
      })
    }
    const winner = answers.findIndex(({ stored }) => stored === true)
    expect((await clients[0]?.call('memory_retrieve', { key: 'once', namespace }))?.value).toBe(`${winner}`)
  })

  it('with upsert: false store where a value was deleted or has expired', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'gone', value: 'x' })
    await call('memory_delete', { key: 'gone' })
    await call('memory_store', { key: 'short', value: 'x', ttl: 1 })
    fixture.aheadMs = 1500
    for (const key of ['gone', 'short']) {
      expect(await call('memory_store', { key, value: 'y', upsert: false })).toMatchObject({ stored: true })
    }
  })

  it('enforce the ttl', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'k', value: 'x', ttl: 2 })
    fixture.aheadMs = 1500
    expect((await call('memory_retrieve', { key: 'k' })).found).toBe(true)
    fixture.aheadMs = 2500
    expect(await call('memory_retrieve', { key: 'k' })).toMatchObject({ found: false, value: null })
  })

  it('keep the tags of a value, and only of that value', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const tags = async () => (await call('memory_retrieve', { key: 'k', namespace })).tags
    await call('memory_store', { key: 'k', value: 'one', namespace, tags: ['red', 'blue'] })
    expect(await tags()).toEqual(['red', 'blue'])
    await call('memory_store', { key: 'k', value: 'two', namespace, tags: ['green'] })
    expect(await tags()).toEqual(['green'])
    await runtime.memory.set('mcp/probe/k', 'three')
    expect(await tags()).toEqual([])
    await call('memory_store', { key: 'k', value: 'four', namespace, tags: ['late'] })
    await call('memory_delete', { key: 'k', namespace })
    await call('memory_store', { key: 'k', value: 'five', namespace })
    expect(await tags()).toEqual([])
    // They are nobody's values.
    expect((await call('memory_list', { limit: 100 })).entries).toHaveLength(1)
  })

  it('refuse tags where there is no room for their key, and store the value without them', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const key = 'k'.repeat(500)
    expect(await call('memory_store', { key, value: 'x', tags: ['t'] })).toMatchObject({
      isError: true,
      error: { code: 'invalid_key' },
    })
    expect(await call('memory_store', { key, value: 'x' })).toMatchObject({ stored: true })
    expect(await call('memory_retrieve', { key })).toMatchObject({ value: 'x', tags: [] })
    expect(await call('memory_delete', { key })).toMatchObject({ deleted: true })
  })

  it.each([
    ['nothing', undefined, 'invalid_value'],
    ['an empty text', '', 'invalid_value'],
    ['more than fits', 'x'.repeat(600_000), 'too_large'],
  ])('refuse %s', async (_, value, code) => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const answer = await call('memory_store', { key: 'k', value })
    expect(answer).toMatchObject({ isError: true, error: { code } })
    expect(JSON.parse(answer.text)).toMatchObject({ success: false, stored: false })
  })
})

describe('memory_delete', () => {
  it('says whether there was something, which is no error', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'k', value: 'x' })
    expect(await call('memory_delete', { key: 'k' })).toMatchObject({ success: true, deleted: true, isError: false })
    expect(await call('memory_delete', { key: 'k' })).toMatchObject({ success: false, deleted: false, isError: false })
  })
})

describe('memory_search', () => {
  it('finds words in keys and values, best first, in all namespaces or one', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_store', { key: 'notes/Cache', value: 'how it is invalidated', namespace })
    await call('memory_store', { key: 'notes/other', value: { text: 'the cache and its floor' }, namespace })
    await call('memory_store', { key: 'cache/elsewhere', value: 'x', namespace: 'two' })
    await call('memory_store', { key: 'unrelated', value: 'nothing', namespace })
    const found = await call('memory_search', { query: ' cache  invalidated ', namespace })
    expect(found).toMatchObject({ query: 'cache  invalidated', total: 2, scanned: 3, complete: true })
    expect(found.results).toEqual([
      { key: 'notes/Cache', namespace, value: 'how it is invalidated', similarity: 0.8 },
      { key: 'notes/other', namespace, value: { text: 'the cache and its floor' }, similarity: 0.3 },
    ])
    expect((await call('memory_search', { query: 'cache', limit: 1 })).results).toHaveLength(1)
    expect((await call('memory_search', { query: 'cache' })).total).toBe(3)
    expect((await call('memory_search', { query: 'cache', threshold: 0.9 })).total).toBe(2)
    expect((await call('memory_search', { query: 'absent', threshold: 0 })).total).toBe(0)
  })

  it('refuses an empty query', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect((await call('memory_search', { query: '  ' })).isError).toBe(true)
  })

  it('says so when it has not looked at everything', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    for (let index = 0; index < 21_000; index += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, more) => runtime.memory.set(`k/${index + more}`, 'x')))
    }
    const found = await call('memory_search', { query: 'x', namespace: 'task-sentinel' })
    expect(found).toMatchObject({ complete: false, scanned: 20_000, total: 10 })
  })
})
