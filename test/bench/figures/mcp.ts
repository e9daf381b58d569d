/**
 * Entries per second into our MCP server, by stdio and by HTTP: through the batch writer on the MCP store, and through all of a runtime
 * (`memory.set`), beside one call for each entry with the SDK's client. The server has `memory:` behind it and a process of its own.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createActor } from 'xstate'
import { BatchWriter, batchUnitsMax } from '../../../src/actors/batch-writer.ts'
import { systemClock, systemRandom } from '../../../src/platform.ts'
import type { Receipt, Store, Unit } from '../../../src/ports/store.ts'
import { openStore } from '../../../src/stores/open.ts'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import { type RunFigure, ratioRow, row } from '../figure.ts'
import { scriptPath } from '../peer.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'

/** Of the writes of a round elsewhere, so many are enough for calls with one entry each. */
const callsShare = 10
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
    const ended = once(server, 'exit')
    server.kill()
    // What it used counts as this figure's own only once it has ended.
    await ended
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
  const writer = await startWriter(openStore(url, { clock: systemClock, random: systemRandom }))
  const { value } = entryOf(1, 1)
  const { inFlight, writes } = sizes
  const calls = Math.ceil(writes / callsShare)
  const waiting = inFlight * lanesPerCall
  try {
    const bySet: number[] = []
    const { baseline, ours } = await alternate(sizes, {
      baseline: () =>
        inLanes(inFlight, calls, async (index) => {
          const reply = await client.callTool({ name: 'memory_commit', arguments: { units: [unitOf(index)] } })
          if (reply.isError === true) throw new Error(JSON.stringify(reply.content))
        }),
      ours: async (round) => {
        const sets = await inLanes(waiting, writes, (index) => runtime.memory.set(keyOf(index), value))
        if (round >= sizes.warmups) bySet.push(sets)
        return inLanes(waiting, writes, (index) => writer.submit(unitOf(index)))
      },
    })
    return {
      rows: [
        row(`${name}: one call an entry, ${inFlight} in flight`, '/s', baseline),
        row(`${name}: through the batch writer`, '/s', ours),
        ratioRow(`${name}: batch writer / single calls`, ours, baseline, { atLeast }),
        row(`${name}: memory.set of a runtime`, '/s', bySet),
        ratioRow(`${name}: memory.set / single calls`, bySet, baseline),
      ],
      notes: [
        `Entries of ${encodeEntry(entryOf(1, 1)).length} bytes into our server over memory:, in a process of its own; ${writes} a round in batches, ${calls} by single calls. ${waiting} entries wait at once, of which a batch takes what it may (${batchUnitsMax} entries, 4 MiB).`,
        "Single calls are the SDK client's memory_commit with one unit without a condition, and so are the batch writer's units; memory.set also stamps and conditions each write, keeps it in the cache and is told of it by the server's feed.",
      ],
    }
  } finally {
    await writer.end()
    await endRuntime(runtime)
    await client.close()
  }
}

/** The actor as a runtime has it, on a store of its own. */
async function startWriter(store: Store): Promise<{ submit(unit: Unit): Promise<void>; end(): Promise<void> }> {
  await store.open()
  const report = (error: Error): void => console.error(error)
  const writer = new BatchWriter({ store, clock: systemClock, random: systemRandom, observe() {}, report })
  const actor = createActor(writer.logic(), { input: {} }).start()
  writer.attach(actor)
  return {
    submit: (unit) =>
      new Promise((resolve, reject) => {
        const answer = (receipt: Receipt): void => (receipt.type === 'committed' ? resolve() : reject(new Error(receipt.type)))
        writer.submit(unit, unitBytes, answer, false)
      }),
    async end() {
      actor.stop()
      writer.stop()
      await store.close()
    },
  }
}

function unitOf(index: number): Unit {
  return [{ key: keyOf(index), entry: entryOf(1, index), condition: { type: 'none' } }]
}

/** About what an entry takes in a batch. */
const unitBytes = 600

function quoted(word: string): string {
  return `'${word}'`
}

/** A runtime remembers what it has seen of 10,000 keys; a key beyond them is read before it is written. */
const keysMax = 5000

function keyOf(index: number): string {
  return `bench/documents/${index % keysMax}/state`
}
