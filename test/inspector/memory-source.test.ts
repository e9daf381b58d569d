import { describe, expect, it } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { createRuntime } from '../../src/index.ts'
import { followAgainMs, MemorySource, snapshotKeysMax, snapshotTasksMax } from '../../src/inspector/memory-source.ts'
import { OtherProcesses, othersMax } from '../../src/inspector/other-processes.ts'
import { Folder } from '../../src/inspector/page/model/fold.ts'
import { Present } from '../../src/inspector/present.ts'
import { Redaction } from '../../src/inspector/redaction.ts'
import { askAgainMs, WatchRequest } from '../../src/inspector/watch-request.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { MemoryChange, MemoryEvent } from '../../src/runtime/memory.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { inspectKey, inspectRenewMs } from '../../src/trace/beacon-keys.ts'
import type { TraceClient } from '../../src/trace/trace-source.ts'
import type { TraceAnnouncement } from '../../src/wire/inspector-api.ts'
import { isCut, redactedText, type TraceRecord, valueBytesMax } from '../../src/wire/trace-record.ts'
import { brief, Teller } from './records.ts'

function set(key: string, value: unknown = 1, revision = 1, ttl?: number): MemoryChange {
  const entry = { value, version: {}, timestamp: 1_700_000_000_000, workerId: 'w', ...(ttl === undefined ? {} : { ttl }) }
  return { type: 'set', key, value, revision, entry } as MemoryChange
}

describe('the memory as a source', () => {
  function follow(feeds: readonly (() => AsyncIterable<MemoryEvent>)[]) {
    const clock = createVirtualClock()
    const records: TraceRecord[] = []
    const reports: string[] = []
    let opened = 0
    const source = new MemorySource({
      clock,
      about: { source: 'm', workerId: 'w', incarnation: 'i', namespace: 'ns', store: 'memory:' },
      watch: () => (feeds[opened++] ?? silence)(),
      told: ({ entry }) => entry,
      append: (more) => records.push(...more),
      seen: () => {},
      report: (message) => reports.push(message),
    })
    return { clock, records, reports, source, opened: () => opened }
  }
  async function* silence(): AsyncGenerator<MemoryEvent> {
    await new Promise(() => {})
  }
  const feed = (events: readonly MemoryEvent[], end: 'stays' | Error | null = 'stays') =>
    async function* (): AsyncGenerator<MemoryEvent> {
      yield* events
      if (end === 'stays') yield* silence()
      else if (end !== null) throw end
    }
  const caughtUp: MemoryEvent = { type: 'caught-up', revision: 1 }

  it('tells what lies there as a snapshot, then what changes, numbered without a hole', async () => {
    const { records, source } = follow([feed([set('a'), caughtUp, set('b', 2, 2)])])
    await source.start()
    await new Promise((resolve) => setImmediate(resolve))
    expect(records.map(brief)).toEqual(['source', 'a = 1', 'b = 2'])
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(records[1]).toHaveProperty('isSnapshot', true)
    expect(records[2]).not.toHaveProperty('isSnapshot')
    source.stop()
  })

  it('tells a gap and begins again when the feed breaks, and reports a lasting fault once', async () => {
    const fault = () => feed([], new MemorySyncError('store_unavailable', 'the disk is gone'))
    const { clock, records, reports, source, opened } = follow([fault(), fault(), feed([set('a'), caughtUp])])
    await source.start()
    await clock.advance(2 * followAgainMs)
    expect(records.map(brief)).toEqual(['source', 'gap null disconnected', 'gap null disconnected', 'source', 'a = 1'])
    expect(reports).toHaveLength(1)
    source.stop()
    await clock.advance(10 * followAgainMs)
    expect(opened()).toBe(3)
  })

  it('is another life behind a gap, so that what was deleted meanwhile is not kept', async () => {
    const { records, source } = follow([feed([set('a'), set('gone'), caughtUp, { type: 'reset' }, set('a'), caughtUp])])
    await source.start()
    await new Promise((resolve) => setImmediate(resolve))
    expect(records.map(brief)).toEqual(['source', 'a = 1', 'gone = 1', 'gap null slow-watcher', 'source', 'a = 1'])
    const page = new Folder()
    const late = new Present()
    for (const record of records) {
      late.apply(record)
      page.fold(record)
    }
    expect([...page.state.entries.keys()]).toEqual(['a'])
    expect(late.records().flatMap((record) => (record.type === 'change' ? [record.key] : []))).toEqual(['a'])
    source.stop()
  })

  it('is lost with its runtime', async () => {
    const { clock, records, source } = follow([feed([], new MemorySyncError('closed', 'the runtime was shut down'))])
    await source.start()
    expect(records.map(brief)).toEqual(['source', 'source.lost'])
    expect(clock.pending).toBe(0)
  })

  it('tells no more than it may of a large memory, leaves room behind the tasks, and says how much is missing', async () => {
    const tasks = Array.from({ length: snapshotTasksMax + 5 }, (_, n) => set(`ns/tasks/${n}/record`))
    const more = Array.from({ length: snapshotKeysMax - snapshotTasksMax + 3 }, (_, n) => set(`ns/workers/${n}/status`))
    const { records, source } = follow([feed([...tasks, ...more, caughtUp])])
    await source.start()
    expect(records).toHaveLength(2 + snapshotKeysMax)
    expect(records.filter((record) => record.type === 'change' && record.key.startsWith('ns/workers/'))).toHaveLength(10_000)
    expect(records.map(brief)).toContain('gap 8 limit')
    source.stop()
  })
})

describe('what may be told', () => {
  const announcement: TraceAnnouncement = {
    url: 'http://127.0.0.1:1/trace',
    token: 'a-token-of-24-characters',
    incarnation: 'i',
    host: 'h',
    pid: 1,
  }
  const entryOf = (value: unknown) => set('k', value).entry

  it('is cut to its bound', () => {
    const redaction = new Redaction('ns', undefined, () => {})
    const { value } = redaction.cutEntry('k', entryOf('x'.repeat(2 * valueBytesMax)))
    expect(isCut(value)).toBe(true)
    expect(JSON.stringify(value).length).toBeLessThan(valueBytesMax)
    expect(redaction.cutEntry('k', entryOf({ small: 1 })).value).toEqual({ small: 1 })
    const large = { status: 'pending', input: 'x'.repeat(2 * valueBytesMax), attempts: 1 }
    const told = redaction.cutEntry('k', entryOf(large)).value as Record<string, unknown>
    expect(told).toMatchObject({ status: 'pending', attempts: 1 })
    expect(isCut(told.input)).toBe(true)
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`m${index}`, 'x'.repeat(100)]))
    expect(isCut(redaction.cutEntry('k', entryOf(many)).value)).toBe(true)
    // Uncut where the whole entry was asked for.
    expect(redaction.entry('k', entryOf('x'.repeat(9000))).value).toHaveLength(9000)
  })

  it('is never the token of a process', () => {
    const redaction = new Redaction('ns', undefined, () => {})
    const told = redaction.entry('ns/workers/w/inspector', entryOf(announcement))
    expect(told.value).toEqual({ ...announcement, token: redactedText })
    expect(JSON.stringify(redaction.cutEntry('ns/workers/w/inspector', entryOf(announcement)))).not.toContain('a-token')
  })

  it('is what the hook lets pass, of the memory and of other processes; when it throws, nothing, and that is reported once', () => {
    const reports: string[] = []
    const hide = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('secret', '***')) as never
    const redaction = new Redaction('ns', hide, () => {})
    expect(redaction.entry('k', entryOf({ password: 'secret' })).value).toEqual({ password: '***' })
    const record = new Teller().taken('task/1', 'x', {
      event: { type: 'to.secret', secret: 'secret' },
      context: 'secret',
      actions: [{ type: 'a', params: 'secret' }],
      writes: [{ key: 'k', value: 'secret' }, { key: 'gone' }],
    })
    const told = redaction.record(record)
    // The type says which edge it was: it is kept.
    expect(told).toMatchObject({
      event: { type: 'to.secret', '***': '***' },
      context: '***',
      writes: [{ value: '***' }, { key: 'gone' }],
    })
    const failing = new Redaction(
      'ns',
      () => JSON.parse('{'),
      ({ message }) => reports.push(message),
    )
    for (let n = 0; n < 3; n++) expect(failing.entry('k', entryOf('secret')).value).toBe(redactedText)
    expect(failing.record(record)).toMatchObject({ event: { type: 'to.secret', value: redactedText }, context: redactedText })
    expect(reports).toEqual([expect.stringContaining('redaction hook threw')])
  })
})

describe('the request to tell', () => {
  async function asking(watcher: string, allowsActions = false, store = 'memory:') {
    const clock = createVirtualClock()
    const runtime = createRuntime({ store, clock, logger: silentLogger, workerId: watcher })
    await runtime.ready()
    const { memory } = runtime
    const parts = { clock, memory, namespace: 'task-sentinel', nowMs: () => clock.wallMs(), report: () => {} }
    const request = (name: string, allows: boolean) =>
      new WatchRequest({ ...parts, request: { watcher: name, allowsActions: allows } })
    const stored = () => memory.get(inspectKey('task-sentinel'))
    return { clock, runtime, request: request(watcher, allowsActions), other: request, stored }
  }

  it('lives while somebody watches, and not a moment longer', async () => {
    const { clock, runtime, request, stored } = await asking('one')
    await clock.drive(request.start())
    for (let n = 0; n < 10; n++) {
      await clock.advance(inspectRenewMs)
      expect(await stored()).toEqual({ watcher: 'one', allowsActions: false })
    }
    await clock.drive(request.stop())
    expect(await stored()).toBeNull()
    await clock.drive(runtime.shutdown())
  })

  it('expires soon when its writer dies, and not between two renewals', async () => {
    const { clock, runtime, request } = await asking('one')
    await clock.drive(request.start())
    const { entry } = (await runtime.memory.entry(inspectKey('task-sentinel'))) ?? {}
    expect(entry?.ttl).toBeGreaterThan((2 * inspectRenewMs) / 1000)
    expect(entry?.ttl).toBeLessThanOrEqual(30)
    await clock.drive(request.stop())
    await clock.drive(runtime.shutdown())
  })

  it('is made again when a process writes for the first time, which has not heard of it', async () => {
    const { clock, runtime, request } = await asking('one')
    await clock.drive(request.start())
    const revision = async () => (await runtime.memory.entry(inspectKey('task-sentinel')))?.revision
    const first = await revision()
    const by = (incarnation: string): MemoryChange => {
      const change = set('any/key')
      return { ...change, entry: { ...change.entry, x: { v: 1, d: ['w', 1, incarnation] } } }
    }
    request.changed(by('new'))
    request.changed(by('newer'))
    await clock.advance(askAgainMs + 10)
    const second = await revision()
    expect(second).toBe((first ?? 0) + 1)
    request.changed(by('new'))
    request.changed(set('of/a/foreign/writer'))
    await clock.advance(askAgainMs + 10)
    expect(await revision()).toBe(second)
    await clock.drive(request.stop())
    await clock.drive(runtime.shutdown())
    expect(clock.pending).toBe(0)
  })

  it('of two is renewed by both, and goes with the last', async () => {
    const { clock, runtime, request, other, stored } = await asking('one')
    const second = other('two', false)
    await clock.drive(request.start())
    await clock.drive(second.start())
    expect(await stored()).toMatchObject({ watcher: 'two' })
    await clock.drive(request.stop())
    expect(await stored()).toMatchObject({ watcher: 'two' })
    await clock.drive(second.stop())
    expect(await stored()).toBeNull()
    await clock.drive(runtime.shutdown())
  })

  it('that allows more stays while it lives, and what was behind it takes its place at once', async () => {
    const { clock, runtime, request, other, stored } = await asking('one', true)
    const second = other('two', false)
    await clock.drive(request.start())
    await clock.drive(second.start())
    for (let n = 0; n < 6; n++) {
      await clock.advance(inspectRenewMs)
      expect(await stored()).toEqual({ watcher: 'one', allowsActions: true })
    }
    await clock.drive(request.stop())
    second.changed({ ...set(inspectKey('task-sentinel')), type: 'delete' } as MemoryChange)
    await clock.settle()
    await clock.advance(1)
    expect(await stored()).toEqual({ watcher: 'two', allowsActions: false })
    await clock.drive(second.stop())
    await clock.drive(runtime.shutdown())
  })

  it('of one that allows more takes the place of one that allows less', async () => {
    const { clock, runtime, request, other, stored } = await asking('one', false)
    const second = other('two', true)
    await clock.drive(request.start())
    await clock.drive(second.start())
    expect(await stored()).toEqual({ watcher: 'two', allowsActions: true })
    await clock.drive(Promise.all([request.stop(), second.stop()]))
    await clock.drive(runtime.shutdown())
  })
})

describe('other processes', () => {
  function watching() {
    const clock = createVirtualClock()
    const clients: { told: (TraceAnnouncement | null)[]; isStopped: boolean; state: TraceClient['state'] }[] = []
    const reports: string[] = []
    const others = new OtherProcesses({
      clock,
      namespace: 'ns',
      incarnation: 'own',
      nowMs: () => clock.wallMs(),
      report: (message) => reports.push(message),
      newClient: () => {
        const client = { told: [] as (TraceAnnouncement | null)[], isStopped: false, state: 'live' as TraceClient['state'] }
        clients.push(client)
        return {
          get state() {
            return client.state
          },
          get source() {
            return client.told.at(-1)?.incarnation ?? null
          },
          announced: (announcement) => void client.told.push(announcement),
          send: () => Promise.resolve(),
          stop: () => {
            client.isStopped = true
          },
        }
      },
    })
    const announce = (worker: string, incarnation: string, more: object = {}) =>
      others.changed(
        set(
          `ns/workers/${worker}/inspector`,
          { url: 'http://127.0.0.1:1/trace', token: 'a-token-of-24-characters', incarnation, host: 'h', pid: 1, ...more },
          1,
          15,
        ),
      )
    return { clock, clients, reports, others, announce }
  }

  it('are heard from their announcement to its end, by one client each', async () => {
    const { clock, clients, others, announce } = watching()
    announce('w', 'i1')
    announce('w', 'i1')
    announce('v', 'i2')
    expect(clients.map(({ told }) => told.length)).toEqual([2, 1])
    expect(others.clientOf('i2')?.source).toBe('i2')
    expect(others.clientOf('i3')).toBeNull()
    others.changed({ ...set('ns/workers/v/inspector'), type: 'delete' } as MemoryChange)
    expect(clients[1]?.told.at(-1)).toBeNull()
    others.stop()
    expect(clients.every(({ isStopped }) => isStopped)).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('that do not renew are told to be over when their announcement expires', async () => {
    const { clock, clients, announce } = watching()
    announce('w', 'i1')
    await clock.advance(14_999)
    expect(clients[0]?.told).toHaveLength(1)
    await clock.advance(2)
    expect(clients[0]?.told).toEqual([expect.objectContaining({ incarnation: 'i1' }), null])
  })

  it('are not the own one, nor what lies elsewhere, nor what would lead to another machine', () => {
    const { clients, others, announce } = watching()
    announce('w', 'own')
    announce('v', 'i', { url: 'http://10.0.0.1:1/trace' })
    announce('v', 'i', { url: 'http://127.0.0.1.evil.example:1/trace' })
    others.changed(set('ns/workers/a/b/inspector'))
    others.changed(set('ns/workers/a/status'))
    expect(clients).toHaveLength(0)
  })

  it('have a bound; those that are gone make room', () => {
    const { clients, reports, announce } = watching()
    for (let n = 0; n < othersMax + 3; n++) announce(`w${n}`, `i${n}`)
    expect(clients).toHaveLength(othersMax)
    expect(reports).toHaveLength(1)
    const [first] = clients
    if (first !== undefined) first.state = 'idle'
    announce('new', 'new')
    expect(clients).toHaveLength(othersMax + 1)
    expect(first?.isStopped).toBe(true)
  })
})
