/** Actors as people look for them: by process and parent, and by address. Knows no record and no chart. */
import { onceFor } from './memo.ts'
import { compareNames, KeyOrder } from './name-order.ts'
import type { ActorId, ActorView, SessionState, SourceView } from './session-state.ts'

export interface ActorNode {
  readonly actor: ActorView
  /** 0 for those without a parent that is known. */
  readonly depth: number
  /** By address, numbers in it as numbers. */
  readonly children: readonly ActorNode[]
}

export interface SourceActors {
  readonly source: SourceView
  readonly roots: readonly ActorNode[]
  /** Actors of it, at every depth. */
  readonly count: number
}

/** An actor with more parents above it than this is shown as one without: so is each of those that name each other in a circle. */
const ancestorsMax = 64

/** The actors of each process; those that can be heard come first, then by worker. The memory is none and has none. */
export function actorTree(state: SessionState): readonly SourceActors[] {
  return treeOf(state)
}

/** Actors of that address in every process, live ones first: a task that was taken over has had more than one. */
export function actorsAt(state: SessionState, address: string): readonly ActorView[] {
  return actorsByAddress(state.actors).get(address) ?? []
}

const order = new KeyOrder()

const treeOf = onceFor((state: SessionState): readonly SourceActors[] => {
  const nodesBySource = new Map<string, Growing[]>()
  const nodeById = new Map<ActorId, Growing>()
  // In order once, so that every list of children is.
  for (const id of order.keysOf(state.actors)) {
    const actor = state.actors.get(id)
    if (actor === undefined) continue
    const node: Growing = { actor, depth: 0, children: [] }
    nodeById.set(id, node)
    const nodes = nodesBySource.get(actor.source)
    if (nodes === undefined) nodesBySource.set(actor.source, [node])
    else nodes.push(node)
  }
  const trees: SourceActors[] = []
  for (const source of state.sources.values()) {
    const nodes = nodesBySource.get(source.source)
    if (nodes === undefined && source.about.kind === 'memory') continue
    trees.push({ source, roots: grow(nodes ?? [], nodeById), count: nodes?.length ?? 0 })
  }
  return trees.sort(
    (a, b) =>
      Number(a.source.isLost) - Number(b.source.isLost) ||
      compareNames(a.source.about.workerId, b.source.about.workerId) ||
      compareNames(a.source.source, b.source.source),
  )
})

interface Growing {
  readonly actor: ActorView
  depth: number
  readonly children: Growing[]
}

function grow(nodes: readonly Growing[], nodeById: ReadonlyMap<ActorId, Growing>): readonly Growing[] {
  const roots: Growing[] = []
  for (const node of nodes) {
    node.depth = ancestorsOf(node, nodeById)
    const parent = node.depth === 0 ? undefined : parentOf(node, nodeById)
    if (parent === undefined) roots.push(node)
    else parent.children.push(node)
  }
  return roots
}

/** How many there are above it; 0 as well when there are more than may be. */
function ancestorsOf(node: Growing, nodeById: ReadonlyMap<ActorId, Growing>): number {
  let ancestors = 0
  for (let above = parentOf(node, nodeById); above !== undefined; above = parentOf(above, nodeById)) {
    if (++ancestors > ancestorsMax) return 0
  }
  return ancestors
}

function parentOf({ actor }: Growing, nodeById: ReadonlyMap<ActorId, Growing>): Growing | undefined {
  return actor.parent === null ? undefined : nodeById.get(`${actor.source}|${actor.parent}`)
}

const actorsByAddress = onceFor((actors: SessionState['actors']): ReadonlyMap<string, readonly ActorView[]> => {
  const byAddress = new Map<string, ActorView[]>()
  for (const actor of actors.values()) {
    const known = byAddress.get(actor.address)
    if (known === undefined) byAddress.set(actor.address, [actor])
    else if (actor.status === 'active') known.unshift(actor)
    else known.push(actor)
  }
  return byAddress
})
