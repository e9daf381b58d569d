/** Tasks per second of a runtime while somebody reads every record of what happens in it, beside one that nobody watches. */
import { join } from 'node:path'
import { type Bar, type Row, type RunFigure, ratioRow, row } from '../figure.ts'
import { scriptPath, startPeer } from '../peer.ts'
import { alternate } from '../rounds.ts'
import { withScratch } from '../scratch.ts'
import type { TasksAsk } from '../tasks-peer.ts'

export const watched: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const rows: Row[] = []
    const notes: string[] = []
    const sides: readonly (readonly [scheme: 'file' | 'memory', bar: Bar | undefined])[] = [
      ['file', { atLeast: 0.5 }],
      ['memory', undefined],
    ]
    for (const [scheme, bar] of sides) {
      const { inFlight, tasks } = sizes
      const [alone, inspected] = [startPeer(scriptPath('watched-peer')), startPeer(scriptPath('watched-peer'))]
      const ask: TasksAsk = { tasks, inFlight }
      const storeOf = (name: string): string => (scheme === 'memory' ? 'memory:' : `file:${join(directory, name)}`)
      try {
        await alone.ask('open', { store: storeOf('alone'), capacity: inFlight, isWatched: false })
        await inspected.ask('open', { store: storeOf('inspected'), capacity: inFlight, isWatched: true })
        const { baseline, ours } = await alternate(sizes, {
          baseline: () => alone.ask<number>('run', ask),
          ours: () => inspected.ask<number>('run', ask),
        })
        const { records, lost, bytes } = await inspected.ask<{ records: number; lost: number; bytes: number }>('told')
        await Promise.all([alone.ask('close'), inspected.ask('close')])
        rows.push(
          row(`${scheme}: nobody watches`, '/s', baseline),
          row(`${scheme}: every record is read`, '/s', ours),
          ratioRow(`${scheme}: watched / not watched`, ours, baseline, bar),
        )
        const all = tasks * (sizes.rounds + sizes.warmups)
        notes.push(
          `${scheme}: ${(records / all).toFixed(1)} records and ${Math.round(bytes / all)} bytes of JSON a task; ${lost} lost.`,
        )
      } finally {
        await Promise.all([alone.end(), inspected.end()])
      }
    }
    return {
      rows,
      notes: [
        ...notes,
        `${sizes.tasks} tasks per round, ${sizes.inFlight} in flight, as in the figures of tasks. The watcher is in the same process, takes no samples, and makes the text of each record that it would send.`,
      ],
    }
  })
