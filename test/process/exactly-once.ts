/**
 * Many processes, killed at random while they work: what must hold afterwards, as counts. Run by a test once, and by
 * `npm run test:kill` as often as asked for.
 */
import { createRuntime } from 'memory-sync'
import { systemClock } from '../../src/platform.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { type Child, startChild, withDirectory } from './children.ts'

export interface ExactlyOnceOptions {
  readonly seed: number
  readonly tasks: number
  readonly processes: number
  readonly killsEach: number
}

export interface ExactlyOnceCounts {
  readonly seed: number
  readonly tasks: number
  readonly kills: number
  readonly completed: number
  readonly lost: number
  /** Commits of effects beyond the first of each task. */
  readonly repeatedEffects: number
  readonly missingEffects: number
  /** Times that a record became completed, beyond the first of each task. */
  readonly repeatedEnds: number
  readonly takeovers: number
  readonly attempts: number
  readonly seconds: number
}

export async function exactlyOnce(options: ExactlyOnceOptions): Promise<ExactlyOnceCounts> {
  return withDirectory(async (directory) => {
    const startedMs = systemClock.monotonicMs()
    const random = createSeededRandom(options.seed)
    const store = `file:${directory}`
    const runtime = createRuntime({ store })
    const commitsByEffect = new Map<string, number>()
    const endsByTask = new Map<string, number>()
    runtime.memory.subscribe('task-sentinel/effects/*', ({ key }) => {
      commitsByEffect.set(key, (commitsByEffect.get(key) ?? 0) + 1)
    })
    runtime.memory.subscribe('task-sentinel/tasks/*/record', ({ key, entry }) => {
      const record = entry.value as { status: string }
      if (record.status === 'completed') endsByTask.set(key, (endsByTask.get(key) ?? 0) + 1)
    })
    await runtime.ready()
    const tasks = await Promise.all(
      Array.from({ length: options.tasks }, (_, index) => runtime.submit({ id: `t${index}`, type: 'work', maxAttempts: 100 })),
    )
    const allDone = Promise.all(tasks.map((task) => task.result()))
    allDone.catch(() => {})

    const children = new Set<Child>()
    let kills = 0
    const oneProcess = async (): Promise<void> => {
      for (let life = 0; life <= options.killsEach; life++) {
        const child = startChild('worker.ts', { store, taskLeaseMs: 600, taskMs: 150 })
        children.add(child)
        await child.hears((message) => (message as { ready?: boolean }).ready === true)
        if (life === options.killsEach) return
        await new Promise<void>((resolve) => systemClock.setTimer(random.next() * 500, resolve))
        child.process.kill('SIGKILL')
        await child.ended
        children.delete(child)
        kills++
      }
    }
    try {
      await Promise.all(Array.from({ length: options.processes }, oneProcess))
      await allDone
      let takeovers = 0
      let attempts = 0
      let completed = 0
      for (const task of tasks) {
        const record = await task.record()
        takeovers += record?.takeovers?.length ?? 0
        attempts += record?.attempts ?? 0
        if (record?.status === 'completed') completed++
      }
      const beyondFirst = (counts: ReadonlyMap<string, number>): number =>
        [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
      return {
        seed: options.seed,
        tasks: options.tasks,
        kills,
        completed,
        lost: options.tasks - completed,
        repeatedEffects: beyondFirst(commitsByEffect),
        missingEffects: options.tasks - commitsByEffect.size,
        repeatedEnds: beyondFirst(endsByTask),
        takeovers,
        attempts,
        seconds: (systemClock.monotonicMs() - startedMs) / 1000,
      }
    } finally {
      for (const child of children) child.process.kill('SIGKILL')
      await Promise.all([...children].map((child) => child.ended))
      await runtime.shutdown()
    }
  })
}
