import { PassThrough } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRuntime } from '../../src/index.ts'
import { createMemoryServer } from '../../src/mcp/memory-server.ts'
import { serveStdio } from '../../src/mcp/stdio.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { Hostile } from './hostile.ts'
import { begin, HttpFixture, initialize, mcpHeaders, ping } from './http-fixture.ts'

const messagesMax = Number(process.env.FUZZ_MESSAGES ?? 3000)
const seed = Number(process.env.FUZZ_SEED ?? 1)
/** What a run may leave behind: the memory's keys, its log of changes, and what the engine keeps of code that became hot. */
const heapGrowthBytesMax = 16 * 1024 * 1024
/** A message takes a millisecond or two; thirty when others keep the machine busy. */
const runMsMax = 60_000 + 30 * messagesMax
/** Under way at once. */
const lanesMax = 8

const fixture = new HttpFixture()
const rejections: unknown[] = []
const rejected = (reason: unknown): void => void rejections.push(reason)
let prototypes = ''

beforeEach(() => {
  rejections.length = 0
  prototypes = prototypesNow()
  process.on('unhandledRejection', rejected)
})
afterEach(async () => {
  await fixture.end()
  process.off('unhandledRejection', rejected)
})

describe(`${messagesMax} hostile messages (seed ${seed})`, { timeout: runMsMax }, () => {
  it('over HTTP crash nothing, change no prototype, leave no memory behind, and are answered without a word of the inside', async () => {
    const { http } = await fixture.serve()
    const { client } = await fixture.connect(http.url)
    const { tools } = await client.listTools()
    const hostile = new Hostile(createSeededRandom(seed), tools)
    const session = await begin(http.url)
    const statuses = new Map<number, number>()
    const heap = new HeapWatch()
    let left = messagesMax
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        if (left === Math.floor(messagesMax * 0.7)) heap.begin()
        const sent = hostile.text()
        const headers = { ...mcpHeaders, 'mcp-session-id': session }
        const response = await fetch(http.url, { method: 'POST', body: sent, headers })
        const answer = await response.text()
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
        if (response.status >= 500 || /\n?\s+at .*[.](ts|js):\d+|node_modules/.test(answer)) {
          throw new Error(`${response.status} for ${sent.slice(0, 2000)}\n${answer.slice(0, 2000)}`)
        }
      }
    }
    await Promise.all(Array.from({ length: lanesMax }, lane))
    const grown = heap.end()
    console.info(`HTTP: ${messagesMax} messages, by status ${JSON.stringify(Object.fromEntries(statuses))}, heap ${grown}`)

    expect(statuses.get(200)).toBeGreaterThan(0)
    expect(statuses.get(400)).toBeGreaterThan(0)
    const told = await client.callTool({ name: 'memory_usage', arguments: { action: 'store', key: 'good', value: 'call' } })
    expect(told.isError).not.toBe(true)
    expectUnharmed(heap)
  })

  it('over a pipe crash nothing, change no prototype, leave no memory behind, and the server still answers', async () => {
    const runtime = createRuntime({ store: 'memory:', logger: silentLogger })
    const server = createMemoryServer(runtime)
    await server.ready()
    const input = new PassThrough()
    const output = new PassThrough()
    const served = serveStdio(server, { input, output })
    const pipe = new Pipe(input, output)
    await pipe.ask(initialize)
    pipe.tell('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    const { tools } = await pipe.ask<{ tools: [] }>({ jsonrpc: '2.0', id: 'tools', method: 'tools/list' })
    const hostile = new Hostile(createSeededRandom(seed + 1), tools)
    const heap = new HeapWatch()
    for (let sent = 0; sent < messagesMax; sent += lanesMax) {
      if (sent >= messagesMax * 0.3) heap.begin()
      for (let one = 0; one < lanesMax; one++) pipe.tell(hostile.text())
      // The server takes its messages in order: when this is answered, those before it were looked at.
      await pipe.ask(ping(`ping ${sent}`))
    }
    const grown = heap.end()
    console.info(`pipe: ${messagesMax} messages, ${pipe.answers} answers, heap ${grown}`)

    expect(pipe.answers).toBeGreaterThan(messagesMax / 4)
    expect(pipe.told).not.toMatch(/\\n\s+at |node_modules/)
    const args = { name: 'memory_usage', arguments: { action: 'store', key: 'good', value: 'call' } }
    const good = await pipe.ask<{ isError?: boolean }>({ jsonrpc: '2.0', id: 'good', method: 'tools/call', params: args })
    expect(good.isError).not.toBe(true)
    expectUnharmed(heap)
    input.end()
    await served
    await server.close()
    await runtime.shutdown({ drainMs: 0 })
  })
})

function expectUnharmed(heap: HeapWatch): void {
  expect(rejections).toEqual([])
  expect(prototypesNow()).toBe(prototypes)
  expect(heap.grownBytes).toBeLessThan(heapGrowthBytesMax)
}

function prototypesNow(): string {
  const names = [Object.prototype, Array.prototype, Function.prototype, String.prototype].map((prototype) =>
    Object.getOwnPropertyNames(prototype).join(),
  )
  return `${names.join(';')} ${'polluted' in {}}`
}

/** What is left of the heap after a collection, from one moment to another. */
class HeapWatch {
  grownBytes = 0
  readonly #collect: () => void
  #beganBytes: number | null = null

  constructor() {
    setFlagsFromString('--expose_gc')
    this.#collect = runInNewContext('gc') as () => void
  }

  /** The first call counts: what was hot before has settled. */
  begin(): void {
    this.#beganBytes ??= this.#usedBytes()
  }

  end(): string {
    const began = this.#beganBytes ?? 0
    const ended = this.#usedBytes()
    this.grownBytes = ended - began
    const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)
    return `${mib(began)} MiB -> ${mib(ended)} MiB`
  }

  #usedBytes(): number {
    this.#collect()
    return process.memoryUsage().heapUsed
  }
}

/** The other end of the server's standard input and output. */
class Pipe {
  answers = 0
  /** The newest lines that told of an error. */
  told = ''
  readonly #input: PassThrough
  readonly #waiting = new Map<unknown, (result: unknown) => void>()
  #rest = ''

  constructor(input: PassThrough, output: PassThrough) {
    this.#input = input
    output.setEncoding('utf8').on('data', (text: string) => this.#take(text))
  }

  tell(line: string): void {
    this.#input.write(`${line}\n`)
  }

  ask<T>(request: { readonly jsonrpc: string; readonly id: unknown; readonly [member: string]: unknown }): Promise<T> {
    const answered = new Promise<T>((resolve) => this.#waiting.set(request.id, resolve as (result: unknown) => void))
    this.tell(JSON.stringify(request))
    return answered
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.answers++
      const { id, result } = JSON.parse(line) as { id?: unknown; result?: unknown }
      if (line.includes('rror')) this.told = (this.told + line).slice(-1_000_000)
      this.#waiting.get(id)?.(result)
      this.#waiting.delete(id)
    }
  }
}
