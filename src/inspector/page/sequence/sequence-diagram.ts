/**
 * A window of messages with its lanes in order, as it is drawn. Pure; knows neither pixels nor the page.
 *
 * - Q1 messages are in the order of the recording
 * - Q2 lanes: outside, then each process with its actors as they appear, memory last; nobody has two
 * - Q3 more than {@link lanesMax} lanes are never drawn: actors beyond share one that says so
 */
import { type LaneKind, type LaneName, type Message, memoryLane, outsideLane } from './sequence-messages.ts'

/** Newest messages shown at once. */
export const messagesMax = 200
export const lanesMax = 40

export interface Lane extends LaneName {
  /** Worker id of its process, for actors. */
  readonly processLabel: string
}

export interface DiagramRow {
  readonly message: Message
  /** Indexes in the lanes. */
  readonly from: number
  readonly to: number
}

export interface SequenceDiagram {
  readonly lanes: readonly Lane[]
  readonly rows: readonly DiagramRow[]
}

export const othersLane: LaneName = { id: '!others', kind: 'actor', label: 'other actors', source: null }

/** @param workerIdOf names the process of a source. */
export function sequenceDiagram(messages: readonly Message[], workerIdOf: (source: string) => string): SequenceDiagram {
  const shown = messages.slice(-messagesMax)
  const names = new Map<string, LaneName>()
  // The newest come first, so that those beyond the limit are the ones that were silent for longest.
  for (const message of shown.toReversed()) {
    if (message.shape === 'band') continue
    names.set(message.to.id, message.to)
    names.set(message.from.id, message.from)
  }
  const always = [outsideLane.id, memoryLane.id].filter((id) => names.has(id))
  const kept = new Set([...new Set([...always, ...names.keys()])].slice(0, lanesMax - 1))
  const isCut = names.size > lanesMax
  const laneOf = (lane: LaneName): LaneName => (!isCut || kept.has(lane.id) ? lane : othersLane)
  const ordered = orderedLanes(shown, laneOf)
  const indexById = new Map(ordered.map(({ id }, index) => [id, index]))
  const indexOf = (lane: LaneName) => indexById.get(laneOf(lane).id) ?? 0
  return {
    lanes: ordered.map((lane) => ({ ...lane, processLabel: lane.source === null ? '' : workerIdOf(lane.source) })),
    rows: shown.map((message) => ({ message, from: indexOf(message.from), to: indexOf(message.to) })),
  }
}

function orderedLanes(messages: readonly Message[], laneOf: (lane: LaneName) => LaneName): LaneName[] {
  const lanes = new Map<string, LaneName>()
  for (const message of messages) {
    if (message.shape === 'band') continue
    for (const lane of [laneOf(message.from), laneOf(message.to)]) lanes.set(lane.id, lane)
  }
  // Processes in the order in which they appear, so that what is one process stays together.
  const sources = [...new Set([...lanes.values()].map(({ source }) => source))]
  const place = ({ kind, source }: LaneName) =>
    placeByKind[kind] * 10_000 + (source === null ? 9_000 : sources.indexOf(source) * 2)
  const within = ({ kind }: LaneName) => (kind === 'process' ? 0 : 1)
  return [...lanes.values()].sort((a, b) => place(a) - place(b) || within(a) - within(b))
}

const placeByKind: Readonly<Record<LaneKind, number>> = { outside: 0, actor: 1, process: 1, memory: 2 }

/** An address as a head has room for it: `{ kind: 'task', name: '42' }`; of a lock without namespace and nonce. */
export function headName(address: string, namespace: string): { readonly kind: string; readonly name: string } {
  const [kind = '', ...rest] = address.split('/')
  if (rest.length === 0) return { kind: '', name: address }
  if (kind !== 'lock') return { kind, name: rest.join('/') }
  const key = rest.slice(0, -1).join('/')
  return { kind, name: [`${namespace}/locks/`, `${namespace}/`].reduce((name, prefix) => cutPrefix(name, prefix), key) }
}

function cutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text
}
