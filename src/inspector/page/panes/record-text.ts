/** One line for each kind of record: whom it is about, what happened. Pure. */
import type { TraceRecord, TraceRecordType } from '../../../wire/trace-record.ts'
import { bytesText, countOf, countText, spanText } from '../ui/format.ts'
import { stateText, type Tone } from '../ui/state-text.ts'

export interface RecordText {
  /** An address, a key, a source. */
  readonly subject: string
  /** The event that came, of a transition. */
  readonly news?: string
  readonly text: string
}

export const labelByType: Readonly<Record<TraceRecordType, string>> = {
  source: 'source',
  chart: 'chart',
  actor: 'start',
  transition: 'event',
  'actor.ended': 'end',
  'dead-letter': 'dead letter',
  change: 'change',
  conflict: 'conflict',
  problem: 'problem',
  metrics: 'metrics',
  gap: 'gap',
  'source.lost': 'lost',
}

export function recordText(record: TraceRecord): RecordText {
  switch (record.type) {
    case 'source':
      return { subject: record.workerId, text: sourceText(record) }
    case 'chart':
      return { subject: record.chart.id, text: `${countOf(record.chart.root.states.length, 'state')} at the top` }
    case 'actor':
      return { subject: record.address, text: [`lives, ${stateText(record.state)}`, restartsText(record.restarts)].join('') }
    case 'transition':
      return { subject: record.address, news: record.event.type, text: transitionText(record) }
    case 'actor.ended':
      return { subject: record.address, text: record.error === undefined ? record.how : `${record.how}: ${record.error}` }
    case 'dead-letter':
      return { subject: record.address, text: `${record.event.type} reached nobody` }
    case 'change':
      return { subject: record.key, text: changeText(record) }
    case 'conflict': {
      const writers = record.sides.map((side) => side.workerId).join(' and ')
      return { subject: record.key, text: `${writers}: ${record.strategy}, ${countOf(record.discarded, 'side')} discarded` }
    }
    case 'problem':
      return { subject: record.code, text: record.message }
    case 'metrics':
      return { subject: record.source, text: metricsText(record) }
    case 'gap':
      return {
        subject: record.source,
        text: `${record.lost === null ? 'some' : countText(record.lost)} records are missing: ${gapText[record.reason]}`,
      }
    case 'source.lost':
      return { subject: record.source, text: record.reason }
  }
}

/** Colour of what deserves attention; `plain`: the ordinary. */
export function toneOfRecord(record: TraceRecord): Tone | 'warn' {
  switch (record.type) {
    case 'problem':
    case 'source.lost':
      return 'bad'
    case 'actor.ended':
      return record.how === 'crashed' ? 'bad' : 'plain'
    case 'transition':
      return record.status === 'error' ? 'bad' : 'plain'
    case 'dead-letter':
    case 'conflict':
    case 'gap':
      return 'warn'
    default:
      return 'plain'
  }
}

const gapText = {
  'slow-watcher': 'the watcher was too slow',
  sampled: 'left out by sampling',
  disconnected: 'the connection was away',
  restarted: 'the process was started again',
  limit: 'a limit was reached',
} as const

type Of<Type extends TraceRecordType> = Extract<TraceRecord, { readonly type: Type }>

function transitionText(record: Of<'transition'>): string {
  const from = stateText(record.from)
  const to = stateText(record.to)
  const move = from === to ? (record.edges.length === 0 ? `${to}, ignored` : to) : `${from} → ${to}`
  return record.sender === null ? move : `${move}, sent by ${record.sender}`
}

function changeText(record: Of<'change'>): string {
  const verb = record.entry.x?.t === 1 ? 'deleted' : 'written'
  return `r${record.revision} ${record.isSnapshot === true ? 'there already' : verb} by ${record.entry.workerId}`
}

function sourceText(record: Of<'source'>): string {
  if (record.kind === 'memory') return `the shared memory of ${record.namespace}, at ${record.store}`
  const place = [record.pid === null ? null : `process ${record.pid}`, record.host === null ? null : `on ${record.host}`]
  return `${place.filter((part) => part !== null).join(' ')}, incarnation ${record.incarnation}`
}

function metricsText(record: Of<'metrics'>): string {
  const slowest = record.commitMaxMs === null ? '' : `, slowest commit ${spanText(record.commitMaxMs)}`
  return `${countOf(record.actors, 'actor')}, ${countText(record.transitions)} transitions${slowest}, heap ${bytesText(record.heapBytes)}`
}

function restartsText(restarts: number): string {
  return restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`
}
