/** Trace servers and clients on real sockets, for tests: a fake process to serve, and waiting for facts instead of times. */
import { request } from 'node:http'
import { systemClock, systemRandom } from '../../src/platform.ts'
import { announcementOf } from '../../src/trace/beacon-keys.ts'
import { thisProcess } from '../../src/trace/this-process.ts'
import { type TraceClientHands, traceClient } from '../../src/trace/trace-client.ts'
import { startTraceServer, type TraceServer, type TraceServerHands } from '../../src/trace/trace-server.ts'
import type { TraceClient } from '../../src/trace/trace-source.ts'
import type { TraceAnnouncement } from '../../src/wire/inspector-api.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { type TracedSystem, type TracedSystemOptions, tracedSystem } from './traced-system.ts'

export const token = 'abcdefghijklmnopqrstuvwxyz234567'

export interface Served extends TracedSystem {
  readonly server: TraceServer
  readonly announcement: TraceAnnouncement
  readonly sent: unknown[]
  allowsActions: boolean
}

/** A system of actors, served. Its own time stands still; that of the server is real. */
export async function served({
  hands,
  ...options
}: TracedSystemOptions & { readonly hands?: Partial<TraceServerHands> } = {}): Promise<Served> {
  const system = tracedSystem(options)
  const sent: unknown[] = []
  const it = { ...system, sent, allowsActions: false }
  const server = await startTraceServer({
    trace: {
      source: system.trace.source,
      watch: (wake, watchOptions) => system.trace.watch(wake, watchOptions),
      send: async (address, event) => {
        sent.push([address, event])
      },
    },
    clock: systemClock,
    token,
    allowsActions: () => it.allowsActions,
    report: (error) => system.problems.push(error),
    ...hands,
  })
  const announcement = announcementOf({ url: server.url, token, incarnation: system.trace.source, ...thisProcess })
  if (announcement === null) throw new Error('what is served cannot be announced')
  return Object.assign(it, { server, announcement })
}

export interface Told {
  readonly client: TraceClient
  readonly records: TraceRecord[]
  /** Settles with the first record for which the predicate holds, whenever it came. */
  hears(predicate: (record: TraceRecord) => boolean): Promise<TraceRecord>
}

export function toldBy(hands: Partial<TraceClientHands> = {}): Told {
  const records: TraceRecord[] = []
  const listeners = new Set<() => void>()
  const client = traceClient({
    clock: systemClock,
    random: systemRandom,
    records(told) {
      records.push(...told)
      for (const listener of [...listeners]) listener()
    },
    ...hands,
  })
  return {
    client,
    records,
    async hears(predicate) {
      for (;;) {
        const found = records.find(predicate)
        if (found !== undefined) return found
        await new Promise<void>((resolve) => {
          const listener = (): void => {
            listeners.delete(listener)
            resolve()
          }
          listeners.add(listener)
        })
      }
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** One request, as anybody may send it; settles with the whole answer, or with its first line where it does not end. */
export function ask(
  { server }: Pick<Served, 'server'>,
  options: {
    readonly method?: string
    readonly path?: string
    readonly headers?: Record<string, string>
    readonly body?: string
  } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(server.url)
  const { method = 'GET', path = '/trace', headers = { authorization: `Bearer ${token}` }, body } = options
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      let text = ''
      const settle = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (response.statusCode !== 200 || path === '/send' || !text.includes('\n')) return
        settle()
        call.destroy()
      })
      response.on('end', settle)
      response.on('error', () => {})
    })
    call.on('error', reject)
    call.end(body)
  })
}
