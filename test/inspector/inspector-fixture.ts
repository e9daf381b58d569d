/** A runtime with its inspector, clients that speak to it as no browser would, and the end of them all. For tests. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { createRuntime, type RuntimeOptions } from '../../src/index.ts'
import { checkInspectorOptions, type InspectorOptions } from '../../src/inspector/options.ts'
import { pageOf } from '../../src/inspector/page-assets.ts'
import { RuntimeInspector } from '../../src/inspector/serve-inspector.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'

export const token = 'a-token-of-24-characters'

const page = pageOf([
  { name: 'index.html', bytes: Buffer.from('<!doctype html><title>the page</title>') },
  { name: 'assets/main.js', bytes: Buffer.from('export {}') },
  { name: 'THIRD-PARTY-NOTICES.txt', bytes: Buffer.from('licences') },
  { name: 'model/fold.js', bytes: Buffer.from('not of the page') },
])

export interface Served {
  readonly runtime: Runtime
  readonly inspector: RuntimeInspector
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  get(path: string, heads?: Readonly<Record<string, string>>): Promise<Answer>
  act(action: unknown, heads?: Readonly<Record<string, string>>): Promise<Answer>
  stream(place?: string): Promise<EventClient>
}

export class InspectorFixture {
  readonly #ends: (() => unknown)[] = []

  async serve(options: InspectorOptions = {}, runtimeOptions: RuntimeOptions = {}): Promise<Served> {
    const runtime = createRuntime({ store: 'memory:', logger: silentLogger, ...runtimeOptions })
    await runtime.ready()
    const inspector = new RuntimeInspector(runtime, checkInspectorOptions({ port: 0, token, others: false, ...options }), page)
    this.#ends.push(async () => {
      await inspector.close()
      await runtime.shutdown({ drainMs: 0 })
    })
    await inspector.start()
    const { origin } = new URL(inspector.url)
    const bearer = { authorization: `Bearer ${options.token ?? token}` }
    return {
      runtime,
      inspector,
      origin,
      get: (path, heads) => ask(origin + path, { headers: { ...bearer, ...heads } }),
      act: (action, heads) =>
        ask(`${origin}/api/actions`, {
          method: 'POST',
          headers: { ...bearer, 'content-type': 'application/json', ...heads },
          body: typeof action === 'string' ? action : JSON.stringify(action),
        }),
      stream: async (place) => {
        const client = await EventClient.open(`${origin}/api/events`, bearer, place)
        this.#ends.push(() => client.close())
        return client
      },
    }
  }

  /** Ends with the test, too. */
  onEnd(end: () => unknown): void {
    this.#ends.push(end)
  }

  /** For `afterEach`. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A request with exactly these heads. */
export function ask(url: string, { method = 'GET', headers = {}, body }: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    // A refusal may close the connection before all is sent.
    sent.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : reject(error)))
    sent.end(body)
  })
}

/** An event stream, read as it comes. */
export class EventClient {
  readonly records: TraceRecord[] = []
  /** Other messages: `live`, `reset {"lost":1}`. */
  readonly signs: string[] = []
  lastId = ''
  isEnded = false
  readonly #request: ClientRequest
  readonly #response: IncomingMessage
  readonly #waiting = new Set<() => void>()
  #rest = ''

  constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent
    this.#response = response
    response.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk))
    const ended = (): void => {
      this.isEnded = true
      this.#look()
    }
    response.on('close', ended)
    response.on('error', ended)
  }

  static open(url: string, headers: Readonly<Record<string, string>>, place?: string): Promise<EventClient> {
    return new Promise((resolve, reject) => {
      const heads = place === undefined ? headers : { ...headers, 'last-event-id': place }
      const sent = request(url, { headers: heads, agent: false }, (response) => {
        if (response.statusCode === 200) resolve(new EventClient(sent, response))
        else reject(new Error(`the stream was refused with ${response.statusCode}`))
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  /** Settles as soon as `holds`. @throws when the stream ends before */
  async until(holds: (client: EventClient) => boolean): Promise<void> {
    while (!holds(this)) {
      if (this.isEnded) throw new Error(`the stream ended: ${JSON.stringify(this.signs)}, ${this.records.length} records`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** The first record that passes, now or later. */
  async record(passes: (record: TraceRecord) => boolean): Promise<TraceRecord> {
    await this.until(({ records }) => records.some(passes))
    return this.records.find(passes) as TraceRecord
  }

  pause(): void {
    this.#response.pause()
  }

  resume(): void {
    this.#response.resume()
  }

  close(): void {
    this.#request.destroy()
  }

  #read(chunk: string): void {
    const messages = (this.#rest + chunk).split('\n\n')
    this.#rest = messages.pop() ?? ''
    for (const message of messages) this.#take(message)
    this.#look()
  }

  #take(message: string): void {
    const field = (name: string): string | undefined => new RegExp(`(?:^|\\n)${name}: ([^\\n]*)`).exec(message)?.[1]
    this.lastId = field('id') ?? this.lastId
    const event = field('event')
    const data = field('data')
    if (event !== undefined) this.signs.push(event === 'reset' ? `${event} ${data}` : event)
    else if (data !== undefined) this.records.push(...(JSON.parse(data) as TraceRecord[]))
  }

  #look(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}
