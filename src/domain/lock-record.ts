/**
 * The lock record: who holds a lock, under which epoch, for how long. Each function gives the next record and decides
 * nothing about when: that is `machines/lock.ts`. Knows no clock and no store.
 *
 * - O1 `epoch` rises with every acquisition and every force, and never falls: an epoch has at most one owner, ever
 * - O2 a record is never deleted: a free lock keeps its epoch
 * - O3 `incarnation` is null while the lock is free, so what a former holder guards with it is refused
 */
import { isLease, type Lease } from './lease.ts'

export type LockRecord = {
  /** Label of the holder; null: the lock is free. */
  readonly owner: string | null
  /** The life of the holder's process. */
  readonly incarnation: string | null
  /** The fencing token. */
  readonly epoch: number
  /** Names the acquisition: by it a holder whose reply was lost knows its own. Kept after a release, for the same reason. */
  readonly nonce: string | null
  /** The holder's, or the last one's. */
  readonly lease: Lease | null
}

export interface LockOwner {
  readonly owner: string
  readonly incarnation: string
}

/**
 * The lock is free, or its lease is over.
 *
 * @param floor an epoch below the next one where no record says the last: 0 for a lock that never was.
 */
export function acquired(before: LockRecord | null, who: LockOwner, nonce: string, lease: Lease, floor = 0): LockRecord {
  return { owner: who.owner, incarnation: who.incarnation, epoch: epochAfter(before, floor), nonce, lease }
}

export function renewed(record: LockRecord, lease: Lease): LockRecord {
  return { ...record, lease }
}

export function released(record: LockRecord): LockRecord {
  return { ...record, owner: null, incarnation: null }
}

/** By an operator, whoever holds it: the holder's guarded writes are refused from then on. */
export function forced(before: LockRecord | null, floor = 0): LockRecord {
  const epoch = epochAfter(before, floor)
  return { owner: null, incarnation: null, epoch, nonce: null, lease: before?.lease ?? null }
}

export function isHeldBy(record: LockRecord, nonce: string): boolean {
  return record.owner !== null && record.nonce === nonce
}

export function isReleasedBy(record: LockRecord, nonce: string): boolean {
  return record.owner === null && record.nonce === nonce
}

/** What is stored may have been written by anybody. */
export function isLockRecord(value: unknown): value is LockRecord {
  if (value === null || typeof value !== 'object') return false
  const record = value as Partial<Record<keyof LockRecord, unknown>>
  if (!Number.isSafeInteger(record.epoch) || (record.epoch as number) < 0) return false
  if (record.owner === null) {
    const { nonce = null, lease = null } = record
    return (nonce === null || typeof nonce === 'string') && (lease === null || isLease(lease))
  }
  return [record.owner, record.incarnation, record.nonce].every((text) => typeof text === 'string') && isLease(record.lease)
}

function epochAfter(before: LockRecord | null, floor: number): number {
  return Math.max(before?.epoch ?? 0, floor) + 1
}
