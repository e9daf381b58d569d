import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/domain/entry.ts'
import { toJson, valueDepthMax } from '../../src/domain/json.ts'
import { compareVersions, parseVersion } from '../../src/domain/version-vector.ts'
import { decodeEntry, encodeEntry, entryBytesMaxDefault } from '../../src/wire/entry-codec.ts'

const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', 'constructor', 'w'))
const amount = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.double({ min: 0, max: 1e15, noNaN: true }).map((each) => each || 0),
)
const counter = fc.maxSafeNat()
const value = fc.jsonValue().map(toJson)
const version = fc.dictionary(name, counter, { maxKeys: 5 }).map(parseVersion)
const extension = fc.record(
  {
    v: fc.constant(1 as const),
    d: fc.tuple(name, counter, name),
    c: counter,
    e: fc.tuple(name, counter),
    t: fc.constant(1 as const),
    f: fc.dictionary(name, fc.tuple(amount, counter, name), { maxKeys: 4 }),
  },
  { requiredKeys: ['v', 'd'] },
)
const entry: fc.Arbitrary<Entry> = fc.record(
  { value, version, timestamp: amount, workerId: name, ttl: amount, x: extension },
  { requiredKeys: ['value', 'version', 'timestamp', 'workerId'] },
)

const guideEntry = { value: { status: 'running' }, version: { 'worker-1': 5 }, timestamp: 1_234_567_890, workerId: 'worker-1' }
const ourEntry = { ...guideEntry, x: { v: 1, d: ['worker-1', 5, 'abcdefgh'] } }
const corrupt = expect.objectContaining({ code: 'corrupt', retryable: false })

function isDeepFrozen(given: unknown): boolean {
  if (given === null || typeof given !== 'object') return true
  return Object.isFrozen(given) && Object.values(given).every(isDeepFrozen)
}

describe('the entry codec', () => {
  it('gives back every entry as it was, frozen, and encodes it to the same text again', () => {
    fc.assert(
      fc.property(entry, (given) => {
        const text = encodeEntry(given)
        const decoded = decodeEntry(text)
        expect(decoded).toEqual(given)
        expect(compareVersions(decoded.version, given.version)).toBe('equal')
        expect(isDeepFrozen(decoded)).toBe(true)
        // Members named like integers come first in any object; all others keep their order.
        expect(JSON.parse(encodeEntry(decoded))).toEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  it('writes the plain shape that others read', () => {
    const written = encodeEntry({ ...guideEntry, version: parseVersion(guideEntry.version), ttl: 3600 })
    expect(written).toBe(
      '{"value":{"status":"running"},"version":{"worker-1":5},"timestamp":1234567890,"workerId":"worker-1","ttl":3600}',
    )
  })

  it('reads the plain shape of others, who write no extension', () => {
    expect(decodeEntry(JSON.stringify(guideEntry))).toEqual(guideEntry)
    expect('x' in decodeEntry(JSON.stringify(guideEntry))).toBe(false)
    expect('ttl' in decodeEntry(JSON.stringify(guideEntry))).toBe(false)
    for (const odd of [{ timestamp: 1.5 }, { version: {} }, { workerId: '' }, { ttl: 0 }, { value: null }, { value: false }]) {
      expect(decodeEntry(JSON.stringify({ ...guideEntry, ...odd }))).toMatchObject(odd)
    }
  })

  it('ignores members that it does not know, whatever they hold, at every level but in the value', () => {
    fc.assert(
      fc.property(
        fc.string().filter((each) => !/^(value|version|timestamp|workerId|ttl|x|[vdcetf])$/.test(each)),
        fc.jsonValue(),
        (member, extra) => {
          const added = { [member]: extra }
          const text = JSON.stringify({ ...ourEntry, ...added, x: { ...ourEntry.x, ...added } })
          expect(decodeEntry(text)).toEqual(ourEntry)
          expect(decodeEntry(JSON.stringify({ ...ourEntry, value: added })).value).toEqual(toJson(added))
        },
      ),
    )
    expect(decodeEntry(JSON.stringify({ ...ourEntry, revision: 7, x: { ...ourEntry.x, q: 1, w: 'write-id' } }))).toEqual(ourEntry)
  })

  it('keeps members named __proto__ as members and pollutes nothing', () => {
    const text =
      '{"value":{"__proto__":{"polluted":1}},"version":{"__proto__":3},"timestamp":1,"workerId":"w","__proto__":{"ttl":5},' +
      '"x":{"v":1,"d":["__proto__",3,"i"],"f":{"__proto__":[1,0,"w"],"constructor":[2,0,"w"]}}}'
    const decoded = decodeEntry(text)
    expect(JSON.stringify(decoded.value)).toBe('{"__proto__":{"polluted":1}}')
    expect(Object.entries(decoded.version)).toEqual([['__proto__', 3]])
    expect(decoded.ttl).toBeUndefined()
    expect(Object.entries(decoded.x?.f ?? {})).toEqual([
      ['__proto__', [1, 0, 'w']],
      ['constructor', [2, 0, 'w']],
    ])
    expect(decoded.x?.f?.toString).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([
    ['no JSON', 'not json'],
    ['nothing', ''],
    ['cut text', JSON.stringify(ourEntry).slice(0, -1)],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '7'],
    ['an empty object', '{}'],
    ['a value that is too deep', JSON.stringify(guideEntry).replace('{"status":"running"}', '['.repeat(250) + ']'.repeat(250))],
    [
      'a value deeper than any stack',
      JSON.stringify(guideEntry).replace('{"status":"running"}', '['.repeat(2e5) + ']'.repeat(2e5)),
    ],
    ['a number that no double holds', JSON.stringify(guideEntry).replace('"running"', '1e999')],
    ['a timestamp that no double holds', JSON.stringify(guideEntry).replace('1234567890', '1e999')],
  ])('refuses %s as corrupt', (_, text) => {
    expect(() => decodeEntry(text)).toThrow(corrupt)
  })

  const faults: readonly (readonly [string, Record<string, unknown>])[] = [
    ['value', { value: undefined }],
    ...[undefined, null, [], 'v', 1].map((given) => ['version', { version: given }] as const),
    ...[-1, 1.5, '1', null, 2 ** 53].map((given) => ['version counter', { version: { w: given } }] as const),
    ...[undefined, null, '1', -1, 1e300, {}].map((given) => ['timestamp', { timestamp: given }] as const),
    ...[undefined, null, 7, {}].map((given) => ['workerId', { workerId: given }] as const),
    ...[null, '60', -1].map((given) => ['ttl', { ttl: given }] as const),
    ...[null, [], 1, 'x', {}].map((given) => ['x', { x: given }] as const),
    ...[undefined, 0, 2, '1'].map((given) => ['x.v', { x: { ...ourEntry.x, v: given } }] as const),
    ...[undefined, null, [], ['w', 1], ['w', 1, 'i', 0], [1, 1, 'i'], ['w', -1, 'i'], ['w', 1.5, 'i'], ['w', 1, null]].map(
      (given) => ['x.d', { x: { ...ourEntry.x, d: given } }] as const,
    ),
    ...[null, -1, 1.5, '1'].map((given) => ['x.c', { x: { ...ourEntry.x, c: given } }] as const),
    ...[null, [], ['s'], [1, 1], ['s', -1], ['s', 1.5]].map((given) => ['x.e', { x: { ...ourEntry.x, e: given } }] as const),
    ...[null, 0, 2, true].map((given) => ['x.t', { x: { ...ourEntry.x, t: given } }] as const),
    ...[null, [], 1, { a: 1 }, { a: [1, 0] }, { a: [-1, 0, 'w'] }, { a: [1, 0.5, 'w'] }, { a: [1, 0, 1] }].map(
      (given) => ['x.f', { x: { ...ourEntry.x, f: given } }] as const,
    ),
  ]

  it('refuses a wrong type in every member that it knows, and names it', () => {
    for (const [member, fault] of faults) {
      const text = JSON.stringify({ ...ourEntry, ...fault })
      expect(() => decodeEntry(text), text).toThrow(corrupt)
      expect(() => decodeEntry(text), text).toThrow(member.split(' ')[0])
    }
  })

  it('never lets anything through that breaks the entry, and never fails otherwise than as corrupt', () => {
    const mangled = fc
      .record({
        text: entry.map((each) => encodeEntry(each)),
        at: fc.nat(),
        length: fc.nat(6),
        put: fc.constantFrom('', '0', '"', '{', ']', '-', 'null,'),
      })
      .map(({ text, at, length, put }) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + length))
    fc.assert(
      fc.property(fc.oneof(mangled, fc.string(), fc.json()), (text) => {
        let decoded: Entry
        try {
          decoded = decodeEntry(text)
        } catch (cause) {
          expect(cause).toEqual(corrupt)
          return
        }
        expect(decodeEntry(encodeEntry(decoded))).toEqual(decoded)
        expect(isDeepFrozen(decoded)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('limits the encoded text by its UTF-8 bytes', () => {
    const sized = (text: string) => encodeEntry({ ...guideEntry, version: parseVersion({}), value: text }, 1000)
    const room = 1000 - Buffer.byteLength(sized(''))
    expect(Buffer.byteLength(sized('a'.repeat(room)))).toBe(1000)
    expect(() => sized('a'.repeat(room + 1))).toThrow(expect.objectContaining({ code: 'too_large' }))
    expect(() => sized('任'.repeat(Math.ceil(room / 3) + 1))).toThrow('the limit is 1000')
    const large = { ...guideEntry, version: parseVersion({}), value: 'a'.repeat(entryBytesMaxDefault) }
    expect(() => encodeEntry(large)).toThrow(expect.objectContaining({ code: 'too_large' }))
  })

  it('takes the deepest value that may be written', () => {
    const deepest: unknown = JSON.parse('['.repeat(valueDepthMax) + ']'.repeat(valueDepthMax))
    const written = encodeEntry({ ...guideEntry, version: parseVersion({}), value: toJson(deepest) })
    expect(decodeEntry(written).value).toEqual(deepest)
  })
})
