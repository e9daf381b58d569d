/** The rows of the key tree, what an entry says of itself, and who wrote it. */
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import type { Json } from '../../../src/domain/json.ts'
import { Folder } from '../../../src/inspector/page/model/fold.ts'
import { keyTree } from '../../../src/inspector/page/model/selectors.ts'
import type { EntryVersion, PlacedRecord } from '../../../src/inspector/page/model/session-state.ts'
import { entryFacts, lifeOf } from '../../../src/inspector/page/panes/entry-facts.ts'
import { foundKeys, foundKeysMax, keyRows, opened, toggled } from '../../../src/inspector/page/panes/key-rows.ts'
import { lateRecordsMax, originOf } from '../../../src/inspector/page/panes/write-origin.ts'
import type { CutValue, TracedWrite, TraceRecord } from '../../../src/wire/trace-record.ts'

function entryOf(value: Json | CutValue, more: Partial<Entry> = {}): Entry<Json | CutValue> {
  return { value, version: { alpha: 1 }, timestamp: 1000, workerId: 'alpha', ...more }
}

function stateWith(...records: readonly TraceRecord[]) {
  const folder = new Folder()
  for (const record of records) folder.fold(record)
  return folder.state
}

let seq = 0
const change = (key: string): TraceRecord => ({
  type: 'change',
  source: 'memory',
  seq: ++seq,
  atMs: 1000,
  key,
  revision: seq,
  entry: entryOf(1),
})

describe('the rows of the key tree', () => {
  const tree = keyTree(stateWith(...['app/a', 'app/deep/b', 'app', 'ns/tasks/1/record', 'ns/tasks/2/record'].map(change)))
  const shown = (turned: ReadonlySet<string>) => keyRows(tree, turned).map(({ path, depth }) => `${'  '.repeat(depth)}${path}`)

  it('are the top folders and what is directly in them', () => {
    expect(shown(new Set())).toEqual(['app', '  app/a', '  app/deep', 'ns', '  ns/tasks'])
  })

  it('open and close by their paths', () => {
    const turned = toggled('app', toggled('app/deep', new Set()))
    expect(shown(turned)).toEqual(['app', 'ns', '  ns/tasks'])
    expect(shown(toggled('app', turned))).toContain('    app/deep/b')
  })

  it('say which is a key, which has keys below it, and how many', () => {
    const rows = keyRows(tree, new Set())
    expect(rows[0]).toEqual({ path: 'app', name: 'app', depth: 0, isKey: true, isOpen: true, keys: 3 })
    expect(rows[1]).toMatchObject({ path: 'app/a', isKey: true, isOpen: null })
    expect(rows.at(-1)).toMatchObject({ path: 'ns/tasks', isKey: false, isOpen: false, keys: 2 })
  })

  it('show any key when the folders above it are opened, and open no other', () => {
    const turned = opened('ns/tasks/2/record', new Set())
    expect(shown(turned)).toContain('      ns/tasks/2/record')
    expect(shown(turned)).not.toContain('    app/deep/b')
    expect(shown(opened('app/a', toggled('app', new Set())))).toContain('  app/a')
  })

  it('survive a key of hundreds of segments', () => {
    const key = Array(200).fill('x').join('/')
    const deep = keyTree(stateWith(change(key)))
    expect(keyRows(deep, opened(key, new Set())).at(-1)?.path).toBe(key)
  })
})

describe('looking for keys', () => {
  it('finds them in key order, whatever the case', () => {
    expect(foundKeys(['b/Report', 'a/x', 'a/report'], 'REPORT').rows.map(({ path }) => path)).toEqual(['a/report', 'b/Report'])
  })

  it('shows a bounded number and says how many there are', () => {
    const keys = Array.from({ length: foundKeysMax + 7 }, (_, index) => `key/${index}`)
    const { rows, more } = foundKeys(keys, 'key')
    expect([rows.length, more]).toEqual([foundKeysMax, 7])
  })
})

describe('what an entry says', () => {
  it('is its guard, its life and what is left of it', () => {
    const facts = entryFacts(entryOf(1, { ttl: 10, x: { v: 1, d: ['alpha', 1, 'alpha-7'], e: ['tasks/1', 4] } }), 4000)
    expect(facts).toEqual({
      life: 'live',
      ttlMs: 10_000,
      ttlLeftMs: 7000,
      guard: { scope: 'tasks/1', epoch: 4 },
      incarnation: 'alpha-7',
    })
  })

  it('is expired at its time and not before; deleted wins over expired', () => {
    expect(lifeOf(entryOf(1, { ttl: 10 }), 10_999)).toBe('live')
    expect(lifeOf(entryOf(1, { ttl: 10 }), 11_000)).toBe('expired')
    expect(lifeOf(entryOf(null, { ttl: 10, x: { v: 1, d: ['alpha', 1, 'i'], t: 1 } }), 20_000)).toBe('deleted')
  })

  it('never has more time left than its writer gave it, whose clock may be ahead', () => {
    expect(entryFacts(entryOf(1, { ttl: 10 }), 0).ttlLeftMs).toBe(10_000)
    expect(entryFacts(entryOf(1, { ttl: 0 }), 0)).toMatchObject({ ttlMs: null, ttlLeftMs: null })
  })
})

describe('who wrote a version', () => {
  const source = (name: string, incarnation: string): TraceRecord => ({
    type: 'source',
    source: name,
    seq: 1,
    atMs: 0,
    kind: 'process',
    workerId: 'alpha',
    incarnation,
    pid: 1,
    host: 'h',
    namespace: 'ns',
    store: 'memory:',
  })
  const state = stateWith(source('first', 'alpha-1'), source('second', 'alpha-2'))
  const written = (position: number, from: string, ...writes: readonly TracedWrite[]): PlacedRecord => ({
    position,
    record: {
      type: 'transition',
      source: from,
      seq: position,
      atMs: position,
      address: 'task/1',
      event: { type: 'x' },
      sender: null,
      from: 'a',
      to: 'b',
      edges: [],
      actions: [],
      writes,
      status: 'active',
      mailbox: 0,
      durationMs: 0,
    },
  })
  const recordingOf = (...placed: readonly PlacedRecord[]) => ({
    findBack: (before: number, accepts: (record: TraceRecord) => boolean, limit: number) => ({
      found: placed
        .filter(({ position, record }) => position < before && accepts(record))
        .sort((a, b) => b.position - a.position)
        .slice(0, limit),
      nextBefore: 0,
    }),
  })
  const version = (entry: Entry<Json | CutValue>): EntryVersion => ({ revision: 1, entry, atMs: 100, position: 100 })
  const second = { v: 1, d: ['alpha', 1, 'alpha-2'] } as const

  it('is the newest transition of that life of the process that asked for this value', () => {
    const recording = recordingOf(
      written(10, 'second', { key: 'k', value: { n: 1 } }),
      written(20, 'second', { key: 'k', value: { n: 2 } }),
      written(30, 'first', { key: 'k', value: { n: 1 } }),
      written(40, 'second', { key: 'other', value: { n: 1 } }),
      written(110, 'second', { key: 'k', value: { n: 1 } }),
    )
    expect(originOf(recording, state, 'k', version(entryOf({ n: 1 }, { x: second })))?.position).toBe(10)
    expect(originOf(recording, state, 'k', version(entryOf({ n: 3 }, { x: second })))).toBeNull()
  })

  it('is the first that was told after its commit, where none was told before it and that one is near', () => {
    const value = entryOf(1, { x: second })
    const late = [written(110, 'second', { key: 'k', value: 1 }), written(120, 'second', { key: 'k', value: 1 })]
    expect(originOf(recordingOf(...late), state, 'k', version(value))?.position).toBe(110)
    const tooLate = written(100 + lateRecordsMax, 'second', { key: 'k', value: 1 })
    expect(originOf(recordingOf(tooLate), state, 'k', version(value))).toBeNull()
  })

  it('is any life of that name where the entry names none', () => {
    const recording = recordingOf(written(30, 'first', { key: 'k', value: 1 }))
    expect(originOf(recording, state, 'k', version(entryOf(1)))?.position).toBe(30)
    expect(originOf(recording, state, 'k', version(entryOf(1, { workerId: 'beta' })))).toBeNull()
  })

  it('is told of deletions, and of values that were cut on either side', () => {
    const recording = recordingOf(
      written(10, 'second', { key: 'k', value: { $cut: 9000, text: '{"long":"aaaa' } }),
      written(20, 'second', { key: 'k' }),
    )
    expect(originOf(recording, state, 'k', version(entryOf(null, { x: { ...second, t: 1 } })))?.position).toBe(20)
    const cut = entryOf({ $cut: 9000, text: '{"long":"aa' }, { x: second })
    expect(originOf(recording, state, 'k', version(cut))?.position).toBe(10)
    expect(originOf(recording, state, 'k', version(entryOf({ long: 'aaaaaa' }, { x: second })))?.position).toBe(10)
    expect(originOf(recording, state, 'k', version(entryOf({ long: 'b' }, { x: second })))).toBeNull()
  })
})
