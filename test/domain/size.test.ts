import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Json, toJson } from '../../src/domain/json.ts'
import { jsonBytesAtMost } from '../../src/domain/size.ts'

const bytesOf = (value: Json) => Buffer.byteLength(JSON.stringify(value))

test('is never less than the bytes of the text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 5 }), (value) => {
      const json = toJson(value)
      expect(jsonBytesAtMost(json)).toBeGreaterThanOrEqual(bytesOf(json))
    }),
    { numRuns: 2000 },
  )
})

test.each<[string, Json]>([
  ['control characters', '\u0001'.repeat(100)],
  ['characters of four bytes', '😀'.repeat(100)],
  ['characters of three bytes', '€'.repeat(100)],
  ['lone surrogates', '\ud800'.repeat(100)],
  ['quotes and backslashes', '"\\'.repeat(100)],
  ['long numbers', [-Number.MAX_VALUE, 5e-324, -1.25e-300, 2 ** 53]],
  ['nothing', [null, true, false, '', {}, []]],
  ['odd members', { '': 1, '\u0000': 2, __proto__: null, '"': { '😀': [] } }],
])('is never less for %s', (_, value) => {
  expect(jsonBytesAtMost(value)).toBeGreaterThanOrEqual(bytesOf(value))
})

test('is not so much more that plain data would be refused early', () => {
  const plain: Json = { id: 'task-1', list: Array.from({ length: 100 }, (_, n) => ({ n, name: `name ${n}` })) }
  expect(jsonBytesAtMost(plain)).toBeLessThan(bytesOf(plain) * 8)
})
