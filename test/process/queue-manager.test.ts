/** The guide's own queue code, in several processes: nothing is lost and nothing handed out twice. */
import { MemorySyncManager } from 'memory-sync'
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/ports/logger.ts'
import { startChild, withDirectory } from './children.ts'

test('4 processes, 1,000 tasks: each is given to one', async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const manager = new MemorySyncManager({ workerId: 'parent', store, logger: silentLogger })
    const ids = Array.from({ length: 1000 }, (_, index) => `task-${index}`)
    await manager.syncQueue({ pending: ids, processing: [] })
    const children = ['a', 'b', 'c', 'd'].map((workerId) => startChild('../../guide/queue-process.ts', { store, workerId }))
    const lists = await Promise.all(
      children.map(async (child) => {
        const message = await child.hears((told) => (told as { given?: string[] }).given !== undefined)
        return (message as { given: string[] }).given
      }),
    )
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual(children.map(() => ({ code: 0, signal: null })))
    expect(lists.flat().sort()).toEqual([...ids].sort())
    expect(await manager.getQueue()).toEqual({ pending: [], processing: [] })
    await manager.shutdown()
  })
}, 240_000)
