/**
 * A chart as SVG, from shapes that have their places already. Pure: the same drawing and the same lights give the same picture. Text is
 * always text, whatever a state is called.
 *
 * - S1 `data-node-id` once for every state, `data-edge-id` for every edge at each of its arrows or in its state's box
 */
import type { ChartEdge } from '../../../wire/chart-definition.ts'
import type { ChartDrawing, DrawnNode, DrawnRoute } from './chart-drawing.ts'
import type { ChartLights } from './chart-lights.ts'
import { arrowLines, boxLines, edgeTitle, headSize, measures, nodeTitle, nodeTooltip } from './chart-text.ts'
import { routePath } from './route-path.ts'

/** Baselines, measured from the top of a line. */
const lineBaselinePx = 12
const titleBaselinePx = 19
const cornerPx = 8

interface Shown {
  readonly lights: ChartLights
  readonly chosenEdge: string | null
  onChooseEdge(id: string): void
}

export function ChartSvg({ drawing, ...shown }: Shown & { readonly drawing: ChartDrawing }) {
  const { width, height, nodes, markers, routes } = drawing
  // What shines is drawn last, so that no dim arrow crosses it.
  const ordered = [...routes].sort((a, b) => brightness(a, shown.lights) - brightness(b, shown.lights))
  return (
    <svg
      class="chart-svg"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`Statechart ${drawing.chart.id}`}
    >
      <defs>
        {['plain', 'next', 'taken'].map((kind) => (
          <marker
            key={kind}
            id={`chart-arrow-${kind}`}
            class={`chart-arrow is-${kind}`}
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerWidth="9"
            markerHeight="9"
            markerUnits="userSpaceOnUse"
            orient="auto-start-reverse"
          >
            <path d="M1 1.2L9 5L1 8.8L3 5Z" />
          </marker>
        ))}
      </defs>
      {nodes.map((node) => (
        <Box key={node.node.id} drawn={node} shown={shown} />
      ))}
      {markers.map(({ id, x, y }) => (
        <circle key={id} class="chart-initial" cx={x} cy={y} r={measures.markerPx / 2 - 1} />
      ))}
      {ordered.map((route) => (
        <Arrow
          // Made anew with another light: browsers do not always restyle what is moved and changed at once.
          key={`${lightOf(route, shown.lights)} ${flashKey(route.id, lightOf(route, shown.lights), shown.lights)}`}
          route={route}
          shown={shown}
        />
      ))}
      {nodes.map((node) => (
        <Head key={node.node.id} drawn={node} shown={shown} />
      ))}
      {routes.map((route) => (
        <Label key={route.id} route={route} shown={shown} />
      ))}
    </svg>
  )
}

/** Its frame: arrows that begin or end inside of a container are drawn over it. */
function Box({ drawn, shown }: { readonly drawn: DrawnNode; readonly shown: Shown }) {
  const { node, x, y, width, height } = drawn
  const isHistory = node.type === 'history'
  return (
    <g class={nodeClass(drawn, shown)} data-node-id={node.id}>
      <title>{nodeTooltip(node)}</title>
      <rect class="chart-box" x={x} y={y} width={width} height={height} rx={isHistory ? width / 2 : cornerPx} />
      {node.type === 'final' && (
        <rect class="chart-box-inner" x={x + 3.5} y={y + 3.5} width={width - 7} height={height - 7} rx={cornerPx - 3} />
      )}
    </g>
  )
}

/** What is written in it, over the arrows that pass. */
function Head({ drawn, shown }: { readonly drawn: DrawnNode; readonly shown: Shown }) {
  const { node, x, y, width } = drawn
  if (node.type === 'history') {
    return (
      <text class={`chart-history ${nodeClass(drawn, shown)}`} x={x + width / 2} y={y + width / 2 + 4} text-anchor="middle">
        {node.history === 'deep' ? 'H*' : 'H'}
        <title>{nodeTooltip(node)}</title>
      </text>
    )
  }
  const lines = boxLines(node)
  const ruleY = y + measures.titleHeightPx
  const isContainer = node.states.length > 0
  const isBare = lines.length === 0 && !isContainer
  return (
    <g class={nodeClass(drawn, shown)}>
      <text
        class="chart-title"
        x={isBare ? x + width / 2 : x + measures.insetPx}
        y={y + titleBaselinePx}
        text-anchor={isBare ? 'middle' : 'start'}
      >
        {nodeTitle(node)}
        <title>{nodeTooltip(node)}</title>
      </text>
      {lines.length > 0 && !isContainer && <line class="chart-rule" x1={x} x2={x + width} y1={ruleY} y2={ruleY} />}
      {lines.map((line, index) => {
        const top = ruleY + 4 + index * measures.lineHeightPx
        return line.edgeId === null ? (
          <text key={line.text} class={`chart-line is-${line.kind}`} x={x + measures.insetPx} y={top + lineBaselinePx}>
            {line.text}
            <title>{line.title}</title>
          </text>
        ) : (
          <EdgeLine
            key={flashKey(line.edgeId, edgeLight(line.edgeId, shown.lights), shown.lights)}
            id={line.edgeId}
            lines={[line.text]}
            title={line.title}
            x={x + measures.insetPx - measures.labelInsetPx}
            y={top}
            width={headSize(node).width - 2 * (measures.insetPx - measures.labelInsetPx)}
            shown={shown}
          />
        )
      })}
    </g>
  )
}

function nodeClass({ node, depth, isRegion }: DrawnNode, { lights }: Shown): string {
  const isDeep = depth % 2 === 1
  return [
    'chart-node',
    `is-${node.type}`,
    ...(node.states.length > 0 ? ['is-container'] : []),
    ...(isRegion ? ['is-region'] : []),
    ...(isDeep ? ['is-deep'] : []),
    ...(lights.active.has(node.id) ? ['is-lit'] : []),
  ].join(' ')
}

function Arrow({ route, shown }: { readonly route: DrawnRoute; readonly shown: Shown }) {
  const light = lightOf(route, shown.lights)
  const isChosen = route.edges.some(({ id }) => id === shown.chosenEdge)
  return (
    <path
      class={`chart-route is-${light}${isChosen ? ' is-chosen' : ''}`}
      data-route-id={route.id}
      d={routePath(route.points)}
      marker-end={`url(#chart-arrow-${light})`}
      // Lets a flash run along it whatever its length is.
      pathLength={1}
    />
  )
}

function Label({ route, shown }: { readonly route: DrawnRoute; readonly shown: Shown }) {
  const { label } = route
  if (label === null) return null
  const linesByEdge = arrowLines(route.edges)
  const lineOf = (index: number): number => linesByEdge.slice(0, index).flat().length
  return (
    <g class={`chart-label is-${lightOf(route, shown.lights)}`}>
      <rect class="chart-label-box" x={label.x} y={label.y} width={label.width} height={label.height} rx={4} />
      {route.edges.map((edge, index) => (
        <EdgeLine
          key={flashKey(edge.id, edgeLight(edge.id, shown.lights), shown.lights)}
          id={edge.id}
          lines={linesByEdge[index] ?? []}
          title={edgeTitle(edge)}
          x={label.x}
          y={label.y + 2 + lineOf(index) * measures.lineHeightPx}
          width={label.width}
          shown={shown}
        />
      ))}
    </g>
  )
}

interface EdgeLineProps {
  readonly id: string
  readonly lines: readonly string[]
  readonly title: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly shown: Shown
}

function EdgeLine({ id, lines, title, x, y, width, shown }: EdgeLineProps) {
  const { lights, chosenEdge, onChooseEdge } = shown
  const light = edgeLight(id, lights)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same edges can be reached by keyboard in the list beside the chart
    <g
      class={`chart-edge is-${light}${chosenEdge === id ? ' is-chosen' : ''}`}
      data-edge-id={id}
      onClick={() => onChooseEdge(id)}
    >
      <title>{title}</title>
      <rect class="chart-edge-box" x={x + 1} y={y} width={width - 2} height={lines.length * measures.lineHeightPx} rx={3} />
      {lines.map((line, index) => (
        <text key={line} class="chart-line" x={x + measures.labelInsetPx} y={y + index * measures.lineHeightPx + lineBaselinePx}>
          {line}
        </text>
      ))}
    </g>
  )
}

type Light = 'plain' | 'next' | 'taken'

/** What was taken is made anew with each transition, so that it flashes again. */
function flashKey(id: string, light: Light, { takenAt }: ChartLights): string {
  return light === 'taken' ? `${id} at ${takenAt}` : id
}

function edgeLight(id: string, lights: ChartLights): Light {
  return lights.taken.has(id) ? 'taken' : lights.next.has(id) ? 'next' : 'plain'
}

function lightOf({ edges }: { readonly edges: readonly ChartEdge[] }, lights: ChartLights): Light {
  if (edges.some(({ id }) => lights.taken.has(id))) return 'taken'
  return edges.some(({ id }) => lights.next.has(id)) ? 'next' : 'plain'
}

function brightness(route: DrawnRoute, lights: ChartLights): number {
  return ['plain', 'next', 'taken'].indexOf(lightOf(route, lights))
}
