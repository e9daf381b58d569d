import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualClock, eventsPerInstantMax } from '../../src/testing/virtual-clock.ts'

const second = 1000
const hour = 60 * 60 * second

describe('the virtual clock', () => {
  it('runs events by due time, then in the order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 200 }), async (delays) => {
        const clock = createVirtualClock()
        const startMs = clock.monotonicMs()
        const ran: { delay: number; index: number }[] = []
        delays.forEach((delay, index) => {
          clock.setTimer(delay, () => {
            expect(clock.monotonicMs()).toBe(startMs + delay)
            ran.push({ delay, index })
          })
        })
        expect(clock.pending).toBe(delays.length)
        await clock.advance(50)
        const expected = delays.map((delay, index) => ({ delay, index })).sort((a, b) => a.delay - b.delay || a.index - b.index)
        expect(ran).toEqual(expected)
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('never runs what was cancelled, and `pending` counts what is left', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ delay: fc.nat(100), cancel: fc.boolean() }), { maxLength: 200 }), (plan) => {
        const clock = createVirtualClock()
        const ran: number[] = []
        const timers = plan.map(({ delay }, index) => clock.setTimer(delay, () => ran.push(index)))
        plan.forEach(({ cancel }, index) => {
          if (!cancel) return
          timers[index]?.cancel()
          timers[index]?.cancel()
        })
        const kept = plan.flatMap(({ cancel }, index) => (cancel ? [] : [index]))
        expect(clock.pending).toBe(kept.length)
        while (clock.step());
        expect(ran.toSorted((a, b) => a - b)).toEqual(kept)
        for (const timer of timers) timer.cancel()
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('fires a re-arming timer once per period, each at its own time', async () => {
    const clock = createVirtualClock()
    const startMs = clock.monotonicMs()
    const beats: number[] = []
    const beat = () => {
      beats.push(clock.monotonicMs() - startMs)
      clock.setTimer(100, beat)
    }
    clock.setTimer(100, beat)
    await clock.advance(1050)
    expect(beats).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000])
    expect(clock.monotonicMs() - startMs).toBe(1050)
    expect(clock.pending).toBe(1)
  })

  it('lets promises settle between two events of the same instant, however long their chains are', async () => {
    const clock = createVirtualClock()
    const order: string[] = []
    clock.setTimer(10, async () => {
      order.push('first')
      for (let hop = 0; hop < 200; hop++) await null
      order.push('first settled')
      clock.setTimer(0, () => order.push('set by first'))
    })
    clock.setTimer(10, () => order.push('second'))
    await clock.advance(10)
    expect(order).toEqual(['first', 'first settled', 'second', 'set by first'])
  })

  it('steps one event at a time and tells when none is left', () => {
    const clock = createVirtualClock()
    const order: string[] = []
    clock.setTimer(5, () => order.push('timer'))
    clock.defer(() => order.push('deferred'))
    expect(clock.step()).toBe(true)
    expect(order).toEqual(['deferred'])
    expect(clock.step()).toBe(true)
    expect(order).toEqual(['deferred', 'timer'])
    expect(clock.step()).toBe(false)
  })

  it('steps wall time back an hour without touching monotonic time or timers', async () => {
    const clock = createVirtualClock({ startMs: 2 * hour })
    let firedAtWallMs = -1
    clock.setTimer(second, () => {
      firedAtWallMs = clock.wallMs()
    })
    const startMs = clock.monotonicMs()
    clock.stepWall(-hour)
    expect(clock.wallMs()).toBe(hour)
    expect(clock.monotonicMs()).toBe(startMs)
    await clock.advance(second)
    expect(firedAtWallMs).toBe(hour + second)
  })

  it('runs until a condition holds and tells how long it took', async () => {
    const clock = createVirtualClock()
    let isReady = false
    clock.setTimer(300, async () => {
      await null
      isReady = true
    })
    clock.setTimer(400, () => expect.unreachable())
    expect(await clock.runUntil(() => isReady)).toBe(300)
    expect(clock.pending).toBe(1)
  })

  it('gives up with a list of what is pending', async () => {
    const clock = createVirtualClock({ traceOrigins: true })
    await expect(clock.runUntil(() => false)).rejects.toThrow('nothing is pending')
    const heartbeat = () => {
      clock.setTimer(100, heartbeat)
    }
    heartbeat()
    await expect(clock.runUntil(() => false, { limitMs: 1000 })).rejects.toThrow(
      /1000 virtual ms are over\n {2}in 100 ms: timer #\d+ heartbeat/,
    )
    expect(clock.describePending()[0]).toContain('virtual-clock.test.ts')
  })

  it('drives a promise to its end, and passes on how it ended', async () => {
    const clock = createVirtualClock()
    const later = <T>(settle: (resolve: (value: T) => void, reject: (cause: Error) => void) => void) =>
      new Promise<T>((resolve, reject) => clock.setTimer(50, () => settle(resolve, reject)))
    expect(await clock.drive(later<string>((resolve) => resolve('done')))).toBe('done')
    await expect(clock.drive(later((_, reject) => reject(new Error('refused'))))).rejects.toThrow('refused')
    await expect(clock.drive(new Promise(() => {}))).rejects.toThrow('nothing is pending')
  })

  it('reports what an event threw to whoever moved time, and goes on afterwards', async () => {
    const clock = createVirtualClock()
    let ran = false
    clock.setTimer(1, () => {
      throw new Error('broken event')
    })
    clock.setTimer(2, () => {
      ran = true
    })
    await expect(clock.advance(5)).rejects.toThrow('broken event')
    await clock.advance(5)
    expect(ran).toBe(true)
  })

  it('refuses an endless loop at one instant, a NaN delay, time that runs back and two drivers at once', async () => {
    const clock = createVirtualClock()
    const spin = () => {
      clock.defer(spin)
    }
    spin()
    let steps = 0
    expect(() => {
      for (; steps <= eventsPerInstantMax + 1; steps++) clock.step()
    }).toThrow(/spin/)
    expect(steps).toBe(eventsPerInstantMax)

    const other = createVirtualClock()
    expect(() => other.setTimer(Number.NaN, () => {})).toThrow('NaN')
    await expect(other.advance(-1)).rejects.toThrow(RangeError)
    await expect(other.advance(Number.NaN)).rejects.toThrow(RangeError)
    const first = other.advance(1)
    await expect(other.advance(1)).rejects.toThrow('already')
    await first
  })

  it('keeps monotonic time an integer under fractional delays, and never fires early', async () => {
    const clock = createVirtualClock({ bootId: null })
    expect(clock.bootId).toBeNull()
    const startMs = clock.monotonicMs()
    let firedMs = 0
    clock.setTimer(0.5, () => {
      firedMs = clock.monotonicMs() - startMs
    })
    await clock.advance(0.5)
    expect(firedMs).toBe(1)
    expect(Number.isInteger(clock.monotonicMs())).toBe(true)
  })
})
