/**
 * Whether a unit can travel, and how large it is: one that cannot is refused here by itself, where the server would have to refuse
 * the whole call that it came with. Pure.
 */
import { MemorySyncError, messageOf } from '../../domain/errors.ts'
import type { Receipt, Unit, Write } from '../../ports/store.ts'
import { encodeEntry } from '../../wire/entry-codec.ts'
import { memoryCommit } from '../../wire/mcp-memory.ts'
import { freezeEntry } from '../freeze-entry.ts'
import { keyFault } from '../key-fault.ts'
import type { SizedUnit } from './commit-lane.ts'

/** About what a write takes beside its key and entry. */
const writeOverheadBytes = 200

const wireUnit = memoryCommit.input.units.element

/** A unit that is ready to be sent, its entries frozen, or the receipt that refuses it. */
export function sizedUnit(unit: Unit, entryBytesMax: number): SizedUnit | Receipt {
  try {
    let bytes = 0
    for (const write of unit) bytes += bytesOf(write, entryBytesMax)
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
  const text = encodeEntry(freezeEntry(entry), entryBytesMax)
  return Buffer.byteLength(text) + key.length * 3 + writeOverheadBytes
}
