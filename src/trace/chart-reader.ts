/**
 * Reads what a statechart is from the machine object itself: the house's charts and any user's. Runs nothing and keeps
 * nothing but names.
 *
 * - H1 every state node and every transition of the machine is there, in the machine's own order
 * - H2 an edge's id says where its transition stands, so that all machines made from one chart have the same ids
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import type { ChartDefinition, ChartEdge, ChartNode } from '../wire/chart-definition.ts'

export function readChart(machine: AnyStateMachine): ChartDefinition {
  return { id: machine.id, root: nodeOf(machine.root) }
}

const idByTransition = new WeakMap<AnyTransitionDefinition, string>()

/** {@link ChartEdge.id} of a transition of any machine; undefined for one that XState made up, as that into the initial state. */
export function edgeIdOf(transition: AnyTransitionDefinition): string | undefined {
  const known = idByTransition.get(transition)
  if (known !== undefined) return known
  const index = transitionsOf(transition.source).indexOf(transition)
  if (index < 0) return undefined
  const id = edgeId(transition.source, index)
  idByTransition.set(transition, id)
  return id
}

function nodeOf(node: AnyStateNode): ChartNode {
  const { entry, exit, target } = node.config as RawNode
  const edges = transitionsOf(node).map((transition, index) => edgeOf(node, transition, index))
  const chart: ChartNode = {
    id: node.id,
    key: node.key,
    type: node.type,
    ...(node.history === false ? undefined : { history: node.history }),
    ...(node.description === undefined ? undefined : { description: node.description }),
    tags: node.tags,
    ...(node.type === 'compound' ? { initial: (node.initial.target[0] as AnyStateNode).id } : undefined),
    // As configured: XState adds actions of its own for each `after`.
    entry: namesOf(entry),
    exit: namesOf(exit),
    invoke: node.invoke.map((_, index) => sourceNameOf(node, index)),
    states: Object.values(node.states).map(nodeOf),
    edges: node.type === 'history' && target !== undefined ? [defaultEdge(node, target)] : edges,
  }
  return chart
}

/** Of one node, in the order in which they are tried; those that need no event last. */
function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
}

function edgeId(node: AnyStateNode, index: number): string {
  return `${node.id}#${index}`
}

function edgeOf(node: AnyStateNode, transition: AnyTransitionDefinition, index: number): ChartEdge {
  const { guard, description, eventType } = transition
  return {
    id: edgeId(node, index),
    ...kindOf(node, transition),
    event: eventType,
    ...(guard === undefined ? undefined : { guard: guardName(guard) }),
    targets: (transition.target ?? []).map(({ id }) => id),
    actions: namesOf(transition.actions),
    ...(description === undefined ? undefined : { description }),
    reenters: transition.reenter,
  }
}

const done = 'xstate.done.actor.'
const error = 'xstate.error.actor.'
const snapshot = 'xstate.snapshot.'

function kindOf(node: AnyStateNode, transition: AnyTransitionDefinition): Pick<ChartEdge, 'kind' | 'label'> {
  const { eventType: event } = transition
  if (event === '') return { kind: 'always', label: 'always' }
  if ('delay' in transition) return { kind: 'after', label: `after ${transition.delay}` }
  if (event === `xstate.done.state.${node.id}`) return { kind: 'done', label: 'done' }
  if (event.startsWith(done)) return { kind: 'done', label: `done(${invokedName(node, event.slice(done.length))})` }
  if (event.startsWith(error)) return { kind: 'error', label: `error(${invokedName(node, event.slice(error.length))})` }
  if (event.startsWith(snapshot)) return { kind: 'event', label: `snapshot(${invokedName(node, event.slice(snapshot.length))})` }
  return { kind: event === '*' || event.endsWith('.*') ? 'wildcard' : 'event', label: event }
}

/** Where a history state leads that has nothing to remember yet. XState keeps no transition for it. */
function defaultEdge(node: AnyStateNode, target: unknown): ChartEdge {
  const targets = (Array.isArray(target) ? target : [target]).map((path) => historyTarget(node, String(path)).id)
  return { id: edgeId(node, 0), kind: 'always', event: '', label: 'default', targets, actions: [], reenters: false }
}

function historyTarget(node: AnyStateNode, path: string): AnyStateNode {
  if (path.startsWith('#')) return node.machine.getStateNodeById(path)
  let found = node.parent as AnyStateNode
  for (const key of path.split('.')) found = found.states[key] ?? found
  return found
}

interface RawInvoke {
  readonly id?: string
  readonly src: unknown
}

/** What a node was configured with, as far as XState's types do not say it of all nodes. */
interface RawNode {
  readonly entry?: unknown
  readonly exit?: unknown
  readonly invoke?: RawInvoke | readonly RawInvoke[]
  readonly target?: unknown
}

const inline = '(inline)'

function rawInvokes(node: AnyStateNode): readonly RawInvoke[] {
  return arrayOf((node.config as RawNode).invoke) as readonly RawInvoke[]
}

function sourceNameOf(node: AnyStateNode, index: number): string {
  const src = rawInvokes(node)[index]?.src
  return typeof src === 'string' ? src : inline
}

/** The name that the chart gave; an id that XState made up says nothing to anybody. */
function invokedName(node: AnyStateNode, id: string): string {
  const index = node.invoke.findIndex((invoked) => invoked.id === id)
  if (index < 0) return id
  return rawInvokes(node)[index]?.id ?? sourceNameOf(node, index)
}

function arrayOf(given: unknown): readonly unknown[] {
  if (given === undefined) return []
  return Array.isArray(given) ? given : [given]
}

function namesOf(actions: unknown): string[] {
  return arrayOf(actions).map((action) => {
    if (typeof action === 'string') return action
    const { type } = action as { readonly type?: unknown }
    // Of what XState offers itself (`assign`, `raise`, …), the function has a type.
    if (typeof type === 'string') return typeof action === 'function' ? type.replace(/^xstate\./, '') : type
    return inline
  })
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard !== 'function') return String((guard as { readonly type?: unknown }).type)
  const { guards, name } = guard as { readonly guards?: readonly unknown[]; readonly name: string }
  return guards === undefined ? (name === 'stateIn' ? name : inline) : `${name}(${guards.map(guardName).join(', ')})`
}
