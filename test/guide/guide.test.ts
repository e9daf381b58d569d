/** Every block of the integration guide, run as it stands there; `snippets/` holds them. */
import { MemorySyncManager } from 'memory-sync'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { AgentCoordinator } from './snippets/agent-coordinator.ts'
import { batchOperations } from './snippets/batch-operations.ts'
import { CacheWarmer, supply } from './snippets/cache-warmer.ts'
import { CircuitBreaker } from './snippets/circuit-breaker.ts'
import { highConflictRate } from './snippets/high-conflict-rate.ts'
import { lockContention } from './snippets/lock-contention.ts'
import { lowCacheHitRate } from './snippets/low-cache-hit-rate.ts'
import { MonitoringDashboard } from './snippets/monitoring-dashboard.ts'
import { QueueManager } from './snippets/queue-manager.ts'
import { useRetry, withRetry } from './snippets/retry-logic.ts'
import { smartSubscriptions } from './snippets/smart-subscriptions.ts'
import { TaskExecutor } from './snippets/task-executor.ts'
import { Worker } from './snippets/worker.ts'

const managers: MemorySyncManager[] = []
let stores = 0

/** Managers that share one memory. */
function made(count = 1): MemorySyncManager[] {
  const store = `memory:guide-${++stores}`
  const own = Array.from({ length: count }, (_, index) => new MemorySyncManager({ workerId: `worker-${index + 1}`, store }))
  managers.push(...own)
  return own
}

function one(): MemorySyncManager {
  return made()[0] as MemorySyncManager
}

/** Settles with the next event of that name for which `isMeant` holds. */
function next<T>(manager: MemorySyncManager, name: string, isMeant: (news: T) => boolean = () => true): Promise<T> {
  return new Promise((resolve) => {
    const listener = (news: T): void => {
      if (!isMeant(news)) return
      manager.off(name as 'change', listener as never)
      resolve(news)
    }
    manager.on(name as 'change', listener as never)
  })
}

afterEach(async () => {
  vi.restoreAllMocks()
  delete process.env.MEMORY_SYNC_STORE
  await Promise.all(managers.splice(0).map((manager) => manager.shutdown()))
})

describe('worker lifecycle', () => {
  test('a worker registers, hears of assignments, and is offline after its shutdown', async () => {
    const observer = one()
    // The guide's worker takes the default store; here it is the observer's.
    process.env.MEMORY_SYNC_STORE = `memory:guide-${stores}`
    const assigned: unknown[] = []
    class MyWorker extends Worker {
      override maxCapacity = 10
      override handleAssignment(value: unknown): void {
        assigned.push(value)
      }
    }
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const worker = new MyWorker()
    await worker.initialize()
    const [key] = await observer.searchKeys('task-sentinel/workers/*/status')
    const workerId = (key as string).split('/')[2] as string
    expect(await observer.getWorkerStatus(workerId)).toEqual({ state: 'active', tasks: [], capacity: 10 })
    await observer.syncAssignments({ 'task-1': workerId })
    await vi.waitFor(() => expect(assigned).toEqual([{ 'task-1': workerId }]))
    await worker.shutdown()
    expect(await observer.getWorkerStatus(workerId)).toEqual({ state: 'offline', tasks: [], capacity: 0 })
    expect(await observer.getActiveWorkers()).not.toContain(workerId)
  })

  test('an executor locks, tells its progress, completes, and releases', async () => {
    const [manager, other] = made(2) as [MemorySyncManager, MemorySyncManager]
    const progress: number[] = []
    other.subscribe('task-sentinel/tasks/t/progress', { onChange: (_, value) => progress.push(value.progress) })
    class MyExecutor extends TaskExecutor {
      override async doWork(): Promise<void> {
        expect(await other.acquireTaskLock('t')).toBe(false)
      }
    }
    await new MyExecutor(manager).executeTask('t')
    expect(progress).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    expect(await other.getTaskState('t')).toMatchObject({ status: 'completed' })
    expect(await other.acquireTaskLock('t')).toBe(true)
  })

  test('an executor that fails says so and releases', async () => {
    const [manager, other] = made(2) as [MemorySyncManager, MemorySyncManager]
    class Failing extends TaskExecutor {
      override doWork(): Promise<void> {
        return Promise.reject(new Error('no luck'))
      }
    }
    await expect(new Failing(manager).executeTask('t')).rejects.toThrow('no luck')
    expect(await other.getTaskState('t')).toMatchObject({ status: 'failed', error: 'no luck' })
    expect(await other.acquireTaskLock('t')).toBe(true)
    await expect(new Failing(manager).executeTask('t')).rejects.toThrow('Cannot acquire lock for task t')
  })

  test('a coordinator shares its context and waits for all agents', async () => {
    const [manager, agents] = made(2) as [MemorySyncManager, MemorySyncManager]
    vi.spyOn(console, 'log').mockImplementation(() => {})
    class MyCoordinator extends AgentCoordinator {
      override getAgentRole(agentId: string): string {
        return `role of ${agentId}`
      }
    }
    for (const agentId of ['a', 'b']) {
      agents.subscribe(`task-sentinel/tasks/t/agents/${agentId}`, {
        onChange: (_, value) => {
          if (value.status !== 'ready') return
          expect(value).toMatchObject({ role: `role of ${agentId}`, context: { taskId: 't', agents: ['a', 'b'] } })
          void agents.syncAgentCoordination('t', agentId, { ...value, status: 'completed' })
        },
      })
    }
    await new MyCoordinator(manager).coordinateAgents('t', ['a', 'b'])
    expect(await agents.getTaskAgents('t')).toEqual(['a', 'b'])
    expect(manager.getMetrics().subscriptions).toBe(0)
  })

  test('a queue gives each task to one', async () => {
    const [one, two] = made(2) as [MemorySyncManager, MemorySyncManager]
    const [mine, yours] = [new QueueManager(one), new QueueManager(two)]
    expect(await mine.dequeue()).toBeNull()
    await mine.enqueue('a')
    await yours.enqueue('b')
    expect(await yours.dequeue()).toBe('a')
    expect(await mine.dequeue()).toBe('b')
    expect(await mine.dequeue()).toBeNull()
    await mine.complete('b')
    await mine.complete('a')
    expect(await two.getQueue()).toEqual({ pending: [], processing: [] })
  })
})

test('a dashboard shows states, workers and metrics', async () => {
  const [manager, other] = made(2) as [MemorySyncManager, MemorySyncManager]
  const shown: [string, unknown][] = []
  class MyDashboard extends MonitoringDashboard {
    override updateTaskDisplay(key: string, value: unknown): void {
      shown.push([key, value])
    }
    override updateWorkerDisplay(key: string, value: unknown): void {
      shown.push([key, value])
    }
  }
  const logged = vi.spyOn(console, 'log').mockImplementation(() => {})
  const interval = vi.spyOn(globalThis, 'setInterval')
  await new MyDashboard(manager).startMonitoring()
  await other.syncTaskState('t', { status: 'running' })
  await other.syncWorkerStatus('w', { state: 'active' })
  await vi.waitFor(() =>
    expect(shown).toEqual([
      ['task-sentinel/tasks/t/state', { status: 'running' }],
      ['task-sentinel/workers/w/status', { state: 'active' }],
    ]),
  )
  await vi.waitFor(() => expect(logged).toHaveBeenCalled(), { timeout: 5000 })
  clearInterval(interval.mock.results[0]?.value)
  expect(logged.mock.calls[0]?.[1]).toMatchObject({ conflicts: 0, pending: 0, subscriptions: 2 })
})

describe('performance', () => {
  test('batch operations: all is there after each way', async () => {
    const manager = one()
    const tasks = Array.from({ length: 20 }, (_, index) => ({ id: `t${index}`, state: { status: 'running', index } }))
    await batchOperations(manager, tasks)
    for (const { id, state } of tasks) expect(await manager.getTaskState(id)).toEqual(state)
    expect(manager.getMetrics()).toMatchObject({ writes: 60, pendingWrites: 0 })
  })

  test('cache warming: what was preloaded is read from the cache', async () => {
    const [writer, reader] = made(2) as [MemorySyncManager, MemorySyncManager]
    await Promise.all(['a', 'b', 'c'].map((id) => writer.syncTaskState(id, { id })))
    vi.spyOn(console, 'log').mockImplementation(() => {})
    supply(reader)
    await new CacheWarmer(reader).warmCache(['a', 'b', 'c'])
    const before = reader.getMetrics().cacheHits
    expect(await reader.getTaskState('b')).toEqual({ id: 'b' })
    expect(reader.getMetrics().cacheHits).toBe(before + 1)
  })

  test('subscriptions match what they say', async () => {
    const manager = one()
    smartSubscriptions(manager)
    const heard: string[] = []
    manager.on('change', ({ subscriptionId, key }) => heard.push(`${subscriptionId} ${key}`))
    await manager.syncTaskState('high-priority-1', {})
    await manager.syncTaskState('low', {})
    await manager.syncWorkerStatus('primary-1', {})
    expect(heard.filter((line) => line.includes('high-priority')).length).toBe(2)
    expect(heard.filter((line) => line.includes('tasks/low')).length).toBe(1)
    expect(heard.filter((line) => line.includes('primary-1/status')).length).toBe(2)
  })
})

describe('error handling', () => {
  test('the retry of the guide, and its usage', async () => {
    const manager = one()
    await useRetry(manager, 't', { status: 'running' })
    expect(await manager.getTaskState('t')).toEqual({ status: 'running' })
    let calls = 0
    const flaky = async () => {
      if (++calls < 3) throw new Error('not yet')
      return 'done'
    }
    expect(await withRetry(flaky, 3, 1)).toBe('done')
    await expect(withRetry(() => Promise.reject(new Error('never')), 2, 1)).rejects.toThrow('never')
  })

  test('the circuit breaker of the guide', async () => {
    const breaker = new CircuitBreaker()
    const failing = () => breaker.execute(() => Promise.reject(new Error('down')))
    for (let time = 0; time < 5; time++) await expect(failing()).rejects.toThrow('down')
    await expect(failing()).rejects.toThrow('Circuit breaker is open')
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 31_000)
    expect(await breaker.execute(async () => 'up')).toBe('up')
  })
})

describe('troubleshooting', () => {
  test('conflicts are counted beside writes', async () => {
    const [manager, other] = made(2) as [MemorySyncManager, MemorySyncManager]
    await Promise.all([manager.write('k', 'mine'), other.write('k', 'yours')])
    vi.spyOn(console, 'log').mockImplementation(() => {})
    expect(highConflictRate(manager).writes).toBe(1)
    expect(highConflictRate(manager).conflicts + highConflictRate(other).conflicts).toBe(1)
    expect(await manager.read('k')).toBe(await other.read('k'))
  })

  test('the hit rate is a number once something was read', async () => {
    const manager = one()
    await manager.syncTaskState('t', 1)
    await manager.getTaskState('t')
    await manager.getTaskState('t')
    vi.spyOn(console, 'log').mockImplementation(() => {})
    expect(lowCacheHitRate(manager)).toBeGreaterThan(0.4)
  })

  test('a lock that somebody has is told at once', async () => {
    const [manager, other] = made(2) as [MemorySyncManager, MemorySyncManager]
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(await lockContention(manager, 't')).toEqual({ acquired: true, lockFailures: 0 })
    expect(await lockContention(other, 't')).toEqual({ acquired: false, lockFailures: 1 })
  })
})

test('events tell what was done', async () => {
  const manager = one()
  const written = next<{ key: string }>(manager, 'write')
  await manager.write('k', { a: 1 })
  expect(await written).toMatchObject({ key: 'k', value: { a: 1 }, version: { 'worker-1': expect.any(Number) } })
})
