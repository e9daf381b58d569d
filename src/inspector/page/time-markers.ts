/**
 * The moments worth finding again on the time bar: gaps, conflicts, takeovers, crashes. Takes records as they are appended and keeps
 * the newest {@link markersMax}. Pure.
 */
import type { TraceRecord } from '../../wire/trace-record.ts'

export const markersMax = 2000

export type MarkerKind = 'gap' | 'conflict' | 'takeover' | 'crash'

export interface Marker {
  /** Of the record: it is shown by looking at the place behind it. */
  readonly position: number
  readonly kind: MarkerKind
  readonly text: string
}

/** null: an ordinary record. */
export function markerOf(record: TraceRecord): Omit<Marker, 'position'> | null {
  switch (record.type) {
    case 'gap': {
      const lost = record.lost === null ? 'records' : `${record.lost} records`
      // Sampling is a choice: it would cover the bar.
      return record.reason === 'sampled' ? null : { kind: 'gap', text: `${lost} missing (${record.reason})` }
    }
    case 'source.lost':
      return { kind: 'gap', text: `${record.source} is gone: ${record.reason}` }
    case 'conflict':
      return { kind: 'conflict', text: `conflict on ${record.key}` }
    case 'actor.ended':
      return record.how === 'crashed' ? { kind: 'crash', text: `${record.address} crashed: ${record.error ?? ''}` } : null
    case 'change':
      return record.isSnapshot === true ? null : takeoverIn(record.key, record.entry.value)
    default:
      return null
  }
}

/** A record of a task in the one state that only a takeover leaves behind: pending, an epoch above that which was lost last. */
function takeoverIn(key: string, value: unknown): Omit<Marker, 'position'> | null {
  if (!key.endsWith('/record') || value === null || typeof value !== 'object') return null
  const { id, status, epoch, takeovers } = value as {
    readonly id?: unknown
    readonly status?: unknown
    readonly epoch?: unknown
    readonly takeovers?: unknown
  }
  if (status !== 'pending' || typeof epoch !== 'number' || !Array.isArray(takeovers)) return null
  const last = takeovers.at(-1) as { readonly worker?: unknown; readonly epoch?: unknown } | undefined
  if (last?.epoch !== epoch - 1) return null
  return { kind: 'takeover', text: `task ${String(id)} was taken from ${String(last.worker)}` }
}

export class Markers {
  #markers: Marker[] = []

  /** @param position of the first of the records. */
  add(records: readonly TraceRecord[], position: number): void {
    records.forEach((record, index) => {
      const found = markerOf(record)
      if (found !== null) this.#markers.push({ position: position + index, ...found })
    })
    // In large steps: moving the rest for each marker would cost more than finding it.
    if (this.#markers.length > markersMax * 1.25) this.#markers = this.#markers.slice(-markersMax)
  }

  clear(): void {
    this.#markers = []
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

export interface MarkerGroup {
  /** Of the bar's width, 0 to 1. */
  readonly at: number
  readonly kind: MarkerKind
  readonly markers: readonly Marker[]
}

/** Those that would lie on one another, together; the gravest kind gives the colour. */
export function groupMarkers(markers: readonly Marker[], first: number, end: number, groupsMax: number): readonly MarkerGroup[] {
  const span = Math.max(1, end - first)
  const byPlace = new Map<number, Marker[]>()
  for (const marker of markers) {
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
