/** The page's app: what is shown, when it changes, time travel, files, and asking the server. */
import { describe, expect, it } from 'vitest'
import { createApp, type PageApp } from '../../../src/inspector/page/create-app.ts'
import type { ActorRecord, ProblemRecord, SourceRecord, TraceRecord } from '../../../src/wire/trace-record.ts'
import { FakeBrowser, settled } from './fake-browser.ts'

const startMs = 1_700_000_000_000

const source: SourceRecord = {
  type: 'source',
  kind: 'process',
  source: 'a',
  seq: 1,
  atMs: startMs,
  workerId: 'worker-a',
  incarnation: 'i',
  pid: 1,
  host: 'h',
  namespace: 'shop',
  store: 'memory:',
}

function actor(seq: number): ActorRecord {
  return {
    type: 'actor',
    source: 'a',
    seq,
    atMs: startMs + seq * 1000,
    address: `task/${seq}`,
    chartId: null,
    parent: null,
    state: 'pending',
    context: {},
    restarts: 0,
  }
}

function problem(seq: number): ProblemRecord {
  return { type: 'problem', source: 'a', seq, atMs: startMs + seq * 1000, code: 'conflict', message: 'x' }
}

async function setUp(allowsActions = true) {
  const browser = new FakeBrowser()
  const session = {
    format: 1,
    version: '1',
    namespace: 'shop',
    store: 's',
    servedBy: 'w',
    allowsActions,
    nowMs: startMs + 60_000,
  }
  let reply: { status: number; text: string } | null = { status: 200, text: '{"ok":true,"message":"done"}' }
  browser.answer = (path) => (path === 'api/session' ? { status: 200, text: JSON.stringify(session) } : reply)
  const app = createApp(browser)
  app.connect()
  await settled()
  const tell = (...records: TraceRecord[]) =>
    browser.stream.listener.onMessage('message', JSON.stringify(records), `e:${records.at(-1)?.seq}`)
  const live = () => browser.stream.listener.onMessage('live', '{}', 'e:0')
  /** Until nothing is left to do. */
  const frames = () => {
    for (let frame = 0; frame < 20 && browser.frames > 0; frame++) browser.frame()
  }
  tell(source, actor(2), actor(3), actor(4))
  live()
  frames()
  return { browser, app, tell, live, frames, answer: (next: typeof reply) => (reply = next) }
}

const addresses = (app: PageApp) => [...app.state.value.actors.values()].map((view) => view.address).sort()

describe('what is shown', () => {
  it('changes once a frame, however many messages came', async () => {
    const { browser, app, tell, frames } = await setUp()
    let changes = 0
    const stop = app.state.subscribe(() => changes++)
    changes = 0
    for (let seq = 5; seq < 25; seq++) tell(actor(seq))
    expect(changes).toBe(0)
    browser.frame()
    expect(changes).toBe(1)
    frames()
    expect(app.state.value.actors.size).toBe(23)
    stop()
  })

  it('rests as long as the last change took to be drawn', async () => {
    const { browser, app, tell } = await setUp()
    let changes = 0
    const stop = app.state.subscribe(() => {
      changes++
      browser.ms += 400
    })
    changes = 0
    tell(actor(5))
    browser.frame()
    expect(changes).toBe(1)
    tell(actor(6))
    browser.frame()
    browser.frame()
    expect(changes).toBe(1)
    browser.ms += 400
    browser.frame()
    expect(changes).toBe(2)
    stop()
  })

  it('goes on once a second while the page is hidden', async () => {
    const { browser, app, tell, frames } = await setUp()
    tell(actor(5))
    browser.setHidden(true)
    expect(browser.frames).toBe(0)
    browser.pass(999)
    expect(addresses(app)).not.toContain('task/5')
    browser.pass(1)
    expect(addresses(app)).toContain('task/5')
    tell(actor(6))
    browser.setHidden(false)
    frames()
    expect(addresses(app)).toContain('task/6')
  })

  it('has the server’s time when it is live, and the record’s in the past', async () => {
    const { browser, app, frames } = await setUp()
    const aheadMs = app.nowMs.value - browser.ms
    browser.pass(2000)
    expect(app.nowMs.value - browser.ms).toBe(aheadMs)
    app.position.value = 2
    frames()
    expect(app.nowMs.value).toBe(startMs + 2000)
  })

  it('takes what the server no longer knows as a gap, and its actors as lost until they are told again', async () => {
    const { browser, app, tell, frames } = await setUp()
    const status = (address: string) => app.state.value.actors.get(`a|${address}`)?.status
    browser.stream.listener.onMessage('reset', '{"lost":7}', '')
    frames()
    expect(app.state.value.lost).toBe(7)
    expect(app.state.value.sources.get('a')?.isLost).toBe(true)
    expect(status('task/3')).toBe('lost')
    expect(app.markers.value.map(({ kind }) => kind)).toContain('gap')
    tell({ ...source, incarnation: 'j' }, actor(3))
    frames()
    expect(app.state.value.sources.get('a')?.isLost).toBe(false)
    expect(status('task/3')).toBe('active')
    expect(status('task/4')).toBe('lost')
  })
})

describe('time travel', () => {
  it('shows the chosen place while records come in, and goes back to live', async () => {
    const { app, tell, frames } = await setUp()
    app.togglePause()
    expect(app.position.value).toBe(4)
    tell(actor(5))
    frames()
    expect(addresses(app)).toEqual(['task/2', 'task/3', 'task/4'])
    app.step(-1)
    frames()
    expect(addresses(app)).toEqual(['task/2', 'task/3'])
    app.togglePause()
    frames()
    expect(app.position.value).toBe(null)
    expect(addresses(app)).toContain('task/5')
  })

  it('never steps out of the recording', async () => {
    const { app } = await setUp()
    app.step(-100)
    expect(app.position.value).toBe(0)
    app.step(100)
    expect(app.position.value).toBe(4)
  })

  it('plays at the chosen speed and ends live', async () => {
    const { browser, app, frames } = await setUp()
    app.position.value = 1
    frames()
    app.playback.speed.value = 10
    app.playback.play()
    // The next record came two seconds later: a tenth of that at this speed.
    for (let ms = 0; ms < 160; ms += 16) browser.frame()
    expect(app.position.value).toBe(1)
    for (let ms = 0; ms < 240; ms += 16) browser.frame()
    expect(app.position.value).toBe(4)
    browser.frame()
    expect(app.position.value).toBe(null)
    expect(app.playback.isPlaying.value).toBe(false)
  })

  it('leaves a silence out that would be too long to watch', async () => {
    const { browser, app, tell, frames } = await setUp()
    tell({ ...problem(5), atMs: startMs + 3_600_000 })
    frames()
    app.position.value = 4
    frames()
    app.playback.play()
    browser.frame()
    expect(app.position.value).toBe(5)
  })
})

describe('acting', () => {
  const cancel = { type: 'task.cancel', task: '1', reason: 'x' } as const

  it('is possible only live, and only where the server allows it', async () => {
    const { app, browser } = await setUp()
    expect(app.canAct.value).toBe(true)
    app.position.value = 1
    expect(app.canAct.value).toBe(false)
    app.goLive()
    expect(app.canAct.value).toBe(true)
    browser.stream.listener.onEnd()
    expect(app.canAct.value).toBe(false)
    expect((await setUp(false)).app.canAct.value).toBe(false)
  })

  it('gives the server’s reply, and says that nobody knows when there is none', async () => {
    const { app, browser, answer } = await setUp()
    expect(await app.act(cancel)).toEqual({ ok: true, message: 'done' })
    expect(browser.requests.at(-1)).toEqual({ method: 'POST', path: 'api/actions', body: JSON.stringify(cancel) })
    answer({ status: 409, text: '{"error":{"code":"conflict","message":"it ended"}}' })
    expect(await app.act(cancel)).toEqual({ error: { code: 'conflict', message: 'it ended' } })
    answer(null)
    expect(await app.act(cancel)).toMatchObject({ error: { code: 'unknown_outcome' } })
    answer({ status: 502, text: 'null' })
    expect(await app.act(cancel)).toMatchObject({ error: { code: 'unknown_outcome' } })
  })

  it('asks for whole entries and explanations, and gives null where there are none', async () => {
    const { app, browser, answer } = await setUp()
    answer({ status: 200, text: '{"key":"a/b"}' })
    expect(await app.fetchEntry('a/b c')).toEqual({ key: 'a/b' })
    expect(browser.requests.at(-1)?.path).toBe('api/entry?key=a%2Fb%20c')
    answer({ status: 404, text: '{"error":{}}' })
    expect(await app.fetchEntry('a')).toBe(null)
    answer(null)
    expect(await app.explain('1')).toBe(null)
  })
})

describe('the pane', () => {
  it('is the one that was shown last, when the page is loaded again', async () => {
    const { browser, app } = await setUp()
    expect(app.pane.value).toBe('actors')
    app.pane.value = 'tasks'
    expect(createApp(browser).pane.value).toBe('tasks')
    browser.keep('pane', 'of another version')
    expect(createApp(browser).pane.value).toBe('actors')
  })
})

describe('session files', () => {
  async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield new TextEncoder().encode(text)
  }
  const open = async ({ browser, app, frames }: Awaited<ReturnType<typeof setUp>>, ...texts: string[]) => {
    const opened = app.openSession('some.jsonl', chunks(...texts))
    let isOpen = true
    void opened.finally(() => {
      isOpen = false
    })
    while (isOpen) {
      browser.pass(1)
      await settled()
    }
    frames()
  }

  it('stops bringing in a file when another one was opened meanwhile', async () => {
    const here = await setUp()
    here.app.exportSession()
    const text = here.browser.downloads[0]?.text ?? ''
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(text)
      await released
      yield new TextEncoder().encode(text.slice(text.indexOf('\n') + 1))
    }
    const opening = here.app.openSession('slow.jsonl', slow())
    for (let turns = 0; here.app.connection.value.type !== 'recorded' && turns < 100; turns++) {
      here.browser.pass(1)
      await settled()
    }
    await open(here, text)
    const { endPosition } = here.app.recording
    release()
    let isOpen = true
    void opening.finally(() => {
      isOpen = false
    })
    while (isOpen) {
      here.browser.pass(1)
      await settled()
    }
    expect(here.app.connection.value).toEqual({ type: 'recorded', name: 'some.jsonl', isServed: false })
    expect(here.app.recording.endPosition).toBe(endPosition)
  })

  it('does not take the place of a session that nobody else has before the user was told, or has saved it', async () => {
    const there = await setUp()
    there.app.exportSession()
    const text = there.browser.downloads[0]?.text ?? ''
    const lose = async () => {
      const here = await setUp()
      here.browser.answer = () => null
      here.browser.stream.listener.onEnd()
      await settled()
      expect(here.app.connection.value.type).toBe('disconnected')
      return here
    }
    const warned = await lose()
    await open(warned, text)
    expect(warned.app.connection.value.type).toBe('disconnected')
    expect(warned.app.notice.value).toContain('Save it first; or open some.jsonl once more')
    await open(warned, text)
    expect(warned.app.connection.value).toMatchObject({ type: 'recorded', name: 'some.jsonl' })
    expect(warned.app.notice.value).toBe(null)
    const saved = await lose()
    saved.app.exportSession()
    await open(saved, text)
    expect(saved.app.connection.value).toMatchObject({ type: 'recorded', name: 'some.jsonl' })
  })

  it('tells how much of it was read, until all was', async () => {
    const here = await setUp()
    here.app.exportSession()
    const text = here.browser.downloads[0]?.text ?? ''
    const told = new Set<string>()
    const stop = here.app.reading.subscribe((reading) => void told.add(JSON.stringify(reading)))
    await open(here, text.slice(0, 200), text.slice(200))
    stop()
    expect([...told]).toEqual([
      'null',
      '{"name":"some.jsonl","bytes":200}',
      `{"name":"some.jsonl","bytes":${new TextEncoder().encode(text).length}}`,
    ])
    expect(here.app.reading.value).toBe(null)
  })

  it('is shown at once by a server that has one and no runtime, and again when another file is closed', async () => {
    const there = await setUp()
    there.app.exportSession()
    const text = there.browser.downloads[0]?.text ?? ''
    const here = await setUp()
    const { browser, app } = here
    const served = JSON.stringify({ format: 1, recorded: 'night.jsonl' })
    browser.answer = (path) => ({ status: 200, text: path === 'api/session' ? served : text })
    const isShown = async () => {
      const isRead = () => 'isServed' in app.connection.value && app.connection.value.isServed && app.recording.endPosition >= 4
      for (let turns = 0; !isRead() && turns < 100; turns++) {
        browser.pass(1)
        await settled()
      }
      here.frames()
      expect(app.connection.value).toEqual({ type: 'recorded', name: 'night.jsonl', isServed: true })
      expect(addresses(app)).toEqual(addresses(there.app))
    }
    app.connect()
    await isShown()
    await open(here, text.slice(0, text.indexOf('\n') + 1))
    expect(app.connection.value).toMatchObject({ name: 'some.jsonl', isServed: false })
    app.connect()
    await isShown()
  })

  it('opens what it saved, without asking the server for anything', async () => {
    const there = await setUp()
    const before = addresses(there.app)
    there.app.exportSession()
    const saved = there.browser.downloads[0]
    expect(saved?.fileName).toMatch(/^memory-sync-\d{8}T\d{6}Z\.jsonl$/)
    const here = await setUp()
    const requests = here.browser.requests.length
    const text = saved?.text ?? ''
    await open(here, text.slice(0, 100), text.slice(100))
    expect(here.app.connection.value).toEqual({ type: 'recorded', name: 'some.jsonl', isServed: false })
    expect(here.app.notice.value).toBe(null)
    expect(addresses(here.app)).toEqual(before)
    expect(here.app.canAct.value).toBe(false)
    expect(await here.app.fetchEntry('a')).toBe(null)
    expect(here.browser.requests.length).toBe(requests)
  })

  it('keeps what is shown when the file is no session, and says why', async () => {
    const there = await setUp()
    const before = addresses(there.app)
    await open(there, 'hello')
    expect(there.app.notice.value).toContain('This file cannot be opened')
    expect(there.app.connection.value.type).toBe('live')
    expect(addresses(there.app)).toEqual(before)
  })

  it('plays a recorded session from its beginning when it stands at its end', async () => {
    const there = await setUp()
    there.app.exportSession()
    await open(there, there.browser.downloads[0]?.text ?? '')
    there.app.togglePause()
    expect(there.app.playback.isPlaying.value).toBe(true)
    expect(there.app.position.value).toBe(there.app.recording.firstPosition)
    there.app.togglePause()
    expect(there.app.playback.isPlaying.value).toBe(false)
  })

  it('watches live again from nothing', async () => {
    const there = await setUp()
    there.app.exportSession()
    await open(there, there.browser.downloads[0]?.text ?? '')
    there.app.connect()
    await settled()
    expect(there.app.connection.value.type).toBe('connecting')
    there.tell(source, actor(9))
    there.live()
    there.frames()
    expect(there.app.connection.value.type).toBe('live')
    expect(addresses(there.app)).toEqual(['task/9'])
    expect(there.browser.stream.path).toBe('api/events')
  })
})

describe('moving between panes', () => {
  it('shows an actor in its chart, a key in memory, a record in the log', async () => {
    const { app } = await setUp()
    app.showActor('a|task/2')
    expect([app.pane.value, app.selectedActor.value]).toEqual(['chart', 'a|task/2'])
    app.showKey('shop/x')
    expect([app.pane.value, app.selectedKey.value]).toEqual(['memory', 'shop/x'])
    app.showRecord(3)
    expect([app.pane.value, app.selectedPosition.value]).toEqual(['log', 3])
  })

  it('ends everything that it began when it is closed', async () => {
    const { app, browser, tell } = await setUp()
    const { stream } = browser
    app.close()
    expect(stream.isClosed).toBe(true)
    expect(browser.frames).toBe(0)
    const requests = browser.requests.length
    browser.pass(60_000)
    expect(browser.requests.length).toBe(requests)
    expect(() => tell(actor(5))).toThrow('no stream is open')
  })
})
