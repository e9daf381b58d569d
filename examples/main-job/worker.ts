/**
 * One worker process: opens the shared memory, spawns a worker actor and does tasks until it is told to drain, or killed.
 * Started by crew.ts as `worker.ts <store> <worker id> <lease ms>`. It knows no other process: all it shares is the memory.
 */
import { readFile } from 'node:fs/promises'
import { createRuntime, type HandledTask, MemorySyncError } from 'memory-sync'
import { type FileInput, type MergeInput, partKey } from './plan.ts'
import { factsOf, type Index, indexOf, merged, shardsOf, type TextFacts } from './text-index.ts'

/** Tasks at once. */
export const capacity = 4
/** How long running tasks may go on after `drain`; then they go back to the queue. */
const drainMs = 5000

async function indexFile(task: HandledTask<FileInput>): Promise<TextFacts> {
  const { job, file, path, shards } = task.input
  const content = await readFile(path, { signal: task.signal })
  const facts = await factsOf(content, (fraction) => {
    task.signal.throwIfAborted()
    task.progress(Math.floor(100 * fraction), 'packing')
  })
  // Effects take place together with the task's completion: a worker that dies here leaves nothing half done.
  shardsOf(indexOf(content.toString(), file), shards).forEach((part, shard) => {
    task.effect(partKey(job, file, shard), part)
  })
  return facts
}

async function merge(task: HandledTask<MergeInput>): Promise<number> {
  const parts = await Promise.all(
    task.input.from.map(async (key) => {
      const part = await task.memory.get<Index>(key)
      if (part === null) throw new Error(`there is nothing at ${key}, although the task that writes it has completed`)
      return part
    }),
  )
  const index = merged(parts)
  task.effect(task.input.to, index)
  return index.length
}

const [store, id, leaseMs] = process.argv.slice(2)
if (store === undefined || id === undefined || process.send === undefined) {
  console.error('this is a part of the main job: run "npm start" instead')
  process.exit(2)
}
const runtime = createRuntime({ store, workerId: id, taskLeaseMs: Number(leaseMs) })
const drain = async (): Promise<void> => {
  await runtime.shutdown({ drainMs })
  if (process.connected) process.disconnect()
}
// Ctrl-C reaches every process of the terminal: who started this one decides what it means.
process.on('SIGINT', () => {})
process.on('message', drain)
process.on('disconnect', drain)
runtime.spawnWorker({ id, capacity, handlers: { 'index-file': indexFile, merge } })
try {
  await runtime.ready()
  if (process.connected) process.send('ready')
} catch (thrown) {
  // Told to drain before the memory was open: that is no fault.
  if (!(thrown instanceof MemorySyncError && thrown.code === 'closed')) {
    console.error(`${id}: ${(thrown as Error).message}`)
    process.exit(1)
  }
}
