/**
 * What the page needs from its browser: time, network, storage, the outside of the window. Types only, so that connection and app run
 * in tests without one; `browser.ts` is the real thing.
 */

/** Ends what was begun; calling it again does nothing. */
export type Cancel = () => void

export interface EventStreamListener {
  onOpen(): void
  /** `name` is the message's event name, `message` unless the server gave one. */
  onMessage(name: string, data: string, id: string): void
  /** The stream is over; nothing is told behind it. */
  onEnd(): void
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export interface Browser {
  /** Milliseconds since 1970 of this machine's clock. */
  wallMs(): number
  /** Milliseconds, never going back. */
  monotonicMs(): number
  /** Before the next picture is drawn; while the page is hidden browsers draw none, and it waits. */
  onFrame(run: () => void): Cancel
  after(delayMs: number, run: () => void): Cancel
  every(periodMs: number, run: () => void): Cancel
  isHidden(): boolean
  onVisibility(run: () => void): Cancel

  /** Message names other than `message` must be given. Does not reconnect by itself. */
  openEvents(path: string, names: readonly string[], listener: EventStreamListener): Cancel
  /** Rejects when there is no answer. */
  request(method: 'GET' | 'POST', path: string, body?: string): Promise<HttpAnswer>
  /** What lies there, piece by piece. Throws while it is read when there is no answer, or none but a refusal. */
  read(path: string): AsyncIterable<Uint8Array>

  /** What was kept under that name on this machine; null: nothing, or the browser keeps nothing. */
  kept(name: string): string | null
  keep(name: string, text: string): void

  prefersDark(): boolean
  onPreference(run: () => void): Cancel
  copy(text: string): Promise<void>
  /** Hands the text to the user as a file. */
  download(fileName: string, parts: Iterable<string>): void
}
