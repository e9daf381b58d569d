import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/domain/entry.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { canonicalJson } from '../../src/domain/json.ts'
import { assertResolverLaws, entriesOf, mergedEntryOf } from '../../src/domain/resolver-laws.ts'
import { type ConflictResolver, ConflictResolvers } from '../../src/domain/resolvers.ts'

const values = [[1, 2], [2, 3, 3], [], null, { a: 1 }, { a: 2, b: [1] }, {}, 3, -0, 'x', JSON.parse('{"__proto__":1,"é":2}')]
const arrays = [[1, 2], [3, 2], [0], []]
const objects = [{ a: 1, b: 1 }, { b: 2 }, { a: 3, c: 3 }, {}]

function faultOf(resolver: ConflictResolver, given: readonly unknown[]): string {
  try {
    assertResolverLaws(resolver, given)
  } catch (error) {
    expect(error).toBeInstanceOf(MemorySyncError)
    expect(error).toMatchObject({ code: 'invalid_option', retryable: false })
    return (error as MemorySyncError).message
  }
  return 'none'
}

const itemsOf = (entry: Entry): readonly unknown[] => entry.value as readonly unknown[]
const fieldsOf = (entry: Entry): object => entry.value as object
const oldestFirst = (entries: readonly Entry[]): Entry[] =>
  entries.toSorted((a, b) => a.timestamp - b.timestamp || (a.workerId < b.workerId ? -1 : 1))
const choose =
  (better: (a: Entry, b: Entry) => Entry): ConflictResolver =>
  (entries) => ({ resolved: entries.reduce(better).value })

/** Newest entry by all that orders two writes. */
function isNewer(a: Entry, b: Entry): boolean {
  const [left, right] = [a, b].map((entry) => [entry.timestamp, entry.x?.c ?? 0, entry.workerId, canonicalJson(entry.value)])
  if (left === undefined || right === undefined) return false
  for (const [index, one] of left.entries()) {
    const two = right[index] as typeof one
    if (one !== two) return one > two
  }
  return false
}

describe('assertResolverLaws accepts', () => {
  it.each(Object.entries(ConflictResolvers))('%s', (_, resolver) => {
    expect(faultOf(resolver, values)).toBe('none')
    expect(faultOf(resolver, objects)).toBe('none')
    expect(faultOf(resolver, [1, 2])).toBe('none')
  })

  const lawful: [string, ConflictResolver, unknown[]][] = [
    ['the newest by time, counter, worker and value', choose((a, b) => (isNewer(a, b) ? a : b)), values],
    ['a sorted union', (entries) => ({ resolved: [...new Set(entries.flatMap(itemsOf))].sort() }), arrays],
    ['the greatest of numbers', (entries) => ({ resolved: Math.max(...entries.map((each) => Number(each.value))) }), [1, 2, -3]],
    [
      'the longest text, ties by code unit',
      (entries) => {
        const texts = entries.map((entry) => String(entry.value))
        return { resolved: texts.sort((a, b) => b.length - a.length || (a < b ? -1 : 1))[0] }
      },
      ['ab', 'ba', 'abc', ''],
    ],
    ['one value for all', () => ({ resolved: 'always' }), values],
    [
      'the first writer, when it says whom it discards',
      (entries) => {
        const first = entries.reduce((a, b) => (isNewer(a, b) ? b : a))
        return { resolved: first.value, discarded: entries.filter((entry) => entry !== first) }
      },
      values,
    ],
    [
      'the highest rank, ties to the newest',
      choose((a, b) => {
        const [left, right] = [a, b].map((entry) => (entry.value as { rank: number }).rank)
        return left === right ? (isNewer(a, b) ? a : b) : Number(left) > Number(right) ? a : b
      }),
      [
        { rank: 1, by: 'x' },
        { rank: 2, by: 'y' },
        { rank: 2, by: 'z' },
      ],
    ],
    [
      'sorting its argument in place, which is its own',
      (entries) => ({ resolved: (entries as Entry[]).sort((a, b) => (isNewer(a, b) ? -1 : 1))[0]?.value }),
      values,
    ],
  ]
  it.each(lawful)('%s', (_, resolver, given) => {
    expect(faultOf(resolver, given)).toBe('none')
  })
})

describe('assertResolverLaws rejects', () => {
  const unlawful: [string, ConflictResolver, unknown[], RegExp][] = [
    ['the newer by time alone', choose((a, b) => (a.timestamp > b.timestamp ? a : b)), [1, 2], /not commutative/],
    [
      'the newer by time and worker alone',
      choose((a, b) => ((a.timestamp - b.timestamp || (a.workerId > b.workerId ? 1 : -1)) > 0 ? a : b)),
      [1, 2],
      /not commutative/,
    ],
    ['concatenation', (entries) => ({ resolved: entries.flatMap(itemsOf) }), arrays, /not (commutative|idempotent)/],
    ['sorted concatenation', (entries) => ({ resolved: entries.flatMap(itemsOf).sort() }), arrays, /not idempotent/],
    ['an unsorted union', (entries) => ({ resolved: [...new Set(entries.flatMap(itemsOf))] }), arrays, /not commutative/],
    ['spreading', (entries) => ({ resolved: Object.assign({}, ...entries.map(fieldsOf)) }), objects, /not commutative/],
    [
      'spreading, the newest last',
      (entries) => {
        const order = entries.toSorted((a, b) => (isNewer(a, b) ? 1 : -1))
        return { resolved: Object.fromEntries(Object.entries(Object.assign({}, ...order.map(fieldsOf))).sort()) }
      },
      // Ties of time apart, it is not even associative.
      [{ a: 1 }, { b: 2 }, { a: 3, c: 3 }],
      /not associative/,
    ],
    [
      'Math.max with what is no number',
      (entries) => ({ resolved: Math.max(...entries.map((each) => each.value as number)) }),
      [1, 'x'],
      /not total.*NaN/,
    ],
    ['a sum', (entries) => ({ resolved: entries.reduce((sum, each) => sum + Number(each.value), 0) }), [1, 2], /not idempotent/],
    [
      'a mean',
      (entries) => ({ resolved: entries.reduce((sum, each) => sum + Number(each.value), 0) / entries.length }),
      [1, 2],
      /not (idempotent|associative)/,
    ],
    [
      'the fallback to the last write as soon as one value is odd',
      (entries) =>
        entries.every((entry) => Array.isArray(entry.value))
          ? ConflictResolvers.mergeArrays(entries)
          : ConflictResolvers.lastWriteWins(entries),
      [[1], [2], 'x'],
      /not (idempotent|associative)/,
    ],
    ['the first given', (entries) => ({ resolved: entries[0]?.value }), [1, 2], /not commutative/],
    [
      'the oldest first, by an unstable tie',
      (entries) => ({ resolved: oldestFirst(entries)[0]?.value }),
      [1, 2],
      /not commutative/,
    ],
  ]
  it.each(unlawful)('%s', (_, resolver, given, fault) => {
    expect(faultOf(resolver, given)).toMatch(fault)
  })

  it('resolvers that remember', () => {
    let calls = 0
    expect(faultOf(() => ({ resolved: calls++ }), [1, 2])).toMatch(/not pure: .*asked again/)
  })

  it('resolvers that change a value', () => {
    const resolver: ConflictResolver = (entries) => {
      const [first] = entries.map((entry) => entry.value as unknown[])
      first?.push(4)
      return { resolved: first }
    }
    expect(faultOf(resolver, arrays)).toMatch(/not pure: it changes what it is given/)
  })

  it('resolvers that fail', () => {
    const faults: [unknown, RegExp][] = [
      [
        () => {
          throw new Error('boom')
        },
        /not total: .*boom/,
      ],
      [(entries: readonly Entry[]) => ({ resolved: entries.map((entry) => entry.x?.d[0].length)[0] }), /not total: .*undefined/],
      [async () => ({ resolved: 1 }), /not total: .*promise/],
      [() => ({ resolved: () => 1 }), /not total: .*function/],
      [() => 5, /not total: .*\{ resolved \}/],
      ['x', /must be a function, got "x"/],
    ]
    for (const [resolver, fault] of faults) expect(faultOf(resolver as ConflictResolver, [1, 2])).toMatch(fault)
  })

  it('with the entries that break the law, the same in every run', () => {
    const resolver = choose((a, b) => (a.timestamp > b.timestamp ? a : b))
    const fault = faultOf(resolver, ['left', 'right'])
    expect(fault).toMatch(/"value":"left".*"timestamp":1700000000000.*"value":"right"/)
    expect(faultOf(resolver, ['left', 'right'])).toBe(fault)
  })
})

describe('assertResolverLaws itself', () => {
  it('refuses what would prove nothing', () => {
    for (const given of [
      [],
      [1],
      [1, 1],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ]) {
      expect(faultOf(ConflictResolvers.lastWriteWins, given)).toMatch(/two different values/)
    }
    const faults: unknown[] = [0, 1.5, Number.NaN, '7']
    for (const samplesMax of faults) {
      const check = () => assertResolverLaws(ConflictResolvers.lastWriteWins, [1, 2], { samplesMax: samplesMax as number })
      expect(check).toThrow(/samplesMax/)
    }
    const notJson = () => assertResolverLaws(ConflictResolvers.lastWriteWins, [1, Number.NaN])
    expect(notJson).toThrow(expect.objectContaining({ code: 'invalid_value' }))
  })

  it('is bounded, however many values it gets', () => {
    const bounded = 20
    let calls = 0
    const resolver: ConflictResolver = (entries) => {
      calls++
      return ConflictResolvers.lastWriteWins(entries)
    }
    assertResolverLaws(
      resolver,
      Array.from({ length: 500 }, (_, index) => index),
      { samplesMax: bounded },
    )
    expect(calls).toBeLessThan(bounded * 100)
  })

  it('tries entries that tie in time, in worker, and in both, and some without x', () => {
    const entries = entriesOf(['a', 'b'])
    const ties = (select: (entry: Entry) => unknown): boolean =>
      entries.some((one) =>
        entries.some((two) => one.value !== two.value && JSON.stringify(select(one)) === JSON.stringify(select(two))),
      )
    expect(ties((entry) => [entry.timestamp, entry.x?.c, entry.workerId])).toBe(true)
    expect(entries.some((entry) => entry.x === undefined)).toBe(true)
    const dots = entries.flatMap((entry) => (entry.x === undefined ? [] : [entry.x.d.join('/')]))
    expect(new Set(dots).size).toBe(dots.length)
    expect(Object.isFrozen(entries[0]?.version)).toBe(true)
  })
})

describe('a merged entry', () => {
  it('has seen what all have seen, and bears time and writer of the greatest entry that it is made of', () => {
    const entry = (timestamp: number, workerId: string, value: number): Entry => ({
      value,
      version: { [workerId]: timestamp },
      timestamp,
      workerId,
    })
    const [low, high] = [entry(9, 'a', 1), entry(5, 'b', 7)]
    const merged = mergedEntryOf([low, high], ConflictResolvers.maxValue([low, high]))
    expect(merged).toEqual({ value: 7, version: { a: 9, b: 5 }, timestamp: 5, workerId: 'b', x: { v: 1, d: ['b', 5, ''] } })
    expect(mergedEntryOf([low, high], { resolved: 0, strategy: 'custom', discarded: [low, high] }).timestamp).toBe(9)
  })
})
