/**
 * Conditional writes to the file store, one unit each, many in flight, beside lmdb alone with the same bytes under the same
 * condition. The first round creates the keys; all others replace what the round before wrote.
 */
import { join } from 'node:path'
import type { Condition, Store } from '../../../src/ports/store.ts'
import { encodeEntry } from '../../../src/wire/entry-codec.ts'
import { type RunFigure, ratioRow, row } from '../figure.ts'
import { openRaw, putIf } from '../raw-lmdb.ts'
import { alternate, inLanes } from '../rounds.ts'
import { entryOf, readyStore } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

export const storeWrites: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const { inFlight, writes } = sizes
    const db = openRaw(join(directory, 'raw'))
    const store = await readyStore(`file:${join(directory, 'ours')}`)
    const revisions: number[] = []
    try {
      const { baseline, ours } = await alternate(sizes, {
        baseline: (round) => {
          const texts = Array.from({ length: writes }, (_, index) => encodeEntry(entryOf(round + 1, index)))
          return inLanes(inFlight, writes, (index) =>
            putIf(db, keyOf(index), texts[index] ?? '', round + 1, round === 0 ? null : round),
          )
        },
        ours: (round) => {
          const entries = Array.from({ length: writes }, (_, index) => entryOf(round + 1, index))
          return inLanes(inFlight, writes, async (index) => {
            const entry = entries[index] ?? entryOf(round + 1, index)
            revisions[index] = await commitOne(store, keyOf(index), entry, conditionOf(revisions[index]))
          })
        },
      })
      return {
        rows: [
          row('lmdb alone', '/s', baseline),
          row('file store', '/s', ours),
          ratioRow('file store / lmdb alone', ours, baseline, { atLeast: 0.7 }),
        ],
        notes: [
          `${writes} writes of ${encodeEntry(entryOf(1, 1)).length} bytes per round, ${inFlight} in flight, each on the condition that the key is at the revision last seen.`,
          'lmdb alone is given the finished text; the file store encodes the entry. lmdb alone counts no revisions, keeps no change log, tells no other process.',
        ],
      }
    } finally {
      await store.close()
      await db.close()
    }
  })

function keyOf(index: number): string {
  return `bench/documents/${index}/state`
}

function conditionOf(revision: number | undefined): Condition {
  return revision === undefined ? { type: 'absent' } : { type: 'revision', revision }
}

async function commitOne(store: Store, key: string, entry: ReturnType<typeof entryOf>, condition: Condition): Promise<number> {
  const [receipt] = await store.commit([[{ key, entry, condition }]])
  if (receipt?.type !== 'committed') throw new Error(`${key}: ${JSON.stringify(receipt)}`)
  return receipt.revision
}
