import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VectorClockManager } from '../../src/domain/vector-clock-manager.ts'
import { compareVersions, isCovered, type Version, versionWorkersMax } from '../../src/domain/version-vector.ts'

const worker = fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__')
const clock: fc.Arbitrary<Version> = fc.dictionary(worker, fc.nat(4), { maxKeys: 4 })
const invalid = expect.objectContaining({ code: 'invalid_value' })

describe('VectorClockManager', () => {
  it('begins with its own worker at 0', () => {
    const manager = new VectorClockManager('worker-1')
    expect(manager.getClock()['worker-1']).toBe(0)
    expect(JSON.stringify(manager.getClock())).toBe('{"worker-1":0}')
    expect(new VectorClockManager('constructor').getClock().constructor).toBe(0)
  })

  it('counts its own events, and gives copies that nobody can change it by', () => {
    const manager = new VectorClockManager('a')
    const first = manager.increment()
    expect(manager.increment()).toEqual({ a: 2 })
    expect(first).toEqual({ a: 1 })
    ;(manager.getClock() as Record<string, number>).a = 99
    ;(manager.increment() as Record<string, number>).a = 99
    expect(manager.getClock()).toEqual({ a: 3 })
  })

  it('joins what it receives, its own counter too, and counts the receipt', () => {
    const manager = new VectorClockManager('a')
    manager.increment()
    expect(manager.update({ b: 4 })).toEqual({ a: 2, b: 4 })
    expect(manager.update({ a: 7, b: 1, c: 2 })).toEqual({ a: 8, b: 4, c: 2 })
    expect(manager.getClock()).toEqual({ a: 8, b: 4, c: 2 })
  })

  it('is ahead of all that it has seen, whatever it has seen', () => {
    fc.assert(
      fc.property(fc.array(fc.option(clock)), (events) => {
        const manager = new VectorClockManager('a')
        let before = manager.getClock()
        for (const received of events) {
          const after = received === null ? manager.increment() : manager.update(received)
          expect(manager.happenedBefore(before, after)).toBe(true)
          expect(received === null || isCovered(received, after)).toBe(true)
          expect(JSON.stringify(manager.getClock())).toBe(JSON.stringify(after))
          before = after
        }
      }),
    )
  })

  it('compares two clocks with four results, as versions are compared', () => {
    const manager = new VectorClockManager('a')
    expect(manager.compare({ a: 1 }, { a: 1, b: 0 })).toBe('equal')
    expect(manager.compare({ a: 1 }, { a: 1, b: 1 })).toBe('before')
    expect(manager.compare({ a: 2 }, { a: 1 })).toBe('after')
    expect(manager.compare({ a: 1 }, { b: 1 })).toBe('concurrent')
    fc.assert(
      fc.property(clock, clock, (a, b) => {
        expect(manager.compare(a, b)).toBe(compareVersions(a, b))
        expect(manager.happenedBefore(a, b)).toBe(compareVersions(a, b) === 'before')
      }),
    )
    expect(manager.getClock()).toEqual({ a: 0 })
  })

  it('refuses what is no clock, says which, and stays as it was', () => {
    const manager = new VectorClockManager('a')
    const tooMany = Object.fromEntries(Array.from({ length: versionWorkersMax }, (_, index) => [`w${index}`, 1]))
    for (const fault of [
      undefined,
      null,
      1,
      'a',
      [1],
      { a: -1 },
      { a: 0.5 },
      { a: '1' },
      { a: 2 ** 53 },
      tooMany,
      { a: 2 ** 53 - 1 },
    ]) {
      expect(() => manager.update(fault as Version)).toThrow(invalid)
    }
    expect(manager.getClock()).toEqual({ a: 0 })
    const missing: unknown = undefined
    expect(() => manager.compare({ a: 1 }, missing as Version)).toThrow(/the second clock/)
    expect(() => manager.happenedBefore({ a: -1 }, {})).toThrow(/the first clock.*-1/)
  })

  it('refuses a worker id that cannot be part of a key', () => {
    for (const id of ['', 'a/b', '__proto__', 5, undefined]) {
      expect(() => new VectorClockManager(id as string)).toThrow(expect.objectContaining({ code: 'invalid_key' }))
    }
  })
})
