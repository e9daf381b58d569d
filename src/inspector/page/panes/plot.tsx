/**
 * One plot over time: uPlot on a canvas, with a legend of our own that tells the values under the cursor, or at the shown moment. Follows
 * its box, the theme and the cursor of the other plots. Knows nothing of what is plotted.
 */
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { MetricsColumns } from '../model/selectors.ts'
import { clockText } from '../ui/format.ts'
import { oneAFrame } from '../ui/one-a-frame.ts'
import { axisMax, type BreakerBand, indexAt, type PlotLine, type PlotSpec } from './plot-specs.ts'

export interface PlotProps {
  readonly spec: PlotSpec
  readonly columns: MetricsColumns
  readonly bands: readonly BreakerBand[]
  /** The moment that the page shows, in seconds since 1970; null: the newest. */
  readonly shownS: number | null
  /** Counts how often all of the time was asked for. */
  readonly wholes: number
  /** A click into the plot. */
  onPick(atS: number): void
  /** Whether not all of the time is shown. */
  onZoom(isZoomed: boolean): void
}

const plotHeightPx = 128
const axisHeightPx = 22
const axisWidthPx = 62
/** Cursors and zooms of plots with one key move together. */
const syncKey = 'plots'

export function Plot(props: PlotProps) {
  const { spec, columns, bands, shownS } = props
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const newest = useRef(props)
  newest.current = props
  const cursorIndex = useSignal<number | null>(null)
  // Some colours are read once, when a plot is made: another theme is another plot.
  const looks = useSignal(0)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    let stop = (): void => {}
    const cancel = oneAFrame(() => {
      const made = createPlot(element, newest, (index) => {
        cursorIndex.value = index
      })
      plot.current = made
      stop = followSurroundings(made, element, () => {
        looks.value++
      })
    })
    return () => {
      cancel()
      stop()
      plot.current?.destroy()
      plot.current = null
    }
  }, [spec, looks.value])

  useEffect(
    () =>
      oneAFrame(() => {
        const current = plot.current
        if (current !== null) current.setData(dataOf(spec, columns), !isZoomed(current))
      }),
    [spec, columns],
  )

  useEffect(() => {
    plot.current?.redraw(false)
  }, [bands, shownS])

  useEffect(() => {
    const current = plot.current
    if (current !== null && isZoomed(current)) current.setData(current.data, true)
  }, [props.wholes])

  const index = cursorIndex.value ?? indexAt(columns.atS, shownS)
  return (
    <figure class="plot">
      <figcaption class="plot-head">
        <span class="plot-title">{spec.title}</span>
        <span class="plot-unit">{spec.unit}</span>
        <span class="plot-legend">
          {spec.series.map((line) => (
            <span class="plot-key" key={line.column}>
              <span class="plot-swatch" style={{ backgroundColor: `var(${line.color})` }} />
              {line.label}
              <span class="plot-value">{valueText(spec, columns, line, index)}</span>
            </span>
          ))}
        </span>
      </figcaption>
      <div
        class="plot-box"
        ref={box}
        role="img"
        aria-label={spec.series.map((line) => `${line.label} ${valueText(spec, columns, line, index)}`).join(', ')}
      />
    </figure>
  )
}

function valueText(spec: PlotSpec, columns: MetricsColumns, { column }: PlotLine, index: number): string {
  const value = columns[column][index]
  return value === null || value === undefined ? '–' : spec.format(value)
}

function createPlot(box: HTMLElement, props: { readonly current: PlotProps }, onCursor: (index: number | null) => void): uPlot {
  const { spec, columns } = props.current
  const color = (name: string): string => getComputedStyle(box).getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: () => color('--ink-faint'),
    grid: { stroke: () => color('--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(box).fontFamily}`,
  }
  return new uPlot(
    {
      width: Math.max(1, box.clientWidth),
      height: plotHeightPx,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: syncKey, setSeries: false, scales: ['x', null] },
        drag: { x: true, y: false },
        points: { size: 7, width: 1.5 },
        y: false,
        // A second click of a hurried one must not take a zoom away: the pane has a button for that.
        bind: { dblclick: () => null },
      },
      scales: { y: { range: (_self, _min, max) => [0, spec.valueMax ?? axisMax(max, spec.axisUnit)] } },
      axes: [
        {
          ...axis,
          size: axisHeightPx,
          gap: 4,
          space: 64,
          values: (_self, splits, _axis, _space, step) => splits.map((atS) => timeText(atS, step)),
        },
        {
          ...axis,
          size: axisWidthPx,
          gap: 6,
          splits: (_self, _axis, min, max) => [min, (min + max) / 2, max],
          values: (_self, splits) => splits.map((value) => spec.format(value)),
        },
      ],
      series: [{}, ...spec.series.map((line) => seriesOf(line, color))],
      hooks: {
        drawClear: [(self) => drawBands(self, props.current.bands, color)],
        draw: [(self) => drawShown(self, props.current.shownS, color('--accent'))],
        setCursor: [(self) => onCursor(self.cursor.idx ?? null)],
        setScale: [(self, scale) => scale === 'x' && props.current.onZoom(isZoomed(self))],
        ready: [(self) => self.over.addEventListener('click', (event) => pick(self, event, props.current))],
      },
    },
    dataOf(spec, columns),
    box,
  )
}

function seriesOf(line: PlotLine, color: (name: string) => string): uPlot.Series {
  const stepped = line.look === 'stepped' ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  return {
    label: line.label,
    width: 1.5,
    stroke: () => color(line.color),
    points: { show: false },
    spanGaps: false,
    ...(line.look === 'filled' ? { fill: () => `${color(line.color)}26` } : undefined),
    ...(stepped === undefined ? undefined : { paths: stepped }),
  }
}

/** uPlot keeps the arrays; columns never change. */
function dataOf({ series }: PlotSpec, columns: MetricsColumns): uPlot.AlignedData {
  return [columns.atS as number[], ...series.map(({ column }) => columns[column] as (number | null)[])]
}

/** Follows the size of its box, and tells of another theme. @returns the end of it. */
function followSurroundings(plot: uPlot, box: HTMLElement, onTheme: () => void): () => void {
  const sizes = new ResizeObserver(() => {
    if (box.clientWidth > 0 && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: plotHeightPx })
  })
  sizes.observe(box)
  const themes = new MutationObserver(onTheme)
  themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => {
    sizes.disconnect()
    themes.disconnect()
  }
}

const bandOpacity = 0.13

function drawBands(plot: uPlot, bands: readonly BreakerBand[], color: (name: string) => string): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.globalAlpha = bandOpacity
  for (const { fromS, toS, level } of bands) {
    const from = Math.max(bbox.left, plot.valToPos(fromS, 'x', true))
    const to = Math.min(bbox.left + bbox.width, plot.valToPos(toS, 'x', true))
    if (to <= from) continue
    ctx.fillStyle = color(level === 'open' ? '--bad' : '--waiting')
    ctx.fillRect(from, bbox.top, to - from, bbox.height)
  }
  ctx.restore()
}

function drawShown(plot: uPlot, shownS: number | null, color: string): void {
  if (shownS === null) return
  const { ctx, bbox } = plot
  const x = Math.round(plot.valToPos(shownS, 'x', true))
  if (!(x >= bbox.left && x <= bbox.left + bbox.width)) return
  ctx.save()
  ctx.fillStyle = color
  ctx.fillRect(x - uPlot.pxRatio / 2, bbox.top, 2 * uPlot.pxRatio, bbox.height)
  ctx.restore()
}

/** Seconds are told where the axis has less than a minute between two. */
function timeText(atS: number, stepS: number): string {
  return clockText(atS * 1000).slice(0, stepS < 60 ? 8 : 5)
}

/** uPlot keeps the clicks to itself that end a drag. */
function pick(plot: uPlot, event: MouseEvent, { onPick }: PlotProps): void {
  const { left = -1 } = plot.cursor
  if (event.button === 0 && left >= 0) onPick(plot.posToVal(left, 'x'))
}

function isZoomed(plot: uPlot): boolean {
  const [times] = plot.data
  const { min, max } = plot.scales.x ?? {}
  if (times.length === 0 || min === null || min === undefined || max === null || max === undefined) return false
  return min > Number(times[0]) || max < Number(times[times.length - 1])
}
