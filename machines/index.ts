/** The charts, for editors, inspectors and anybody who runs them with hands of their own. */
export { batchWriterMachine } from './batch-writer.ts'
export { circuitBreakerMachine } from './circuit-breaker.ts'
export { lockMachine } from './lock.ts'
export { syncMachine } from './sync.ts'
export { taskMachine } from './task.ts'
export { workerMachine } from './worker.ts'
