/**
 * What an inspector is told, one record per thing that happened: lines of a live stream, of an exported session (JSONL) and of a
 * simulation's trace alike. Only shapes; knows neither who makes them nor who shows them.
 *
 * - E1 records of one source carry `seq` 1, 2, 3, …; what was lost is said by a `gap`, never left out silently
 * - E2 a session explains itself: an actor's `chart` and an actor come before its transitions, in one file or stream
 * - E3 every record is plain JSON and at most about {@link recordBytesMax} bytes: larger values are cut and say so ({@link CutValue})
 */
import type { Entry } from '../domain/entry.ts'
import type { Json } from '../domain/json.ts'
import type { ChartDefinition } from './chart-definition.ts'

/** The first member of an exported session's first line; readers refuse newer ones. */
export const traceFormat = 1
/** One value (an event, a context, the params of an action) in a record, as JSON text. */
export const valueBytesMax = 4096
export const recordBytesMax = 32 * 1024

/** Stands for a value that was too large or is no JSON: `$cut` is its size in bytes (0: unknown), `text` its beginning. */
export type CutValue = { readonly $cut: number; readonly text: string }
/** Stands for what the redaction hook took out. */
export const redactedText = '[redacted]'

interface RecordBase {
  /** Which source: see {@link SourceRecord.source}. */
  readonly source: string
  readonly seq: number
  /** The source's wall clock, milliseconds since 1970. Orders nothing: that is `seq`, and the place in the stream. */
  readonly atMs: number
}

/** The first record of a source: one life of one process (or the memory itself, for `kind: 'memory'`). */
export interface SourceRecord extends RecordBase {
  readonly type: 'source'
  /** `process`: a runtime whose transitions are told; `memory`: the changes of the shared memory, told by the inspector. */
  readonly kind: 'process' | 'memory'
  readonly workerId: string
  readonly incarnation: string
  readonly pid: number | null
  readonly host: string | null
  readonly namespace: string
  readonly store: string
}

/** A chart, once per source and before its first actor. */
export interface ChartRecord extends RecordBase {
  readonly type: 'chart'
  readonly chart: ChartDefinition
}

/** An actor that lives: told when it starts, and for those that lived already when the watching began. */
export interface ActorRecord extends RecordBase {
  readonly type: 'actor'
  /** `task/42`, `worker/a`, `batch-writer`. At most one live actor of a source has it. */
  readonly address: string
  /** Of its chart; null: an actor without one. */
  readonly chartId: string | null
  readonly parent: string | null
  /** As XState says it: a name, or nested names for compound and parallel states; null without a chart. */
  readonly state: Json
  readonly context: Json | CutValue
  /** Starts of it after crashes. */
  readonly restarts: number
}

export interface TracedAction {
  readonly type: string
  readonly params?: Json | CutValue
}

/** A write that a transition asked for; whether it was committed is told by a later `change`. */
export interface TracedWrite {
  readonly key: string
  /** Absent: a deletion. */
  readonly value?: Json | CutValue
}

/** One event taken by one actor (with what followed it at once: `always` transitions and raised events). */
export interface TransitionRecord extends RecordBase {
  readonly type: 'transition'
  readonly address: string
  readonly event: { readonly type: string } & { readonly [member: string]: Json }
  /** Address of the sending actor; null: from outside of the actors. */
  readonly sender: string | null
  readonly from: Json
  readonly to: Json
  /** {@link ChartEdge.id} of the edges taken, in order; empty: the event meant nothing in that state. */
  readonly edges: readonly string[]
  readonly actions: readonly TracedAction[]
  readonly writes: readonly TracedWrite[]
  /** After it; absent: unchanged. */
  readonly context?: Json | CutValue
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  /** Events that waited for this actor when this one had been taken. */
  readonly mailbox: number
  /** Milliseconds, of the source's monotonic clock; what watching itself takes is in it. */
  readonly durationMs: number
}

export interface ActorEndedRecord extends RecordBase {
  readonly type: 'actor.ended'
  readonly address: string
  readonly how: 'done' | 'stopped' | 'crashed'
  readonly error?: string
}

/** An event that reached nobody. */
export interface DeadLetterRecord extends RecordBase {
  readonly type: 'dead-letter'
  readonly address: string
  readonly event: { readonly type: string } & { readonly [member: string]: Json }
}

/** Something was committed to the shared memory, by whom ever (source kind `memory`). */
export interface ChangeRecord extends RecordBase {
  readonly type: 'change'
  readonly key: string
  readonly revision: number
  /** Its `value` may be a {@link CutValue}. */
  readonly entry: Entry<Json | CutValue>
  /** It lay there already when the watching began. */
  readonly isSnapshot?: true
}

/** Two writers that had not seen each other's value, and the rule that decided. */
export interface ConflictRecord extends RecordBase {
  readonly type: 'conflict'
  readonly key: string
  readonly sides: readonly Entry<Json | CutValue>[]
  readonly strategy: string
  readonly resolved: Json | CutValue
  /** How many of the sides are not in the result. */
  readonly discarded: number
}

export interface ProblemRecord extends RecordBase {
  readonly type: 'problem'
  readonly code: string
  readonly message: string
  readonly key?: string
}

/** Counters of one process since its start, and what it has at hand; about one a second while somebody watches. */
export interface MetricsRecord extends RecordBase {
  readonly type: 'metrics'
  readonly actors: number
  /** Transitions taken since the watching began, sampled-out ones too. */
  readonly transitions: number
  /** Units and batches that the store has answered. */
  readonly committedUnits: number
  readonly committedBatches: number
  readonly pendingWrites: number
  /** Milliseconds of the batches answered since the last such record: how long the store took, at the median and the slowest. */
  readonly commitP50Ms: number | null
  readonly commitMaxMs: number | null
  readonly cacheHits: number
  readonly cacheMisses: number
  readonly conflicts: number
  readonly problems: number
  readonly deadLetters: number
  readonly breaker: 'closed' | 'open' | 'half-open' | 'unknown'
  /** Tasks ready to be claimed, as this process sees the queue. */
  readonly ready: number
  /** Tasks running here. */
  readonly running: number
  readonly heapBytes: number
}

/** Records are missing here: the watcher was too slow, sampling left them out, or a connection was away. */
export interface GapRecord extends RecordBase {
  readonly type: 'gap'
  /** How many; null: nobody knows. */
  readonly lost: number | null
  readonly reason: 'slow-watcher' | 'sampled' | 'disconnected' | 'restarted' | 'limit'
}

/** A source cannot be heard any more: its process ended, was killed, or does not answer. */
export interface SourceLostRecord extends RecordBase {
  readonly type: 'source.lost'
  readonly reason: string
}

export type TraceRecord =
  | SourceRecord
  | ChartRecord
  | ActorRecord
  | TransitionRecord
  | ActorEndedRecord
  | DeadLetterRecord
  | ChangeRecord
  | ConflictRecord
  | ProblemRecord
  | MetricsRecord
  | GapRecord
  | SourceLostRecord

export type TraceRecordType = TraceRecord['type']

export function isCut(value: unknown): value is CutValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<CutValue>).$cut === 'number' &&
    typeof (value as Partial<CutValue>).text === 'string'
  )
}
