/** A driven worker has no handlers: its tasks wait in `processing` for events, sent by whoever does the work. */
import assert from 'node:assert/strict'
import { createRuntime } from 'memory-sync'

const runtime = createRuntime({ store: 'memory:' })
runtime.spawnWorker({ id: 'reviewer', driven: true, capacity: 2 })

const task = await runtime.submit({ id: 'review-7', type: 'review', input: { pullRequest: 7 } })
for await (const { status } of task.watch()) if (status === 'processing') break

// By its handle, or by its address: events are plain JSON.
await task.send({ type: 'task.progress', percent: 50, note: 'read half of it' })
await runtime.send('task/review-7', { type: 'task.complete', output: { verdict: 'approved' } })
assert.deepEqual(await task.result(), { verdict: 'approved' })

const progress = await runtime.memory.get('task-sentinel/tasks/review-7/progress')
assert.equal((progress as { progress: number }).progress, 50)

// A task can also be failed, or cancelled; what has ended takes no more events.
const refused = await runtime.submit({ type: 'review', maxAttempts: 1 })
for await (const { status } of refused.watch()) if (status === 'processing') break
await refused.send({ type: 'task.fail', message: 'no such pull request' })
await assert.rejects(refused.result(), { code: 'task_failed', message: /no such pull request/ })
await assert.rejects(task.send({ type: 'task.complete', output: null }), { code: 'not_supported' })

await runtime.shutdown()
console.log('ok a task was driven to its end by events')
