/** Managers and runtimes over plain memory servers (doubles of claude-flow): locks, queue, tasks, and what is refused where. */
import { afterEach, describe, expect, test } from 'vitest'
import { MemorySyncManager } from '../../src/memory-sync-manager.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { Store } from '../../src/ports/store.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { rejectsWith } from '../../src/testing/store-contract/subject.ts'
import { type PlainServer, plainServer } from '../stores/mcp/plain-server.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function serverOf(dialect: 'claude-flow-v2' | 'claude-flow-v3'): PlainServer {
  const server = plainServer(dialect)
  ends.push(() => server.close())
  return server
}

async function managerAt(server: PlainServer, workerId: string): Promise<MemorySyncManager> {
  const store = await server.store({ pollBusyMs: 20, pollIdleMs: 100 })
  const manager = new MemorySyncManager({ workerId, store, logger: silentLogger })
  ends.push(() => manager.shutdown())
  await manager.ready()
  return manager
}

function runtimeAt(store: Store, allowWeak?: boolean): Runtime {
  const runtime = createRuntime({ store, logger: silentLogger, ...(allowWeak === undefined ? {} : { allowWeak }) })
  ends.push(() => runtime.shutdown({ drainMs: 0 }))
  return runtime
}

describe('managers over claude-flow v2', () => {
  test('exclude each other by a lock, and one that lost it is refused by the store', async () => {
    const server = serverOf('claude-flow-v2')
    const [one, two] = [await managerAt(server, 'one'), await managerAt(server, 'two')]
    expect(await Promise.all([one.acquireTaskLock('t', 60_000), two.acquireTaskLock('t', 60_000)])).toContain(true)
    const [holder, other] = one.getLockEpoch('t') === null ? [two, one] : [one, two]
    expect(other.getLockEpoch('t')).toBe(null)
    expect(await other.acquireTaskLock('t')).toBe(false)
    await holder.syncTaskState('t', { by: 'holder' })
    await holder.releaseTaskLock('t')
    expect(await other.acquireTaskLock('t', 300)).toBe(true)
    expect(other.getLockEpoch('t')).toBe(2)
    expect(await other.getTaskState('t')).toEqual({ by: 'holder' })
    // It does not renew: the first takes it over when the lease is over, under a higher epoch.
    expect(await holder.acquireTaskLock('t', 60_000, { waitMs: 30_000 })).toBe(true)
    expect(holder.getLockEpoch('t')).toBe(3)
    await expect(other.syncTaskState('t', { by: 'late' })).rejects.toMatchObject({ code: /stale_epoch|lock_lost/ })
    expect(await holder.getTaskState('t')).toEqual({ by: 'holder' })
  })

  test('a counter that is read and written plainly under the lock is exact', async () => {
    const server = serverOf('claude-flow-v2')
    const managers = [await managerAt(server, 'a'), await managerAt(server, 'b'), await managerAt(server, 'c')]
    const each = 8
    await Promise.all(
      managers.map(async (manager) => {
        for (let done = 0; done < each; ) {
          if (!(await manager.acquireTaskLock('t', 60_000, { waitMs: 60_000 }))) continue
          const counter = (await manager.getTaskState<{ n: number }>('t'))?.n ?? 0
          await manager.syncTaskState('t', { n: counter + 1 })
          await manager.releaseTaskLock('t')
          done++
        }
      }),
    )
    expect(await managers[0]?.getTaskState('t')).toEqual({ n: managers.length * each })
  })

  test('the queue hands each of 50 ids to one of three', async () => {
    const server = serverOf('claude-flow-v2')
    const managers = [await managerAt(server, 'a'), await managerAt(server, 'b'), await managerAt(server, 'c')]
    const ids = Array.from({ length: 50 }, (_, index) => `task-${index}`)
    await managers[0]?.syncQueue({ pending: ids, processing: [] })
    const got: string[] = []
    const take = async (manager: MemorySyncManager): Promise<void> => {
      for (;;) {
        const queue = await manager.getQueue()
        const [id] = queue?.pending ?? []
        if (queue === null || id === undefined) return
        queue.pending.shift()
        queue.processing.push(id)
        try {
          await manager.syncQueue(queue)
        } catch (error) {
          if ((error as { code?: string }).code === 'claim_lost') continue
          throw error
        }
        got.push(id)
        queue.processing = queue.processing.filter((one) => one !== id)
        await manager.syncQueue(queue)
      }
    }
    await Promise.all(managers.map(take))
    expect(got).toHaveLength(50)
    expect([...got].sort()).toEqual([...ids].sort())
    expect(await managers[1]?.getQueue()).toEqual({ pending: [], processing: [] })
  })

  test('share task states, progress and agents', async () => {
    const server = serverOf('claude-flow-v2')
    const [one, two] = [await managerAt(server, 'one'), await managerAt(server, 'two')]
    await one.syncTaskState('t', { status: 'läuft' })
    await one.syncTaskProgress('t', 50, 'half')
    await one.syncAgentCoordination('t', 'agent-1', { role: 'writer' })
    await two.syncAgentCoordination('t', 'agent-2', { role: 'reader' })
    expect(await two.getTaskState('t')).toEqual({ status: 'läuft' })
    expect(await two.getTaskProgress('t')).toMatchObject({ progress: 50, status: 'half' })
    expect((await one.getTaskAgents('t')).sort()).toEqual(['agent-1', 'agent-2'])
    await Promise.all([one.syncMetrics({ a: 1 }), two.syncMetrics({ b: 2 })])
    expect(await one.read('task-sentinel/coordination/metrics')).toEqual({ a: 1, b: 2 })
  })
})

describe('a runtime over claude-flow v2', () => {
  test('is refused without allowWeak, in ready and in every call', async () => {
    const runtime = runtimeAt(await serverOf('claude-flow-v2').store())
    const calls = [
      () => runtime.ready(),
      () => runtime.submit({ type: 'x' }),
      () => runtime.lock('a'),
      () => runtime.memory.get('a'),
      () => runtime.memory.set('a', 1),
    ]
    for (const call of calls) {
      const error = await rejectsWith('not_supported', call)
      expect(error.message).toContain('memory-sync serve')
      expect(error.message).toContain('allowWeak: true')
    }
  })

  test('runs tasks of several runtimes with allowWeak, each of them once', async () => {
    const server = serverOf('claude-flow-v2')
    const runtimes = await Promise.all(
      [1, 2].map(async () => runtimeAt(await server.store({ pollBusyMs: 20, pollIdleMs: 100 }), true)),
    )
    const ran: number[] = []
    for (const runtime of runtimes) {
      runtime.spawnWorker({
        capacity: 2,
        handlers: {
          double: ({ input }) => {
            ran.push(input as number)
            return 2 * (input as number)
          },
        },
      })
    }
    const inputs = Array.from({ length: 12 }, (_, index) => index)
    const tasks = await Promise.all(inputs.map((input) => (runtimes[input % 2] as Runtime).submit({ type: 'double', input })))
    expect(await Promise.all(tasks.map((task) => task.result()))).toEqual(inputs.map((input) => 2 * input))
    expect(ran.sort((a, b) => a - b)).toEqual(inputs)
  })
})

describe('over claude-flow v3 with a server process for each client', () => {
  test('a runtime is refused, allowWeak or not', async () => {
    for (const allowWeak of [false, true]) {
      const runtime = runtimeAt(await serverOf('claude-flow-v3').store(), allowWeak)
      const error = await rejectsWith('not_supported', () => runtime.ready())
      expect(error.message).toContain('memory-sync serve')
    }
  })

  test('a manager’s documents work; its locks and its queue are refused, and say why', async () => {
    const manager = await managerAt(serverOf('claude-flow-v3'), 'one')
    await manager.syncTaskState('t', { status: 'running' })
    expect(await manager.getTaskState('t')).toEqual({ status: 'running' })
    const refused = [() => manager.acquireTaskLock('t'), () => manager.syncQueue({ pending: ['a'], processing: [] })]
    for (const call of refused) {
      expect((await rejectsWith('not_supported', call)).message).toContain('memory-sync serve')
    }
  })
})
