/** One process of the figure `queued`: makes tasks, or waits for them, and weighs its heap. */
import { servePeer } from './peer.ts'
import { RawTasks } from './raw-task.ts'
import { collectGarbage, inLanes, quiet } from './rounds.ts'
import { endRuntime, readyRuntime } from './runtimes.ts'

interface Ask {
  readonly store: string
  readonly scratch: string
  readonly queuedTasks: number
  readonly inFlight: number
}

servePeer({
  async idleActors({ queuedTasks }: Ask): Promise<number> {
    const count = Math.ceil(queuedTasks / 10)
    const raw = new RawTasks()
    await raw.run({ n: 0 })
    const before = await heapBytes()
    const kept = Array.from({ length: count }, (_, n) => raw.queue({ n }))
    const bytes = ((await heapBytes()) - before) / count
    // Used after the weighing, so that it is not collected before.
    if (kept.length !== count) throw new Error('an actor is missing')
    return bytes
  },

  async submit(ask: Ask): Promise<number> {
    await warmUp(ask)
    const before = await heapBytes()
    const runtime = await readyRuntime(ask.store)
    await inLanes(ask.inFlight, ask.queuedTasks, (index) => runtime.submit({ type: 'wait', input: { n: index, to: 'somebody' } }))
    const bytes = ((await heapBytes()) - before) / ask.queuedTasks
    await endRuntime(runtime)
    return bytes
  },

  async work(ask: Ask): Promise<number> {
    await warmUp(ask)
    const before = await heapBytes()
    const runtime = await readyRuntime(ask.store)
    const { promise: whenBusy, resolve: isBusy } = signal()
    runtime.spawnWorker({
      capacity: 1,
      handlers: {
        wait: (task) => {
          isBusy()
          return new Promise((resolve) => task.signal.addEventListener('abort', resolve))
        },
      },
    })
    await whenBusy
    const bytes = ((await heapBytes()) - before) / ask.queuedTasks
    await runtime.shutdown({ drainMs: 0 })
    return bytes
  },
})

/** What is loaded and compiled once is not a task's. */
async function warmUp({ scratch }: Ask): Promise<void> {
  const runtime = await readyRuntime(`file:${scratch}`)
  const worker = runtime.spawnWorker({ handlers: { echo: async (task) => task.input } })
  for (let n = 0; n < 100; n++) await (await runtime.submit({ type: 'echo', input: { n } })).result()
  await worker.drain()
  await endRuntime(runtime)
}

async function heapBytes(): Promise<number> {
  await quiet()
  for (let time = 0; time < 3; time++) collectGarbage()
  return process.memoryUsage().heapUsed
}

function signal(): { promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
