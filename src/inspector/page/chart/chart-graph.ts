/**
 * A chart as the graph that the layout engine takes. Pure; knows nothing of where the engine runs nor of how the result is drawn.
 *
 * - G1 every state is a node of the graph, inside of its parent's node; whatever it is called, no two things have one id
 * - G2 every edge that enters states is part of one route for each of them; the others are lines in their state's box
 * - G3 edges of the same way share one route, with a line of the label for each: many arrows side by side say no more
 */
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api.js'
import type { ChartDefinition, ChartEdge, ChartNode } from '../../../wire/chart-definition.ts'
import { headSize, labelSize, measures } from './chart-text.ts'

/** One arrow. */
export interface Route {
  readonly id: string
  /** Ids of shapes: {@link shapeId}, {@link initialMarkerId}. */
  readonly source: string
  readonly target: string
  /** In the order of the chart; empty: it comes from an initial marker. */
  readonly edges: readonly ChartEdge[]
}

/** Of the canvas and of every container: the engine asks each level for its own. */
const engineOptions: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.edgeRouting': 'ORTHOGONAL',
  // From where a chart begins: its life runs downwards, and what goes back runs upwards.
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.nodePlacement.favorStraightEdges': 'true',
  'elk.layered.spacing.nodeNodeBetweenLayers': '17',
  'elk.layered.spacing.edgeNodeBetweenLayers': '9',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '7',
  'elk.spacing.nodeNode': '24',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.padding': '[top=4,left=4,bottom=4,right=4]',
}

export function shapeId(nodeId: string): string {
  return `state ${nodeId}`
}

export function initialMarkerId(node: ChartNode): string {
  return `initial ${node.id}`
}

export function chartGraph(chart: ChartDefinition): ElkNode {
  return {
    id: 'canvas',
    layoutOptions: engineOptions,
    children: [graphNode(chart.root)],
    edges: [...initialRoutes(chart.root), ...routesOf(chart)].map(graphEdge),
  }
}

/** The arrows between states, in the order of the chart. */
export function routesOf(chart: ChartDefinition): Route[] {
  const edgesById = new Map<string, { source: string; target: string; edges: ChartEdge[] }>()
  for (const node of nodesOf(chart.root)) {
    for (const edge of node.edges) {
      for (const target of new Set(edge.targets)) {
        const id = `route ${JSON.stringify([node.id, target])}`
        const route = edgesById.get(id)
        if (route === undefined) edgesById.set(id, { source: shapeId(node.id), target: shapeId(target), edges: [edge] })
        else route.edges.push(edge)
      }
    }
  }
  return [...edgesById].map(([id, route]) => ({ id, ...route }))
}

/** From each initial marker to what is entered first. */
export function initialRoutes(root: ChartNode): Route[] {
  const routes: Route[] = []
  for (const node of nodesOf(root)) {
    if (node.initial === undefined) continue
    routes.push({ id: `begin ${node.id}`, source: initialMarkerId(node), target: shapeId(node.initial), edges: [] })
  }
  return routes
}

/** The node and all inside of it, parents first. */
export function* nodesOf(node: ChartNode): Generator<ChartNode> {
  yield node
  for (const child of node.states) yield* nodesOf(child)
}

function graphNode(node: ChartNode): ElkNode {
  if (node.type === 'history') return { id: shapeId(node.id), width: measures.historyPx, height: measures.historyPx }
  const { width, height } = headSize(node)
  if (node.states.length === 0) return { id: shapeId(node.id), width, height }
  const children = node.states.map(graphNode)
  if (node.initial !== undefined) children.unshift(initialMarker(node))
  return {
    id: shapeId(node.id),
    children,
    layoutOptions: {
      ...engineOptions,
      'elk.padding': `[top=${height + 10},left=16,bottom=16,right=16]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
  }
}

function initialMarker(node: ChartNode): ElkNode {
  return { id: initialMarkerId(node), width: measures.markerPx, height: measures.markerPx }
}

function graphEdge({ id, source, target, edges }: Route): ElkExtendedEdge {
  const edge: ElkExtendedEdge = { id, sources: [source], targets: [target] }
  if (edges.length === 0) return edge
  return {
    ...edge,
    // Its text is not what is drawn, but labels without one are left out by the engine.
    labels: [{ id: `label of ${id}`, text: id, ...labelSize(edges), layoutOptions: { 'elk.edgeLabels.inline': 'true' } }],
  }
}
