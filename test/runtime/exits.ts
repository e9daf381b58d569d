/** A whole program, run by `shutdown.test.ts`: nothing but the runtime keeps it alive while it waits, and nothing afterwards. */
import { createRuntime } from '../../src/runtime/create-runtime.ts'

const runtime = createRuntime({ store: 'memory:' })
runtime.spawnWorker({ handlers: { x: (task) => task.input * 2 } })
const task = await runtime.submit({ type: 'x', input: 21, delayMs: 50 })
console.log(`result: ${await task.result()}`)
await runtime.shutdown()
console.log('shut down')
