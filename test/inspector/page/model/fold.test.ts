import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entriesBytesMax, versionsMax } from '../../../../src/inspector/page/model/entries-draft.ts'
import { chartsMax, emptySession, type FoldedState, Folder } from '../../../../src/inspector/page/model/fold.ts'
import {
  type EntryVersion,
  endedActorsMax,
  entriesMax,
  historyMax,
  metricsMax,
  noticesMax,
} from '../../../../src/inspector/page/model/session-state.ts'
import { sourcesMax } from '../../../../src/inspector/page/model/sources-draft.ts'
import type { TraceRecord } from '../../../../src/wire/trace-record.ts'
import { chart, hostileRecord, session } from './arbitrary-records.ts'
import { actor, change, ended, entry, folded, gap, memory, metrics, plain, source, transition } from './records.ts'

const tombstone = entry(null, { x: { v: 1, d: ['a', 2, 'i'], t: 1 } })

describe('the fold of actors', () => {
  it('shows an actor as its last record left it', () => {
    const { actors } = folded(
      source(),
      actor('task/1', { chartId: 'task', parent: 'root', context: { a: 1 } }),
      transition('task/1', { to: 'busy', context: { a: 2 }, edges: ['task#0'], mailbox: 3, atMs: 1500 }),
      transition('task/1', { to: 'full', edges: [], atMs: 1700 }),
    )
    expect(actors.get('p|task/1')).toEqual({
      id: 'p|task/1',
      source: 'p',
      address: 'task/1',
      kind: 'task',
      chartId: 'task',
      parent: 'root',
      state: 'full',
      context: { a: 2 },
      status: 'active',
      restarts: 0,
      mailbox: 0,
      sinceMs: 1000,
      lastMs: 1700,
      transitions: 2,
      lastEdges: [],
      lastPosition: 3,
    })
  })

  it.each([
    ['done', 'done'],
    ['stopped', 'stopped'],
    ['crashed', 'error'],
  ] as const)('keeps one that ended as %s', (how, status) => {
    const { actors } = folded(actor('task/1'), transition('task/1', { mailbox: 2 }), ended('task/1', { how }))
    expect(actors.get('p|task/1')).toMatchObject({ status, state: 'busy', mailbox: 0 })
  })

  it('begins a new life behind an end, and behind a restart', () => {
    const life = [source(), actor('a'), transition('a')]
    const again = folded(...life, ended('a'), actor('a', { atMs: 5000 }))
    expect(again.actors.get('p|a')).toMatchObject({ status: 'active', transitions: 0, sinceMs: 5000, lastPosition: null })
    const restarted = folded(...life, actor('a', { atMs: 5000, restarts: 1 }))
    expect(restarted.actors.get('p|a')).toMatchObject({ transitions: 0, sinceMs: 5000, restarts: 1 })
  })

  it('changes only what is told when a living actor is told again', () => {
    const { actors } = folded(source(), actor('a'), transition('a'), actor('a', { atMs: 5000, state: 'later' }))
    expect(actors.get('p|a')).toMatchObject({ state: 'later', transitions: 1, sinceMs: 1000, lastMs: 5000 })
  })

  it('makes an actor whose start was lost, with the chart of its kind if there is one', () => {
    const { actors, sources } = folded(
      { type: 'chart', source: 'p', seq: 1, atMs: 1, chart },
      transition('task/7', { context: { a: 1 } }),
      transition('odd', { status: 'done' }),
    )
    expect(actors.get('p|task/7')).toMatchObject({ state: 'busy', context: { a: 1 }, chartId: 'task', transitions: 1 })
    expect(actors.get('p|odd')).toMatchObject({ chartId: null, context: null, status: 'done' })
    expect(sources.get('p')).toMatchObject({ isLost: false, about: { kind: 'process', workerId: 'p' } })
  })

  it('takes a transition behind an end for one of a life whose start was lost', () => {
    const { actors } = folded(actor('a', { parent: 'root' }), transition('a'), ended('a'), transition('a', { atMs: 9000 }))
    expect(actors.get('p|a')).toMatchObject({ status: 'active', transitions: 1, sinceMs: 9000, parent: null })
  })

  it('tells processes apart that have actors of one address', () => {
    const { actors } = folded(actor('a'), actor('a', { source: 'q', state: 'other' }))
    expect([...actors.keys()].sort()).toEqual(['p|a', 'q|a'])
    expect(actors.get('p|a')?.state).toBe('idle')
  })

  it('shows nothing of one whose end alone was told', () => {
    expect(folded(source(), ended('a')).actors.size).toBe(0)
  })
})

describe('the fold of sources', () => {
  it('marks the live actors of a lost source as lost, and no others', () => {
    const state = folded(source(), actor('live'), actor('over'), ended('over'), actor('live', { source: 'q' }), {
      type: 'source.lost',
      source: 'p',
      seq: 9,
      atMs: 3000,
      reason: 'killed',
    })
    expect(state.sources.get('p')).toMatchObject({ isLost: true, lostReason: 'killed', lastMs: 3000 })
    expect([...state.actors.values()].map(({ id, status }) => [id, status]).sort()).toEqual([
      ['p|live', 'lost'],
      ['p|over', 'done'],
      ['q|live', 'active'],
    ])
  })

  it('hears a lost source again, and those of its actors that are told again', () => {
    const lost = { type: 'source.lost', source: 'p', seq: 9, atMs: 3000, reason: 'killed' } as const
    const before = [source(), actor('a'), transition('a'), actor('b'), lost]
    const again = folded(...before, source(), actor('a', { state: 'busy' }))
    expect(again.sources.get('p')).toMatchObject({ isLost: false, lostReason: null })
    expect(again.actors.get('p|a')).toMatchObject({ status: 'active', transitions: 1 })
    expect(again.actors.get('p|b')?.status).toBe('lost')
    expect(folded(...before, transition('b')).actors.get('p|b')?.status).toBe('active')
    expect(folded(...before, transition('b')).sources.get('p')?.isLost).toBe(false)
  })

  it('loses actors that a source does not name when it is told again', () => {
    const { actors } = folded(source(), actor('a'), actor('b'), source(), actor('b'))
    expect(actors.get('p|a')?.status).toBe('lost')
    expect(actors.get('p|b')?.status).toBe('active')
  })

  it('does not take a gap or a loss for a word of the source', () => {
    expect(folded(gap({ source: 'page' })).sources.size).toBe(0)
    expect(folded({ type: 'source.lost', source: 'x', seq: 1, atMs: 1, reason: '' }).sources.size).toBe(0)
  })

  it('knows when each was heard last, whenever it is asked', () => {
    const folder = new Folder()
    folder.fold(source())
    folder.fold(metrics({ atMs: 2000, actors: 4 }))
    expect(folder.state.sources.get('p')).toMatchObject({ lastMs: 2000, metrics: { actors: 4 } })
    folder.fold(actor('a', { atMs: 2500 }))
    folder.fold(transition('a', { atMs: 3000 }))
    expect(folder.state.sources.get('p')).toMatchObject({ lastMs: 3000, metrics: { actors: 4 } })
    folder.fold(source({ atMs: 4000 }))
    expect(folder.state.sources.get('p')).toMatchObject({ lastMs: 4000, metrics: { actors: 4 } })
  })

  it('has the namespace of the newest source that names one', () => {
    expect(
      folded(
        source({ namespace: 'one' }),
        source({ source: 'q', namespace: 'two' }),
        source({ source: 's', namespace: '' }),
        actor('a', { source: 'r' }),
      ).namespace,
    ).toBe('two')
  })

  it(`keeps ${sourcesMax} lives of processes, those that were heard last, and nothing of the others`, () => {
    const folder = new Folder()
    for (let life = 0; life <= sourcesMax; life++) {
      const from = { source: `p|${life}`, atMs: life }
      folder.fold(source(from))
      folder.fold({ type: 'chart', seq: 1, ...from, chart })
      folder.fold(actor('a', from))
      folder.fold(metrics(from))
      if (life === 150) folder.fold(transition('a', { source: 'p|3', atMs: 1_000_000 }))
    }
    const { sources, charts, actors, metricsBySource } = folder.state
    expect(sources.size).toBeLessThanOrEqual(sourcesMax)
    expect(sources.has(`p|${sourcesMax}`)).toBe(true)
    expect(sources.has('p|3')).toBe(true)
    expect(sources.has('p|0')).toBe(false)
    expect([charts.size, actors.size, metricsBySource.size]).toEqual([sources.size, sources.size, sources.size])
  })
})

describe('the fold of memory', () => {
  it('keeps what lies at a key, and what was seen before, oldest first', () => {
    const { entries } = folded(memory(), change('k', 1, 'one'), change('k', 4, 'four', { atMs: 1300 }))
    expect(entries.get('k')).toMatchObject({
      key: 'k',
      current: { revision: 4, position: 2, atMs: 1300, entry: { value: 'four' } },
      history: [{ revision: 1, position: 1, entry: { value: 'one' } }],
    })
  })

  it('never overwrites newer with older: a snapshot behind live changes joins the history in its place', () => {
    const live = [memory(), change('k', 3, 'three'), change('k', 9, 'nine')]
    const { entries } = folded(...live, change('k', 5, 'five', { isSnapshot: true }), change('k', 1, 'one'))
    expect(entries.get('k')?.current.revision).toBe(9)
    expect(entries.get('k')?.history.map(({ revision }) => revision)).toEqual([1, 3, 5])
  })

  it('shows a change once that is told twice', () => {
    const { entries } = folded(memory(), change('k', 3, 'a'), change('k', 5, 'b'), change('k', 5, 'b'), change('k', 3, 'a'))
    expect(entries.get('k')?.history.map(({ revision }) => revision)).toEqual([3])
    expect(entries.get('k')?.current).toMatchObject({ revision: 5, position: 2 })
  })

  it('keeps a deleted key with its history', () => {
    const { entries } = folded(change('k', 1, 'one'), change('k', 2, null, { entry: tombstone }), change('k', 3, 'again'))
    expect(entries.get('k')?.history.map(({ entry: { x } }) => x?.t)).toEqual([undefined, 1])
  })

  it('begins empty when another memory is told, whose revisions mean something else', () => {
    const first = [memory(), change('old', 90, 1), change('k', 91, 1)]
    const { entries } = folded(...first, memory({ source: 'm2' }), change('k', 2, 'new', { source: 'm2' }))
    expect([...entries.keys()]).toEqual(['k'])
    expect(entries.get('k')).toMatchObject({ current: { revision: 2 }, history: [] })
    expect(folded(...first, memory()).entries.size).toBe(2)
    expect(folded(...first, memory({ incarnation: 'j' })).entries.size).toBe(0)
  })

  it(`keeps ${historyMax} versions before the newest, the newest ones`, () => {
    const changes = Array.from({ length: historyMax + 6 }, (_, index) => change('k', index + 10, index))
    const state = folded(...changes, change('k', 1, 'too old'))
    const { entries } = state
    expect(state.entriesBytes).toBe(bytesOf(state))
    expect(entries.get('k')?.history.map(({ revision }) => revision)).toEqual(
      Array.from({ length: historyMax }, (_, index) => index + 15),
    )
  })

  it('keeps fewer versions of each where there are very many keys', () => {
    const keys = 30_000
    const records = Array.from({ length: keys }, (_, index) => change(`k${index}`, index + 1, 0))
    const again = Array.from({ length: historyMax }, (_, index) => change('k0', keys + index + 1, index))
    const history = folded(...records, ...again).entries.get('k0')?.history
    expect(history?.map(({ revision }) => revision)).toEqual(
      Array.from({ length: versionsMax / keys }, (_, index) => keys + historyMax - versionsMax / keys + index),
    )
  })

  it(`keeps ${entriesMax} keys; beyond it the least recently changed are dropped and counted`, () => {
    const folder = new Folder()
    folder.fold(change('k1', 1, 'with a history'))
    for (let index = 0; index < entriesMax; index++) folder.fold(change(`k${index}`, index + 1, index))
    folder.fold(change('k0', entriesMax + 1, 'again'))
    expect(folder.state).toMatchObject({ entriesDropped: 0 })
    folder.fold(change('last', entriesMax + 2, 'new'))
    const { entries, entriesDropped } = folder.state
    expect(entries.size + entriesDropped).toBe(entriesMax + 1)
    expect(folder.state.entriesBytes).toBe(bytesOf(folder.state))
    expect(entriesDropped).toBeGreaterThan(0)
    expect(['k0', 'k1', `k${entriesDropped}`, `k${entriesDropped + 1}`, 'last'].map((key) => entries.has(key))).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
  })

  it('drops the oldest history first when the versions take too much memory, then keys', () => {
    const value = 'x'.repeat(1024 * 1024)
    const many = Math.ceil(entriesBytesMax / value.length)
    const folder = new Folder()
    folder.fold(change('old', 1, value))
    for (let revision = 2; revision <= many / 2; revision++) folder.fold(change('old', revision, value))
    for (let index = 0; index < many / 2 + 2; index++) folder.fold(change(`k${index}`, 1000 + index, value))
    const held = folder.state
    expect(held.entriesDropped).toBe(0)
    expect(held.entries.get('old')?.history.length).toBeLessThan(many / 2 - 1)
    expect(held.entries.get('old')?.history.at(-1)?.revision).toBe(Math.floor(many / 2) - 1)
    expect(held.entriesBytes).toBeLessThanOrEqual(entriesBytesMax)
    for (let index = 0; index < many; index++) folder.fold(change(`l${index}`, 2000 + index, value))
    expect(folder.state.entriesDropped).toBeGreaterThan(0)
    expect(folder.state.entries.has('old')).toBe(false)
    expect(folder.state.entries.has(`l${many - 1}`)).toBe(true)
    expect(folder.state.entriesBytes).toBeLessThanOrEqual(entriesBytesMax)
    expect(folder.state.entriesBytes).toBe(bytesOf(folder.state))
  })
})

describe('the fold of notices', () => {
  it('counts what is said to be lost, and keeps the gaps that nobody could count', () => {
    const { lost, gaps } = folded(gap({ lost: 3 }), gap({ lost: null, reason: 'disconnected' }), gap({ lost: 4 }))
    expect(lost).toBe(7)
    expect(gaps.map((each) => each.lost)).toEqual([3, null, 4])
  })

  it(`keeps the newest ${noticesMax} of each kind, and the whole count of what was lost`, () => {
    const folder = new Folder()
    for (let index = 0; index < noticesMax + 3; index++) {
      folder.fold(gap({ seq: index }))
      folder.fold({ type: 'dead-letter', source: 'p', seq: index, atMs: 1, address: 'a', event: { type: 'go' } })
      folder.fold({ type: 'problem', source: 'p', seq: index, atMs: 1, code: 'conflict', message: 'm' })
      folder.fold({
        type: 'conflict',
        source: 'm',
        seq: index,
        atMs: 1,
        key: 'k',
        sides: [],
        strategy: 's',
        resolved: 1,
        discarded: 1,
      })
      void folder.state
    }
    const { gaps, deadLetters, problems, conflicts, lost } = folder.state
    for (const list of [gaps, deadLetters, problems, conflicts]) {
      expect(list).toHaveLength(noticesMax)
      expect(list[0]?.seq).toBe(3)
    }
    expect(lost).toBe(noticesMax + 3)
  })

  it(`keeps ${metricsMax} metrics of each process`, () => {
    const folder = new Folder()
    for (let index = 0; index < metricsMax + 2; index++) folder.fold(metrics({ transitions: index }))
    folder.fold(metrics({ source: 'q' }))
    expect(folder.state.metricsBySource.get('p')?.map(({ transitions }) => transitions)).toEqual(
      Array.from({ length: metricsMax }, (_, index) => index + 2),
    )
    expect(folder.state.metricsBySource.get('q')).toHaveLength(1)
  })

  it(`keeps at most ${endedActorsMax} ended actors, the newest, and every live one`, () => {
    const folder = new Folder()
    for (let index = 0; index <= endedActorsMax; index++) {
      folder.fold(actor(`task/${index}`, { atMs: index }))
      folder.fold(actor(`live/${index}`, { atMs: index }))
      folder.fold(ended(`task/${index}`, { atMs: index }))
    }
    const { actors, endedActors } = folder.state
    const live = [...actors.values()].filter(({ status }) => status === 'active')
    expect(live).toHaveLength(endedActorsMax + 1)
    expect(endedActors).toBe(actors.size - live.length)
    expect(endedActors).toBeLessThanOrEqual(endedActorsMax)
    expect(actors.has('p|task/0')).toBe(false)
    expect(actors.has(`p|task/${endedActorsMax}`)).toBe(true)
  })

  it(`keeps ${chartsMax} charts, and the newest form of each`, () => {
    const folder = new Folder()
    const told = (id: string, key = 'task') =>
      folder.fold({ type: 'chart', source: 'p', seq: 1, atMs: 1, chart: { id, root: { ...chart.root, key } } })
    for (let index = 0; index <= chartsMax; index++) told(`c${index}`)
    told('c0', 'newer')
    expect(folder.state.charts.size).toBe(chartsMax)
    expect(folder.state.charts.get('p|c0')?.root.key).toBe('newer')
    expect(folder.state.charts.has(`p|c${chartsMax}`)).toBe(false)
  })
})

describe('a state', () => {
  it('is the same object until something is folded, and never changes', () => {
    const folder = new Folder()
    expect(folder.state).toBe(emptySession())
    folder.fold(actor('a'))
    const first = folder.state
    const before = plain(first)
    expect(folder.state).toBe(first)
    for (const record of [transition('a'), change('k', 1, 1), gap(), metrics(), ended('a'), actor('b'), source()])
      folder.fold(record)
    expect(folder.state).not.toBe(first)
    expect(plain(first)).toEqual(before)
    expect(folder.state).toMatchObject({ position: 8, atMs: 1000 })
  })

  it('shares with the next one all that is the same', () => {
    const folder = new Folder()
    for (const record of [actor('a'), change('k', 1, 1), gap()]) folder.fold(record)
    const { entries, charts, gaps, actors } = folder.state
    folder.fold(transition('a'))
    expect(folder.state.entries).toBe(entries)
    expect(folder.state.charts).toBe(charts)
    expect(folder.state.gaps).toBe(gaps)
    expect(folder.state.actors).not.toBe(actors)
    expect(folder.state.actors.keySet).toBe(actors.keySet)
  })

  it('depends on the records alone, from wherever they are folded on', () => {
    fc.assert(
      fc.property(session, fc.nat({ max: 60 }), (records, cut) => {
        const whole = folded(...records)
        const folder = new Folder(folded(...records.slice(0, cut)))
        for (const record of records.slice(cut)) {
          folder.fold(record)
          void folder.state
        }
        expect(plain(folder.state)).toEqual(plain(whole))
        expect(whole.position).toBe(records.length)
        expect(whole.entriesBytes).toBe(bytesOf(whole))
        expect(whole.endedActors).toBe([...whole.actors.values()].filter(({ status }) => status !== 'active').length)
      }),
      { numRuns: 150 },
    )
  })
})

describe('what is no record', () => {
  it.each<[string, unknown]>([
    ['of a newer type', { type: 'dream', source: 'p', seq: 1, atMs: 1 }],
    ['named like a member of every object', { type: 'toString', source: 'p', seq: 1, atMs: 1 }],
    ['null', null],
    ['a text', 'record'],
    ['a list', []],
    ['without a source', { ...actor('a'), source: undefined }],
    ['at no time', { ...actor('a'), atMs: null }],
    ['an event without a type', { ...transition('a'), event: {} }],
    ['a version that is no number', change('k', 1, 1, { entry: { ...entry(1), version: { a: '1' as unknown as number } } })],
    ['a tombstone without its dot', change('k', 1, 1, { entry: { ...entry(1), x: { v: 1, t: 1 } as never } })],
    [
      'a chart that is nested without end',
      { type: 'chart', source: 'p', seq: 1, atMs: 1, chart: { id: 'c', root: deepNode(80) } },
    ],
    [
      'a chart with an edge without a label',
      chartRecord({ edges: [{ id: 'e', kind: 'event', event: 'go', targets: [], actions: [] }] }),
    ],
    ['a chart with a state that is none', chartRecord({ states: [7] })],
    ['a value that is nested without end', actor('a', { context: deepValue(5000) as never })],
    ['larger than any record', actor('a', { context: 'x'.repeat(5 * 1024 * 1024) })],
  ])('is left out and counted: %s', (_, value) => {
    const folder = new Folder()
    folder.fold(actor('b'))
    const before = folder.state
    expect(folder.fold(value as TraceRecord)).toBeNull()
    expect(folder.state).toBe(before)
    expect(folder).toMatchObject({ ignored: 1, position: 1 })
  })

  it('takes whatever reason a gap has: what is missing must not go unsaid', () => {
    expect(folded(gap({ reason: 'a newer reason' as never, lost: 2 })).lost).toBe(2)
  })

  it('never makes the fold throw, and leaves it as good as before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(hostileRecord, fc.jsonValue() as fc.Arbitrary<never>), { maxLength: 30 }),
        session,
        (bad, good) => {
          const folder = new Folder()
          let taken = 0
          for (const record of bad) if (folder.fold(record) !== null) taken++
          expect(folder.position).toBe(taken)
          expect(folder.ignored).toBe(bad.length - taken)
          for (const record of good) expect(folder.fold(record)).not.toBeNull()
          expect(folder.state.position).toBe(taken + good.length)
        },
      ),
      { numRuns: 250 },
    )
  })
})

/** What the kept versions say that they take. */
function bytesOf({ entries }: FoldedState): number {
  const versions = [...entries.values()].flatMap(({ current, history }) => [current, ...history])
  return versions.reduce((sum, version) => sum + (version as EntryVersion & { readonly bytes: number }).bytes, 0)
}

function chartRecord(root: object): unknown {
  return { type: 'chart', source: 'p', seq: 1, atMs: 1, chart: { id: 'c', root: { ...chart.root, ...root } } }
}

function deepNode(depth: number): unknown {
  const node = { ...chart.root, type: 'compound' }
  return depth === 0 ? node : { ...node, states: [deepNode(depth - 1)] }
}

function deepValue(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}
