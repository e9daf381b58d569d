/** Assembles a runtime from options: the real clock, chance, logger and store where none are given. */

import { encodeId } from '../domain/key.ts'
import { consoleLogger, hostName, processId, systemClock, systemRandom } from '../platform.ts'
import { openStore } from '../stores/open.ts'
import { checkRuntimeOptions, type RuntimeOptions } from './options.ts'
import { Runtime, type RuntimeParts } from './runtime.ts'

/**
 * One process's part in the shared memory: spawn workers, submit tasks, read, write and watch. Synchronous; the store opens
 * behind it, and a failure to open reaches every call.
 *
 * @throws `invalid_option`, `invalid_key`
 *
 * @example
 * const runtime = createRuntime({ store: 'memory:' })
 * runtime.spawnWorker({ handlers: { greet: async (task) => `hello ${task.input}` } })
 * const task = await runtime.submit({ type: 'greet', input: 'world' })
 * console.log(await task.result()) // hello world
 * await runtime.shutdown()
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return assembleRuntime(options)
}

/** For what is built on a runtime: it may want to know more than its callers, and ask less of the store. */
export function assembleRuntime(options: RuntimeOptions, own: Pick<RuntimeParts, 'observer' | 'demand'> = {}): Runtime {
  const checked = checkRuntimeOptions(options)
  const clock = checked.clock ?? systemClock
  const random = checked.random ?? systemRandom
  const logger = checked.logger ?? consoleLogger()
  const incarnation = random.token(8)
  const workerId = checked.workerId ?? defaultWorkerId(incarnation)
  const ownsStore = typeof checked.store !== 'object'
  const { namespace, durability } = checked
  const store = openStore(checked.store, { clock, logger, random, namespace, durability })
  return new Runtime({ ...own, options: checked, store, ownsStore, clock, random, logger, workerId, incarnation })
}

function defaultWorkerId(incarnation: string): string {
  const host = encodeId(hostName().slice(0, 30))
  return `${host}-${processId()}-${incarnation}`
}
