/** A lock: one holder at a time, and after a takeover the store itself refuses what the former holder still writes. */
import assert from 'node:assert/strict'
import { createRuntime, MemorySyncManager } from 'memory-sync'

const store = 'memory:locks'
const [one, other] = ['one', 'other'].map((workerId) => new MemorySyncManager({ workerId, store }))
assert(one && other)

// The guide's task executor, in short: lock, work, tell, release.
assert.equal(await one.acquireTaskLock('task-1', 30_000), true)
assert.equal(await other.acquireTaskLock('task-1'), false)
for (const percent of [0, 50, 100]) await one.syncTaskProgress('task-1', percent, 'processing')
await one.syncTaskState('task-1', { status: 'completed' })
await one.releaseTaskLock('task-1')

// A holder that is late: its lease is over, another has taken the lock, and its write does not take effect.
assert.equal(await one.acquireTaskLock('task-2', 50), true)
assert.equal(await other.acquireTaskLock('task-2', 30_000, { waitMs: 5000 }), true)
assert.equal(other.getLockEpoch('task-2'), 2)
await other.syncTaskState('task-2', { by: 'other' })
await assert.rejects(one.syncTaskState('task-2', { by: 'one' }), { code: 'lock_lost' })
assert.deepEqual(await one.getTaskState('task-2'), { by: 'other' })

// Any name can be a lock; this one renews itself until it is released.
const runtime = createRuntime({ store })
const lock = await runtime.lock('nightly', { waitMs: 1000 })
assert(lock)
await runtime.memory.set('report', { day: 1 }, { lock })
await lock.release()

await Promise.all([one.shutdown(), other.shutdown(), runtime.shutdown()])
console.log('ok one holder at a time, and a late one was refused by the store')
