/** Three charts as users write them, with what the house's own have not: nested, parallel, history, final, invoked, delayed. */
import { and, assign, fromPromise, not, raise, setup, stateIn } from 'xstate'

/** Compound states three deep, a wildcard, several targets in one list, a transition that only acts, one that is forbidden. */
export const nestedMachine = setup({
  types: { context: {} as { readonly count: number }, events: {} as { type: string } },
  actions: { beep: () => {}, log: (_, _params: { readonly text: string }) => {} },
  delays: { pause: 1000 },
  guards: { isOdd: ({ context }) => context.count % 2 === 1, isDry: () => true },
}).createMachine({
  id: 'light',
  context: { count: 0 },
  initial: 'on',
  on: { 'light.*': { actions: 'beep', description: 'Whatever else is said of it.' }, reset: '.off' },
  states: {
    on: {
      initial: 'steady',
      tags: ['lit', 'warm'],
      description: 'It shines.',
      entry: ['beep', { type: 'log', params: { text: 'on' } }],
      exit: assign({ count: ({ context }) => context.count + 1 }),
      states: {
        steady: { on: { blink: 'blinking', 'light.touch': undefined } },
        blinking: {
          initial: 'bright',
          states: {
            bright: { after: { 500: 'dark' } },
            dark: {
              after: {
                pause: [
                  { guard: 'isOdd', target: 'bright' },
                  { target: 'bright', reenter: true, actions: raise({ type: 'odd' }) },
                ],
              },
            },
          },
          on: { steady: { target: 'steady', guard: and(['isDry', not('isOdd')]) } },
        },
      },
      on: { off: 'off', '*': { actions: () => {} } },
    },
    off: { on: { on: 'on', 'on.blinking': 'on.blinking', again: { target: 'off', reenter: true } } },
  },
})

/** Regions side by side, both kinds of history with and without a default, one transition into two regions, the done of regions. */
export const parallelMachine = setup({
  types: { events: {} as { type: string } },
  guards: { isRunning: stateIn({ play: { engine: 'running' } }) },
}).createMachine({
  id: 'player',
  initial: 'play',
  states: {
    play: {
      type: 'parallel',
      onDone: 'over',
      states: {
        engine: {
          initial: 'stopped',
          states: {
            stopped: { on: { start: 'running' } },
            running: { on: { stop: 'stopped', end: 'worn' } },
            worn: { type: 'final' },
          },
        },
        sound: {
          initial: 'loud',
          states: {
            loud: { on: { mute: 'muted' }, always: { guard: 'isRunning', actions: () => {} } },
            muted: { on: { mute: 'loud', end: 'torn' } },
            torn: { type: 'final' },
            last: { type: 'history', target: 'muted' },
          },
        },
        before: { type: 'history', history: 'deep' },
      },
      on: { pause: 'paused', both: { target: ['.engine.running', '.sound.muted'] } },
    },
    paused: { on: { resume: 'play.before', sound: 'play.sound.last' } },
    over: { type: 'final' },
  },
})

/** Invoked actors with and without names, what becomes of them, a delay by name, an eventless choice, final states with output. */
export const fetchMachine = setup({
  types: {
    context: {} as { readonly tries: number; readonly text: string },
    events: {} as { type: 'fetch.start' } | { type: 'fetch.cancel' },
    output: {} as string,
  },
  actors: { load: fromPromise(async () => 'text') },
  delays: { patience: 1000 },
  guards: { hasTries: ({ context }) => context.tries < 2 },
}).createMachine({
  id: 'fetch',
  context: { tries: 0, text: '' },
  initial: 'idle',
  output: ({ context }) => context.text,
  states: {
    idle: { on: { 'fetch.start': 'loading' } },
    loading: {
      invoke: [
        {
          id: 'loader',
          src: 'load',
          onDone: { target: 'done', actions: assign({ text: ({ event }) => event.output }) },
          onError: 'failing',
        },
        { src: fromPromise(async () => 1), onDone: { actions: () => {} } },
        { src: 'load', onSnapshot: { actions: () => {} } },
      ],
      after: { patience: 'failing' },
      on: { 'fetch.cancel': 'cancelled' },
    },
    failing: {
      entry: assign({ tries: ({ context }) => context.tries + 1 }),
      always: [{ guard: 'hasTries', target: 'idle', description: 'Once more.' }, 'cancelled'],
    },
    done: { type: 'final' },
    cancelled: { type: 'final' },
  },
})
