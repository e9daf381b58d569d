/**
 * What a record says in a sequence diagram: messages from lane to lane, marks on one lane, bands across all. Pure; knows neither the
 * places of the lanes nor the page.
 *
 * - M1 each message names the place of its record; the messages of a record are in the order in which they happened
 */
import { isTombstone } from '../../../domain/entry.ts'
import type { ActorEndedRecord, ChangeRecord, GapRecord, TracedWrite, TransitionRecord } from '../../../wire/trace-record.ts'
import type { PlacedRecord, SourceView } from '../model/session-state.ts'
import { stateText } from '../ui/state-text.ts'

/** Writes of one transition that are shown; one more line tells how many others there were. */
export const writesShownMax = 4

export type MessageKind = 'event' | 'write' | 'change' | 'lifecycle' | 'trouble'
export const messageKinds: readonly MessageKind[] = ['event', 'write', 'change', 'lifecycle', 'trouble']

export type LaneKind = 'outside' | 'actor' | 'process' | 'memory'

/** A line down the diagram. `id`: unique; of an actor it is the actor's id in the session. */
export interface LaneName {
  readonly id: string
  readonly kind: LaneKind
  readonly label: string
  /** Source of an actor or a process; null: of none. */
  readonly source: string | null
}

export interface Message {
  readonly position: number
  readonly atMs: number
  readonly kind: MessageKind
  /** `arrow`: from lane to lane; `mark`: on the lane `to`; `band`: across all lanes. */
  readonly shape: 'arrow' | 'mark' | 'band'
  readonly from: LaneName
  readonly to: LaneName
  /** An event's type, a key, what happened. */
  readonly label: string
  /** What it led to: `pending → claiming`; empty: nothing to say. */
  readonly note: string
  readonly tone: 'plain' | 'quiet' | 'bad'
}

export const outsideLane: LaneName = { id: '!outside', kind: 'outside', label: 'outside', source: null }
export const memoryLane: LaneName = { id: '!memory', kind: 'memory', label: 'memory', source: null }

export function actorLane(source: string, address: string): LaneName {
  return { id: `${source}|${address}`, kind: 'actor', label: address, source }
}

type Sources = ReadonlyMap<string, SourceView>

export function messagesOf({ position, record }: PlacedRecord, sources: Sources): Message[] {
  const base = { position, atMs: record.atMs }
  const process = processLane(record.source, sources)
  const mark = (to: LaneName, kind: MessageKind, label: string, note: string, tone: Message['tone']): Message[] => [
    { ...base, kind, shape: 'mark', from: to, to, label, note, tone },
  ]
  switch (record.type) {
    case 'transition':
      return transitionMessages(record, base)
    case 'change':
      return record.isSnapshot === true ? [] : [changeMessage(record, base, sources)]
    case 'actor': {
      const restarts = record.restarts === 0 ? '' : `, restart ${record.restarts}`
      return mark(actorLane(record.source, record.address), 'lifecycle', `is there${restarts}`, stateText(record.state), 'quiet')
    }
    case 'actor.ended':
      return mark(actorLane(record.source, record.address), endKind(record), record.how, record.error ?? '', endTone(record))
    case 'dead-letter':
      return mark(process, 'trouble', `${record.event.type} reached nobody`, `sent to ${record.address}`, 'bad')
    case 'conflict':
      return mark(memoryLane, 'trouble', `conflict at ${record.key}`, `decided by ${record.strategy}`, 'bad')
    case 'problem':
      return mark(process, 'trouble', record.code, record.message, 'bad')
    case 'source':
      return record.kind === 'memory' ? [] : mark(process, 'lifecycle', 'is heard', `pid ${record.pid ?? '?'}`, 'quiet')
    case 'source.lost':
      return mark(process, 'trouble', 'is not heard any more', record.reason, 'bad')
    case 'gap':
      return [
        { ...base, kind: 'trouble', shape: 'band', from: process, to: process, label: gapText(record), note: '', tone: 'bad' },
      ]
    case 'chart':
    case 'metrics':
      return []
  }
}

interface Base {
  readonly position: number
  readonly atMs: number
}

function transitionMessages(record: TransitionRecord, base: Base): Message[] {
  const lane = actorLane(record.source, record.address)
  const from = record.sender === null ? outsideLane : actorLane(record.source, record.sender)
  const isIgnored = record.edges.length === 0 && record.actions.length === 0
  const before = stateText(record.from)
  const after = stateText(record.to)
  const note = isIgnored ? 'means nothing here' : before === after ? '' : `${before} → ${after}`
  const tone = record.status === 'error' ? 'bad' : isIgnored ? 'quiet' : 'plain'
  const messages: Message[] = [{ ...base, kind: 'event', shape: 'arrow', from, to: lane, label: record.event.type, note, tone }]
  const write = (label: string, note: string): Message => ({
    ...base,
    kind: 'write',
    shape: 'arrow',
    from: lane,
    to: memoryLane,
    label,
    note,
    tone: 'plain',
  })
  for (const one of record.writes.slice(0, writesShownMax)) messages.push(write(one.key, writeNote(one)))
  const others = record.writes.length - writesShownMax
  if (others > 0) messages.push(write(`${others} more writes`, 'the record has them all'))
  return messages
}

function writeNote(write: TracedWrite): string {
  return write.value === undefined ? 'asks to delete' : 'asks to write'
}

function changeMessage(record: ChangeRecord, base: Base, sources: Sources): Message {
  const label = `${record.key} @${record.revision}`
  const note = isTombstone(record.entry as Parameters<typeof isTombstone>[0]) ? 'deleted' : 'committed'
  return {
    ...base,
    kind: 'change',
    shape: 'arrow',
    from: memoryLane,
    to: writerLane(record, sources),
    label,
    note,
    tone: 'plain',
  }
}

/** The process that wrote it, if it is watched: by the life of the writer where the entry tells it. */
function writerLane({ entry }: ChangeRecord, sources: Sources): LaneName {
  const incarnation = entry.x?.d[2]
  let named: string | null = null
  for (const { source, about } of sources.values()) {
    if (about.kind !== 'process') continue
    if (incarnation !== undefined && about.incarnation === incarnation) return processLane(source, sources)
    if (about.workerId === entry.workerId) named = source
  }
  if (named !== null && incarnation === undefined) return processLane(named, sources)
  return { id: `!writer|${entry.workerId}`, kind: 'process', label: entry.workerId, source: null }
}

function processLane(source: string, sources: Sources): LaneName {
  return { id: `!process|${source}`, kind: 'process', label: sources.get(source)?.about.workerId ?? source, source }
}

function endKind(record: ActorEndedRecord): MessageKind {
  return record.how === 'crashed' ? 'trouble' : 'lifecycle'
}

function endTone(record: ActorEndedRecord): Message['tone'] {
  return record.how === 'crashed' ? 'bad' : 'quiet'
}

const gapReasons: Readonly<Record<GapRecord['reason'], string>> = {
  'slow-watcher': 'this watcher was too slow',
  sampled: 'sampling left them out',
  disconnected: 'the connection was away',
  restarted: 'the process started anew',
  limit: 'a limit was reached',
}

function gapText({ lost, reason }: GapRecord): string {
  const what =
    lost === null ? 'Records are missing here' : lost === 1 ? '1 record is missing here' : `${lost} records are missing here`
  return `${what}: ${gapReasons[reason]}`
}
