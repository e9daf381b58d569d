/**
 * How the inspector's page and its server speak: paths, answers, actions. Only shapes. Every path needs the token: as the cookie that
 * `GET /?token=…` sets, or as `Authorization: Bearer <token>`.
 *
 * - `GET  /`                 the page
 * - `GET  /api/session`      {@link SessionInfo}; from a server that has a file and no runtime {@link RecordedInfo}: then
 *                            `/api/export` gives that file, and the other paths below have nothing
 * - `GET  /api/events`       event stream. Each message: `id: <epoch>:<n>` and a JSON array of `TraceRecord`, at most
 *                            {@link eventRecordsMax}. Without `Last-Event-ID` it begins with what there was when the recording,
 *                            as far as it is kept, began (sources, charts, live actors, memory as snapshot changes), then what was
 *                            recorded since, then a message `event: live`. With it: what came behind that place, then
 *                            `event: live`; or, when that is not known any more, a message `event: reset` (with an empty id, data:
 *                            `{ "lost": number | null }`), then as without it. A stream that is read too slowly is reset, too, and
 *                            goes on with what there is then.
 * - `GET  /api/entry?key=…`  the whole entry, uncut: `{ key, revision, entry }` or 404
 * - `GET  /api/explain?task=…` the runtime's `Explanation`
 * - `GET  /api/export`       the session so far as JSONL: `{ "format": 1, … }`, then one record a line
 * - `POST /api/actions`      {@link InspectorAction} -> {@link ActionReply}; 403 unless the server allows actions
 *
 * Errors are `{ "error": { "code", "message" } }` with a fitting status.
 */
import type { Json } from '../domain/json.ts'

export const eventRecordsMax = 500
export const tokenParameter = 'token'

export interface SessionInfo {
  readonly format: 1
  /** Of the package. */
  readonly version: string
  readonly namespace: string
  readonly store: string
  /** For people and for the title: the worker id of the runtime that serves. */
  readonly servedBy: string
  readonly allowsActions: boolean
  /** The server's wall clock at the answer: leases and heartbeats are judged by it. */
  readonly nowMs: number
}

export interface RecordedInfo {
  readonly format: 1
  /** The name of the file, for people. */
  readonly recorded: string
}

export type InspectorAction =
  /** To an actor of any process that can be reached. `source`: which; the event's type is one of its next possible ones. */
  | {
      readonly type: 'actor.send'
      readonly source: string
      readonly address: string
      readonly event: { readonly type: string; readonly [member: string]: Json }
    }
  | { readonly type: 'task.cancel'; readonly task: string; readonly reason: string }
  /** A failed task runs again, from the dead letters. */
  | { readonly type: 'task.replay'; readonly task: string }
  /** A pending task that is backing off may be claimed at once. */
  | { readonly type: 'task.retry'; readonly task: string }
  | { readonly type: 'worker.drain'; readonly source: string; readonly worker: string }
  /** By force: the holder's guarded writes are refused from then on. `key`: where it lies, whole. */
  | { readonly type: 'lock.release'; readonly key: string }

export type ActionReply =
  | { readonly ok: true; readonly message: string }
  | { readonly error: { readonly code: string; readonly message: string } }

/** While this value lives at `<ns>/coordination/inspect`, runtimes on that memory serve their transitions. */
export interface InspectRequest {
  /** Who watches, for people. */
  readonly watcher: string
  /** Whether events may be sent to actors through what is served. */
  readonly allowsActions: boolean
}

/** At `<ns>/workers/<worker>/inspector`: where a runtime serves its transitions, on the loopback of its machine. */
export interface TraceAnnouncement {
  /** `http://127.0.0.1:<port>/trace` */
  readonly url: string
  readonly token: string
  readonly incarnation: string
  readonly host: string
  readonly pid: number
}
