/**
 * Following the store: one feed of everything that is committed, by whom ever, and its dispatch to those who care. Knows
 * no store; the feed's items come as events.
 *
 * - Y1 `cursor` is the revision up to which every change was dispatched; a new connection resumes behind it
 * - Y2 between `feed.reset` and `feed.caughtUp` changes may repeat what is known; they are dispatched all the same, and
 *   receivers compare revisions
 */
import { assign, setup } from 'xstate'
import type { Entry } from '../src/domain/entry.ts'
import { effect } from './effect.ts'

/** One change, as the feed gives it. */
export interface FeedChange {
  readonly key: string
  readonly entry: Entry
  readonly revision: number
}

export interface SyncContext {
  /** null: begin with what is committed from now on. */
  readonly cursor: number | null
  readonly failures: number
  readonly chance: number
}

export type SyncEvent =
  | { type: 'feed.changed'; changes: readonly FeedChange[] }
  | { type: 'feed.caughtUp'; revision: number }
  | { type: 'feed.reset' }
  | { type: 'feed.lost'; message: string; chance: number }
  | { type: 'sync.stop' }

export const reconnectBaseMs = 50
export const reconnectMaxMs = 5000

export const syncMachine = setup({
  types: { context: {} as SyncContext, events: {} as SyncEvent },
  actions: {
    /** Opens the feed behind `after`; its items come as `feed.*`. */
    connect: effect<{ after: number | null }>(),
    disconnect: effect<object>(),
    /** Gives the changes to whoever subscribed to their keys. */
    dispatch: effect<{ changes: readonly FeedChange[] }>(),
    /** Tells that the feed is whole again up to a revision, or that it has a gap. */
    announce: effect<{ state: 'live'; through: number | null } | { state: 'reset' }>(),
    report: effect<{ message: string }>(),
  },
  delays: {
    reconnectMs: ({ context }) =>
      Math.min(reconnectMaxMs, reconnectBaseMs * 2 ** Math.min(context.failures, 16)) * (0.5 + context.chance / 2),
  },
}).createMachine({
  id: 'sync',
  context: { cursor: null, failures: 0, chance: 0.5 },
  initial: 'connecting',
  on: {
    'sync.stop': '.stopped',
    'feed.lost': {
      target: '.backingOff',
      actions: [
        assign({ failures: ({ context }) => context.failures + 1, chance: ({ event }) => event.chance }),
        { type: 'report', params: ({ event }) => ({ message: event.message }) },
      ],
    },
  },
  states: {
    connecting: {
      entry: { type: 'connect', params: ({ context }) => ({ after: context.cursor }) },
      on: {
        'feed.changed': {
          target: 'catchingUp',
          actions: { type: 'dispatch', params: ({ event }) => ({ changes: event.changes }) },
        },
        'feed.reset': { target: 'catchingUp', actions: { type: 'announce', params: { state: 'reset' } } },
        'feed.caughtUp': {
          target: 'live',
          actions: assign({ cursor: ({ event }) => event.revision, failures: 0 }),
        },
      },
    },
    catchingUp: {
      description: 'What was missed is being given, or after a gap all that is stored.',
      on: {
        'feed.changed': { actions: { type: 'dispatch', params: ({ event }) => ({ changes: event.changes }) } },
        'feed.reset': { actions: { type: 'announce', params: { state: 'reset' } } },
        'feed.caughtUp': {
          target: 'live',
          actions: assign({ cursor: ({ event }) => event.revision, failures: 0 }),
        },
      },
    },
    live: {
      description: 'Every commit arrives, one event per batch.',
      entry: { type: 'announce', params: ({ context }) => ({ state: 'live', through: context.cursor }) },
      on: {
        'feed.changed': {
          actions: [
            assign({ cursor: ({ event, context }) => event.changes.at(-1)?.revision ?? context.cursor }),
            { type: 'dispatch', params: ({ event }) => ({ changes: event.changes }) },
          ],
        },
        'feed.reset': { target: 'catchingUp', actions: { type: 'announce', params: { state: 'reset' } } },
      },
    },
    backingOff: {
      description: 'The feed broke; it is opened again behind the cursor.',
      after: { reconnectMs: 'connecting' },
    },
    stopped: { type: 'final', entry: { type: 'disconnect', params: {} } },
  },
})
