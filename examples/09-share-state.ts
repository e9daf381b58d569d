/** The manager: a worker that brings its own loop shares its status, and hears of what it is assigned. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { MemorySyncManager } from 'memory-sync'

const store = 'memory:share-state'
const worker = new MemorySyncManager({ workerId: 'worker-1', store })
const boss = new MemorySyncManager({ workerId: 'boss', store })

const assigned = once(worker, 'change')
worker.subscribe('task-sentinel/coordination/assignments', { onChange: () => {} })
await worker.syncWorkerStatus('worker-1', { state: 'active', tasks: [], capacity: 10 })

assert.deepEqual(await boss.getWorkerStatus('worker-1'), { state: 'active', tasks: [], capacity: 10 })
assert.deepEqual(await boss.getActiveWorkers(), ['boss', 'worker-1'])
await boss.syncAssignments({ 'task-1': 'worker-1' })
const [{ value }] = await assigned
assert.deepEqual(value, { 'task-1': 'worker-1' })

await worker.shutdown()
assert.equal((await boss.getWorkerStatus('worker-1')).state, 'offline')
await boss.shutdown()
console.log('ok a worker registered, was assigned a task, and went offline')
