/** Where versions are drawn: right of all they had seen, beside those they had not; sides of conflicts that were never stored too. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import { compareVersions, type Version } from '../../../src/domain/version-vector.ts'
import type { EntryVersion } from '../../../src/inspector/page/model/session-state.ts'
import { causalVersions, isStored } from '../../../src/inspector/page/panes/causal-versions.ts'
import { layoutCausality } from '../../../src/inspector/page/panes/causality-layout.ts'
import type { ConflictRecord } from '../../../src/wire/trace-record.ts'

/** A write whose dot is the writer's own counter. */
function entryOf(workerId: string, version: Version): Entry {
  return { value: null, version, timestamp: 0, workerId, x: { v: 1, d: [workerId, version[workerId] ?? 0, 'i'] } }
}

/** In the order given, a second apart. */
function versionsOf(...writes: readonly (readonly [string, Version])[]): EntryVersion[] {
  return writes.map(([writer, version], index) => ({
    revision: index + 1,
    entry: entryOf(writer, version),
    atMs: 1000 * (index + 1),
    position: index,
  }))
}

describe('the drawing of causality', () => {
  it('puts versions that had seen each other in a row', () => {
    const layout = layoutCausality(versionsOf(['a', { a: 1 }], ['b', { a: 1, b: 1 }], ['a', { a: 2, b: 1 }]))
    expect(layout.writers).toEqual(['a', 'b'])
    expect(layout.places.map(({ column, lane }) => [column, lane])).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ])
    expect(layout.edges.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 2],
    ])
    expect(layout.columns).toBe(3)
    expect(layout.concurrentColumns).toEqual([])
  })

  it('puts those that had not seen each other side by side, and their merge behind both', () => {
    const layout = layoutCausality(versionsOf(['a', { a: 1 }], ['a', { a: 2 }], ['b', { a: 1, b: 1 }], ['b', { a: 2, b: 2 }]))
    expect(layout.places.map(({ column }) => column)).toEqual([0, 1, 1, 2])
    expect(layout.concurrentColumns).toEqual([1])
    expect(layout.edges.filter(({ to }) => to === 3).map(({ from }) => from)).toEqual([1, 2])
  })

  it('draws nothing for nothing', () => {
    expect(layoutCausality([])).toEqual({ writers: [], places: [], edges: [], columns: 0, concurrentColumns: [] })
  })

  it('never lets two share a place or an edge run to the left, and marks only columns of versions that had not seen each other', () => {
    const counters = fc.record({ a: fc.nat(3), b: fc.nat(3), c: fc.nat(3) })
    const write = fc.tuple(fc.constantFrom('a', 'b', 'c'), counters)
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
        const { places, edges, columns, concurrentColumns } = layoutCausality(versionsOf(...writes))
        expect(new Set(places.map(({ column, lane }) => `${column} ${lane}`)).size).toBe(writes.length)
        for (const { from, to } of edges) expect(places[from]?.column).toBeLessThan(places[to]?.column ?? -1)
        for (const { column } of places) expect(column).toBeLessThan(columns)
        for (const column of concurrentColumns) {
          const versions = places.filter((place) => place.column === column).map(({ version }) => version.entry.version)
          const isAnyPair = versions.some((a) => versions.some((b) => compareVersions(a, b) === 'concurrent'))
          expect(isAnyPair).toBe(true)
        }
      }),
    )
  })
})

describe('the versions that are drawn', () => {
  const stored = versionsOf(['a', { a: 1 }], ['a', { a: 2 }], ['b', { a: 2, b: 2 }])
  const conflict = (atMs: number, ...sides: readonly Entry[]): ConflictRecord => ({
    type: 'conflict',
    source: 's',
    seq: 1,
    atMs,
    key: 'k',
    sides,
    strategy: 'merge',
    resolved: null,
    discarded: 0,
  })

  it('have the side of a conflict that was never stored, before the version that came of it', () => {
    const side = entryOf('b', { a: 1, b: 1 })
    const drawn = causalVersions(stored, [conflict(2500, stored[1]?.entry as Entry, side)])
    expect(drawn.map((version) => [version.entry.workerId, isStored(version)])).toEqual([
      ['a', true],
      ['a', true],
      ['b', false],
      ['b', true],
    ])
    expect(layoutCausality(drawn).concurrentColumns).toEqual([1])
  })

  it('have a side once, however often it was told', () => {
    const side = entryOf('b', { a: 1, b: 1 })
    expect(causalVersions(stored, [conflict(2500, side), conflict(2600, side)])).toHaveLength(4)
  })

  it('have no side of conflicts from before the oldest version, and none without versions', () => {
    const side = entryOf('b', { a: 1, b: 1 })
    expect(causalVersions(stored, [conflict(500, side)])).toEqual(stored)
    expect(causalVersions([], [conflict(500, side)])).toEqual([])
  })
})
