/**
 * The life of a worker: registered before it claims, seen by its heartbeat, drained before it leaves. Counts its tasks;
 * which task it gets is the dispatcher's business. Knows no clock and no store.
 *
 * - K1 it takes tasks only in `idle` and `busy`
 * - K2 `offline` is entered when its last documents are committed, or could not be
 */
import { assign, setup } from 'xstate'
import type { Json } from '../src/domain/json.ts'
import { always, type Intent } from '../src/domain/write.ts'
import { effect } from './effect.ts'

export interface WorkerInput {
  readonly id: string
  readonly incarnation: string
  /** `<namespace>/workers/<id>` */
  readonly prefix: string
  /** Tasks at once. */
  readonly capacity: number
  /** Task types that it takes; null: any. */
  readonly types: readonly string[] | null
  readonly heartbeatTtlSeconds: number
  readonly startedMs: number
}

export interface WorkerContext extends WorkerInput {
  readonly running: number
  /** Counts heartbeats: observers judge life by its change, not by timestamps. */
  readonly sequence: number
  /** What its documents say. */
  readonly shown: 'active' | 'draining'
}

export type WorkerEvent =
  | { type: 'task.assigned' }
  | { type: 'task.ended' }
  | { type: 'heartbeat.due'; atMs: number }
  | { type: 'worker.drain' }
  | { type: 'worker.stop' }
  | { type: 'write.committed'; ref: 'register' | 'heartbeat' | 'leave' }
  | { type: 'write.refused'; ref: 'register' | 'heartbeat' | 'leave' }
  | { type: 'write.failed'; ref: 'register' | 'heartbeat' | 'leave' }

export type WorkerState = 'starting' | 'idle' | 'busy' | 'saturated' | 'draining' | 'leaving' | 'offline'

export const workerMachine = setup({
  types: {
    input: {} as WorkerInput,
    context: {} as WorkerContext,
    events: {} as WorkerEvent,
    tags: {} as 'takes-tasks',
  },
  actions: {
    remember: effect<{ ref: 'register' | 'heartbeat' | 'leave'; intents: readonly Intent[] }>(),
    /** `heartbeat.due` every interval until the worker leaves. */
    startHeartbeat: effect<{ id: string }>(),
    stopHeartbeat: effect<{ id: string }>(),
    /** It can take a task (again). */
    askForTasks: effect<{ id: string }>(),
  },
  guards: {
    isFull: ({ context }) => context.running + 1 >= context.capacity,
    isLast: ({ context }) => context.running <= 1,
    isIdle: ({ context }) => context.running === 0,
    isOfLeaving: (_, { ref }: { ref: string }) => ref === 'leave',
    isOfRegistering: (_, { ref }: { ref: string }) => ref === 'register',
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({ ...input, running: 0, sequence: 0, shown: 'active' }),
  initial: 'starting',
  on: {
    'heartbeat.due': {
      actions: [
        assign({ sequence: ({ context }) => context.sequence + 1 }),
        {
          type: 'remember',
          params: ({ context, event }) => ({ ref: 'heartbeat', intents: heartbeatIntents(context, event.atMs) }),
        },
      ],
    },
    'worker.stop': '.leaving',
  },
  states: {
    starting: {
      description: 'Its documents are being written; it is not seen by others yet.',
      entry: [
        {
          type: 'remember',
          params: ({ context }) => ({ ref: 'register', intents: heartbeatIntents(context, context.startedMs) }),
        },
        { type: 'startHeartbeat', params: ({ context }) => ({ id: context.id }) },
      ],
      on: {
        'write.committed': { guard: { type: 'isOfRegistering', params: ({ event }) => event }, target: 'idle' },
        'write.failed': {
          description: 'It works all the same; the next heartbeat registers it.',
          guard: { type: 'isOfRegistering', params: ({ event }) => event },
          target: 'idle',
        },
        'write.refused': { guard: { type: 'isOfRegistering', params: ({ event }) => event }, target: 'idle' },
        'worker.drain': 'draining',
      },
    },
    idle: {
      tags: 'takes-tasks',
      entry: { type: 'askForTasks', params: ({ context }) => ({ id: context.id }) },
      on: {
        'task.assigned': [
          { guard: 'isFull', target: 'saturated', actions: assign({ running: ({ context }) => context.running + 1 }) },
          { target: 'busy', actions: assign({ running: ({ context }) => context.running + 1 }) },
        ],
        'worker.drain': 'draining',
      },
    },
    busy: {
      description: 'Has tasks, and room for more.',
      tags: 'takes-tasks',
      on: {
        'task.assigned': [
          { guard: 'isFull', target: 'saturated', actions: assign({ running: ({ context }) => context.running + 1 }) },
          { actions: assign({ running: ({ context }) => context.running + 1 }) },
        ],
        'task.ended': [
          { guard: 'isLast', target: 'idle', actions: assign({ running: 0 }) },
          {
            actions: [
              assign({ running: ({ context }) => context.running - 1 }),
              { type: 'askForTasks', params: ({ context }) => ({ id: context.id }) },
            ],
          },
        ],
        'worker.drain': 'draining',
      },
    },
    saturated: {
      description: 'Every slot is taken.',
      on: {
        'task.ended': [
          { guard: 'isLast', target: 'idle', actions: assign({ running: 0 }) },
          {
            target: 'busy',
            actions: [
              assign({ running: ({ context }) => context.running - 1 }),
              { type: 'askForTasks', params: ({ context }) => ({ id: context.id }) },
            ],
          },
        ],
        'worker.drain': 'draining',
      },
    },
    draining: {
      description: 'Takes nothing more; what runs may end.',
      entry: assign({ shown: 'draining' }),
      always: { guard: 'isIdle', target: 'leaving' },
      on: {
        'task.ended': { actions: assign({ running: ({ context }) => Math.max(0, context.running - 1) }) },
      },
    },
    leaving: {
      description: 'Its last documents are being written.',
      entry: [
        { type: 'stopHeartbeat', params: ({ context }) => ({ id: context.id }) },
        { type: 'remember', params: ({ context }) => ({ ref: 'leave', intents: leaveIntents(context) }) },
      ],
      on: {
        'heartbeat.due': {},
        'worker.stop': {},
        'write.committed': { guard: { type: 'isOfLeaving', params: ({ event }) => event }, target: 'offline' },
        'write.refused': { guard: { type: 'isOfLeaving', params: ({ event }) => event }, target: 'offline' },
        'write.failed': { guard: { type: 'isOfLeaving', params: ({ event }) => event }, target: 'offline' },
      },
    },
    offline: { type: 'final' },
  },
})

function heartbeatIntents(context: WorkerContext, atMs: number): Intent[] {
  return [
    document(
      context,
      'heartbeat',
      { sequence: context.sequence, incarnation: context.incarnation, timestamp: atMs },
      context.heartbeatTtlSeconds,
    ),
    document(context, 'status', statusOf(context, context.shown)),
    document(context, 'capacity', { available: context.capacity - context.running, timestamp: atMs }),
  ]
}

function leaveIntents(context: WorkerContext): Intent[] {
  return [
    document(context, 'status', statusOf({ ...context, running: 0, capacity: 0 }, 'offline')),
    document(context, 'heartbeat', undefined),
  ]
}

function statusOf(context: WorkerContext, state: 'active' | 'draining' | 'offline'): Json {
  return {
    state,
    capacity: context.capacity,
    running: context.running,
    types: context.types,
    incarnation: context.incarnation,
    startedAt: context.startedMs,
  }
}

function document(context: WorkerContext, name: string, value: Json | undefined, ttlSeconds?: number): Intent {
  const intent: Intent = { key: `${context.prefix}/${name}`, value, condition: always }
  return ttlSeconds === undefined ? intent : { ...intent, ttlSeconds }
}
