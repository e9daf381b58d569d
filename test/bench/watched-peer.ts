/** One side of the figure `watched`, in a process of its own: a runtime that works, and perhaps somebody who reads all that it tells. */
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { TraceWatch } from '../../src/trace/trace-source.ts'
import { servePeer } from './peer.ts'
import { collectGarbage, inLanes } from './rounds.ts'
import { endRuntime, readyRuntime } from './runtimes.ts'
import type { TasksAsk } from './tasks-peer.ts'

let runtime: Runtime | null = null
let watch: TraceWatch | null = null
let records = 0
let lost = 0
let bytes = 0

/** As an inspector does: in a later turn of the event loop, all that is there, as the text that it would send. */
function read(): void {
  for (let read = watch?.read() ?? []; read.length > 0; read = watch?.read() ?? []) {
    records += read.length
    for (const record of read) if (record.type === 'gap') lost += record.lost ?? 0
    bytes += JSON.stringify(read).length
  }
}

servePeer({
  async open({ store, capacity, isWatched }: { store: string; capacity: number; isWatched: boolean }): Promise<void> {
    runtime = await readyRuntime(store)
    runtime.spawnWorker({ capacity, handlers: { echo: async (task) => task.input } })
    if (isWatched) watch = runtime.inside.trace.watch(() => setImmediate(read))
    read()
  },

  run({ tasks, inFlight }: TasksAsk): Promise<number> {
    collectGarbage()
    return inLanes(inFlight, tasks, async (index) => {
      const task = await runtime?.submit({ type: 'echo', input: { n: index } })
      return task?.result()
    })
  },

  /** What was told: records, those lost, and their text. */
  told(): { records: number; lost: number; bytes: number } {
    read()
    return { records, lost, bytes }
  },

  async close(): Promise<void> {
    watch?.stop()
    if (runtime !== null) await endRuntime(runtime)
  },
})
