/** Charts as a user writes them: between them every kind of state and transition that XState knows. */
import { fromPromise, setup } from 'xstate'

const work = fromPromise(async () => 'done')

/** Parallel regions, deep history, several targets, `invoke`, `after`, a wildcard. */
export const playerMachine = setup({
  actors: { fetchPage: work, playback: work },
  actions: { log: () => {}, mute: () => {}, unmute: () => {} },
  guards: { canRetry: () => true },
  delays: { retryMs: 1000 },
}).createMachine({
  id: 'player',
  initial: 'loading',
  states: {
    loading: {
      description: 'The file is being fetched.',
      invoke: {
        id: 'fetch',
        src: 'fetchPage',
        onDone: 'ready',
        onError: [{ guard: 'canRetry', target: 'failed' }, { target: 'broken' }],
      },
      after: { 5000: 'failed' },
    },
    ready: {
      type: 'parallel',
      on: { 'player.unload': 'loading', 'player.pause': '.transport.paused' },
      states: {
        transport: {
          initial: 'paused',
          states: {
            paused: { on: { 'transport.play': 'playing' } },
            playing: {
              entry: 'log',
              exit: 'log',
              invoke: { src: 'playback', onDone: 'ended' },
              on: {
                'transport.pause': 'paused',
                'transport.seek': { target: 'playing', reenter: true },
                'transport.tick': { actions: 'log' },
              },
            },
            ended: { type: 'final' },
          },
        },
        sound: {
          initial: 'on',
          states: {
            on: { on: { 'sound.mute': { target: 'off', actions: 'mute' } } },
            off: { on: { 'sound.unmute': { target: 'on', actions: 'unmute' } } },
            last: { type: 'history', history: 'deep', target: 'on' },
          },
        },
      },
      onDone: 'over',
    },
    failed: {
      after: { retryMs: { guard: 'canRetry', target: 'loading' } },
      on: {
        'player.jump': { target: ['ready.transport.playing', 'ready.sound.off'] },
        'player.back': 'ready.sound.last',
        '*': { actions: 'log' },
      },
    },
    broken: { type: 'final', description: 'Cannot be played.' },
    over: { type: 'final' },
  },
})

/** Three levels deep, shallow history without a default, `always`, edges of the root, targets by id. */
export const orderMachine = setup({ guards: { isPaid: () => true, isFragile: () => false } }).createMachine({
  id: 'order',
  initial: 'open',
  on: { 'order.cancel': '.cancelled', 'order.note': {} },
  states: {
    open: {
      initial: 'collecting',
      states: {
        collecting: { on: { 'order.place': 'paying' } },
        paying: {
          initial: 'asking',
          states: {
            asking: { on: { 'payment.made': 'made', 'payment.refused': '#order.open.collecting' } },
            made: { type: 'final' },
          },
          onDone: '#packing',
        },
        before: { type: 'history' },
      },
    },
    packing: {
      id: 'packing',
      always: [{ guard: 'isFragile', target: 'paused' }],
      on: { 'order.send': { guard: 'isPaid', target: 'sent' } },
    },
    paused: { on: { 'order.resume': 'open.before' } },
    sent: { type: 'final' },
    cancelled: { type: 'final' },
  },
})

/** A root with parallel regions, names that are markup, and a state nobody can reach. */
export const oddMachine = setup({}).createMachine({
  id: 'odd',
  type: 'parallel',
  states: {
    '<script>alert(1)</script>': {
      initial: 'a & b',
      states: {
        'a & b': { on: { '<img src=x onerror=alert(1)>': '"quoted"' } },
        '"quoted"': { description: '</title><script>alert(2)</script>' },
        'a state with a name that is much longer than any box should be wide': {},
      },
    },
    atomic: { on: { ping: { target: 'atomic', reenter: true }, pong: 'atomic' } },
  },
})
