import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ShortLivedMap } from '../../src/domain/short-lived-map.ts'

describe('a map for short-lived values', () => {
  test('behaves like a Map, whatever comes and goes', () => {
    const step = fc.tuple(fc.constantFrom('set', 'delete', 'delete', 'clear'), fc.integer({ min: 0, max: 40 }), fc.integer())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000, size: 'max' }), (steps) => {
        const model = new Map<number, number>()
        const map = new ShortLivedMap<number, number>()
        for (const [what, key, value] of steps) {
          if (what === 'set') {
            model.set(key, value)
            map.set(key, value)
          } else if (what === 'delete') expect(map.delete(key)).toBe(model.delete(key))
          else if (key === 0) {
            model.clear()
            map.clear()
          }
          expect(map.size).toBe(model.size)
          expect(map.get(key)).toBe(model.get(key))
          expect(map.has(key)).toBe(model.has(key))
        }
        expect([...map.keys()]).toEqual([...model.keys()])
        expect([...map.values()]).toEqual([...model.values()])
      }),
    )
  })

  test('keeps order and entries over many new beginnings', () => {
    const map = new ShortLivedMap<string, number>()
    for (let count = 0; count < 10_000; count++) {
      map.set(`key ${count}`, count)
      if (count >= 10) expect(map.delete(`key ${count - 10}`)).toBe(true)
    }
    expect([...map.values()]).toEqual([9990, 9991, 9992, 9993, 9994, 9995, 9996, 9997, 9998, 9999])
  })
})
