/** What `createRuntime` takes, checked: unknown members and absurd numbers are refused with the value and the range. */
import { z } from 'zod'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId, defaultNamespace } from '../domain/key.ts'
import type { ConflictResolver } from '../domain/resolvers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { Store } from '../ports/store.ts'
import type { Redact } from '../trace/trace-source.ts'
import { cacheSizeDefault } from './cache.ts'

export interface RuntimeOptions {
  /**
   * A URL (`memory:`, `memory:<name>`, `file:<directory>`) or a store. Default: the environment's `MEMORY_SYNC_STORE`, else
   * `file:` of the directory `.memory-sync` of this project.
   */
  readonly store?: string | Store
  /** First segment of all keys. Default `task-sentinel`. */
  readonly namespace?: string
  /** Labels this process's writes. Default: host, process id and incarnation. */
  readonly workerId?: string
  /** Entries that are kept for reads; 0: none. Default 1,000. */
  readonly cacheSize?: number
  /** Writes gather at most so long, in milliseconds, while others are in flight. Default 100. */
  readonly batchIntervalMs?: number
  /** Milliseconds a write waits for company while nothing is in flight. Default 0. */
  readonly lingerMs?: number
  /** Milliseconds between a worker's heartbeats. Default 5,000. */
  readonly heartbeatIntervalMs?: number
  /** After so many milliseconds without a renewal others may take a task over. Default 15,000. */
  readonly taskLeaseMs?: number
  /** When the write buffer is full: `wait` for room, or `reject` with `backpressure`. Default `wait`. */
  readonly backpressure?: 'wait' | 'reject'
  /**
   * Decides between two values of a key whose writers had not seen each other: one of `ConflictResolvers`, or your own (try it
   * with `assertResolverLaws`). Default: none, the later to commit stays.
   */
  readonly conflictResolver?: ConflictResolver
  /**
   * Whether a store will do whose conditions hold under an assumption only, as those of a plain memory server (claude-flow): the store
   * logs it. Without it such a store is refused with `not_supported`. Default false.
   */
  readonly allowWeak?: boolean
  /** Crashes of one internal actor within the period before the runtime gives up. Default 5 in 60,000 ms. */
  readonly restart?: { readonly intensity?: number; readonly periodMs?: number }
  /** Whether the runtime keeps the process alive until `shutdown`. Default true. */
  readonly keepAlive?: boolean
  /** `fsync`: writes are acknowledged when they survive a power cut (`file:` only). Default `process-crash`. */
  readonly durability?: 'process-crash' | 'fsync'
  /**
   * Takes out of what inspectors are told (events, contexts, parameters, writes) what nobody may see: gives what is to be shown in
   * place of `value`. What the shared memory holds is not touched by it. Default: everything is shown.
   */
  readonly redact?: Redact
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

const ms = (least: number) =>
  z
    .number()
    .min(least)
    .max(2 ** 31 - 1)
const port = <T>(methods: readonly string[]) =>
  z.custom<T>(
    (given) =>
      given !== null &&
      typeof given === 'object' &&
      methods.every((name) => typeof (given as Record<string, unknown>)[name] === 'function'),
    {
      error: `an object with ${methods.join(', ')}`,
    },
  )

const restartShape = { intensity: z.int().min(0).max(1000).default(5), periodMs: ms(1).default(60_000) }

const schema = z.strictObject({
  store: z.union([z.string(), port<Store>(['open', 'get', 'list', 'commit', 'watch', 'close'])]).optional(),
  namespace: z.string().default(defaultNamespace),
  workerId: z.string().optional(),
  cacheSize: z.int().min(0).max(10_000_000).default(cacheSizeDefault),
  batchIntervalMs: ms(0).default(100),
  lingerMs: ms(0).default(0),
  heartbeatIntervalMs: ms(10).default(5000),
  taskLeaseMs: ms(100).default(15_000),
  backpressure: z.enum(['wait', 'reject']).default('wait'),
  conflictResolver: z.custom<ConflictResolver>((given) => typeof given === 'function', { error: 'a function' }).optional(),
  allowWeak: z.boolean().default(false),
  restart: z.strictObject(restartShape).prefault({}),
  keepAlive: z.boolean().default(true),
  durability: z.enum(['process-crash', 'fsync']).default('process-crash'),
  redact: z.custom<Redact>((given) => typeof given === 'function', { error: 'a function' }).optional(),
  logger: port<Logger>(['debug', 'info', 'warn', 'error']).optional(),
  clock: port<Clock>(['wallMs', 'monotonicMs', 'setTimer', 'defer']).optional(),
  random: port<Random>(['next', 'token']).optional(),
})

export type CheckedOptions = z.output<typeof schema>

/** @throws `invalid_option`, `invalid_key` naming the member, the value and what it may be. */
export function checkRuntimeOptions(given: RuntimeOptions): CheckedOptions {
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const path = issue?.path.map(String) ?? []
    if (issue?.code === 'unrecognized_keys') {
      const known = Object.keys(path[0] === 'restart' ? restartShape : schema.shape).join(', ')
      const named = issue.keys.map((key) => quote([...path, key].join('.'))).join(', ')
      throw new MemorySyncError('invalid_option', `unknown option ${named}; known are ${known}`)
    }
    let value: unknown = given
    for (const member of path) value = (value as Record<string, unknown> | undefined)?.[member]
    throw new MemorySyncError(
      'invalid_option',
      `option ${path.join('.') || '(all)'} cannot be ${quote(value)}: ${issue?.message ?? 'invalid'}`,
    )
  }
  assertId(parsed.data.namespace, 'namespace')
  if (parsed.data.workerId !== undefined) assertId(parsed.data.workerId, 'workerId')
  return parsed.data
}
