/**
 * Does again, through real clients, what was done when the wire was recorded, and says per line what came back. Knows nothing of
 * what is at the other end: a double or the real server.
 */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { EmptyResultSchema, McpError } from '@modelcontextprotocol/sdk/types.js'
import type { WireLine } from './wire.ts'

/** What came back, in the words of the recording: the members of a line that are no question. */
export type Got = Readonly<Record<string, unknown>>

export interface Replay {
  /** Starts one more server on the same directory. */
  open(): Promise<Client>
  /** Waits, or moves the clock, to where the line was recorded. */
  before?(line: WireLine, index: number): Promise<void>
}

const manyKeys = 130
const keysPerProcess = 50

/** Lines whose time mattered: how long the recorder waited before them. */
export const waitMsByTitle: Readonly<Record<string, number>> = {
  'ttl2 at 3.5s': 3500,
  'ttl1500 at 2.5s': 2500,
  'ttlfrac 1.2s': 1200,
}

export async function* replay(
  lines: readonly WireLine[],
  { open, before }: Replay,
): AsyncGenerator<{ line: WireLine; got: Got }> {
  let first = await open()
  let second: Client | undefined
  let last: Got = {}
  /** What the two processes listed. */
  const listedBy: unknown[][] = []

  const answerOf = async (line: WireLine): Promise<Got> => {
    const { title } = line
    if (title === 'list after 130 stores') await storeAll(first, 'cap', numbered('cap/', manyKeys, 3, 'v'))
    if (title === 'after restart') first = await open()
    if (title.startsWith('P2 ')) second ??= await open()
    const client = title.startsWith('P2 ') ? (second as Client) : first

    if (line.tool !== undefined) {
      const got = await callLine(client, line)
      if (title.endsWith(' list xp')) listedBy.push(entriesOf(got))
      return got
    }
    if (title.startsWith('size check')) return sizeCheck(line, last)
    if (title.startsWith('non-ascii long integrity')) return integrity(line, await longValue(client, line))
    if (title === 'list cap') return listSummary(last)
    if (title === 'list limit 500') return { n: entriesOf(last).length, ...totalOf(last) }
    if (title === 'search cap') return { n: resultsOf(last).length }
    if (title.startsWith('cross-process')) return storeFromBoth(first, second as Client)
    if (title === 'xp visible') return visibleTo(listedBy)
    return request(client, title)
  }

  for (const [index, line] of lines.entries()) {
    await before?.(line, index)
    last = await answerOf(line)
    yield { line, got: last }
  }
}

async function callLine(client: Client, line: WireLine): Promise<Got> {
  try {
    const reply = await client.callTool({ name: line.tool as string, ...(line.args && { arguments: givenArguments(line) }) })
    const content = reply.content as { text: string }[]
    return {
      nContent: content.length,
      text: content[0]?.text,
      ...(reply.isError === undefined ? {} : { isError: reply.isError }),
    }
  } catch (error) {
    if (!(error instanceof McpError)) throw error
    return { THROWN: error.message, code: error.code, ...(error.data === undefined ? {} : { data: error.data }) }
  }
}

/** Long arguments were recorded by their length. */
function givenArguments(line: WireLine): Record<string, unknown> {
  const restored = Object.entries(line.args ?? {}).map(([name, value]) => {
    const length = typeof value === 'string' ? /^<(\d+) chars>$/.exec(value)?.[1] : undefined
    return [name, length === undefined ? value : (isNonAscii(line) ? '日' : 'x').repeat(Number(length))]
  })
  return Object.fromEntries(restored)
}

/** These went to the server in characters of three bytes, which it may have cut in pieces. */
export function isNonAscii(line: WireLine): boolean {
  return line.title.startsWith('store non-ASCII long')
}

async function request(client: Client, title: string): Promise<Got> {
  try {
    if (title === 'listResources') return { r: JSON.stringify(await client.listResources()) }
    if (title === 'listPrompts') {
      // The client would not ask, as no prompts are offered.
      await client.request({ method: 'prompts/list' }, EmptyResultSchema)
      return { r: '{}' }
    }
    if (title === 'ping') return { r: JSON.stringify(await client.ping()) }
    if (title === 'subscribe') return { r: JSON.stringify(await client.subscribeResource({ uri: 'claude-flow://swarms' })) }
  } catch (error) {
    return { THROWN: (error as Error).message }
  }
  throw new Error(`the recording has a line that nobody knows how to repeat: ${title}`)
}

function numbered(prefix: string, count: number, digits: number, valuePrefix: string): (readonly [string, string])[] {
  return Array.from({ length: count }, (_, index) => [
    `${prefix}${String(index).padStart(digits, '0')}`,
    `${valuePrefix}${index}`,
  ])
}

/** All at once, by whichever of the two tools the server has. */
async function storeAll(client: Client, namespace: string, pairs: readonly (readonly [string, string])[]): Promise<number> {
  const isV2 = await hasMemoryUsage(client)
  const replies = pairs.map(([key, value]) =>
    callLine(client, {
      title: `store ${key}`,
      tool: isV2 ? 'memory_usage' : 'memory_store',
      args: { ...(isV2 && { action: 'store' }), key, value, namespace },
    }),
  )
  return (await Promise.all(replies)).filter(({ text }) => /"stored": true/.test(String(text))).length
}

async function hasMemoryUsage(client: Client): Promise<boolean> {
  return (await client.listTools()).tools.some((tool) => tool.name === 'memory_usage')
}

async function storeFromBoth(first: Client, second: Client): Promise<Got> {
  const stored = await Promise.all([
    storeAll(first, 'xp', numbered('p1/', keysPerProcess, 0, '')),
    storeAll(second, 'xp', numbered('p2/', keysPerProcess, 0, '')),
  ])
  return { ok: stored[0] + stored[1], bad: [] }
}

function sizeCheck(line: WireLine, last: Got): Got {
  const value = (JSON.parse(String(last.text)) as { value: string | null }).value
  const got = value === null ? null : value.length
  return { ok: got === wantedSizes[line.title.slice('size check '.length)], got }
}

const wantedSizes: Readonly<Record<string, number>> = { '100KB': 102_400, '1MB': 1_048_576, '1MB+1': 1_048_577, '4MB': 4_194_304 }

async function longValue(client: Client, { title, wantLen }: WireLine): Promise<string> {
  const isV2 = await hasMemoryUsage(client)
  const args = { ...(isV2 && { action: 'retrieve' }), key: `nal${String(wantLen)}`, namespace: 'probe' }
  const got = await callLine(client, { title, tool: isV2 ? 'memory_usage' : 'memory_retrieve', args })
  return (JSON.parse(String(got.text)) as { value: string }).value
}

function integrity(line: WireLine, value: string): Got {
  const want = '日'.repeat(Number(line.wantLen))
  const replacementChars = value.split('\uFFFD').length - 1
  return { ok: value === want, gotLen: value.length, wantLen: line.wantLen, replacementChars }
}

function entriesOf(got: Got): { key: string }[] {
  return (JSON.parse(String(got.text)) as { entries: { key: string }[] }).entries
}

function resultsOf(got: Got): unknown[] {
  return (JSON.parse(String(got.text)) as { results: unknown[] }).results
}

function totalOf(got: Got): Got {
  const { total } = JSON.parse(String(got.text)) as { total?: number }
  return total === undefined ? {} : { total }
}

function listSummary(got: Got): Got {
  const entries = entriesOf(got)
  const { count } = JSON.parse(String(got.text)) as { count?: number }
  const counts = { n: entries.length, ...(count === undefined ? {} : { count }), ...totalOf(got) }
  return { ...counts, first: entries[0]?.key, last: entries.at(-1)?.key }
}

function visibleTo([one = [], two = []]: unknown[][]): Got {
  const prefixes = (entries: unknown[]) => [...new Set(entries.map((entry) => (entry as { key: string }).key.split('/')[0]))]
  return { p1: one.length, p2: two.length, p1Has: prefixes(one), p2Has: prefixes(two) }
}
