/**
 * A laid-out chart as plain shapes with absolute places: what the SVG shows, one to one. Pure; knows neither the engine's options
 * nor the page.
 *
 * - D1 every state has one box and every edge a line with text: at each of its arrows, or inside its state's box
 * - D2 all numbers are finite; a layout that lacks something is refused, never drawn in part
 */
import type { ElkExtendedEdge, ElkLabel, ElkNode, ElkPoint } from 'elkjs/lib/elk-api.js'
import { MemorySyncError } from '../../../domain/errors.ts'
import type { ChartDefinition, ChartNode } from '../../../wire/chart-definition.ts'
import { initialMarkerId, initialRoutes, type Route, routesOf, shapeId } from './chart-graph.ts'

export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface DrawnNode extends Rectangle {
  readonly node: ChartNode
  readonly depth: number
  /** A region of a parallel state: active together with its siblings. */
  readonly isRegion: boolean
}

export interface DrawnRoute extends Route {
  readonly points: readonly ElkPoint[]
  /** Where its lines of text are; null: there are none. */
  readonly label: Rectangle | null
}

export interface ChartDrawing {
  readonly chart: ChartDefinition
  readonly width: number
  readonly height: number
  /** Parents before what is inside of them. */
  readonly nodes: readonly DrawnNode[]
  /** Centres of the dots where compound states begin. */
  readonly markers: readonly (ElkPoint & { readonly id: string })[]
  readonly routes: readonly DrawnRoute[]
}

/** @throws `corrupt` when the layout is of another chart or incomplete. */
export function drawingOf(chart: ChartDefinition, layout: ElkNode): ChartDrawing {
  const shapes = new Map<string, ElkNode>()
  const edges = new Map<string, ElkExtendedEdge>()
  collect(layout, shapes, edges)
  const nodes: DrawnNode[] = []
  const markers: (ElkPoint & { id: string })[] = []
  const place = (node: ChartNode, depth: number, isRegion: boolean): void => {
    nodes.push({ node, depth, isRegion, ...rectangle(shapes.get(shapeId(node.id)), node.id) })
    if (node.initial !== undefined) {
      const id = initialMarkerId(node)
      const { x, y, width, height } = rectangle(shapes.get(id), id)
      markers.push({ id, x: x + width / 2, y: y + height / 2 })
    }
    for (const child of node.states) place(child, depth + 1, node.type === 'parallel')
  }
  place(chart.root, 0, false)
  const routes = [...initialRoutes(chart.root), ...routesOf(chart)].map((route) => drawnRoute(route, edges.get(route.id)))
  const { width, height } = rectangle(layout, 'the canvas')
  return { chart, width, height, nodes, markers, routes }
}

function collect(shape: ElkNode, shapes: Map<string, ElkNode>, edges: Map<string, ElkExtendedEdge>): void {
  shapes.set(shape.id, shape)
  for (const edge of shape.edges ?? []) edges.set(edge.id, edge)
  for (const child of shape.children ?? []) collect(child, shapes, edges)
}

function drawnRoute(route: Route, edge: ElkExtendedEdge | undefined): DrawnRoute {
  const section = edge?.sections?.[0]
  if (section === undefined) throw refusal(route.id)
  const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]
  for (const { x, y } of points) if (!Number.isFinite(x + y)) throw refusal(route.id)
  const [label] = edge?.labels ?? []
  return { ...route, points, label: label === undefined ? null : rectangle(label, `${route.id}'s label`) }
}

function rectangle(shape: ElkNode | ElkLabel | undefined, id: string): Rectangle {
  const { x = 0, y = 0, width = Number.NaN, height = Number.NaN } = shape ?? {}
  if (!Number.isFinite(x + y + width + height)) throw refusal(id)
  return { x, y, width, height }
}

function refusal(id: string): MemorySyncError {
  return new MemorySyncError('corrupt', `the layout has no place for "${id}": look at the chart as Mermaid instead`)
}
