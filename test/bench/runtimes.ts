/** Runtimes and stores as the figures use them: quiet, with the real clock. Owns how they are opened, so that all do it alike. */
import type { Entry } from '../../src/domain/entry.ts'
import { systemClock, systemRandom } from '../../src/platform.ts'
import { type Logger, silentLogger } from '../../src/ports/logger.ts'
import type { Store } from '../../src/ports/store.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import type { RuntimeOptions } from '../../src/runtime/options.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { openStore } from '../../src/stores/open.ts'

/** A figure of a runtime in trouble would be none: what it complains of is shown. */
const logger: Logger = {
  ...silentLogger,
  warn: (message, fields) => process.stderr.write(`  warning: ${message} ${JSON.stringify(fields ?? {})}\n`),
  error: (message, fields) => process.stderr.write(`  error: ${message} ${JSON.stringify(fields ?? {})}\n`),
}

export async function readyRuntime(store: string, options: RuntimeOptions = {}): Promise<Runtime> {
  const runtime = createRuntime({ store, logger, ...options })
  await runtime.ready()
  return runtime
}

/** Ends it and refuses to give figures of a run that had problems. */
export async function endRuntime(runtime: Runtime): Promise<void> {
  await runtime.shutdown({ drainMs: 1000 })
  if (runtime.problemCount > 0) throw new Error(`the runtime had ${runtime.problemCount} problems`)
}

export async function readyStore(url: string): Promise<Store> {
  const store = openStore(url, { clock: systemClock, random: systemRandom, logger })
  await store.open()
  return store
}

/** An entry whose text has about 420 bytes, as after `count` writes. */
export function entryOf(count: number, index: number): Entry {
  return {
    value: { index, note: 'x'.repeat(230), done: false, count },
    version: { 'bench-writer': count },
    timestamp: 1_750_000_000_000 + count,
    workerId: 'bench-writer',
    x: { v: 1, d: ['bench-writer', count, 'abcdefgh'] },
  }
}
