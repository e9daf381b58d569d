import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../src/domain/pattern.ts'
import { PatternTrie } from '../../src/domain/pattern-trie.ts'
import { patternAndKey } from './pattern-arbitraries.ts'

describe('the pattern trie', () => {
  it('answers as a loop over all patterns does, in the order in which they were added', () => {
    let hits = 0
    fc.assert(
      fc.property(fc.array(patternAndKey, { minLength: 1, maxLength: 30 }), (pairs) => {
        const patterns = pairs.map(([pattern]) => pattern)
        const keys = pairs.map(([, key]) => key)
        const trie = new PatternTrie<number>()
        for (const [index, pattern] of patterns.entries()) trie.add(pattern, index)
        const parsed = patterns.map(parsePattern)
        for (const key of keys) {
          const expected = parsed.flatMap((pattern, index) => (pattern.matches(key) ? [index] : []))
          hits += expected.length
          expect(trie.match(key)).toEqual(expected)
        }
      }),
      { numRuns: 1000 },
    )
    expect(hits).toBeGreaterThan(2000)
  })

  it('still does after any removals, and is empty after all', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(patternAndKey, fc.boolean()), { minLength: 1, maxLength: 30 }), (pairs) => {
        const plan = pairs.map(([[pattern], isRemoved]) => [pattern, isRemoved] as const)
        const keys = pairs.map(([[, key]]) => key)
        const trie = new PatternTrie<number>()
        const removals = plan.map(([pattern], index) => trie.add(pattern, index))
        plan.forEach(([, isRemoved], index) => {
          if (isRemoved) removals[index]?.()
        })
        const kept = plan.flatMap(([pattern, isRemoved], index) => (isRemoved ? [] : [{ pattern: parsePattern(pattern), index }]))
        expect(trie.size).toBe(kept.length)
        for (const key of keys) {
          expect(trie.match(key)).toEqual(kept.filter(({ pattern }) => pattern.matches(key)).map(({ index }) => index))
        }
        for (const remove of removals) remove()
        expect([trie.size, trie.nodeCount]).toEqual([0, 0])
        for (const key of keys) expect(trie.match(key)).toEqual([])
        // A trie that was filled and emptied is like a new one.
        trie.add('a/*', -1)
        expect(trie.match('a/b')).toEqual([-1])
      }),
      { numRuns: 500 },
    )
  })

  it('yields one registration once for a key that its wildcards reach in many ways', () => {
    const trie = new PatternTrie<string>()
    trie.add('**/a/**/*', 'many ways')
    trie.add('**/**/a/**', 'more ways')
    expect(trie.match('a/a/a/a/a')).toEqual(['many ways', 'more ways'])
  })

  it('holds one pattern many times, and removes one registration at a time', () => {
    const trie = new PatternTrie<string>()
    for (const pattern of ['k', 'a/*', 'a/b*']) {
      const key = pattern === 'k' ? 'k' : 'a/b'
      const removeFirst = trie.add(pattern, 'same')
      const removeSecond = trie.add(pattern, 'same')
      expect(trie.match(key)).toEqual(['same', 'same'])
      removeFirst()
      removeFirst()
      expect(trie.match(key)).toEqual(['same'])
      removeSecond()
      expect(trie.match(key)).toEqual([])
    }
  })

  it('refuses what is no pattern, and stays as it was', () => {
    const trie = new PatternTrie<string>()
    expect(() => trie.add('a//b', 'x')).toThrow(expect.objectContaining({ code: 'invalid_key' }))
    expect(trie.size).toBe(0)
  })

  it.each([
    ['whole keys', (n: number) => `ns/tasks/task-${n}/state`, (n: number) => `ns/tasks/task-${n}/state`],
    ['a common start', (n: number) => `ns/tasks/high-${n}-*/state`, (n: number) => `ns/tasks/high-${n}-x/state`],
    ['a common end', (n: number) => `ns/tasks/*-${n}/state`, (n: number) => `ns/tasks/high-${n}/state`],
    ['both ends', (n: number) => `a/high-${n}-*-x/b`, (n: number) => `a/high-${n}-middle-x/b`],
    ['a subtree each', (n: number) => `ns/tasks/task-${n}/*`, (n: number) => `ns/tasks/task-${n}/agents/a`],
    ['any depth before', (n: number) => `**/task-${n}/state`, (n: number) => `ns/tasks/task-${n}/state`],
  ])('asks few of 100,000 patterns that differ in %s', (_, patternOf, keyOf) => {
    const count = 100_000
    const trie = new PatternTrie<number>()
    for (let n = 0; n < count; n++) trie.add(patternOf(n), n)
    const looks = 2000
    const startedNs = process.hrtime.bigint()
    for (let look = 0; look < looks; look++) {
      const n = (look * 7919) % count
      expect(trie.match(keyOf(n))).toEqual([n])
    }
    const perMatchUs = Number(process.hrtime.bigint() - startedNs) / 1000 / looks
    // A loop over the patterns takes milliseconds. The bound leaves room for a busy machine, not for a loop.
    expect(perMatchUs).toBeLessThan(500)
  })
})
