import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { placeOfUri, uriOf } from '../../src/mcp/resources.ts'
import { MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
afterEach(() => fixture.end())

/** What a client is told, and waiting for it. */
function noted(client: Client) {
  const updated: string[] = []
  let listChanges = 0
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of [...waiting]) check()
  }
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    updated.push(params.uri)
    wake()
  })
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
    listChanges++
    wake()
  })
  return {
    updated,
    listChanges: () => listChanges,
    until: (predicate: () => boolean) =>
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (!predicate()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
  }
}

const stateUri = 'memory://task-sentinel/task-sentinel/tasks/t/state'
const stateKey = 'task-sentinel/tasks/t/state'

describe('reading', () => {
  it('gives the value as JSON, and a client’s text as text', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client, call } = await connect()
    const { revision, version } = await runtime.memory.set(stateKey, { status: 'running' })
    expect((await client.readResource({ uri: stateUri })).contents).toEqual([
      {
        uri: stateUri,
        mimeType: 'application/json',
        text: '{"status":"running"}',
        _meta: { revision, version, timestamp: expect.any(Number), workerId: runtime.workerId },
      },
    ])
    await call('memory_store', { key: 'a b/é', value: 'text', namespace: 'my notes' })
    const uri = 'memory://my%20notes/a%20b/%C3%A9'
    expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, mimeType: 'text/plain', text: 'text' }])
  })

  it.each([
    ['nothing there', 'memory://default/none', -32_002],
    ['another scheme', 'file:///etc/passwd', -32_602],
    ['no key', 'memory://default', -32_602],
    ['half a character', 'memory://default/%', -32_602],
    ['an impossible key', 'memory://default/a//b', -32_602],
  ])('of %s fails and says so', async (_, uri, code) => {
    const { connect } = await fixture.serve()
    const { client } = await connect()
    await expect(client.readResource({ uri })).rejects.toMatchObject({ code })
    if (code === -32_602)
      await expect(client.subscribeResource({ uri })).rejects.toMatchObject({ code, data: { code: 'invalid_key' } })
  })
})

describe('listing', () => {
  it('gives all live values in pages, by URIs that can be read', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client, call } = await connect()
    for (let index = 0; index < 130; index++) await runtime.memory.set(`k/${index}`, index)
    await runtime.memory.delete('k/7')
    await call('memory_store', { key: 'x', value: 'y', namespace: 'other', tags: ['hidden'] })
    const uris: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.listResources(cursor === undefined ? {} : { cursor })
      uris.push(...page.resources.map(({ uri }) => uri))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(new Set(uris).size).toBe(130)
    expect(uris).toContain('memory://other/x')
    expect(uris).not.toContain('memory://task-sentinel/k/7')
    for (const uri of uris.slice(0, 5)) expect((await client.readResource({ uri })).contents).toHaveLength(1)
    await expect(client.listResources({ cursor: '%%%' })).rejects.toMatchObject({ code: -32_602 })
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([
      { uriTemplate: 'memory://{namespace}/{+key}' },
    ])
  })

  it('is told to be out of date when keys come or go, once until it is asked for again', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client } = await connect()
    const { client: other } = await connect()
    const notes = noted(client)
    const others = noted(other)
    await runtime.memory.set('before', 1)
    await client.listResources()
    await other.listResources()
    await runtime.memory.set('new', 1)
    await runtime.memory.set('newer', 1)
    await notes.until(() => notes.listChanges() === 1)
    await others.until(() => others.listChanges() === 1)
    // Both would be told at once: when the other one has been told, this one was not.
    await other.listResources()
    await runtime.memory.delete('new')
    await others.until(() => others.listChanges() === 2)
    await client.ping()
    expect(notes.listChanges()).toBe(1)
    await client.listResources()
    await runtime.memory.delete('newer')
    await notes.until(() => notes.listChanges() === 2)
    expect(notes.updated).toEqual([])
  })
})

describe('subscribing', () => {
  it('tells of writes by whomever, of deletions, and not of other keys', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client } = await connect()
    const { call } = await connect('other')
    const notes = noted(client)
    await client.subscribeResource({ uri: stateUri })
    await runtime.memory.set('task-sentinel/tasks/t/progress', 1)
    await runtime.memory.set(stateKey, 1)
    await notes.until(() => notes.updated.length === 1)
    await call('memory_store', { key: stateKey, namespace: 'task-sentinel', value: 'x' })
    await notes.until(() => notes.updated.length === 2)
    await runtime.memory.delete(stateKey)
    await notes.until(() => notes.updated.length === 3)
    expect(new Set(notes.updated)).toEqual(new Set([stateUri]))
  })

  it('once more, or in another spelling, does not tell twice; unsubscribing ends it', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client } = await connect()
    const notes = noted(client)
    await client.subscribeResource({ uri: stateUri })
    await client.subscribeResource({ uri: stateUri })
    const spelled = 'memory://task-sentinel/task-sentinel%2Ftasks%2Ft%2Fstate'
    await client.subscribeResource({ uri: spelled })
    await client.subscribeResource({ uri: 'memory://task-sentinel/fence' })
    await runtime.memory.set(stateKey, 1)
    await runtime.memory.set('fence', 1)
    await notes.until(() => notes.updated.length === 2)
    expect(notes.updated).toEqual([spelled, 'memory://task-sentinel/fence'])
    await client.unsubscribeResource({ uri: stateUri })
    await runtime.memory.set(stateKey, 2)
    await runtime.memory.set('fence', 2)
    await notes.until(() => notes.updated.length === 3)
    expect(notes.updated.at(-1)).toBe('memory://task-sentinel/fence')
  })

  it('puts one notification of a key into the client’s queue until that moves on, and then the last change is told', async () => {
    const { runtime, connect } = await fixture.serve()
    const { client, session } = await connect()
    const notes = noted(client)
    await client.subscribeResource({ uri: stateUri })
    const gate = holdNotifications(client)
    for (let value = 0; value < 100; value++) await runtime.memory.set(stateKey, value)
    await gate.open()
    await notes.until(() => notes.updated.length === 2)
    await client.ping()
    expect(notes.updated).toHaveLength(2)
    expect((await client.readResource({ uri: stateUri })).contents).toMatchObject([{ text: '99' }])
    expect(session.client.signal.aborted).toBe(false)
  })

  it('is bounded, and ends with the client', async () => {
    const { runtime, connect } = await fixture.serve({ limits: { subscriptionsMax: 2 } })
    const { client, session } = await connect()
    for (const key of ['a', 'b']) await client.subscribeResource({ uri: `memory://x/${key}` })
    await expect(client.subscribeResource({ uri: 'memory://x/c' })).rejects.toMatchObject({ data: { code: 'backpressure' } })
    await client.unsubscribeResource({ uri: 'memory://x/a' })
    await client.subscribeResource({ uri: 'memory://x/c' })
    await client.close()
    await session.closed
    await runtime.memory.set('mcp/x/c', 1)
    expect(runtime.problemCount).toBe(0)
  })
})

describe('URIs', () => {
  it('name every pair of namespace and key, and give it back', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((each) => each.isWellFormed())
    const pair = fc.record({ namespace: text, key: text })
    fc.assert(
      fc.property(pair, (place) => {
        expect(placeOfUri(uriOf(place))).toEqual(place)
      }),
    )
  })
})

/** Lets the server's sends of notifications wait, as a client does that does not read. */
function holdNotifications(client: Client): { open(): Promise<void> } {
  const clientEnd = client.transport as unknown as { _otherTransport: { send(message: { method?: string }): Promise<void> } }
  const serverEnd = clientEnd._otherTransport
  const send = serverEnd.send.bind(serverEnd)
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  serverEnd.send = async (message) => {
    if (message.method?.startsWith('notifications/') === true) await opened
    await send(message)
  }
  return {
    async open() {
      serverEnd.send = send
      open()
      await opened
    },
  }
}
