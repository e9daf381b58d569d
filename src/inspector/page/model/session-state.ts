/**
 * What a session looks like at one moment: the fold of its records up to there. Every pane reads only this, live and in time travel
 * alike. Types; the fold is `fold.ts`, the record store with checkpoints is `recording.ts`.
 */
import type { Entry } from '../../../domain/entry.ts'
import type { Json } from '../../../domain/json.ts'
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import type {
  ConflictRecord,
  CutValue,
  DeadLetterRecord,
  GapRecord,
  MetricsRecord,
  ProblemRecord,
  SourceRecord,
  TraceRecord,
  TransitionRecord,
} from '../../../wire/trace-record.ts'

/** `<source>|<address>`: unique in a session. */
export type ActorId = string

export interface SourceView {
  readonly source: string
  readonly about: SourceRecord
  readonly isLost: boolean
  readonly lostReason: string | null
  readonly lastMs: number
  readonly metrics: MetricsRecord | null
}

export interface ActorView {
  readonly id: ActorId
  readonly source: string
  readonly address: string
  /** The address up to the first `/`: `task`, `worker`, `lock`, `batch-writer`, …; a user's own kinds too. */
  readonly kind: string
  readonly chartId: string | null
  readonly parent: string | null
  readonly state: Json
  readonly context: Json | CutValue
  readonly status: 'active' | 'done' | 'error' | 'stopped' | 'lost'
  readonly restarts: number
  readonly mailbox: number
  readonly sinceMs: number
  readonly lastMs: number
  readonly transitions: number
  /** Of the newest transition: the edges to light, and its place in the recording. */
  readonly lastEdges: readonly string[]
  readonly lastPosition: number | null
}

export interface EntryVersion {
  readonly revision: number
  readonly entry: Entry<Json | CutValue>
  readonly atMs: number
  /** Its place in the recording. */
  readonly position: number
}

export interface EntryView {
  readonly key: string
  readonly current: EntryVersion
  /** What was seen before, oldest first, at most {@link historyMax}; fewer where there are very many keys. */
  readonly history: readonly EntryVersion[]
}

export const historyMax = 50
/** Newest kept, of dead letters, conflicts, problems and gaps each. */
export const noticesMax = 500
/** Metrics kept per source: ten minutes at one a second. */
export const metricsMax = 600
/** Ended actors kept, the newest. Live ones are never dropped. */
export const endedActorsMax = 5000
/** Keys kept; beyond it the least recently changed is dropped and counted. */
export const entriesMax = 50_000

export interface SessionState {
  /** How many records were folded: the place in the recording, from its first record ever. */
  readonly position: number
  /** Wall time of the last folded record; 0 at the beginning. */
  readonly atMs: number
  readonly namespace: string
  readonly sources: ReadonlyMap<string, SourceView>
  /** By `<source>|<chart id>`: processes may run different releases. */
  readonly charts: ReadonlyMap<string, ChartDefinition>
  readonly actors: ReadonlyMap<ActorId, ActorView>
  /** In key order only when asked for: use `selectors.ts`. */
  readonly entries: ReadonlyMap<string, EntryView>
  readonly entriesDropped: number
  readonly metricsBySource: ReadonlyMap<string, readonly MetricsRecord[]>
  readonly deadLetters: readonly DeadLetterRecord[]
  readonly conflicts: readonly ConflictRecord[]
  readonly problems: readonly ProblemRecord[]
  readonly gaps: readonly GapRecord[]
  /** Records said to be lost so far; what nobody could count is in {@link gaps} only. */
  readonly lost: number
}

/** A record and its place, as lists show it. */
export interface PlacedRecord<R extends TraceRecord = TraceRecord> {
  readonly position: number
  readonly record: R
}

export type PlacedTransition = PlacedRecord<TransitionRecord>

/** Records of a session in order, bounded; old ones go and are counted. */
export interface RecordingReader {
  /** Place of the oldest record that is still there. */
  readonly firstPosition: number
  /** Place behind the newest: `state.position` of the live state. */
  readonly endPosition: number
  readonly dropped: number
  at(position: number): TraceRecord | undefined
  /** The state after the records before `position` (clamped to what is there). Fast near checkpoints; the same object for the same place. */
  stateAt(position: number): SessionState
  /** Newest first from `before` (exclusive), those that pass, at most `limit`; stops after `scanMax` records and says where. */
  findBack(
    before: number,
    accepts: (record: TraceRecord) => boolean,
    limit: number,
    scanMax?: number,
  ): { readonly found: readonly PlacedRecord[]; readonly nextBefore: number }
  /** The last place whose record is not later than `atMs`. */
  positionAtMs(atMs: number): number
}
