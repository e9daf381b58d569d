import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  acquired,
  forced,
  isHeldBy,
  isLockRecord,
  isReleasedBy,
  type LockRecord,
  released,
  renewed,
} from '../../src/domain/lock-record.ts'

const who = { owner: 'w', incarnation: 'life' }
const lease = { leaseMs: 1000, bootId: 'boot', renewedAtMs: 5 }
const first = acquired(null, who, 'n1', lease)

describe('a lock record', () => {
  it('begins at epoch 1, or above what is known of the past', () => {
    expect(first).toEqual({ owner: 'w', incarnation: 'life', epoch: 1, nonce: 'n1', lease })
    expect(acquired(null, who, 'n1', lease, 41).epoch).toBe(42)
    expect(acquired({ ...first, epoch: 50 }, who, 'n1', lease, 41).epoch).toBe(51)
    expect(forced(null, 41)).toEqual({ owner: null, incarnation: null, epoch: 42, nonce: null, lease: null })
  })

  it('keeps epoch and nonce when it is renewed and when it is released', () => {
    const later = { ...lease, renewedAtMs: 6 }
    expect(renewed(first, later)).toEqual({ ...first, lease: later })
    const free = released(first)
    expect(free).toEqual({ ...first, owner: null, incarnation: null })
    expect([isHeldBy(first, 'n1'), isHeldBy(first, 'n2'), isHeldBy(free, 'n1')]).toEqual([true, false, false])
    expect([isReleasedBy(free, 'n1'), isReleasedBy(free, 'n2'), isReleasedBy(first, 'n1')]).toEqual([true, false, false])
  })

  it('that was freed by force is nobody’s: its former holder does not take it for its own release', () => {
    const free = forced(first)
    expect(free).toEqual({ owner: null, incarnation: null, epoch: 2, nonce: null, lease })
    expect(isReleasedBy(free, 'n1') || isHeldBy(free, 'n1')).toBe(false)
  })

  it('never falls back to an earlier epoch, and an epoch has one owner, whatever happens in whatever order', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('acquire' as const), by: fc.nat(3), nonce: fc.nat(1000) }),
      fc.constantFrom({ type: 'renew' as const }, { type: 'release' as const }, { type: 'force' as const }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let record: LockRecord | null = null
        const ownerByEpoch = new Map<number, string>()
        let at = 0
        for (const each of steps) {
          const before: LockRecord | null = record
          if (each.type === 'acquire') {
            record = acquired(before, { owner: `w${each.by}`, incarnation: `i${each.by}` }, `${at++}`, lease)
          } else if (before !== null) {
            record = each.type === 'renew' ? renewed(before, lease) : each.type === 'release' ? released(before) : forced(before)
          }
          if (record === null) continue
          expect(isLockRecord(JSON.parse(JSON.stringify(record)))).toBe(true)
          const epochBefore = before?.epoch ?? 0
          const mustRise = each.type === 'acquire' || each.type === 'force'
          expect(record.epoch).toBe(mustRise ? epochBefore + 1 : epochBefore)
          if (record.owner === null) continue
          const holder = `${record.incarnation} ${record.nonce}`
          expect(ownerByEpoch.get(record.epoch) ?? holder).toBe(holder)
          ownerByEpoch.set(record.epoch, holder)
        }
      }),
    )
  })

  it.each([
    null,
    'w',
    [],
    {},
    { ...first, epoch: -1 },
    { ...first, epoch: 1.5 },
    { ...first, epoch: '1' },
    { ...first, incarnation: null },
    { ...first, nonce: undefined },
    { ...first, lease: null },
    { ...first, lease: { leaseMs: 'long' } },
    { ...released(first), nonce: 7 },
    { epoch: 1 },
  ])('is told from other values: %j', (value) => {
    expect(isLockRecord(value)).toBe(false)
  })
})
