/** A handler that throws is started again after a pause, at most `maxAttempts` times; then the task is a dead letter. */
import assert from 'node:assert/strict'
import { createRuntime } from 'memory-sync'

const runtime = createRuntime({ store: 'memory:' })
let isServiceUp = false
runtime.spawnWorker({
  handlers: {
    flaky: ({ attempt }) => {
      if (attempt < 3) throw new Error(`attempt ${attempt} failed`)
      return `done in attempt ${attempt}`
    },
    call: () => {
      if (!isServiceUp) throw new Error('the service is down')
      return 'answered'
    },
  },
})

// 20 ms, then 40 ms, each of it random by half: whoever failed together does not come back together.
const backoff = { baseMs: 20, factor: 2, jitter: 0.5 }
const flaky = await runtime.submit({ type: 'flaky', backoff })
assert.equal(await flaky.result(), 'done in attempt 3')

const call = await runtime.submit({ id: 'call-1', type: 'call', maxAttempts: 2, backoff })
await assert.rejects(call.result(), { code: 'task_failed' })
const dead = []
for await (const { id, attempts, error } of runtime.queue.deadLetters()) dead.push([id, attempts, error?.message])
assert.deepEqual(dead, [['call-1', 2, 'the service is down']])

// Once the cause is gone, a dead letter goes into the queue again with all its attempts.
isServiceUp = true
const replayed = await runtime.queue.replay('call-1')
assert.equal(await replayed.result(), 'answered')

await runtime.shutdown()
console.log('ok retried until it worked; a dead letter was replayed')
