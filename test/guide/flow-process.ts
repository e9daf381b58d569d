/**
 * One process of the guide's flows: its worker, its agents' coordinator, an agent, or one that counts under a
 * lock. Which store it uses stands in its environment. Tells what it did, and ends by itself or when it is told `stop`.
 */
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { MemorySyncManager } from 'memory-sync'
import { AgentCoordinator } from './snippets/agent-coordinator.ts'
import { TaskExecutor } from './snippets/task-executor.ts'
import { Worker } from './snippets/worker.ts'

type Role =
  | { readonly role: 'worker' }
  | { readonly role: 'coordinator'; readonly taskId: string; readonly agents: readonly string[] }
  | { readonly role: 'agents'; readonly taskId: string; readonly agents: readonly string[] }
  | { readonly role: 'counter'; readonly lock: string; readonly key: string; readonly times: number }

const given = JSON.parse(process.argv[2] ?? '{}') as Role
const stopped = new Promise<void>((resolve) => process.once('message', () => resolve()))

switch (given.role) {
  case 'worker':
    await work()
    break
  case 'coordinator':
    await coordinate(given.taskId, given.agents)
    break
  case 'agents':
    await act(given.taskId, given.agents)
    break
  case 'counter':
    await count(given.lock, given.key, given.times)
    break
}
process.disconnect()

/** Executes what is assigned to it. */
async function work(): Promise<void> {
  let memorySync: MemorySyncManager
  let last = Promise.resolve()
  class Executor extends TaskExecutor {
    override doWork = () => wait(5)
  }
  class Assigned extends Worker {
    override maxCapacity = 2
    override handleAssignment(assignments: Record<string, readonly string[]>): void {
      const { workerId } = memorySync['config']
      for (const taskId of assignments[workerId] ?? []) {
        last = last.then(async () => {
          await new Executor(memorySync).executeTask(taskId)
          process.send?.({ executed: taskId })
        })
      }
    }
  }
  const worker = new Assigned()
  await worker.initialize()
  memorySync = worker['memorySync']
  process.send?.({ worker: memorySync['config'].workerId })
  await stopped
  await last
  await worker.shutdown()
}

async function coordinate(taskId: string, agents: readonly string[]): Promise<void> {
  class Coordinator extends AgentCoordinator {
    override getAgentRole = (agentId: string) => `role of ${agentId}`
  }
  const manager = new MemorySyncManager({ workerId: 'coordinator' })
  await new Coordinator(manager).coordinateAgents(taskId, [...agents])
  process.send?.({ coordinated: await manager.getTaskAgents(taskId) })
  await manager.shutdown()
}

/** Each agent is completed as soon as it has been told its role. */
async function act(taskId: string, agents: readonly string[]): Promise<void> {
  const manager = new MemorySyncManager({ workerId: 'agents' })
  for (const agentId of agents) {
    for (;;) {
      const told = await manager.getAgentCoordination<{ role: string; status: string }>(taskId, agentId)
      if (told?.status === 'ready') {
        await manager.syncAgentCoordination(taskId, agentId, { ...told, status: 'completed' })
        process.send?.({ agent: agentId, role: told.role })
        break
      }
      await wait(50)
    }
  }
  await manager.shutdown()
}

/** Reads, waits and writes a counter under the lock, plainly; tells from when to when it had the lock. */
async function count(lock: string, key: string, times: number): Promise<void> {
  const manager = new MemorySyncManager({ workerId: `counter-${process.pid}` })
  await manager.ready()
  for (let done = 0; done < times; ) {
    if (!(await manager.acquireTaskLock(lock, 30_000, { waitMs: 60_000 }))) continue
    const from = String(process.hrtime.bigint())
    const n = ((await manager.read<number>(key)) ?? 0) + 1
    await wait(Math.random() * 3)
    await manager.write(key, n)
    const epoch = manager.getLockEpoch(lock)
    const to = String(process.hrtime.bigint())
    await manager.releaseTaskLock(lock)
    process.send?.({ n, epoch, from, to })
    done++
  }
  await manager.shutdown()
}
