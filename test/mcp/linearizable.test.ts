import { afterAll, describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { memoryTools, type WireReceipt } from '../../src/wire/mcp-memory.ts'
import { type Connected, HttpFixture } from './http-fixture.ts'
import { type Operation, violationsOf } from './linearizability.ts'

const operationsMax = Number(process.env.LINEARIZABLE_OPERATIONS ?? 2000)
const seed = Number(process.env.LINEARIZABLE_SEED ?? 1)
const clientsMax = 16
/** Calls of one client at once. */
const lanesMax = 4
const keys = Array.from({ length: 8 }, (_, index) => `shared/${index}`)

const fixture = new HttpFixture()
afterAll(() => fixture.end())

interface Got {
  readonly found: boolean
  readonly revision: number
  readonly entry?: { readonly value: unknown }
}

/** Reads, writes and compare-and-sets of one client, recorded. */
class Recorder {
  readonly #connected: Connected
  readonly #name: string
  readonly #historyByKey: Map<string, Operation[]>
  #written = 0

  constructor(connected: Connected, name: string, historyByKey: Map<string, Operation[]>) {
    this.#connected = connected
    this.#name = name
    this.#historyByKey = historyByKey
  }

  async get(key: string): Promise<number> {
    const calledMs = performance.now()
    const got = await this.#call<Got>(memoryTools.get, { key })
    const answeredMs = performance.now()
    const revision = got.found ? got.revision : 0
    const value = got.found ? String(got.entry?.value) : null
    this.#record(key, { kind: 'read', revision, value, calledMs, answeredMs })
    return revision
  }

  async put(key: string, expected?: number): Promise<void> {
    const value = `${this.#name}-${++this.#written}`
    const entry = { value, version: { [this.#name]: this.#written }, timestamp: Date.now(), workerId: this.#name }
    const absentOrRevision = expected === 0 ? { type: 'absent' } : { type: 'revision', revision: expected }
    const condition = expected === undefined ? { type: 'none' } : absentOrRevision
    const calledMs = performance.now()
    const { receipts } = await this.#call<{ receipts: WireReceipt[] }>(memoryTools.commit, {
      units: [[{ key, entry, condition }]],
    })
    const answeredMs = performance.now()
    const receipt = receipts[0]
    if (receipt?.type === 'committed') {
      const { revision } = receipt
      this.#record(key, { kind: 'write', revision, value, calledMs, answeredMs, ...(expected === undefined ? {} : { expected }) })
    } else if (receipt?.type === 'conflict') {
      // What stood in the way was read in the same transaction.
      const { stored } = receipt
      const seen = stored === null ? null : String(stored.entry.value)
      this.#record(key, { kind: 'read', revision: stored?.revision ?? 0, value: seen, calledMs, answeredMs })
    } else {
      throw new Error(`an unexpected receipt: ${JSON.stringify(receipt)}`)
    }
  }

  async #call<T>(name: string, args: Record<string, unknown>): Promise<T> {
    const { isError, structuredContent, content } = await this.#connected.client.callTool({ name, arguments: args })
    if (isError === true) throw new Error(JSON.stringify(content))
    return structuredContent as T
  }

  #record(key: string, operation: Operation): void {
    this.#historyByKey.get(key)?.push(operation)
  }
}

describe(`${clientsMax} clients over HTTP`, { timeout: 60_000 + 60 * operationsMax }, () => {
  it(`see one linearizable history of each key in ${operationsMax} operations, and the process no warning`, async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const { http } = await fixture.serve()
    const historyByKey = new Map<string, Operation[]>(keys.map((key) => [key, []]))
    const random = createSeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    let left = operationsMax
    const lane = async (recorder: Recorder): Promise<void> => {
      while (left-- > 0) {
        const key = keys[pick(keys.length)] as string
        const kind = pick(10)
        if (kind < 4) await recorder.get(key)
        else if (kind < 6) await recorder.put(key)
        else {
          // Two calls with time between them, in which others write.
          left--
          await recorder.put(key, await recorder.get(key))
        }
      }
    }
    const clients = await Promise.all(Array.from({ length: clientsMax }, () => fixture.connect(http.url)))
    const lanes = clients.flatMap((connected, index) => {
      const recorder = new Recorder(connected, `client-${index}`, historyByKey)
      return Array.from({ length: lanesMax }, () => lane(recorder))
    })
    await Promise.all(lanes)
    process.off('warning', warned)

    const operations = [...historyByKey.values()].flat()
    const count = (is: (operation: Operation) => boolean): number => operations.filter(is).length
    const written = count(({ kind, expected }) => kind === 'write' && expected === undefined)
    const swapped = count(({ expected }) => expected !== undefined)
    console.info(
      `${operations.length} operations of ${clientsMax} clients on ${keys.length} keys (seed ${seed}): ${written} writes, ${swapped} compare-and-sets that held, ${operations.length - written - swapped} reads`,
    )
    expect(operations.length).toBeGreaterThanOrEqual(operationsMax)
    // Otherwise nothing was contended and nothing shown.
    expect(written).toBeGreaterThan(0)
    expect(swapped).toBeGreaterThan(0)
    for (const [key, history] of historyByKey) expect(violationsOf(history), key).toEqual([])
    expect(warnings).toEqual([])
  })
})
