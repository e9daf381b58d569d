/**
 * From a chart to its drawing, once per chart. Owns the drawings that are kept; knows neither where the engine runs nor what shows them.
 *
 * - L1 equal charts, of whatever process, have one drawing
 * - L2 a failure is not kept: the next call tries again
 */
import type { ElkNode } from 'elkjs/lib/elk-api.js'
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import { type ChartDrawing, drawingOf } from './chart-drawing.ts'
import { chartGraph } from './chart-graph.ts'

export interface LayoutEngine {
  /** The same graph with places and sizes. */
  layout(graph: ElkNode): Promise<ElkNode>
}

/** Drawings kept, the most recently asked for. */
export const drawingsMax = 32

export class ChartLayouts {
  readonly #engine: LayoutEngine
  readonly #drawingByChart = new Map<string, Promise<ChartDrawing>>()

  constructor(engine: LayoutEngine) {
    this.#engine = engine
  }

  /** @throws the engine's error, or `corrupt` for a layout that lacks something. */
  drawing(chart: ChartDefinition): Promise<ChartDrawing> {
    const key = JSON.stringify(chart)
    const drawing = this.#drawingByChart.get(key) ?? this.#draw(chart)
    // Asked for most recently: last.
    this.#drawingByChart.delete(key)
    this.#drawingByChart.set(key, drawing)
    drawing.catch(() => {
      if (this.#drawingByChart.get(key) === drawing) this.#drawingByChart.delete(key)
    })
    if (this.#drawingByChart.size > drawingsMax) {
      for (const oldest of this.#drawingByChart.keys()) {
        this.#drawingByChart.delete(oldest)
        break
      }
    }
    return drawing
  }

  async #draw(chart: ChartDefinition): Promise<ChartDrawing> {
    return drawingOf(chart, await this.#engine.layout(chartGraph(chart)))
  }
}
