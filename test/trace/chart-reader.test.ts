/** A chart that is drawn must be the chart that runs: every state and every edge, of the house's charts and of any user's. */
import { describe, expect, test } from 'vitest'
import { type AnyStateMachine, type AnyStateNode, createMachine } from 'xstate'
import { batchWriterMachine } from '../../machines/batch-writer.ts'
import { circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { lockMachine } from '../../machines/lock.ts'
import { syncMachine } from '../../machines/sync.ts'
import { taskMachine } from '../../machines/task.ts'
import { workerMachine } from '../../machines/worker.ts'
import { edgeIdOf, readChart } from '../../src/trace/chart-reader.ts'
import type { ChartEdge, ChartNode } from '../../src/wire/chart-definition.ts'
import { fetchMachine, nestedMachine, parallelMachine } from './user-charts.ts'

const machines: readonly (readonly [string, AnyStateMachine])[] = [
  ['task', taskMachine],
  ['worker', workerMachine],
  ['lock', lockMachine],
  ['batch-writer', batchWriterMachine],
  ['sync', syncMachine],
  ['circuit-breaker', circuitBreakerMachine],
  ['nested', nestedMachine],
  ['parallel, history', parallelMachine],
  ['final, invoke, after', fetchMachine],
]

/** The machine's own list of its states, by id: not in XState's types. */
function statesOf(machine: AnyStateMachine): ReadonlyMap<string, AnyStateNode> {
  return (machine as unknown as { readonly idMap: ReadonlyMap<string, AnyStateNode> }).idMap
}

function nodesOf(node: ChartNode): ChartNode[] {
  return [node, ...node.states.flatMap(nodesOf)]
}

function edgeOf(machine: AnyStateMachine, label: string, from?: string): ChartEdge {
  const edges = nodesOf(readChart(machine).root)
    .filter(({ id }) => from === undefined || id === from)
    .flatMap((node) => node.edges)
  return edges.find((edge) => edge.label === label) as ChartEdge
}

describe.each(machines)('the chart of %s', (_, machine) => {
  const chart = readChart(machine)
  const nodes = new Map(nodesOf(chart.root).map((node) => [node.id, node]))

  test('has every state of the machine, and no other', () => {
    expect([...nodes.keys()].sort()).toEqual([...statesOf(machine).keys()].sort())
    for (const [id, node] of statesOf(machine)) {
      expect(nodes.get(id)).toMatchObject({
        key: node.key,
        type: node.type,
        tags: node.tags,
        states: Object.values(node.states).map((child) => expect.objectContaining({ id: (child as AnyStateNode).id })),
      })
      expect(nodes.get(id)?.description).toBe(node.description)
      expect(nodes.get(id)?.history).toBe(node.history === false ? undefined : node.history)
      const initial = node.type === 'compound' ? (node.initial.target[0] as AnyStateNode).id : undefined
      expect(nodes.get(id)?.initial).toBe(initial)
    }
  })

  test('has every transition of the machine, and no other', () => {
    for (const [id, node] of statesOf(machine)) {
      const own = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
      const edges = (nodes.get(id) as ChartNode).edges
      if (node.type !== 'history') expect(edges).toHaveLength(own.length)
      for (const transition of own) {
        const edge = edges.find((each) => each.id === edgeIdOf(transition))
        expect(edge).toMatchObject({
          event: transition.eventType,
          targets: (transition.target ?? []).map((target: AnyStateNode) => target.id),
          reenters: transition.reenter,
        })
        expect(edge?.actions).toHaveLength(transition.actions.length)
        expect(edge?.guard === undefined).toBe(transition.guard === undefined)
        for (const target of edge?.targets ?? []) expect(nodes.has(target)).toBe(true)
      }
    }
  })

  test('has unlike ids, the same for another machine of that chart, and is plain JSON', () => {
    const ids = [...nodes.values()].flatMap(({ edges }) => edges.map(({ id }) => id))
    expect(new Set(ids).size).toBe(ids.length)
    expect(readChart(machine.provide({}))).toEqual(chart)
    expect(JSON.parse(JSON.stringify(chart))).toEqual(chart)
  })
})

describe('what is said of an edge', () => {
  test.each([
    ['after 500', nestedMachine, { kind: 'after', event: 'xstate.after.500.light.on.blinking.bright' }],
    ['after pause', nestedMachine, { kind: 'after', guard: 'isOdd' }],
    ['light.*', nestedMachine, { kind: 'wildcard', description: 'Whatever else is said of it.', actions: ['beep'], targets: [] }],
    ['*', nestedMachine, { kind: 'wildcard', actions: ['(inline)'] }],
    ['steady', nestedMachine, { kind: 'event', guard: 'and(isDry, not(isOdd))', targets: ['light.on.steady'] }],
    ['again', nestedMachine, { reenters: true, targets: ['light.off'] }],
    ['light.touch', nestedMachine, { kind: 'event', targets: [], actions: [] }],
    ['done', parallelMachine, { kind: 'done', event: 'xstate.done.state.player.play', targets: ['player.over'] }],
    ['both', parallelMachine, { targets: ['player.play.engine.running', 'player.play.sound.muted'] }],
    ['always', parallelMachine, { kind: 'always', event: '', guard: 'isRunning' }],
    ['default', parallelMachine, { kind: 'always', targets: ['player.play.sound.muted'] }],
    ['done(loader)', fetchMachine, { kind: 'done', actions: ['assign'] }],
    ['error(loader)', fetchMachine, { kind: 'error', targets: ['fetch.failing'] }],
    ['done((inline))', fetchMachine, { kind: 'done', actions: ['(inline)'] }],
    ['snapshot(load)', fetchMachine, { kind: 'event' }],
    ['after patience', fetchMachine, { kind: 'after', targets: ['fetch.failing'] }],
    ['always', fetchMachine, { kind: 'always', guard: 'hasTries', description: 'Once more.', targets: ['fetch.idle'] }],
    ['after retryMs', batchWriterMachine, { kind: 'after' }],
  ] as const)('%s', (label, machine, said) => {
    expect(edgeOf(machine, label)).toMatchObject(said)
  })

  test('what a state does and whom it invokes', () => {
    const loading = nodesOf(readChart(fetchMachine).root).find(({ key }) => key === 'loading')
    // XState's own actions for `after` are none of the chart.
    expect(loading).toMatchObject({ entry: [], exit: [], invoke: ['load', '(inline)', 'load'] })
    const on = readChart(nestedMachine).root.states[0]
    expect(on).toMatchObject({ entry: ['beep', 'log'], exit: ['assign'], tags: ['lit', 'warm'], description: 'It shines.' })
  })

  test('edges stand in the order in which they are tried', () => {
    const chart = createMachine({
      id: 'order',
      on: { go: [{ guard: () => false, actions: 'a' }, { actions: 'b' }] },
    })
    expect(readChart(chart).root.edges.map(({ id, actions }) => [id, ...actions])).toEqual([
      ['order#0', 'a'],
      ['order#1', 'b'],
    ])
  })
})
