/**
 * The hands of `machines/lock.ts`: its writes go to the journal ahead of others, its looks to the store. Knows how an
 * answer becomes an event of the chart; decides nothing.
 */
import { type LockEnd, type LockEvent, type LockLook, type LockRef, lockMachine, type SeenLock } from '../../machines/lock.ts'
import { isTombstone } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import type { Lease, LeaseMoment } from '../domain/lease.ts'
import { isLockRecord, type LockRecord } from '../domain/lock-record.ts'
import type { Stored } from '../ports/store.ts'
import { assertBound } from './bind.ts'
import { compileChart } from './compiled-chart.ts'
import type { Remember, WriteOutcome } from './outcome.ts'

export type { LockEnd, LockEvent, LockInput, LockLook, SeenLock } from '../../machines/lock.ts'

export interface LockActor {
  /** Its address. */
  readonly id: string
  send(event: LockEvent): void
}

export interface LockHands {
  readonly remember: Remember
  /** The entry as it is stored now. */
  read(key: string): Promise<Stored | null>
  now(): LeaseMoment
  lookAt(key: string, seen: SeenLock | null): LockLook
  armTry(lock: LockActor, afterMs: number): void
  disarmTry(lock: LockActor): void
  armRenewal(lock: LockActor, record: LockRecord): void
  extend(lock: LockActor, lease: Lease | null): void
  /** What the store said, before the chart is told that something failed. */
  failed(lock: LockActor, error: MemorySyncError): void
  renewalFailed(lock: LockActor): void
  free(lock: LockActor, reason: LockEnd): void
  lose(lock: LockActor, reason: LockEnd): void
  refuse(lock: LockActor, reason: LockEnd): void
}

const urgent = { urgent: true } as const

export function lockLogic(hands: LockHands) {
  return compileChart(
    assertBound(
      lockMachine.provide({
        actions: {
          remember: ({ self }, { ref, intents }) =>
            hands.remember(
              intents,
              (outcome) => {
                // The lock may have ended while its write was on the way.
                if (self.getSnapshot().status === 'active') self.send(receiptEvent(self, ref, outcome, hands))
              },
              urgent,
            ),
          look: ({ self }, { key }) => void look(self, key, hands),
          armTry: ({ self }, { afterMs }) => hands.armTry(self, afterMs),
          disarmTry: ({ self }) => hands.disarmTry(self),
          armRenewal: ({ self }, { record }) => hands.armRenewal(self, record),
          extend: ({ self }, { lease }) => hands.extend(self, lease),
          renewalFailed: ({ self }) => hands.renewalFailed(self),
          free: ({ self }, { reason }) => hands.free(self, reason),
          lose: ({ self }, { reason }) => hands.lose(self, reason),
          refuse: ({ self }, { reason }) => hands.refuse(self, reason),
        },
      }),
    ),
  )
}

async function look(lock: LockActor & { getSnapshot(): { status: string } }, key: string, hands: LockHands): Promise<void> {
  let event: LockEvent
  try {
    event = { type: 'record.seen', ...hands.lookAt(key, seenLock(key, await hands.read(key))) }
  } catch (thrown) {
    hands.failed(lock, MemorySyncError.from(thrown, 'store_unavailable'))
    event = { type: 'look.failed' }
  }
  if (lock.getSnapshot().status === 'active') lock.send(event)
}

function receiptEvent(lock: LockActor, ref: LockRef, outcome: WriteOutcome, hands: LockHands): LockEvent {
  switch (outcome.type) {
    case 'committed':
      return { type: 'write.committed', ref, revision: outcome.revision, version: outcome.version, now: hands.now() }
    case 'failed':
      hands.failed(lock, outcome.error)
      return { type: 'write.failed', ref, isUnknown: isUnknown(outcome.error) }
    case 'conflict':
      try {
        const { key, stored } = outcome
        return { type: 'write.refused', ref, ...hands.lookAt(key, seenLock(key, stored)) }
      } catch (thrown) {
        hands.failed(lock, MemorySyncError.from(thrown, 'corrupt'))
        return { type: 'write.failed', ref, isUnknown: false }
      }
    case 'stale-epoch': {
      // Locks guard others and are guarded by nobody.
      hands.failed(lock, new MemorySyncError('corrupt', `the store judged a guard at ${outcome.scope} that was not given`))
      return { type: 'write.failed', ref, isUnknown: false }
    }
  }
}

/** Whether the write may have taken effect. */
function isUnknown({ code }: MemorySyncError): boolean {
  return code === 'unknown_outcome' || code === 'unflushed'
}

/**
 * A stored entry as a lock's record; null when there was never one.
 *
 * @throws `corrupt` when a value lies there that is no lock's: somebody else's, not to be overwritten.
 */
export function seenLock(key: string, stored: Stored | null): SeenLock | null {
  if (stored === null) return null
  const { entry, revision } = stored
  const { value, version } = entry
  if (isTombstone(entry)) return { record: null, revision, version }
  if (isLockRecord(value)) return { record: value, revision, version }
  const advice = 'Move it elsewhere, or "memory-sync unlock --force" replaces it.'
  throw new MemorySyncError('corrupt', `what lies at ${key} is not a lock's record. ${advice}`, { key })
}
