/**
 * The tools through which another process uses a store over MCP, as schemas: what the server declares and checks, and what the
 * client store sends and reads. Entries are those of `entry-codec.ts`, as objects. Knows no transport and no store.
 *
 * - `memory_get`, `memory_list`, `memory_commit`, `memory_changes` speak of keys as they lie in the store
 */
import { z } from 'zod'
import type { Entry } from '../domain/entry.ts'
import { type ErrorCode, MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Durability, Receipt, Stored, Unit } from '../ports/store.ts'
import { checkEntry, entryBytesAtMost } from './entry-codec.ts'

/** By these names a server is known to be one of ours, whatever it calls itself. */
export const memoryTools = {
  get: 'memory_get',
  list: 'memory_list',
  commit: 'memory_commit',
  changes: 'memory_changes',
} as const

/** Units in one `memory_commit`, entries in one `memory_list`, changes in one `memory_changes`. */
export const commitUnitsMax = 1000
export const listEntriesMax = 1000
export const changesMax = 1000
/** UTF-16 units of the name of a process's life. */
export const incarnationLengthMax = 128
/** Milliseconds that `memory_changes` may wait for a change before it answers that there is none. */
export const changesWaitMsMax = 25_000

const revision = z.int().min(0)
const key = z.string().min(1).max(512)
const version = z.record(z.string(), z.int().min(0))

/** Declared in full, and checked by {@link checkEntry} alone: a schema would take longer than the commit itself. */
const entry: z.ZodType<Entry> = z.any().meta({
  type: 'object',
  properties: {
    value: { description: 'any JSON value' },
    version: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
    timestamp: { type: 'number', description: 'milliseconds since 1970' },
    workerId: { type: 'string' },
    ttl: { type: 'number', description: 'seconds from timestamp' },
    x: { type: 'object' },
  },
  required: ['value', 'version', 'timestamp', 'workerId'],
})

const condition = z.discriminatedUnion('type', [
  z.object({ type: z.literal('none') }),
  z.object({ type: z.literal('revision'), revision }),
  z.object({ type: z.literal('absent') }),
  z.object({ type: z.literal('causal'), context: version }),
])

const write = z.object({
  key,
  /** null purges a tombstone or an expired entry. */
  entry: entry.nullable(),
  condition,
  guard: z.object({ scope: key, epoch: z.int().min(0), incarnation: z.string().max(incarnationLengthMax) }).optional(),
})

const stored = z.object({ key, revision, entry })

const toldError = z.object({ code: z.string(), message: z.string(), retryable: z.boolean(), key: z.string().optional() })

const durability = z.enum(['none', 'process-crash', 'fsync', 'quorum'])

const receipt = z.discriminatedUnion('type', [
  z.object({ type: z.literal('committed'), revision, durability, count: z.int().min(2).optional() }),
  z.object({ type: z.literal('conflict'), key, stored: stored.nullable() }),
  z.object({ type: z.literal('stale-epoch'), scope: key, stored: stored.nullable() }),
  z.object({ type: z.literal('failed'), error: toldError }),
])

export const memoryGet = {
  input: { key },
  /** `revision`: of the entry; with no entry, that of the store when it was read. */
  output: { found: z.boolean(), key, revision, entry: entry.optional() },
}

export const memoryCommit = {
  input: {
    units: z.array(z.array(write).min(1)).min(1).max(commitUnitsMax),
    /** One receipt with a `count` for units in a row that were all committed, each right behind the one before. */
    brief: z.boolean().default(false),
  },
  /** One receipt per unit, in order. */
  output: { receipts: z.array(receipt) },
}

export const memoryChanges = {
  input: {
    pattern: z.string().min(1).max(512).default('**'),
    /** Changes behind this revision. */
    after: revision,
    limit: z.int().min(1).max(changesMax).default(changesMax),
    /** With no change yet: wait so long for one. */
    waitMs: z.int().min(0).max(changesWaitMsMax).default(0),
    /** What this life of a process wrote is told without its entry, by the counter of its dot: the asker has it already. */
    own: z.string().max(incarnationLengthMax).optional(),
  },
  /** In revision order. `revision`: go on from here. `reset`: changes were missed, read everything with `memory_list`. */
  output: {
    changes: z.array(z.object({ key, revision, entry: entry.optional(), ownCounter: z.int().min(0).optional() })),
    revision,
    durability,
    reset: z.boolean().optional(),
  },
}

/** What `memory_list` takes and gives when it is asked for a pattern; for claude-flow's arguments see the server. */
export const memoryListByPattern = {
  input: {
    pattern: z.string().min(1).max(512),
    after: key.optional(),
    limit: z.int().min(0).max(listEntriesMax).default(listEntriesMax),
  },
  /** In key order, tombstones and expired entries too. `next`: more follow, ask with it as `after`. `revision`: of the store, before. */
  output: { entries: z.array(stored), next: z.string().nullable(), revision },
}

/** A receipt as it travels. */
export type WireReceipt = z.infer<typeof receipt>
export type WireStored = z.infer<typeof stored>
export type WireChange = z.infer<typeof memoryChanges.output.changes>[number]
export type WireUnit = z.infer<typeof memoryCommit.input.units>[number]
export type { Durability, Receipt, Stored, Unit }

/** The entry of a write, checked and frozen. @throws `invalid_value`, `too_large` */
export function checkedEntry(key: string, given: unknown, bytesMax?: number): Entry {
  let entry: Entry
  try {
    entry = checkEntry(given)
  } catch (cause) {
    throw new MemorySyncError('invalid_value', `the entry for ${quote(key)} is none: ${messageOf(cause)}`, { key, cause })
  }
  entryBytesAtMost(entry, bytesMax)
  return entry
}

/** @throws `corrupt` for what is no entry. */
export function storedOf(given: WireStored): Stored {
  return { key: given.key, revision: given.revision, entry: checkEntry(given.entry) }
}

/** Receipts in a row told as one, where they are those of units that lie side by side. */
export function briefReceipts(receipts: readonly WireReceipt[], units: readonly { readonly length: number }[]): WireReceipt[] {
  const brief: WireReceipt[] = []
  let run: { type: 'committed'; revision: number; durability: Durability; count?: number } | null = null
  let next = 0
  for (let index = 0; index < receipts.length; index++) {
    const receipt = receipts[index] as WireReceipt
    if (receipt.type !== 'committed') {
      run = null
      brief.push(receipt)
      continue
    }
    if (run !== null && receipt.revision === next && receipt.durability === run.durability) {
      run.count = (run.count ?? 1) + 1
    } else {
      run = { type: 'committed', revision: receipt.revision, durability: receipt.durability }
      brief.push(run)
    }
    next = receipt.revision + (units[index]?.length ?? 1)
  }
  return brief
}

/** One receipt per unit again. @throws `corrupt` for what holds an entry that is none. */
export function receiptsOf(given: readonly WireReceipt[], units: readonly Unit[]): Receipt[] {
  const receipts: Receipt[] = []
  for (const told of given) {
    if (told.type !== 'committed') {
      receipts.push(receiptOf(told))
      continue
    }
    let { revision } = told
    // No more than were asked for, whatever the server says.
    for (let left = told.count ?? 1; left > 0 && receipts.length < units.length; left--) {
      const length = units[receipts.length]?.length ?? 1
      receipts.push({ type: 'committed', revision, durability: told.durability })
      revision += length
    }
  }
  return receipts
}

function receiptOf(given: Exclude<WireReceipt, { type: 'committed' }>): Receipt {
  switch (given.type) {
    case 'conflict':
      return { type: 'conflict', key: given.key, stored: given.stored && storedOf(given.stored) }
    case 'stale-epoch':
      return { type: 'stale-epoch', scope: given.scope, stored: given.stored && storedOf(given.stored) }
    case 'failed':
      return { type: 'failed', error: errorOf(given.error) }
  }
}

/** The error that a server told, as its `_meta.error` or in a receipt; null for what tells none. */
export function toldErrorOf(given: unknown): MemorySyncError | null {
  const parsed = toldError.safeParse(given)
  return parsed.success ? errorOf(parsed.data) : null
}

/** Every code that a server of this release tells. */
const errorCodes: Readonly<Record<ErrorCode, true>> = {
  invalid_option: true,
  invalid_key: true,
  invalid_value: true,
  too_large: true,
  store_unavailable: true,
  unknown_outcome: true,
  conflict: true,
  stale_epoch: true,
  lock_lost: true,
  claim_lost: true,
  task_failed: true,
  backpressure: true,
  unflushed: true,
  closed: true,
  aborted: true,
  not_supported: true,
  diverged: true,
  corrupt: true,
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}

function errorOf({ code, message, retryable, key }: z.infer<typeof toldError>): MemorySyncError {
  const details = key === undefined ? { retryable } : { retryable, key }
  // Of a newer server, or one that failed: nothing is known of what it did.
  return new MemorySyncError(isErrorCode(code) ? code : 'unknown_outcome', message, details)
}
