/**
 * The sources as they were told, with their figures. Owns who can be heard, and how many lives of processes are kept. Knows neither
 * actors nor entries.
 *
 * - U1 whoever tells something can be heard; `source.lost` and `gap` are told of a source, not by it
 * - U2 at most {@link sourcesMax}: beyond it those that were silent longest are dropped, lost ones before others
 */
import type { MetricsRecord, SourceLostRecord, SourceRecord, TraceRecord } from '../../../wire/trace-record.ts'
import { metricsMax, type SourceView } from './session-state.ts'
import { MapDraft, type SharedMap } from './shared-map.ts'

export const sourcesMax = 200
/** What is left when the bound was reached. */
const sourcesKept = 150

export interface SourcesState {
  readonly sources: SharedMap<SourceView>
  readonly metricsBySource: SharedMap<readonly MetricsRecord[]>
}

export class SourcesDraft {
  readonly #sources: MapDraft<SourceView>
  readonly #metrics: MapDraft<readonly MetricsRecord[]>
  /** When those that can be heard told their last record: most records change nothing else about a source. */
  readonly #heardMs = new Map<string, number>()
  readonly #forgot: (sources: ReadonlySet<string>) => void

  /** @param forgot is told of sources that are dropped. */
  constructor(state: SourcesState, forgot: (sources: ReadonlySet<string>) => void) {
    this.#sources = new MapDraft(state.sources)
    this.#metrics = new MapDraft(state.metricsBySource)
    this.#forgot = forgot
  }

  finish(): SourcesState {
    this.#noteHeard()
    return { sources: this.#sources.finish(), metricsBySource: this.#metrics.finish() }
  }

  /** @returns whether it was known, and could be heard until now. */
  begin(about: SourceRecord): boolean {
    const { source, atMs } = about
    const known = this.#sources.get(source)
    this.#put({ source, about, isLost: false, lostReason: null, lastMs: atMs, metrics: known?.metrics ?? null })
    return known?.isLost === false
  }

  hear({ source, atMs, type }: TraceRecord): void {
    if (type === 'source' || type === 'source.lost' || type === 'gap') return
    if (!this.#heardMs.has(source)) {
      const known = this.#sources.get(source)
      // Of a process that tells of its actors, the beginning may be missing.
      if (known === undefined && !tellsOfActors.has(type)) return
      const before = known ?? { source, about: unnamed(source, atMs), lastMs: atMs, metrics: null }
      if (known?.isLost !== false) this.#put({ ...before, isLost: false, lostReason: null })
    }
    this.#heardMs.set(source, atMs)
  }

  lose({ source, reason, atMs }: SourceLostRecord): void {
    const known = this.#sources.get(source)
    if (known !== undefined) this.#put({ ...known, isLost: true, lostReason: reason, lastMs: atMs })
  }

  measure(record: MetricsRecord): void {
    const { source } = record
    const known = this.#sources.get(source)
    if (known !== undefined) this.#sources.set(source, { ...known, metrics: record })
    const before = this.#metrics.get(source) ?? []
    this.#metrics.set(source, [...before.slice(Math.max(0, before.length - metricsMax + 1)), record])
  }

  #noteHeard(): void {
    for (const [source, lastMs] of this.#heardMs) {
      const known = this.#sources.get(source)
      if (known !== undefined) this.#sources.set(source, { ...known, lastMs })
    }
    this.#heardMs.clear()
  }

  #put(view: SourceView): void {
    this.#heardMs.delete(view.source)
    this.#sources.set(view.source, view)
    if (this.#sources.size <= sourcesMax) return
    this.#noteHeard()
    const silentFirst = [...this.#sources.values()]
      .filter(({ source }) => source !== view.source)
      .sort((a, b) => Number(b.isLost) - Number(a.isLost) || a.lastMs - b.lastMs || (a.source < b.source ? -1 : 1))
    const dropped = new Set(silentFirst.slice(0, this.#sources.size - sourcesKept).map(({ source }) => source))
    for (const source of dropped) {
      this.#sources.delete(source)
      this.#metrics.delete(source)
    }
    this.#forgot(dropped)
  }
}

const tellsOfActors: ReadonlySet<TraceRecord['type']> = new Set(['chart', 'actor', 'transition', 'actor.ended', 'metrics'])

function unnamed(source: string, atMs: number): SourceRecord {
  const about = { kind: 'process', workerId: source, incarnation: '', pid: null, host: null, namespace: '', store: '' } as const
  return { type: 'source', source, seq: 0, atMs, ...about }
}
