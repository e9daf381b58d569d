/** The connection to a memory server: what it speaks, what a failed call means, how it comes back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../../../src/platform.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import {
  type Connection,
  type ConnectionOptions,
  callAttemptsMax,
  callsWaitingMax,
  openConnection,
} from '../../../src/stores/mcp/connection.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import { rejectsWith } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'
import { Double, type DoubleTool, gate, ourNames, ours, refused, said } from './double.ts'
import { Ends } from './served.ts'
import { stdioServer } from './stdio-server.ts'

const ends = new Ends()
afterEach(() => ends.run())

async function connect(double: Double, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  const client = await double.client()
  return connectTo({ target: { type: 'client', client }, ...options })
}

async function connectTo(options: Partial<ConnectionOptions> & Pick<ConnectionOptions, 'target'>): Promise<Connection> {
  const defaults = { clock: systemClock, random: systemRandom, logger: silentLogger, callTimeoutMs: 5000, callsInFlightMax: 16 }
  const connection = await openConnection({ ...defaults, ...options })
  ends.add(() => connection.close())
  return connection
}

async function child(...flags: string[]): Promise<ConnectionOptions['target']> {
  const { command, args } = await stdioServer('faulty-server', ...flags)
  return { type: 'stdio', command, args, env: {} }
}

const named = (...names: string[]): Double => new Double(Object.fromEntries(names.map((name) => [name, () => said('')])))

describe('the dialect', () => {
  test.each([
    ['ours', ['a', 'b', 'memory_usage', 'memory_store', ...ourNames]],
    ['claude-flow-v2', ['a', 'b', 'c', 'memory_store', 'memory_usage']],
    ['claude-flow-v3', ['a', 'b', 'c', 'memory_retrieve', 'memory_store', 'memory_commit']],
  ])('%s is found by the names of the tools, on whatever page, and no tool is called', async (dialect, names) => {
    const double = named(...names)
    expect((await connect(double)).dialect).toBe(dialect)
    expect(double.calls).toEqual([])
    expect(double.listed).toBe(Math.ceil(names.length / 2))
  })

  test('a server without a memory is refused, and told what it has', async () => {
    const error = await rejectsWith('not_supported', () => connect(named('search_graph', 'open_nodes')))
    expect(error.message).toContain('search_graph, open_nodes')
  })
})

describe('a call', () => {
  test('gives the texts, the structured answer and the told error as they are', async () => {
    const connection = await connect(
      ours({
        both: () => ({
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
          structuredContent: { n: 1 },
        }),
        bad: () => refused('conflict'),
      }),
    )
    expect(await connection.call('both', {})).toEqual({
      structured: { n: 1 },
      text: 'a\nb',
      isError: false,
      error: undefined,
      session: 1,
    })
    expect(await connection.call('bad', {})).toMatchObject({ isError: true, error: { code: 'conflict' } })
  })

  test('without an answer in time is given up: its outcome is unknown, or it could not be read', async () => {
    const clock = createVirtualClock()
    const double = ours({ silent: () => new Promise(() => {}) })
    const connection = await connect(double, { clock, random: createSeededRandom(1) })
    const write = clock.drive(rejectsWith('unknown_outcome', () => connection.call('silent', {})))
    expect((await write).message).toContain('within 5000 ms')
    expect(double.calls).toHaveLength(1)
    await clock.drive(rejectsWith('store_unavailable', () => connection.call('silent', {}, { isRepeatable: true })))
    expect(clock.pending).toBe(0)
  })

  test('that may wait on purpose has so much more time', async () => {
    const clock = createVirtualClock()
    const connection = await connect(ours({ silent: () => new Promise(() => {}) }), { clock })
    const sinceMs = clock.monotonicMs()
    await clock.drive(rejectsWith('unknown_outcome', () => connection.call('silent', {}, { waitMs: 25_000 })))
    expect(clock.monotonicMs() - sinceMs).toBe(30_000)
  })

  test('that the server refuses is not made again', async () => {
    const failing =
      (code: number): DoubleTool =>
      () =>
        Promise.reject(Object.assign(new Error('no'), { code }))
    const double = ours({ params: failing(-32602), internal: failing(-32603) })
    const connection = await connect(double)
    const read = { isRepeatable: true }
    expect((await rejectsWith('not_supported', () => connection.call('gone', {}, read))).message).toContain('unknown tool gone')
    await rejectsWith('invalid_value', () => connection.call('params', {}, read))
    await rejectsWith('store_unavailable', () => connection.call('internal', {}, read))
    await rejectsWith('unknown_outcome', () => connection.call('internal', {}))
    expect(double.calls).toEqual(['gone', 'params', 'internal', 'internal'])
  })

  test('that comes too early for a busy server is made again, a bounded number of times', async () => {
    const clock = createVirtualClock()
    let busy = 3
    const double = ours({
      sometimes: () => (busy-- > 0 ? refused('backpressure') : said('done')),
      never: () => refused('backpressure'),
    })
    const connection = await connect(double, { clock, random: createSeededRandom(1), callTimeoutMs: 60_000 })
    expect((await clock.drive(connection.call('sometimes', {}))).text).toBe('done')
    await clock.drive(rejectsWith('backpressure', () => connection.call('never', {})))
    expect(double.calls.filter((name) => name === 'never')).toHaveLength(callAttemptsMax)
  })
})

describe('calls at once', () => {
  test('are worked on a bounded number at a time, in the order of the calls', async () => {
    const { opened, open } = gate()
    const order: unknown[] = []
    const double = ours({
      slow: async ({ n }) => {
        order.push(n)
        await opened
        return said('')
      },
    })
    const connection = await connect(double, { callsInFlightMax: 3 })
    const calls = Array.from({ length: 10 }, (_, n) => connection.call('slow', { n }))
    await connection.call('memory_get', {}, { waitMs: 1 })
    expect(double.inFlight).toBe(3)
    open()
    await Promise.all(calls)
    expect(double.inFlightMost).toBe(4)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('that wait are bounded too: one more is refused', async () => {
    const { opened, open } = gate()
    const connection = await connect(ours({ slow: () => opened.then(() => said('')) }), { callsInFlightMax: 1 })
    const calls = Array.from({ length: callsWaitingMax + 1 }, () => connection.call('slow', {}))
    await createVirtualClock().settle()
    await rejectsWith('backpressure', () => connection.call('slow', {}))
    open()
    await Promise.all(calls)
  })

  test('whose callers gave up keep their place at the server, not in the queue', async () => {
    const { opened, open } = gate()
    const double = ours({ slow: () => opened.then(() => said('')) })
    const connection = await connect(double, { callsInFlightMax: 1 })
    const abort = new AbortController()
    const { signal } = abort
    const sent = connection.call('slow', {}, { signal })
    const waiting = connection.call('slow', {}, { signal })
    const other = connection.call('slow', {})
    const clock = createVirtualClock()
    await clock.settle()
    abort.abort()
    await rejectsWith('unknown_outcome', () => sent)
    await rejectsWith('aborted', () => waiting)
    await clock.settle()
    expect(double.calls).toHaveLength(1)
    open()
    await other
    expect(double.calls).toHaveLength(2)
  })
})

describe('closing', () => {
  test('ends calls under way and waiting, and refuses new ones; a client that was handed in stays open', async () => {
    const double = ours({ slow: () => new Promise(() => {}) })
    const client = await double.client()
    const connection = await connectTo({ target: { type: 'client', client }, callsInFlightMax: 1 })
    const read = { isRepeatable: true }
    const calls = [connection.call('slow', {}, read), connection.call('slow', {}, read)]
    const failures = Promise.all(calls.map((call) => rejectsWith('closed', () => call)))
    await createVirtualClock().settle()
    await connection.close()
    await failures
    await rejectsWith('closed', () => connection.call('slow', {}))
    expect((await client.listTools()).tools).not.toEqual([])
    await client.close()
  })
})

describe('a server that was started', () => {
  test('and writes more to stderr than a pipe holds goes on', async () => {
    const connection = await connectTo({ target: await child('chatty') })
    expect((await connection.call('shout', {})).text).toBe('shouted')
    expect((await connection.call('shout', {})).text).toBe('shouted')
  })

  test('and dies in a call leaves an unknown outcome, with its last words', async () => {
    const connection = await connectTo({ target: await child() })
    const error = await rejectsWith('unknown_outcome', () => connection.call('last_words', {}))
    expect(error.message).toContain('the disk is on fire')
  })

  test('and dies in a read is started again, and asked again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'memory-sync-test-'))
    ends.add(() => rmSync(directory, { recursive: true }))
    const connection = await connectTo({ target: await child() })
    const reply = await connection.call('die_once', { file: join(directory, 'died') }, { isRepeatable: true })
    expect(reply).toMatchObject({ text: 'alive', session: 2 })
  })

  test('is stopped with the connection, however stubborn it is', async () => {
    const connection = await connectTo({ target: await child('stubborn') })
    const pid = Number((await connection.call('pid', {})).text)
    expect(isAlive(pid)).toBe(true)
    await connection.close()
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false)
  })

  test('but cannot be: that is said at once, and not tried again', async () => {
    const target = { type: 'stdio', command: '/nowhere/memory-server', args: [], env: {} } as const
    const error = await rejectsWith('store_unavailable', () => connectTo({ target }))
    expect(error.retryable).toBe(false)
    expect(error.message).toContain('/nowhere/memory-server')
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
