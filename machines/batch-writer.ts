/**
 * When buffered writes are sent. The buffer and what is in flight lie beside the chart (`src/domain/batch.ts`) and tell it
 * their counts with each event; the chart decides. Knows no store.
 *
 * - W1 while nothing is in flight, a write goes at the end of its turn of the event loop (or after `lingerMs`, if asked
 *   for); while enough is, later writes gather, at most `batchIntervalMs` (group commit)
 * - W2 while the circuit is open only urgent writes go, one batch at a time, and serve as its probes
 * - W3 `stopped` is reached when all is answered or the deadline is over; what could not be written is reported by key
 */
import { assign, setup } from 'xstate'
import { effect } from './effect.ts'

export interface BatchWriterInput {
  /** Milliseconds a write may wait for company while nothing is in flight. Default 0. */
  readonly lingerMs?: number
  /** Milliseconds after which gathered writes go although enough is in flight. Default 100. */
  readonly batchIntervalMs?: number
}

export interface BatchWriterContext {
  readonly lingerMs: number
  readonly batchIntervalMs: number
  readonly drainMs: number
  /** Failed commits in a row. */
  readonly failures: number
  /** From [0, 1): spreads the tries of many processes. */
  readonly chance: number
}

/** What lies beside the chart: batches in flight, and whether the buffer holds anything. */
export interface BufferCounts {
  readonly inFlight: number
  readonly hasMore: boolean
}

export type BatchWriterEvent =
  /** The buffer was empty and is no more, or something urgent was put into it. */
  | { type: 'write.submit'; isUrgent: boolean }
  /** The turn of the event loop, or the linger time, is over; or somebody asked for it (`forceSync`, a full batch). */
  | { type: 'flush.due' }
  /** The store answered for a batch. */
  | ({ type: 'commit.settled' } & BufferCounts)
  /** The store did not take a batch; it is in the buffer again. */
  | ({ type: 'commit.failed'; chance: number } & BufferCounts)
  | { type: 'breaker.opened' }
  | { type: 'breaker.halfOpened' }
  | { type: 'breaker.closed' }
  /** Send what is there and stop, at the latest after `drainMs`. */
  | ({ type: 'writer.drain'; drainMs: number } & BufferCounts)

/** Two: one batch is written while the next is sent. */
export const batchesInFlight = 2
/** Never more, however old the gathered writes are. */
export const batchesInFlightMax = 8
export const retryBaseMs = 50
export const retryMaxMs = 5000

export const batchWriterMachine = setup({
  types: {
    input: {} as BatchWriterInput,
    context: {} as BatchWriterContext,
    events: {} as BatchWriterEvent,
  },
  actions: {
    /** `flush.due` at the end of this turn of the event loop, or after `lingerMs`. */
    scheduleFlush: effect<{ lingerMs: number }>(),
    /** Sends batches until so many are in flight or nothing may be sent; each answers `commit.*`. */
    commit: effect<{ scope: 'all' | 'urgent' | 'probe'; inFlightMax: number }>(),
    /** Rejects what is unanswered with `unflushed`, naming the keys. */
    giveUp: effect<{ afterMs: number }>(),
  },
  delays: {
    batchIntervalMs: ({ context }) => context.batchIntervalMs,
    drainMs: ({ context }) => context.drainMs,
    retryMs: ({ context }) =>
      Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(context.failures, 16)) * (0.5 + context.chance / 2),
  },
  guards: {
    isUrgent: (_, { isUrgent }: { isUrgent: boolean }) => isUrgent,
    hasMore: (_, { hasMore }: BufferCounts) => hasMore,
    isAnswered: (_, { hasMore, inFlight }: BufferCounts) => !hasMore && inFlight === 0,
  },
}).createMachine({
  id: 'batch-writer',
  context: ({ input }) => ({
    lingerMs: input.lingerMs ?? 0,
    batchIntervalMs: input.batchIntervalMs ?? 100,
    drainMs: 0,
    failures: 0,
    chance: 0.5,
  }),
  initial: 'serving',
  states: {
    serving: {
      initial: 'idle',
      on: {
        'breaker.opened': '.circuitOpen',
        'writer.drain': [
          { guard: { type: 'isAnswered', params: ({ event }) => event }, target: 'stopped' },
          { target: 'draining', actions: assign({ drainMs: ({ event }) => event.drainMs }) },
        ],
      },
      states: {
        idle: {
          description: 'Nothing to send, nothing in flight.',
          on: {
            'write.submit': [
              {
                description: 'A renewal waits for no company.',
                guard: { type: 'isUrgent', params: ({ event }) => event },
                target: 'committing',
              },
              { target: 'gathering' },
            ],
          },
        },
        gathering: {
          description: 'The first write is there; those of the same turn go with it.',
          entry: {
            type: 'scheduleFlush',
            params: ({ context }) => ({ lingerMs: Math.min(context.lingerMs, context.batchIntervalMs) }),
          },
          on: {
            'flush.due': 'committing',
            'write.submit': {
              description: 'A renewal waits neither for the turn to end nor for batches that hang.',
              guard: { type: 'isUrgent', params: ({ event }) => event },
              target: 'committing',
              actions: { type: 'commit', params: { scope: 'urgent', inFlightMax: batchesInFlightMax } },
            },
            'commit.settled': { actions: assign({ failures: 0 }) },
            'commit.failed': {
              target: 'backingOff',
              actions: assign({ failures: ({ context }) => context.failures + 1, chance: ({ event }) => event.chance }),
            },
          },
        },
        committing: {
          description: 'Batches are in flight; what comes meanwhile gathers.',
          entry: { type: 'commit', params: { scope: 'all', inFlightMax: batchesInFlight } },
          after: {
            batchIntervalMs: {
              description: 'The store is slow: what has gathered goes all the same.',
              target: 'committing',
              reenter: true,
              actions: { type: 'commit', params: { scope: 'all', inFlightMax: batchesInFlightMax } },
            },
          },
          on: {
            'write.submit': [
              {
                description: 'A renewal does not wait for batches that hang.',
                guard: { type: 'isUrgent', params: ({ event }) => event },
                actions: { type: 'commit', params: { scope: 'urgent', inFlightMax: batchesInFlightMax } },
              },
              { target: 'gathering' },
            ],
            'flush.due': { target: 'committing', reenter: true },
            'commit.settled': [
              { guard: { type: 'isAnswered', params: ({ event }) => event }, target: 'idle', actions: assign({ failures: 0 }) },
              {
                guard: { type: 'hasMore', params: ({ event }) => event },
                target: 'committing',
                reenter: true,
                actions: assign({ failures: 0 }),
              },
              { actions: assign({ failures: 0 }) },
            ],
            'commit.failed': {
              target: 'backingOff',
              actions: assign({ failures: ({ context }) => context.failures + 1, chance: ({ event }) => event.chance }),
            },
          },
        },
        backingOff: {
          description: 'The store did not take a batch; it is tried again after a pause that grows.',
          after: { retryMs: 'committing' },
          on: {
            'commit.settled': { guard: { type: 'hasMore', params: ({ event }) => event }, target: 'committing' },
            'commit.failed': {
              target: 'backingOff',
              reenter: true,
              actions: assign({ failures: ({ context }) => context.failures + 1, chance: ({ event }) => event.chance }),
            },
          },
        },
        circuitOpen: {
          description: 'The store is down; writes wait in the buffer, urgent ones are tried one at a time.',
          on: {
            'write.submit': {
              guard: { type: 'isUrgent', params: ({ event }) => event },
              actions: { type: 'commit', params: { scope: 'urgent', inFlightMax: 1 } },
            },
            'breaker.halfOpened': 'circuitHalfOpen',
            'breaker.closed': 'committing',
          },
        },
        circuitHalfOpen: {
          description: 'One batch goes as a probe.',
          entry: { type: 'commit', params: { scope: 'probe', inFlightMax: 1 } },
          on: {
            'write.submit': { actions: { type: 'commit', params: { scope: 'probe', inFlightMax: 1 } } },
            'breaker.closed': 'committing',
          },
        },
      },
    },
    draining: {
      description: 'No new writes are taken; all that is left goes out, whatever the breaker says.',
      initial: 'sending',
      after: {
        drainMs: { target: 'stopped', actions: { type: 'giveUp', params: ({ context }) => ({ afterMs: context.drainMs }) } },
      },
      on: {
        'commit.settled': [
          { guard: { type: 'isAnswered', params: ({ event }) => event }, target: 'stopped' },
          { guard: { type: 'hasMore', params: ({ event }) => event }, target: '.sending' },
        ],
        'commit.failed': {
          target: '.pausing',
          actions: assign({ failures: ({ context }) => context.failures + 1, chance: ({ event }) => event.chance }),
        },
      },
      states: {
        sending: { entry: { type: 'commit', params: { scope: 'all', inFlightMax: batchesInFlight } } },
        pausing: { after: { retryMs: 'sending' } },
      },
    },
    stopped: { type: 'final' },
  },
})
