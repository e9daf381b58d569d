import { describe, expect, it } from 'vitest'
import { GenerationMap } from '../../src/domain/generation-map.ts'

describe('a map of two generations', () => {
  it('remembers what was set last up to its bound, and never more than twice as much', () => {
    const map = new GenerationMap<number, number>(100)
    for (let key = 0; key < 10_000; key++) {
      map.set(key, key)
      for (const recent of [key, Math.max(0, key - 99)]) expect(map.get(recent)).toBe(recent)
    }
    const remembered = Array.from({ length: 10_000 }, (_, key) => map.get(key)).filter((value) => value !== undefined)
    expect(remembered.length).toBeGreaterThanOrEqual(100)
    expect(remembered.length).toBeLessThanOrEqual(200)
  })

  it('gives the value that was set last, also when an older one is remembered', () => {
    const map = new GenerationMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 1)
    map.set('a', 2)
    expect([map.get('a'), map.get('b')]).toEqual([2, 1])
  })

  it('counts a key that is set again and again once', () => {
    const map = new GenerationMap<string, number>(3)
    map.set('a', 0)
    for (let value = 0; value < 100; value++) map.set('b', value)
    expect(map.get('a')).toBe(0)
  })

  it('forgets by weight where it is given', () => {
    const map = new GenerationMap<string, number>(100)
    map.set('a', 1, 10)
    map.set('large', 1, 1000)
    map.set('larger', 1, 1000)
    expect([map.get('a'), map.get('large'), map.get('larger')]).toEqual([undefined, undefined, 1])
  })
})
