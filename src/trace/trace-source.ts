/**
 * What the inspector is given of one process: its own, or another that is read over HTTP. Types only; the own one is
 * `runtime.inside.trace`, the other's is made by `traceClient` of `trace-client.ts`. Knows neither who tells nor who shows.
 *
 * - R1 what a watch gives begins with the source, its charts and the actors that live, and goes on with what happens; `seq`
 *   rises by one from record to record. At a `gap` it may jump, and where a source is told anew it may be lower than before
 * - R2 a watcher that is slow costs its source nothing: it is told how many records it missed and what lives now
 */
import type { Json } from '../domain/json.ts'
import type { PostEvent } from '../ports/post.ts'
import type { TraceAnnouncement } from '../wire/inspector-api.ts'
import type { TraceRecord } from '../wire/trace-record.ts'

/** Where a value was found that is about to leave the process. */
export interface RedactPlace {
  readonly kind: 'event' | 'context' | 'params' | 'write' | 'entry' | 'conflict'
  /** The actor concerned; null: none. */
  readonly address: string | null
  /** Type of the event or of the action, or the key of the write, entry or conflict; of a context: the chart's id, or ''. */
  readonly name: string
}

/**
 * Takes out what must not be seen: gives what is to be told in place of `value`. Called for each value before it leaves,
 * synchronously and often. Must not change what it is given. When it throws, the whole value is told as `[redacted]`.
 */
export type Redact = (value: unknown, where: RedactPlace) => Json

export interface TraceWatchOptions {
  /** Resume behind this `seq`; when what followed is gone: a `gap`, then as without it. Default: what lives, then what follows. */
  readonly after?: number
  /**
   * The part of the transitions that is told, from 0 to 1; the others are counted in a `gap` with reason `sampled`. Default 1.
   * All who watch are told the same: the largest part that any of them wants.
   */
  readonly sample?: number
  /** Applied beside those of the other watchers and of the runtime, for all who watch. */
  readonly redact?: Redact
}

export interface TraceWatch {
  /**
   * The `seq` up to which records say what lived when the watch began: who has not read as far cannot resume. 0 when it resumed.
   */
  readonly introducedThrough: number
  /** The next records, in order, at most `max` (default {@link readRecordsMax}). None: `wake` is called when there are more. */
  read(max?: number): readonly TraceRecord[]
  /** Idempotent. With the last watch all cost ends. */
  stop(): void
}

export const readRecordsMax = 500

/** One process that tells what happens in it. */
export interface TraceSource {
  /** The `source` of its records. */
  readonly source: string
  /**
   * Begins to watch. `wake` is called, once, when there is something to read after a `read` that gave nothing (at the beginning
   * there is always something). It comes in the middle of others' work: it should only note that there is something to do.
   *
   * @throws `invalid_option` for a `sample` outside of [0, 1]; `closed` after shutdown
   */
  watch(wake: () => void, options?: TraceWatchOptions): TraceWatch
  /**
   * Sends an event to a live actor: what `runtime.send` takes by its rules, else an event that the actor's chart names in
   * its present state; its guards may still pass it over. Whether anybody may do so is the caller's to decide.
   *
   * @throws `invalid_option` for what is no event or is reserved, `not_supported` for an actor that is not here or whose chart does not name it
   */
  send(address: string, event: PostEvent): Promise<void>
}

/**
 * Another process, as announced at `<ns>/workers/<worker>/inspector`: one client per such key, told of every change of it.
 * `records` comes with what the process tells, and with a `source.lost` when it is gone; a process that is started again under
 * the same worker id is another source, heard by the same client.
 */
export interface TraceClient {
  /** `idle`: nothing announced, or lost; `elsewhere`: on another machine, which loopback does not reach. */
  readonly state: 'idle' | 'connecting' | 'live' | 'elsewhere'
  /** The announced source; null: none. */
  readonly source: string | null
  /** What lies at the key now; null when it was deleted, has expired, or is no announcement. Each renewal is told, too. */
  announced(announcement: TraceAnnouncement | null): void
  /** `TraceSource.send` there. @throws its errors; `store_unavailable` when the process cannot be reached; `not_supported` when it allows no actions */
  send(address: string, event: PostEvent): Promise<void>
  /** Idempotent. Nothing is told any more. */
  stop(): void
}
