import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry, EntryExtension } from '../../src/domain/entry.ts'
import type { MemorySyncError } from '../../src/domain/errors.ts'
import { canonicalJson, deepFreeze, type Json, toJson } from '../../src/domain/json.ts'
import { mergedEntryOf } from '../../src/domain/resolver-laws.ts'
import { type ConflictResolver, ConflictResolvers, type Resolution, resolveWith } from '../../src/domain/resolvers.ts'

const { lastWriteWins, mergeArrays, mergeObjects, maxValue } = ConflictResolvers
const resolvers = Object.entries(ConflictResolvers)

// Few names, times and workers, so that they meet; among them the names that every plain object seems to have.
const field = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'é', 'e\u0301', '\u{1f600}', '', '1')
const scalar = fc.oneof(
  fc.constantFrom(null, true, false, '', 'x', 0, -0),
  fc.integer({ min: -2, max: 2 }),
  fc.double({ noNaN: true }),
)
const item = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.dictionary(field, scalar, { maxKeys: 2 }))
const value = fc
  .oneof(
    scalar,
    fc.array(item, { maxLength: 4 }),
    fc.dictionary(field, item, { maxKeys: 4 }),
    fc.constantFrom({}, []),
    fc.jsonValue(),
  )
  .filter((given) => typeof given !== 'number' || Number.isFinite(given))
  .map((given) => toJson(JSON.parse(JSON.stringify(given))))
const worker = fc.constantFrom('a', 'b', '__proto__')
const timeMs = fc.integer({ min: 0, max: 3 })
const counter = fc.nat(1)

interface Life {
  readonly incarnation: string
  readonly tombstone: boolean
  readonly c: number
}

const life: fc.Arbitrary<Life> = fc.record({ incarnation: fc.constantFrom('l1', 'l2'), tombstone: fc.boolean(), c: counter })
const plainEntry = fc.record({ value, workerId: worker, timestamp: timeMs, seen: fc.integer({ min: 1, max: 2 }) })

/** As writers make them; without a life: by a program that knows only the plain shape. */
const written: fc.Arbitrary<Entry> = fc.tuple(plainEntry, fc.option(life)).map(([{ value, workerId, timestamp, seen }, by]) => {
  const version = Object.fromEntries([[workerId, seen]])
  if (by === null) return deepFreeze({ value, version, timestamp, workerId })
  const x: EntryExtension = { v: 1, d: [workerId, seen, by.incarnation], c: by.c, ...(by.tombstone ? { t: 1 } : {}) }
  return deepFreeze({ value: by.tombstone ? null : value, version, timestamp, workerId, x })
})

/** With field writers of any kind, also of fields that are not there. */
const merged: fc.Arbitrary<Entry> = fc
  .tuple(written, fc.dictionary(field, fc.tuple(timeMs, counter, worker), { maxKeys: 4 }))
  .map(([entry, f]) => deepFreeze({ ...entry, x: { v: 1, d: [entry.workerId, 1, 'l3'], ...entry.x, f } }))

const entry = fc.oneof({ weight: 3, arbitrary: written }, { weight: 1, arbitrary: merged })
const entries = fc.array(entry, { minLength: 1, maxLength: 6 })

const text = (resolution: Resolution): string => canonicalJson(resolution.resolved)
const byNewest = (a: Entry, b: Entry): number =>
  b.timestamp - a.timestamp ||
  (b.x?.c ?? 0) - (a.x?.c ?? 0) ||
  compare(b.workerId, a.workerId) ||
  compare(canonicalJson(b.value), canonicalJson(a.value))

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function at(timestamp: number, value: Json, workerId = 'w', x?: Partial<EntryExtension>): Entry {
  const plain = { value, version: { [workerId]: 1 }, timestamp, workerId }
  return deepFreeze(x === undefined ? plain : { ...plain, x: { v: 1 as const, d: [workerId, 1, 'l1'] as const, ...x } })
}

/** All that later merges look at. */
function stateOf({ value, timestamp, workerId, version, x }: Entry): string {
  return canonicalJson([value, timestamp, workerId, { ...version }, x?.c ?? 0, x?.f ?? null])
}

describe.each(resolvers)('%s is a join', (_, resolve) => {
  /** A single entry is no conflict: it stays as it is. */
  const merge = (given: readonly Entry[]): Entry => {
    const resolution = resolve(given)
    const isLone = new Set(given.map((each) => canonicalJson(toJson(each)))).size === 1
    return isLone ? (given[0] as Entry) : mergedEntryOf(given, resolution)
  }

  it('commutative: neither order nor repetition matters, to what is told of it either', () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (given, chance) => {
        const draw = (limit: number): number => chance.next().value % limit
        const other = [...given, ...given.slice(draw(given.length))]
        for (let index = other.length - 1; index > 0; index--) {
          const at = draw(index + 1)
          const [a, b] = [other[index] as Entry, other[at] as Entry]
          other[index] = b
          other[at] = a
        }
        const [expected, found] = [resolve(given), resolve(other.map((each) => structuredClone(each)))]
        expect(canonicalJson(toJson(found))).toBe(canonicalJson(toJson(expected)))
      }),
      { numRuns: 200 },
    )
  })

  it('associative: merged in any parts, even overlapping ones, the result is that of all at once', () => {
    fc.assert(
      fc.property(entries, entries, entries, entries, (a, b, c, d) => {
        const expected = canonicalJson(merge([...a, ...b, ...c, ...d]).value)
        const value = (given: readonly Entry[]): string => canonicalJson(merge(given).value)
        expect(value([merge(a), merge(b), merge(c), merge(d)].flat())).toBe(expected)
        expect(value([merge([merge([...a, ...b]), ...c]), ...d])).toBe(expected)
        expect(value([...a, merge([...b, merge([...c, ...d])])])).toBe(expected)
        expect(value([merge([...a, ...b, ...c]), merge([...b, ...c, ...d])])).toBe(expected)
        expect(value([...c, merge([...d, merge([...a, ...c])]), ...b])).toBe(expected)
      }),
      { numRuns: 200 },
    )
  })

  it('associative in time, writer, version and field writers too, so that a third merge cannot tell either', () => {
    const some = fc.array(written, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        const expected = stateOf(merge([...a, ...b, ...c]))
        expect(stateOf(merge([merge([...a, ...b]), ...c]))).toBe(expected)
        expect(stateOf(merge([...a, merge([...b, ...c])]))).toBe(expected)
        expect(stateOf(merge([merge([...a, ...c]), merge([...c, ...b])]))).toBe(expected)
      }),
      { numRuns: 200 },
    )
  })

  it('idempotent: merging what is in it already changes nothing', () => {
    fc.assert(
      fc.property(entries, (given) => {
        const once = merge(given)
        expect(canonicalJson(merge([once, once]).value)).toBe(canonicalJson(once.value))
        for (const each of given) expect(canonicalJson(merge([each, once]).value)).toBe(canonicalJson(once.value))
      }),
      { numRuns: 200 },
    )
  })

  it('pure: the entries are left alone, and the result is frozen JSON', () => {
    fc.assert(
      fc.property(entries, (given) => {
        const before = structuredClone(given)
        const first = resolve(given)
        expect(text(resolve(given))).toBe(text(first))
        expect(canonicalJson(toJson(given))).toBe(canonicalJson(toJson(before)))
        expect(text(first)).toBe(canonicalJson(toJson(first.resolved)))
        expect(Object.isFrozen(first.resolved)).toBe(true)
        for (const each of first.discarded) expect(given).toContain(each)
        expect(first.discarded.length).toBeLessThan(given.length)
      }),
    )
  })

  it('keeps a lone value as it is, and refuses to resolve nothing', () => {
    fc.assert(
      fc.property(entry, (lone) => {
        expect(resolve([lone, structuredClone(lone)])).toMatchObject({ strategy: 'last-write-wins', discarded: [] })
        expect(text(resolve([lone]))).toBe(canonicalJson(lone.value))
      }),
    )
    expect(() => resolve([])).toThrow(expect.objectContaining({ code: 'invalid_value' }))
  })

  it('refuses what is no entry, quoting it', () => {
    const good = at(1, 1)
    const faults: unknown[] = [null, 1, 'x', {}, { ...good, timestamp: Number.NaN }, { ...good, workerId: 1 }]
    for (const fault of [...faults, { ...good, value: undefined }, { ...good, version: null }]) {
      const given = [good, fault] as Entry[]
      expect(() => resolve(given)).toThrow(
        expect.objectContaining({ code: 'invalid_value', message: expect.stringContaining('entry 1') }),
      )
    }
    const noArray: unknown = 'x'
    expect(() => resolve(noArray as Entry[])).toThrow(expect.objectContaining({ code: 'invalid_value' }))
  })
})

describe('lastWriteWins', () => {
  it('takes the greatest by time, hybrid counter, worker and canonical value, and discards all others', () => {
    fc.assert(
      fc.property(entries, (given) => {
        const { resolved, strategy, discarded } = lastWriteWins(given)
        expect(canonicalJson(resolved)).toBe(canonicalJson(given.toSorted(byNewest)[0]?.value as Json))
        expect(strategy).toBe('last-write-wins')
        const texts = new Set(given.map((each) => canonicalJson(toJson(each))))
        expect(discarded.length).toBe(texts.size - 1)
      }),
    )
  })

  it('tells two lives of one worker id at one time apart by their values', () => {
    const [one, two] = [at(5, { n: 1 }, 'w', { d: ['w', 1, 'l1'] }), at(5, { n: 2 }, 'w', { d: ['w', 1, 'l2'] })]
    expect(lastWriteWins([two, one])).toEqual({ resolved: { n: 2 }, strategy: 'last-write-wins', discarded: [one] })
    expect(lastWriteWins([one, two])).toEqual({ resolved: { n: 2 }, strategy: 'last-write-wins', discarded: [one] })
  })
})

describe('mergeArrays', () => {
  it('is the sorted union of all arrays', () => {
    const [a, b] = [at(1, [3, 1, { y: 1, x: 2 }], 'a'), at(2, [{ x: 2, y: 1 }, 1, 'b'], 'b')]
    expect(mergeArrays([a, b])).toEqual({ resolved: ['b', 1, 3, { x: 2, y: 1 }], strategy: 'merge', discarded: [] })
    fc.assert(
      fc.property(fc.array(written, { minLength: 2, maxLength: 6 }), (given) => {
        const arrays = given.map((each) => each.value).filter((each) => Array.isArray(each))
        fc.pre(arrays.length > 0 && new Set(given.map((each) => canonicalJson(toJson(each)))).size > 1)
        const items = [...new Set(arrays.flat().map((each) => canonicalJson(each)))].sort()
        expect(text(mergeArrays(given))).toBe(`[${items.join(',')}]`)
      }),
    )
  })

  it('takes what is no array for nothing to add, unless there is no array', () => {
    const [list, odd, other] = [at(1, [1], 'a'), at(3, 'x', 'b'), at(2, { n: 1 }, 'c')]
    expect(mergeArrays([list, odd, other])).toEqual({ resolved: [1], strategy: 'merge', discarded: [other, odd] })
    expect(mergeArrays([odd, other])).toEqual({ resolved: 'x', strategy: 'last-write-wins', discarded: [other] })
  })
})

describe('mergeObjects', () => {
  it('takes each field from the entry that wrote it last', () => {
    const [a, b] = [at(1, { x: 1, y: 1 }, 'a'), at(2, { y: 2, z: 2 }, 'b')]
    expect(mergeObjects([b, a])).toMatchObject({ resolved: { x: 1, y: 2, z: 2 }, strategy: 'merge', discarded: [] })
    expect({ ...mergeObjects([b, a]).fields }).toEqual({ x: [1, 0, 'a'], y: [2, 0, 'b'], z: [2, 0, 'b'] })
    const [older] = [at(0, { x: 0 }, 'c')]
    expect(mergeObjects([a, older, b]).discarded).toEqual([older])
  })

  it('equals spreading, oldest first, for entries that were not merged before', () => {
    fc.assert(
      fc.property(fc.array(written, { minLength: 2, maxLength: 6 }), (given) => {
        const claims = given.flatMap((each) =>
          isObject(each.value) ? Object.entries(each.value).map((pair) => ({ each, pair })) : [],
        )
        fc.pre(claims.length > 0)
        const order = claims.toSorted((a, b) => byNewest({ ...b.each, value: b.pair[1] }, { ...a.each, value: a.pair[1] }))
        const expected = Object.fromEntries(order.map(({ pair }) => pair))
        expect(text(mergeObjects(given))).toBe(canonicalJson(toJson(expected)))
      }),
    )
  })

  it('keeps the writers of fields from merge to merge: a late merge of old writes does not overrule', () => {
    const [a, b, c] = [at(1, { x: 'old' }, 'a'), at(9, { y: 1 }, 'b'), at(5, { x: 'new' }, 'c')]
    const early = mergedEntryOf([a, b], mergeObjects([a, b]))
    expect(early.timestamp).toBe(9)
    expect(mergeObjects([early, c]).resolved).toEqual({ x: 'new', y: 1 })
    expect({ ...mergeObjects([early, c]).fields }).toEqual({ x: [5, 0, 'c'], y: [9, 0, 'b'] })
  })

  it('loses no field, whatever its name', () => {
    const [a, b] = [at(1, toJson(JSON.parse('{"__proto__":1,"constructor":2,"é":3}')), 'a'), at(2, { toString: 4 }, 'b')]
    const resolution = mergeObjects([a, b])
    expect(text(resolution)).toBe('{"__proto__":1,"constructor":2,"toString":4,"é":3}')
    expect(JSON.stringify(resolution.fields)).toBe(
      '{"__proto__":[1,0,"a"],"constructor":[1,0,"a"],"toString":[2,0,"b"],"é":[1,0,"a"]}',
    )
    expect(({} as { one?: unknown }).one).toBeUndefined()
  })

  it('takes what is no plain object for nothing to add, unless there is none', () => {
    const [object, list, nothing] = [at(1, { a: 1 }, 'a'), at(3, [1], 'b'), at(2, null, 'c')]
    expect(mergeObjects([object, list, nothing])).toMatchObject({
      resolved: { a: 1 },
      strategy: 'merge',
      discarded: [nothing, list],
    })
    expect(mergeObjects([list, nothing])).toEqual({ resolved: [1], strategy: 'last-write-wins', discarded: [nothing] })
    const empty = [at(1, {}, 'a'), at(2, {}, 'b')] as const
    expect(mergeObjects(empty)).toMatchObject({ resolved: {}, strategy: 'merge', discarded: [empty[0]] })
  })
})

describe('maxValue', () => {
  it('is the greatest number; all holders of it are kept', () => {
    const given = [at(1, 7, 'a'), at(2, 3, 'b'), at(3, '9', 'c'), at(4, 7, 'd')] as const
    expect(maxValue(given)).toEqual({ resolved: 7, strategy: 'custom', discarded: [given[1], given[2]] })
    expect(maxValue([at(1, -0, 'a'), at(2, -3, 'b')]).resolved).toBe(0)
    expect(maxValue([at(1, 'x', 'a'), at(2, null, 'b')])).toMatchObject({ resolved: null, strategy: 'last-write-wins' })
  })

  it('looks past NaN and Infinity, which callers without types may give', () => {
    expect(maxValue([at(1, 5, 'a'), at(2, Number.NaN, 'b'), at(3, Number.POSITIVE_INFINITY, 'c')]).resolved).toBe(5)
    expect(() => maxValue([at(1, Number.NaN, 'a'), at(2, Number.NaN, 'b')])).toThrow(
      expect.objectContaining({ code: 'invalid_value' }),
    )
  })
})

describe("a user's resolver", () => {
  const [old, recent] = [at(1, { n: 1 }, 'a'), at(2, { n: 2 }, 'b')]
  const lastWrite = { resolved: { n: 2 }, strategy: 'last-write-wins', discarded: [old] }

  function run(
    resolver: unknown,
    given: readonly Entry[] = [recent, old],
  ): { resolution: Resolution; problems: MemorySyncError[] } {
    const problems: MemorySyncError[] = []
    const resolution = resolveWith(resolver as ConflictResolver, given, (problem) => problems.push(problem))
    return { resolution, problems }
  }

  it('gets each write once, oldest first, in an array of its own', () => {
    const seen: unknown[] = []
    const resolver: ConflictResolver = (entries) => {
      seen.push([...entries])
      ;(entries as Entry[]).reverse().length = 1
      return { resolved: 1 }
    }
    run(resolver, [recent, old, structuredClone(recent)])
    run(resolver, [old, recent, old])
    expect(seen).toEqual([
      [old, recent],
      [old, recent],
    ])
  })

  it('may return as little as { resolved }: custom, and what equals no value discards none', () => {
    expect(run(() => ({ resolved: { n: 3 } }))).toEqual({
      resolution: { resolved: { n: 3 }, strategy: 'custom', discarded: [] },
      problems: [],
    })
    expect(run(() => ({ resolved: { n: 1 } })).resolution.discarded).toEqual([recent])
  })

  it('has its strategy, discarded entries and field writers taken as far as they are right', () => {
    const { resolution, problems } = run((entries: readonly Entry[]) => ({
      resolved: { a: 1, b: 2 },
      strategy: 'merge',
      discarded: [entries[0], at(7, 7), 'x'],
      fields: JSON.parse('{"a":[1,0,"a"],"b":[1,"0","a"],"c":[1,0,"a"],"__proto__":[1,0,"a"]}'),
    }))
    expect(problems).toEqual([])
    expect(resolution).toMatchObject({ strategy: 'merge', discarded: [old] })
    expect(JSON.stringify(resolution.fields)).toBe('{"a":[1,0,"a"]}')
    for (const writer of [[-1, 0, 'a'], [1, 1.5, 'a'], [1, 0, 1], [1, 0], [Number.NaN, 0, 'a'], null]) {
      const { fields } = run(() => ({ resolved: { a: 1 }, fields: { a: writer } })).resolution
      expect({ ...fields }).toEqual({})
    }
    expect(run(() => ({ resolved: 1, strategy: 'mine', discarded: 'all', fields: [] })).resolution).toEqual({
      resolved: 1,
      strategy: 'custom',
      discarded: [],
    })
  })

  it('may be a built-in one: nothing of its result is lost', () => {
    fc.assert(
      fc.property(entries, fc.constantFrom(...resolvers), (given, [, resolve]) => {
        const { resolution, problems } = run(resolve, given)
        expect(problems).toEqual([])
        expect(canonicalJson(toJson({ ...resolution, fields: null }))).toBe(
          canonicalJson(toJson({ ...resolve(given), fields: null })),
        )
        if (resolve === mergeObjects && isObject(resolution.resolved) && resolution.strategy === 'merge') {
          expect(canonicalJson(toJson(resolution.fields))).toBe(canonicalJson(toJson(resolve(given).fields)))
        }
      }),
    )
  })

  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const faults: [string, unknown, RegExp][] = [
    ['throws', () => fail(new Error('boom')), /boom/],
    ['throws what is no error', () => fail('just text'), /just text/],
    ['changes a value', (given: Entry[]) => ({ resolved: Object.assign(given[0]?.value as object, { n: 9 }) }), /read only/],
    ['returns nothing', () => undefined, /must return \{ resolved \}/],
    ['returns a bare value', () => 5, /must return \{ resolved \}, got 5/],
    ['returns no resolved', () => ({ value: 1 }), /not JSON/],
    ['returns a function', () => () => 1, /must return \{ resolved \}/],
    ['resolves to a function', () => ({ resolved: () => 1 }), /function/],
    ['resolves to NaN', () => ({ resolved: Number.NaN }), /NaN/],
    ['resolves to a Map', () => ({ resolved: new Map() }), /Map/],
    ['resolves to a cycle', () => ({ resolved: cycle }), /back to itself/],
    ['is async', async () => ({ resolved: 1 }), /promise/],
    ['is async and rejects', () => Promise.reject(new Error('nobody waits')), /promise/],
    ['resolves to a promise that rejects', () => ({ resolved: Promise.reject(new Error('nobody waits')) }), /promise/],
    [
      'returns what throws when it is looked at',
      () => ({
        get resolved() {
          return fail(new Error('trap'))
        },
      }),
      /trap/,
    ],
    ['is no function', 'nonsense', /not a function/],
  ]

  it.each(faults)('that %s: the last write wins, and it is reported', (_, resolver, reason) => {
    const { resolution, problems } = run(resolver)
    expect(resolution).toEqual(lastWrite)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ code: 'invalid_option', retryable: false })
    expect(problems[0]?.message).toMatch(reason)
    expect(problems[0]?.cause).toBeDefined()
  })

  it('is not asked about a single write', () => {
    expect(run(() => fail(new Error('asked')), [old, structuredClone(old)])).toEqual({
      resolution: { resolved: { n: 1 }, strategy: 'last-write-wins', discarded: [] },
      problems: [],
    })
    expect(() => run(lastWriteWins, [])).toThrow(expect.objectContaining({ code: 'invalid_value' }))
  })
})

function fail(thrown: unknown): never {
  throw thrown
}

function isObject(value: Json): value is { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
