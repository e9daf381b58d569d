/** Entries as registers' text: what a server does to it, and what others write, is read for what it is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import { canonicalJson, type Json, toJson } from '../../../src/domain/json.ts'
import { decodePlain, encodePlain, protectedPrefix } from '../../../src/stores/mcp/plain-encoding.ts'
import { keyAlphabet } from '../../../src/stores/mcp/register-key.ts'

const encodings = ['readable', 'protected'] as const

function entryOf(value: Json): Entry {
  return {
    value,
    version: { w: 3, é: 1 },
    timestamp: 1_700_000_000_000,
    workerId: 'w',
    ttl: 60,
    x: { v: 1, d: ['w', 3, 'life'] },
  }
}

/** What both servers do to a text. */
function served(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

const awkward: Json[] = [
  null,
  'null',
  '123',
  123,
  '12345678901234567890',
  Number('12345678901234567890'),
  2 ** 53 - 1,
  -1.5e-7,
  '',
  '"q"',
  'ms1:{"not":"ours"}',
  'ключ 日本語 🎉 \u2028 \u007f \ud800',
  { __type__: '__BigInt__', value: '1' },
  { deep: [{ __type__: '__Date__', value: 'x' }] },
  JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Json,
  { value: 1, version: {}, timestamp: 1, workerId: 'inner' },
  'é'.repeat(100_000),
  'x'.repeat(200 * 1024),
]

describe.each(encodings)('the %s encoding', (encoding) => {
  test.each(awkward.map((value) => [canonicalJson(value).slice(0, 40), value] as const))('gives back %s', (_, value) => {
    const entry = entryOf(value)
    const text = encodePlain(entry, encoding)
    for (const content of [served(text), text]) {
      const read = decodePlain(content)
      expect(canonicalJson(read as unknown as Json)).toBe(canonicalJson(entry as unknown as Json))
    }
  })

  test('gives back every JSON value, as ASCII that is never empty', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 5 }), (given) => {
        const entry = entryOf(toJson(given))
        const text = encodePlain(entry, encoding)
        expect(text).toMatch(/^[ -~]+$/)
        expect(JSON.stringify(decodePlain(served(text)).value)).toBe(JSON.stringify(entry.value))
        expect(JSON.stringify(decodePlain(text).value)).toBe(JSON.stringify(entry.value))
      }),
      { numRuns: 500 },
    )
  })

  test('refuses an entry that is too large', () => {
    expect(() => encodePlain(entryOf('x'.repeat(1000)), encoding, 500)).toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})

describe('what is stored', () => {
  test('readably is the guide’s JSON, for anybody', () => {
    const text = encodePlain(entryOf({ status: 'running' }), 'readable')
    expect(JSON.parse(text)).toMatchObject({ value: { status: 'running' }, version: { w: 3 }, workerId: 'w', ttl: 60 })
  })

  test('protected, or with a marker of the server’s own, is no JSON and holds no marker', () => {
    for (const text of [
      encodePlain(entryOf(1), 'protected'),
      encodePlain(entryOf({ __type__: '__BigInt__', value: '1' }), 'readable'),
    ]) {
      expect(text.startsWith(protectedPrefix)).toBe(true)
      expect(() => JSON.parse(text)).toThrow(SyntaxError)
      expect(text).not.toContain('__type__')
    }
  })
})

describe('what others stored', () => {
  test.each<[string, Json]>([
    ['a text', 'hello'],
    ['a number', 123],
    ['a boolean', true],
    ['null', null],
    ['an array', [1, 2]],
    ['an object', { status: 'running' }],
    ['an object with some of the guide’s members', { value: 1, version: 'two', timestamp: 3, workerId: 'w' }],
  ])('%s is a value that any write of ours covers', (_, content) => {
    const entry = decodePlain(content)
    expect(entry).toEqual({ value: content, version: {}, timestamp: 0, workerId: '' })
    expect(Object.isFrozen(entry)).toBe(true)
  })

  test('the guide’s shape without our extension is an entry', () => {
    const guide = { value: { a: 1 }, version: { 'worker-1': 5 }, timestamp: 1234567890, workerId: 'worker-1' }
    expect(decodePlain(guide)).toEqual(guide)
    expect(decodePlain(JSON.stringify(guide))).toEqual(guide)
  })

  test.each<[string, Json]>([
    ['a later format', { value: 1, version: { w: 1 }, timestamp: 1, workerId: 'w', x: { v: 2, d: ['w', 1, 'i'] } }],
    ['a damaged protected text', 'ms1:{"value":1'],
    ['a number that no double holds', JSON.parse('[1e999]') as Json],
  ])('%s is corrupt, and no value', (_, content) => {
    expect(() => decodePlain(content)).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})

describe('keys in a server’s alphabet', () => {
  const strict = keyAlphabet(/[:;&|`$(){}[\]<>!#\\]+|\.\.(?=\/)/g)

  test('ordinary ones stay as they are', () => {
    for (const key of ['task-sentinel/tasks/t-1/state', 'a_b', 'a.b/c']) expect(strict.encode(key)).toBe(key)
  })

  test('any key comes back, and two never become one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }), (one, other) => {
        for (const key of [one, other, `${one}/../${other}`, `${one}=41${other}`]) {
          const text = strict.encode(key)
          expect(text).not.toMatch(/[^ -~]|[:;&|`$(){}[\]<>!#\\]|\.\.\//)
          if (key.isWellFormed()) expect(strict.decode(text)).toBe(key)
        }
        if (one !== other) expect(strict.encode(one)).not.toBe(strict.encode(other))
      }),
      { numRuns: 1000 },
    )
  })

  test('a key that another writer did not escape is itself', () => {
    for (const key of ['a=b', 'a=FF', 'ключ', 'x=41']) expect(strict.decode(key)).toBe(key)
  })
})
