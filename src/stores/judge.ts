/**
 * Whether a unit may take effect: the conditions and guards of the store port, as one pure function. Stores call it inside
 * their transaction. Knows nothing of how entries are kept: it asks a `Look` and decodes only what a condition needs.
 *
 * - J1 every condition and guard of a unit is judged before any of its writes takes effect
 * - J2 a refusal names the first write, in order, that was refused
 */
import { type Entry, isLive } from '../domain/entry.ts'
import type { ErrorCode } from '../domain/errors.ts'
import { isCovered } from '../domain/version-vector.ts'
import type { Condition, Guard } from '../ports/store.ts'
import { keyFault } from './key-fault.ts'

/** What is stored now, as the unit's transaction sees it. */
export interface Look {
  /** The revision of the entry at `key`; 0 when there is none. */
  revisionOf(key: string): number
  /** The entry at `key`; null when there is none or when it cannot be read. */
  entryOf(key: string): Entry | null
}

export type Refusal =
  | { readonly type: 'conflict'; readonly key: string }
  | { readonly type: 'stale-epoch'; readonly scope: string }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string; readonly key?: string }

/** What judging needs of a write. Its entry may be an object or still text: only null, a purge, is looked at. */
export interface Claim {
  readonly key: string
  readonly entry: unknown
  readonly condition: Condition
  readonly guard?: Guard | undefined
}

/** null: the unit may take effect. */
export function judgeUnit(unit: readonly Claim[], look: Look, nowMs: number): Refusal | null {
  if (unit.length === 0) return failed('invalid_value', 'a unit must have at least one write')
  let judged: Guard | undefined
  const seen = unit.length > pairwiseMax ? new Set<string>() : null
  for (let index = 0; index < unit.length; index++) {
    const write = unit[index]
    if (write === undefined) return failed('invalid_value', `write ${index} of the unit is missing`)
    const { key, guard } = write
    const fault = keyFault(key)
    if (fault !== null) return failed('invalid_key', fault, key)
    if (isRepeated(unit, index, seen)) {
      return failed('invalid_value', `a unit may write a key once, it has two writes to ${JSON.stringify(key)}`, key)
    }
    // The writes of one unit usually share one guard object: judged once.
    if (guard !== undefined && guard !== judged) {
      const scopeFault = keyFault(guard.scope)
      if (scopeFault !== null) return failed('invalid_key', scopeFault, key)
      if (!isGuardHeld(guard, look, nowMs)) return { type: 'stale-epoch', scope: guard.scope }
      judged = guard
    }
    const refusal = judgeCondition(write.condition, key, look, nowMs)
    if (refusal !== null) return refusal
    // Purging what somebody can still see would be a change that no watcher hears of.
    if (write.entry === null && isVisible(key, look, nowMs)) return { type: 'conflict', key }
  }
  return null
}

function judgeCondition(condition: Condition, key: string, look: Look, nowMs: number): Refusal | null {
  switch (condition.type) {
    case 'none':
      return null
    case 'revision': {
      const revision = look.revisionOf(key)
      return revision !== 0 && revision === condition.revision ? null : { type: 'conflict', key }
    }
    case 'absent': {
      if (look.revisionOf(key) === 0) return null
      const entry = look.entryOf(key)
      if (entry === null) return unreadable(key)
      return isLive(entry, nowMs) ? { type: 'conflict', key } : null
    }
    case 'causal': {
      if (look.revisionOf(key) === 0) return null
      const entry = look.entryOf(key)
      if (entry === null) return unreadable(key)
      return isCovered(entry.version, condition.context) ? null : { type: 'conflict', key }
    }
    default:
      return failed('invalid_value', `unknown condition ${JSON.stringify(condition)}`, key)
  }
}

function isGuardHeld(guard: Guard, look: Look, nowMs: number): boolean {
  const entry = look.entryOf(guard.scope)
  if (entry === null || !isLive(entry, nowMs)) return false
  const value = entry.value
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const record = value as { readonly epoch?: unknown; readonly incarnation?: unknown }
  return record.epoch === guard.epoch && record.incarnation === guard.incarnation
}

function isVisible(key: string, look: Look, nowMs: number): boolean {
  const entry = look.entryOf(key)
  return entry !== null && isLive(entry, nowMs)
}

/** Units are small; beyond this many writes a set is cheaper than comparing each pair. */
const pairwiseMax = 16

function isRepeated(unit: readonly Claim[], index: number, seen: Set<string> | null): boolean {
  const key = unit[index]?.key
  if (key === undefined) return false
  if (seen !== null) return seen.size === seen.add(key).size
  for (let before = 0; before < index; before++) if (unit[before]?.key === key) return true
  return false
}

function unreadable(key: string): Refusal {
  return failed('corrupt', `the entry stored at ${JSON.stringify(key)} cannot be read, so the condition cannot be judged`, key)
}

function failed(code: ErrorCode, message: string, key?: string): Refusal {
  return key === undefined ? { type: 'failed', code, message } : { type: 'failed', code, message, key }
}
