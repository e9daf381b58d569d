/**
 * A chart in a state: which of its states are active, and which events can mean something there. Reads the chart as XState would take
 * it; evaluates no guard.
 */
import type { Json } from '../../../domain/json.ts'
import type { ChartDefinition, ChartEdge, ChartNode } from '../../../wire/chart-definition.ts'

export interface NextEdge {
  readonly edge: ChartEdge
  /** Id of the active state that it begins in. */
  readonly nodeId: string
}

export interface NextEvent {
  /** As it is sent; `*` or `task.*` for wildcards. */
  readonly event: string
  /** Whether somebody may send it; else it comes from the chart itself: a delay, or the end of a child. */
  readonly isSendable: boolean
  /** Those that may be taken, in the order in which they are tried. Every one but the last of a state has a guard. */
  readonly edges: readonly NextEdge[]
}

/** Ids of the active states, the root's and their ancestors' too; empty for no state at all. Names that the chart does not have end there. */
export function activeNodes(chart: ChartDefinition, stateValue: Json): ReadonlySet<string> {
  const ids = new Set<string>()
  if (stateValue === null) return ids
  visit(chart.root, stateValue, (node) => ids.add(node.id))
  return ids
}

/**
 * Events that can lead somewhere from this state: edges of the active states and of all above them, minus those that a deeper state
 * takes for certain, and minus those that do nothing.
 */
export function nextEvents(chart: ChartDefinition, stateValue: Json): readonly NextEvent[] {
  if (stateValue === null) return []
  const offers = offersOf(chart.root, stateValue)
  const events: NextEvent[] = []
  for (const [event, { edges, isSendable }] of offers) {
    if (event === '' || edges.every(isIdle)) continue
    events.push({ event, isSendable, edges })
  }
  return events
}

interface Offer {
  readonly isSendable: boolean
  readonly edges: NextEdge[]
  /** One of its edges has no guard: nobody above is asked. */
  isCertain: boolean
}

/** What a state and what is active in it offer, by event. */
function offersOf(node: ChartNode, value: Json | undefined): Map<string, Offer> {
  const offers = new Map<string, Offer>()
  for (const [child, inner] of activeChildren(node, value)) {
    for (const [event, offer] of offersOf(child, inner)) {
      const known = offers.get(event)
      if (known === undefined) offers.set(event, offer)
      else {
        known.edges.push(...offer.edges)
        known.isCertain ||= offer.isCertain
      }
    }
  }
  const taken = [...offers].filter(([, { isCertain }]) => isCertain).map(([event]) => event)
  for (const edge of node.edges) {
    if (taken.some((event) => covers(event, edge.event))) continue
    const isSendable = edge.kind === 'event' || edge.kind === 'wildcard'
    const known = offers.get(edge.event)
    const offer = known ?? { isSendable, edges: [], isCertain: false }
    if (known === undefined) offers.set(edge.event, offer)
    // What stands behind an edge without a guard is never tried.
    if (offer.isCertain) continue
    offer.edges.push({ edge, nodeId: node.id })
    offer.isCertain = edge.guard === undefined
  }
  return offers
}

function activeChildren(node: ChartNode, value: Json | undefined): [ChartNode, Json | undefined][] {
  if (value === null || value === undefined) return []
  const inner: readonly (readonly [string, Json | undefined])[] =
    typeof value === 'string'
      ? [[value, undefined]]
      : typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value)
        : []
  const children: [ChartNode, Json | undefined][] = []
  for (const [key, deeper] of inner) {
    const child = node.states.find((state) => state.key === key)
    if (child !== undefined) children.push([child, deeper])
  }
  return children
}

function visit(node: ChartNode, value: Json | undefined, each: (node: ChartNode) => void): void {
  each(node)
  for (const [child, deeper] of activeChildren(node, value)) visit(child, deeper, each)
}

/** Whether what is taken for certain leaves nothing of `event` to the states above: the same event, or a wildcard over it. */
function covers(taken: string, event: string): boolean {
  if (taken === event) return true
  if (event === '' || event.startsWith('xstate.')) return false
  if (taken === '*') return true
  return taken.endsWith('.*') && event.startsWith(taken.slice(0, -1))
}

/** A forbidden transition: it is taken so that nobody above takes the event. */
function isIdle({ edge }: NextEdge): boolean {
  return edge.targets.length === 0 && edge.actions.length === 0
}
