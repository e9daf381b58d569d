/** The marks on the time bar: which records are marked, how they lie on the bar, what they say, where a click on one leads. */
import { signal } from '@preact/signals'
import { describe, expect, it } from 'vitest'
import type { App, PaneName } from '../../../src/inspector/page/app.ts'
import { markLinesMax, markTitle } from '../../../src/inspector/page/mark-kinds.ts'
import { showMarked } from '../../../src/inspector/page/mark-places.ts'
import { groupMarkers, type Marker, Markers, markerOf, markersMax, scaleShown } from '../../../src/inspector/page/time-markers.ts'
import { remembered } from '../../../src/inspector/page/ui/remembered.ts'
import type { TraceRecord } from '../../../src/wire/trace-record.ts'
import { submitted } from './submitted-task.ts'

describe('marks on the time bar', () => {
  const base = { source: 'a', seq: 1, atMs: 0 }
  const record = (value: unknown, isSnapshot?: true): TraceRecord => ({
    ...base,
    type: 'change',
    key: 'shop/tasks/1/record',
    revision: 1,
    entry: { value: value as never, version: {}, timestamp: 0, workerId: 'w' },
    ...(isSnapshot === undefined ? {} : { isSnapshot }),
  })
  const mark = (position: number, kind: Marker['kind'] = 'gap', text = ''): Marker => ({
    position,
    kind,
    text,
    subject: { type: 'record' },
  })
  const takeovers = [{ worker: 'api-1', incarnation: 'i', epoch: 1, atMs: 0 }]
  const lease = { leaseMs: 1000, bootId: 'boot', renewedAtMs: 1 }
  const taken = { ...submitted, id: '1', status: 'processing', epoch: 3, owner: 'api-2', incarnation: 'j', lease, takeovers }

  it('are set for gaps, conflicts, crashes and takeovers', () => {
    expect(markerOf({ ...base, type: 'gap', lost: 3, reason: 'slow-watcher' })?.kind).toBe('gap')
    expect(markerOf({ ...base, type: 'source.lost', reason: 'killed' })?.kind).toBe('gap')
    expect(markerOf({ ...base, type: 'actor.ended', address: 'x', how: 'crashed' })?.kind).toBe('crash')
    expect(markerOf(record(taken))).toMatchObject({ kind: 'takeover', text: 'task 1: api-2 took it over from api-1 (epoch 3)' })
    expect(markerOf(record({ ...taken, owner: 'api-1' }))?.text).toBe('task 1: api-1 took it again (epoch 3)')
  })

  it('call a process that is gone by its name', () => {
    const about: TraceRecord = {
      ...base,
      type: 'source',
      kind: 'process',
      workerId: 'api-1',
      incarnation: 'a',
      pid: 17,
      host: 'h',
      namespace: 'shop',
      store: 'memory:',
    }
    const markers = new Markers()
    markers.add([about], 0)
    markers.add([{ ...base, type: 'source.lost', reason: 'it does not answer' }], 1)
    expect(markers.from(0).map(({ text }) => text)).toEqual(['api-1 (process 17) is gone: it does not answer'])
  })

  it('know what they are about', () => {
    const conflict = {
      ...base,
      type: 'conflict',
      key: 'shop/k',
      strategy: 'merge',
      sides: [],
      resolved: null,
      discarded: 0,
    } as const
    expect(markerOf(record(taken))?.subject).toEqual({ type: 'task', id: '1' })
    expect(markerOf(conflict)?.subject).toEqual({ type: 'key', id: 'shop/k' })
    expect(markerOf({ ...base, type: 'actor.ended', address: 'x', how: 'crashed' })?.subject).toEqual({
      type: 'actor',
      id: 'a|x',
    })
    expect(markerOf({ ...base, type: 'source.lost', reason: 'killed' })?.subject).toEqual({ type: 'record' })
  })

  it('are not set for the ordinary', () => {
    expect(markerOf({ ...base, type: 'gap', lost: 3, reason: 'sampled' })).toBe(null)
    expect(markerOf({ ...base, type: 'actor.ended', address: 'x', how: 'done' })).toBe(null)
    // It is lost, and nobody has it yet.
    expect(markerOf(record({ ...taken, status: 'pending', epoch: 2 }))).toBe(null)
    // A later claim of it is none.
    expect(markerOf(record({ ...taken, epoch: 4 }))).toBe(null)
    for (const value of [null, 'x', { ...taken, id: 7 }, { takeovers: 7 }, { status: 'pending', epoch: 1, takeovers: [] }]) {
      expect(markerOf(record(value))).toBe(null)
    }
  })

  it('tell of a takeover once, whatever is written to the record under the same claim, and not of one from before', () => {
    const markers = new Markers()
    markers.add([record(taken), record({ ...taken, status: 'completed' })], 0)
    markers.add([record(taken)], 2)
    expect(markers.from(0).map(({ position }) => position)).toEqual([0])
    const again = [...takeovers, { worker: 'api-2', incarnation: 'j', epoch: 3, atMs: 0 }]
    markers.add([record({ ...taken, owner: 'api-3', epoch: 5, takeovers: again })], 3)
    expect(markers.from(1).map(({ text }) => text)).toEqual(['task 1: api-3 took it over from api-2 (epoch 5)'])
    markers.clear()
    markers.add([record(taken, true), record(taken)], 0)
    expect(markers.from(0)).toEqual([])
  })

  it('are bounded, and forgotten with the records', () => {
    const markers = new Markers()
    const gap: TraceRecord = { ...base, type: 'gap', lost: 1, reason: 'limit' }
    for (let position = 0; position < markersMax * 3; position++) markers.add([gap], position)
    expect(markers.from(0).length).toBeLessThanOrEqual(markersMax * 1.25)
    expect(markers.from(markersMax * 3 - 2).map(({ position }) => position)).toEqual([markersMax * 3 - 2, markersMax * 3 - 1])
    expect(markers.from(markersMax * 3)).toEqual([])
  })

  it('that would lie on one another are one, in the colour of the gravest', () => {
    const marks = [mark(10, 'gap'), mark(11, 'crash'), mark(99, 'conflict')]
    const groups = groupMarkers(marks, { first: 0, end: 100 }, 10)
    expect(groups.map(({ kind, markers }) => [kind, markers.length])).toEqual([
      ['crash', 2],
      ['conflict', 1],
    ])
  })

  it('are left out where the bar does not reach', () => {
    const marks = [mark(10), mark(99), mark(100)]
    const [group, ...others] = groupMarkers(marks, { first: 99, end: 100 }, 10)
    expect(group?.markers).toEqual([mark(99)])
    expect(group?.at).toBeLessThanOrEqual(1)
    expect(others).toEqual([])
  })

  it('stay where they are while the bar is held, unless another session is shown', () => {
    const held = { first: 10, end: 50 }
    for (const now of [held, { first: 10, end: 90 }, { first: 49, end: 90 }]) expect(scaleShown(held, now)).toBe(held)
    for (const now of [
      { first: 0, end: 49 },
      { first: 50, end: 90 },
    ])
      expect(scaleShown(held, now)).toBe(now)
    const now = { first: 0, end: 1 }
    expect(scaleShown(null, now)).toBe(now)
  })

  it('say what they are, and where a click leads', () => {
    expect(markTitle({ markers: [mark(1, 'conflict', 'conflict on k')] })).toBe(
      'Conflict: conflict on k\nClick: go to this moment, and to the conflicts of the key',
    )
    const many = [mark(1, 'takeover', 'task 1 was taken'), ...Array.from({ length: markLinesMax }, () => mark(2, 'crash', 'x'))]
    const lines = markTitle({ markers: many }).split('\n')
    expect(lines).toHaveLength(markLinesMax + 2)
    expect(lines.slice(0, 2)).toEqual(['Takeover: task 1 was taken', 'Crash: x'])
    expect(lines.slice(-2)).toEqual(['and 1 more', 'Click: go to the first of these moments, and to the task'])
  })
})

describe('a mark that is clicked', () => {
  const click = (subject: Marker['subject']) => {
    const calls: unknown[] = []
    const pane = signal<PaneName>('plots')
    const selectedActor = signal<string | null>(null)
    const app: Pick<App, 'pane' | 'selectedActor' | 'showKey' | 'showRecord'> = {
      pane,
      selectedActor,
      showKey: (key) => calls.push(key),
      showRecord: (position) => calls.push(position),
    }
    showMarked(app, { position: 7, subject })
    return { pane: pane.value, actor: selectedActor.value, calls }
  }

  it('leads a takeover to the task', () => {
    expect(click({ type: 'task', id: '42' }).pane).toBe('tasks')
    expect(remembered('tasks.chosen', '').value).toBe('42')
  })

  it('leads a conflict to those of the key', () => {
    expect(click({ type: 'key', id: 'ns/k' }).calls).toEqual(['ns/k'])
    expect(remembered('memory.tab', '').value).toBe('conflicts')
  })

  it('leads a crash to the actor, and away from the letters, which have their own details', () => {
    remembered('actors.view', 'tree').value = 'letters'
    expect(click({ type: 'actor', id: 'p|task/1' })).toMatchObject({ pane: 'actors', actor: 'p|task/1' })
    expect(remembered('actors.view', '').value).toBe('tree')
  })

  it('leads what is about nothing else to its record', () => expect(click({ type: 'record' }).calls).toEqual([7]))
})
