/** Two processes at one file store: how long a commit of one is news to the other, and what both cost while nothing happens. */
import { join } from 'node:path'
import { type Bar, type Row, type RunFigure, row } from '../figure.ts'
import { type Peer, scriptPath, startPeer } from '../peer.ts'
import { alternate, percentile, sleep } from '../rounds.ts'
import { withScratch } from '../scratch.ts'
import type { Written } from '../two-processes-peer.ts'

export const twoProcesses: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const { watchedWrites: count, watchedWritesPerSecond: perSecond, idleSeconds } = sizes
    const ours = await startPair('runtime', join(directory, 'ours'))
    const baseline = await startPair('lmdb', join(directory, 'raw'))
    try {
      const timed = async ({ writer, watcher }: Pair, round: number): Promise<Way> => {
        const first = round * count
        const seen = watcher.ask<number[]>('watchNext', { first, count })
        const written = await writer.ask<Written[]>('write', { first, count, perSecond })
        return waysOf(written, await seen)
      }
      const ways = await alternate(sizes, {
        baseline: (round) => timed(baseline, round),
        ours: (round) => timed(ours, round),
      })
      const idle = await idlePercents([ours, baseline], idleSeconds)
      return {
        rows: [
          ...wayRows('lmdb and fs.watch alone', ways.baseline),
          ...wayRows('file: watch', ways.ours, { below: 10 }),
          ...idleRows('lmdb and fs.watch alone', idle[1] ?? []),
          ...idleRows('file: two runtimes', idle[0] ?? [], { below: 1 }),
        ],
        notes: [
          `${count} writes a round at ${perSecond} a second. "After its acknowledgement": from the moment the writer's promise settled to the watcher's callback; negative when the watcher was told first.`,
          'Alone: each event of fs.watch on the data file makes the watcher read one key. It would miss writes between two reads, and keys it does not know.',
          `Idle: processor time of user and system, of all threads, over ${idleSeconds} s; each of our processes has an idle worker, whose heartbeats the other is told of.`,
        ],
      }
    } finally {
      for (const { writer, watcher } of [ours, baseline]) await Promise.all([writer.end(), watcher.end()])
    }
  })

interface Pair {
  readonly writer: Peer
  readonly watcher: Peer
}

interface Way {
  readonly afterCall: number[]
  readonly afterAcknowledgement: number[]
}

async function startPair(kind: 'runtime' | 'lmdb', directory: string): Promise<Pair> {
  const writer = startPeer(scriptPath('two-processes-peer'))
  const watcher = startPeer(scriptPath('two-processes-peer'))
  await writer.ask('open', { kind, directory })
  await watcher.ask('open', { kind, directory })
  await watcher.ask('watch')
  return { writer, watcher }
}

function waysOf(written: readonly Written[], seen: readonly number[]): Way {
  const way: Way = { afterCall: [], afterAcknowledgement: [] }
  for (const [index, { calledMs, acknowledgedMs }] of written.entries()) {
    const seenMs = seen[index] ?? Number.NaN
    way.afterCall.push(seenMs - calledMs)
    way.afterAcknowledgement.push(seenMs - acknowledgedMs)
  }
  return way
}

function wayRows(name: string, ways: readonly Way[], bar?: Bar): Row[] {
  const rows: Row[] = []
  for (const [label, of] of [
    ['after the call', (way: Way) => way.afterCall],
    ['after its acknowledgement', (way: Way) => way.afterAcknowledgement],
  ] as const) {
    for (const percent of [50, 99]) {
      const samples = ways.map((way) => percentile(of(way), percent))
      rows.push(row(`${name}, ${label}, p${percent}`, 'ms', samples))
    }
  }
  const all = ways.flatMap((way) => way.afterAcknowledgement)
  rows.push(row(`${name}, after its acknowledgement, p99 of all rounds`, 'ms', [percentile(all, 99)], bar))
  return rows
}

/** Per pair its writer's and its watcher's percent of a core. All are idle at the same time. */
async function idlePercents(pairs: readonly Pair[], seconds: number): Promise<number[][]> {
  const ask = (): Promise<number[][]> =>
    Promise.all(pairs.map(({ writer, watcher }) => Promise.all([writer, watcher].map((peer) => peer.ask<number>('idlePercent')))))
  // What the writes before left to do is over by then.
  await sleep(Math.min(1000, seconds * 1000))
  await ask()
  await sleep(seconds * 1000)
  return ask()
}

function idleRows(name: string, [writer = Number.NaN, watcher = Number.NaN]: readonly number[], bar?: Bar): Row[] {
  return [
    row(`${name}, idle, the writer's processor time`, '%', [writer], bar),
    row(`${name}, idle, the watcher's processor time`, '%', [watcher], bar),
  ]
}
