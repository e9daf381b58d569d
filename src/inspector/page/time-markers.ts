/**
 * The moments worth finding again on the time bar: gaps, conflicts, takeovers, crashes, and what each of them is about. Takes records as
 * they are appended and keeps the newest {@link markersMax}. Pure.
 */
import { isClaimBehind, isTaskRecord } from '../../domain/task-record.ts'
import type { SourceRecord, TraceRecord } from '../../wire/trace-record.ts'

export const markersMax = 2000
/** Takeovers remembered, the newest: one that is forgotten would be marked again when its task's record is written once more. */
export const takeoversMax = 10_000

export type MarkerKind = 'gap' | 'conflict' | 'takeover' | 'crash'

/** What a mark is about. `record`: nothing but itself. */
export type MarkSubject = { readonly type: 'task' | 'key' | 'actor'; readonly id: string } | { readonly type: 'record' }

export interface Marker {
  /** Of the record: it is shown by looking at the place behind it. */
  readonly position: number
  readonly kind: MarkerKind
  readonly text: string
  readonly subject: MarkSubject
}

/** @param nameOf what people call a source. @returns null: an ordinary record. */
export function markerOf(record: TraceRecord, nameOf = (source: string): string => source): Omit<Marker, 'position'> | null {
  switch (record.type) {
    case 'gap': {
      const lost = record.lost === null ? 'records' : `${record.lost} records`
      // Sampling is a choice: it would cover the bar.
      return record.reason === 'sampled' ? null : { kind: 'gap', text: `${lost} missing (${record.reason})`, subject: itself }
    }
    case 'source.lost':
      return { kind: 'gap', text: `${nameOf(record.source)} is gone: ${record.reason}`, subject: itself }
    case 'conflict':
      return { kind: 'conflict', text: `conflict on ${record.key}`, subject: { type: 'key', id: record.key } }
    case 'actor.ended': {
      if (record.how !== 'crashed') return null
      const subject = { type: 'actor', id: `${record.source}|${record.address}` } as const
      return { kind: 'crash', text: `${record.address} crashed${record.error === undefined ? '' : `: ${record.error}`}`, subject }
    }
    case 'change':
      return takeoverIn(record.key, record.entry.value)
    default:
      return null
  }
}

function processName({ kind, workerId, pid }: SourceRecord): string {
  if (kind === 'memory') return 'the memory'
  return pid === null ? workerId : `${workerId} (process ${pid})`
}

const itself: MarkSubject = { type: 'record' }

/** A record of a task under the claim that followed a takeover. */
function takeoverIn(key: string, value: unknown): Omit<Marker, 'position'> | null {
  if (!key.endsWith('/record') || !isTaskRecord(value)) return null
  const { id, owner, epoch, takeovers } = value
  const last = Array.isArray(takeovers) ? takeovers.at(-1) : undefined
  if (last === undefined || !isClaimBehind(last, epoch)) return null
  const told = owner === last.worker ? `${owner} took it again` : `${owner} took it over from ${last.worker}`
  return { kind: 'takeover', text: `task ${id}: ${told} (epoch ${epoch})`, subject: { type: 'task', id } }
}

export class Markers {
  #markers: Marker[] = []
  /** By source; as many as the recording has, which are few. */
  readonly #names = new Map<string, string>()
  /** Told once: what is written to the record later, under the same claim, is no takeover. */
  readonly #takeovers = new Set<string>()

  /** @param position of the first of the records. */
  add(records: readonly TraceRecord[], position: number): void {
    const nameOf = (source: string): string => this.#names.get(source) ?? source
    records.forEach((record, index) => {
      if (record.type === 'source') this.#names.set(record.source, processName(record))
      const found = markerOf(record, nameOf)
      if (found?.kind === 'takeover') {
        const isKnown = this.#takeovers.has(found.text)
        this.#takeovers.add(found.text)
        const [oldest] = this.#takeovers
        if (oldest !== undefined && this.#takeovers.size > takeoversMax) this.#takeovers.delete(oldest)
        // What was there already when the watching began has no moment here.
        if (isKnown || (record.type === 'change' && record.isSnapshot === true)) return
      }
      if (found !== null) this.#markers.push({ position: position + index, ...found })
    })
    // In large steps: moving the rest for each marker would cost more than finding it.
    if (this.#markers.length > markersMax * 1.25) this.#markers = this.#markers.slice(-markersMax)
  }

  clear(): void {
    this.#markers = []
    this.#names.clear()
    this.#takeovers.clear()
  }

  /** From `first` on, oldest first. */
  from(first: number): readonly Marker[] {
    const index = this.#markers.findIndex((marker) => marker.position >= first)
    return index === -1 ? [] : this.#markers.slice(index)
  }
}

/** Where the nearest one before (-1) or behind (1) the shown place is looked at; null: there is none. */
export function placeOfMark(markers: readonly Marker[], shown: number, by: 1 | -1): number | null {
  const places = markers.map(({ position }) => position + 1)
  return (by === -1 ? places.findLast((place) => place < shown) : places.find((place) => place > shown)) ?? null
}

/** The places that the bar has from its left end to its right one. */
export interface TimeScale {
  readonly first: number
  readonly end: number
}

/** The scale that was held, so that nothing moves under the pointer; unless the recording is another one since. */
export function scaleShown(held: TimeScale | null, now: TimeScale): TimeScale {
  return held === null || held.end > now.end || held.end <= now.first ? now : held
}

export interface MarkerGroup {
  /** Of the bar's width, 0 to 1. */
  readonly at: number
  readonly kind: MarkerKind
  readonly markers: readonly Marker[]
}

/** Those of the bar that would lie on one another, together; the gravest kind gives the colour. */
export function groupMarkers(markers: readonly Marker[], { first, end }: TimeScale, groupsMax: number): readonly MarkerGroup[] {
  const span = Math.max(1, end - first)
  const byPlace = new Map<number, Marker[]>()
  for (const marker of markers) {
    if (marker.position < first || marker.position >= end) continue
    const place = Math.min(groupsMax - 1, Math.floor(((marker.position - first) / span) * groupsMax))
    const group = byPlace.get(place)
    if (group === undefined) byPlace.set(place, [marker])
    else group.push(marker)
  }
  return [...byPlace].map(([place, group]) => ({
    at: (place + 0.5) / groupsMax,
    kind: gravity.find((kind) => group.some((marker) => marker.kind === kind)) ?? 'gap',
    markers: group,
  }))
}

const gravity: readonly MarkerKind[] = ['crash', 'takeover', 'conflict', 'gap']
