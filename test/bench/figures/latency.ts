/** Time from submit to result at a modest, fixed rate, beside the least that such a task could do on the same store. */
import { join } from 'node:path'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import { type Row, type RunFigure, row } from '../figure.ts'
import { openRaw } from '../raw-lmdb.ts'
import { RawTasks } from '../raw-task.ts'
import { type Arrivals, alternate, atRate, percentile } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

export const latencyOnFile: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const db = openRaw(join(directory, 'raw'))
    const text = encodeEntry(entryOf(1, 1))
    try {
      // What is committed in the life of a task: it is there, it is claimed, it is done.
      return await latencies(sizes, `file:${join(directory, 'ours')}`, 'three puts of lmdb alone', async (index) => {
        for (let version = 1; version <= 3; version++) await db.put(`bench/${index}`, text, version)
      })
    } finally {
      await db.close()
    }
  })

export const latencyInMemory: RunFigure = (sizes) => {
  const raw = new RawTasks()
  return latencies(sizes, 'memory:', 'XState alone', (index) => raw.run({ n: index }))
}

async function latencies(
  sizes: Parameters<RunFigure>[0],
  url: string,
  baselineName: string,
  bare: (index: number) => Promise<unknown>,
): ReturnType<RunFigure> {
  const { rounds, warmups, latencySeconds, tasksPerSecond } = sizes
  const perRound = Math.max(1, Math.round((latencySeconds * tasksPerSecond) / rounds))
  const runtime = await readyRuntime(url)
  runtime.spawnWorker({ capacity: 100, handlers: { echo: async (task) => task.input } })
  const { baseline, ours } = await alternate<Arrivals>(
    { rounds, warmups },
    {
      baseline: (round) => atRate(tasksPerSecond, perRound, (index) => bare(round * perRound + index)),
      ours: () =>
        atRate(tasksPerSecond, perRound, async (index) => {
          const task = await runtime.submit({ type: 'echo', input: { n: index } })
          return task.result()
        }),
    },
  )
  await endRuntime(runtime)
  const name = `${url.slice(0, url.indexOf(':'))}: submit to result`
  return {
    rows: [...percentileRows(baselineName, baseline), ...percentileRows(name, ours)],
    notes: [
      `${tasksPerSecond} arrivals a second from a timer that waits for no answer, ${latencySeconds} s in all, ${perRound} a round. An idle worker of the same process takes them.`,
      'Timed from the call of submit; "late" says how far behind its due time the call itself came (timers are as coarse as 1 ms).',
    ],
  }
}

function percentileRows(name: string, arrivals: readonly Arrivals[]): Row[] {
  const all = arrivals.flatMap((round) => round.latencies)
  const of = (percent: number): number[] => arrivals.map((round) => percentile(round.latencies, percent))
  return [
    row(`${name}, p50`, 'ms', of(50)),
    row(`${name}, p99`, 'ms', of(99)),
    row(`${name}, p99 of all rounds`, 'ms', [percentile(all, 99)]),
    row(`${name}, late p99`, 'ms', [
      percentile(
        arrivals.flatMap((round) => round.lateness),
        99,
      ),
    ]),
  ]
}
