import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deadlineIn, deadlineLeftMs, momentOf } from '../../src/domain/deadline.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const hour = 3_600_000
const delay = fc.nat(10 * hour)
const wallStep = fc.integer({ min: -5 * hour, max: 5 * hour })

describe('deadlines', () => {
  it('are not moved by any step of the wall clock on the boot that set them', async () => {
    await fc.assert(
      fc.asyncProperty(delay, wallStep, fc.nat(10 * hour), async (delayMs, stepMs, passedMs) => {
        const clock = createVirtualClock()
        const deadline = deadlineIn(delayMs, momentOf(clock))
        clock.stepWall(stepMs)
        await clock.advance(passedMs)
        expect(deadlineLeftMs(deadline, momentOf(clock))).toBe(Math.max(0, delayMs - passedMs))
      }),
      { numRuns: 50 },
    )
  })

  it('follow the wall clock after a reboot, on another machine, and where the boot has no name', () => {
    const boots = [
      ['boot-1', 'boot-2'],
      ['boot-1', null],
      [null, 'boot-1'],
      [null, null],
    ] as const
    fc.assert(
      fc.property(fc.constantFrom(...boots), delay, fc.nat(10 * hour), fc.nat(hour), ([then, now], delayMs, passedMs, upMs) => {
        const deadline = deadlineIn(delayMs, { wallMs: 1000, bootId: then, monotonicMs: 999 * hour })
        const later = { wallMs: 1000 + passedMs, bootId: now, monotonicMs: upMs }
        expect(deadlineLeftMs(deadline, later)).toBe(Math.max(0, delayMs - passedMs))
      }),
    )
  })

  it('are due at once for no delay or less, and whole milliseconds for a part of one', () => {
    const now = { wallMs: 5, bootId: 'b', monotonicMs: 7 }
    expect(deadlineIn(0, now)).toEqual(now)
    expect(deadlineIn(-10, now)).toEqual(now)
    expect(deadlineIn(0.2, now)).toEqual({ wallMs: 6, bootId: 'b', monotonicMs: 8 })
    expect(deadlineLeftMs(now, now)).toBe(0)
  })
})
