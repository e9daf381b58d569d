/**
 * Makes the page's one `App`: puts recording, connection and time travel together and publishes what is shown. Knows no element of the
 * page; what it needs of the browser comes as a port.
 *
 * - A1 `state` changes at most once a frame, and rests between two changes at least as long as the last one took to be drawn
 * - A2 the place that is shown is always one that the recording still has
 */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { ActionReply, InspectorAction } from '../../wire/inspector-api.ts'
import type { TraceRecord } from '../../wire/trace-record.ts'
import { type App, type PaneName, paneNames } from './app.ts'
import type { Browser } from './browser-port.ts'
import { Connection } from './connection.ts'
import { FrameLoop } from './frame-loop.ts'
import { Recording } from './model/recording.ts'
import { exportLines } from './model/session-file.ts'
import type { ActorId, SessionState } from './model/session-state.ts'
import { Playback } from './playback.ts'
import { linesWithBreaks, readSession } from './read-session.ts'
import { type Marker, Markers } from './time-markers.ts'

/** Time for records per frame: the rest of it belongs to drawing and to the user. */
export const frameBudgetMs = 4
/** The same while more comes than that takes: half of the time since the last frame, and never so much that it is felt. */
export const behindShare = 0.5
export const behindBudgetMsMax = 24
/** The same for one turn of a hidden page, which has one a second. */
export const hiddenBudgetMs = 100
/** However slow drawing is, it is shown this often. */
export const restMsMax = 1000

/** What the shell knows beyond {@link App}. */
export interface PageApp extends App {
  /** When it is tried again to connect, by this machine's clock; null: no attempt is waiting. */
  readonly retryAtMs: ReadonlySignal<number | null>
  /** This machine's clock; ticks each second. */
  readonly localMs: ReadonlySignal<number>
  readonly playback: Playback
  /** Newest last; changes with {@link App.state}. */
  readonly markers: ReadonlySignal<readonly Marker[]>
  /** What the last import or export had to say; null: nothing. */
  readonly notice: Signal<string | null>
  /** A file that is being read, with what there is of it; null: none is. */
  readonly reading: ReadonlySignal<{ readonly name: string; readonly bytes: number } | null>
  connect(): void
  /**
   * Shows a file's session instead of what is shown now, unless it is none; what is wrong with it is told by {@link notice}. What is shown
   * and is nowhere else is not given up at the first time of asking.
   */
  openSession(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void>
  exportSession(): void
  goLive(): void
  /** Stops at what is shown now; from the past back to live. */
  togglePause(): void
  /** One record on or back, from live into the past. */
  step(by: number): void
  close(): void
}

export function createApp(browser: Browser): PageApp {
  const recording = new Recording()
  const found = new Markers()
  const append = (records: readonly TraceRecord[]): void => {
    const before = recording.endPosition
    found.add(recording.append(records), before)
  }
  const sink = {
    append,
    *liveSources() {
      for (const { source, isLost } of recording.liveState.sources.values()) if (!isLost) yield source
    },
  }

  const position: Signal<number | null> = signal(null)
  const state = signal<SessionState>(recording.liveState)
  const markers = signal<readonly Marker[]>([])
  const localMs = signal(browser.wallMs())
  const notice = signal<string | null>(null)
  const reading = signal<{ readonly name: string; readonly bytes: number } | null>(null)
  // Loaded again, the page is where it was.
  const pane = signal<PaneName>(paneNames.find((name) => name === browser.kept('pane')) ?? 'actors')
  const selectedActor = signal<ActorId | null>(null)
  const selectedKey = signal<string | null>(null)
  const selectedPosition = signal<number | null>(null)

  /** Publishing again before this moment would leave no time for anything else. */
  let restUntilMs = 0
  let isDrawing = false
  const publish = (): void => {
    const shown = position.peek()
    if (shown !== null && shown < recording.firstPosition) position.value = recording.firstPosition
    const next = shown === null ? recording.liveState : recording.stateAt(Math.max(shown, recording.firstPosition))
    if (next === state.peek()) return
    const beganMs = browser.monotonicMs()
    isDrawing = true
    markers.value = found.from(recording.firstPosition)
    state.value = next
    // Behind this frame's drawing: only then it is known what it took.
    browser.after(0, () => {
      isDrawing = false
      const nowMs = browser.monotonicMs()
      restUntilMs = nowMs + Math.min(restMsMax, nowMs - beganMs)
    })
  }
  let isBehind = false
  let lastFrameMs = 0
  const budgetMs = (): number => {
    const nowMs = browser.monotonicMs()
    const passedMs = nowMs - lastFrameMs
    lastFrameMs = nowMs
    if (browser.isHidden()) return hiddenBudgetMs
    return isBehind ? Math.min(behindBudgetMsMax, Math.max(frameBudgetMs, passedMs * behindShare)) : frameBudgetMs
  }
  const loop = new FrameLoop(browser, () => {
    isBehind = connection.drain(budgetMs())
    const mayPublish = !isDrawing && browser.monotonicMs() >= restUntilMs
    if (mayPublish) publish()
    if (isBehind || !mayPublish) loop.request()
  })
  const connection = new Connection(
    browser,
    sink,
    () => loop.request(),
    (name) => void openSession(name, browser.read('api/export'), true),
  )
  const unfollow = effect(() => {
    void position.value
    loop.request()
  })
  const unkeep = effect(() => browser.keep('pane', pane.value))
  const stopTicking = browser.every(1000, () => {
    localMs.value = browser.wallMs()
  })

  const isNow = computed(() => position.value === null && connection.state.value.type === 'live')
  const nowMs = computed(() => {
    void localMs.value
    return isNow.value ? connection.serverNowMs() : state.value.atMs
  })
  const canAct = computed(() => isNow.value && connection.info.value?.allowsActions === true)

  const playback = new Playback({
    browser,
    recording,
    at: () => position.peek() ?? recording.endPosition,
    moveTo: (place) => {
      position.value = place
    },
    onEnd: () => {
      if (connection.state.peek().type !== 'recorded') position.value = null
    },
  })

  /** Counts what was shown: who still brings records of an earlier session is late. */
  let shownSession = 0
  const forget = (): void => {
    shownSession++
    playback.pause()
    recording.clear()
    found.clear()
    for (const chosen of [position, selectedActor, selectedKey, selectedPosition, notice, reading]) chosen.value = null
    savedPosition = 0
    loop.request()
  }
  const hasServer = (): boolean => connection.state.peek().type !== 'recorded'
  const ask = async (path: string): Promise<unknown> => {
    if (!hasServer()) return null
    try {
      const { status, text } = await browser.request('GET', path)
      return status === 200 ? (JSON.parse(text) as unknown) : null
    } catch {
      return null
    }
  }

  /** Place behind the last record that was saved, or that the user was told is nowhere else. */
  let savedPosition = 0
  const isOnlyHere = (): boolean => connection.state.peek().type === 'disconnected' && recording.endPosition > savedPosition
  const openSession = async (name: string, chunks: AsyncIterable<Uint8Array>, isServed: boolean): Promise<void> => {
    if (isOnlyHere()) {
      savedPosition = recording.endPosition
      notice.value = `Nobody else has the session that is shown: its server is gone. Save it first; or open ${name} once more, and it is given up.`
      return
    }
    let own: number | null = null
    const isShown = (): boolean => own === null || own === shownSession
    const begin = (): void => {
      connection.closeFor(name, isServed)
      forget()
      own = shownSession
    }
    const take = (records: readonly TraceRecord[]): boolean => {
      if (isShown()) append(records)
      return isShown()
    }
    const progress = counted(chunks, (bytes) => {
      if (isShown()) reading.value = { name, bytes }
    })
    const told = await readSession(progress, begin, take, () => new Promise((resume) => browser.after(0, resume)))
    loop.request()
    // Another file, or the live session, has taken its place meanwhile.
    if (!isShown()) return
    notice.value = told
    reading.value = null
  }

  return {
    connection: connection.state,
    info: connection.info,
    retryAtMs: connection.retryAtMs,
    recording,
    position,
    state,
    nowMs,
    localMs,
    pane,
    selectedActor,
    selectedKey,
    selectedPosition,
    canAct,
    playback,
    markers,
    notice,
    reading,
    showActor(id) {
      selectedActor.value = id
      pane.value = 'chart'
    },
    showKey(key) {
      selectedKey.value = key
      pane.value = 'memory'
    },
    showRecord(place) {
      selectedPosition.value = place
      pane.value = 'log'
    },
    act: (action) => act(browser, action),
    fetchEntry: (key) => ask(`api/entry?key=${encodeURIComponent(key)}`),
    explain: (task) => ask(`api/explain?task=${encodeURIComponent(task)}`),
    connect() {
      if (!hasServer()) forget()
      connection.open()
    },
    openSession: (name, chunks) => openSession(name, chunks, false),
    exportSession() {
      const stamp = new Date(browser.wallMs()).toISOString().replace(/[-:]|\.\d+/g, '')
      browser.download(`memory-sync-${stamp}.jsonl`, linesWithBreaks(exportLines(recording, browser.wallMs())))
      savedPosition = recording.endPosition
    },
    goLive() {
      playback.pause()
      position.value = null
    },
    togglePause() {
      if (playback.isPlaying.peek()) playback.pause()
      else if (position.peek() === null && hasServer()) position.value = recording.endPosition
      else if (hasServer()) position.value = null
      else {
        if ((position.peek() ?? recording.endPosition) >= recording.endPosition) position.value = recording.firstPosition
        playback.play()
      }
    },
    step(by) {
      playback.pause()
      const at = (position.peek() ?? recording.endPosition) + by
      position.value = Math.max(recording.firstPosition, Math.min(recording.endPosition, at))
    },
    close() {
      playback.pause()
      unfollow()
      unkeep()
      stopTicking()
      loop.stop()
      connection.closeFor('')
    },
  }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    onBytes(bytes)
    yield chunk
  }
}

async function act(browser: Browser, action: InspectorAction): Promise<ActionReply> {
  try {
    const { status, text } = await browser.request('POST', 'api/actions', JSON.stringify(action))
    const reply = JSON.parse(text) as ActionReply
    if ('ok' in reply || typeof reply.error?.message === 'string') return reply
    return { error: { code: 'corrupt', message: `The server answered ${status} with something else than a reply.` } }
  } catch {
    const message = 'The server did not answer: it may have been done or not. What is shown here will tell.'
    return { error: { code: 'unknown_outcome', message } }
  }
}
