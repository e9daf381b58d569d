/** A task may depend on others: it is blocked until they have completed, and fails when one of them does. */
import assert from 'node:assert/strict'
import { createRuntime } from 'memory-sync'

const runtime = createRuntime({ store: 'memory:' })
const results = (id: string) => `task-sentinel/tasks/${id}/result`
runtime.spawnWorker({
  capacity: 4,
  handlers: {
    count: ({ input }) => input.length,
    add: async ({ input, memory }) => {
      let sum = 0
      for (const id of input) sum += Number(await memory.get(results(id)))
      return sum
    },
    fail: () => {
      throw new Error('broken')
    },
    tidy: () => 'tidied',
  },
})

// The sum is submitted first and waits: unknown ids block, too.
const sum = await runtime.submit({ id: 'sum', type: 'add', input: ['a', 'b'], dependsOn: ['a', 'b'] })
const { state, reason } = await runtime.explain('sum')
assert.equal(state, 'blocked')
assert.equal(reason, 'waits for a (unknown), b (unknown)')
await runtime.submit({ id: 'a', type: 'count', input: 'four' })
await runtime.submit({ id: 'b', type: 'count', input: 'seventy' })
assert.equal(await sum.result(), 11)

// What depends on a failed task fails too, unless it says that it runs anyway.
const dependsOn = ['broken']
const after = await runtime.submit({ type: 'tidy', dependsOn })
const anyway = await runtime.submit({ type: 'tidy', dependsOn, onDependencyFailure: 'run' })
await runtime.submit({ id: 'broken', type: 'fail', maxAttempts: 1 })
await assert.rejects(after.result(), { code: 'task_failed', message: /dependency failed/ })
assert.equal(await anyway.result(), 'tidied')

// Circles are refused.
await runtime.submit({ id: 'hen', type: 'tidy', dependsOn: ['egg'] })
await assert.rejects(runtime.submit({ id: 'egg', type: 'tidy', dependsOn: ['hen'] }), {
  code: 'invalid_option',
  message: /cycle/,
})

await runtime.shutdown()
console.log('ok the sum waited for its parts, and what depends on a failure failed')
