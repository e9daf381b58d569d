import { afterEach, describe, expect, it } from 'vitest'
import { MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
afterEach(() => fixture.end())

const entry = (value: unknown, version: Record<string, number> = { w: 1 }) => ({
  value,
  version,
  timestamp: 1_700_000_000_000,
  workerId: 'w',
})
const write = (key: string, value: unknown, condition: object = { type: 'none' }) => ({ key, entry: entry(value), condition })

describe('memory_get', () => {
  it('gives the entry that a program of the runtime wrote, with its revision', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const { revision } = await runtime.memory.set('a/b', { x: 1 })
    const got = await call('memory_get', { key: 'a/b' })
    expect(got).toMatchObject({ found: true, key: 'a/b', revision, entry: { value: { x: 1 }, workerId: runtime.workerId } })
  })

  it('says at which revision there was nothing', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    expect(await call('memory_get', { key: 'none' })).toMatchObject({ found: false, revision: 0 })
    const { revision } = await runtime.memory.set('other', 1)
    expect(await call('memory_get', { key: 'none' })).toMatchObject({ found: false, revision })
  })
})

describe('memory_commit', () => {
  it('gives one receipt per unit, in order, and tells the rest in a sentence', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    await runtime.memory.set('taken', 'mine')
    const answer = await call('memory_commit', {
      units: [
        [write('a', 1), write('b', 2)],
        [write('taken', 'theirs', { type: 'absent' })],
        [write('c', 3, { type: 'causal', context: {} })],
      ],
    })
    expect(answer.receipts).toMatchObject([
      { type: 'committed', durability: 'none' },
      { type: 'conflict', key: 'taken', stored: { key: 'taken', entry: { value: 'mine' } } },
      { type: 'committed' },
    ])
    expect(answer.text).toMatch(/^2 of 3 units committed, up to revision \d+\.\nunit 1 \(taken\): conflict$/)
    expect(await runtime.memory.get('b')).toBe(2)
  })

  it('keeps versions, writers and the extension as they are given', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const given = { ...entry('v', { w: 7, other: 2 }), ttl: 60, x: { v: 1, d: ['w', 7, 'life'], c: 3 } }
    await call('memory_commit', { units: [[{ key: 'k', entry: given, condition: { type: 'none' } }]] })
    expect((await call('memory_get', { key: 'k' })).entry).toEqual(given)
  })

  it('refuses a guard that does not hold, with what is at its scope', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await call('memory_commit', { units: [[write('scope', { epoch: 2, incarnation: 'new' })]] })
    const guarded = (epoch: number, incarnation: string) => ({
      ...write('doc', 'x'),
      guard: { scope: 'scope', epoch, incarnation },
    })
    const answer = await call('memory_commit', { units: [[guarded(1, 'old')], [guarded(2, 'new')]] })
    expect(answer.receipts).toMatchObject([
      { type: 'stale-epoch', scope: 'scope', stored: { entry: { value: { epoch: 2 } } } },
      { type: 'committed' },
    ])
  })

  it('refuses a unit whose entry is none or too large, and commits the others', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const odd = { key: 'odd', entry: { ...entry(1), x: { v: 9 } }, condition: { type: 'none' } }
    const answer = await call('memory_commit', { units: [[odd], [write('big', 'x'.repeat(600_000))], [write('good', 1)]] })
    expect(answer.receipts).toMatchObject([
      { type: 'failed', error: { code: 'invalid_value', retryable: false, key: 'odd' } },
      { type: 'failed', error: { code: 'too_large' } },
      { type: 'committed' },
    ])
    expect(answer.text).toContain('invalid_value')
    expect(await runtime.memory.get('odd')).toBeNull()
    expect(await runtime.memory.get('good')).toBe(1)
  })

  it('tells a key that the store refuses as a failed receipt', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const answer = await call('memory_commit', { units: [[write('line\nbreak', 1)]] })
    expect(answer.receipts).toMatchObject([{ type: 'failed', error: { code: 'invalid_key' } }])
  })

  it('stores a member named __proto__ as a member like any other', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const value = JSON.parse('{"__proto__":{"polluted":true},"a":1}')
    await call('memory_commit', { units: [[write('k', value)]] })
    expect(JSON.stringify(await runtime.memory.get('k'))).toBe('{"__proto__":{"polluted":true},"a":1}')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('with arguments that are none is refused with our code, and told to the audit too', async () => {
    const { connect, lines } = await fixture.serve()
    const { call } = await connect('auditor')
    const answer = await call('memory_commit', { units: [[{ key: 'k', entry: null, condition: { type: 'maybe' } }]] })
    expect(answer).toMatchObject({ isError: true, error: { code: 'invalid_option' } })
    expect(lines).toEqual([
      { client: 'auditor', tool: 'memory_commit', subject: '(arguments refused)', outcome: 'invalid_option' },
    ])
    expect(await call('no_such_tool', {})).toMatchObject({ isError: true, error: { code: 'not_supported' } })
  })

  it('is told to the audit, with its keys and no values', async () => {
    const { lines, connect } = await fixture.serve()
    const { call } = await connect('auditor')
    await call('memory_commit', { units: [[write('secret/key', 'secret value')]] })
    await call('memory_get', { key: 'secret/key' })
    expect(lines).toEqual([{ client: 'auditor', tool: 'memory_commit', subject: 'secret/key', outcome: 'ok' }])
  })
})

describe('memory_changes', () => {
  it('begins at 0 on an empty store, and has nothing to tell', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect(await call('memory_changes', { after: 0 })).toMatchObject({ changes: [], revision: 0, durability: 'none' })
  })

  it('loses nothing between calls, whatever the limit', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const keys = Array.from({ length: 57 }, (_, index) => `k/${index}`)
    await Promise.all(keys.map((key) => runtime.memory.set(key, key)))
    await runtime.memory.delete('k/3')
    for (const limit of [1, 10, 57, 1000]) {
      const seen: string[] = []
      let after = 0
      for (;;) {
        const page = await call('memory_changes', { pattern: 'k/*', after, limit })
        expect(page.changes.length).toBeLessThanOrEqual(limit)
        if (page.changes.length === 0) break
        seen.push(...page.changes.map(({ key }: { key: string }) => key))
        after = page.revision
      }
      // k/3 comes once, deleted: its first write is overwritten.
      expect(seen.toSorted()).toEqual(keys.toSorted())
      expect(seen.at(-1)).toBe('k/3')
    }
  })

  it('waits for the first change, and is woken by it', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const waiting = call('memory_changes', { pattern: 'news', after: 0, waitMs: 25_000 })
    await runtime.memory.set('other', 1)
    const { revision } = await runtime.memory.set('news', 'hello')
    expect(await waiting).toMatchObject({ changes: [{ key: 'news', entry: { value: 'hello' } }], revision })
  })

  it('answers that there is nothing when the wait is over', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect(await call('memory_changes', { after: 0, waitMs: 20 })).toMatchObject({ changes: [], revision: 0, isError: false })
  })

  it('stops waiting when the call is cancelled', async () => {
    const { runtime, connect, server } = await fixture.serve({ limits: { callsInFlightMax: 1 } })
    const { call } = await connect()
    const cancel = new AbortController()
    const waiting = call('memory_changes', { after: 0, waitMs: 25_000 }, cancel.signal)
    expect(await call('memory_get', { key: 'k' })).toMatchObject({
      isError: true,
      error: { code: 'backpressure', retryable: true },
    })
    cancel.abort()
    await expect(waiting).rejects.toThrow()
    // Its place is free again.
    let answer = await call('memory_get', { key: 'k' })
    while (answer.isError) answer = await call('memory_get', { key: 'k' })
    expect(server.sessionCount).toBe(1)
    expect(runtime.problemCount).toBe(0)
  })

  it('says reset for a revision that the store has not reached, and for changes that it does not know any more', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const { revision } = await runtime.memory.set('k', 1)
    expect(await call('memory_changes', { after: 1000 })).toMatchObject({ changes: [], revision, reset: true })
    for (let round = 0; round < 110; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => runtime.memory.set(`many/${index}`, round)))
    }
    const answer = await call('memory_changes', { after: 0 })
    expect(answer).toMatchObject({ changes: [], reset: true, revision: await runtime.inside.store.head() })
    expect(answer.text).toContain('memory_list')
  })

  it('keeps a reply below what ends a connection, and gives the rest with the next call', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    for (let index = 0; index < 20; index++) await runtime.memory.set(`big/${index}`, '\u0001'.repeat(80_000))
    const sizes: number[] = []
    let after = 0
    let total = 0
    for (;;) {
      const page = await call('memory_changes', { after })
      if (page.changes.length === 0) break
      sizes.push(JSON.stringify(page).length)
      total += page.changes.length
      after = page.revision
    }
    expect(total).toBe(20)
    expect(Math.max(...sizes)).toBeLessThan(10 * 1024 * 1024)
    expect(sizes.length).toBeGreaterThan(1)
  })
})

describe('memory_list', () => {
  it('with a pattern gives entries in key order, tombstones too, a page at a time', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    for (const key of ['k/c', 'k/a', 'k/d', 'k/b', 'x']) await runtime.memory.set(key, key)
    await runtime.memory.delete('k/b')
    const head = await runtime.inside.store.head()
    const first = await call('memory_list', { pattern: 'k/*', limit: 3 })
    expect(first.entries.map(({ key }: { key: string }) => key)).toEqual(['k/a', 'k/b', 'k/c'])
    expect(first).toMatchObject({ next: 'k/c', revision: head, entries: [{}, { entry: { x: { t: 1 } } }, {}] })
    const second = await call('memory_list', { pattern: 'k/*', limit: 3, after: first.next })
    expect(second).toMatchObject({ next: null, entries: [{ key: 'k/d' }] })
  })

  it('without one gives the live keys of a namespace, as claude-flow does, by limit and offset', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    for (let index = 0; index < 60; index++)
      await call('memory_store', { key: `n${index + 10}`, value: 'four', namespace: 'many' })
    await call('memory_delete', { key: 'n10', namespace: 'many' })
    await call('memory_store', { key: 'elsewhere', value: 'x', namespace: 'other' })
    const first = await call('memory_list', { namespace: 'many' })
    expect(first).toMatchObject({ total: 59, limit: 50, offset: 0 })
    expect(first.entries).toHaveLength(50)
    expect(first.entries[0]).toEqual({
      key: 'n11',
      namespace: 'many',
      storedAt: expect.any(Number),
      updatedAt: expect.any(Number),
      size: 4,
    })
    expect((await call('memory_list', { namespace: 'many', offset: 50 })).entries).toHaveLength(9)
    const all = await call('memory_list', { limit: 500 })
    expect(new Set(all.entries.map(({ namespace }: { namespace: string }) => namespace))).toEqual(new Set(['many', 'other']))
  })

  it('refuses to be asked both ways at once', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const answer = await call('memory_list', { pattern: '**', namespace: 'x' })
    expect(answer).toMatchObject({ isError: true, error: { code: 'invalid_option' } })
  })
})

describe('a memory server', () => {
  it('tells models what it is for, and every tool what it takes and gives', async () => {
    const { connect } = await fixture.serve({ name: 'ours', version: '9.9.9' })
    const { client } = await connect()
    expect(client.getServerVersion()).toMatchObject({ name: 'ours', version: '9.9.9' })
    expect(client.getInstructions()).toContain('task-sentinel')
    const { tools } = await client.listTools()
    for (const tool of tools) {
      expect(tool.description?.length, tool.name).toBeGreaterThan(40)
      expect(tool.outputSchema, tool.name).toBeDefined()
      expect(tool.annotations, tool.name).toMatchObject({ openWorldHint: false })
    }
    const names = tools.map(({ name }) => name)
    const own = ['memory_usage', 'memory_store', 'memory_retrieve', 'memory_delete', 'memory_search']
    expect(names).toEqual(expect.arrayContaining([...own, 'memory_get', 'memory_list', 'memory_commit', 'memory_changes']))
  })

  it('tells nothing of its inside when a tool breaks, and logs it', async () => {
    const logged: string[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void logged.push(message) }
    const { runtime, connect } = await fixture.serve({ logger })
    const { call } = await connect()
    runtime.inside.store.get = async () => {
      throw new Error('secret path /srv/x')
    }
    const answer = await call('memory_get', { key: 'k' })
    expect(answer).toMatchObject({ isError: true, error: { code: 'internal' } })
    expect(answer.text).not.toContain('secret')
    expect(logged).toEqual([expect.stringContaining('secret path')])
  })

  it('ends its sessions when it is closed, once, and takes no more', async () => {
    const { server, connect } = await fixture.serve()
    const { session, client } = await connect()
    const { session: other } = await connect()
    const ended: string[] = []
    session.client.onClose(() => ended.push('first'))
    session.client.onClose(() => {
      throw new Error('hurts nobody')
    })
    session.client.onClose(async () => ended.push('last'))
    await server.close()
    await server.close()
    expect(ended).toEqual(['first', 'last'])
    expect(session.client.signal.aborted).toBe(true)
    expect(server.sessionCount).toBe(0)
    await other.closed
    await expect(client.ping()).rejects.toThrow()
    await expect(connect()).rejects.toMatchObject({ code: 'closed' })
    session.client.onClose(() => ended.push('too late is at once'))
    expect(ended).toHaveLength(3)
  })

  it('notices that a client is gone', async () => {
    const { server, connect } = await fixture.serve()
    const { client, session } = await connect()
    await client.close()
    await session.closed
    expect(server.sessionCount).toBe(0)
  })

  it('refuses limits that make no sense', async () => {
    await expect(fixture.serve({ limits: { callsInFlightMax: 0 } })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
