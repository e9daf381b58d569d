/**
 * Tidying what clients left: their namespaces lie outside of the runtime's own, which is all that the runtime sweeps. Owns nothing but
 * that reach; what is due, and when, is the runtime's rule. Knows no client.
 */
import type { MemorySyncError } from '../domain/errors.ts'
import { keysOf } from '../domain/key.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Sweeper } from '../runtime/sweeper.ts'
import { clientRoot } from './namespaces.ts'

export function clientSweeper(runtime: Runtime, report: (error: MemorySyncError) => void): Sweeper {
  const { store, clock, random, remember } = runtime.inside
  return new Sweeper({
    store,
    clock,
    random,
    // A client may name its keys as it likes: nothing there is a task.
    keys: { ...keysOf(clientRoot), taskOfRecord: () => null, workerOfStatus: () => null },
    remember: (intents, answer, options) => void remember(intents, options).then(answer),
    report,
  })
}
