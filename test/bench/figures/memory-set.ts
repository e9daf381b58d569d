/** `runtime.memory.set`, as users write: many in flight and one after another, on both stores, beside what lies below them. */
import { join } from 'node:path'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import type { Row, RunFigure, Sizes } from '../figure.ts'
import { ratioRow, row } from '../figure.ts'
import { openRaw } from '../raw-lmdb.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

export const memorySet: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const db = openRaw(join(directory, 'raw'))
    const text = encodeEntry(entryOf(1, 1))
    const map = new Map<string, string>()
    try {
      const rows = [
        ...(await setRows(sizes, 'file', `file:${join(directory, 'ours')}`, 'lmdb alone', (key) => db.put(key, text, 1))),
        ...(await setRows(sizes, 'memory', 'memory:', 'a Map', async (key) => map.set(key, text))),
      ]
      return {
        rows,
        notes: [
          `${sizes.writes} writes per round to ${keysMax} keys with ${sizes.inFlight} in flight, then ${sizes.writesOneByOne} one after another; values whose entries have ${text.length} bytes.`,
          "The baselines have no versions, no conditions and no batches of their own: lmdb's put, and an async function that sets a Map.",
        ],
      }
    } finally {
      await db.close()
    }
  })

async function setRows(
  sizes: Sizes,
  name: string,
  url: string,
  baselineName: string,
  put: (key: string) => Promise<unknown>,
): Promise<Row[]> {
  const runtime = await readyRuntime(url)
  const { value } = entryOf(1, 1)
  const set = (index: number): Promise<unknown> => runtime.memory.set(keyOf(index), value)
  const { inFlight, writes, writesOneByOne } = sizes
  const many = await alternate(sizes, {
    baseline: () => inLanes(inFlight, writes, (index) => put(keyOf(index))),
    ours: () => inLanes(inFlight, writes, set),
  })
  const single = await alternate(sizes, {
    baseline: () => inLanes(1, writesOneByOne, (index) => put(keyOf(index))),
    ours: () => inLanes(1, writesOneByOne, set),
  })
  await endRuntime(runtime)
  return [
    row(`${baselineName}, ${inFlight} in flight`, '/s', many.baseline),
    row(`${name}: set, ${inFlight} in flight`, '/s', many.ours),
    ratioRow(`${name}: / ${baselineName}`, many.ours, many.baseline),
    row(`${baselineName}, one at a time`, '/s', single.baseline),
    row(`${name}: set, one at a time`, '/s', single.ours),
    ratioRow(`${name}: / ${baselineName}`, single.ours, single.baseline),
  ]
}

/** A runtime remembers what it has seen of 10,000 keys; a key beyond them is read before it is written. */
const keysMax = 5000

function keyOf(index: number): string {
  return `bench/documents/${index % keysMax}/state`
}
