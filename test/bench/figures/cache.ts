/** Reads that the cache answers: beside lru-cache alone, which knows nothing of other processes. */
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Json } from '../../../src/domain/json.ts'
import { MemorySyncManager } from '../../../src/memory-sync-manager.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import type { Row, RunFigure, Sizes } from '../figure.ts'
import { ratioRow, row } from '../figure.ts'
import { alternate } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

/** As many as a runtime caches by default. */
const keysMax = 1000
const keys = Array.from({ length: keysMax }, (_, index) => `bench/documents/${index}/state`)
/** Each write of `sizes` stands for so many reads: one read is far below what a clock can tell. */
const readsPerWrite = 40
/** Reads of the file store in one turn of the event loop. */
const readsPerTurn = 100

export const cache: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const reads = sizes.writes * readsPerWrite
    const memory = await cachedRuntime('memory:')
    const rows = [...(await peekRows(sizes, reads, memory)), ...(await getRows(sizes, reads, memory))]
    await endRuntime(memory)
    const file = await cachedRuntime(`file:${join(directory, 'store')}`)
    rows.push(...(await fileRows(sizes, sizes.writes, file)))
    await endRuntime(file)
    rows.push(await copyRow(sizes))
    return {
      rows,
      notes: [
        `${reads} reads of ${keysMax} cached keys per round; of the file store ${sizes.writes}, ${readsPerTurn} in each turn of the event loop.`,
        'lru-cache alone: its get, and an async function around it. It judges no expiry, sees no write of anybody else and looks at no store.',
      ],
    }
  })

async function cachedRuntime(url: string): Promise<Runtime> {
  const runtime = await readyRuntime(url)
  await Promise.all(keys.map((key, index) => runtime.memory.set(key, entryOf(1, index).value)))
  for (const key of keys) await runtime.memory.get(key)
  return runtime
}

function filledLru(): LRUCache<string, object> {
  const lru = new LRUCache<string, object>({ max: keysMax })
  for (const [index, key] of keys.entries()) lru.set(key, entryOf(1, index).value as object)
  return lru
}

/** The manager's getters give copies of their own. */
async function copyRow(sizes: Sizes): Promise<Row> {
  const manager = new MemorySyncManager({ workerId: 'bench', store: 'memory:', cacheSize: keysMax })
  await Promise.all(keys.map((_, index) => manager.syncTaskState(String(index), entryOf(1, index).value)))
  const samples: number[] = []
  for (let round = 0; round < sizes.warmups + sizes.rounds; round++) {
    const reads = sizes.writes
    const startMs = performance.now()
    let found = 0
    for (let index = 0; index < reads; index++) if ((await manager.getTaskState(String(index % keysMax))) !== null) found++
    const perSecond = reads / ((performance.now() - startMs) / 1000)
    assertAllFound(found, reads)
    if (round >= sizes.warmups) samples.push(perSecond)
  }
  await manager.shutdown()
  return row('manager: getTaskState, awaited, a copy', '/s', samples)
}

/** Reads that found nothing would be no reads. */
function assertAllFound(found: number, reads: number): void {
  if (found !== reads) throw new Error(`${reads - found} of ${reads} reads found nothing`)
}

async function peekRows(sizes: Sizes, reads: number, { memory }: Runtime): Promise<Row[]> {
  const lru = filledLru()
  const baseline = (): void => {
    let found = 0
    for (let index = 0; index < reads; index++) if (lru.get(keys[index % keysMax] as string) !== undefined) found++
    assertAllFound(found, reads)
  }
  const ours = (): void => {
    let found = 0
    for (let index = 0; index < reads; index++) {
      const value: Json | null | undefined = memory.peek(keys[index % keysMax] as string)
      if (value !== undefined && value !== null) found++
    }
    assertAllFound(found, reads)
  }
  const turns = await alternate(sizes, {
    baseline: async () => perSecond(reads, baseline),
    ours: async () => perSecond(reads, ours),
  })
  return [
    row('lru-cache: get', '/s', turns.baseline),
    row('memory: peek', '/s', turns.ours),
    ratioRow('memory: peek / lru-cache', turns.ours, turns.baseline, { atLeast: 0.6 }),
  ]
}

async function getRows(sizes: Sizes, reads: number, { memory }: Runtime): Promise<Row[]> {
  const lru = filledLru()
  const wrapped = async (key: string): Promise<object | undefined> => lru.get(key)
  const turns = await alternate(sizes, {
    baseline: () => perSecondAwaited(reads, wrapped),
    ours: () => perSecondAwaited(reads, (key) => memory.get(key)),
  })
  return [
    row('lru-cache: get in an async function, awaited', '/s', turns.baseline),
    row('memory: get, awaited', '/s', turns.ours),
    ratioRow('memory: get / lru-cache', turns.ours, turns.baseline, { atLeast: 0.5 }),
  ]
}

async function fileRows(sizes: Sizes, reads: number, { memory }: Runtime): Promise<Row[]> {
  const lru = filledLru()
  const turns = await alternate(sizes, {
    baseline: () => perSecondInTurns(reads, async (key) => lru.get(key)),
    ours: () => perSecondInTurns(reads, (key) => memory.get(key)),
  })
  return [
    row(`lru-cache: the same, ${readsPerTurn} per turn`, '/s', turns.baseline),
    row(`file: get, awaited, ${readsPerTurn} per turn`, '/s', turns.ours),
    ratioRow('file: get / lru-cache', turns.ours, turns.baseline),
  ]
}

function perSecond(reads: number, run: () => void): number {
  const startMs = performance.now()
  run()
  return reads / ((performance.now() - startMs) / 1000)
}

async function perSecondAwaited(reads: number, get: (key: string) => Promise<unknown>): Promise<number> {
  let found = 0
  const startMs = performance.now()
  for (let index = 0; index < reads; index++) if ((await get(keys[index % keysMax] as string)) != null) found++
  const rate = reads / ((performance.now() - startMs) / 1000)
  assertAllFound(found, reads)
  return rate
}

/** Turns as a server has them: the cost of beginning one is in both sides. */
async function perSecondInTurns(reads: number, get: (key: string) => Promise<unknown>): Promise<number> {
  let found = 0
  const startMs = performance.now()
  for (let index = 0; index < reads; index++) {
    if (index % readsPerTurn === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    if ((await get(keys[index % keysMax] as string)) != null) found++
  }
  const rate = reads / ((performance.now() - startMs) / 1000)
  assertAllFound(found, reads)
  return rate
}
