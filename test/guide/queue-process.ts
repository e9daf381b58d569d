/** A process that runs the guide's QueueManager until the queue is empty, and tells what it was given. */
import { MemorySyncManager } from 'memory-sync'
import { QueueManager } from './snippets/queue-manager.ts'

const { store, workerId } = JSON.parse(process.argv[2] ?? '{}')
const manager = new MemorySyncManager({ workerId, store })
const queue = new QueueManager(manager)
process.send?.({ ready: true })

/** Another process was first: the guide's users try again, as `withRetry` does. */
async function untilNotLost<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if ((error as { code?: string }).code !== 'claim_lost') throw error
    }
  }
}

const given: string[] = []
for (;;) {
  const taskId = await untilNotLost(() => queue.dequeue())
  if (taskId === null) break
  given.push(taskId)
  await queue.complete(taskId)
}
process.send?.({ given })
await manager.shutdown()
process.disconnect()
