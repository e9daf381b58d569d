/** The helpers on real managers that share a store: what each needs of a manager is there, and means what it takes it for. */
import { afterEach, expect, test } from 'vitest'
import { AgentCoordinator } from '../../src/helpers/agent-coordinator.ts'
import { TaskQueue } from '../../src/helpers/task-queue.ts'
import { warmCache } from '../../src/helpers/warm-cache.ts'
import { MemorySyncManager } from '../../src/memory-sync-manager.ts'
import { memoryStore } from '../../src/runtime/create-store.ts'

const managers: MemorySyncManager[] = []

function twoManagers(): [MemorySyncManager, MemorySyncManager] {
  const store = memoryStore()
  const two: [MemorySyncManager, MemorySyncManager] = [
    new MemorySyncManager({ workerId: 'one', store }),
    new MemorySyncManager({ workerId: 'two', store }),
  ]
  managers.push(...two)
  return two
}

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.shutdown()))
})

test('two managers, each asked twice at once, drain one queue and get each task once', async () => {
  const [one, two] = twoManagers()
  const ids = Array.from({ length: 30 }, (_, index) => `task-${index}`)
  for (const id of ids) await new TaskQueue(one).enqueue(id)
  const drain = async (manager: MemorySyncManager): Promise<string[]> => {
    const queue = new TaskQueue(manager)
    const got: string[] = []
    for (let id = await queue.dequeue(); id !== null; id = await queue.dequeue()) {
      got.push(id)
      await queue.complete(id)
    }
    return got
  }
  const got = (await Promise.all([one, one, two, two].map(drain))).flat()
  expect(got.toSorted()).toEqual(ids.toSorted())
  await expect(one.getQueue()).resolves.toEqual({ pending: [], processing: [] })
})

test('agents on another manager are told, and their answers end the wait', async () => {
  const [one, two] = twoManagers()
  two.subscribe('task-sentinel/tasks/t/agents/*', {
    onChange: (key, value) => {
      const agentId = key.slice(key.lastIndexOf('/') + 1)
      const { status, role } = value as { status: string; role: string }
      if (status === 'ready') void two.syncAgentCoordination('t', agentId, { status: 'completed', result: `${agentId}, ${role}` })
    },
  })
  const done = new AgentCoordinator(one).coordinateAgents('t', ['a', 'b'], { roleOf: (agentId) => `role of ${agentId}` })
  await expect(done).resolves.toMatchObject({ a: { result: 'a, role of a' }, b: { result: 'b, role of b' } })
  expect(one.getMetrics().subscriptions).toBe(0)
})

test('the shutdown of the manager ends the wait for agents', async () => {
  const [one] = twoManagers()
  const subscribed = new Promise((resolve) => one.once('subscribed', resolve))
  const done = new AgentCoordinator(one).coordinateAgents('t', ['a'])
  done.catch(() => {})
  await subscribed
  // The one read of the coordinator is answered before this one: from here on it only waits.
  await one.getAgentCoordination('t', 'a')
  await one.shutdown()
  await expect(done).rejects.toMatchObject({ code: 'closed', message: expect.stringContaining('while agents were awaited') })
  expect(one.listenerCount('shutdown')).toBe(0)
})

test('warming reads what is there and counts it', async () => {
  const [one, two] = twoManagers()
  await two.syncTaskState('task-1', { status: 'running' })
  await expect(warmCache(one, ['task-1', 'task-2'])).resolves.toBe(1)
})
