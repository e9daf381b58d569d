import { afterEach, describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { pagesMax } from '../../src/inspector/serve-inspector.ts'
import type { SourceRecord, TraceRecord } from '../../src/wire/trace-record.ts'
import { type EventClient, InspectorFixture } from './inspector-fixture.ts'
import { brief } from './records.ts'

const fixture = new InspectorFixture()
afterEach(() => fixture.end())

const isChange = (key: string) => (record: TraceRecord) => record.type === 'change' && record.key === key
const isSource = (kind: SourceRecord['kind']) => (record: TraceRecord) => record.type === 'source' && record.kind === kind
const isLive = ({ signs }: EventClient): boolean => signs.includes('live')

/** Per source: numbers rise by one, except behind a gap; a beginning repeats the newest number. */
function holesIn(records: readonly TraceRecord[]): string[] {
  const lastBySource = new Map<string, number>()
  const holes: string[] = []
  for (const { source, seq } of records) {
    const last = lastBySource.get(source)
    if (last !== undefined && seq > last + 1) holes.push(`${source}: ${last} -> ${seq}`)
    lastBySource.set(source, Math.max(last ?? 0, seq))
  }
  return holes
}

describe('what a page is told', () => {
  it('begins with what there is: the process, its charts and live actors, and the memory', async () => {
    const { runtime, stream } = await fixture.serve()
    runtime.spawnWorker({ id: 'w', handlers: { greet: async () => 'hello' } })
    const task = await runtime.submit({ id: 't1', type: 'greet' })
    await task.result()
    await runtime.memory.set('elsewhere/key', { a: 1 })
    const page = await stream()
    await page.until(isLive)
    const { records } = page
    const own = records.find(isSource('process'))
    expect(own).toMatchObject({ source: runtime.incarnation, workerId: runtime.workerId, pid: process.pid })
    expect(records.some(isSource('memory'))).toBe(true)
    const actors = records.filter((record) => record.type === 'actor').map(({ address }) => address)
    expect(actors).toEqual(expect.arrayContaining(['batch-writer', 'circuit-breaker', 'sync', 'worker/w']))
    const charts = records.filter((record) => record.type === 'chart').map(({ chart }) => chart.id)
    expect(charts).toEqual(expect.arrayContaining(['batch-writer', 'worker']))
    for (const key of ['elsewhere/key', 'task-sentinel/tasks/t1/record']) {
      expect(records.find(isChange(key))).toMatchObject({ isSnapshot: true })
    }
  })

  it('goes on with every transition and every change, numbered without a hole', async () => {
    const { runtime, stream } = await fixture.serve()
    runtime.spawnWorker({ id: 'w', handlers: { greet: async (task) => task.input } })
    const page = await stream()
    await page.until(isLive)
    const ids = Array.from({ length: 50 }, (_, n) => `t${n}`)
    const tasks = await Promise.all(ids.map((id) => runtime.submit({ id, type: 'greet', input: id })))
    await Promise.all(tasks.map((task) => task.result()))
    for (const id of ids) {
      await page.record((record) => record.type === 'transition' && record.address === `task/${id}` && record.to === 'completed')
      await page.record(isChange(`task-sentinel/tasks/${id}/result`))
    }
    expect(holesIn(page.records)).toEqual([])
    expect(page.records.some((record) => record.type === 'gap')).toBe(false)
  })

  it('goes on behind its place after a broken connection, without a gap and without a repetition', async () => {
    const { runtime, stream } = await fixture.serve()
    const first = await stream()
    await first.until(isLive)
    await runtime.memory.set('a', 1)
    await first.record(isChange('a'))
    first.close()
    await runtime.memory.set('b', 1)
    const second = await stream(first.lastId)
    await second.record(isChange('b'))
    await runtime.memory.set('c', 1)
    await second.record(isChange('c'))
    await second.until(isLive)
    expect(second.signs).toEqual(['live'])
    expect(second.records.filter(isChange('a'))).toEqual([])
    expect(holesIn([...first.records, ...second.records])).toEqual([])
    const changes = [...first.records, ...second.records].filter(({ type }) => type === 'change').map(brief)
    expect(changes.filter((text) => /^[abc] = /.test(text))).toEqual(['a = 1', 'b = 1', 'c = 1'])
  })

  it('is how much was lost when its place is gone, and then all that is kept', async () => {
    const { runtime, inspector, stream } = await fixture.serve({ recordsMax: 1000 })
    const first = await stream()
    await first.until(isLive)
    first.close()
    const place = Number(first.lastId.split(':')[1])
    await Promise.all(Array.from({ length: 1500 }, (_, n) => runtime.memory.set(`k/${n}`, n)))
    await runtime.memory.set('last', 1)
    const { recorder } = inspector.session
    while (!inspector.session.recorder?.now().some(isChange('last'))) await new Promise((resolve) => setImmediate(resolve))
    const oldest = recorder?.first ?? 0
    expect(oldest).toBeGreaterThan(place)
    const second = await stream(first.lastId)
    await second.until(isLive)
    const [reset, live] = second.signs
    const lost = Number(/^reset {"lost":(\d+)}$/.exec(reset ?? '')?.[1])
    expect(live).toBe('live')
    // More may have gone since.
    expect(place + lost).toBeGreaterThanOrEqual(oldest)
    expect(place + lost).toBeLessThanOrEqual(recorder?.first ?? 0)
    expect(second.records.filter(isChange('last'))).toHaveLength(1)
  })

  it('of a server that was started again is that nobody knows what was lost', async () => {
    const { stream } = await fixture.serve()
    for (const place of ['otherepoch:5', 'no place']) {
      const page = await stream(place)
      await page.until(isLive)
      expect(page.signs).toEqual(['reset {"lost":null}', 'live'])
    }
  })

  it('may be asked for in the address, too', async () => {
    const { origin, runtime, stream } = await fixture.serve()
    const first = await stream()
    await first.until(isLive)
    const { EventClient } = await import('./inspector-fixture.ts')
    const second = await EventClient.open(`${origin}/api/events?after=${encodeURIComponent(first.lastId)}`, {
      authorization: 'Bearer a-token-of-24-characters',
    })
    await runtime.memory.set('a', 1)
    await second.record(isChange('a'))
    await second.until(isLive)
    expect(second.signs).toEqual(['live'])
    second.close()
  })

  it('has no value that could become markup: values are JSON in an event stream, never a page', async () => {
    const hostile = '</script><script>alert(1)</script>\n\ndata: [{"type":"gap"}]\u2028\r\n'
    const { runtime, get, stream } = await fixture.serve()
    await runtime.memory.set('hostile', { [hostile]: hostile })
    const page = await stream()
    const record = await page.record(isChange('hostile'))
    expect(record).toMatchObject({ entry: { value: { [hostile]: hostile } } })
    expect(page.records.some(({ type }) => type === 'gap')).toBe(false)
    for (const path of ['/api/entry?key=hostile', '/api/export', '/']) {
      const { headers, text } = await get(path)
      if (path === '/') expect(text).not.toContain('alert')
      else expect(headers['content-type']).toMatch(/^application\/(json|x-ndjson)$/)
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
  })
})

describe('what a page may ask', () => {
  it('an entry, whole and uncut', async () => {
    const { runtime, get } = await fixture.serve()
    const { revision } = await runtime.memory.set('a/b', 'x'.repeat(50_000))
    const { status, text } = await get('/api/entry?key=a%2Fb')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      key: 'a/b',
      revision,
      entry: { value: 'x'.repeat(50_000), workerId: runtime.workerId },
    })
    expect((await get('/api/entry?key=nothing')).status).toBe(404)
    expect((await get('/api/entry?key=a//b')).status).toBe(404)
  })

  it('why a task is where it is', async () => {
    const { runtime, get } = await fixture.serve()
    await runtime.submit({ id: 't1', type: 'nobody-takes-it' })
    expect(JSON.parse((await get('/api/explain?task=t1')).text)).toMatchObject({ id: 't1', state: 'pending' })
    expect((await get('/api/explain?task=t2')).status).toBe(404)
  })

  it('why a task is where it is, but not where values are redacted: it would quote them', async () => {
    const { runtime, get } = await fixture.serve({ redact: (value) => value as Json })
    await runtime.submit({ id: 't1', type: 'nobody-takes-it' })
    const { status, text } = await get('/api/explain?task=t1')
    expect([status, JSON.parse(text).error.code]).toEqual([409, 'not_supported'])
  })

  it('the session so far, as lines that explain themselves', async () => {
    const { runtime, get, stream } = await fixture.serve()
    const page = await stream()
    await page.until(isLive)
    await runtime.memory.set('a', 1)
    await page.record(isChange('a'))
    const { headers, text } = await get('/api/export')
    expect(headers['content-disposition']).toContain('.jsonl')
    const [head, ...records] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(head).toMatchObject({ format: 1, namespace: 'task-sentinel', store: 'memory:' })
    expect(records[0]).toMatchObject({ type: 'source' })
    expect((records as TraceRecord[]).filter(isChange('a'))).toHaveLength(1)
  })
})

describe('watching', () => {
  it('begins with the first page: before it nothing is attached, and its end ends it', async () => {
    const { runtime, inspector, stream } = await fixture.serve()
    let watches = 0
    const { trace } = runtime.inside
    const { watch } = trace
    trace.watch = (...args) => {
      watches++
      return watch.apply(trace, args)
    }
    await runtime.memory.set('a', 1)
    expect(inspector.session.recorder).toBeNull()
    expect(watches).toBe(0)
    const connected = inspector.pageConnected()
    const [one, two] = await Promise.all([stream(), stream()])
    await Promise.all([one.until(isLive), two.until(isLive), connected])
    expect(watches).toBe(1)
    await inspector.close()
    await expect(one.until(() => false)).rejects.toThrow('the stream ended')
    expect(inspector.session.recorder).toBeNull()
    await expect(inspector.session.join()).rejects.toMatchObject({ code: 'closed' })
    // The runtime goes on.
    await runtime.memory.set('a', 2)
  })

  it('records from the start where it was asked to', async () => {
    const { runtime, inspector } = await fixture.serve({ recordAlways: true })
    await runtime.memory.set('a', 1)
    while (!inspector.session.recorder?.now().some(isChange('a'))) await new Promise((resolve) => setImmediate(resolve))
  })

  it('has a bound of pages; one more is refused, and a place becomes free', async () => {
    const { stream } = await fixture.serve()
    const pages = await Promise.all(Array.from({ length: pagesMax }, () => stream()))
    await expect(stream()).rejects.toThrow('refused with 503')
    pages[0]?.close()
    for (;;) {
      const page = await stream().catch(() => null)
      if (page !== null) break
    }
  })

  it('keeps little for a page that does not read, and tells it what it missed', async () => {
    const { runtime, inspector, stream } = await fixture.serve({ recordsMax: 1000, bytesMax: 1024 * 1024 })
    const page = await stream()
    await page.until(isLive)
    page.pause()
    const value = 'x'.repeat(3000)
    for (let n = 0; n < 20; n++) {
      await Promise.all(Array.from({ length: 500 }, (_, m) => runtime.memory.set(`k/${m}`, `${n} ${value}`)))
    }
    expect(inspector.session.recorder?.bytes).toBeLessThanOrEqual(1024 * 1024)
    await runtime.memory.set('last', 1)
    page.resume()
    await page.record(isChange('last'))
    await page.until(({ signs }) => signs.some((sign) => sign.startsWith('reset')))
    expect(holesIn(page.records).length).toBeGreaterThan(0)
  })
})
