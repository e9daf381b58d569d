/**
 * One command's part in the shared memory: opens the store and a runtime on it, and closes both whatever happens. Owns what
 * the common options mean. Knows no command.
 */
import { MemorySyncError } from '../domain/errors.ts'
import { encodeId, type Keys, keysOf } from '../domain/key.ts'
import { hostName, systemClock, systemRandom } from '../platform.ts'
import type { Timer } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { createRuntime } from '../runtime/create-runtime.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { openStore } from '../stores/open.ts'
import { type ExitCode, notFound, storeNotOpened } from './exit-codes.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'

/** What every command is given. */
export interface Cli {
  readonly output: Output
  readonly interrupts: Interrupts
  /** What the process ends with, unless an error says otherwise. */
  exitCode: ExitCode
}

export interface CommonOptions {
  readonly store?: string
  readonly namespace?: string
  readonly json?: boolean
  readonly allowWeak?: boolean
}

export interface Session {
  readonly runtime: Runtime
  readonly store: Store
  readonly keys: Keys
  /** Who chose the store. */
  readonly storeFrom: 'option' | 'environment' | 'default'
  /** Faults that no call was waiting for, the newest {@link problemsMax}. */
  readonly problems: readonly MemorySyncError[]
}

export interface SessionOptions {
  /**
   * Labels this process's writes. Default: one label for all commands of this host, so that the version of a value does not
   * grow with every call. `null`: one of its own, for processes that stay.
   */
  readonly workerId?: null
  /** Whether the first Ctrl-C is the command's own business. Default: it ends the command. */
  readonly endsItself?: boolean
  /** For running handlers, at the end. */
  readonly drainMs?: number
}

export const problemsMax = 20
/** Between two looks whether the runtime has given up. */
const watchIntervalMs = 1000
/** Longer than anybody waits. */
export const holdMs = 2 ** 31 - 1

export async function withSession<T>(
  cli: Cli,
  common: CommonOptions,
  work: (session: Session) => Promise<T>,
  options: SessionOptions = {},
): Promise<T> {
  const logger = cli.output.logger()
  const namespace = common.namespace === undefined ? {} : { namespace: common.namespace }
  const store = openStore(common.store, {
    clock: systemClock,
    random: systemRandom,
    logger,
    durability: 'process-crash',
    ...namespace,
  })
  const runtime = createRuntime({
    store,
    logger,
    keepAlive: false,
    allowWeak: common.allowWeak === true,
    ...namespace,
    ...(options.workerId === null ? {} : { workerId: cliWorkerId() }),
  })
  const problems: MemorySyncError[] = []
  runtime.onProblem((problem) => {
    problems.push(problem)
    if (problems.length > problemsMax) problems.shift()
  })
  // What a command waits for may be a handle that does not keep the process alive.
  const hold = systemClock.setTimer(holdMs, () => {})
  try {
    const session: Session = { runtime, store, keys: keysOf(runtime.namespace), storeFrom: sourceOf(common), problems }
    if (store.features.reach === 'process' && options.workerId !== null) {
      cli.output.say(`${store.url} is private to this process: it begins empty and ends with this command`)
    }
    await cli.interrupts.orThrow(open(runtime))
    const working = work(session)
    return await (options.endsItself === true ? working : cli.interrupts.orThrow(working))
  } finally {
    await runtime.shutdown({ drainMs: options.drainMs ?? 0 })
    await store.close().catch((thrown) => logger.warn(MemorySyncError.from(thrown, 'store_unavailable').message))
    hold.cancel()
  }
}

/** A runtime that gives up does so silently for somebody who is not calling it. */
export function watchRuntime({ runtime }: Session): { readonly gaveUp: Promise<never>; stop(): void } {
  let timer: Timer | null = null
  const gaveUp = new Promise<never>((_, reject) => {
    const look = (): void => {
      timer = systemClock.setTimer(watchIntervalMs, () => runtime.ready().then(look, reject), { keepAlive: false })
    }
    look()
  })
  gaveUp.catch(() => {})
  return { gaveUp, stop: () => timer?.cancel() }
}

/** @throws `not_found`, `invalid_key` */
export async function requireTask({ runtime }: Session, id: string) {
  const record = await runtime.task(id).record()
  if (record === null) {
    throw notFound(
      `no task ${JSON.stringify(id)} in namespace ${JSON.stringify(runtime.namespace)} of ${runtime.storeUrl}: it was never submitted there, or was swept after its retention`,
    )
  }
  return record
}

async function open(runtime: Runtime): Promise<void> {
  try {
    await runtime.ready()
  } catch (thrown) {
    throw storeNotOpened(thrown)
  }
}

function cliWorkerId(): string {
  return encodeId(`cli@${hostName().slice(0, 30)}`)
}

function sourceOf(common: CommonOptions): Session['storeFrom'] {
  if (common.store !== undefined) return 'option'
  return (process.env.MEMORY_SYNC_STORE ?? '') === '' ? 'default' : 'environment'
}
