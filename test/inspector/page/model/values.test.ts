/** Keys, differences, causality and figures: what panes ask about values. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, type Json } from '../../../../src/domain/json.ts'
import { compareKeys } from '../../../../src/domain/key.ts'
import { compareVersions, type Version } from '../../../../src/domain/version-vector.ts'
import { differencesMax } from '../../../../src/inspector/page/model/differences.ts'
import { silenceMsMax } from '../../../../src/inspector/page/model/metrics-columns.ts'
import { causality, differences, type KeyNode, keyTree, metricsColumns } from '../../../../src/inspector/page/model/selectors.ts'
import type { EntryVersion, SessionState } from '../../../../src/inspector/page/model/session-state.ts'
import { change, entry, folded, memory, metrics, source } from './records.ts'

describe('the tree of keys', () => {
  const stateOf = (keys: readonly string[]) => folded(memory(), ...keys.map((key, index) => change(key, index + 1, index)))
  const shape = (node: KeyNode): unknown => [node.name, node.keys, node.isKey, node.children().map(shape)]

  it('has a node for each segment, with how many keys are below, in key order', () => {
    expect(shape(keyTree(stateOf(['ns/b/2', 'ns/b', 'ns/a/1', 'ns/b/1', 'x'])))).toEqual([
      '',
      5,
      false,
      [
        [
          'ns',
          4,
          false,
          [
            ['a', 1, false, [['1', 1, true, []]]],
            [
              'b',
              3,
              true,
              [
                ['1', 1, true, []],
                ['2', 1, true, []],
              ],
            ],
          ],
        ],
        ['x', 1, true, []],
      ],
    ])
  })

  it('leads to every key, and to nothing else, whatever the keys are', () => {
    const segment = fc.constantFrom('a', 'b', '', '😀', '\uFFFD', 'aa')
    const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 12 }), (keys) => {
        const found: string[] = []
        const visit = (node: KeyNode): void => {
          if (node.isKey) found.push(node.path)
          expect(node.hasChildren).toBe(node.children().length > 0)
          const names = node.children().map(({ name }) => name)
          expect(names).toEqual([...new Set(names)].sort(compareKeys))
          expect(node.keys).toBe(node.children().reduce((sum, child) => sum + child.keys, node.isKey ? 1 : 0))
          for (const child of node.children()) visit(child)
        }
        visit(keyTree(stateOf(keys)))
        expect(found.sort()).toEqual(keys.toSorted())
      }),
      { numRuns: 100 },
    )
  })

  it('is the same tree until a key comes or goes', () => {
    const records = [memory(), change('a/b', 1, 1)]
    const tree = keyTree(folded(...records))
    expect(keyTree(folded(...records))).not.toBe(tree)
    const state = folded(...records)
    expect(keyTree(state)).toBe(keyTree({ ...state }))
    const plainState: SessionState = { ...state, entries: new Map(state.entries) }
    expect(keyTree(plainState).keys).toBe(1)
    expect(keyTree(plainState)).toBe(keyTree(plainState))
  })
})

describe('the difference of two values', () => {
  it.each<[string, Json | undefined, Json | undefined, readonly unknown[]]>([
    ['none', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['a member', { a: 1, b: 2 }, { a: 1, b: 3 }, [{ path: 'b', before: 2, after: 3 }]],
    ['deep inside', { a: [0, { b: 'x' }] }, { a: [0, { b: 'y' }] }, [{ path: 'a[1].b', before: 'x', after: 'y' }]],
    [
      'one more, one less',
      { a: 1 },
      { b: 2 },
      [
        { path: 'a', before: 1 },
        { path: 'b', after: 2 },
      ],
    ],
    ['a longer list', [1], [1, 2], [{ path: '[1]', after: 2 }]],
    ['another kind', { a: [] }, { a: {} }, [{ path: 'a', before: [], after: {} }]],
    ['null and nothing', { a: null }, {}, [{ path: 'a', before: null }]],
    [
      'odd names',
      { 'two words': 1, é: 1 },
      { 'two words': 2, é: 2 },
      [
        { path: '["two words"]', before: 1, after: 2 },
        { path: 'é', before: 1, after: 2 },
      ],
    ],
    ['names that every object has', {}, { constructor: 1 }, [{ path: 'constructor', after: 1 }]],
    ['the whole', 1, 'a', [{ path: '', before: 1, after: 'a' }]],
    ['from nothing', undefined, { a: 1 }, [{ path: '', after: { a: 1 } }]],
  ])('%s', (_, before, after, list) => expect(differences(before, after)).toEqual({ list, isCut: false }))

  it('is bounded, and says so', () => {
    const many = (value: number) =>
      Object.fromEntries(Array.from({ length: differencesMax + 1 }, (_, index) => [`m${index}`, value]))
    expect(differences(many(1), many(2))).toMatchObject({ isCut: true, list: { length: differencesMax } })
    const deep = (value: Json) => {
      let outer = value
      for (let level = 0; level < 150; level++) outer = { in: outer }
      return outer
    }
    expect(differences(deep(1), deep(2)).list).toHaveLength(1)
    expect(differences(deep(1), deep(1)).list).toEqual([])
  })

  it('is empty just for equal values, and the same places are found both ways', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
        const paths = (list: readonly { readonly path: string }[]) => list.map(({ path }) => path).sort()
        expect(differences(a as Json, structuredClone(a) as Json).list).toEqual([])
        expect(paths(differences(a as Json, b as Json).list)).toEqual(paths(differences(b as Json, a as Json).list))
        const isSame = canonicalJson(a as Json) === canonicalJson(b as Json)
        expect(differences(a as Json, b as Json).list.length === 0).toBe(isSame)
      }),
    )
  })
})

describe('the causality of a key’s versions', () => {
  const version = (revision: number, writer: string, seen: Version): EntryVersion => ({
    revision,
    position: revision,
    atMs: revision,
    entry: entry(revision, { workerId: writer, version: seen }),
  })
  const edgesOf = (...versions: EntryVersion[]) => causality(versions).edges.map(({ from, to, kind }) => `${from} ${kind} ${to}`)

  it('says who had seen whom, without what follows from it', () => {
    expect(edgesOf(version(1, 'a', { a: 1 }), version(2, 'a', { a: 2 }), version(3, 'b', { a: 2, b: 1 }))).toEqual([
      '0 after 1',
      '1 after 2',
    ])
  })

  it('shows two that had not seen each other, and the one that joined them', () => {
    expect(
      edgesOf(
        version(1, 'a', { a: 1 }),
        version(2, 'a', { a: 2 }),
        version(3, 'b', { a: 1, b: 1 }),
        version(4, 'a', { a: 3, b: 1 }),
      ),
    ).toEqual(['0 after 1', '0 after 2', '1 concurrent 2', '1 after 3', '2 after 3'])
  })

  it('has a lane for each writer, and the order of revisions, however they are given', () => {
    const { nodes, lanes } = causality([version(3, 'b', { b: 1 }), version(1, 'a', { a: 1 }), version(2, 'b', { a: 1, b: 1 })])
    expect(lanes).toEqual(['a', 'b'])
    expect(nodes.map(({ lane, version: { revision } }) => [revision, lane])).toEqual([
      [1, 0],
      [2, 1],
      [3, 1],
    ])
  })

  it('draws nothing against the order of the store, and equal versions as one behind the other', () => {
    expect(edgesOf(version(1, 'a', { a: 2 }), version(2, 'b', { a: 1 }))).toEqual([])
    expect(edgesOf(version(1, 'a', { a: 1 }), version(2, 'b', { a: 1 }))).toEqual(['0 after 1'])
  })

  it('leads from each version to all that it had seen, and to no other', () => {
    const seen = fc.record({ a: fc.nat({ max: 3 }), b: fc.nat({ max: 3 }), c: fc.nat({ max: 3 }) })
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 9 }), (given) => {
        const { edges } = causality(given.map((each, index) => version(index, 'a', each)))
        const reached = given.map(() => new Set<number>())
        for (const { from, to, kind } of edges) {
          if (kind !== 'after') continue
          reached[to]?.add(from)
          for (const earlier of reached[from] ?? []) reached[to]?.add(earlier)
        }
        for (let to = 0; to < given.length; to++) {
          for (let from = 0; from < to; from++) {
            const comparison = compareVersions(given[to] ?? {}, given[from] ?? {})
            expect(reached[to]?.has(from)).toBe(comparison === 'after' || comparison === 'equal')
            const isConcurrent = edges.some((edge) => edge.kind === 'concurrent' && edge.from === from && edge.to === to)
            expect(isConcurrent).toBe(comparison === 'concurrent')
          }
        }
      }),
    )
  })
})

describe('the figures of processes', () => {
  const told = (atMs: number, transitions: number, given = {}) => metrics({ atMs, transitions, ...given })

  it('are rates between two records of a process, and what it had at hand', () => {
    const columns = metricsColumns(
      folded(
        source(),
        told(1000, 100, { committedUnits: 10, committedBatches: 5, cacheHits: 0, cacheMisses: 0, running: 2 }),
        told(3000, 300, {
          committedUnits: 50,
          committedBatches: 15,
          cacheHits: 9,
          cacheMisses: 1,
          running: 3,
          breaker: 'half-open',
          commitP50Ms: 4,
        }),
      ),
      'p',
    )
    expect(columns).toMatchObject({
      atS: [1, 3],
      transitionsPerS: [null, 100],
      unitsPerS: [null, 20],
      unitsPerBatch: [null, 4],
      cacheHitShare: [null, 0.9],
      running: [2, 3],
      breaker: [0, 1],
      commitP50Ms: [null, 4],
    })
  })

  it('have no negative rate where the counters began anew', () => {
    const { transitionsPerS } = metricsColumns(folded(source(), told(1000, 500), told(2000, 3), told(3000, 13)), 'p')
    expect(transitionsPerS).toEqual([null, null, 10])
  })

  it('have no share where nothing was asked, and no level of a breaker that nobody knows', () => {
    const columns = metricsColumns(folded(source(), told(1000, 0), told(2000, 0, { breaker: 'unknown' })), 'p')
    expect(columns).toMatchObject({
      cacheHitShare: [null, null],
      unitsPerBatch: [null, null],
      breaker: [0, null],
      conflictsPerS: [null, 0],
    })
  })

  it('have a hole where nothing was told for long, and times that only rise', () => {
    const { atS, running } = metricsColumns(
      folded(
        source(),
        told(1000, 0, { running: 1 }),
        told(900, 0, { running: 7 }),
        told(1000 + 2 * silenceMsMax, 0, { running: 2 }),
      ),
      'p',
    )
    expect(atS).toEqual([1, 1 + silenceMsMax / 1000, 1 + (2 * silenceMsMax) / 1000])
    expect(running).toEqual([1, null, 2])
  })

  it('are sums of all processes together, or the worst of them', () => {
    const of = (id: string) => ({ source: id })
    const columns = metricsColumns(
      folded(
        source(),
        told(1100, 0, { ...of('p'), ready: 5 }),
        told(1200, 0, { ...of('q'), ready: 6 }),
        told(2100, 10, {
          ...of('p'),
          running: 1,
          ready: 5,
          committedUnits: 30,
          committedBatches: 10,
          commitMaxMs: 3,
          cacheHits: 90,
          cacheMisses: 0,
        }),
        told(2200, 20, {
          ...of('q'),
          running: 2,
          ready: 4,
          committedUnits: 10,
          committedBatches: 10,
          commitMaxMs: 9,
          cacheHits: 0,
          cacheMisses: 10,
          breaker: 'open',
        }),
        told(3100, 20, { ...of('p'), running: 4 }),
      ),
      null,
    )
    expect(columns.atS).toEqual([1, 2, 3])
    expect(columns).toMatchObject({ ready: [6, 5, 4], commitMaxMs: [null, 9, 9], breaker: [0, 2, 2], running: [0, 3, 6] })
    expect(columns.transitionsPerS[1]).toBeCloseTo(30)
    expect(columns.unitsPerBatch[1]).toBeCloseTo(2)
    expect(columns.cacheHitShare[1]).toBeCloseTo(0.9)
  })

  it('do not count a process that has been silent for long among all', () => {
    const own = (atMs: number) => told(atMs, 0, { running: 1 })
    const rows = Array.from({ length: 10 }, (_, second) => own(1000 * (second + 1)))
    const { running } = metricsColumns(folded(source(), told(1000, 0, { source: 'q', running: 5 }), ...rows), null)
    expect([running[0], running[2], running.at(-1)]).toEqual([6, 6, 1])
  })

  it('are empty for who is not known, and the same object for the same state', () => {
    const state = folded(source(), told(1000, 0))
    expect(metricsColumns(state, 'nobody').atS).toEqual([])
    expect(metricsColumns(state, 'p')).toBe(metricsColumns(state, 'p'))
    expect(metricsColumns(state, null).atS).toEqual([1])
  })
})
