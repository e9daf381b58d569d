/** Heap per queued task in processes that only know of them: at rest a task is a record in the store, not an actor. */
import { join } from 'node:path'
import { type RunFigure, row } from '../figure.ts'
import { type Peer, scriptPath, startPeer } from '../peer.ts'
import { withScratch } from '../scratch.ts'

export const queued: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const { queuedTasks, inFlight } = sizes
    const rounds = Math.min(sizes.rounds, sizes.queuedRoundsMax)
    const bare: number[] = []
    const submitting: number[] = []
    const working: number[] = []
    for (let round = 0; round < rounds; round++) {
      const store = `file:${join(directory, String(round))}`
      const payload = { store, queuedTasks, inFlight, scratch: join(directory, `warm-up-${round}`) }
      bare.push(await alone((peer) => peer.ask('idleActors', payload)))
      submitting.push(await alone((peer) => peer.ask('submit', payload)))
      working.push(await alone((peer) => peer.ask('work', payload)))
    }
    return {
      rows: [
        row('XState alone: an idle actor per task', 'bytes', bare),
        row('file: per task, where they were submitted', 'bytes', submitting, { below: 400 }),
        row('file: per task, where a busy worker waits for them', 'bytes', working, { below: 400 }),
      ],
      notes: [
        `${queuedTasks} tasks with inputs of less than 50 bytes; ${rounds} rounds. Heap used on the main thread after a full collection, once the process is quiet, less what it was with an empty store open before.`,
        'The baseline keeps a tenth as many actors and no queue. What lmdb maps of the file is not heap and is not counted.',
      ],
    }
  })

async function alone(ask: (peer: Peer) => Promise<number>): Promise<number> {
  const peer = startPeer(scriptPath('queued-peer'))
  try {
    return await ask(peer)
  } finally {
    await peer.end()
  }
}
