/** Charts as they are laid out and drawn: compared with the machines themselves, the project's and a user's. */
import ElkBundled from 'elkjs/lib/elk.bundled.js'
import type { VNode } from 'preact'
import { describe, expect, it } from 'vitest'
import type { AnyStateMachine } from 'xstate'
import { batchWriterMachine } from '../../../machines/batch-writer.ts'
import { circuitBreakerMachine } from '../../../machines/circuit-breaker.ts'
import { lockMachine } from '../../../machines/lock.ts'
import { syncMachine } from '../../../machines/sync.ts'
import { taskMachine } from '../../../machines/task.ts'
import { workerMachine } from '../../../machines/worker.ts'
import { type ChartDrawing, drawingOf, type Rectangle } from '../../../src/inspector/page/chart/chart-drawing.ts'
import { chartGraph, nodesOf } from '../../../src/inspector/page/chart/chart-graph.ts'
import { type ChartLights, lightsOf, noLights } from '../../../src/inspector/page/chart/chart-lights.ts'
import { ChartLayouts, drawingsMax, type LayoutEngine } from '../../../src/inspector/page/chart/layout.ts'
import { routePath } from '../../../src/inspector/page/chart/route-path.ts'
import {
  fitFootPx,
  fitMarginPx,
  fitted,
  keptInSight,
  keptInSightPx,
  panned,
  zoomed,
  zoomMax,
  zoomMin,
} from '../../../src/inspector/page/chart/viewport.ts'
import { readChart } from '../../../src/trace/chart-reader.ts'
import type { ChartDefinition } from '../../../src/wire/chart-definition.ts'
import { attributeValues, markupOf } from './markup.ts'
import { oddMachine, orderMachine, playerMachine } from './own-machines.ts'

const machines: Readonly<Record<string, AnyStateMachine>> = {
  task: taskMachine,
  worker: workerMachine,
  lock: lockMachine,
  'batch-writer': batchWriterMachine,
  sync: syncMachine,
  'circuit-breaker': circuitBreakerMachine,
  player: playerMachine,
  order: orderMachine,
  odd: oddMachine,
}

const engine = new (ElkBundled as unknown as new () => LayoutEngine)()

interface SvgModule {
  readonly ChartSvg: (props: {
    drawing: ChartDrawing
    lights: ChartLights
    chosenEdge: string | null
    onChooseEdge(id: string): void
  }) => VNode
}
// Page sources have a compiler configuration of their own: what is used of them here is said above.
const svgPath: string = '../../../src/inspector/page/chart/chart-svg.tsx'
const { ChartSvg } = (await import(svgPath)) as SvgModule

function svgOf(drawing: ChartDrawing, lights: ChartLights = noLights): string {
  return markupOf(ChartSvg({ drawing, lights, chosenEdge: null, onChooseEdge: () => {} }))
}

async function draw(machine: AnyStateMachine): Promise<{ chart: ChartDefinition; drawing: ChartDrawing; svg: string }> {
  const chart = readChart(machine)
  const drawing = drawingOf(chart, await engine.layout(chartGraph(chart)))
  return { chart, drawing, svg: svgOf(drawing) }
}

/** Every state and transition, from the machine itself. */
function partsOf(machine: AnyStateMachine): { states: string[]; transitions: number } {
  const states: string[] = []
  let transitions = 0
  const visit = (node: AnyStateMachine['root']): void => {
    states.push(node.id)
    transitions += [...node.transitions.values()].flat().length + (node.always?.length ?? 0)
    // XState keeps the default of a history state apart.
    if (node.type === 'history' && (node.config as { target?: unknown }).target !== undefined) transitions++
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(machine.root)
  return { states, transitions }
}

describe.each(Object.entries(machines))('the drawing of %s', (_name, machine) => {
  const drawn = draw(machine)

  it('has every state once and every edge of the machine', async () => {
    const { chart, svg } = await drawn
    const { states, transitions } = partsOf(machine)
    expect(attributeValues(svg, 'data-node-id').sort()).toEqual(states.sort())
    const edges = [...nodesOf(chart.root)].flatMap((node) => node.edges)
    const shown = attributeValues(svg, 'data-edge-id')
    expect(edges).toHaveLength(transitions)
    for (const edge of edges) expect(shown.filter((id) => id === edge.id)).toHaveLength(Math.max(1, new Set(edge.targets).size))
    expect(new Set(shown).size).toBe(transitions)
  })

  it('leads every arrow from its state to its target', async () => {
    const { drawing } = await drawn
    const boxById = new Map<string, Rectangle>(drawing.nodes.map((node) => [`state ${node.node.id}`, node]))
    for (const { id, x, y } of drawing.markers) boxById.set(id, { x: x - 6, y: y - 6, width: 12, height: 12 })
    for (const { source, target, points } of drawing.routes) {
      expect(isOnBorder(points[0], boxById.get(source))).toBe(true)
      expect(isOnBorder(points.at(-1), boxById.get(target))).toBe(true)
    }
  })

  it('has no two boxes over each other but a container and what is in it', async () => {
    const { drawing } = await drawn
    const byId = new Map(drawing.nodes.map((drawnNode) => [drawnNode.node.id, drawnNode]))
    for (const { node, ...box } of drawing.nodes) {
      const children = node.states.map(({ id }) => byId.get(id) as Rectangle)
      for (const [index, child] of children.entries()) {
        expect(isWithin(child, box)).toBe(true)
        for (const sibling of children.slice(index + 1)) expect(overlaps(child, sibling)).toBe(false)
      }
    }
  })

  it('has its texts within the canvas, no two labels over each other and none over a state', async () => {
    const { drawing } = await drawn
    const canvas = { x: 0, y: 0, width: drawing.width, height: drawing.height }
    const labels = drawing.routes.flatMap(({ label }) => (label === null ? [] : [label]))
    const boxes = drawing.nodes.filter(({ node }) => node.states.length === 0)
    expect(labels.length).toBe(drawing.routes.filter(({ edges }) => edges.length > 0).length)
    for (const [index, label] of labels.entries()) {
      expect(isWithin(label, canvas)).toBe(true)
      for (const other of [...labels.slice(index + 1), ...boxes]) expect(overlaps(label, other)).toBe(false)
    }
    for (const node of drawing.nodes) expect(isWithin(node, canvas)).toBe(true)
  })

  it('has only finite numbers', async () => {
    const { drawing, svg } = await drawn
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    for (const { points } of drawing.routes) for (const { x, y } of points) expect(Number.isFinite(x + y)).toBe(true)
  })
})

describe('a drawing', () => {
  it('marks where a chart begins, what is final, what remembers, and regions', async () => {
    const { svg, drawing } = await draw(playerMachine)
    expect(drawing.markers.map(({ id }) => id).sort()).toEqual([
      'initial player',
      'initial player.ready.sound',
      'initial player.ready.transport',
    ])
    const classes = attributeValues(svg, 'class')
    expect(classes.filter((name) => name === 'chart-box-inner')).toHaveLength(3)
    expect(svg).toContain('>H*<')
    expect(drawing.nodes.filter(({ isRegion }) => isRegion).map(({ node }) => node.key)).toEqual(['transport', 'sound'])
  })

  it('shows what a state does, and edges without a target in its box', async () => {
    const { svg } = await draw(playerMachine)
    for (const text of ['entry / log', 'exit / log', 'invoke playback', 'transport.tick / log', '* / log']) {
      expect(svg).toContain(`>${text}`)
    }
  })

  it('shows an edge with several targets at each of them', async () => {
    const { drawing } = await draw(playerMachine)
    const jumps = drawing.routes.filter(({ edges }) => edges.some(({ event }) => event === 'player.jump'))
    expect(jumps.map(({ target }) => target).sort()).toEqual([
      'state player.ready.sound.off',
      'state player.ready.transport.playing',
    ])
  })

  it('has markup in names only as text', async () => {
    const { svg } = await draw(oddMachine)
    expect(svg).not.toContain('<script')
    expect(svg).not.toContain('<img')
    expect(svg).toContain('&lt;script&gt;')
  })

  it('lights the active states, the edges taken and those possible next, and nothing else', async () => {
    const { chart, drawing } = await draw(playerMachine)
    const taken = 'player.loading#1'
    const lit = { stateValue: 'failed', lastEdges: [taken], lastPosition: 7, isOpen: true }
    const svg = svgOf(drawing, lightsOf(chart, lit))
    const next = ['player.failed#0', 'player.failed#1', 'player.failed#2', 'player.failed#3']
    expect(litNodes(svg).sort()).toEqual(['player', 'player.failed'])
    expect(edgesWith(svg, 'is-taken')).toEqual([taken])
    expect([...new Set(edgesWith(svg, 'is-next'))].sort()).toEqual(next)
    expect(edgesWith(svgOf(drawing, lightsOf(chart, { ...lit, isOpen: false })), 'is-next')).toEqual([])
    expect(litNodes(svgOf(drawing))).toEqual([])
  })

  it('is refused when the layout lacks a state or an arrow', async () => {
    const chart = readChart(circuitBreakerMachine)
    const layout = await engine.layout(chartGraph(chart))
    expect(() => drawingOf(chart, { ...layout, edges: layout.edges?.slice(1) ?? [] })).toThrow(/the layout has no place for/)
    expect(() => drawingOf(readChart(taskMachine), layout)).toThrow(/the layout has no place for "task/)
    expect(() => drawingOf(chart, { ...layout, width: Number.NaN })).toThrow(/canvas/)
  })
})

describe('layouts', () => {
  it('are made once for equal charts, whoever they come from', async () => {
    const { layouts, count } = counted()
    const first = await layouts.drawing(readChart(circuitBreakerMachine))
    expect(await layouts.drawing(structuredClone(readChart(circuitBreakerMachine)))).toBe(first)
    expect(count()).toBe(1)
  })

  it('are tried again after a failure', async () => {
    let isBroken = true
    const layouts = new ChartLayouts({ layout: (graph) => (isBroken ? Promise.reject(new Error('no')) : engine.layout(graph)) })
    await expect(layouts.drawing(readChart(circuitBreakerMachine))).rejects.toThrow('no')
    isBroken = false
    expect((await layouts.drawing(readChart(circuitBreakerMachine))).chart.id).toBe('circuit-breaker')
  })

  it('are kept for the charts asked for last, no more than the bound', async () => {
    const { layouts, count } = counted()
    const chart = (n: number): ChartDefinition => {
      const { root } = readChart(circuitBreakerMachine)
      return { id: String(n), root }
    }
    for (let n = 0; n < drawingsMax; n++) await layouts.drawing(chart(n))
    await layouts.drawing(chart(0))
    await layouts.drawing(chart(drawingsMax))
    expect(count()).toBe(drawingsMax + 1)
    await layouts.drawing(chart(0))
    expect(count()).toBe(drawingsMax + 1)
    await layouts.drawing(chart(1))
    expect(count()).toBe(drawingsMax + 2)
  })

  function counted(): { layouts: ChartLayouts; count: () => number } {
    let made = 0
    // All of them are of one chart under different names.
    const layout = engine.layout(chartGraph(readChart(circuitBreakerMachine)))
    const layouts = new ChartLayouts({
      layout() {
        made++
        return layout
      },
    })
    return { layouts, count: () => made }
  }
})

describe('the path of an arrow', () => {
  it('goes through all corners, rounded, and ends where it should', () => {
    const path = routePath([
      { x: 0, y: 0 },
      { x: 0, y: 20 },
      { x: 30, y: 20 },
    ])
    expect(path).toBe('M0 0L0 13Q0 20 7 20L30 20')
  })

  it('rounds corners that are near less', () => {
    const path = routePath([
      { x: 0, y: 0 },
      { x: 0, y: 20 },
      { x: 4, y: 20 },
      { x: 4, y: 40 },
    ])
    expect(path).toBe('M0 0L0 18Q0 20 2 20L2 20Q4 20 4 22L4 40')
  })
})

describe('what is seen of a drawing', () => {
  const drawing = { width: 800, height: 400 }
  const pane = { width: 400, height: 400 }

  it('is all of it at first, in the middle, and never enlarged beyond its size', () => {
    const view = fitted(drawing, pane)
    expect(view.zoom).toBe(0.45)
    expect(view.x * 2 + drawing.width * view.zoom).toBe(pane.width)
    expect(view.y * 2 + drawing.height * view.zoom - fitMarginPx).toBe(pane.height - fitFootPx)
    expect(fitted({ width: 10, height: 10 }, pane).zoom).toBe(1)
  })

  it('lies above the buttons at the lower edge, however high it is', () => {
    const high = { width: 100, height: 4000 }
    const view = fitted(high, { width: 800, height: 600 })
    expect(view.y).toBeGreaterThanOrEqual(fitMarginPx)
    expect(view.y + high.height * view.zoom).toBeLessThanOrEqual(600 - fitFootPx)
  })

  it('keeps the point under the pointer where it is', () => {
    const before = fitted(drawing, pane)
    const after = zoomed(before, 2, 100, 120)
    expect((100 - after.x) / after.zoom).toBeCloseTo((100 - before.x) / before.zoom)
    expect((120 - after.y) / after.zoom).toBeCloseTo((120 - before.y) / before.zoom)
  })

  it('has bounds: zoom, and how far it can be pushed away', () => {
    const view = fitted(drawing, pane)
    expect(zoomed(view, 1e9, 0, 0).zoom).toBe(zoomMax)
    expect(zoomed(view, 1e-9, 0, 0).zoom).toBe(zoomMin)
    const away = keptInSight(panned(view, 1e6, -1e6), drawing, pane)
    expect(away.x).toBe(pane.width - keptInSightPx)
    expect(away.y + drawing.height * away.zoom).toBe(keptInSightPx)
    expect(keptInSight(view, drawing, pane)).toEqual(view)
  })
})

function isOnBorder(point: { x: number; y: number } | undefined, box: Rectangle | undefined): boolean {
  if (point === undefined || box === undefined) return false
  const { x, y, width, height } = box
  const isIn = point.x >= x - 1 && point.x <= x + width + 1 && point.y >= y - 1 && point.y <= y + height + 1
  const near = (a: number, b: number) => Math.abs(a - b) <= 1
  return isIn && (near(point.x, x) || near(point.x, x + width) || near(point.y, y) || near(point.y, y + height))
}

function isWithin(inner: Rectangle, outer: Rectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  )
}

function overlaps(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

function litNodes(svg: string): string[] {
  return [...svg.matchAll(/<g class="([^"]*)" data-node-id="([^"]*)"/g)].flatMap(([, name = '', id = '']) =>
    name.split(' ').includes('is-lit') ? [id] : [],
  )
}

function edgesWith(svg: string, light: string): string[] {
  return [...svg.matchAll(/<g class="chart-edge ([^"]*)" data-edge-id="([^"]*)"/g)].flatMap(([, name = '', id = '']) =>
    name.split(' ').includes(light) ? [id] : [],
  )
}
