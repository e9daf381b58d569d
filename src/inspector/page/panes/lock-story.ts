/** Who had a lock, one after the other: folded from the versions of its record. Pure; epochs never fall, and each has at most one holder. */
import { isLockRecord, type LockRecord } from '../../../domain/lock-record.ts'
import type { EntryVersion } from '../model/session-state.ts'

export interface Holding {
  readonly owner: string
  readonly epoch: number
  /** When it was first seen to hold; it may have held before the watching began. */
  readonly fromMs: number
  /** Renewals seen. */
  readonly renewals: number
  /** null: it holds. */
  readonly end: {
    readonly how: 'released' | 'taken over' | 'forced' | 'replaced'
    readonly atMs: number
    readonly by: string
  } | null
  /** Place of the record that tells of its beginning. */
  readonly position: number
}

/** Oldest first. @param versions of the lock's record, oldest first. */
export function holdingsOf(versions: readonly EntryVersion[]): Holding[] {
  const holdings: Holding[] = []
  for (const { entry, atMs, position } of versions) {
    const record = entry.x?.t !== 1 && isLockRecord(entry.value) ? entry.value : null
    const last = holdings.at(-1)
    const open = last?.end === null ? last : undefined
    if (open !== undefined && record?.epoch === open.epoch && record.owner !== null) {
      holdings[holdings.length - 1] = { ...open, renewals: open.renewals + 1 }
      continue
    }
    if (open !== undefined) {
      holdings[holdings.length - 1] = { ...open, end: { how: howEnded(open, record), atMs, by: record?.owner ?? entry.workerId } }
    }
    if (record !== null && record.owner !== null) {
      holdings.push({ owner: record.owner, epoch: record.epoch, fromMs: atMs, renewals: 0, end: null, position })
    }
  }
  return holdings
}

function howEnded(holding: Holding, after: LockRecord | null): NonNullable<Holding['end']>['how'] {
  if (after === null) return 'replaced'
  if (after.owner !== null) return 'taken over'
  return after.epoch === holding.epoch ? 'released' : 'forced'
}
