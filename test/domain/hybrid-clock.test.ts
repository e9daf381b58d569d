import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareTimestamps, HybridClock, hybridCounterMax, remoteAheadMaxMs } from '../../src/domain/hybrid-clock.ts'

const startMs = 1_700_000_000_000
/** Wall clocks that step back and forth, also by more than an hour. */
const wallMs = fc.integer({ min: startMs - 4_000_000, max: startMs + 4_000_000 })
const timestamp = fc.record({
  ms: fc.oneof(wallMs, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  counter: fc.oneof(fc.nat(5), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
})
const step = fc.oneof(
  fc.record({ type: fc.constant('tick' as const), wallMs }),
  fc.record({ type: fc.constant('observe' as const), wallMs, remote: timestamp }),
)

describe('the hybrid clock', () => {
  it('never falls and never repeats, whatever the wall clock does and whatever is observed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new HybridClock()
        let last = { ms: 0, counter: -1 }
        for (const each of steps) {
          if (each.type === 'observe') {
            clock.observe(each.remote, each.wallMs)
            continue
          }
          const issued = clock.tick(each.wallMs)
          expect(compareTimestamps(issued, last)).toBeGreaterThan(0)
          expect(Number.isSafeInteger(issued.ms) && Number.isSafeInteger(issued.counter)).toBe(true)
          expect(issued.ms).toBeGreaterThanOrEqual(each.wallMs)
          last = issued
        }
      }),
    )
  })

  it('follows what it observed, unless that was too far ahead of the wall clock', () => {
    fc.assert(
      fc.property(timestamp, wallMs, wallMs, (remote, observedAtMs, tickedAtMs) => {
        const clock = new HybridClock()
        const isBelieved = clock.observe(remote, observedAtMs)
        expect(isBelieved).toBe(remote.ms <= observedAtMs + remoteAheadMaxMs)
        const issued = clock.tick(tickedAtMs)
        if (isBelieved) expect(compareTimestamps(issued, remote)).toBeGreaterThan(0)
      }),
    )
  })

  it('is dragged ahead of every wall time that it was shown by at most the named limit', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const clock = new HybridClock()
        let latestWallMs = 0
        for (const each of steps) {
          latestWallMs = Math.max(latestWallMs, each.wallMs)
          if (each.type === 'observe') clock.observe(each.remote, each.wallMs)
          else clock.tick(each.wallMs)
        }
        // One more for each counter that ran over.
        expect(clock.nowMs(latestWallMs)).toBeLessThanOrEqual(latestWallMs + remoteAheadMaxMs + steps.length)
        expect(clock.nowMs(latestWallMs)).toBeGreaterThanOrEqual(latestWallMs)
      }),
    )
  })

  it('stays near the wall clock when nothing else happens', () => {
    const clock = new HybridClock()
    expect(clock.tick(startMs)).toEqual({ ms: startMs, counter: 0 })
    expect(clock.tick(startMs)).toEqual({ ms: startMs, counter: 1 })
    expect(clock.tick(startMs - 3_600_000)).toEqual({ ms: startMs, counter: 2 })
    expect(clock.tick(startMs + 1)).toEqual({ ms: startMs + 1, counter: 0 })
  })

  it('survives a remote counter that leaves no room to count on', () => {
    const clock = new HybridClock()
    expect(clock.observe({ ms: startMs, counter: Number.MAX_SAFE_INTEGER }, startMs)).toBe(true)
    expect(clock.tick(startMs)).toEqual({ ms: startMs + 1, counter: 1 })
    clock.observe({ ms: startMs + 1, counter: hybridCounterMax }, startMs)
    expect(clock.tick(startMs)).toEqual({ ms: startMs + 2, counter: 0 })
  })
})
