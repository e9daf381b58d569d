/** A queue of bare task ids, for workers that bring their own loop: each id is given to one of them. */
import assert from 'node:assert/strict'
import { MemorySyncManager, TaskQueue } from 'memory-sync'

const store = 'memory:queue'
const managers = ['a', 'b', 'c'].map((workerId) => new MemorySyncManager({ workerId, store }))
const queues = managers.map((manager) => new TaskQueue(manager))

const ids = Array.from({ length: 30 }, (_, index) => `task-${index}`)
for (const id of ids) await queues[0]?.enqueue(id)

const given = await Promise.all(
  queues.map(async (queue) => {
    const own: string[] = []
    for (let id = await queue.dequeue(); id !== null; id = await queue.dequeue()) {
      own.push(id)
      await queue.complete(id)
    }
    return own
  }),
)
assert.deepEqual(given.flat().sort(), [...ids].sort())
assert.deepEqual(await managers[0]?.getQueue(), { pending: [], processing: [] })

await Promise.all(managers.map((manager) => manager.shutdown()))
console.log('ok 30 ids were given to three workers, each to one')
