import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareVersions,
  emptyVersion,
  isCovered,
  joinVersions,
  parseVersion,
  type Version,
  versionWorkersMax,
  withCounter,
} from '../../src/domain/version-vector.ts'

// Names that every plain object seems to have are names like any other.
const worker = fc.constantFrom('a', 'b', 'c', 'constructor', 'toString', '__proto__')
const counters = fc.array(fc.tuple(worker, fc.nat(3)), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs))
const version = counters.map(parseVersion)
const opposite = { equal: 'equal', before: 'after', after: 'before', concurrent: 'concurrent' } as const

/** The definition, worker by worker. */
function countersOf(given: Version): Map<string, number> {
  return new Map(Object.entries(given).filter(([, counter]) => counter > 0))
}

describe('comparing versions', () => {
  it('follows the definition: each worker counts, a missing one as 0', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [mapA, mapB] = [countersOf(a), countersOf(b)]
        const workers = [...mapA.keys(), ...mapB.keys()]
        const aAhead = workers.some((id) => (mapA.get(id) ?? 0) > (mapB.get(id) ?? 0))
        const bAhead = workers.some((id) => (mapB.get(id) ?? 0) > (mapA.get(id) ?? 0))
        const expected = aAhead ? (bAhead ? 'concurrent' : 'after') : bAhead ? 'before' : 'equal'
        expect(compareVersions(a, b)).toBe(expected)
        expect(isCovered(a, b)).toBe(expected === 'equal' || expected === 'before')
      }),
    )
  })

  it('is reflexive, and turns round when its sides do', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(compareVersions(a, a)).toBe('equal')
        expect(compareVersions(a, b)).toBe(opposite[compareVersions(b, a)])
      }),
    )
  })

  it('is transitive', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const chain = joinVersions(a, b)
        expect(isCovered(a, joinVersions(chain, c))).toBe(true)
        if (isCovered(a, b) && isCovered(b, c)) expect(isCovered(a, c)).toBe(true)
      }),
    )
  })

  it('is right for plain objects too, which is what versions are after crossing to another thread', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [plainA, plainB] = [structuredClone(a), structuredClone(b)]
        expect(compareVersions(plainA, plainB)).toBe(compareVersions(a, b))
        expect(countersOf(joinVersions(plainA, plainB))).toEqual(countersOf(joinVersions(a, b)))
      }),
    )
  })
})

describe('joining versions', () => {
  it('is commutative, associative and idempotent, with the empty version as its unit', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const equal = (left: Version, right: Version) => expect(countersOf(left)).toEqual(countersOf(right))
        equal(joinVersions(a, b), joinVersions(b, a))
        equal(joinVersions(joinVersions(a, b), c), joinVersions(a, joinVersions(b, c)))
        equal(joinVersions(a, a), a)
        equal(joinVersions(a, emptyVersion), a)
      }),
    )
  })

  it('gives the least upper bound: it covers both, and all that covers both covers it', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, other) => {
        const joined = joinVersions(a, b)
        expect(isCovered(a, joined) && isCovered(b, joined)).toBe(true)
        if (isCovered(a, other) && isCovered(b, other)) expect(isCovered(joined, other)).toBe(true)
        expect(compareVersions(a, b) === 'before').toBe(compareVersions(a, joined) === 'before' && isCovered(joined, b))
      }),
    )
  })

  it('leaves its arguments alone', () => {
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const [frozenA, frozenB] = [Object.freeze(parseVersion(a)), Object.freeze(parseVersion(b))]
        joinVersions(frozenA, frozenB)
        withCounter(frozenA, 'a', 9)
        expect(countersOf(frozenA)).toEqual(countersOf(parseVersion(a)))
      }),
    )
  })
})

describe('a new local version', () => {
  it('dominates its context when the counter is above its own entry', () => {
    fc.assert(
      fc.property(version, worker, fc.integer({ min: 1, max: 5 }), (context, id, step) => {
        const next = withCounter(context, id, (context[id] ?? 0) + step)
        expect(compareVersions(context, next)).toBe('before')
        expect(next[id]).toBe((context[id] ?? 0) + step)
      }),
    )
  })
})

describe('versions from outside', () => {
  it('keep every counter and inherit nothing', () => {
    const parsed = parseVersion(JSON.parse('{"__proto__":3,"constructor":1,"w":2}'))
    expect(Object.entries(parsed)).toEqual([
      ['__proto__', 3],
      ['constructor', 1],
      ['w', 2],
    ])
    expect(parsed.toString).toBeUndefined()
    expect(parseVersion({}).constructor).toBeUndefined()
    expect(JSON.stringify(parsed)).toBe('{"__proto__":3,"constructor":1,"w":2}')
    expect(({} as { w?: unknown }).w).toBeUndefined()
  })

  it('are refused as corrupt unless they are objects of counters', () => {
    const tooMany = Object.fromEntries(Array.from({ length: versionWorkersMax + 1 }, (_, index) => [`w${index}`, 1]))
    const faults = [
      null,
      undefined,
      1,
      'a',
      [],
      [1],
      { a: -1 },
      { a: 1.5 },
      { a: '1' },
      { a: null },
      { a: 2 ** 53 },
      { a: Number.NaN },
    ]
    for (const given of [...faults, { a: Number.POSITIVE_INFINITY }, tooMany]) {
      expect(() => parseVersion(given)).toThrow(expect.objectContaining({ code: 'corrupt' }))
    }
    expect(parseVersion({ a: 0, b: 2 ** 53 - 1 })).toEqual({ a: 0, b: 2 ** 53 - 1 })
  })
})
