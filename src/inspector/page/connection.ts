/**
 * The page's line to its server: asks what the session is, follows the event stream, and comes back after every end of it. Records are
 * queued as text and given on in small slices when the app asks ({@link Connection.drain}). Knows no model: it hands records to a sink.
 *
 * - N1 records are given on in the order of the stream, each once: a stream that comes back begins behind the last id that was received
 * - N2 what the server no longer knows is said by a `gap` in the recording, and every source heard so far counts as lost until it is told again
 * - N3 at most about {@link queuedCharsMax} wait here ({@link beginningCharsMax} of a beginning): beyond it the stream is closed, and
 *   opened again where it stopped when the queue is short
 */
import { type ReadonlySignal, signal } from '@preact/signals'
import type { RecordedInfo, SessionInfo } from '../../wire/inspector-api.ts'
import type { TraceRecord } from '../../wire/trace-record.ts'
import { type ConnectionState, reconnectMsMax } from './app.ts'
import type { Browser, Cancel } from './browser-port.ts'

export const queuedCharsMax = 16 * 1024 * 1024
/** The same for a beginning, which has no places to come back to: what is beyond it is taken at once, whatever it costs. */
export const beginningCharsMax = 4 * queuedCharsMax
/** The first wait before a new attempt; it doubles up to {@link reconnectMsMax}. */
export const reconnectMsMin = 250
/** Records given on between two looks at the clock. */
export const sliceRecords = 100
/** The source of records that the page makes itself. */
export const pageSource = 'page'

const sessionPath = 'api/session'
const eventsPath = 'api/events'

export interface RecordSink {
  append(records: readonly TraceRecord[]): void
  /** Sources that have been told and are not lost. */
  liveSources(): Iterable<string>
}

type Queued =
  | { readonly type: 'records'; readonly text: string }
  | { readonly type: 'live' }
  | { readonly type: 'reset'; readonly lost: number | null }

export class Connection {
  readonly #browser: Browser
  readonly #sink: RecordSink
  readonly #onQueued: () => void
  readonly #onRecorded: (name: string) => void
  readonly #state = signal<ConnectionState>({ type: 'connecting' })
  readonly #info = signal<SessionInfo | null>(null)
  readonly #retryAtMs = signal<number | null>(null)
  /** Parsed already, of the message that did not fit into the last slice. */
  #rest: readonly TraceRecord[] = []
  #restAt = 0
  #queue: Queued[] = []
  #queuedChars = 0
  #lastId: string | null = null
  #waitMs = reconnectMsMin
  #pageSeq = 0
  #serverAheadMs = 0
  #stream: Cancel | null = null
  #retry: Cancel | null = null
  #isThrottled = false
  /** Counts attempts: what an older one still answers is not listened to. */
  #attempt = 0

  /** @param onRecorded the server has this file and no runtime: the connection is over. */
  constructor(browser: Browser, sink: RecordSink, onQueued: () => void, onRecorded: (name: string) => void) {
    this.#browser = browser
    this.#sink = sink
    this.#onQueued = onQueued
    this.#onRecorded = onRecorded
  }

  get state(): ReadonlySignal<ConnectionState> {
    return this.#state
  }
  get info(): ReadonlySignal<SessionInfo | null> {
    return this.#info
  }
  /** By this machine's clock; null: no attempt is waiting. */
  get retryAtMs(): ReadonlySignal<number | null> {
    return this.#retryAtMs
  }
  /** The server's wall clock, as far as its last answer tells. */
  serverNowMs(): number {
    return this.#browser.wallMs() + this.#serverAheadMs
  }

  /** Connects at once, also while an attempt is waiting for its time, and from an imported session. */
  open(): void {
    this.#close()
    if (this.#state.value.type === 'recorded') this.#state.value = { type: 'connecting' }
    void this.#connect(this.#attempt)
  }

  /** For good: a file's session takes the place. What is queued is forgotten. */
  closeFor(name: string, isServed = false): void {
    this.#close()
    this.#queue = []
    this.#queuedChars = 0
    this.#rest = []
    this.#restAt = 0
    this.#lastId = null
    this.#info.value = null
    this.#state.value = { type: 'recorded', name, isServed }
  }

  /** Gives queued records to the sink until the time is over; true: more are waiting. */
  drain(budgetMs: number): boolean {
    const endMs = this.#browser.monotonicMs() + budgetMs
    do {
      if (!this.#takeNext()) break
    } while (this.#browser.monotonicMs() < endMs)
    if (this.#isThrottled && this.#queuedChars < queuedCharsMax / 4) {
      this.#isThrottled = false
      this.#listen(this.#attempt)
    }
    return this.#rest.length > 0 || this.#queue.length > 0
  }

  #takeNext(): boolean {
    if (this.#rest.length > 0) {
      const slice = this.#rest.slice(this.#restAt, this.#restAt + sliceRecords)
      this.#restAt += sliceRecords
      if (this.#restAt >= this.#rest.length) {
        this.#rest = []
        this.#restAt = 0
      }
      this.#sink.append(slice)
      return true
    }
    const next = this.#queue.shift()
    if (next === undefined) return false
    if (next.type === 'live') this.#state.value = { type: 'live' }
    else if (next.type === 'reset') this.#sink.append(this.#gap(next.lost))
    else {
      this.#queuedChars -= next.text.length
      this.#rest = recordsIn(next.text)
    }
    return true
  }

  async #connect(attempt: number): Promise<void> {
    let fault: string | null
    try {
      fault = this.#take(await this.#browser.request('GET', sessionPath), attempt)
    } catch {
      fault = 'The inspector’s server does not answer. Is the process that serves it still running?'
    }
    if (attempt !== this.#attempt) return
    if (fault === null) this.#listen(attempt)
    else this.#lose(fault)
  }

  /** @returns why it is no good. */
  #take(answer: { readonly status: number; readonly text: string }, attempt: number): string | null {
    if (answer.status === 401 || answer.status === 403) {
      return 'The server does not know this page (it was started again, or the address has no token): open the address that it printed.'
    }
    if (answer.status !== 200) return `The server answered ${answer.status} instead of the session.`
    const info = parsed(answer.text) as SessionInfo | RecordedInfo | null
    if (info?.format !== 1) return 'The server is of another version than this page: load the page again.'
    if (attempt !== this.#attempt) return null
    if ('recorded' in info) {
      this.closeFor(info.recorded, true)
      this.#onRecorded(info.recorded)
      return null
    }
    this.#serverAheadMs = info.nowMs - this.#browser.wallMs()
    this.#info.value = info
    return null
  }

  #listen(attempt: number): void {
    const after = this.#lastId
    const path = after === null ? eventsPath : `${eventsPath}?after=${encodeURIComponent(after)}`
    this.#stream = this.#browser.openEvents(path, ['live', 'reset'], {
      onOpen: () => {
        if (attempt !== this.#attempt) return
        this.#waitMs = reconnectMsMin
        this.#retryAtMs.value = null
        if (this.#state.value.type === 'disconnected') this.#state.value = { type: 'connecting' }
      },
      onMessage: (name, data, id) => {
        if (attempt !== this.#attempt) return
        if (id !== '') this.#lastId = id
        if (name === 'live') this.#push({ type: 'live' })
        else if (name === 'reset') {
          this.#lastId = id === '' ? null : id
          this.#push({ type: 'reset', lost: lostIn(data) })
        } else this.#push({ type: 'records', text: data })
      },
      onEnd: () => {
        if (attempt === this.#attempt) this.#lose('The connection to the inspector’s server was lost.')
      },
    })
  }

  #push(queued: Queued): void {
    this.#queue.push(queued)
    if (queued.type === 'records') this.#queuedChars += queued.text.length
    if (this.#queuedChars > queuedCharsMax && !this.#isThrottled) this.#throttle()
    this.#onQueued()
  }

  #throttle(): void {
    if (this.#lastId === null) {
      // The browser makes the server wait.
      while (this.#queuedChars > beginningCharsMax) this.#takeNext()
      return
    }
    this.#isThrottled = true
    this.#attempt++
    this.#stream?.()
  }

  #lose(reason: string): void {
    this.#close()
    const attempt = this.#attempt
    this.#state.value = { type: 'disconnected', reason }
    this.#retryAtMs.value = this.#browser.wallMs() + this.#waitMs
    this.#retry = this.#browser.after(this.#waitMs, () => void this.#connect(attempt))
    this.#waitMs = Math.min(reconnectMsMax, this.#waitMs * 2)
  }

  #close(): void {
    this.#attempt++
    this.#isThrottled = false
    this.#stream?.()
    this.#retry?.()
    this.#stream = null
    this.#retry = null
    this.#retryAtMs.value = null
  }

  #gap(lost: number | null): TraceRecord[] {
    const atMs = this.serverNowMs()
    const own = () => ({ source: pageSource, seq: ++this.#pageSeq, atMs })
    const records: TraceRecord[] = [{ ...own(), type: 'gap', lost, reason: 'disconnected' }]
    for (const source of this.#sink.liveSources()) {
      records.push({ type: 'source.lost', source, seq: 0, atMs, reason: 'The page was away; not heard of since.' })
    }
    return records
  }
}

function recordsIn(text: string): readonly TraceRecord[] {
  const records = parsed(text)
  return Array.isArray(records) ? (records as TraceRecord[]) : []
}

function lostIn(text: string): number | null {
  const { lost = null } = (parsed(text) ?? {}) as { lost?: number | null }
  return typeof lost === 'number' ? lost : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
