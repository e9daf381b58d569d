/**
 * The integration guide's flows over a real claude-flow v2, by several processes that each start a server of their own on one
 * database: workers and tasks, agents, the queue, many keys, awkward values, one lock. Prints what it counted, one line of JSON for
 * each, and fails where a count is not what it has to be. By hand: `npm run test:claude-flow`, or alone by
 * `node --conditions=memory-sync:source --import tsx test/real/claude-flow-flows.ts --in <folder>`.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MemorySyncManager, silentLogger } from 'memory-sync'
import { claudeFlowProgram, claudeFlowVersion, installClaudeFlow } from './claude-flow-server.ts'

const keysMany = 250
const queueIds = 40
const lockProcesses = 3
const acquisitionsEach = 100
/** Nothing here takes a tenth of it. */
const flowMsMax = 300_000

interface Place {
  readonly store: string
  /** Of all servers: their database lies there. */
  readonly directory: string
}

/** @param folder where claude-flow is installed. */
export async function runFlows(folder: string): Promise<void> {
  const directory = mkdtempSync(join(folder, 'flows-'))
  const place = { store: `mcp+stdio:node ${claudeFlowProgram(folder)}`, directory }
  // The servers that this process starts lie there too.
  const cwdBefore = process.cwd()
  process.chdir(directory)
  try {
    const flows: readonly ((place: Place) => Promise<object>)[] = [workers, agents, queue, manyKeys, values, lock]
    for (const flow of flows) {
      const beganMs = performance.now()
      const told = await within(flowMsMax, flow.name, flow(place))
      console.log(
        JSON.stringify({ flow: flow.name, server: claudeFlowVersion, ...told, ms: Math.round(performance.now() - beganMs) }),
      )
    }
  } finally {
    process.chdir(cwdBefore)
  }
}

/** Tasks are assigned to a worker in another process, which executes them under their locks. */
async function workers(place: Place) {
  const manager = managerAt(place, 'planner')
  const worker = start(place, 'flow-process.ts', { role: 'worker' })
  const workerId = await worker.hears<string>('worker')
  const status = await manager.getWorkerStatus(workerId)
  assert.deepEqual(status, { state: 'active', tasks: [], capacity: 2 })
  const taskIds = ['task-1', 'task-2', 'task-3']
  await manager.syncAssignments({ [workerId]: taskIds })
  for (const taskId of taskIds) {
    await until(async () => (await manager.getTaskState(taskId))?.status === 'completed')
    assert.equal((await manager.getTaskProgress(taskId))?.progress, 100)
  }
  assert.ok((await manager.getActiveWorkers()).includes(workerId))
  worker.process.send('stop')
  await worker.ended
  assert.equal((await manager.getWorkerStatus(workerId))?.state, 'offline')
  await manager.shutdown()
  return { processes: 2, tasksAssigned: taskIds.length, tasksCompleted: worker.told('executed').length }
}

/** A coordinator in one process, its agents in another. */
async function agents(place: Place) {
  const names = ['planner', 'writer', 'reviewer']
  const role = { taskId: 'task-agents', agents: names }
  const coordinator = start(place, 'flow-process.ts', { role: 'coordinator', ...role })
  const actors = start(place, 'flow-process.ts', { role: 'agents', ...role })
  await Promise.all([coordinator.ended, actors.ended])
  const [coordinated] = coordinator.told<string[]>('coordinated')
  assert.deepEqual([...(coordinated ?? [])].sort(), [...names].sort())
  assert.deepEqual(
    actors.told('role'),
    names.map((name) => `role of ${name}`),
  )
  return { processes: 2, agentsCoordinated: names.length }
}

/** Two processes run the guide's QueueManager until nothing waits. */
async function queue(place: Place) {
  const manager = managerAt(place, 'producer')
  const ids = Array.from({ length: queueIds }, (_, index) => `queued-${index}`)
  await manager.syncQueue({ pending: ids, processing: [] })
  const children = ['one', 'two'].map((workerId) => start(place, 'queue-process.ts', { store: place.store, workerId }))
  await Promise.all(children.map(({ ended }) => ended))
  const given = children.map((child) => child.told<string[]>('given').flat())
  assert.deepEqual(given.flat().sort(), [...ids].sort())
  assert.deepEqual(await manager.getQueue(), { pending: [], processing: [] })
  await manager.shutdown()
  return { processes: 2, enqueued: ids.length, given: given.map(({ length }) => length) }
}

/** More keys than a listing of the server has. */
async function manyKeys(place: Place) {
  const [writer, reader] = [managerAt(place, 'writer'), managerAt(place, 'reader')]
  const keys = Array.from({ length: keysMany }, (_, index) => `task-sentinel/many/k${String(index).padStart(3, '0')}`)
  await Promise.all(keys.map((key, index) => writer.write(key, index)))
  const found = await reader.searchKeys('task-sentinel/many/*')
  assert.deepEqual(found, keys)
  await Promise.all([writer.shutdown(), reader.shutdown()])
  return { written: keys.length, listed: found.length }
}

/** What servers of this kind are known to change on the way. */
async function values(place: Place) {
  const [writer, reader] = [managerAt(place, 'writer'), managerAt(place, 'reader')]
  const given: Record<string, unknown> = {
    nonAscii: 'ünïcödé – 日本語 😀 \u2028 \ufeff',
    nonAsciiKeyed: { ключ: 'значение' },
    null: null,
    textNull: 'null',
    text123: '123',
    number123: 123,
    json: '{"a":1}',
    empty: '',
    large: 'x'.repeat(200 * 1024),
    largeNonAscii: 'é日😀'.repeat(25 * 1024),
    marked: { __type__: '__Date__', value: '2026-01-01T00:00:00.000Z' },
  }
  for (const [name, value] of Object.entries(given)) await writer.write(`task-sentinel/values/${name}`, value)
  let same = 0
  for (const [name, value] of Object.entries(given)) {
    assert.deepEqual(await reader.read(`task-sentinel/values/${name}`), value, name)
    same++
  }
  // null is a value, and not nothing.
  assert.ok((await reader.searchKeys('task-sentinel/values/*')).includes('task-sentinel/values/null'))
  await Promise.all([writer.shutdown(), reader.shutdown()])
  return { written: Object.keys(given).length, readUnchanged: same }
}

interface Turn {
  readonly n: number
  readonly epoch: number
  /** Nanoseconds since the machine's boot, which all its processes share. */
  readonly from: string
  readonly to: string
}

/** A counter is read, waited with and written, plainly, by who has the lock. */
async function lock(place: Place) {
  const role = { role: 'counter', lock: 'shared', key: 'shared/counter', times: acquisitionsEach } as const
  const children = Array.from({ length: lockProcesses }, () => start(place, 'flow-process.ts', role))
  await Promise.all(children.map(({ ended }) => ended))
  const turns = children.flatMap((child) => child.all as Turn[]).sort((a, b) => (BigInt(a.from) < BigInt(b.from) ? -1 : 1))
  let overlaps = 0
  for (const [index, turn] of turns.entries()) {
    const before = turns[index - 1]
    if (before !== undefined && BigInt(turn.from) < BigInt(before.to)) overlaps++
  }
  const manager = managerAt(place, 'reader')
  const counter = await manager.read<number>(role.key)
  await manager.shutdown()
  const epochs = new Set(turns.map(({ epoch }) => epoch)).size
  const told = { processes: lockProcesses, acquisitions: turns.length, overlaps, counter, epochs }
  const total = lockProcesses * acquisitionsEach
  assert.deepEqual(told, { processes: lockProcesses, acquisitions: total, overlaps: 0, counter: total, epochs: total })
  return told
}

function managerAt({ store }: Place, workerId: string): MemorySyncManager {
  return new MemorySyncManager({ workerId, store, logger: silentLogger })
}

interface Child {
  readonly process: ChildProcess
  /** Everything that it told. */
  readonly all: readonly unknown[]
  /** Settles when it has ended well. */
  readonly ended: Promise<void>
  /** The values of a member in what it told. */
  told<T = unknown>(member: string): T[]
  /** Settles with the first one. */
  hears<T>(member: string): Promise<T>
}

function start({ store, directory }: Place, file: string, argument: object): Child {
  const all: unknown[] = []
  const child = fork(fileURLToPath(new URL(`../guide/${file}`, import.meta.url)), [JSON.stringify(argument)], {
    cwd: directory,
    env: { ...process.env, MEMORY_SYNC_STORE: store, MEMORY_SYNC_LOG: 'error' },
    execArgv: ['--conditions=memory-sync:source', '--import', import.meta.resolve('tsx')],
    // The guide's programs print what they do.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  child.on('message', (message) => void all.push(message))
  const told = <T>(member: string): T[] => {
    return all.flatMap((one) =>
      one !== null && typeof one === 'object' && member in one ? [(one as Record<string, T>)[member] as T] : [],
    )
  }
  const ended = once(child, 'exit').then(([code, signal]) => assert.deepEqual([file, code, signal], [file, 0, null]))
  // Who waits for it hears of it.
  ended.catch(() => {})
  return {
    process: child,
    all,
    ended,
    told,
    async hears<T>(member: string) {
      await Promise.race([until(async () => told(member).length > 0), ended])
      return told<T>(member)[0] as T
    },
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await wait(20)
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const controller = new AbortController()
  const late = wait(ms, undefined, { signal: controller.signal }).then(() => {
    throw new Error(`${what} has not ended after ${ms} ms`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    controller.abort()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: options } = parseArgs({ options: { in: { type: 'string' } } })
  const folder = options.in ?? mkdtempSync(join(tmpdir(), 'claude-flow-'))
  try {
    if (!existsSync(join(folder, 'node_modules/claude-flow'))) installClaudeFlow(folder)
    await runFlows(folder)
  } finally {
    if (options.in === undefined) rmSync(folder, { recursive: true, force: true })
  }
}
