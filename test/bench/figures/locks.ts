/** A lock taken and given back on the file store, one after the other and uncontended, beside lmdb's bare compare-and-set. */
import { join } from 'node:path'
import { type RunFigure, ratioRow, row } from '../figure.ts'
import { openRaw, putIf } from '../raw-lmdb.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

export const locks: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const pairs = sizes.writesOneByOne
    const db = openRaw(join(directory, 'raw'))
    const runtime = await readyRuntime(`file:${join(directory, 'ours')}`)
    let version = 0
    try {
      const put = async (owner: string | null): Promise<void> => {
        await putIf(db, 'lock', JSON.stringify({ owner, epoch: version }), version + 1, version === 0 ? null : version)
        version++
      }
      const { baseline, ours } = await alternate(sizes, {
        baseline: () =>
          inLanes(1, pairs, async () => {
            await put('me')
            await put(null)
          }),
        ours: () =>
          inLanes(1, pairs, async () => {
            const lock = await runtime.lock('bench')
            if (lock === null) throw new Error('somebody else has the lock')
            await lock.release()
          }),
      })
      return {
        rows: [
          row('lmdb alone: two conditional puts', '/s', baseline),
          row('file: acquire and release', '/s', ours),
          ratioRow('file: / lmdb alone', ours, baseline, { atLeast: 0.4 }),
        ],
        notes: [
          `${pairs} pairs per round, one after the other, nobody else wants the lock.`,
          'lmdb alone: two puts, each on the version before it. No lease, no epoch, no renewal, no reader that watches.',
        ],
      }
    } finally {
      await endRuntime(runtime)
      await db.close()
    }
  })
