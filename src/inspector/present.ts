/**
 * What there is at one place of a session: sources, charts, live actors and the memory, folded from records. A page that comes late
 * begins with it, and so does an export whose first records are gone. Knows no stream and no page.
 *
 * - P1 what {@link Present.records} gave never changes afterwards: it may be sent at leisure
 * - P2 it is bounded: {@link entriesMax} keys, {@link lostSourcesMax} sources that are gone; live actors are as many as there are
 */
import { isTombstone } from '../domain/entry.ts'
import type { Json } from '../domain/json.ts'
import type {
  ActorRecord,
  ChangeRecord,
  ChartRecord,
  CutValue,
  MetricsRecord,
  SourceLostRecord,
  SourceRecord,
  TraceRecord,
} from '../wire/trace-record.ts'

/** Keys kept; a key beyond it is told to pages when it changes, and not to those that come later. */
export const entriesMax = 50_000
/** Sources that are gone, the newest. */
export const lostSourcesMax = 50

interface LiveActor {
  readonly record: ActorRecord
  atMs: number
  state: Json
  context: Json | CutValue
}

interface Source {
  readonly about: SourceRecord
  readonly charts: ChartRecord[]
  readonly actors: Map<string, LiveActor>
  metrics: MetricsRecord | null
  lost: SourceLostRecord | null
  lastSeq: number
}

export class Present {
  readonly #keysMax: number
  readonly #sources = new Map<string, Source>()
  readonly #entries = new Map<string, ChangeRecord>()

  constructor(keysMax: number = entriesMax) {
    this.#keysMax = keysMax
  }

  apply(record: TraceRecord): void {
    if (record.type === 'source') {
      this.#begin(record)
      return
    }
    const source = this.#sources.get(record.source)
    if (source === undefined) return
    source.lastSeq = record.seq
    switch (record.type) {
      case 'chart':
        source.charts.push(record)
        break
      case 'actor':
        source.actors.set(record.address, { record, atMs: record.atMs, state: record.state, context: record.context })
        break
      case 'transition': {
        const actor = source.actors.get(record.address)
        if (actor === undefined) break
        actor.atMs = record.atMs
        actor.state = record.to
        if (record.context !== undefined) actor.context = record.context
        break
      }
      case 'actor.ended':
        source.actors.delete(record.address)
        break
      case 'change':
        this.#changed(record)
        break
      case 'metrics':
        source.metrics = record
        break
      case 'source.lost':
        this.#lose(source, record)
        break
      default:
    }
  }

  /**
   * As a session that begins here: each source, then its charts, actors and figures; then the memory as a snapshot. All with the number
   * of their source's newest record: what follows has the next one.
   */
  records(): TraceRecord[] {
    const records: TraceRecord[] = []
    for (const { about, charts, actors, metrics, lost, lastSeq: seq } of this.#sources.values()) {
      records.push({ ...about, seq })
      for (const chart of charts) records.push({ ...chart, seq })
      for (const { record, ...now } of actors.values()) records.push({ ...record, ...now, seq })
      if (metrics !== null) records.push({ ...metrics, seq })
      if (lost !== null) records.push({ ...lost, seq })
    }
    for (const change of this.#entries.values()) {
      const seq = this.#sources.get(change.source)?.lastSeq ?? change.seq
      records.push({ ...change, seq, isSnapshot: true })
    }
    return records
  }

  #begin(about: SourceRecord): void {
    // A memory is told whole.
    if (about.kind === 'memory') this.#entries.clear()
    this.#sources.set(about.source, {
      about,
      charts: [],
      actors: new Map(),
      metrics: null,
      lost: null,
      lastSeq: about.seq,
    })
  }

  #changed(record: ChangeRecord): void {
    if (isTombstone(record.entry)) {
      this.#entries.delete(record.key)
      return
    }
    if (this.#entries.size >= this.#keysMax && !this.#entries.has(record.key)) return
    this.#entries.set(record.key, record)
  }

  #lose(source: Source, record: SourceLostRecord): void {
    source.lost = record
    source.actors.clear()
    const lost = [...this.#sources.values()].filter((other) => other.lost !== null)
    for (const oldest of lost.slice(0, -lostSourcesMax)) this.#sources.delete(oldest.about.source)
  }
}
