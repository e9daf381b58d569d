/**
 * What the main thread and the store's thread say to each other. Writes travel as one flat array: a structured clone of
 * objects costs more than the commit itself.
 */
import type { ErrorCode } from '../../domain/errors.ts'
import type { Version } from '../../domain/version-vector.ts'
import type { Condition, Guard } from '../../ports/store.ts'
import type { Refusal } from '../judge.ts'

/** How the thread is started. */
export interface ThreadData {
  readonly directory: string
  readonly logChangesMax: number
  /** See `thread-gate.ts`. */
  readonly gate: Int32Array
}

export type FlatItem = string | number | null | Version

export type ToThread =
  | {
      readonly type: 'commit'
      readonly id: number
      /** Wall time by which expiry is judged. */
      readonly nowMs: number
      readonly isFlushed: boolean
      /** Per unit its number of writes, then for each write what `flattenWrite` gives. */
      readonly units: readonly FlatItem[]
    }
  | { readonly type: 'close' }
  /** For tests: die as a crash would. */
  | { readonly type: 'die'; readonly when: CrashPoint }

/** At once; with the next commit received but not begun; with the next commit made but not answered. */
export type CrashPoint = 'now' | 'before-commit' | 'after-commit'

/** A refused unit, with what was stored where it was refused. */
export interface RefusedUnit {
  readonly refusal: Refusal
  readonly text: string | null
  readonly revision: number
}

export type FromThread =
  | { readonly type: 'ready' }
  | { readonly type: 'unusable'; readonly code: ErrorCode; readonly message: string }
  | {
      readonly type: 'receipts'
      readonly id: number
      /** The store's head before and after: revisions in between are this chunk's. */
      readonly before: number
      readonly after: number
      /** Per unit the revision of its first write, or why it was refused. */
      readonly results: readonly (number | RefusedUnit)[]
    }
  /** The transaction failed as a whole. */
  | { readonly type: 'broken'; readonly id: number; readonly isUndone: boolean; readonly message: string }

/** How many items `flattenWrite` adds. */
export const itemsPerWrite = 7

const none = 0
const revision = 1
const absent = 2
const causal = 3

/** `text`: the encoded entry, null for a purge. @throws `TypeError` for what is no condition. */
export function flattenWrite(
  items: FlatItem[],
  key: string,
  text: string | null,
  condition: Condition,
  guard: Guard | undefined,
): void {
  items.push(key, text)
  switch (condition.type) {
    case 'none':
      items.push(none, null)
      break
    case 'revision':
      items.push(revision, condition.revision)
      break
    case 'absent':
      items.push(absent, null)
      break
    case 'causal':
      items.push(causal, condition.context)
      break
    default:
      throw new TypeError(`unknown condition ${JSON.stringify(condition)}`)
  }
  if (guard === undefined) items.push(null, null, null)
  else items.push(guard.scope, guard.epoch, guard.incarnation)
}

/** A write as the thread judges and stores it. */
export interface TextWrite {
  readonly key: string
  readonly entry: string | null
  readonly condition: Condition
  readonly guard: Guard | undefined
}

export function unflattenWrite(items: readonly FlatItem[], at: number): TextWrite {
  const scope = items[at + 4] as string | null
  return {
    key: items[at] as string,
    entry: items[at + 1] as string | null,
    condition: conditionOf(items[at + 2] as number, items[at + 3] as FlatItem),
    guard: scope === null ? undefined : { scope, epoch: items[at + 5] as number, incarnation: items[at + 6] as string },
  }
}

const conditionNone: Condition = { type: 'none' }
const conditionAbsent: Condition = { type: 'absent' }

function conditionOf(kind: number, argument: FlatItem): Condition {
  switch (kind) {
    case revision:
      return { type: 'revision', revision: argument as number }
    case absent:
      return conditionAbsent
    case causal:
      return { type: 'causal', context: argument as Version }
    default:
      return conditionNone
  }
}
