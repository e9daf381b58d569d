/** Random sessions of few names, so that records meet; and random rubbish that looks like records. */
import fc from 'fast-check'
import type { ChartDefinition } from '../../../../src/wire/chart-definition.ts'
import type { TraceRecord } from '../../../../src/wire/trace-record.ts'

const process = fc.constantFrom('p', 'q')
const address = fc.constantFrom('task/1', 'task/2', 'worker/a', 'lock/ns/locks/l/x', 'batch-writer')
const key = fc.constantFrom('ns/tasks/1/record', 'ns/tasks/2/record', 'ns/workers/a/status', 'ns/locks/l', 'other')
const state = fc.constantFrom('idle', 'busy', { outer: 'inner' }, null)
const json = fc.constantFrom<unknown>(null, 1, 'text', { a: 1 }, { a: [1, { b: 2 }] }, { $cut: 9, text: '{"a' })
const name = fc.constantFrom('a', 'b')
const count = fc.nat({ max: 5 })

export const chart: ChartDefinition = {
  id: 'task',
  root: {
    id: 'task',
    key: 'task',
    type: 'atomic',
    tags: [],
    entry: [],
    exit: [],
    invoke: [],
    states: [],
    edges: [],
  },
}

const entry = fc.record(
  {
    value: json,
    version: fc.dictionary(name, count, { noNullPrototype: true }),
    timestamp: fc.nat({ max: 100_000 }),
    workerId: name,
    ttl: count,
    x: fc.record({ v: fc.constant(1), d: fc.tuple(name, count, name) }),
  },
  { requiredKeys: ['value', 'version', 'timestamp', 'workerId'], noNullPrototype: true },
)

const membersByType: Readonly<Record<TraceRecord['type'], Readonly<Record<string, fc.Arbitrary<unknown>>>>> = {
  source: {
    workerId: name,
    incarnation: fc.constant('i'),
    pid: fc.constantFrom(null, 7),
    host: fc.constantFrom(null, 'h'),
    namespace: fc.constant('ns'),
    store: fc.constant('memory:'),
  },
  chart: { chart: fc.constant(chart) },
  actor: {
    address,
    chartId: fc.constantFrom(null, 'task'),
    parent: fc.oneof(fc.constant(null), address),
    state,
    context: json,
    restarts: fc.nat({ max: 1 }),
  },
  transition: {
    address,
    event: fc.constantFrom({ type: 'go' }, { type: 'stop', why: 'text' }),
    sender: fc.oneof(fc.constant(null), address),
    from: state,
    to: state,
    edges: fc.constantFrom([], ['task#0']),
    actions: fc.constantFrom([], [{ type: 'remember', params: 1 }]),
    writes: fc.constantFrom([], [{ key: 'other', value: 1 }, { key: 'gone' }]),
    status: fc.constantFrom('active', 'active', 'done', 'error', 'stopped'),
    mailbox: count,
    durationMs: count,
  },
  'actor.ended': { address, how: fc.constantFrom('done', 'stopped', 'crashed') },
  'dead-letter': { address, event: fc.constant({ type: 'go' }) },
  change: { source: fc.constantFrom('m', 'm2'), key, revision: fc.nat({ max: 20 }), entry },
  conflict: {
    source: fc.constant('m'),
    key,
    sides: fc.array(entry, { maxLength: 2 }),
    strategy: fc.constant('merge'),
    resolved: json,
    discarded: count,
  },
  problem: { code: fc.constant('conflict'), message: fc.constant('text') },
  metrics: Object.fromEntries(
    [
      'actors',
      'transitions',
      'committedUnits',
      'committedBatches',
      'pendingWrites',
      'commitP50Ms',
      'commitMaxMs',
      'cacheHits',
      'cacheMisses',
      'conflicts',
      'problems',
      'deadLetters',
      'ready',
      'running',
      'heapBytes',
    ]
      .map((member): [string, fc.Arbitrary<unknown>] => [member, count])
      .concat([['breaker', fc.constantFrom('closed', 'open')]]),
  ),
  gap: { source: fc.constantFrom('p', 'page'), lost: fc.constantFrom(null, 1, 3), reason: fc.constant('slow-watcher') },
  'source.lost': { reason: fc.constant('gone') },
}

export const recordTypes = Object.keys(membersByType) as TraceRecord['type'][]

function ofType(type: TraceRecord['type']): fc.Arbitrary<TraceRecord> {
  const common = { type: fc.constant(type), source: process, seq: count, atMs: fc.nat({ max: 100_000 }) }
  return fc.record({ ...common, ...membersByType[type] }, { noNullPrototype: true }) as unknown as fc.Arbitrary<TraceRecord>
}

/** A source is always of one kind. */
const source = fc
  .tuple(ofType('source'), fc.constantFrom('p', 'q', 'm', 'm2'))
  .map(([given, id]) => ({ ...given, source: id, kind: id.startsWith('m') ? 'memory' : 'process' }) as TraceRecord)

export const record: fc.Arbitrary<TraceRecord> = fc.oneof(
  { weight: 4, arbitrary: ofType('transition') },
  { weight: 4, arbitrary: ofType('change') },
  { weight: 3, arbitrary: ofType('actor') },
  ...recordTypes.map((type) => (type === 'source' ? source : ofType(type))),
)

export const session: fc.Arbitrary<TraceRecord[]> = fc.array(record, { maxLength: 60, size: 'max' })

/** A good record with one member of another kind than it must be, or one member less. */
export const hostileRecord: fc.Arbitrary<TraceRecord> = fc
  .tuple(record, fc.nat(), fc.oneof(fc.jsonValue(), fc.constant(undefined)), fc.boolean())
  .map(([good, which, rubbish, isDeep]) => {
    const members = Object.keys(good)
    const member = members[which % members.length] ?? 'type'
    const value = (good as unknown as Record<string, unknown>)[member]
    const isObject = typeof value === 'object' && value !== null && Object.keys(value).length > 0
    const [inner = ''] = isObject ? Object.keys(value) : []
    const next =
      isDeep && isObject ? Object.assign(Array.isArray(value) ? [...value] : { ...value }, { [inner]: rubbish }) : rubbish
    return { ...good, [member]: next } as TraceRecord
  })
