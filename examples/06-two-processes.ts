/** Two processes share a directory and nothing else: one submits and watches, the other works. This file is both. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime, type HandledTask } from 'memory-sync'

const [, , shared] = process.argv
if (shared === undefined) await submitAndWatch(await mkdtemp(join(tmpdir(), 'memory-sync-')))
else work(`file:${shared}`)

function work(store: string): void {
  const runtime = createRuntime({ store, workerId: 'the-other-process' })
  const handlers = {
    shout: async ({ input, memory }: HandledTask<string>) => {
      await memory.set('news/latest', `somebody shouts ${input}`)
      return input.toUpperCase()
    },
  }
  runtime.spawnWorker({ id: 'shouter', handlers })
  process.once('disconnect', () => runtime.shutdown())
}

async function submitAndWatch(directory: string): Promise<void> {
  const runtime = createRuntime({ store: `file:${directory}` })
  const news = new Promise((resolve) => {
    runtime.memory.subscribe('news/*', (change) => change.type === 'set' && resolve(change.value))
  })

  const task = await runtime.submit({ type: 'shout', input: 'hello' })
  const other = fork(fileURLToPath(import.meta.url), [directory])
  const seen = []
  for await (const { status, owner } of task.watch()) seen.push(`${status} ${owner}`)
  assert.equal(seen[0], 'pending null')
  assert.equal(seen.at(-1), 'completed shouter')
  assert.equal(await task.result(), 'HELLO')
  assert.equal(await news, 'somebody shouts hello')

  const exit = once(other, 'exit')
  other.disconnect()
  assert.deepEqual(await exit, [0, null])
  await runtime.shutdown()
  await rm(directory, { recursive: true })
  console.log(`ok the other process did the task: ${seen.join(', ')}`)
}
