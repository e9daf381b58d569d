import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MapDraft, SharedMap } from '../../../../src/inspector/page/model/shared-map.ts'

type Step = { readonly type: 'set' | 'delete' | 'finish'; readonly key: string; readonly value: number }

const names = Array.from({ length: 91 }, (_, number) => `key/${number}`)

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('set', 'set', 'set', 'set', 'set', 'delete', 'delete', 'finish'),
  key: fc.constantFrom(...names),
  value: fc.nat(),
})

describe('a shared map', () => {
  it('is the map that its draft was when it was given out, whatever is done to the draft afterwards', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const draft = new MapDraft<number>(SharedMap.empty)
        const model = new Map<string, number>()
        const given: { readonly map: SharedMap<number>; readonly expected: Map<string, number> }[] = []
        for (const { type, key, value } of steps) {
          if (type === 'set') {
            draft.set(key, value)
            model.set(key, value)
          } else if (type === 'delete') expect(draft.delete(key)).toBe(model.delete(key))
          else given.push({ map: draft.finish(), expected: new Map(model) })
          expect(draft.size).toBe(model.size)
          expect(draft.get(key)).toBe(model.get(key))
        }
        for (const { map, expected } of given) {
          expect(new Map(map)).toEqual(expected)
          expect(map.size).toBe(expected.size)
          expect(new Set(map.keys())).toEqual(new Set(expected.keys()))
          expect([...map.values()].sort()).toEqual([...expected.values()].sort())
          expect(names.map((name) => map.get(name))).toEqual(names.map((name) => expected.get(name)))
          expect(names.filter((name) => map.has(name))).toEqual(names.filter((name) => expected.has(name)))
        }
      }),
      { numRuns: 40 },
    )
  })

  it('is the same object as long as nothing changes, and names its keys by one object as long as none comes or goes', () => {
    const draft = new MapDraft<number>(SharedMap.empty)
    expect(draft.finish()).toBe(SharedMap.empty)
    draft.set('a', 1)
    const one = draft.finish()
    expect(draft.finish()).toBe(one)
    draft.set('a', 2)
    const two = draft.finish()
    expect(two).not.toBe(one)
    expect(two.keySet).toBe(one.keySet)
    draft.set('b', 1)
    const three = draft.finish()
    expect(three.keySet).not.toBe(one.keySet)
    draft.delete('b')
    expect(draft.finish().keySet).not.toBe(three.keySet)
  })

  it('does not copy what a write does not touch', () => {
    const draft = new MapDraft<number>(SharedMap.empty)
    for (let number = 0; number < 10_000; number++) draft.set(`task/${number}`, number)
    const before = draft.finish().slots.buckets
    draft.set('task/7', 0)
    const after = draft.finish().slots.buckets
    expect(after.filter((bucket, index) => bucket !== before[index])).toHaveLength(1)
    expect(Math.max(...after.map((bucket) => bucket.length))).toBeLessThan(20)
  })

  it('holds names that every object has', () => {
    const draft = new MapDraft<number>(SharedMap.empty)
    expect(draft.get('__proto__')).toBeUndefined()
    draft.set('__proto__', 1)
    draft.set('', 2)
    expect(draft.finish().get('__proto__')).toBe(1)
    expect(draft.finish().get('')).toBe(2)
    expect(draft.finish().get('constructor')).toBeUndefined()
  })
})
