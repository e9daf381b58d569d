/** The page's line to its server: order, resuming, resets, waiting, and how much may wait. */
import { describe, expect, it } from 'vitest'
import { reconnectMsMax } from '../../../src/inspector/page/app.ts'
import {
  beginningCharsMax,
  Connection,
  queuedCharsMax,
  reconnectMsMin,
  sliceRecords,
} from '../../../src/inspector/page/connection.ts'
import type { SessionInfo } from '../../../src/wire/inspector-api.ts'
import type { ProblemRecord, TraceRecord } from '../../../src/wire/trace-record.ts'
import { FakeBrowser, settled } from './fake-browser.ts'

const info: SessionInfo = {
  format: 1,
  version: '0.1.0',
  namespace: 'shop',
  store: 'file:/data',
  servedBy: 'worker-a',
  allowsActions: false,
  nowMs: 1_700_000_005_000,
}

function problem(seq: number, message = 'x'): ProblemRecord {
  return { type: 'problem', source: 'a', seq, atMs: seq, code: 'conflict', message }
}

function setUp() {
  const browser = new FakeBrowser()
  browser.answer = () => ({ status: 200, text: JSON.stringify(info) })
  const records: TraceRecord[] = []
  const sink = { append: (slice: readonly TraceRecord[]) => void records.push(...slice), liveSources: () => ['a', 'b'] }
  let queued = 0
  const recorded: string[] = []
  const connection = new Connection(
    browser,
    sink,
    () => queued++,
    (name) => recorded.push(name),
  )
  const tell = (id: string, ...told: TraceRecord[]) => browser.stream.listener.onMessage('message', JSON.stringify(told), id)
  const drain = () => {
    while (connection.drain(1000));
  }
  const open = async () => {
    connection.open()
    await settled()
    browser.stream.listener.onOpen()
  }
  return { browser, connection, records, recorded, tell, drain, open, queued: () => queued }
}

describe('the connection', () => {
  it('is live only when the server has told all that is there', async () => {
    const { browser, connection, open, drain } = setUp()
    await open()
    drain()
    expect(connection.state.value).toEqual({ type: 'connecting' })
    browser.stream.listener.onMessage('live', '', 'e:1')
    drain()
    expect(connection.state.value).toEqual({ type: 'live' })
    expect(connection.info.value).toEqual(info)
    expect(connection.serverNowMs()).toBe(info.nowMs)
  })

  it('gives records on in the order of the stream, in slices that end with the time that it has', async () => {
    const { browser, connection, records, tell, open, queued } = setUp()
    await open()
    const count = sliceRecords * 3 + 7
    tell('e:1', ...Array.from({ length: count }, (_, index) => problem(index + 1)))
    expect(queued()).toBeGreaterThan(0)
    expect(records).toEqual([])
    browser.monotonicMs = () => ++browser.ms
    expect(connection.drain(2)).toBe(true)
    expect(records.length).toBeLessThan(count)
    while (connection.drain(2));
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  it('goes on behind the last record that it has after the connection was lost', async () => {
    const { browser, connection, records, tell, open, drain } = setUp()
    await open()
    browser.stream.listener.onMessage('live', '', 'e:1')
    tell('e:7', problem(1))
    drain()
    browser.stream.listener.onEnd()
    expect(connection.state.value.type).toBe('disconnected')
    expect(connection.retryAtMs.value).toBe(browser.ms + reconnectMsMin)
    browser.pass(reconnectMsMin)
    await settled()
    expect(browser.stream.path).toBe('api/events?after=e%3A7')
    browser.stream.listener.onOpen()
    tell('e:8', problem(2))
    drain()
    expect(connection.state.value).toEqual({ type: 'connecting' })
    browser.stream.listener.onMessage('live', '', 'e:8')
    drain()
    expect(connection.state.value).toEqual({ type: 'live' })
    expect(records).toEqual([problem(1), problem(2)])
  })

  it('says what was lost when the server does not know the place any more, and that nothing told before is known to live', async () => {
    const { browser, records, tell, open, drain } = setUp()
    await open()
    tell('e:7', problem(1))
    browser.stream.listener.onMessage('reset', '{"lost":12}', '')
    tell('f:1', problem(9))
    drain()
    expect(records.map((record) => record.type)).toEqual(['problem', 'gap', 'source.lost', 'source.lost', 'problem'])
    expect(records[1]).toMatchObject({ lost: 12, reason: 'disconnected' })
    expect(records.slice(2, 4).map(({ source }) => source)).toEqual(['a', 'b'])
  })

  it('waits longer after each failed attempt, and never longer than its bound', async () => {
    const { browser, connection, open } = setUp()
    await open()
    browser.answer = () => null
    browser.stream.listener.onEnd()
    const waits: number[] = []
    for (let attempt = 0; attempt < 8; attempt++) {
      const waitMs = (connection.retryAtMs.value ?? 0) - browser.ms
      waits.push(waitMs)
      browser.pass(waitMs)
      await settled()
    }
    expect(waits.slice(0, 5)).toEqual([250, 500, 1000, 2000, 4000])
    expect(Math.max(...waits)).toBe(reconnectMsMax)
    browser.answer = () => ({ status: 200, text: JSON.stringify(info) })
    browser.pass(reconnectMsMax)
    await settled()
    browser.stream.listener.onOpen()
    browser.stream.listener.onEnd()
    expect((connection.retryAtMs.value ?? 0) - browser.ms).toBe(reconnectMsMin)
  })

  it.each([
    ['a token that the server does not know', { status: 401, text: '' }, 'open the address that it printed'],
    ['a page of another version', { status: 200, text: '{"format":2}' }, 'load the page again'],
    ['an answer that is no session', { status: 200, text: '<html>' }, 'load the page again'],
    ['a server in trouble', { status: 500, text: '' }, 'answered 500'],
  ])('says what to do about %s', async (_, answer, words) => {
    const { browser, connection } = setUp()
    browser.answer = () => answer
    connection.open()
    await settled()
    expect(connection.state.value).toMatchObject({ type: 'disconnected', reason: expect.stringContaining(words) })
    expect(browser.streams).toEqual([])
  })

  it('closes the stream while too much waits here, and goes on where it stopped', async () => {
    const { browser, connection, records, tell, open, drain } = setUp()
    await open()
    const large = 'x'.repeat(1024 * 1024)
    let seq = 0
    while (!browser.streams[0]?.isClosed) {
      tell(`e:${seq + 1}`, problem(++seq, large))
      expect(seq).toBeLessThan(queuedCharsMax / large.length + 2)
    }
    // Closing it is no loss of the connection.
    browser.streams[0]?.listener.onEnd()
    expect(connection.state.value.type).toBe('connecting')
    drain()
    expect(browser.stream.path).toBe(`api/events?after=e%3A${seq}`)
    tell(`e:${seq + 1}`, problem(seq + 1))
    drain()
    expect(records.map((record) => record.seq)).toEqual(Array.from({ length: seq + 1 }, (_, index) => index + 1))
  })

  it('begins anew when the connection is lost in the middle of a new beginning', async () => {
    const { browser, tell, open } = setUp()
    await open()
    tell('e:7', problem(1))
    browser.stream.listener.onMessage('reset', '{"lost":null}', '')
    browser.stream.listener.onMessage('message', JSON.stringify([problem(2)]), '')
    browser.stream.listener.onEnd()
    browser.pass(reconnectMsMin)
    await settled()
    expect(browser.stream.path).toBe('api/events')
  })

  it('lets more of a beginning wait, because there is no place to come back to, and takes what is beyond that at once', async () => {
    const { browser, records, open, drain } = setUp()
    await open()
    const large = 'x'.repeat(1024 * 1024)
    const count = beginningCharsMax / large.length + 5
    for (let seq = 1; seq <= count; seq++) {
      browser.stream.listener.onMessage('message', JSON.stringify([problem(seq, large)]), '')
      if (seq === queuedCharsMax / large.length + 5) expect(records).toEqual([])
    }
    expect(browser.stream.isClosed).toBe(false)
    expect(records.length).toBeGreaterThan(0)
    drain()
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  it('does not listen to attempts that were given up', async () => {
    const { browser, connection, records, open, drain } = setUp()
    await open()
    const old = browser.stream
    connection.open()
    await settled()
    old.listener.onMessage('message', JSON.stringify([problem(1)]), 'e:1')
    old.listener.onEnd()
    drain()
    expect(records).toEqual([])
    expect(browser.stream).not.toBe(old)
    expect(old.isClosed).toBe(true)
    connection.closeFor('file.jsonl')
    expect(connection.state.value).toEqual({ type: 'recorded', name: 'file.jsonl', isServed: false })
    expect(browser.streams.at(-1)?.isClosed).toBe(true)
  })

  it('is over at once with a server that has a file and no runtime', async () => {
    const { browser, connection, recorded } = setUp()
    browser.answer = () => ({ status: 200, text: JSON.stringify({ format: 1, recorded: 'night.jsonl' }) })
    connection.open()
    await settled()
    expect(recorded).toEqual(['night.jsonl'])
    expect(connection.state.value).toEqual({ type: 'recorded', name: 'night.jsonl', isServed: true })
    expect(browser.streams).toEqual([])
    browser.pass(2 * reconnectMsMax)
    expect(browser.requests).toHaveLength(1)
  })

  it('is not stopped by a message that is no list of records', async () => {
    const { browser, records, tell, open, drain } = setUp()
    await open()
    for (const text of ['', '{', 'null', '{"a":1}']) browser.stream.listener.onMessage('message', text, '')
    tell('e:1', problem(1))
    drain()
    expect(records).toEqual([problem(1)])
  })
})
