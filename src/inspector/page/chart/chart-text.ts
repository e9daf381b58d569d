/**
 * What is written on a chart: in the box of a state, beside an arrow, in the tooltips; and how large these texts are. Owns the
 * measures that layout and drawing share, so that what was measured is what is drawn. Knows neither the layout nor SVG.
 */
import type { ChartEdge, ChartNode } from '../../../wire/chart-definition.ts'

/** Pixels at zoom 1. The drawing uses fonts of these sizes; widths are estimates that no common font exceeds by much. */
export const measures = {
  titlePx: 14,
  titleCharPx: 8.5,
  titleHeightPx: 28,
  linePx: 12,
  lineCharPx: 7.3,
  lineHeightPx: 16,
  /** Between a box's border and its text. */
  insetPx: 12,
  labelInsetPx: 7,
  boxWidthMinPx: 96,
  markerPx: 12,
  historyPx: 26,
} as const

/** Longer texts end with an ellipsis; the tooltip has the whole. */
export const lineCharsMax = 46
export const titleCharsMax = 32
/** Of an arrow whose lines may be broken: with more it would become too high. */
const brokenEdgesMax = 1
/** A shorter line is not broken. */
const unbrokenCharsMax = 20

/** One line in the box of a state. `edgeId`: it stands for that edge, which enters no state. */
export interface BoxLine {
  readonly kind: 'entry' | 'exit' | 'invoke' | 'inside'
  readonly text: string
  readonly title: string
  readonly edgeId: string | null
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** An edge that enters no state is told inside the box of its own. */
export function isInside(edge: ChartEdge): boolean {
  return edge.targets.length === 0
}

export function boxLines(node: ChartNode): BoxLine[] {
  const lines: BoxLine[] = []
  const add = (kind: BoxLine['kind'], text: string, title: string, edgeId: string | null) =>
    lines.push({ kind, text: cut(text, lineCharsMax), title, edgeId })
  if (node.entry.length > 0) add('entry', `entry / ${node.entry.join(', ')}`, `On entry: ${node.entry.join(', ')}`, null)
  for (const edge of node.edges) if (isInside(edge)) add('inside', insideText(edge), edgeTitle(edge), edge.id)
  if (node.exit.length > 0) add('exit', `exit / ${node.exit.join(', ')}`, `On exit: ${node.exit.join(', ')}`, null)
  for (const name of node.invoke) add('invoke', `invoke ${name}`, `Runs ${name} while it is here`, null)
  return lines
}

export function nodeTitle(node: ChartNode): string {
  return cut(node.key, titleCharsMax)
}

/**
 * The lines beside an arrow, for each of its edges: what has to arrive, and what has to hold. A long condition of an arrow with few edges
 * stands below: arrows stand side by side, and width is what a chart lacks first.
 */
export function arrowLines(edges: readonly ChartEdge[]): readonly (readonly string[])[] {
  const mayBreak = edges.length <= brokenEdgesMax
  return edges.map(({ label, guard }) => {
    const whole = guard === undefined ? label : `${label} [${guard}]`
    const lines = mayBreak && guard !== undefined && whole.length > unbrokenCharsMax ? [label, `[${guard}]`] : [whole]
    return lines.map((line) => cut(line, lineCharsMax))
  })
}

function insideText(edge: ChartEdge): string {
  const condition = edge.guard === undefined ? edge.label : `${edge.label} [${edge.guard}]`
  return edge.actions.length === 0 ? condition : `${condition} / ${edge.actions.join(', ')}`
}

/** The tooltip of an edge: everything that is known of it. */
export function edgeTitle(edge: ChartEdge): string {
  const lines = [edge.label]
  if (edge.description !== undefined) lines.push(edge.description)
  if (edge.guard !== undefined) lines.push(`if ${edge.guard}`)
  if (edge.actions.length > 0) lines.push(`does ${edge.actions.join(', ')}`)
  if (edge.targets.length > 0) lines.push(`to ${edge.targets.join(' and ')}${edge.reenters ? ', entered anew' : ''}`)
  else lines.push('stays where it is')
  return lines.join('\n')
}

export function nodeTooltip(node: ChartNode): string {
  const lines = [node.id]
  if (node.description !== undefined) lines.push(node.description)
  if (node.type === 'history') lines.push(`${node.history ?? 'shallow'} history: goes back to where it was`)
  if (node.type === 'parallel') lines.push('all its regions are active at once')
  if (node.type === 'final') lines.push('final')
  if (node.tags.length > 0) lines.push(`tags: ${node.tags.join(', ')}`)
  return lines.join('\n')
}

/** Title and lines, without what lies inside of a compound state. */
export function headSize(node: ChartNode): Size {
  const lines = boxLines(node)
  const widest = Math.max(0, ...lines.map(({ text }) => text.length * measures.lineCharPx))
  const width = Math.max(nodeTitle(node).length * measures.titleCharPx, widest) + 2 * measures.insetPx
  const linesHeight = lines.length === 0 ? 0 : lines.length * measures.lineHeightPx + 8
  return { width: Math.max(measures.boxWidthMinPx, Math.ceil(width)), height: measures.titleHeightPx + linesHeight }
}

/** Of the lines beside one arrow. */
export function labelSize(edges: readonly ChartEdge[]): Size {
  const lines = arrowLines(edges).flat()
  const chars = Math.max(0, ...lines.map((line) => line.length))
  return {
    width: Math.ceil(chars * measures.lineCharPx) + 2 * measures.labelInsetPx,
    height: lines.length * measures.lineHeightPx + 4,
  }
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`
}
