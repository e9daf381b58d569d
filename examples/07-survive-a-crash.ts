/** A process is killed in the middle of a task: another takes it over, and its effect takes place exactly once. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime, type HandledTask, type Runtime } from 'memory-sync'

const [, , shared] = process.argv
if (shared === undefined) await outlive(await mkdtemp(join(tmpdir(), 'memory-sync-')))
else spawn('doomed', shared)

function spawn(id: string, directory: string): Runtime {
  // Whoever has not renewed its lease for so long is taken for dead.
  const runtime = createRuntime({ store: `file:${directory}`, workerId: id, taskLeaseMs: 1000 })
  const deposit = async (task: HandledTask<number>) => {
    await task.memory.update('starts', (starts) => Number(starts) + 1)
    task.effect('balance', Number(await task.memory.get('balance')) + task.input)
    task.progress(50)
    if (task.attempt === 1) await new Promise(() => {}) // here the process will die
    return task.epoch
  }
  runtime.spawnWorker({ id, handlers: { deposit } })
  return runtime
}

async function outlive(directory: string): Promise<void> {
  const doomed = fork(fileURLToPath(import.meta.url), [directory])
  const watcher = createRuntime({ store: `file:${directory}` })
  const task = await watcher.submit({ id: 'deposit-1', type: 'deposit', input: 100 })
  for await (const event of watcher.memory.watch('task-sentinel/tasks/deposit-1/progress')) if (event.type === 'set') break
  doomed.kill('SIGKILL')
  await once(doomed, 'exit')
  assert.equal((await task.record())?.owner, 'doomed')

  const heir = spawn('heir', directory)
  const epoch = Number(await task.result())
  const record = await task.record()
  assert.equal(record?.owner, 'heir')
  assert.equal(record?.takeovers?.[0]?.worker, 'doomed')
  assert.ok(epoch > (record?.takeovers?.[0]?.epoch ?? Infinity))
  // The handler was started twice; what it writes as an effect was written once.
  assert.equal(await watcher.memory.get('starts'), 2)
  assert.equal(await watcher.memory.get('balance'), 100)

  await Promise.all([heir.shutdown(), watcher.shutdown()])
  await rm(directory, { recursive: true })
  console.log('ok the heir finished the task of the doomed: two starts, one effect')
}
