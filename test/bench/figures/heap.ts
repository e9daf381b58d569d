/** Heap after millions of reads, writes and subscriptions: it must not depend on how many there were. */
import { type RunFigure, row } from '../figure.ts'
import { collectGarbage } from '../rounds.ts'
import { endRuntime, readyRuntime } from '../runtimes.ts'

/** More keys than the cache holds, so that it always drops some. */
const keys = 5000
const cacheSize = 1000

export const heap: RunFigure = async (sizes) => {
  const runtime = await readyRuntime('memory:', { cacheSize })
  const { memory } = runtime
  for (let index = 0; index < keys; index++) await memory.set(keyOf(index), { index })
  let heard = 0
  /** Ten operations: seven reads, a write, a subscription and its end. */
  const round = async (index: number): Promise<void> => {
    const end = memory.subscribe(`bench/${index % 100}/*`, () => heard++)
    for (let read = 0; read < 6; read++) await memory.get(keyOf(index * 7 + read))
    memory.peek(keyOf(index))
    await memory.set(keyOf(index), { index })
    end()
  }
  const rounds = sizes.operations / 10
  const heapAt = async (from: number, to: number): Promise<number> => {
    for (let index = from; index < to; index++) await round(index)
    for (let time = 0; time < 3; time++) collectGarbage()
    return process.memoryUsage().heapUsed / 1e6
  }
  const early = await heapAt(0, rounds / 10)
  const late = await heapAt(rounds / 10, rounds)
  if (heard === 0) throw new Error('no subscriber was called')
  await endRuntime(runtime)
  return {
    rows: [
      row(`heap after ${sizes.operations / 10} operations`, 'MB', [early]),
      row(`heap after ${sizes.operations} operations`, 'MB', [late]),
      row('growth between the two', 'MB', [late - early], { below: 1 }),
    ],
    notes: [`${keys} keys, a cache of ${cacheSize}; of ten operations seven read, one writes, one subscribes, one ends that.`],
  }
}

function keyOf(index: number): string {
  return `bench/${index % 100}/${index % keys}`
}
