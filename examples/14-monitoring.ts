/** What a dashboard and an alert need: metrics, events, and the problems that no caller waited for. */
import assert from 'node:assert/strict'
import { CircuitBreaker, MemorySyncManager, withRetry } from 'memory-sync'

const manager = new MemorySyncManager({ workerId: 'monitored', store: 'memory:' })
const alerts: string[] = []
manager.on('problem', ({ code, message }) => alerts.push(`${code}: ${message}`))

await withRetry(() => manager.syncTaskState('task-1', { status: 'running' }))
await manager.getTaskState('task-1')
manager.subscribe('task-sentinel/tasks/*/state', {
  onChange: () => {
    throw new Error('a broken display')
  },
})
await manager.syncTaskState('task-1', { status: 'completed' })

const { reads, writes, cacheHits, conflicts, problems, pendingWrites } = manager.getMetrics()
assert.deepEqual(
  { reads, writes, cacheHits, conflicts, problems },
  { reads: 1, writes: 2, cacheHits: 1, conflicts: 0, problems: 1 },
)
assert.equal(pendingWrites, 0)
assert.match(alerts[0] ?? '', /a subscriber of task-sentinel\/tasks\/task-1\/state threw: a broken display/)

// What depends on something else than the memory can be given a breaker of its own.
const breaker = new CircuitBreaker({ failureThreshold: 2, openMs: 30_000 })
const down = () => breaker.execute(() => Promise.reject(new Error('down')))
await assert.rejects(down(), /down/)
await assert.rejects(down(), /down/)
await assert.rejects(down(), /Circuit breaker is open/)

await manager.shutdown()
console.log('ok metrics were counted, a broken display was reported, and a breaker opened')
