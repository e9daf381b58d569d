/** Agents at one task: a coordinator shares the context and waits for all of them, by events. */
import assert from 'node:assert/strict'
import { AgentCoordinator, MemorySyncManager } from 'memory-sync'

const store = 'memory:agents'
const coordinator = new MemorySyncManager({ workerId: 'coordinator', store })
const agents = new MemorySyncManager({ workerId: 'agents', store })

for (const agentId of ['researcher', 'writer']) {
  agents.subscribe(`task-sentinel/tasks/report/agents/${agentId}`, {
    onChange: async (_key, { status, role }) => {
      if (status !== 'ready') return
      await agents.syncAgentCoordination('report', agentId, { role, status: 'completed', result: `${role} done` })
    },
  })
}
await agents.ready()

const answers = await new AgentCoordinator(coordinator).coordinateAgents('report', ['researcher', 'writer'], {
  roleOf: (agentId) => (agentId === 'writer' ? 'text' : 'facts'),
  timeoutMs: 10_000,
})
assert.equal(answers.researcher?.result, 'facts done')
assert.equal(answers.writer?.result, 'text done')
assert.deepEqual(await coordinator.getTaskAgents('report'), ['researcher', 'writer'])

await Promise.all([coordinator.shutdown(), agents.shutdown()])
console.log('ok two agents answered, and nobody polled')
