import { describe, expect, it } from 'vitest'
import { initialTransition } from 'xstate'
import {
  type LockEvent,
  type LockInput,
  type LockLook,
  lockJitterMs,
  lockLookEveryMs,
  lockMachine,
  lockTriesMax,
  type SeenLock,
} from '../../machines/lock.ts'
import { forced, type LockRecord, released } from '../../src/domain/lock-record.ts'
import { type Effect, explore, step } from './explore.ts'

const input: LockInput = {
  key: 'ns/locks/a',
  owner: 'w',
  incarnation: 'own',
  nonce: 'mine',
  leaseMs: 1000,
  waitUntilMs: 0,
}
const startMs = 5000
const at = (monotonicMs: number) => ({ bootId: 'boot', monotonicMs })
const leaseAt = (renewedAtMs: number) => ({ leaseMs: 1000, bootId: 'boot', renewedAtMs })

const theirs: LockRecord = { owner: 'x', incarnation: 'other', epoch: 7, nonce: 'theirs', lease: leaseAt(startMs - 100) }
const own: LockRecord = { owner: 'w', incarnation: 'own', epoch: 8, nonce: 'mine', lease: leaseAt(startMs) }

const [idle] = initialTransition(lockMachine, input)
const [patient] = initialTransition(lockMachine, { ...input, waitUntilMs: startMs + 10_000 })

function look(record: LockRecord | null | 'nothing', members: Partial<LockLook> & { revision?: number } = {}): LockLook {
  const { revision = 20, ...rest } = members
  const seen: SeenLock | null = record === 'nothing' ? null : { record, revision, version: { x: revision } }
  return { seen, leftMs: 0, now: at(startMs), chance: 0.5, ...rest }
}
const seen = (...given: Parameters<typeof look>): LockEvent => ({ type: 'record.seen', ...look(...given) })
const changed = (...given: Parameters<typeof look>): LockEvent => ({ type: 'record.changed', ...look(...given) })
const refused = (ref: 'take' | 'renew' | 'release', ...given: Parameters<typeof look>): LockEvent => ({
  type: 'write.refused',
  ref,
  ...look(...given),
})
const committed = (ref: 'take' | 'renew' | 'release', revision: number, nowMs = startMs): LockEvent => ({
  type: 'write.committed',
  ref,
  revision,
  version: { w: revision },
  now: at(nowMs),
})
const failed = (ref: 'take' | 'renew' | 'release', isUnknown = false): LockEvent => ({ type: 'write.failed', ref, isUnknown })
const acquire: LockEvent = { type: 'lock.acquire' }
const abandon: LockEvent = { type: 'lock.abandon' }
const release: LockEvent = { type: 'lock.release' }
const due = (ms: number): LockEvent => ({ type: 'lease.due', now: at(ms) })
const over: LockEvent = { type: 'lease.over', reason: 'lease-over' }

function playFrom(from: typeof idle, ...events: LockEvent[]) {
  let snapshot = from
  let effects: Effect[] = []
  for (const event of events) [snapshot, effects] = step(lockMachine, snapshot, event)
  return { snapshot, value: snapshot.value, context: snapshot.context, effects, names: effects.map(({ type }) => type) }
}
const play = (...events: LockEvent[]) => playFrom(idle, ...events)
const held = play(acquire, seen('nothing'), committed('take', 21)).snapshot

/** The one write that a transition emits. */
function write(ref: string, value: LockRecord, revision: number | null, version: object) {
  const condition = revision === null ? { type: 'absent' } : { type: 'revision', revision }
  return [{ type: 'remember', params: { ref, intents: [{ key: 'ns/locks/a', value, condition, context: version }] } }]
}

describe('an acquisition', () => {
  it('looks before it writes', () => {
    expect(play(acquire)).toMatchObject({ value: 'looking', effects: [{ type: 'look', params: { key: 'ns/locks/a' } }] })
  })

  it.each([
    ['a lock that never was', look('nothing'), write('take', { ...own, epoch: 1 }, null, {})],
    ['a free one', look(released(theirs)), write('take', own, 20, { x: 20 })],
    ['one freed by force', look(forced(theirs)), write('take', { ...own, epoch: 9 }, 20, { x: 20 })],
    ['one whose lease is over', look(theirs), write('take', own, 20, { x: 20 })],
    ['the remains of one', look(null), write('take', { ...own, epoch: 21 }, 20, { x: 20 })],
  ])('of %s writes exactly the record, under the next epoch, over what was seen', (_, given, effects) => {
    expect(play(acquire, { type: 'record.seen', ...given })).toMatchObject({ value: 'acquiring', effects })
  })

  it('of one that somebody holds is refused at once, without a write', () => {
    const { value, effects } = play(acquire, seen(theirs, { leftMs: 1 }))
    expect(value).toBe('refused')
    expect(effects).toEqual([{ type: 'refuse', params: { reason: 'held' } }])
  })

  it('is done when its write is committed in time', () => {
    const { value, effects, context } = play(acquire, seen(theirs), committed('take', 21, startMs + 999))
    expect(value).toBe('held')
    expect(effects).toEqual([{ type: 'armRenewal', params: { record: own } }])
    expect(context).toMatchObject({ revision: 21, version: { w: 21 } })
  })

  it('whose write took longer than the lease begins the lease anew, as often as is sensible, and gives up', () => {
    let { snapshot, value, effects } = play(acquire, seen(theirs), committed('take', 21, startMs + 1000))
    expect({ value, effects }).toEqual({
      value: 'acquiring',
      effects: write('take', { ...own, lease: leaseAt(startMs + 1000) }, 21, { w: 21 }),
    })
    for (let again = 2; again <= lockTriesMax; again++) {
      expect(snapshot.value).toBe('acquiring')
      ;({ snapshot, value, effects } = playFrom(snapshot, committed('take', 21 + again, startMs + 1000 * again)))
    }
    expect(value).toBe('releasing')
    const end = playFrom(snapshot, committed('release', 99))
    expect(end).toMatchObject({ value: 'released', effects: [{ type: 'free', params: { reason: 'too-slow' } }] })
  })

  it('that loses to another is refused; to one that is gone again it tries again over what is there', () => {
    expect(play(acquire, seen('nothing'), refused('take', theirs, { leftMs: 900 }))).toMatchObject({ value: 'refused' })
    expect(play(acquire, seen('nothing'), refused('take', released(theirs)))).toMatchObject({
      value: 'acquiring',
      effects: write('take', own, 20, { x: 20 }),
    })
  })

  it('that loses again and again gives up', () => {
    const losses = Array.from({ length: lockTriesMax }, () => refused('take', released(theirs)))
    expect(play(acquire, seen('nothing'), ...losses.slice(1)).value).toBe('acquiring')
    expect(play(acquire, seen('nothing'), ...losses).value).toBe('refused')
  })

  it('knows its own by the nonce when the reply was lost', () => {
    const again = play(acquire, seen(theirs), refused('take', own, { revision: 21 }))
    expect(again).toMatchObject({ value: 'held', context: { revision: 21 } })
    const looked = play(acquire, seen(theirs), failed('take', true))
    expect(looked).toMatchObject({ value: 'looking', names: ['look'] })
    expect(playFrom(looked.snapshot, seen(own, { revision: 21 }))).toMatchObject({ value: 'held', names: ['armRenewal'] })
    expect(playFrom(looked.snapshot, seen(own, { revision: 21, now: at(startMs + 1000) }))).toMatchObject({
      value: 'acquiring',
      effects: write('take', { ...own, lease: leaseAt(startMs + 1000) }, 21, { x: 21 }),
    })
    // Not there: nobody knows whether it will be.
    expect(playFrom(looked.snapshot, seen(theirs)).effects).toEqual([{ type: 'refuse', params: { reason: 'failed' } }])
  })

  it('fails with the store', () => {
    const failure = [{ type: 'refuse', params: { reason: 'failed' } }]
    expect(play(acquire, { type: 'look.failed' })).toMatchObject({ value: 'refused', effects: failure })
    expect(play(acquire, seen('nothing'), failed('take'))).toMatchObject({ value: 'refused', effects: failure })
  })

  it('that nobody wants any more gives back what it gets', () => {
    expect(play(acquire, abandon, seen(theirs)).value).toBe('refused')
    expect(play(acquire, seen(theirs), abandon, committed('take', 21))).toMatchObject({
      value: 'releasing',
      effects: write('release', released(own), 21, { w: 21 }),
    })
    expect(play(acquire, seen(theirs), abandon, refused('take', own)).value).toBe('releasing')
    expect(play(acquire, seen(theirs), abandon, failed('take', true), seen(own)).value).toBe('releasing')
    expect(play(acquire, seen(theirs), abandon, refused('take', released(theirs))).value).toBe('refused')
  })
})

describe('waiting', () => {
  const waiting = playFrom(patient, acquire, seen(theirs, { leftMs: 600 }))

  it('ends when the lease may be over, with jitter', () => {
    expect(waiting).toMatchObject({
      value: 'waiting',
      effects: [{ type: 'armTry', params: { afterMs: 600 + lockJitterMs / 2 } }],
    })
    const long = playFrom(patient, acquire, seen(theirs, { leftMs: 86_400_000 }))
    expect(long.effects).toEqual([{ type: 'armTry', params: { afterMs: 10_000 } }])
    const [endless] = initialTransition(lockMachine, { ...input, waitUntilMs: 1e9 })
    expect(playFrom(endless, acquire, seen(theirs, { leftMs: 86_400_000, chance: 0 })).effects).toEqual([
      { type: 'armTry', params: { afterMs: lockLookEveryMs } },
    ])
  })

  it('is shortened by a release and prolonged by a renewal', () => {
    const armedBy = (event: LockEvent) => playFrom(waiting.snapshot, event).effects
    expect(armedBy(changed(released(theirs), { revision: 21, chance: 0.1 }))).toEqual([
      { type: 'armTry', params: { afterMs: 0.1 * lockJitterMs } },
    ])
    expect(armedBy(changed(theirs, { revision: 21, leftMs: 1000, chance: 0 }))).toEqual([
      { type: 'armTry', params: { afterMs: 1000 } },
    ])
  })

  it('hears what was told while it looked', () => {
    const heard = playFrom(patient, acquire, changed(released(theirs), { revision: 21 }), seen(theirs, { leftMs: 600 }))
    expect(heard.effects).toEqual([{ type: 'armTry', params: { afterMs: lockJitterMs / 2 } }])
  })

  it('looks a last time at its end', () => {
    const last = playFrom(waiting.snapshot, { type: 'try.due' })
    expect(last).toMatchObject({ value: 'looking', names: ['disarmTry', 'look'] })
    const end = { now: at(startMs + 10_000) }
    expect(playFrom(last.snapshot, seen(theirs, { ...end, leftMs: 1 })).value).toBe('refused')
    expect(playFrom(last.snapshot, seen(theirs, end)).value).toBe('acquiring')
  })

  it('may be abandoned', () => {
    expect(playFrom(waiting.snapshot, abandon)).toMatchObject({ value: 'refused', names: ['disarmTry', 'refuse'] })
  })
})

describe('a held lock', () => {
  const mine: LockRecord = { ...own, epoch: 1 }
  const next: LockRecord = { ...mine, lease: leaseAt(startMs + 300) }
  const renewing = playFrom(held, due(startMs + 300))

  it('is renewed by exactly one write over its last one', () => {
    expect(renewing).toMatchObject({ value: 'renewing', effects: write('renew', next, 21, { w: 21 }) })
    expect(playFrom(renewing.snapshot, due(startMs + 400)).effects).toEqual([])
    expect(playFrom(renewing.snapshot, committed('renew', 22))).toMatchObject({
      value: 'held',
      effects: [{ type: 'extend', params: { lease: next.lease } }],
      context: { revision: 22 },
    })
  })

  it('counts a renewal whose reply was lost', () => {
    expect(playFrom(renewing.snapshot, refused('renew', next, { revision: 22 }))).toMatchObject({
      value: 'held',
      names: ['extend'],
      context: { revision: 22 },
    })
    // An earlier one, that came late.
    expect(
      playFrom(renewing.snapshot, refused('renew', { ...mine, lease: leaseAt(startMs + 50) }, { revision: 22 })),
    ).toMatchObject({
      value: 'renewing',
      effects: write('renew', next, 22, { x: 22 }),
    })
  })

  it('stays held when a renewal fails: there is time for others', () => {
    expect(playFrom(renewing.snapshot, failed('renew'))).toMatchObject({ value: 'held', names: ['renewalFailed'] })
  })

  it.each([
    ['its lease is over', [over], 'lease-over'],
    ['the process slept', [{ type: 'lease.over', reason: 'slept' }], 'slept'],
    ['the feed tells of another holder', [changed(theirs, { revision: 22 })], 'taken-over'],
    ['the feed tells of force', [changed(forced(mine), { revision: 22 })], 'taken-over'],
    ['its record is gone', [changed(null, { revision: 22 })], 'taken-over'],
    ['a renewal is refused', [due(startMs + 300), refused('renew', theirs)], 'taken-over'],
    ['a renewal finds nothing', [due(startMs + 300), refused('renew', 'nothing')], 'taken-over'],
    ['its lease is over while it is renewed', [due(startMs + 300), over], 'lease-over'],
  ] as [string, LockEvent[], string][])('is lost, and writes nothing, when %s', (_, events, reason) => {
    expect(playFrom(held, ...events)).toMatchObject({ value: 'lost', effects: [{ type: 'lose', params: { reason } }] })
  })

  it('is not lost by what the feed tells late, or of itself', () => {
    expect(playFrom(held, changed(theirs, { revision: 20 })).value).toBe('held')
    expect(playFrom(held, changed(mine, { revision: 21 })).value).toBe('held')
    expect(playFrom(renewing.snapshot, changed(next, { revision: 22 })).value).toBe('renewing')
  })

  it('is released by exactly one write, which keeps the epoch', () => {
    const releasing = playFrom(held, release)
    expect(releasing).toMatchObject({ value: 'releasing', effects: write('release', released(mine), 21, { w: 21 }) })
    expect(playFrom(releasing.snapshot, committed('release', 22))).toMatchObject({ value: 'released', names: ['free'] })
    expect(playFrom(releasing.snapshot, refused('release', released(mine))).value).toBe('released')
    expect(playFrom(releasing.snapshot, refused('release', theirs)).value).toBe('lost')
    expect(playFrom(releasing.snapshot, over).value).toBe('released')
    expect(playFrom(releasing.snapshot, failed('release')).effects).toEqual([{ type: 'lose', params: { reason: 'failed' } }])
  })

  it('is released over a renewal that was on its way', () => {
    const releasing = playFrom(renewing.snapshot, release, committed('renew', 22))
    expect(releasing.value).toBe('releasing')
    expect(playFrom(releasing.snapshot, refused('release', next, { revision: 22 }))).toMatchObject({
      value: 'releasing',
      effects: write('release', released(next), 22, { x: 22 }),
    })
  })
})

describe('every acquisition', () => {
  const looks = [
    look('nothing'),
    look(null),
    look(theirs),
    look(theirs, { leftMs: 5 }),
    look(released(theirs)),
    look(own, { revision: 21 }),
  ]
  const refs = ['take', 'renew', 'release'] as const
  const events: LockEvent[] = [
    acquire,
    abandon,
    release,
    over,
    due(startMs + 300),
    { type: 'look.failed' },
    { type: 'try.due' },
    ...looks.flatMap((each): LockEvent[] => [
      { type: 'record.seen', ...each },
      { type: 'record.changed', ...each },
      ...refs.map((ref): LockEvent => ({ type: 'write.refused', ref, ...each })),
    ]),
    ...refs.flatMap((ref) => [committed(ref, 22), committed(ref, 22, startMs + 5000), failed(ref), failed(ref, true)]),
  ]
  const edges = explore(lockMachine, {
    from: [idle, patient],
    eventsFor: () => events,
    keyOf: ({ value, context: { isAbandoned, reason, tries, waitUntilMs, record } }) =>
      JSON.stringify([value, isAbandoned, reason, tries === 0, waitUntilMs, record?.epoch]),
  })

  it('may reach every state', () => {
    expect([...new Set(edges.flatMap(({ from, to }) => [from.value, to.value]))].sort()).toEqual(
      Object.keys(lockMachine.states).sort(),
    )
  })

  it('never ends in a transition that writes', () => {
    for (const { to, effects } of edges)
      if (to.status === 'done') expect(effects.map(({ type }) => type)).not.toContain('remember')
  })

  it('writes nothing but its own key, over what it has seen, at most once a transition', () => {
    for (const { effects } of edges) {
      const writes = effects.filter(({ type }) => type === 'remember')
      expect(writes.length).toBeLessThanOrEqual(1)
      for (const { params } of writes) {
        const { intents } = params as { intents: { key: string; condition: { type: string } }[] }
        expect(intents).toHaveLength(1)
        expect(intents[0]?.key).toBe(input.key)
        expect(intents[0]?.condition.type).toMatch(/revision|absent/)
      }
    }
  })

  it('is never held under a lease that is over', () => {
    for (const { to, effects, event } of edges) {
      if (to.value !== 'held' || !effects.some(({ type }) => type === 'armRenewal') || !('now' in event)) continue
      expect(event.now.monotonicMs - (to.context.record?.lease?.renewedAtMs ?? 0)).toBeLessThan(1000)
    }
  })
})
