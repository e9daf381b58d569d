/** Tasks per second, from submit to result, on one store, beside XState alone: an actor per task and nothing else. */
import { join } from 'node:path'
import { type Bar, type RunFigure, ratioRow, row } from '../figure.ts'
import { RawTasks } from '../raw-task.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

export const tasksInMemory = tasksOn('memory', { atLeast: 0.8 })
export const tasksOnFile = tasksOn('file', { atLeast: 0.5 })

function tasksOn(scheme: 'memory' | 'file', bar: Bar): RunFigure {
  return (sizes) =>
    withScratch(async (directory) => {
      const { inFlight, tasks } = sizes
      const raw = new RawTasks()
      const { baseline, ours } = await alternate(sizes, {
        baseline: () => inLanes(inFlight, tasks, (index) => raw.run({ n: index })),
        ours: async (round) => {
          const runtime = await readyRuntime(scheme === 'memory' ? 'memory:' : `file:${join(directory, String(round))}`)
          runtime.spawnWorker({ capacity: inFlight, handlers: { echo: async (task) => task.input } })
          const perSecond = await inLanes(inFlight, tasks, async (index) => {
            const task = await runtime.submit({ type: 'echo', input: { n: index } })
            return task.result()
          })
          await endRuntime(runtime)
          return perSecond
        },
      })
      return {
        rows: [
          row('XState alone', '/s', baseline),
          row(`${scheme}: submit to result`, '/s', ours),
          ratioRow(`${scheme}: / XState alone`, ours, baseline, bar),
        ],
        notes: [
          `${tasks} tasks per round, ${inFlight} in flight, one worker of capacity ${inFlight}, an async handler that returns its input, a fresh runtime per round.`,
          'XState alone: one actor per task, six states, an invoked promise, its receipts sent at once. No memory, no queue, no retries, no leases, no result that another process could read.',
        ],
      }
    })
}
