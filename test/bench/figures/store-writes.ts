/**
 * Conditional writes to the file store, one unit each, many in flight, beside lmdb alone with the same bytes under the same
 * condition. The first round creates the keys; all others replace what the round before wrote.
 */
import { join } from 'node:path'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import { type RunFigure, ratioRow, row } from '../figure.ts'
import { scriptPath, startPeer } from '../peer.ts'
import { alternate } from '../rounds.ts'
import { entryOf } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'
import type { WritesAsk } from '../writes-peer.ts'

export const storeWrites: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const { inFlight, writes } = sizes
    const bare = startPeer(scriptPath('writes-peer'))
    const full = startPeer(scriptPath('writes-peer'))
    try {
      await bare.ask('openBaseline', join(directory, 'raw'))
      await full.ask('openOurs', join(directory, 'ours'))
      const ask = (round: number): WritesAsk => ({ round, writes, inFlight })
      const { baseline, ours } = await alternate(sizes, {
        baseline: (round) => bare.ask<number>('baseline', ask(round)),
        ours: (round) => full.ask<number>('ours', ask(round)),
      })
      await Promise.all([bare.ask('close'), full.ask('close')])
      return {
        rows: [
          row('lmdb alone', '/s', baseline),
          row('file store', '/s', ours),
          ratioRow('file store / lmdb alone', ours, baseline, { atLeast: 0.7 }),
        ],
        notes: [
          `${writes} writes of ${encodeEntry(entryOf(1, 1)).length} bytes per round, ${inFlight} in flight, each on the condition that the key is at the revision last seen. Each side has a process of its own; they run by turns.`,
          'lmdb alone is given the finished text; the file store encodes the entry. lmdb alone counts no revisions, keeps no change log, tells no other process.',
        ],
      }
    } finally {
      await Promise.all([bare.end(), full.end()])
    }
  })
