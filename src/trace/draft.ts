/**
 * What the tap has seen, before it is numbered and made to leave: references to what actors hold, which nobody changes. Only
 * shapes.
 */
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import type { Json } from '../domain/json.ts'
import type { ActorEndedRecord, TransitionRecord } from '../wire/trace-record.ts'

export interface TakenAction {
  readonly type: string
  readonly params: unknown
}

export interface TransitionDraft {
  readonly type: 'transition'
  readonly atMs: number
  readonly address: string
  readonly event: AnyEventObject
  readonly sender: string | null
  readonly from: Json
  readonly startMs: number
  readonly chartId: string | null
  /** False: it is counted, and no more. */
  readonly isTold: boolean
  /** False: its event waits again, or is a dead letter; nothing is told of this draft. */
  isTaken: boolean
  to: Json
  edges: readonly string[]
  actions: readonly TakenAction[]
  context: unknown
  /** It is another one than what was told last. */
  hasNewContext: boolean
  status: TransitionRecord['status']
  mailbox: number
  durationMs: number
}

export interface ActorDraft {
  readonly type: 'actor'
  readonly atMs: number
  readonly actor: LiveActor
}

export type Draft =
  | TransitionDraft
  | ActorDraft
  | {
      readonly type: 'actor.ended'
      readonly atMs: number
      readonly address: string
      readonly how: ActorEndedRecord['how']
      readonly error: unknown
    }
  | { readonly type: 'dead-letter'; readonly atMs: number; readonly address: string; readonly event: AnyEventObject }

/** An actor as it is at one moment. */
export interface LiveActor {
  readonly address: string
  readonly parent: string | null
  readonly machine: AnyStateMachine | null
  readonly state: Json
  readonly context: unknown
  readonly restarts: number
}
