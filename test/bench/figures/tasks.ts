/** Tasks per second, from submit to result, on one store, beside XState alone: an actor per task and nothing else. */
import { join } from 'node:path'
import { type Bar, type RunFigure, ratioRow, row } from '../figure.ts'
import { scriptPath, startPeer } from '../peer.ts'
import { alternate } from '../rounds.ts'
import { withScratch } from '../scratch.ts'
import type { TasksAsk } from '../tasks-peer.ts'

export const tasksInMemory = tasksOn('memory', { atLeast: 0.8 })
export const tasksOnFile = tasksOn('file', { atLeast: 0.5 })

function tasksOn(scheme: 'memory' | 'file', bar: Bar): RunFigure {
  return (sizes) =>
    withScratch(async (directory) => {
      const { inFlight, tasks } = sizes
      const bare = startPeer(scriptPath('tasks-peer'))
      const full = startPeer(scriptPath('tasks-peer'))
      try {
        await full.ask('open', {
          store: scheme === 'memory' ? 'memory:' : `file:${join(directory, 'store')}`,
          capacity: inFlight,
        })
        const ask: TasksAsk = { tasks, inFlight }
        const { baseline, ours } = await alternate(sizes, {
          baseline: () => bare.ask<number>('baseline', ask),
          ours: () => full.ask<number>('ours', ask),
        })
        await full.ask('close')
        return {
          rows: [
            row('XState alone', '/s', baseline),
            row(`${scheme}: submit to result`, '/s', ours),
            ratioRow(`${scheme}: / XState alone`, ours, baseline, bar),
          ],
          notes: [
            `${tasks} tasks per round, ${inFlight} in flight, one worker of capacity ${inFlight}, an async handler that returns its input, one runtime for all rounds. Each side has a process of its own; they run by turns.`,
            'XState alone: one actor per task, six states, an invoked promise, its receipts sent at once. No memory, no queue, no retries, no leases, no result that another process could read.',
          ],
        }
      } finally {
        await Promise.all([bare.end(), full.end()])
      }
    })
}
