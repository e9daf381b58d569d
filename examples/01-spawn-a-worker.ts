/** A worker is an actor that runs handlers: spawn one, give it a task, await the result. */
import assert from 'node:assert/strict'
import { createRuntime } from 'memory-sync'

const runtime = createRuntime({ store: 'memory:' })
const worker = runtime.spawnWorker({
  id: 'greeter',
  handlers: { greet: async (task) => `hello ${task.input}` },
})

const task = await runtime.submit({ type: 'greet', input: 'world' })
assert.equal(await task.result(), 'hello world')

// What the worker did is in the shared memory, not in the worker.
const record = await task.record()
assert.equal(record?.status, 'completed')
assert.equal(record?.owner, worker.id)

await runtime.shutdown()
console.log('ok a worker was spawned and greeted the world')
