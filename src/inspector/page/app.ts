/**
 * What panes know of the page around them: signals of what is shown, and calls to move on. The shell (`shell.tsx`) makes the one `App`;
 * panes take it as their only prop and never reach for the network or the clock themselves.
 */
import type { ReadonlySignal, Signal } from '@preact/signals'
import type { ActionReply, InspectorAction, SessionInfo } from '../../wire/inspector-api.ts'
import type { ActorId, RecordingReader, SessionState } from './model/session-state.ts'

export const paneNames = ['actors', 'chart', 'sequence', 'log', 'memory', 'tasks', 'workers', 'locks', 'plots'] as const
export type PaneName = (typeof paneNames)[number]

export type ConnectionState =
  | { readonly type: 'connecting' }
  | { readonly type: 'live' }
  /** Tried again at growing intervals, at most {@link reconnectMsMax}. */
  | { readonly type: 'disconnected'; readonly reason: string }
  /** A file: there is no runtime behind it. `isServed`: nor behind the server, which has nothing but this file. */
  | { readonly type: 'recorded'; readonly name: string; readonly isServed: boolean }

export const reconnectMsMax = 5000

export interface App {
  readonly connection: ReadonlySignal<ConnectionState>
  /** null until the server has answered, and for imported sessions. */
  readonly info: ReadonlySignal<SessionInfo | null>
  readonly recording: RecordingReader
  /** Place that is shown; null: live, it moves with the newest record. */
  readonly position: Signal<number | null>
  /** The state at that place. Changes at most once a frame. */
  readonly state: ReadonlySignal<SessionState>
  /** Milliseconds since 1970 at what is shown: the server's now when live, the record's time in the past. Ticks each second. */
  readonly nowMs: ReadonlySignal<number>
  readonly pane: Signal<PaneName>
  readonly selectedActor: Signal<ActorId | null>
  readonly selectedKey: Signal<string | null>
  /** Place of the record whose details are shown. */
  readonly selectedPosition: Signal<number | null>
  /** Shows that actor in the chart pane, that key in the memory pane, that record in the log. */
  showActor(id: ActorId): void
  showKey(key: string): void
  showRecord(position: number): void
  /** False in the past, for recorded sessions, and unless the server allows actions: buttons are then disabled and say why. */
  readonly canAct: ReadonlySignal<boolean>
  act(action: InspectorAction): Promise<ActionReply>
  /** Whole entry from the server; null when there is none or nobody to ask. */
  fetchEntry(key: string): Promise<unknown>
  /** The runtime's explanation of a task; null when nobody can be asked. */
  explain(task: string): Promise<unknown>
}
