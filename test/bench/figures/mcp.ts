/**
 * Entries per second into our MCP server, by stdio and by HTTP: through the batch writer, as a runtime on the MCP store writes, beside
 * one call for each entry with the SDK's client. The server has `memory:` behind it and a process of its own.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import { type RunFigure, ratioRow, row } from '../figure.ts'
import { scriptPath } from '../peer.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'

/** Of the writes of a round elsewhere, so many are enough here; and of calls with one entry each, which take longest, fewer still. */
const writesShare = 5
const callsShare = 50
/** Enough for the batch writer to gather a hundred while a batch is under way. */
const lanesPerCall = 4

export const mcpStdio: RunFigure = (sizes) => {
  const args = [scriptPath('mcp-server-peer')]
  const connect = (): Transport => new StdioClientTransport({ command: process.execPath, args, stderr: 'inherit' })
  return compare(sizes, 'stdio', 3, connect, `mcp+stdio:${[process.execPath, ...args].map(quoted).join(' ')}`)
}

export const mcpHttp: RunFigure = async (sizes) => {
  const server = spawn(process.execPath, [scriptPath('mcp-server-peer'), '--http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(server.stdout, 'data')) as [Buffer]
    const url = line.toString().trim()
    // With the stock one every call in flight listens to one and the same signal, and Node warns of each.
    const fetch: FetchLike = (target, init) => globalThis.fetch(target, { ...init, signal: null } as RequestInit)
    return await compare(sizes, 'HTTP', 15, () => new StreamableHTTPClientTransport(new URL(url), { fetch }) as Transport, url)
  } finally {
    server.kill()
  }
}

async function compare(
  sizes: Parameters<RunFigure>[0],
  name: string,
  atLeast: number,
  connect: () => Transport,
  url: string,
): ReturnType<RunFigure> {
  const client = new Client({ name: 'bench', version: '1' })
  await client.connect(connect())
  const runtime = await readyRuntime(url)
  const { value } = entryOf(1, 1)
  const writes = Math.ceil(sizes.writes / writesShare)
  const calls = Math.ceil(sizes.writes / callsShare)
  try {
    const { baseline, ours } = await alternate(sizes, {
      baseline: () =>
        inLanes(sizes.inFlight, calls, async (index) => {
          const write = { key: keyOf(index), entry: entryOf(1, index), condition: { type: 'none' } }
          const reply = await client.callTool({ name: 'memory_commit', arguments: { units: [[write]] } })
          if (reply.isError === true) throw new Error(JSON.stringify(reply.content))
        }),
      ours: () => inLanes(sizes.inFlight * lanesPerCall, writes, (index) => runtime.memory.set(keyOf(index), value)),
    })
    return {
      rows: [
        row(`${name}: one call an entry, ${sizes.inFlight} in flight`, '/s', baseline),
        row(`${name}: memory.set through the batch writer`, '/s', ours),
        ratioRow(`${name}: batches / single calls`, ours, baseline, { atLeast }),
      ],
      notes: [
        `Entries of ${encodeEntry(entryOf(1, 1)).length} bytes into our server over memory:, in a process of its own; ${writes} a round in batches, ${calls} by single calls. ${sizes.inFlight * lanesPerCall} calls of memory.set wait at once, of which a batch takes what it may (at most 4 MiB).`,
        "Single calls are the SDK client's memory_commit with one unit without a condition; ours stamps, conditions and encodes each write and settles it on its own receipt.",
      ],
    }
  } finally {
    await endRuntime(runtime)
    await client.close()
  }
}

function quoted(word: string): string {
  return `'${word}'`
}

/** A runtime remembers what it has seen of 10,000 keys; a key beyond them is read before it is written. */
const keysMax = 5000

function keyOf(index: number): string {
  return `bench/documents/${index % keysMax}/state`
}
