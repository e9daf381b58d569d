/** Many task actors alive at once: what each costs, from submit to its end, must not depend on how many there are. */
import { type Row, type RunFigure, row } from '../figure.ts'
import { RawTasks } from '../raw-task.ts'
import { alternate } from '../rounds.ts'
import { endRuntime, readyRuntime } from '../runtimes.ts'

export const actors: RunFigure = async (sizes) => {
  const rows: Row[] = []
  const usByCount: number[][] = []
  // The smallest step would be the first otherwise, in code that is not compiled yet, and look the slowest.
  for (let warmup = 0; warmup < sizes.warmups; warmup++) {
    await rawUs(Math.max(...sizes.actors))
    await oursUs(Math.max(...sizes.actors))
  }
  for (const count of sizes.actors) {
    const { baseline, ours } = await alternate(sizes, { baseline: () => rawUs(count), ours: () => oursUs(count) })
    rows.push(row(`XState alone, ${count} at once, per task`, 'us', baseline))
    rows.push(row(`memory: ${count} at once, per task`, 'us', ours))
    usByCount.push(ours)
  }
  const [fewest, most] = [usByCount[0] ?? [], usByCount.at(-1) ?? []]
  const growth = most.map((us, round) => us / (fewest[round] ?? Number.NaN))
  rows.push(row(`per task, ${sizes.actors.at(-1)} at once / ${sizes.actors[0]} at once`, 'x', growth))
  return {
    rows,
    notes: [
      'All actors are held in their handlers until the last has started, then released. Around 1 in the last row: linear.',
      'XState alone: actors without a parent. Children of one machine would cost time by the square of their number.',
    ],
  }
}

async function oursUs(count: number): Promise<number> {
  const runtime = await readyRuntime('memory:')
  const barrier = new Barrier(count)
  const startMs = performance.now()
  runtime.spawnWorker({ capacity: count, handlers: { wait: () => barrier.arrive() } })
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const task = await runtime.submit({ type: 'wait', input: { n } })
      return task.result()
    }),
  )
  const us = ((performance.now() - startMs) * 1000) / count
  await endRuntime(runtime)
  return us
}

async function rawUs(count: number): Promise<number> {
  const barrier = new Barrier(count)
  const raw = new RawTasks(() => barrier.arrive())
  const startMs = performance.now()
  await Promise.all(Array.from({ length: count }, (_, n) => raw.run({ n })))
  return ((performance.now() - startMs) * 1000) / count
}

/** Opens when so many wait at it. */
class Barrier {
  readonly #whenAll: Promise<null>
  #open: (value: null) => void = () => {}
  #missing: number

  constructor(count: number) {
    this.#missing = count
    this.#whenAll = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  arrive(): Promise<null> {
    if (--this.#missing === 0) this.#open(null)
    return this.#whenAll
  }
}
