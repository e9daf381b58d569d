import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeaseObserver, leaseDriftFactor, leaseLeftMs, observedIdleMs } from '../../src/domain/lease.ts'

const leaseMs = 15_000
const boot = 'boot-1'

describe('a lease judged by the clock of its machine', () => {
  it('counts from its renewal, never says more than the lease and never less than nothing', () => {
    fc.assert(
      fc.property(fc.nat(60_000), fc.nat(1e9), fc.nat(1e9), (length, renewedAtMs, nowMs) => {
        const left = leaseLeftMs({ leaseMs: length, bootId: boot, renewedAtMs }, { bootId: boot, monotonicMs: nowMs })
        expect(left).toBe(Math.min(length, Math.max(0, renewedAtMs + length - nowMs)))
      }),
    )
  })

  it('is over when the machine has booted since', () => {
    const lease = { leaseMs, bootId: 'boot-0', renewedAtMs: 1e9 }
    expect(leaseLeftMs(lease, { bootId: boot, monotonicMs: 5 })).toBe(0)
  })

  it('cannot be judged when either boot has no name', () => {
    for (const [then, now] of [
      [null, boot],
      [boot, null],
      [null, null],
    ] as const) {
      expect(leaseLeftMs({ leaseMs, bootId: then, renewedAtMs: 0 }, { bootId: now, monotonicMs: 1e9 })).toBeNull()
    }
  })
})

describe('a lease judged by observation', () => {
  it('is over only after the lease and the drift, counted from the first sight of the revision', () => {
    const observer = new LeaseObserver()
    expect(observer.leftMs('k', 7, leaseMs, 1000)).toBe(16_500)
    expect(observer.leftMs('k', 7, leaseMs, 1000 + leaseMs)).toBe(1500)
    expect(observer.leftMs('k', 7, leaseMs, 1000 + 16_499)).toBe(1)
    expect(observer.leftMs('k', 7, leaseMs, 1000 + 16_500)).toBe(0)
    expect(observer.leftMs('k', 7, leaseMs, 1e9)).toBe(0)
  })

  it('starts anew with every other revision, a lower one too', () => {
    const observer = new LeaseObserver()
    observer.observe('k', 7, 0)
    expect(observer.leftMs('k', 8, leaseMs, 20_000)).toBe(16_500)
    expect(observer.leftMs('k', 7, leaseMs, 40_000)).toBe(16_500)
    observer.forget('k')
    expect(observer.leftMs('k', 7, leaseMs, 90_000)).toBe(16_500)
  })

  const look = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), renews: fc.boolean(), passMs: fc.nat(400_000) })

  it('never says so of an owner that renewed within its lease, whatever was looked at and forgotten', () => {
    fc.assert(
      fc.property(fc.array(look, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (looks, sightsMax) => {
        const observer = new LeaseObserver({ sightsMax })
        const renewals = new Map<string, { revision: number; atMs: number }>()
        let revision = 0
        let nowMs = 0
        for (const { key, renews, passMs } of looks) {
          nowMs += passMs
          const last = renewals.get(key)
          const record = last === undefined || renews ? { revision: ++revision, atMs: nowMs } : last
          renewals.set(key, record)
          const left = observer.leftMs(key, record.revision, leaseMs, nowMs)
          if (left === 0) expect(nowMs - record.atMs).toBeGreaterThanOrEqual(leaseMs * leaseDriftFactor)
          expect(left).toBeGreaterThanOrEqual(Math.min(0, record.atMs + leaseMs - nowMs))
          expect(observer.size).toBeLessThanOrEqual(sightsMax)
        }
      }),
    )
  })

  it('gives the place of a record only when nobody has asked about it for long', () => {
    const observer = new LeaseObserver({ sightsMax: 1 })
    const longMs = 4 * observedIdleMs
    for (let nowMs = 0; nowMs < longMs; nowMs += observedIdleMs / 2) {
      expect(observer.leftMs('watched', 1, longMs, nowMs)).toBe(Math.ceil(longMs * leaseDriftFactor) - nowMs)
      expect(observer.leftMs('newcomer', 1, longMs, nowMs)).toBe(Math.ceil(longMs * leaseDriftFactor))
    }
    observer.observe('newcomer', 1, longMs + observedIdleMs)
    expect(observer.leftMs('newcomer', 1, leaseMs, longMs + observedIdleMs + leaseMs)).toBe(1500)
  })

  it('finds dead owners in the end, though there are more of them than it can watch at once', () => {
    const observer = new LeaseObserver({ sightsMax: 3 })
    const dead = new Set(Array.from({ length: 10 }, (_, index) => `task-${index}`))
    let nowMs = 0
    for (let round = 0; round < 1000 && dead.size > 0; round++) {
      nowMs += 1000
      for (const key of dead) {
        if (observer.leftMs(key, 1, leaseMs, nowMs) > 0) continue
        dead.delete(key)
        // The taker-over renews from now on and tells nobody; every second one is at least forgotten.
        if (dead.size % 2 === 0) observer.forget(key)
      }
    }
    expect([...dead]).toEqual([])
    expect(nowMs).toBeLessThan(6 * observedIdleMs)
  })
})
