import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyBytesMax } from '../../src/domain/key.ts'
import { parsePattern, patternSegmentsMax } from '../../src/domain/pattern.ts'
import { patternAndKey } from './pattern-arbitraries.ts'

const invalidKey = expect.objectContaining({ code: 'invalid_key' })

/** The rules as one regular expression: slow and short, to compare with. */
function expressionOf(pattern: string): RegExp {
  const segments = pattern.split('/').map((segment) => (segment === '**' ? segment : segment.replace(/\*+/g, '*')))
  const source = segments.map((segment, index) => {
    if (segment === '**') return '(?:/[^/]+)*'
    if (segment === '*' && index === segments.length - 1) return '(?:/[^/]+)+'
    const inside = segment.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    // A `*` alone takes a whole segment, which is never empty; inside one it may take nothing.
    return segment === '*' ? '/[^/]+' : `/${inside.join('[^/]*')}`
  })
  return new RegExp(`^${source.join('')}$`, 'su')
}

describe('patterns', () => {
  it('match by the documented rules', () => {
    let matches = 0
    fc.assert(
      fc.property(patternAndKey, ([text, key]) => {
        const expected = expressionOf(text).test(`/${key}`)
        if (expected) matches++
        expect(parsePattern(text).matches(key)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
    expect(matches).toBeGreaterThan(500)
  })

  it.each([
    ['task-sentinel/*', ['task-sentinel/a', 'task-sentinel/tasks/t/state'], ['task-sentinel', 'task-sentinels/a', 'other']],
    ['ns/**', ['ns', 'ns/a', 'ns/a/b'], ['nsx', 'n', 'a/ns']],
    ['*', ['a', 'a/b/c'], []],
    ['**', ['a', 'a/b/c'], []],
    ['**/state', ['state', 'a/state', 'a/b/state'], ['a/state/b', 'a/mystate']],
    ['ns/tasks/*/state', ['ns/tasks/t/state'], ['ns/tasks/state', 'ns/tasks/a/b/state', 'ns/tasks/t/states']],
    [
      'ns/tasks/high-priority-*/state',
      ['ns/tasks/high-priority-1/state', 'ns/tasks/high-priority-/state'],
      ['ns/tasks/low-priority-1/state', 'ns/tasks/high-priority-1/x/state'],
    ],
    ['ns/a*', ['ns/a', 'ns/ab'], ['ns/a/b', 'ns/b']],
    ['ns/a*b*c', ['ns/abc', 'ns/a1b2c', 'ns/abbc'], ['ns/acb', 'ns/ac', 'ns/abcd']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['a/**/b/**/c', ['a/b/c', 'a/x/b/c', 'a/b/b/y/c'], ['a/c', 'a/b', 'a/x/c']],
    ['a/**/*', ['a/b', 'a/b/c'], ['a']],
    ['a/***', ['a/b', 'a/b/c'], ['a']],
    ['plain/key', ['plain/key'], ['plain/key/x', 'plain', 'plain-key']],
  ])('%s matches what it should and nothing else', (text, matching, others) => {
    const pattern = parsePattern(text)
    for (const key of matching) expect(pattern.matches(key), key).toBe(true)
    for (const key of others) expect(pattern.matches(key), key).toBe(false)
  })

  it('take the characters of regular expressions literally', () => {
    for (const text of ['a.c', 'a+', 'a|b', '(a)', '[ab]', 'a{2}', '^a$', 'a?', '\\d', '$&']) {
      expect(parsePattern(text).matches(text)).toBe(true)
      expect(parsePattern(`x/${text}/*`).matches(`x/${text}/y`)).toBe(true)
      for (const key of ['abc', 'aa', 'a', 'b', '1']) {
        expect(parsePattern(text).matches(key)).toBe(false)
        expect(parsePattern(`${text}*/x`).matches(`${key}/x`)).toBe(false)
      }
    }
  })

  it('name a prefix that every match begins with, and the only key where there is one', () => {
    fc.assert(
      fc.property(patternAndKey, ([text, key]) => {
        const pattern = parsePattern(text)
        if (pattern.matches(key)) expect(key.startsWith(pattern.prefix)).toBe(true)
        expect(pattern.key).toBe(text.includes('*') ? null : text)
        if (pattern.key !== null) expect(pattern.matches(pattern.key)).toBe(true)
      }),
      { numRuns: 2000 },
    )
    const prefixes = ['ns/tasks/*/record', 'ns/*', 'ns/**', 'ns/**/x', 'ns/**/**', 'ns/a*b', '*', '**', '**/a', 'x*', 'ns/**b']
    expect(prefixes.map((text) => parsePattern(text).prefix)).toEqual([
      'ns/tasks/',
      'ns/',
      'ns',
      'ns/',
      'ns',
      'ns/a',
      '',
      '',
      '',
      'x',
      'ns/',
    ])
  })

  it('match in time that does not explode with their wildcards', () => {
    const pattern = parsePattern(`${'**/a/'.repeat(31)}b`)
    expect(pattern.matches(`${'a/'.repeat(200)}c`)).toBe(false)
    expect(parsePattern(`${'*a'.repeat(200)}b`).matches('a'.repeat(500))).toBe(false)
  })

  it('are refused when no key could ever match them', () => {
    const many = `${'a/'.repeat(patternSegmentsMax)}*`
    const faults = [
      '',
      '/a',
      'a/',
      'a//b',
      'a\u0000*',
      'e\u0301/*',
      'a\ud800',
      many,
      `*${'a'.repeat(keyBytesMax)}`,
      '任'.repeat(171),
    ]
    for (const text of faults) expect(() => parsePattern(text), JSON.stringify(text)).toThrow(invalidKey)
    for (const given of [undefined, null, 5, {}]) expect(() => parsePattern(given as string)).toThrow(invalidKey)
    // A key is its own pattern, however deep.
    const deep = 'a/'.repeat(200).slice(0, -1)
    expect(parsePattern(deep).matches(deep)).toBe(true)
  })
})
