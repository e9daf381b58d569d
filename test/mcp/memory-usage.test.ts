import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { ConflictResolvers } from '../../src/domain/resolvers.ts'
import { Namespaces } from '../../src/mcp/namespaces.ts'
import { type Call, MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
afterEach(() => fixture.end())

const namespace = 'task-sentinel'
const store = (call: Call, key: string, value: unknown, more: object = {}) =>
  call('memory_usage', { action: 'store', key, value, ...more })
const retrieve = (call: Call, key: string, more: object = {}) => call('memory_usage', { action: 'retrieve', key, ...more })

describe('texts', () => {
  it.each([
    ['a word', 'hello'],
    ['null', 'null'],
    ['a number', '123'],
    ['a number that no double holds', '12345678901234567890'],
    ['a quoted text', '"q"'],
    ['nothing', ''],
    ['spaced JSON', '{ "x" : 1 }'],
    ['revived types', '{"__type__":"Date","value":1}'],
    ['a prototype', '{"__proto__":{"polluted":true}}'],
    ['what begins an object and is none', '{broken'],
    ['other alphabets', '{"значение":"日本🎉"}'],
    ['200 KB', 'é'.repeat(100_000)],
  ])('come back unchanged: %s', async (_, text) => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect(await store(call, 'k', text)).toMatchObject({ success: true, action: 'store', stored: true, size: text.length })
    expect(await retrieve(call, 'k')).toMatchObject({ success: true, found: true, value: text, namespace: 'default' })
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('that are no texts are stored as their JSON, as claude-flow does', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    expect(await store(call, 'obj', { y: 1 })).toMatchObject({ stored: true, size: 7 })
    expect((await retrieve(call, 'obj')).value).toBe('{"y":1}')
  })

  it('are labelled with the client, and programs read them', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect('claude desktop')
    await store(call, 'note', 'buy milk', { namespace })
    expect(await runtime.memory.get('note')).toBe('buy milk')
    expect((await runtime.memory.entry('note'))?.entry).toMatchObject({
      workerId: 'mcp:claude desktop',
      version: { 'mcp:claude desktop': 1 },
      x: { d: ['mcp:claude desktop', 1, expect.stringMatching(/^[a-z2-7]{8}$/)] },
    })
  })

  it('cover what they overwrite, whoever wrote it', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect('one')
    const { version } = await runtime.memory.set('k', 'program')
    await store(call, 'k', 'client', { namespace })
    const { call: another } = await connect('two')
    await store(another, 'k', 'other', { namespace })
    expect((await runtime.memory.entry('k'))?.entry.version).toEqual({ ...version, 'mcp:one': 1, 'mcp:two': 1 })
    await runtime.memory.set('k', 'program again')
    expect(JSON.parse((await retrieve(call, 'k', { namespace })).value).value).toBe('program again')
  })

  it('of many clients at one key are all stored one after another, and the last one stays', async () => {
    const { runtime, connect } = await fixture.serve()
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect('same name')))
    const answers = await Promise.all(
      clients.flatMap(({ call }) => [1, 2, 3].map((n) => store(call, 'k', `v${n}`, { namespace }))),
    )
    expect(answers.every(({ stored }) => stored === true)).toBe(true)
    const revisions = answers.map(({ revision }) => revision as number)
    expect(new Set(revisions).size).toBe(24)
    const last = answers[revisions.indexOf(Math.max(...revisions))]
    const stored = await runtime.memory.entry('k')
    expect(stored?.revision).toBe(last?.revision)
    // A write that had to begin again has used up a counter.
    expect(stored?.entry.version['mcp:same name']).toBeGreaterThanOrEqual(24)
  })

  it('expire after their seconds, not before', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'ttl', 'x', { ttl: 2 })
    await store(call, 'forever', 'x', { ttl: 0 })
    expect((await retrieve(call, 'ttl')).found).toBe(true)
    fixture.aheadMs = 2500
    expect(await retrieve(call, 'ttl')).toMatchObject({ success: true, found: false, value: null })
    expect((await retrieve(call, 'forever')).found).toBe(true)
    expect(await call('memory_usage', { action: 'list' })).toMatchObject({ count: 1, entries: [{ key: 'forever' }] })
  })

  it('are deleted once', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'k', 'v')
    const remove = () => call('memory_usage', { action: 'delete', key: 'k' })
    expect(await remove()).toMatchObject({ success: true, action: 'delete', deleted: true })
    expect(await remove()).toMatchObject({ success: true, deleted: false, isError: false })
    expect((await retrieve(call, 'k')).found).toBe(false)
  })
})

describe('entries, as programs of the guide store them', () => {
  const entry = (value: unknown, version: Record<string, number>, timestamp = 1_700_000_000_000, workerId = 'worker-1') =>
    JSON.stringify({ value, version, timestamp, workerId })

  it('come back as they are, and programs read their value', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const key = 'task-sentinel/tasks/t1/state'
    const text = entry({ status: 'running' }, { 'worker-1': 3 })
    expect(await store(call, key, text, { namespace })).toMatchObject({ stored: true, outcome: 'stored' })
    expect((await retrieve(call, key, { namespace })).value).toBe(text)
    expect(await runtime.memory.get(key)).toEqual({ status: 'running' })
  })

  it('of a program in this process are given as their JSON', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const { version } = await runtime.memory.set('k', 'a text')
    const value = JSON.parse((await retrieve(call, 'k', { namespace })).value)
    expect(value).toMatchObject({ value: 'a text', version, workerId: runtime.workerId })
  })

  it('replace what their writer had seen; older ones are dropped, and the reply says so', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'k', entry('second', { a: 2 }))
    expect(await store(call, 'k', entry('first', { a: 1 }))).toMatchObject({ success: true, stored: false, outcome: 'older' })
    expect(await store(call, 'k', entry('second', { a: 2 }))).toMatchObject({ stored: true, outcome: 'same' })
    expect(await store(call, 'k', entry('third', { a: 2, b: 1 }))).toMatchObject({ stored: true, outcome: 'stored' })
    expect(JSON.parse((await retrieve(call, 'k')).value)).toMatchObject({ value: 'third', version: { a: 2, b: 1 } })
  })

  it('of writers that had not seen each other: the last write stays under both versions, in either order', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { connect } = await fixture.serve()
      const { call } = await connect()
      const texts = [entry('earlier', { a: 1 }, 1000, 'a'), entry('later', { b: 1 }, 2000, 'b')]
      const answers = []
      for (const index of order) answers.push(await store(call, 'k', texts[index]))
      expect(answers[1]).toMatchObject({ outcome: 'merged', stored: order[1] === 1 })
      const text = (await retrieve(call, 'k')).value
      expect(JSON.parse(text)).toEqual({ value: 'later', version: { a: 1, b: 1 }, timestamp: 2000, workerId: 'b' })
      // Given once more, neither changes anything: two servers would not play ping-pong.
      for (const given of texts) expect(await store(call, 'k', given)).toMatchObject({ outcome: 'older' })
      expect((await retrieve(call, 'k')).value).toBe(text)
    }
  })

  it('with one version and two values are concurrent: a worker id is only a label', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'k', entry('x', { a: 1 }, 1000))
    expect(await store(call, 'k', entry('y', { a: 1 }, 2000))).toMatchObject({ outcome: 'merged', stored: true })
    expect(JSON.parse((await retrieve(call, 'k')).value).value).toBe('y')
  })

  it('of one write with two values: the greater one is kept, and it is reported', async () => {
    const reported: unknown[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (_: string, fields: unknown) => void reported.push(fields) }
    const { connect } = await fixture.serve({ logger })
    const { call } = await connect()
    const of = (value: string) => JSON.stringify({ ...JSON.parse(entry(value, { a: 1 })), x: { v: 1, d: ['a', 1, 'life'] } })
    await store(call, 'k', of('b'))
    expect(await store(call, 'k', of('a'))).toMatchObject({ stored: false })
    expect(await store(call, 'k', of('c'))).toMatchObject({ stored: true })
    expect(JSON.parse((await retrieve(call, 'k')).value).value).toBe('c')
    expect(reported).toEqual([
      { code: 'diverged', key: 'mcp/default/k' },
      { code: 'diverged', key: 'mcp/default/k' },
    ])
  })

  it('are merged by the resolver that the runtime is given', async () => {
    const { connect } = await fixture.serve({}, { conflictResolver: ConflictResolvers.mergeArrays })
    const { call } = await connect()
    await store(call, 'k', entry(['x'], { a: 1 }, 1000, 'a'))
    expect(await store(call, 'k', entry(['y'], { b: 1 }, 2000, 'b'))).toMatchObject({ outcome: 'merged', stored: true })
    expect(JSON.parse((await retrieve(call, 'k')).value)).toMatchObject({ value: ['x', 'y'], version: { a: 1, b: 1 } })
  })

  it('that are older than a deletion do not come back', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'k', entry('v', { a: 1 }), { namespace })
    await runtime.memory.delete('k')
    expect(await store(call, 'k', entry('v', { a: 1 }), { namespace })).toMatchObject({ stored: false, outcome: 'older' })
    expect(await runtime.memory.get('k')).toBeNull()
  })

  it('live as long as they say, or as the call says where they do not', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const now = Date.now()
    await store(call, 'own', JSON.stringify({ ...JSON.parse(entry(1, { a: 1 }, now)), ttl: 100 }), { ttl: 5 })
    await store(call, 'calls', entry(1, { a: 1 }, now), { ttl: 5 })
    fixture.aheadMs = 10_000
    expect((await retrieve(call, 'own')).found).toBe(true)
    expect((await retrieve(call, 'calls')).found).toBe(false)
    fixture.aheadMs = 200_000
    expect((await retrieve(call, 'own')).found).toBe(false)
  })

  it('name so many writers as a version may, and the value stays readable', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const version = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`w${index}`, 1]))
    await store(call, 'k', entry('v', version), { namespace })
    await store(call, 'k', entry('w', { another: 1 }, 1_800_000_000_000), { namespace })
    await store(call, 'k', 'text', { namespace })
    const stored = await runtime.memory.entry('k')
    expect(stored?.value).toBe('text')
    expect(Object.keys(stored?.entry.version ?? {}).length).toBeLessThan(256)
  })
})

describe('lists and searches', () => {
  it('page through a namespace of more than a hundred keys, with values and times', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect('lister')
    for (let index = 100; index < 230; index++) await store(call, `cap/${index}`, `v${index}`, { namespace: 'cap' })
    await store(call, 'cap/elsewhere', 'x', { namespace: 'other' })
    const first = await call('memory_usage', { action: 'list', namespace: 'cap' })
    expect(first).toMatchObject({ success: true, count: 100, next: 'cap/199', storage_type: 'memory' })
    expect(first.entries[0]).toEqual({
      key: 'cap/100',
      value: 'v100',
      namespace: 'cap',
      updatedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      storedBy: 'mcp:lister',
    })
    const second = await call('memory_usage', { action: 'list', namespace: 'cap', after: first.next, limit: 50 })
    expect(second).toMatchObject({ count: 30, next: null })
  })

  it('find keys by glob, in their namespace only', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    for (const worker of ['a', 'b']) await runtime.memory.set(`task-sentinel/workers/${worker}/status`, 'idle')
    await runtime.memory.set('task-sentinel/workers/a/note', 1)
    await store(call, 'task-sentinel/workers/c/status', 'fake', { namespace: 'elsewhere' })
    const found = await call('memory_usage', { action: 'search', pattern: 'task-sentinel/workers/*/status', namespace })
    expect(found.keys).toEqual(['task-sentinel/workers/a/status', 'task-sentinel/workers/b/status'])
    const all = await call('memory_usage', { action: 'search', pattern: '**', namespace })
    expect(all).toMatchObject({ success: true, count: 3, next: null })
    const elsewhere = await call('memory_usage', { action: 'search', pattern: '**', namespace: 'elsewhere' })
    expect(elsewhere.keys).toEqual(['task-sentinel/workers/c/status'])
  })

  it('find all of a thousand and more keys, or say how to go on', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    await Promise.all(Array.from({ length: 1500 }, (_, index) => runtime.memory.set(`k/${index}`, 0)))
    expect((await call('memory_usage', { action: 'search', pattern: 'k/*', namespace })).keys).toHaveLength(1500)
    const page = await call('memory_usage', { action: 'search', pattern: 'k/*', namespace, limit: 1000 })
    const rest = await call('memory_usage', { action: 'search', pattern: 'k/*', namespace, after: page.next })
    expect(new Set([...page.keys, ...rest.keys]).size).toBe(1500)
  })

  it('find texts by what key or value contain, the key first, stars and percents literally', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    await store(call, 'a/1/b', 'hello')
    await store(call, 'other', 'A/1 is mentioned')
    await store(call, 'a_1', '100%')
    const search = (value: string) => call('memory_usage', { action: 'search', value })
    const found = await search('A/1')
    expect(found).toMatchObject({ success: true, pattern: 'A/1', count: 2, complete: true })
    expect(found.results[0]).toMatchObject({ key: 'a/1/b', value: 'hello', namespace: 'default', score: 1 })
    expect(found.results[1]).toMatchObject({ key: 'other', score: 0.6 })
    expect((await search('a%1')).count).toBe(0)
    expect((await search('*')).count).toBe(0)
    expect((await search('%')).keys).toEqual(['a_1'])
    expect((await call('memory_usage', { action: 'search' })).count).toBe(3)
  })
})

describe('refusals', () => {
  it.each([
    ['store without a key', { action: 'store', value: 'v' }, 'invalid_option'],
    ['store without a value', { action: 'store', key: 'k' }, 'invalid_option'],
    ['retrieve without a key', { action: 'retrieve' }, 'invalid_option'],
    ['a search for an object', { action: 'search', value: {} }, 'invalid_option'],
    ['an empty segment', { action: 'store', key: 'a//b', value: 'v' }, 'invalid_key'],
    ['a star', { action: 'store', key: 'a*', value: 'v' }, 'invalid_key'],
    ['a control character', { action: 'store', key: 'a\u0000b', value: 'v' }, 'invalid_key'],
    ['decomposed letters', { action: 'store', key: 'e\u0301', value: 'v' }, 'invalid_key'],
    ['more than 512 bytes', { action: 'store', key: 'é'.repeat(257), value: 'v' }, 'invalid_key'],
    ['more than 512 bytes with its namespace', { action: 'store', key: 'k'.repeat(510), value: 'v' }, 'invalid_key'],
    ['a reserved segment', { action: 'store', key: 'a/__proto__', value: 'v' }, 'invalid_key'],
    ['a namespace too long', { action: 'store', key: 'k', value: 'v', namespace: 'n'.repeat(200) }, 'invalid_key'],
    ['another namespace by its store key', { action: 'retrieve', key: 'mcp/default/k', namespace }, 'invalid_key'],
    ['a task’s record', { action: 'store', key: 'task-sentinel/tasks/t/record', value: 'v', namespace }, 'not_supported'],
    ['a lock', { action: 'delete', key: 'task-sentinel/locks/l', namespace }, 'not_supported'],
    [
      'a task’s lock, by an entry',
      {
        action: 'store',
        key: 'task-sentinel/tasks/t/lock',
        value: '{"value":1,"version":{},"timestamp":1,"workerId":"w"}',
        namespace,
      },
      'not_supported',
    ],
    [
      'an entry that leaves its writers no counter',
      { action: 'store', key: 'k', value: `{"value":1,"version":{"w":${2 ** 53 - 1}},"timestamp":1,"workerId":"w"}` },
      'invalid_value',
    ],
    ['a text too large', { action: 'store', key: 'k', value: 'x'.repeat(600_000) }, 'too_large'],
    [
      'an entry too large',
      { action: 'store', key: 'k', value: `{"value":"${'x'.repeat(600_000)}","version":{},"timestamp":1,"workerId":"w"}` },
      'too_large',
    ],
  ])('of %s say what is wrong, in claude-flow’s shape and in ours', async (_, args, code) => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const answer = await call('memory_usage', args)
    expect(answer).toMatchObject({ isError: true, error: { code } })
    expect(JSON.parse(answer.text)).toMatchObject({ success: false, action: args.action, error: expect.stringContaining(code) })
  })

  it('of an unknown action name those that there are', async () => {
    const { connect } = await fixture.serve()
    const { call } = await connect()
    const answer = await call('memory_usage', { action: 'frobnicate' })
    expect(answer.isError).toBe(true)
    expect(answer.text).toContain('retrieve')
  })

  it('and what was done are in the audit; readings are not', async () => {
    const { lines, connect } = await fixture.serve()
    const { call } = await connect('auditor')
    await store(call, 'k', 'v')
    await retrieve(call, 'k')
    await store(call, 'a//b', 'v')
    await call('memory_usage', { action: 'delete', key: 'k' })
    expect(lines.map(({ subject, outcome }) => `${subject}: ${outcome}`)).toEqual([
      'store default/k: ok',
      'store default/a//b: invalid_key',
      'delete default/k: ok',
    ])
  })
})

describe('namespaces', () => {
  const segment = fc.string({
    minLength: 1,
    maxLength: 12,
    unit: fc.constantFrom('a', 'B', '=', '.', ' ', 'é', '-', 'mcp', '🎉', '2F'),
  })
  const namespaceText = fc.oneof(
    fc.constantFrom('task-sentinel', 'default', 'mcp', '', 'a/b', '*', '=tags', '\u0000', '..'),
    segment,
  )
  const keyText = fc.array(fc.oneof(segment, fc.constantFrom('mcp', '=tags', 'task-sentinel')), { minLength: 1, maxLength: 3 })

  it('never give two pairs one store key, and give back the pair', () => {
    const namespaces = new Namespaces('task-sentinel')
    fc.assert(
      fc.property(namespaceText, keyText, (name, parts) => {
        const key = parts.join('/')
        let storeKey: string
        try {
          storeKey = namespaces.storeKey(name, key)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'invalid_key' })
          return
        }
        expect(namespaces.placeOf(storeKey)).toEqual({ namespace: name, key })
      }),
    )
    expect(namespaces.placeOf('mcp/=tags/mcp/default/k')).toBeNull()
    expect(namespaces.placeOf('mcp/task-sentinel/k')).toBeNull()
  })

  it('cannot be served for a runtime whose keys lie where they do', () => {
    expect(() => new Namespaces('mcp')).toThrow(expect.objectContaining({ code: 'invalid_option' }))
    expect(() => new Namespaces('mcp-x')).not.toThrow()
  })
})
