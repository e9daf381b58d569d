/** Walks through a chart by pure transitions: every event in every state that is reached, each as an edge with its effects as data. */
import { type AnyMachineSnapshot, type AnyStateMachine, type EventFromLogic, type SnapshotFrom, transition } from 'xstate'

export interface Effect {
  readonly type: string
  readonly params: unknown
}

export interface Edge<M extends AnyStateMachine> {
  readonly from: SnapshotFrom<M>
  readonly event: EventFromLogic<M>
  readonly to: SnapshotFrom<M>
  readonly effects: readonly Effect[]
}

export interface ExploreOptions<M extends AnyStateMachine> {
  readonly from: readonly SnapshotFrom<M>[]
  /** Every event that is worth trying there, those that do not belong to the state too. */
  eventsFor(snapshot: SnapshotFrom<M>): readonly EventFromLogic<M>[]
  /** Two snapshots with the same key need not both be looked at. */
  keyOf(snapshot: SnapshotFrom<M>): string
}

/** Beyond it the key is too fine: counters must not be part of it. */
const statesMax = 2000

export function explore<M extends AnyStateMachine>(machine: M, options: ExploreOptions<M>): Edge<M>[] {
  const edges: Edge<M>[] = []
  const seen = new Set(options.from.map(options.keyOf))
  const open = [...options.from]
  for (let from = open.shift(); from !== undefined; from = open.shift()) {
    for (const event of options.eventsFor(from)) {
      const [to, effects] = step(machine, from, event)
      edges.push({ from, event, to, effects })
      const key = options.keyOf(to)
      if ((to as AnyMachineSnapshot).status !== 'active' || seen.has(key)) continue
      seen.add(key)
      if (seen.size > statesMax) throw new Error(`more than ${statesMax} states: ${key}`)
      open.push(to)
    }
  }
  return edges
}

/** One pure transition: the next snapshot, and what the chart asks of the world. */
export function step<M extends AnyStateMachine>(
  machine: M,
  from: SnapshotFrom<M>,
  event: EventFromLogic<M>,
): [SnapshotFrom<M>, Effect[]] {
  const [to, actions] = transition(machine, from, event)
  return [to, actions.map(({ type, params }) => ({ type, params })).filter(({ type }) => !type.startsWith('xstate.'))]
}

/** A compact name for any state value: `serving.idle`. */
export function stateName({ value }: AnyMachineSnapshot): string {
  return typeof value === 'string' ? value : JSON.stringify(value).replace(/[{}"]/g, '').replaceAll(':', '.')
}

/** The names of all atomic states of a chart. */
export function stateNames(states: AnyStateMachine['states'], prefix = ''): string[] {
  return Object.values(states).flatMap((node) =>
    Object.keys(node.states).length === 0 ? [prefix + node.key] : stateNames(node.states, `${prefix}${node.key}.`),
  )
}

/** The events of a chart's `after` transitions, which a clock would send. */
export function delayedEvents<M extends AnyStateMachine>(machine: M): EventFromLogic<M>[] {
  const types: string[] = machine.events
  return types.filter((type) => type.startsWith('xstate.after.')).map((type) => ({ type }) as EventFromLogic<M>)
}
