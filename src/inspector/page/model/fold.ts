/**
 * The fold of a session's records: the one place that knows what each record means. Changes its maps in place and gives out states that
 * never change; the next state shares with them all that is the same. Knows no time but that of the records, and no DOM.
 *
 * - O1 a state depends on the records before it alone: folded in one go or onwards from any state between, it is the same
 * - O2 folding never throws: what is no record, or of a type that is not known, is left out and counted, and takes no place
 * - O3 everything is bounded, except live actors: their number is the session's own
 */
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import type {
  ChartRecord,
  ConflictRecord,
  DeadLetterRecord,
  GapRecord,
  ProblemRecord,
  SourceRecord,
  TraceRecord,
} from '../../../wire/trace-record.ts'
import { ActorsDraft, type ActorsState } from './actors-draft.ts'
import { EntriesDraft, type EntriesState } from './entries-draft.ts'
import { Notices } from './notices.ts'
import { checkedBytes } from './record-check.ts'
import type { SessionState } from './session-state.ts'
import { MapDraft, SharedMap } from './shared-map.ts'
import { SourcesDraft, type SourcesState } from './sources-draft.ts'

/** Of all sources together; later ones are left out. */
export const chartsMax = 2000

/** A state that can be folded on. */
export interface FoldedState
  extends Omit<SessionState, keyof SourcesState | keyof ActorsState | keyof EntriesState | 'charts'>,
    SourcesState,
    ActorsState,
    EntriesState {
  readonly charts: SharedMap<ChartDefinition>
  /** Which memory `entries` is of: another one, and it begins empty. */
  readonly memoryLife: string
}

const nothing: FoldedState = Object.freeze({
  position: 0,
  atMs: 0,
  namespace: '',
  sources: SharedMap.empty,
  charts: SharedMap.empty,
  actors: SharedMap.empty,
  endedActors: 0,
  entries: SharedMap.empty,
  entriesDropped: 0,
  entriesBytes: 0,
  memoryLife: '',
  metricsBySource: SharedMap.empty,
  deadLetters: [],
  conflicts: [],
  problems: [],
  gaps: [],
  lost: 0,
})

/** Before the first record. */
export function emptySession(): FoldedState {
  return nothing
}

export class Folder {
  #state: FoldedState
  #isChanged = false
  #ignored = 0
  #position: number
  #atMs: number
  #namespace: string
  #memoryLife: string
  #lost: number
  readonly #sources: SourcesDraft
  readonly #charts: MapDraft<ChartDefinition>
  readonly #actors: ActorsDraft
  readonly #entries: EntriesDraft
  readonly #deadLetters: Notices<DeadLetterRecord>
  readonly #conflicts: Notices<ConflictRecord>
  readonly #problems: Notices<ProblemRecord>
  readonly #gaps: Notices<GapRecord>

  /** @param start goes on from there; it stays as it is. */
  constructor(start: FoldedState = nothing) {
    this.#state = start
    this.#position = start.position
    this.#atMs = start.atMs
    this.#namespace = start.namespace
    this.#memoryLife = start.memoryLife
    this.#lost = start.lost
    this.#sources = new SourcesDraft(start, (sources) => this.#forget(sources))
    this.#charts = new MapDraft(start.charts)
    this.#actors = new ActorsDraft(start)
    this.#entries = new EntriesDraft(start)
    this.#deadLetters = new Notices(start.deadLetters)
    this.#conflicts = new Notices(start.conflicts)
    this.#problems = new Notices(start.problems)
    this.#gaps = new Notices(start.gaps)
  }

  /** Records that were left out. */
  get ignored(): number {
    return this.#ignored
  }

  get position(): number {
    return this.#position
  }

  /** After all that was folded; the same object until something more is. It never changes, so it is a checkpoint as it stands. */
  get state(): FoldedState {
    if (this.#isChanged) {
      this.#isChanged = false
      this.#state = {
        position: this.#position,
        atMs: this.#atMs,
        namespace: this.#namespace,
        ...this.#sources.finish(),
        charts: this.#charts.finish(),
        ...this.#actors.finish(),
        ...this.#entries.finish(),
        memoryLife: this.#memoryLife,
        deadLetters: this.#deadLetters.finish(),
        conflicts: this.#conflicts.finish(),
        problems: this.#problems.finish(),
        gaps: this.#gaps.finish(),
        lost: this.#lost,
      }
    }
    return this.#state
  }

  /** @returns the bytes that the record takes in memory, about; null when it was left out. */
  fold(record: TraceRecord): number | null {
    const bytes = checkedBytes(record)
    if (bytes === null) this.#ignored++
    else this.foldAgain(record, bytes)
    return bytes
  }

  /** For records that a {@link fold} has taken once. @param bytes that it said. */
  foldAgain(record: TraceRecord, bytes: number): void {
    this.#take(record, bytes)
    this.#atMs = record.atMs
    this.#position++
    this.#isChanged = true
  }

  #take(record: TraceRecord, bytes: number): void {
    this.#sources.hear(record)
    switch (record.type) {
      case 'source':
        this.#begin(record)
        break
      case 'source.lost':
        this.#sources.lose(record)
        this.#actors.lose(record.source)
        break
      case 'chart':
        this.#learn(record)
        break
      case 'actor':
        this.#actors.started(record)
        break
      case 'transition':
        this.#actors.moved(record, this.#position, (kind) => this.#guessChart(record.source, kind))
        break
      case 'actor.ended':
        this.#actors.ended(record)
        break
      case 'metrics':
        this.#sources.measure(record)
        break
      case 'change':
        this.#entries.change(record, this.#position, bytes)
        break
      case 'dead-letter':
        this.#deadLetters.push(record)
        break
      case 'conflict':
        this.#conflicts.push(record)
        break
      case 'problem':
        this.#problems.push(record)
        break
      case 'gap':
        this.#lost += record.lost ?? 0
        this.#gaps.push(record)
    }
  }

  /** A source that is told again tells its live actors again: those that it does not name have ended unheard. */
  #begin(record: SourceRecord): void {
    const { source, namespace, kind } = record
    if (this.#sources.begin(record)) this.#actors.lose(source)
    if (namespace !== '') this.#namespace = namespace
    if (kind !== 'memory') return
    const life = memoryLifeOf(record)
    if (this.#memoryLife !== '' && this.#memoryLife !== life) this.#entries.clear()
    this.#memoryLife = life
  }

  #learn({ source, chart }: ChartRecord): void {
    const id = `${source}|${chart.id}`
    if (this.#charts.size < chartsMax || this.#charts.get(id) !== undefined) this.#charts.set(id, chart)
  }

  #guessChart(source: string, kind: string): string | null {
    return this.#charts.get(`${source}|${kind}`) === undefined ? null : kind
  }

  #forget(sources: ReadonlySet<string>): void {
    for (const id of [...this.#charts.keys()]) {
      // A source's name may hold a `|` as well as a chart's.
      for (let end = id.indexOf('|'); end !== -1; end = id.indexOf('|', end + 1)) {
        if (sources.has(id.slice(0, end))) this.#charts.delete(id)
      }
    }
    this.#actors.forget(sources)
  }
}

/** Names one memory as long as its revisions go on. */
export function memoryLifeOf({ source, incarnation }: SourceRecord): string {
  return `${source}|${incarnation}`
}
