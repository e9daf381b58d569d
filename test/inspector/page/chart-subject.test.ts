/** Whose chart is shown, and in which state. */
import { describe, expect, it } from 'vitest'
import { taskMachine } from '../../../machines/task.ts'
import { workerMachine } from '../../../machines/worker.ts'
import { lightsOf } from '../../../src/inspector/page/chart/chart-lights.ts'
import { Recording } from '../../../src/inspector/page/model/recording.ts'
import { tasksOf } from '../../../src/inspector/page/model/selectors.ts'
import type { SessionState } from '../../../src/inspector/page/model/session-state.ts'
import {
  type ChartSubject,
  chartChoices,
  chartSubject,
  idOfSharer,
  sharersOf,
} from '../../../src/inspector/page/panes/chart-subject.ts'
import { readChart } from '../../../src/trace/chart-reader.ts'
import type { TraceRecord } from '../../../src/wire/trace-record.ts'

const nowMs = 1_700_000_000_000
const taskChart = readChart(taskMachine)

type Unstamped<R> = R extends TraceRecord ? Omit<R, 'source' | 'seq' | 'atMs'> : never

/** The state after these records, of a process `a`, a process `b` and the memory. */
function stateAfter(records: readonly (readonly ['a' | 'b' | 'memory', Unstamped<TraceRecord>])[]): SessionState {
  const seqBySource = new Map<string, number>()
  const stamped = records.map(([source, record]) => {
    const seq = (seqBySource.get(source) ?? 0) + 1
    seqBySource.set(source, seq)
    return { source, seq, atMs: nowMs, ...record } as TraceRecord
  })
  const recording = new Recording()
  recording.append(stamped)
  return recording.liveState
}

const about = (kind: 'process' | 'memory', workerId: string) =>
  ({
    type: 'source',
    kind,
    workerId,
    incarnation: `${workerId}-1`,
    pid: 1,
    host: 'h',
    namespace: 'ns',
    store: 'memory:',
  }) as const

const sources = [
  ['a', about('process', 'alice')],
  ['b', about('process', 'bob')],
  ['memory', about('memory', 'alice')],
] as const
const charts = [
  ['a', { type: 'chart', chart: taskChart }],
  ['b', { type: 'chart', chart: structuredClone(taskChart) }],
  ['a', { type: 'chart', chart: readChart(workerMachine) }],
] as const

/** With tasks by their records, at that moment. */
function shown(state: SessionState, selected: string | null, chosenKey: string | null): ChartSubject | null {
  return chartSubject(state, (id) => tasksOf(state, nowMs).byId.get(id), selected, chosenKey)
}

function actor(address: string, chartId: string | null, state: string) {
  return { type: 'actor', address, chartId, parent: null, state, context: null, restarts: 0 } as const
}

function recordOf(id: string, members: object) {
  const record = {
    id,
    type: 't',
    status: 'pending',
    input: null,
    priority: 0,
    enqueued: [1, 0, 'alice'],
    epoch: 1,
    attempts: 0,
    maxAttempts: 3,
  }
  const value = { ...record, ...members }
  const entry = { value, version: { alice: 1 }, timestamp: nowMs, workerId: 'alice' }
  return ['memory', { type: 'change', key: `ns/tasks/${id}/record`, revision: 1, entry }] as const
}

describe('the chart that is shown', () => {
  it('is that of the chosen actor, lit by its own state and last edges', () => {
    const state = stateAfter([
      ...sources,
      ...charts,
      ['b', actor('task/1', 'task', 'claiming')],
      [
        'b',
        {
          type: 'transition',
          address: 'task/1',
          event: { type: 'write.committed' },
          sender: 'batch-writer',
          from: 'claiming',
          to: 'processing',
          edges: ['task.claiming#0'],
          actions: [],
          writes: [],
          status: 'active',
          mailbox: 0,
          durationMs: 1,
        },
      ],
      // What memory says is older than what the actor does.
      recordOf('1', { status: 'pending' }),
    ] as never)
    const subject = shown(state, 'b|task/1', null)
    expect(subject).toMatchObject({ address: 'task/1', atRest: null, stateValue: 'processing', isOpen: true })
    expect(subject?.choice).toMatchObject({ key: 'b|task', source: 'b' })
    if (subject === null) throw new Error('no subject')
    const lights = lightsOf(subject.choice.chart, subject)
    expect([...lights.active]).toEqual(['task', 'task.processing'])
    expect([...lights.taken]).toEqual(['task.claiming#0'])
    expect(lights.next.size).toBeGreaterThan(5)
  })

  it.each([
    ['pending', {}],
    ['backingOff', { notBefore: { wallMs: nowMs + 5000 } }],
    ['blocked', { dependsOn: ['other'] }],
    [
      'processing',
      { status: 'processing', owner: 'w', incarnation: 'x', lease: { leaseMs: 1000, bootId: null, renewedAtMs: 5 } },
    ],
    ['completed', { status: 'completed', endedMs: nowMs }],
    ['failed', { status: 'failed', endedMs: nowMs }],
    ['cancelled', { status: 'cancelled', endedMs: nowMs }],
  ])('lights a task without a live actor by its record: %s', (expected, members) => {
    const records = [...sources, ...charts, recordOf('1', members)] as never[]
    const subject = shown(stateAfter(records), '|task/1', null)
    if (subject === null) throw new Error('no subject')
    expect(subject.atRest?.status).toBe(expected)
    const lights = lightsOf(subject.choice.chart, subject)
    expect([...lights.active]).toEqual(['task', `task.${expected}`])
    expect(lights.next.size > 0).toBe(!['completed', 'failed', 'cancelled'].includes(expected))
    // An actor that ended says less than the record.
    const ended = [
      ['a', actor('task/1', 'task', 'settling')],
      ['a', { type: 'actor.ended', address: 'task/1', how: 'stopped' }],
    ] as never[]
    expect(shown(stateAfter([...records, ...ended]), 'a|task/1', null)).toMatchObject({ stateValue: expected })
  })

  it('shows an ended actor that is no task as it ended, with nothing possible next', () => {
    const state = stateAfter([
      ...sources,
      ...charts,
      ['a', actor('worker/w', 'worker', 'idle')],
      ['a', { type: 'actor.ended', address: 'worker/w', how: 'stopped' }],
    ] as never)
    expect(shown(state, 'a|worker/w', null)).toMatchObject({ stateValue: 'idle', isOpen: false, atRest: null })
  })

  it('is the chart alone while no actor is chosen, and nothing for actors without a chart', () => {
    const state = stateAfter([...sources, ...charts, ['a', actor('clock', null, '')]] as never)
    expect(shown(state, null, 'a|worker')).toMatchObject({
      address: null,
      stateValue: null,
      choice: { key: 'a|worker' },
    })
    expect(shown(state, null, null)).toMatchObject({ choice: { chart: { id: 'task' } } })
    expect(shown(state, 'a|clock', null)).toBeNull()
    expect(shown(stateAfter([...sources] as never), null, null)).toBeNull()
  })

  it('is offered once for all processes of one release, and apart for different ones', () => {
    expect(chartChoices(stateAfter([...sources, ...charts] as never)).map(({ key }) => key)).toEqual(['a|task', 'a|worker'])
    const other = { ...taskChart, root: { ...taskChart.root, tags: ['new'] } }
    const mixed = stateAfter([...sources, charts[0], ['b', { type: 'chart', chart: other }]] as never)
    expect(chartChoices(mixed).map(({ key }) => key)).toEqual(['a|task', 'b|task'])
  })

  it('lists who shares it: live actors, then tasks that are only records, each once', () => {
    const state = stateAfter([
      ...sources,
      ...charts,
      ['a', actor('task/1', 'task', 'processing')],
      ['a', actor('task/2', 'task', 'settling')],
      ['a', { type: 'actor.ended', address: 'task/2', how: 'done' }],
      ['a', actor('worker/w', 'worker', 'idle')],
      recordOf('1', { status: 'pending' }),
      recordOf('2', { status: 'completed', endedMs: nowMs }),
      recordOf('3', {}),
    ] as never)
    expect(sharersOf(state, nowMs, taskChart).map(idOfSharer)).toEqual(['a|task/1', '|task/3', '|task/2'])
    expect(sharersOf(state, nowMs, readChart(workerMachine)).map(idOfSharer)).toEqual(['a|worker/w'])
  })
})
