import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { canonicalJson, deepFreeze, freezeParsed, type Json, toJson, valueDepthMax } from '../../src/domain/json.ts'

/** Values that JSON holds without loss, and what JSON drops or converts by rule. */
const jsonable = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, -0, ''),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toJSON', '1')),
      fc.oneof(tie('value'), fc.constant(undefined)),
      { maxKeys: 5 },
    ),
  ),
})).value

function isDeepFrozen(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true
  return Object.isFrozen(value) && Object.values(value).every(isDeepFrozen)
}

function faultOf(value: unknown): MemorySyncError {
  try {
    toJson(value)
  } catch (cause) {
    if (cause instanceof MemorySyncError) return cause
  }
  throw new Error('it was not refused by an error of ours')
}

describe('values on the way in', () => {
  it('are what JSON makes of them, frozen all the way down', () => {
    fc.assert(
      fc.property(jsonable, (value) => {
        const copied = toJson(value)
        const expected: unknown = JSON.parse(JSON.stringify(value))
        // Node's own comparison: vitest's asks a member named `constructor` for the type.
        expect(isDeepStrictEqual(copied, expected)).toBe(true)
        expect(isDeepFrozen(copied)).toBe(true)
        expect(JSON.stringify(copied)).toBe(JSON.stringify(value))
      }),
      { numRuns: 500 },
    )
  })

  it('are copied: later changes of the original do not reach memory', () => {
    const original = { list: [1, 2], inner: { a: 1 } }
    const copied = toJson(original)
    original.list.push(3)
    original.inner.a = 2
    expect(copied).toEqual({ list: [1, 2], inner: { a: 1 } })
    expect(Object.isFrozen(original)).toBe(false)
  })

  it('keep a member named __proto__ as a member, and pollute nothing', () => {
    const value: unknown = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":null}}')
    const copied = toJson(value)
    expect(JSON.stringify(copied)).toBe('{"__proto__":{"polluted":true},"a":{"__proto__":null}}')
    expect(Object.getPrototypeOf(copied)).toBe(Object.prototype)
    expect((copied as { polluted?: unknown }).polluted).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('follow the other rules of JSON: toJSON, wrappers, dropped members, shared objects', () => {
    const shared = { n: 1 }
    class Point {
      readonly x = 1
      readonly y = undefined
      get sum() {
        return 2
      }
    }
    expect(toJson(new Point())).toEqual({ x: 1 })
    expect(toJson([shared, shared])).toEqual([{ n: 1 }, { n: 1 }])
    expect(toJson({ at: new Date(0), text: Object('t'), n: Object(2), b: Object(false) })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      text: 't',
      n: 2,
      b: false,
    })
    expect(toJson({ invalid: new Date(Number.NaN) })).toEqual({ invalid: null })
    expect(toJson({ a: { toJSON: (member: string) => `at ${member}` }, gone: { toJSON: () => undefined } })).toEqual({
      a: 'at a',
    })
    expect(toJson([{ toJSON: (member: string) => member }])).toEqual(['0'])
    expect(toJson(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
    expect(toJson({ [Symbol('hidden')]: 1 })).toEqual({})
  })

  it.each([
    ['a BigInt', { n: 1n }, '["n"]'],
    ['a wrapped BigInt', { n: Object(1n) }, '["n"]'],
    ['a function', { a: { run: () => 1 } }, '["a"]["run"]'],
    ['a symbol', [0, Symbol('s')], '[1]'],
    ['NaN', { list: [1, Number.NaN] }, '["list"][1]'],
    ['Infinity', [[Number.POSITIVE_INFINITY]], '[0][0]'],
    ['undefined in an array', { list: [undefined] }, '["list"][0]'],
    ['a hole', Object.assign([1], { length: 2 }), '[1]'],
    ['a Map', { m: new Map([[1, 2]]) }, '["m"]'],
    ['a Set', { s: new Set([1]) }, '["s"]'],
    ['a promise that nobody awaited', { p: Promise.resolve(1) }, '["p"]'],
    ['an Error', { e: new Error('lost') }, '["e"]'],
    ['an own subclass of Error', { e: new (class extends TypeError {})('lost') }, '["e"]'],
    ['a function that toJSON gives', { f: { toJSON: () => () => 1 } }, '["f"]'],
  ])('refuse %s, naming the place', (_, value, place) => {
    const fault = faultOf(value)
    expect(fault.code).toBe('invalid_value')
    expect(fault.retryable).toBe(false)
    expect(fault.message).toContain(place)
  })

  it('refuse undefined itself, and what toJSON turns into it', () => {
    expect(faultOf(undefined).code).toBe('invalid_value')
    expect(faultOf({ toJSON: () => undefined }).code).toBe('invalid_value')
  })

  it('refuse cycles, naming where they close', () => {
    const a: Record<string, unknown> = { b: {} }
    a.b = { list: [a] }
    expect(faultOf(a).message).toContain('["b"]["list"][0] cannot be stored: it refers back to itself')
  })

  it('refuse what is nested too deep, and take the deepest that is allowed', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
    expect(JSON.stringify(toJson(nested(valueDepthMax)))).toBe(JSON.stringify(nested(valueDepthMax)))
    expect(faultOf(nested(valueDepthMax + 1)).message).toContain('nested deeper')
    expect(faultOf(nested(5000)).code).toBe('invalid_value')
    const endless = { toJSON: () => ({ again: endless }) }
    expect(faultOf(endless).message).toContain('nested deeper')
  })

  it('report what a getter or toJSON threw as a fault of the value', () => {
    const cause = new Error('not today')
    const throwing = {
      get member() {
        throw cause
      },
    }
    expect(faultOf(throwing)).toMatchObject({ code: 'invalid_value', cause })
    expect(faultOf(throwing).message).toContain('not today')
  })
})

describe('canonical JSON', () => {
  /** The same value with the members of every object in another order. */
  function reordered(value: Json): Json {
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.map(reordered)
    const entries = Object.entries(value as Record<string, Json>).reverse()
    return Object.fromEntries(entries.map(([member, inner]) => [member, reordered(inner)]))
  }

  it('does not depend on the order of members, and parses to an equal value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const value = toJson(given)
        expect(canonicalJson(reordered(value))).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(value)
      }),
    )
  })

  it('differs for different values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [valueA, valueB] = [toJson(a), toJson(b)]
        expect(canonicalJson(valueA) === canonicalJson(valueB)).toBe(isDeepStrictEqual(valueA, valueB))
      }),
    )
  })

  it('keeps array order and sorts members by code unit', () => {
    expect(canonicalJson(toJson({ b: [2, 1], a: { 10: 1, 9: 2 }, B: null }))).toBe('{"B":null,"a":{"10":1,"9":2},"b":[2,1]}')
  })
})

describe('freezing', () => {
  it('reaches every object that JSON.parse gave', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const text = JSON.stringify(given)
        expect(isDeepFrozen(deepFreeze(JSON.parse(text)))).toBe(true)
        const parsed: unknown = JSON.parse(text)
        expect(freezeParsed(parsed)).toBe(true)
        expect(isDeepFrozen(parsed)).toBe(true)
      }),
    )
  })

  it('tells what could not have been written here: depth and numbers beyond all bounds', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(freezeParsed(JSON.parse(nested(valueDepthMax)))).toBe(true)
    expect(freezeParsed(JSON.parse(nested(valueDepthMax + 1)))).toBe(false)
    expect(freezeParsed(JSON.parse(nested(4000)))).toBe(false)
    expect(freezeParsed(JSON.parse('{"a":[1e999]}'))).toBe(false)
    expect(freezeParsed(JSON.parse('{"__proto__":[-1e999]}'))).toBe(false)
  })
})
