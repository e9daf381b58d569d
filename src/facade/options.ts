/** What `new MemorySyncManager` takes, checked, and as the runtime below takes it. */
import { z } from 'zod'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId, defaultNamespace } from '../domain/key.ts'
import { type ConflictResolver, ConflictResolvers } from '../domain/resolvers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { Store } from '../ports/store.ts'
import type { RuntimeOptions } from '../runtime/options.ts'

export interface MemorySyncOptions {
  /** Labels this manager's writes, and names its heartbeat. Several managers may share it. */
  readonly workerId: string
  /** Seconds until a document expires that is not written again; 0: never. Default 3600. */
  readonly defaultTTL?: number
  /** Entries in the cache; 0: none. Default 1000. */
  readonly cacheSize?: number
  /** Writes gather at most so many milliseconds, while others are in flight. Default 100. */
  readonly batchInterval?: number
  /** Milliseconds between heartbeats. Default 5000. */
  readonly heartbeatInterval?: number
  /** Default `ConflictResolvers.lastWriteWins`. */
  readonly conflictResolver?: ConflictResolver
  /** A URL or a store, as for `createRuntime`. Default: the directory `.memory-sync` of this project. */
  readonly store?: string | Store
  /** First segment of the keys. Default `task-sentinel`. */
  readonly namespace?: string
  /** Milliseconds a write waits for company while nothing is in flight. Default 0. */
  readonly lingerMs?: number
  /** Whether the manager keeps the process alive until `shutdown`. Default true. */
  readonly keepAlive?: boolean
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

const timerMaxMs = 2 ** 31 - 1
const anything = z.unknown().optional()

const schema = z.strictObject({
  workerId: z.string({ error: 'it is required: a name for this worker' }),
  defaultTTL: z.number().min(0).default(3600),
  cacheSize: z.int().min(0).max(10_000_000).default(1000),
  batchInterval: z.number().min(0).max(timerMaxMs).default(100),
  heartbeatInterval: z.number().min(10).max(timerMaxMs).default(5000),
  conflictResolver: z
    .custom<ConflictResolver>((given) => typeof given === 'function', { error: 'it must be a function' })
    .default(() => ConflictResolvers.lastWriteWins),
  namespace: z.string().default(defaultNamespace),
  lingerMs: z.number().min(0).max(timerMaxMs).default(0),
  keepAlive: z.boolean().default(true),
  // Checked where they are used.
  store: anything,
  logger: anything,
  clock: anything,
  random: anything,
})

export type ManagerConfig = Required<Omit<MemorySyncOptions, 'store' | 'logger' | 'clock' | 'random'>>

/** @throws `invalid_option`, `invalid_key`, naming the member, the value and what it may be. */
export function checkManagerOptions(given: MemorySyncOptions): { config: ManagerConfig; runtime: RuntimeOptions } {
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    if (issue?.code === 'unrecognized_keys') {
      const known = Object.keys(schema.shape).join(', ')
      throw new MemorySyncError('invalid_option', `unknown option ${issue.keys.map(quote).join(', ')}; known are ${known}`)
    }
    const [member] = issue?.path ?? []
    const value = member === undefined ? given : (given as unknown as Record<PropertyKey, unknown>)[member]
    const named = member === undefined ? 'the options' : `option ${String(member)}`
    throw new MemorySyncError('invalid_option', `${named} cannot be ${quote(value)}: ${issue?.message ?? 'invalid'}`)
  }
  const { store: _store, logger: _logger, clock: _clock, random: _random, ...config } = parsed.data
  assertId(config.workerId, 'workerId')
  assertId(config.namespace, 'namespace')
  const { store, logger, clock, random } = given
  return {
    config,
    runtime: {
      workerId: config.workerId,
      namespace: config.namespace,
      cacheSize: config.cacheSize,
      batchIntervalMs: config.batchInterval,
      lingerMs: config.lingerMs,
      heartbeatIntervalMs: config.heartbeatInterval,
      keepAlive: config.keepAlive,
      conflictResolver: config.conflictResolver,
      ...(store === undefined ? undefined : { store }),
      ...(logger === undefined ? undefined : { logger }),
      ...(clock === undefined ? undefined : { clock }),
      ...(random === undefined ? undefined : { random }),
    },
  }
}
