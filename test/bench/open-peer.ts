/** One process of the figure `open`: opens, does one thing, says on stdout how long that took, ends. */
const [kind, directory = '', startNs = '0'] = process.argv.slice(2)

export interface OpenTimes {
  readonly openMs: number
  /** Since the process was asked for. */
  readonly firstResultMs: number
}

let openedMs = performance.now()
let openMs = 0
if (kind === 'lmdb') {
  const { openRaw } = await import('./raw-lmdb.ts')
  const db = openRaw(directory)
  openMs = performance.now() - openedMs
  await db.put('first', 'text', 1)
  report()
  await db.close()
} else {
  const { createRuntime } = await import('../../src/index.ts')
  openedMs = performance.now()
  const runtime = createRuntime({ store: `file:${directory}` })
  await runtime.ready()
  openMs = performance.now() - openedMs
  runtime.spawnWorker({ handlers: { echo: async (task) => task.input } })
  const task = await runtime.submit({ type: 'echo', input: 'first' })
  await task.result()
  report()
  await runtime.shutdown()
}

function report(): void {
  const firstResultMs = Number(process.hrtime.bigint() - BigInt(startNs)) / 1e6
  process.stdout.write(JSON.stringify({ openMs, firstResultMs } satisfies OpenTimes))
}
