/**
 * `serveInspector`: the inspector of a runtime, and of all processes on its memory, as a page on the loopback. Puts the parts together
 * and answers what the page asks. Knows no socket.
 */
import type { ServerResponse } from 'node:http'
import { MemorySyncError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { SessionInfo } from '../wire/inspector-api.ts'
import { traceFormat } from '../wire/trace-record.ts'
import { act } from './actions.ts'
import { Cursor, parsePlace } from './cursor.ts'
import { InspectorHttpServer } from './http-server.ts'
import { type CheckedInspectorOptions, checkInspectorOptions, type InspectorOptions, tokenCharacters } from './options.ts'
import { packageVersion } from './package-version.ts'
import { type Asset, loadPage, type Page } from './page-assets.ts'
import { PageStream } from './page-stream.ts'
import { Redaction } from './redaction.ts'
import { Session } from './session.ts'
import { exportChunks, type SessionHead } from './session-lines.ts'
import { Watching } from './watching.ts'

/** Pages connected at once. */
export const pagesMax = 16

export interface Inspector {
  /** Where to look, with the token: `http://127.0.0.1:7439/?token=…`. Who has it sees all of the memory. */
  readonly url: string
  /** Settles when a page is connected; at once while one is. Never rejects. */
  pageConnected(): Promise<void>
  /** Ends all that the inspector does, here and at other processes. The runtime goes on. Idempotent. */
  close(): Promise<void>
}

/**
 * Serves the inspector of a runtime. While nobody looks it costs nothing; it does not keep the process alive. Close it before the
 * runtime.
 *
 * @example
 * const inspector = await serveInspector(runtime)
 * console.log(inspector.url)
 *
 * @throws `invalid_option` for options out of range and a port that is taken; `not_supported` where the page is not built; what
 * `runtime.ready()` rejects with
 */
export async function serveInspector(runtime: Runtime, options: InspectorOptions = {}): Promise<Inspector> {
  const checked = checkInspectorOptions(options)
  await runtime.ready()
  const inspector = new RuntimeInspector(runtime, checked, await loadPage())
  await inspector.start()
  return inspector
}

/** For tests and the command line, which bring their own page. */
export class RuntimeInspector implements Inspector {
  readonly session: Session
  readonly #runtime: Runtime
  readonly #options: CheckedInspectorOptions
  readonly #page: Page
  readonly #redaction: Redaction
  readonly #server: InspectorHttpServer
  readonly #streams = new Set<PageStream>()
  readonly #version = packageVersion()
  /** Streams, and those that are being opened. */
  #pages = 0
  #whenConnected: (() => void)[] = []
  #closing: Promise<void> | null = null

  constructor(runtime: Runtime, options: CheckedInspectorOptions, page: Page) {
    const { clock, random } = runtime.inside
    const { logger, port, redact } = options
    this.#runtime = runtime
    this.#options = options
    this.#page = page
    this.#redaction = new Redaction(runtime.namespace, redact, (error) => logger.warn(`inspector: ${error.message}`))
    this.session = new Session(clock, () => new Watching(runtime, options, this.#redaction))
    this.#server = new InspectorHttpServer({
      port,
      logger,
      token: options.token ?? random.token(tokenCharacters),
      answers: {
        page: async (path) => this.#asset(path),
        session: () => ({ ...this.#info() }),
        entry: (key) => this.#entry(key),
        explain: (task) => this.#explain(task),
        events: (response, from) => this.#events(response, from),
        exported: () => this.#exported(),
        act: options.allowActions ? (action) => this.#act(action) : null,
      },
    })
  }

  get url(): string {
    return this.#server.url
  }

  /** As {@link url}, good for one visit: for arguments of programs, which others can see. */
  ticketUrl(): string {
    return this.#server.ticketUrl(this.#runtime.inside.random.token(tokenCharacters))
  }

  async start(): Promise<void> {
    await this.#server.listen()
    if (this.#options.recordAlways) await this.session.join()
  }

  pageConnected(): Promise<void> {
    return this.#streams.size > 0 ? Promise.resolve() : new Promise((resolve) => this.#whenConnected.push(resolve))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const stream of [...this.#streams]) stream.end()
    await Promise.all([this.#server.close(), this.session.close()])
  }

  #asset(path: string): Asset | null {
    return this.#page.get(path === '/' ? '/index.html' : path) ?? null
  }

  #info(): SessionInfo {
    const { workerId, namespace, storeUrl, inside } = this.#runtime
    return {
      format: traceFormat,
      version: this.#version,
      namespace,
      store: storeUrl,
      servedBy: workerId,
      allowsActions: this.#options.allowActions,
      nowMs: inside.clock.wallMs(),
    }
  }

  async #explain(task: string): Promise<Json> {
    // It quotes values in sentences, which no hook can take them out of.
    if (this.#options.redact !== undefined) {
      throw new MemorySyncError('not_supported', 'where values are redacted tasks are not explained: look at the record')
    }
    return { ...(await this.#runtime.explain(task)) } as unknown as Json
  }

  async #entry(key: string): Promise<Json | null> {
    const item = await this.#runtime.memory.entry(key)
    if (item === null) return null
    return { key, revision: item.revision, entry: this.#redaction.entry(key, item.entry) as unknown as Json }
  }

  async #events(response: ServerResponse, from: string | null): Promise<void> {
    if (this.#pages >= pagesMax) {
      throw new MemorySyncError('backpressure', `${pagesMax} pages are connected, which is as many as there may be: close one`)
    }
    this.#pages++
    response.once('close', () => this.#pages--)
    const { recorder, leave } = await this.session.join()
    response.once('close', leave)
    // Gone while it waited, or the inspector is.
    if (response.closed || this.#closing !== null) {
      leave()
      response.destroy()
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' })
    response.flushHeaders()
    const cursor = new Cursor(recorder, from === null || from === '' ? null : (parsePlace(from) ?? nowhere))
    const { clock } = this.#runtime.inside
    const stream: PageStream = new PageStream({
      clock,
      recorder,
      cursor,
      output: response,
      onEnd: () => this.#streams.delete(stream),
    })
    this.#streams.add(stream)
    for (const settle of this.#whenConnected.splice(0)) settle()
  }

  async #exported(): Promise<{ name: string; chunks: Iterable<string> }> {
    const { recorder, leave } = await this.session.join()
    leave()
    return { name: 'memory-sync-session.jsonl', chunks: exportChunks(recorder, this.head()) }
  }

  /** Of an export that is written now. */
  head(): SessionHead {
    const { version, namespace, store, nowMs: exportedAtMs } = this.#info()
    return { format: traceFormat, product: 'memory-sync', version, namespace, store, exportedAtMs }
  }

  #act(action: Json): Promise<string> {
    const send = this.session.send.bind(this.session)
    return act({ runtime: this.#runtime, logger: this.#options.logger, send }, action)
  }
}

/** A place of no recording: what was asked for is not known. */
const nowhere = { epoch: '', place: 0 }
