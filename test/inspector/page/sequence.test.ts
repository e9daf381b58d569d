/** What records say in a sequence diagram, which of them are wanted, and how they are drawn. */
import type { VNode } from 'preact'
import { describe, expect, it } from 'vitest'
import type { SourceView } from '../../../src/inspector/page/model/session-state.ts'
import {
  headName,
  lanesMax,
  messagesMax,
  othersLane,
  type SequenceDiagram,
  sequenceDiagram,
} from '../../../src/inspector/page/sequence/sequence-diagram.ts'
import { acceptsRecord, concerns, ownsKey, type SequenceFilter } from '../../../src/inspector/page/sequence/sequence-filter.ts'
import {
  type Message,
  type MessageKind,
  messageKinds,
  messagesOf,
  writesShownMax,
} from '../../../src/inspector/page/sequence/sequence-messages.ts'
import { laterMax, laterRecords, laterScanMax } from '../../../src/inspector/page/sequence/sequence-window.ts'
import type { SourceRecord, TraceRecord, TransitionRecord } from '../../../src/wire/trace-record.ts'
import { attributeValues, markupOf } from './markup.ts'

interface SvgModule {
  readonly SequenceSvg: (props: {
    diagram: SequenceDiagram
    left: number
    width: number
    first: number
    end: number
    selected: number | null
    now: number | null
    namespace: string
    onSelect(position: number): void
  }) => VNode
}
// Page sources have a compiler configuration of their own: what is used of them here is said above.
const svgPath: string = '../../../src/inspector/page/sequence/sequence-svg.tsx'
const { SequenceSvg } = (await import(svgPath)) as SvgModule

const look = { left: 0, width: 900, selected: null, now: null, namespace: 'ns', onSelect: () => {} }

const base = { source: 'a', seq: 1, atMs: 1_700_000_000_000 }

function process(source: string, workerId: string): SourceView {
  const about: SourceRecord = {
    ...base,
    type: 'source',
    source,
    kind: 'process',
    workerId,
    incarnation: `${workerId}-1`,
    pid: 7,
    host: 'h',
    namespace: 'ns',
    store: 'memory:',
  }
  return { source, about, isLost: false, lostReason: null, lastMs: 0, metrics: null }
}

const sources = new Map([process('a', 'alice'), process('b', 'bob')].map((view) => [view.source, view]))

function transition(members: Partial<TransitionRecord> = {}): TransitionRecord {
  return {
    ...base,
    type: 'transition',
    address: 'task/1',
    event: { type: 'task.claim' },
    sender: 'worker/w',
    from: 'pending',
    to: 'claiming',
    edges: ['task.pending#2'],
    actions: [],
    writes: [],
    status: 'active',
    mailbox: 0,
    durationMs: 0.1,
    ...members,
  }
}

function change(
  members: {
    readonly key?: string
    readonly workerId?: string
    readonly incarnation?: string | null
    readonly isDeleted?: true
  } = {},
): TraceRecord {
  const { key = 'ns/tasks/1/record', workerId = 'alice', incarnation = `${workerId}-1`, isDeleted } = members
  const x =
    incarnation === null
      ? {}
      : { x: { v: 1 as const, d: [workerId, 1, incarnation] as const, ...(isDeleted ? { t: 1 as const } : {}) } }
  return {
    ...base,
    source: 'memory',
    type: 'change',
    key,
    revision: 12,
    entry: { value: null, version: { [workerId]: 1 }, timestamp: 1, workerId, ...x },
  }
}

function messages(record: TraceRecord, position = 5): Message[] {
  return messagesOf({ position, record }, sources)
}

function line({ from, to, label, note }: Message): string {
  return `${from.label} -> ${to.label}: ${label}${note === '' ? '' : ` (${note})`}`
}

describe('what a record says in a sequence', () => {
  it('is an event from its sender to its actor, with the change of state', () => {
    expect(messages(transition()).map(line)).toEqual(['worker/w -> task/1: task.claim (pending → claiming)'])
    expect(messages(transition({ sender: null })).map(line)).toEqual(['outside -> task/1: task.claim (pending → claiming)'])
  })

  it('says of an event that meant nothing that it did', () => {
    const [message] = messages(transition({ edges: [], from: 'pending', to: 'pending' }))
    expect(message).toMatchObject({ note: 'means nothing here', tone: 'quiet' })
    const [acting] = messages(transition({ from: 'processing', to: 'processing' }))
    expect(acting).toMatchObject({ note: '', tone: 'plain' })
  })

  it('is followed by what the actor asks to be written, up to a bound that is told', () => {
    const writes = Array.from({ length: writesShownMax + 3 }, (_, n) => ({ key: `ns/k${n}`, ...(n === 1 ? {} : { value: n }) }))
    const lines = messages(transition({ writes })).map(line)
    expect(lines).toHaveLength(1 + writesShownMax + 1)
    expect(lines[1]).toBe('task/1 -> memory: ns/k0 (asks to write)')
    expect(lines[2]).toBe('task/1 -> memory: ns/k1 (asks to delete)')
    expect(lines.at(-1)).toBe('task/1 -> memory: 3 more writes (the record has them all)')
  })

  it('is a commit, from memory to the process whose writer made it', () => {
    expect(messages(change()).map(line)).toEqual(['memory -> alice: ns/tasks/1/record @12 (committed)'])
    expect(messages(change({ workerId: 'bob', isDeleted: true })).map(line)).toEqual([
      'memory -> bob: ns/tasks/1/record @12 (deleted)',
    ])
  })

  it('knows an earlier life of a writer, and a writer that is not watched, as somebody else', () => {
    const lane = (record: TraceRecord) => messages(record)[0]?.to
    expect(lane(change())?.source).toBe('a')
    expect(lane(change({ incarnation: 'alice-0' }))).toMatchObject({ source: null, label: 'alice' })
    expect(lane(change({ workerId: 'carol' }))).toMatchObject({ source: null, label: 'carol' })
    // Foreign writers do not tell their life.
    expect(lane(change({ incarnation: null }))?.source).toBe('a')
  })

  it('leaves out what lay in memory already, charts and figures', () => {
    expect(messages({ ...change(), isSnapshot: true } as TraceRecord)).toEqual([])
    expect(messages({ ...base, type: 'chart', chart: { id: 'c', root: {} as never } })).toEqual([])
  })

  it('marks crashes, dead letters, conflicts, lost processes; draws gaps across', () => {
    const bad: readonly TraceRecord[] = [
      { ...base, type: 'actor.ended', address: 'worker/w', how: 'crashed', error: 'out of luck' },
      { ...base, type: 'dead-letter', address: 'task/9', event: { type: 'task.cancel' } },
      { ...base, type: 'conflict', key: 'ns/k', sides: [], strategy: 'last-write-wins', resolved: null, discarded: 1 },
      { ...base, type: 'problem', code: 'store_unavailable', message: 'no disk' },
      { ...base, type: 'source.lost', reason: 'killed' },
      { ...base, type: 'gap', lost: 7, reason: 'slow-watcher' },
      { ...base, type: 'gap', lost: null, reason: 'disconnected' },
    ]
    const told = bad.flatMap((record) => messages(record))
    expect(told.map(({ kind, tone }) => `${kind} ${tone}`)).toEqual(bad.map(() => 'trouble bad'))
    expect(told.map(({ shape }) => shape)).toEqual(['mark', 'mark', 'mark', 'mark', 'mark', 'band', 'band'])
    expect(told[0]).toMatchObject({ label: 'crashed', note: 'out of luck', to: { label: 'worker/w' } })
    expect(told[5]?.label).toBe('7 records are missing here: this watcher was too slow')
    expect(told[6]?.label).toBe('Records are missing here: the connection was away')
  })
})

describe('a sequence diagram', () => {
  const diagram = (records: readonly TraceRecord[]) =>
    sequenceDiagram(
      records.flatMap((record, position) => messages(record, position)),
      (source) => sources.get(source)?.about.workerId ?? source,
    )

  it('has outside first, processes with their actors together, memory last', () => {
    const { lanes } = diagram([
      transition({ source: 'b', address: 'task/2', sender: 'worker/x' }),
      change(),
      transition({ sender: null }),
      transition({ source: 'b', address: 'task/3', sender: null }),
    ])
    expect(lanes.map(({ label, processLabel }) => `${label} ${processLabel}`.trim())).toEqual([
      'outside',
      'worker/x bob',
      'task/2 bob',
      'task/3 bob',
      'alice alice',
      'task/1 alice',
      'memory',
    ])
  })

  it('keeps the order of the recording and tells actors of equal names apart by process', () => {
    const { lanes, rows } = diagram([transition({ sender: null }), transition({ source: 'b', sender: null })])
    expect(rows.map(({ message }) => message.position)).toEqual([0, 1])
    expect(rows.map(({ to }) => lanes[to]?.id)).toEqual(['a|task/1', 'b|task/1'])
  })

  it('has the newest messages, no more than the bound', () => {
    const many = diagram(Array.from({ length: messagesMax + 5 }, () => transition()))
    expect(many.rows).toHaveLength(messagesMax)
    expect(many.rows.at(-1)?.message.position).toBe(messagesMax + 4)
  })

  it('gives actors beyond the bound one lane together, the ones that were silent for longest', () => {
    const crowd = diagram(Array.from({ length: lanesMax + 10 }, (_, n) => transition({ address: `task/${n}`, sender: null })))
    expect(crowd.lanes.length).toBeLessThanOrEqual(lanesMax)
    const others = crowd.lanes.findIndex(({ id }) => id === othersLane.id)
    expect(crowd.rows[0]?.to).toBe(others)
    expect(crowd.rows.at(-1)?.to).not.toBe(others)
  })

  it('names heads so that they have room', () => {
    expect(headName('task/42', 'ns')).toEqual({ kind: 'task', name: '42' })
    expect(headName('batch-writer', 'ns')).toEqual({ kind: '', name: 'batch-writer' })
    expect(headName('lock/ns/locks/deploy/b/n1', 'ns')).toEqual({ kind: 'lock', name: 'deploy/b' })
    expect(headName('lock/ns/tasks/1/lock/n1', 'ns')).toEqual({ kind: 'lock', name: 'tasks/1/lock' })
  })

  it('tells the moment once for all messages of a record', () => {
    const shown = diagram([transition({ writes: [{ key: 'ns/a' }, { key: 'ns/b' }] }), transition()])
    const svg = markupOf(SequenceSvg({ ...look, diagram: shown, first: 0, end: 9 }))
    expect(shown.rows).toHaveLength(4)
    expect(attributeValues(svg, 'class').filter((name) => name === 'sequence-time')).toHaveLength(2)
  })

  it('keeps the text of an arrow where it is seen, on its arrow', () => {
    const shown = diagram([
      ...Array.from({ length: 8 }, (_, n) => transition({ address: `task/${n}`, sender: null })),
      transition({ address: 'task/7', sender: null }),
    ])
    const textX = (left: number) => {
      const svg = markupOf(SequenceSvg({ ...look, diagram: shown, left, width: 600, first: 8, end: 9 }))
      return Number(/class="sequence-label" x="([\d.]+)"/.exec(svg)?.[1])
    }
    expect(textX(0)).toBeGreaterThan(0)
    expect(textX(0)).toBeLessThan(600)
    expect(textX(500)).toBeGreaterThan(600)
    expect(textX(500)).toBeLessThan(1100)
    // Its end is seen: it stays beside the lane that takes it.
    expect(textX(800)).toBe(textX(850))
  })

  it('says on which side a message is that is out of sight', () => {
    const shown = diagram([
      transition({ sender: 'task/1' }),
      ...Array.from({ length: 9 }, (_, n) => transition({ address: `task/${n}`, sender: null })),
    ])
    const svg = (left: number) => markupOf(SequenceSvg({ ...look, diagram: shown, left, width: 500, first: 0, end: 1 }))
    expect(svg(0)).not.toContain('sequence-beyond')
    expect(svg(1000)).toMatch(/class="sequence-beyond"[^>]*>‹ task.claim</)
    expect(markupOf(SequenceSvg({ ...look, diagram: shown, width: 100, first: 0, end: 1 }))).toMatch(/>task.claim ›</)
  })

  it('is drawn only as far as it is seen, with the chosen record and what is still to come', () => {
    const shown = diagram(Array.from({ length: 100 }, () => transition()))
    const svg = markupOf(SequenceSvg({ ...look, diagram: shown, first: 10, end: 20, selected: 12, now: 15 }))
    expect(attributeValues(svg, 'data-position')).toEqual(Array.from({ length: 10 }, (_, n) => String(n + 10)))
    const rows = attributeValues(svg, 'class').filter((name) => name.startsWith('sequence-row '))
    expect(rows.filter((name) => name.includes('is-selected'))).toHaveLength(1)
    expect(rows.filter((name) => name.includes('is-later'))).toHaveLength(5)
    expect(svg).not.toMatch(/NaN|undefined/)
  })

  it('tells keys apart that begin alike and are too long', () => {
    const writes = ['record', 'progress'].map((name) => ({
      key: `ns/tasks/1bad58b4-f00d-4a5b-9c11-000000000001/${name}`,
      value: 1,
    }))
    const svg = markupOf(SequenceSvg({ ...look, diagram: diagram([transition({ writes })]), first: 0, end: 9 }))
    for (const name of ['record', 'progress']) expect(svg).toMatch(new RegExp(`>tasks/1bad58b4[^<]*…[^<]*0001/${name}<`))
  })

  it('has markup in names only as text', () => {
    const shown = diagram([transition({ event: { type: '<script>alert(1)</script>' } })])
    const svg = markupOf(SequenceSvg({ ...look, diagram: shown, first: 0, end: 1 }))
    expect(svg).not.toContain('<script')
    expect(svg).toContain('&lt;script&gt;')
  })
})

describe('what a sequence is about', () => {
  const all: SequenceFilter = { kinds: new Set(messageKinds), subject: null, accepts: () => true }
  const kinds = (...shown: MessageKind[]): SequenceFilter => ({ ...all, kinds: new Set(shown) })

  it('can be kinds of messages: a record is wanted exactly if one of its messages is', () => {
    const records: readonly TraceRecord[] = [
      transition(),
      transition({ writes: [{ key: 'k', value: 1 }] }),
      change(),
      { ...change(), isSnapshot: true } as TraceRecord,
      { ...base, type: 'actor', address: 'task/1', chartId: null, parent: null, state: null, context: null, restarts: 0 },
      { ...base, type: 'actor.ended', address: 'task/1', how: 'done' },
      { ...base, type: 'actor.ended', address: 'task/1', how: 'crashed' },
      { ...base, type: 'dead-letter', address: 'task/9', event: { type: 'x' } },
      { ...base, type: 'conflict', key: 'k', sides: [], strategy: 's', resolved: null, discarded: 0 },
      { ...base, type: 'problem', code: 'c', message: 'm' },
      { ...base, type: 'gap', lost: 1, reason: 'limit' },
      { ...base, type: 'source.lost', reason: 'r' },
      process('a', 'alice').about,
      { ...process('a', 'alice').about, kind: 'memory' },
      { ...base, type: 'chart', chart: { id: 'c', root: {} as never } },
    ]
    for (const record of records) {
      const said = new Set(messages(record).map(({ kind }) => kind))
      for (const kind of messageKinds)
        expect([record.type, acceptsRecord(record, kinds(kind), 'ns')]).toEqual([record.type, said.has(kind)])
    }
  })

  it('can be one task: its address in every process, and its keys', () => {
    const subject = { source: 'a', address: 'task/1', kind: 'task' }
    const about = (record: TraceRecord) => concerns(record, subject, 'ns')
    expect(about(transition())).toBe(true)
    expect(about(transition({ source: 'b' }))).toBe(true)
    expect(about(transition({ address: 'worker/w', sender: 'task/1' }))).toBe(true)
    expect(about(transition({ address: 'batch-writer', writes: [{ key: 'ns/tasks/1/record' }] }))).toBe(true)
    expect(about(transition({ address: 'task/11' }))).toBe(false)
    expect(about(change())).toBe(true)
    expect(about(change({ key: 'ns/tasks/11/record' }))).toBe(false)
    expect(about({ ...base, type: 'gap', lost: 1, reason: 'limit' })).toBe(true)
  })

  it('can be one worker of one process, or a lock by the key in its address', () => {
    const worker = { source: 'a', address: 'worker/w', kind: 'worker' }
    expect(concerns(transition({ address: 'worker/w' }), worker, 'ns')).toBe(true)
    expect(concerns(transition({ address: 'worker/w', source: 'b' }), worker, 'ns')).toBe(false)
    expect(concerns(change({ key: 'ns/workers/w/heartbeat' }), worker, 'ns')).toBe(true)
    const owned = (address: string) =>
      ['ns/locks/deploy', 'ns/locks/deploy2', 'ns/tasks/1/lock'].filter((key) => ownsKey(address, key, 'ns'))
    expect(owned('lock/ns/locks/deploy/n1')).toEqual(['ns/locks/deploy'])
    expect(owned('lock/ns/tasks/1/lock/n1')).toEqual(['ns/tasks/1/lock'])
    expect(owned('task/1')).toEqual(['ns/tasks/1/lock'])
    expect(owned('batch-writer')).toEqual([])
  })

  it('can be asked for in words', () => {
    const filter = { ...all, accepts: (record: TraceRecord) => record.type === 'change' }
    expect(acceptsRecord(change(), filter, 'ns')).toBe(true)
    expect(acceptsRecord(transition(), filter, 'ns')).toBe(false)
  })
})

describe('what came later', () => {
  it('is read forward from the shown place, bounded in what is found and in what is read', () => {
    let read = 0
    const recording = {
      endPosition: 1_000_000,
      at(position: number) {
        read++
        return { ...transition(), seq: position }
      },
    }
    const found = laterRecords(recording, 500, ({ seq }) => seq % 2 === 0)
    expect(found.map(({ position }) => position).slice(0, 3)).toEqual([500, 502, 504])
    expect(found).toHaveLength(laterMax)
    read = 0
    expect(laterRecords(recording, 500, () => false)).toEqual([])
    expect(read).toBe(laterScanMax)
    expect(laterRecords({ ...recording, endPosition: 501 }, 500, () => true)).toHaveLength(1)
  })
})
