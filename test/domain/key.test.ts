import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assertId,
  assertKey,
  compareKeys,
  decodeId,
  encodeId,
  idCharactersMax,
  keyBytesMax,
  keysOf,
} from '../../src/domain/key.ts'

const invalidKey = expect.objectContaining({ code: 'invalid_key', retryable: false })

/** Texts that stress what ids refuse: separators, escapes, white space, reserved names, other normal forms, emoji. */
const awkward = fc.constantFrom(
  ...['/', '*', '\\', '=', '=2F', '%', '%2F', '.', '..', '__proto__', ' ', '\t', '\n', '\u0000', '\u007f', '\u0085', '\u00a0'],
  ...[
    '\ufeff',
    '\u2028',
    '\u3000',
    'é',
    'e\u0301',
    '\u0301',
    '\u0338',
    'A',
    '3D',
    'ﬁ',
    '가',
    '\u1100\u1161',
    '👩‍👩‍👧',
    '𝕏',
    '\u{1f600}',
  ],
  ...['\u2000', '\u212b', '\u0344', '\ud7ff', '\ue000', '\uffff'],
)
const text = fc
  .array(fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 4 }), fc.string({ unit: 'grapheme', maxLength: 4 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''))
  .filter((joined) => joined.isWellFormed())

describe('ids', () => {
  it.each([
    ['not a string', 7],
    ['empty', ''],
    ['too long', 'a'.repeat(idCharactersMax + 1)],
    ['a megabyte', 'a'.repeat(1e6)],
    ['a separator', 'a/b'],
    ['a wildcard', 'a*'],
    ['a backslash', 'a\\b'],
    ['a control character', 'a\u0007b'],
    ['a line break', 'a\n'],
    ['a C1 control character', 'a\u0085b'],
    ['white space before', ' a'],
    ['white space behind', 'a '],
    ['a no-break space behind', 'a\u00a0'],
    ['a byte order mark', '\ufeffa'],
    ['a lone high surrogate', 'a\ud83d'],
    ['a lone low surrogate', '\ude00a'],
    ['another normal form', 'e\u0301'],
    ['.', '.'],
    ['..', '..'],
    ['__proto__', '__proto__'],
  ])('are refused for %s, with the way out named', (_, id) => {
    expect(() => assertId(id)).toThrow(invalidKey)
    expect(() => assertId(id, 'task id')).toThrow(/^task id .*encodeId/)
  })

  it.each([
    'a',
    '...',
    '.hidden',
    'a b',
    'task:1',
    'tâche',
    '任务',
    '👩‍👩‍👧',
    'x=y',
    '__init__',
    'constructor',
    '😀'.repeat(idCharactersMax),
  ])('may be %s', (id) => {
    expect(assertId(id)).toBe(id)
  })
})

describe('encoding ids', () => {
  it('makes a valid id of any well-formed text that fits, and decoding gives the text back', () => {
    let fitted = 0
    fc.assert(
      fc.property(text, (given) => {
        let id: string
        try {
          id = encodeId(given)
        } catch (cause) {
          expect(cause).toEqual(invalidKey)
          // At most three characters for each UTF-8 byte: what is shorter than that always fits.
          expect(Buffer.byteLength(given) * 3).toBeGreaterThan(idCharactersMax)
          return
        }
        fitted++
        expect(assertId(id)).toBe(id)
        expect(decodeId(id)).toBe(given)
      }),
      { numRuns: 2000 },
    )
    expect(fitted).toBeGreaterThan(500)
  })

  it('leaves valid ids without "=" as they are', () => {
    fc.assert(
      fc.property(text, (given) => {
        let isPlain = !given.includes('=')
        try {
          assertId(given)
        } catch {
          isPlain = false
        }
        if (isPlain) expect(encodeId(given)).toBe(given)
        else if (given.length < 10) expect(encodeId(given)).not.toBe(given)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['', '='],
    ['.', '=2E'],
    ['..', '=2E.'],
    ['__proto__', '=5F_proto__'],
    ['a/b', 'a=2Fb'],
    ['a=2Fb', 'a=3D2Fb'],
    [' a b ', '=20a b=20'],
    ['100%', '100%'],
    ['naïve 😀', 'naïve 😀'],
    ['e\u0301/😀', 'e=CC=81=2F=F0=9F=98=80'],
    ['\u000a\u0301', '=0A=CC=81'],
  ])('writes %j as %j', (given, id) => {
    expect(encodeId(given)).toBe(id)
    expect(decodeId(id)).toBe(given)
  })

  it('uses the whole length: 128 characters without escapes, 42 bytes with nothing else', () => {
    expect(encodeId('😀'.repeat(128))).toBe('😀'.repeat(128))
    expect(encodeId('/'.repeat(42))).toBe('=2F'.repeat(42))
    expect(() => encodeId('/'.repeat(43))).toThrow(invalidKey)
    expect(() => encodeId('a'.repeat(129))).toThrow(invalidKey)
  })

  it('refuses text that is not well-formed', () => {
    expect(() => encodeId('a\ud800')).toThrow(invalidKey)
  })

  it('refuses to decode what it did not make, so that no text has two ids', () => {
    const foreign = [
      'a=b',
      '=2',
      '=2f',
      '=41',
      'a=',
      '=ZZ',
      '=FF',
      '=C3',
      '=',
      '=ED=A0=80',
      'a/b',
      '__proto__',
      '',
      '=2E=2E',
      'a=20b',
      '\ud800',
    ]
    for (const id of foreign.filter((each) => each !== '=')) expect(() => decodeId(id), id).toThrow(invalidKey)
    fc.assert(
      fc.property(fc.oneof(text, fc.stringMatching(/^([=2F0-9A-Fa-z]{0,12})$/)), (id) => {
        try {
          expect(encodeId(decodeId(id))).toBe(id)
        } catch (cause) {
          expect(cause).toEqual(invalidKey)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('keys', () => {
  it.each([
    ['not a string', {}],
    ['empty', ''],
    ['an empty segment', 'a//b'],
    ['a separator before', '/a'],
    ['a separator behind', 'a/'],
    ['a wildcard', 'a/*'],
    ['a control character', 'a/\u0000'],
    ['a lone surrogate', 'a/\udfff'],
    ['another normal form', 'a/e\u0301'],
    ['a segment .', 'a/./b'],
    ['a segment ..', '../b'],
    ['a segment __proto__', 'a/__proto__'],
    ['513 bytes', 'a'.repeat(keyBytesMax + 1)],
    ['513 bytes in 171 characters', '任'.repeat(171)],
  ])('are refused for %s', (_, key) => {
    expect(() => assertKey(key)).toThrow(invalidKey)
  })

  it.each(['a', 'test-key', 'a/b c/d', '.../x', 'ns/.hidden', 'a\\b', '任'.repeat(170), 'a'.repeat(keyBytesMax), 'x/__init__'])(
    'may be %s',
    (key) => {
      expect(assertKey(key)).toBe(key)
    },
  )

  it('are made of valid ids and nothing else', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (segments) => {
        const key = segments.join('/')
        const isValid = (check: () => string): boolean => {
          try {
            check()
            return true
          } catch {
            return false
          }
        }
        if (segments.every((segment) => isValid(() => assertId(segment))) && Buffer.byteLength(key) <= keyBytesMax) {
          expect(assertKey(key)).toBe(key)
        }
        if (isValid(() => assertKey(key))) {
          expect(key.isWellFormed() && key.normalize('NFC') === key && Buffer.byteLength(key) <= keyBytesMax).toBe(true)
          for (const segment of key.split('/')) expect(['', '.', '..', '__proto__'].includes(segment)).toBe(false)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('key order', () => {
  it('is the order of UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, text, (common, a, b) => {
        const [left, right] = [common + a, common + b]
        expect(Math.sign(compareKeys(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)))
      }),
      { numRuns: 2000 },
    )
  })

  it('puts characters beyond the basic plane last, unlike "<" on strings', () => {
    expect(compareKeys('\u{1f600}', '\uffff')).toBeGreaterThan(0)
    expect('\u{1f600}' < '\uffff').toBe(true)
  })
})

describe('the keys of a namespace', () => {
  const keys = keysOf('ns')

  it('lie where the documents say', () => {
    expect(keys.task('t', 'record')).toBe('ns/tasks/t/record')
    expect(keys.worker('w', 'heartbeat')).toBe('ns/workers/w/heartbeat')
    expect(keys.lock('nightly')).toBe('ns/locks/nightly')
    expect(keys.allTaskRecords).toBe('ns/tasks/*/record')
  })

  it('tell a lock from anything else', () => {
    for (const key of [keys.lock('nightly'), keys.task('t', 'lock')]) expect(keys.isLock(key), key).toBe(true)
    for (const key of [
      'ns/locks/',
      'ns/locks/a/b',
      'ns/tasks/lock',
      'ns/tasks//lock',
      'ns/tasks/a/b/lock',
      'ns/tasks/t/record',
      'x/locks/a',
    ]) {
      expect(keys.isLock(key), key).toBe(false)
    }
  })

  it('tell the task of a record, and only of a record', () => {
    expect(keys.taskOfRecord(keys.task('t 1', 'record'))).toBe('t 1')
    for (const key of [
      'ns/tasks/t/state',
      'ns/tasks//record',
      'ns/tasks/a/b/record',
      'other/tasks/t/record',
      'ns/tasks/record',
    ]) {
      expect(keys.taskOfRecord(key), key).toBeNull()
    }
  })
})
