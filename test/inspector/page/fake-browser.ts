/** A browser in a test's hands: its clock, its frames and its server move only when the test says so. */
import type { Browser, Cancel, EventStreamListener, HttpAnswer } from '../../../src/inspector/page/browser-port.ts'

export interface OpenStream {
  readonly path: string
  readonly listener: EventStreamListener
  isClosed: boolean
}

interface Waiting {
  readonly dueMs: number
  readonly run: () => void
}

export class FakeBrowser implements Browser {
  ms = 1_700_000_000_000
  hidden = false
  readonly streams: OpenStream[] = []
  readonly requests: { readonly method: string; readonly path: string; readonly body: string | undefined }[] = []
  readonly downloads: { readonly fileName: string; readonly text: string }[] = []
  /** null: nobody answers. */
  answer: (path: string) => HttpAnswer | null = () => null
  readonly #timers = new Set<Waiting>()
  readonly #frames = new Set<() => void>()
  readonly #visibility = new Set<() => void>()
  readonly #kept = new Map<string, string>()

  wallMs = () => this.ms
  monotonicMs = () => this.ms
  onFrame(run: () => void): Cancel {
    this.#frames.add(run)
    return () => this.#frames.delete(run)
  }
  after(delayMs: number, run: () => void): Cancel {
    const waiting = { dueMs: this.ms + delayMs, run }
    this.#timers.add(waiting)
    return () => this.#timers.delete(waiting)
  }
  every(periodMs: number, run: () => void): Cancel {
    let cancel: Cancel
    const again = () => {
      cancel = this.after(periodMs, () => {
        again()
        run()
      })
    }
    again()
    return () => cancel()
  }
  isHidden = () => this.hidden
  onVisibility(run: () => void): Cancel {
    this.#visibility.add(run)
    return () => this.#visibility.delete(run)
  }
  openEvents(path: string, _names: readonly string[], listener: EventStreamListener): Cancel {
    const stream: OpenStream = { path, listener, isClosed: false }
    this.streams.push(stream)
    return () => {
      stream.isClosed = true
    }
  }
  async request(method: 'GET' | 'POST', path: string, body?: string): Promise<HttpAnswer> {
    this.requests.push({ method, path, body })
    const answer = this.answer(path)
    if (answer === null) throw new Error('connection refused')
    return answer
  }
  async *read(path: string): AsyncGenerator<Uint8Array> {
    const { status, text } = await this.request('GET', path)
    if (status !== 200) throw new Error(`the server answered ${status}`)
    yield new TextEncoder().encode(text)
  }
  kept = (name: string) => this.#kept.get(name) ?? null
  keep(name: string, text: string): void {
    this.#kept.set(name, text)
  }
  prefersDark = () => false
  onPreference = (): Cancel => () => {}
  async copy(): Promise<void> {}
  download(fileName: string, parts: Iterable<string>): void {
    this.downloads.push({ fileName, text: [...parts].join('') })
  }

  /** The newest stream that is open. */
  get stream(): OpenStream {
    const open = this.streams.at(-1)
    if (open === undefined || open.isClosed) throw new Error('no stream is open')
    return open
  }
  get frames(): number {
    return this.#frames.size
  }
  /** The next picture is drawn. */
  frame(): void {
    const due = [...this.#frames]
    this.#frames.clear()
    this.ms += 16
    for (const run of due) run()
    this.pass(0)
  }
  setHidden(hidden: boolean): void {
    this.hidden = hidden
    for (const run of this.#visibility) run()
  }
  /** Time passes, timer by timer. */
  pass(ms: number): void {
    const endMs = this.ms + ms
    while (true) {
      const next = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.ms = Math.max(this.ms, next.dueMs)
      next.run()
    }
    this.ms = Math.max(this.ms, endMs)
  }
}

/** Lets promises that have an answer go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
