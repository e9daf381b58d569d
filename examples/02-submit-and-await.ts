/** Tasks run beside each other up to a worker's capacity; a higher priority goes first, a delay keeps a task back. */
import assert from 'node:assert/strict'
import { createRuntime, type HandledTask } from 'memory-sync'

const runtime = createRuntime({ store: 'memory:' })
const started: string[] = []
const handlers = {
  square: ({ id, input }: HandledTask<number>) => {
    started.push(id)
    return input * input
  },
}

// All are in the queue before a worker is there, so only their priorities and delays decide.
const first = await runtime.submit({ id: 'first', type: 'square', input: 1 })
const urgent = await runtime.submit({ id: 'urgent', type: 'square', input: 2, priority: 10 })
const late = await runtime.submit({ id: 'late', type: 'square', input: 3, priority: 20, delayMs: 500 })
assert.match((await runtime.explain('late')).reason, /not before/)

runtime.spawnWorker({ capacity: 1, handlers })
assert.deepEqual(await Promise.all([first.result(), urgent.result(), late.result()]), [1, 4, 9])
assert.deepEqual(started, ['urgent', 'first', 'late'])

// Many at once: submit all, then await all. Submitting settles when the task is committed.
runtime.spawnWorker({ capacity: 10, handlers })
const tasks = await Promise.all(Array.from({ length: 100 }, (_, input) => runtime.submit({ type: 'square', input })))
const squares = await Promise.all(tasks.map((task) => task.result()))
assert.deepEqual(squares[99], 9801)

// The same id is the same task: submitting twice does the work once.
const again = await runtime.submit({ id: 'first', type: 'square', input: 999 })
assert.equal(await again.result(), 1)

await runtime.shutdown()
console.log('ok 103 tasks: urgent before first, late after its delay, and one id is one task')
