import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffDefault, backoffMs, backoffOf } from '../../src/domain/retry.ts'

const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const attempt = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const backoff = fc.record({
  baseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e6 }), fc.maxSafeNat()),
  factor: fc.oneof(fc.constantFrom(1, 2, 1.5), fc.integer({ min: 1, max: 1e9 })),
  maxMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e8 }), fc.maxSafeNat()),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
})

describe('backoff', () => {
  it('is a whole number of milliseconds within its documented bounds, for any attempt', () => {
    fc.assert(
      fc.property(backoff, attempt, random01, (policy, failed, random) => {
        const waitMs = backoffMs(policy, failed, random)
        expect(Number.isSafeInteger(waitMs)).toBe(true)
        const withoutJitterMs = backoffMs({ ...policy, jitter: 0 }, failed, random)
        expect(waitMs).toBeLessThanOrEqual(withoutJitterMs)
        expect(waitMs).toBeLessThanOrEqual(policy.maxMs)
        // Half a millisecond of rounding on either side.
        expect(waitMs).toBeGreaterThanOrEqual(withoutJitterMs * (1 - policy.jitter) - 1)
      }),
    )
  })

  it('never shortens from one attempt to the next, and grows with chance', () => {
    fc.assert(
      fc.property(backoff, attempt, random01, random01, (policy, failed, random, other) => {
        expect(backoffMs(policy, failed + 1, random)).toBeGreaterThanOrEqual(backoffMs(policy, failed, random))
        const [less, more] = random < other ? [random, other] : [other, random]
        expect(backoffMs(policy, failed, less)).toBeLessThanOrEqual(backoffMs(policy, failed, more))
      }),
    )
  })

  it('by default is 1 s, 2 s, 4 s … up to a minute, half of it random', () => {
    const least = [1, 2, 3, 7, 8, 1e6].map((failed) => backoffMs(backoffDefault, failed, 0))
    const most = [1, 2, 3, 7, 8, 1e6].map((failed) => backoffMs(backoffDefault, failed, 1))
    expect(least).toEqual([500, 1000, 2000, 30_000, 30_000, 30_000])
    expect(most).toEqual([1000, 2000, 4000, 60_000, 60_000, 60_000])
  })

  it('takes anything before the first attempt for the first', () => {
    for (const failed of [0, -5, Number.NaN]) expect(backoffMs(backoffDefault, failed, 1)).toBe(1000)
  })

  it('fills in what was not given and refuses what makes no sense', () => {
    expect(backoffOf()).toEqual(backoffDefault)
    expect(backoffOf({ baseMs: 10, maxMs: 100 })).toEqual({ baseMs: 10, factor: 2, maxMs: 100, jitter: 0.5 })
    const faults = [{ baseMs: -1 }, { factor: 0.5 }, { maxMs: Number.POSITIVE_INFINITY }, { jitter: 1.1 }, { jitter: Number.NaN }]
    for (const given of faults) {
      const member = Object.keys(given)[0]
      expect(() => backoffOf(given)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
      expect(() => backoffOf(given)).toThrow(`backoff.${member}`)
    }
    expect(() => backoffOf(JSON.parse('{"factor":"2"}'))).toThrow('"2"')
  })
})
