/** One side of the figures `tasks-...`, in a process of its own: what one side makes V8 compile must not slow the other. */
import type { Runtime } from '../../src/runtime/runtime.ts'
import { servePeer } from './peer.ts'
import { RawTasks } from './raw-task.ts'
import { collectGarbage, inLanes } from './rounds.ts'
import { endRuntime, readyRuntime } from './runtimes.ts'

export interface TasksAsk {
  readonly tasks: number
  readonly inFlight: number
}

const raw = new RawTasks()
let runtime: Runtime | null = null

servePeer({
  baseline({ tasks, inFlight }: TasksAsk): Promise<number> {
    collectGarbage()
    return inLanes(inFlight, tasks, (index) => raw.run({ n: index }))
  },

  /** One runtime for all rounds, as a service has: a collection between two would throw away the code made for the first. */
  async open({ store, capacity }: { store: string; capacity: number }): Promise<void> {
    runtime = await readyRuntime(store)
    runtime.spawnWorker({ capacity, handlers: { echo: async (task) => task.input } })
  },

  ours({ tasks, inFlight }: TasksAsk): Promise<number> {
    collectGarbage()
    return inLanes(inFlight, tasks, async (index) => {
      const task = await runtime?.submit({ type: 'echo', input: { n: index } })
      return task?.result()
    })
  },

  async close(): Promise<void> {
    if (runtime !== null) await endRuntime(runtime)
  },
})
