/**
 * Whether a unit can travel, and how large it is: one that cannot is refused here by itself, where the server would have to refuse
 * the whole call that it came with. Pure.
 */
import type { Entry } from '../../domain/entry.ts'
import { MemorySyncError, messageOf } from '../../domain/errors.ts'
import type { Version } from '../../domain/version-vector.ts'
import type { Guard, Receipt, Unit, Write } from '../../ports/store.ts'
import { encodeEntry, entryBytesAtMost } from '../../wire/entry-codec.ts'
import { checkedEntry, incarnationLengthMax, memoryCommit } from '../../wire/mcp-memory.ts'
import { freezeEntry } from '../freeze-entry.ts'
import { keyFault } from '../key-fault.ts'
import type { SizedUnit } from './commit-lane.ts'

/** About what a write takes beside its key and entry. */
const writeOverheadBytes = 200
/** Entries that may be larger are measured. */
const estimatedBytesMax = 8 * 1024

const wireUnit = memoryCommit.input.units.element

/** A unit that is ready to be sent, its entries frozen, or the receipt that refuses it. */
export function sizedUnit(unit: Unit, entryBytesMax: number): SizedUnit | Receipt {
  try {
    let bytes = 0
    for (const write of unit) bytes += bytesOf(write, entryBytesMax)
    // The schema has the last word, and need not be asked of what is plainly right.
    if (unit.length > 0 && unit.every(isPlainlyRight)) return { unit, bytes }
    for (const { key, entry } of unit) if (entry !== null) checkedEntry(key, entry, entryBytesMax)
    const parsed = wireUnit.safeParse(unit)
    if (parsed.success) return { unit, bytes }
    const [fault] = parsed.error.issues
    const place = fault?.path.map(String).join('.') ?? ''
    const message = `a unit must be a list of writes { key, entry, condition, guard? }; ${place}: ${fault?.message ?? 'it is none'}`
    return { type: 'failed', error: new MemorySyncError('invalid_value', message) }
  } catch (thrown) {
    const message = `a unit must be a list of writes { key, entry, condition, guard? }: ${messageOf(thrown)}`
    return { type: 'failed', error: MemorySyncError.from(thrown, 'invalid_value', message) }
  }
}

function bytesOf({ key, entry, guard }: Write, entryBytesMax: number): number {
  const fault = keyFault(key) ?? (guard === undefined ? null : keyFault(guard.scope))
  if (fault !== null) throw new MemorySyncError('invalid_key', fault, typeof key === 'string' ? { key } : {})
  if (entry === null) return key.length * 3 + writeOverheadBytes
  // It may wait for its turn: what is sent must be what was given.
  const atMost = entryBytesAtMost(freezeEntry(entry), entryBytesMax)
  // An estimate may be six times too high: of large entries a call would hold too few.
  const bytes = atMost > estimatedBytesMax ? Buffer.byteLength(encodeEntry(entry, entryBytesMax)) : atMost
  return bytes + key.length * 3 + writeOverheadBytes
}

/** Of a write whose key, entry and scope were looked at already. */
function isPlainlyRight({ entry, condition, guard }: Write): boolean {
  if ((entry !== null && !hasShape(entry)) || (guard !== undefined && !isRightGuard(guard))) return false
  switch (condition.type) {
    case 'none':
    case 'absent':
      return true
    case 'revision':
      return isCount(condition.revision)
    case 'causal':
      return isVersion(condition.context)
    default:
      return false
  }
}

function hasShape({ value, version, timestamp, workerId }: Entry): boolean {
  const isTime = timestamp >= 0 && timestamp <= Number.MAX_SAFE_INTEGER && typeof timestamp === 'number'
  return value !== undefined && isVersion(version) && isTime && typeof workerId === 'string'
}

function isVersion(version: Version): boolean {
  if (version === null || typeof version !== 'object') return false
  for (const worker in version) if (!isCount(version[worker])) return false
  return true
}

function isRightGuard({ epoch, incarnation }: Guard): boolean {
  return isCount(epoch) && typeof incarnation === 'string' && incarnation.length <= incarnationLengthMax
}

function isCount(given: unknown): boolean {
  return Number.isSafeInteger(given) && (given as number) >= 0
}
