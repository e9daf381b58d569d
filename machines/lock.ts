/**
 * One acquisition of a lock: from the first look at its record to the end of its holding. An actor lives for it alone; the
 * next acquisition is another. Knows no clock and no store: moments come with events, writes leave as `remember`.
 *
 * - Q1 every write of the record is conditioned on the revision last seen: of several that try, one gets it
 * - Q2 no final state is entered by a transition that emits a write; `lost` and `refused` write nothing
 * - Q3 whatever the store's replies were, the acquisition's own nonce in the record says that it was made
 */
import { assign, setup } from 'xstate'
import type { Lease, LeaseMoment } from '../src/domain/lease.ts'
import { acquired, isHeldBy, isReleasedBy, type LockRecord, released, renewed } from '../src/domain/lock-record.ts'
import type { Version } from '../src/domain/version-vector.ts'
import { type Condition, type Intent, ifAbsent } from '../src/domain/write.ts'
import { effect } from './effect.ts'

/** What lies at the lock's key. `record` is null for the remains of one that was deleted. */
export interface SeenLock {
  readonly record: LockRecord | null
  readonly revision: number
  readonly version: Version
}

/** A look at the record, and what the looker's clock says of it. */
export interface LockLook {
  readonly seen: SeenLock | null
  /** Of the holder's lease, in milliseconds; 0 when there is no holder. */
  readonly leftMs: number
  readonly now: LeaseMoment
  /** From [0, 1): keeps those that wait for one lock from trying at one instant. */
  readonly chance: number
}

export interface LockInput {
  readonly key: string
  readonly owner: string
  readonly incarnation: string
  readonly nonce: string
  readonly leaseMs: number
  /** Monotonic milliseconds. */
  readonly waitUntilMs: number
}

export interface LockContext extends LockInput {
  /** What is to be written, or what is held. */
  readonly record: LockRecord | null
  /** What it is written over; revision 0: nothing. */
  readonly revision: number
  readonly version: Version
  /** Compare-and-sets lost in a row, or won too late. */
  readonly tries: number
  /** The newest revision that was told while something else was awaited. */
  readonly heardRevision: number
  readonly isAbandoned: boolean
  /** Why it ended as it did. */
  readonly reason: LockEnd
}

export type LockEnd = 'held' | 'failed' | 'too-slow' | 'abandoned' | 'lease-over' | 'slept' | 'taken-over'

export type LockRef = 'take' | 'renew' | 'release'

export type LockEvent =
  | { type: 'lock.acquire' }
  | { type: 'lock.abandon' }
  | { type: 'lock.release' }
  | ({ type: 'record.seen' } & LockLook)
  | ({ type: 'record.changed' } & LockLook)
  | { type: 'look.failed' }
  | { type: 'try.due' }
  | { type: 'lease.due'; now: LeaseMoment }
  | { type: 'lease.over'; reason: 'lease-over' | 'slept' }
  | { type: 'write.committed'; ref: LockRef; revision: number; version: Version; now: LeaseMoment }
  | ({ type: 'write.refused'; ref: LockRef } & LockLook)
  | { type: 'write.failed'; ref: LockRef; isUnknown: boolean }

/** Tries in a row before a waiter pauses, and one that does not wait gives up. */
export const lockTriesMax = 16
/** Those that see a lock become free try within so many milliseconds. */
export const lockJitterMs = 20
/** A waiter looks at least so often: its feed may have broken. */
export const lockLookEveryMs = 30_000

export type LockState =
  | 'free'
  | 'looking'
  | 'waiting'
  | 'acquiring'
  | 'held'
  | 'renewing'
  | 'releasing'
  | 'released'
  | 'lost'
  | 'refused'

const start = {
  record: null,
  revision: 0,
  version: {},
  tries: 0,
  heardRevision: 0,
  isAbandoned: false,
  reason: 'held',
} satisfies Partial<LockContext>

export const lockMachine = setup({
  types: { input: {} as LockInput, context: {} as LockContext, events: {} as LockEvent },
  actions: {
    /** The receipt comes back as `write.*` with the same `ref`. Never waits behind other writes. */
    remember: effect<{ ref: LockRef; intents: readonly Intent[] }>(),
    /** Answers `record.seen` or `look.failed`. */
    look: effect<{ key: string }>(),
    /** `try.due` after so many milliseconds, in place of what was armed before. */
    armTry: effect<{ afterMs: number }>(),
    disarmTry: effect<object>(),
    /** It is got: its time runs from the lease in the record. `lease.due` and `lease.over` follow. */
    armRenewal: effect<{ record: LockRecord }>(),
    /** A renewal is committed: its time runs from that one's lease. */
    extend: effect<{ lease: Lease | null }>(),
    /** A renewal was not committed; until the time is over there may be others. */
    renewalFailed: effect<object>(),
    /** The ends. */
    free: effect<{ reason: LockEnd }>(),
    lose: effect<{ reason: LockEnd }>(),
    refuse: effect<{ reason: LockEnd }>(),
  },
  guards: {
    isAbandoned: ({ context }) => context.isAbandoned,
    hasFailed: ({ context }) => context.reason === 'failed',
    isFree: ({ context }, look: LockLook) => isFree(look) && context.tries < lockTriesMax,
    mayWait: ({ context }, { now }: LockLook) => now.monotonicMs < context.waitUntilMs,
    isOwn: ({ context }, look: LockLook) => isOwn(context, look.seen),
    isOwnInTime: ({ context }, look: LockLook) =>
      isOwn(context, look.seen) && !context.isAbandoned && isInTime(look.seen?.record, look.now),
    isOwnInVain: ({ context }, look: LockLook) =>
      isOwn(context, look.seen) && (context.isAbandoned || context.tries >= lockTriesMax),
    isReleased: ({ context }, { ref, seen }: { ref: LockRef; seen: SeenLock | null }) =>
      ref === 'release' && seen !== null && seen.record !== null && isReleasedBy(seen.record, context.nonce),
    isOwnToRelease: ({ context }, { ref, seen }: { ref: LockRef; seen: SeenLock | null }) =>
      ref === 'release' && isOwn(context, seen) && context.tries < lockTriesMax,
    /** The reply was lost, and the renewal is there. */
    isRenewedAlready: ({ context }, { seen }: LockLook) =>
      isOwn(context, seen) && seen?.record?.lease?.renewedAtMs === context.record?.lease?.renewedAtMs,
    isTakenInTime: ({ context }, { now }: { now: LeaseMoment }) => isInTime(context.record, now),
    mayTryAgain: ({ context }) => context.tries < lockTriesMax,
    isOfRelease: (_, { ref }: { ref: LockRef }) => ref === 'release',
    isUnknown: (_, { isUnknown }: { isUnknown: boolean }) => isUnknown,
    /** Told late: since then something newer was seen. */
    isKnown: ({ context }, { seen }: LockLook) => seen === null || seen.revision <= context.revision,
  },
}).createMachine({
  id: 'lock',
  context: ({ input }) => Object.assign({ ...start }, input),
  initial: 'free',
  states: {
    free: {
      description: 'As far as anybody here knows.',
      on: { 'lock.acquire': 'looking' },
    },
    looking: {
      description: 'The record is being read.',
      entry: { type: 'look', params: ({ context }) => ({ key: context.key }) },
      on: {
        'lock.abandon': { actions: assign({ isAbandoned: true }) },
        'record.changed': { actions: assign({ heardRevision: ({ context, event }) => heardRevision(context, event) }) },
        'record.seen': [
          {
            description: 'It is ours after all, and nobody wants it any more.',
            guard: { type: 'isOwnInVain', params: ({ event }) => event },
            target: 'releasing',
            actions: assign(({ event }) => ({ ...event.seen, tries: 0 })),
          },
          {
            description: 'The reply was lost, the lock was not.',
            guard: { type: 'isOwnInTime', params: ({ event }) => event },
            target: 'held',
            actions: [
              assign(({ event }) => ({ ...event.seen, reason: 'held' as const })),
              { type: 'armRenewal', params: ({ context }) => ({ record: heldRecord(context) }) },
            ],
          },
          {
            description: 'It is ours, and its lease is over before anybody was told.',
            guard: { type: 'isOwn', params: ({ event }) => event },
            target: 'acquiring',
            actions: assign(({ context, event }) => takingAgain(context, event)),
          },
          { guard: 'isAbandoned', target: 'refused', actions: assign({ reason: 'abandoned' }) },
          { guard: 'hasFailed', target: 'refused' },
          {
            guard: { type: 'isFree', params: ({ event }) => event },
            target: 'acquiring',
            actions: assign(({ context, event }) => taking(context, event)),
          },
          {
            guard: { type: 'mayWait', params: ({ event }) => event },
            target: 'waiting',
            actions: [
              assign({ tries: 0 }),
              { type: 'armTry', params: ({ context, event }) => ({ afterMs: tryAfterMs(context, event) }) },
            ],
          },
          { target: 'refused' },
        ],
        'look.failed': { target: 'refused', actions: assign({ reason: 'failed' }) },
      },
    },
    waiting: {
      description: 'Somebody has it. Those who wait have no order: on a change, and when the lease should be over, they try.',
      exit: { type: 'disarmTry', params: {} },
      on: {
        'lock.abandon': { target: 'refused', actions: assign({ reason: 'abandoned' }) },
        'record.changed': {
          actions: { type: 'armTry', params: ({ context, event }) => ({ afterMs: tryAfterMs(context, event) }) },
        },
        'try.due': 'looking',
      },
    },
    acquiring: {
      description: 'The record is being taken by compare-and-set; others may be faster.',
      entry: { type: 'remember', params: ({ context }) => ({ ref: 'take', intents: writeIntents(context, context.record) }) },
      on: {
        'lock.abandon': { actions: assign({ isAbandoned: true }) },
        'record.changed': { actions: assign({ heardRevision: ({ context, event }) => heardRevision(context, event) }) },
        'write.committed': [
          {
            guard: 'isAbandoned',
            target: 'releasing',
            actions: assign({
              revision: ({ event }) => event.revision,
              version: ({ event }) => event.version,
              tries: 0,
              reason: 'abandoned',
            }),
          },
          {
            guard: { type: 'isTakenInTime', params: ({ event }) => event },
            target: 'held',
            actions: [
              assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }),
              { type: 'armRenewal', params: ({ context }) => ({ record: heldRecord(context) }) },
            ],
          },
          {
            description: 'The store took longer than the lease: it begins anew, if nobody else was faster.',
            guard: 'mayTryAgain',
            target: 'acquiring',
            reenter: true,
            actions: assign(({ context, event }) =>
              takingAgain(context, { seen: { ...event, record: context.record }, ...event }),
            ),
          },
          {
            target: 'releasing',
            actions: assign({
              revision: ({ event }) => event.revision,
              version: ({ event }) => event.version,
              tries: 0,
              reason: 'too-slow',
            }),
          },
        ],
        'write.refused': [
          {
            guard: { type: 'isOwnInVain', params: ({ event }) => event },
            target: 'releasing',
            actions: assign(({ event }) => ({ ...event.seen, tries: 0, reason: 'too-slow' as const })),
          },
          {
            description: 'The reply was lost, the lock was not.',
            guard: { type: 'isOwnInTime', params: ({ event }) => event },
            target: 'held',
            actions: [
              assign(({ event }) => event.seen ?? {}),
              { type: 'armRenewal', params: ({ context }) => ({ record: heldRecord(context) }) },
            ],
          },
          {
            guard: { type: 'isOwn', params: ({ event }) => event },
            target: 'acquiring',
            reenter: true,
            actions: assign(({ context, event }) => takingAgain(context, event)),
          },
          { guard: 'isAbandoned', target: 'refused', actions: assign({ reason: 'abandoned' }) },
          {
            guard: { type: 'isFree', params: ({ event }) => event },
            target: 'acquiring',
            reenter: true,
            actions: assign(({ context, event }) => taking(context, event)),
          },
          {
            guard: { type: 'mayWait', params: ({ event }) => event },
            target: 'waiting',
            actions: [
              assign({ tries: 0 }),
              { type: 'armTry', params: ({ context, event }) => ({ afterMs: tryAfterMs(context, event) }) },
            ],
          },
          { target: 'refused' },
        ],
        'write.failed': [
          {
            description: 'It may be written: the record says.',
            guard: { type: 'isUnknown', params: ({ event }) => event },
            target: 'looking',
            actions: assign({ reason: 'failed' }),
          },
          { target: 'refused', actions: assign({ reason: 'failed' }) },
        ],
      },
    },
    held: {
      description: 'Its time runs; the edge tells when a renewal is due, and when it is over.',
      entry: assign({ tries: 0 }),
      on: {
        'lease.due': {
          target: 'renewing',
          actions: assign({ record: ({ context, event }) => renewed(heldRecord(context), leaseFrom(context, event.now)) }),
        },
        'lease.over': {
          description: 'No renewal was committed in time, or the process slept: somebody else may have it by now.',
          target: 'lost',
          actions: assign({ reason: ({ event }) => event.reason }),
        },
        'lock.release': 'releasing',
        'record.changed': [
          {
            description: 'The feed is behind the receipts.',
            guard: { type: 'isKnown', params: ({ event }) => event },
          },
          { guard: { type: 'isOwn', params: ({ event }) => event }, actions: assign(({ event }) => event.seen ?? {}) },
          { target: 'lost', actions: assign({ reason: 'taken-over' }) },
        ],
      },
    },
    renewing: {
      description: 'Held; the next lease is being written.',
      entry: { type: 'remember', params: ({ context }) => ({ ref: 'renew', intents: writeIntents(context, context.record) }) },
      on: {
        'lease.over': { target: 'lost', actions: assign({ reason: ({ event }) => event.reason }) },
        'lock.release': 'releasing',
        'record.changed': [
          { guard: { type: 'isKnown', params: ({ event }) => event } },
          {
            description: 'Most likely the renewal itself; its receipt says so.',
            guard: { type: 'isOwn', params: ({ event }) => event },
          },
          { target: 'lost', actions: assign({ reason: 'taken-over' }) },
        ],
        'write.committed': {
          target: 'held',
          actions: [
            assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }),
            { type: 'extend', params: ({ context }) => ({ lease: heldRecord(context).lease }) },
          ],
        },
        'write.refused': [
          {
            guard: { type: 'isRenewedAlready', params: ({ event }) => event },
            target: 'held',
            actions: [
              assign(({ event }) => event.seen ?? {}),
              { type: 'extend', params: ({ context }) => ({ lease: heldRecord(context).lease }) },
            ],
          },
          {
            guard: { type: 'isOwn', params: ({ event }) => event },
            target: 'renewing',
            reenter: true,
            actions: assign({
              revision: ({ context, event }) => event.seen?.revision ?? context.revision,
              version: ({ context, event }) => event.seen?.version ?? context.version,
            }),
          },
          { target: 'lost', actions: assign({ reason: 'taken-over' }) },
        ],
        'write.failed': { target: 'held', actions: { type: 'renewalFailed', params: {} } },
      },
    },
    releasing: {
      description: 'The owner becomes nobody; the epoch stays.',
      entry: {
        type: 'remember',
        params: ({ context }) => ({ ref: 'release', intents: writeIntents(context, released(heldRecord(context))) }),
      },
      on: {
        'lease.over': {
          description: 'Whether it was written or not: anybody may take it now.',
          target: 'released',
        },
        'write.committed': [
          { guard: { type: 'isOfRelease', params: ({ event }) => event }, target: 'released' },
          { actions: assign({ revision: ({ event }) => event.revision, version: ({ event }) => event.version }) },
        ],
        'write.refused': [
          {
            description: 'A renewal that was on its way came between.',
            guard: { type: 'isOwnToRelease', params: ({ event }) => event },
            target: 'releasing',
            reenter: true,
            actions: assign(({ context, event }) => ({ ...event.seen, tries: context.tries + 1 })),
          },
          { guard: { type: 'isReleased', params: ({ event }) => event }, target: 'released' },
          {
            guard: { type: 'isOfRelease', params: ({ event }) => event },
            target: 'lost',
            actions: assign({ reason: 'taken-over' }),
          },
        ],
        'write.failed': {
          guard: { type: 'isOfRelease', params: ({ event }) => event },
          target: 'lost',
          actions: assign({ reason: 'failed' }),
        },
      },
    },
    released: {
      type: 'final',
      entry: { type: 'free', params: ({ context }) => ({ reason: context.reason }) },
    },
    lost: {
      type: 'final',
      description: 'Somebody else has it, or may have it: nothing is written any more.',
      entry: { type: 'lose', params: ({ context }) => ({ reason: context.reason }) },
    },
    refused: {
      type: 'final',
      description: 'It was not got.',
      entry: { type: 'refuse', params: ({ context }) => ({ reason: context.reason }) },
    },
  },
})

function isOwn(context: LockContext, seen: SeenLock | null): boolean {
  return seen !== null && seen.record !== null && isHeldBy(seen.record, context.nonce)
}

function isFree({ seen, leftMs }: LockLook): boolean {
  return seen === null || seen.record === null || seen.record.owner === null || leftMs <= 0
}

/** Own records only: their lease was begun by this process's clock. */
function isInTime(record: LockRecord | null | undefined, now: LeaseMoment): boolean {
  return record?.lease != null && now.monotonicMs - record.lease.renewedAtMs < record.lease.leaseMs
}

function leaseFrom({ leaseMs }: LockContext, now: LeaseMoment): Lease {
  return { leaseMs, bootId: now.bootId, renewedAtMs: now.monotonicMs }
}

function taking(context: LockContext, { seen, now }: LockLook): Partial<LockContext> {
  // An epoch is never above the revision that wrote it: what was deleted had none above that of its remains.
  const floor = seen === null || seen.record !== null ? 0 : seen.revision
  const record = acquired(seen?.record ?? null, context, context.nonce, leaseFrom(context, now), floor)
  return { record, revision: seen?.revision ?? 0, version: seen?.version ?? {}, tries: context.tries + 1 }
}

function takingAgain(context: LockContext, { seen, now }: Pick<LockLook, 'seen' | 'now'>): Partial<LockContext> {
  if (seen?.record == null) return {}
  const record = renewed(seen.record, leaseFrom(context, now))
  return { record, revision: seen.revision, version: seen.version, tries: context.tries + 1 }
}

function heardRevision(context: LockContext, { seen }: LockLook): number {
  return Math.max(context.heardRevision, seen?.revision ?? 0)
}

/** Until the lock may be free, or the waiting is over. */
function tryAfterMs(context: LockContext, look: LockLook): number {
  const jitterMs = look.chance * lockJitterMs
  // A change that was told while the look was on its way is not told again.
  const isOld = context.heardRevision > (look.seen?.revision ?? 0)
  const freeAfterMs = isOld || isFree(look) ? jitterMs : Math.min(look.leftMs, lockLookEveryMs) + jitterMs
  return Math.max(0, Math.min(freeAfterMs, context.waitUntilMs - look.now.monotonicMs))
}

function heldRecord({ record, owner, incarnation, nonce }: LockContext): LockRecord {
  return record ?? { owner, incarnation, epoch: 0, nonce, lease: null }
}

function writeIntents({ key, revision, version }: LockContext, record: LockRecord | null): Intent[] {
  if (record === null) return []
  const condition: Condition = revision === 0 ? ifAbsent : { type: 'revision', revision }
  return [{ key, value: record, condition, context: version }]
}
