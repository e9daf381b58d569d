import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AnyStateMachine, createMachine, getInitialSnapshot, getNextSnapshot, type StateValue } from 'xstate'
import { lockMachine } from '../../../../machines/lock.ts'
import { workerMachine } from '../../../../machines/worker.ts'
import type { Json } from '../../../../src/domain/json.ts'
import { activeNodes, nextEvents } from '../../../../src/inspector/page/model/selectors.ts'
import { readChart } from '../../../../src/trace/chart-reader.ts'

/** Nested and parallel, with events that deeper states take, forbid or leave to those above. */
const player = createMachine({
  id: 'player',
  initial: 'off',
  on: { reset: '.off', mute: { actions: 'beep' }, 'menu.*': '.off' },
  states: {
    off: { on: { power: 'on' } },
    on: {
      type: 'parallel',
      on: { power: 'off', next: { actions: 'count' }, stop: 'off' },
      states: {
        picture: {
          initial: 'dark',
          states: { dark: { on: { light: 'bright', mute: {} } }, bright: { on: { light: 'dark', next: 'dark' } } },
        },
        sound: {
          initial: 'quiet',
          on: { louder: '.loud' },
          states: {
            quiet: { after: { 100: 'loud' } },
            loud: {
              on: { louder: {}, stop: 'quiet' },
              initial: 'one',
              states: { one: { on: { deeper: 'two' } }, two: { type: 'final' } },
            },
            memory: { type: 'history', history: 'deep' },
          },
        },
      },
    },
  },
})
const events = ['reset', 'mute', 'power', 'next', 'stop', 'light', 'louder', 'deeper']

describe('the active states of a chart', () => {
  it.each<[string, Json, readonly string[]]>([
    ['none at all', null, []],
    ['a plain one', 'off', ['player', 'player.off']],
    [
      'nested and parallel ones, with all above them',
      { on: { picture: 'bright', sound: { loud: 'two' } } },
      [
        'player',
        'player.on',
        'player.on.picture',
        'player.on.picture.bright',
        'player.on.sound',
        'player.on.sound.loud',
        'player.on.sound.loud.two',
      ],
    ],
    ['one that the chart does not have', { on: { picture: 'gone' } }, ['player', 'player.on', 'player.on.picture']],
    ['what is no state', [1, { a: 2 }], ['player']],
  ])('%s', (_, state, ids) => {
    expect([...activeNodes(readChart(player), state)]).toEqual(ids)
  })

  it('are those that XState has', () => {
    walk(player, (snapshot, chart) => {
      const expected = snapshot._nodes.map((node: { readonly id: string }) => node.id)
      expect([...activeNodes(chart, stateOf(snapshot.value))].sort()).toEqual(expected.sort())
    })
  })
})

describe('the next possible events', () => {
  const typesOf = (machine: AnyStateMachine, state: Json) => nextEvents(readChart(machine), state).map(({ event }) => event)

  it('are those that XState would take, wherever the actor is', () => {
    walk(player, (snapshot, chart) => {
      const possible = nextEvents(chart, stateOf(snapshot.value)).filter(({ isSendable }) => isSendable)
      const named = possible.map(({ event }) => event).filter((event) => !event.endsWith('*'))
      expect(named.sort()).toEqual(events.filter((type) => snapshot.can({ type })).sort())
    })
  })

  it('have the edges that may be taken, in the order in which they are tried', () => {
    const chart = readChart(player)
    const edges = Object.fromEntries(
      nextEvents(chart, { on: { picture: 'bright', sound: 'quiet' } }).map((next) => [
        next.event,
        next.edges.map(({ nodeId, edge }) => `${nodeId} -> ${edge.targets.join()}`),
      ]),
    )
    expect(edges).toMatchObject({
      light: ['player.on.picture.bright -> player.on.picture.dark'],
      next: ['player.on.picture.bright -> player.on.picture.dark'],
      power: ['player.on -> player.off'],
      reset: ['player -> player.off'],
      'menu.*': ['player -> player.off'],
    })
  })

  it('tell what comes from the chart itself from what can be sent', () => {
    const next = nextEvents(readChart(player), { on: { picture: 'dark', sound: 'quiet' } })
    expect(next.filter(({ isSendable }) => !isSendable).map(({ edges }) => edges[0]?.edge.kind)).toEqual(['after'])
  })

  it('ask states above where the edges of deeper ones have guards', () => {
    const guarded = createMachine({
      id: 'g',
      initial: 'a',
      on: { go: '.b' },
      states: {
        a: {
          on: {
            go: [
              { guard: 'g1', target: 'b' },
              { target: 'c', guard: 'g2' },
            ],
          },
        },
        b: {},
        c: {},
      },
    })
    const [go] = nextEvents(readChart(guarded), 'a')
    expect(go?.edges.map(({ edge, nodeId }) => [nodeId, edge.guard])).toEqual([
      ['g.a', 'g1'],
      ['g.a', 'g2'],
      ['g', undefined],
    ])
  })

  it('leave out what stands behind an edge without a guard, and what a deeper wildcard takes', () => {
    const machine = createMachine({
      id: 'w',
      initial: 'a',
      on: { go: '.b', 'task.end': '.b', 'task.begin': '.b' },
      states: {
        a: { on: { go: [{ target: 'b' }, { guard: 'never', target: 'a' }], 'task.*': 'b' } },
        b: { on: { '*': 'a' } },
      },
    })
    expect(nextEvents(readChart(machine), 'a').map(({ event, edges }) => [event, edges.length])).toEqual([
      ['go', 1],
      ['task.*', 1],
    ])
    expect(typesOf(machine, 'b')).toEqual(['*'])
  })

  it('stay with the regions of a parallel state when one of them takes the event for certain', () => {
    const machine = createMachine({
      id: 'p',
      type: 'parallel',
      on: { go: { actions: 'above' } },
      states: { one: { on: { go: { guard: 'maybe', actions: 'first' } } }, two: { on: { go: { actions: 'second' } } } },
    })
    const [go] = nextEvents(readChart(machine), { one: {}, two: {} })
    expect(go?.edges.map(({ nodeId }) => nodeId)).toEqual(['p.one', 'p.two'])
  })

  it('are none for an actor without a state, and none in an end', () => {
    expect(typesOf(player, null)).toEqual([])
    expect(typesOf(workerMachine, 'offline').filter((event) => !['heartbeat.due', 'worker.stop'].includes(event))).toEqual([])
  })

  it('are right for the charts of this house', () => {
    expect(typesOf(lockMachine, 'held')).toEqual(['lease.due', 'lease.over', 'lock.release', 'record.changed'])
    expect(typesOf(workerMachine, 'leaving')).toEqual(['write.committed', 'write.refused', 'write.failed'])
    expect(typesOf(workerMachine, 'idle')).toEqual(['task.assigned', 'worker.drain', 'heartbeat.due', 'worker.stop'])
  })
})

/** XState's own type leaves members undefined that never are. */
function stateOf(value: StateValue): Json {
  return value as Json
}

/** Looks at each state of a random walk. */
function walk(
  machine: typeof player,
  look: (snapshot: ReturnType<typeof player.getInitialSnapshot>, chart: ReturnType<typeof readChart>) => void,
) {
  const chart = readChart(machine)
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 15 }), (sent) => {
      let snapshot = getInitialSnapshot(machine)
      look(snapshot, chart)
      for (const type of sent) {
        snapshot = getNextSnapshot(machine, snapshot, { type })
        look(snapshot, chart)
      }
    }),
    { numRuns: 60 },
  )
}
