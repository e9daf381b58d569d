/** What is plotted, as data: which columns of the metrics make which plot, in which unit and colour. Pure; knows neither uPlot nor the page. */
import type { MetricsColumns } from '../model/selectors.ts'
import { bytesText, countText, spanText } from '../ui/format.ts'

export interface PlotSpec {
  readonly title: string
  readonly unit: string
  readonly series: readonly PlotLine[]
  readonly format: (value: number) => string
  /** Of the axis; without it, as large as the data. */
  readonly valueMax?: number
  /** The axis ends at a round number of these. Default 1. */
  readonly axisUnit?: number
}

export interface PlotLine {
  readonly column: Exclude<keyof MetricsColumns, 'atS'>
  readonly label: string
  /** Name of the CSS variable with its colour. */
  readonly color: string
  /** A tinted area; steps from one value to the next. */
  readonly look?: 'filled' | 'stepped'
}

const breakerWords = ['closed', 'half open', 'open']

export const plotSpecs: readonly PlotSpec[] = [
  {
    title: 'Throughput',
    unit: 'per second',
    series: [
      { column: 'transitionsPerS', label: 'transitions', color: '--series-1', look: 'filled' },
      { column: 'unitsPerS', label: 'commits', color: '--series-3' },
    ],
    format: numberText,
  },
  {
    title: 'Commit latency',
    unit: 'until the store has answered',
    series: [
      { column: 'commitMaxMs', label: 'slowest', color: '--series-2' },
      { column: 'commitP50Ms', label: 'median', color: '--series-1', look: 'filled' },
    ],
    format: spanText,
  },
  {
    title: 'Tasks',
    unit: '',
    series: [
      { column: 'ready', label: 'ready', color: '--series-4', look: 'filled' },
      { column: 'running', label: 'running', color: '--series-1' },
    ],
    format: numberText,
  },
  {
    title: 'Circuit breaker',
    unit: '',
    series: [{ column: 'breaker', label: '', color: '--series-2', look: 'stepped' }],
    format: (level) => breakerWords[Math.round(level)] ?? '',
    valueMax: 2,
  },
  {
    title: 'Batch size',
    unit: 'units per batch',
    series: [{ column: 'unitsPerBatch', label: 'mean', color: '--series-3', look: 'filled' }],
    format: numberText,
  },
  {
    title: 'Writes that wait',
    unit: '',
    series: [{ column: 'pendingWrites', label: 'pending', color: '--series-2', look: 'filled' }],
    format: numberText,
  },
  {
    title: 'Cache hit rate',
    unit: 'of all reads',
    series: [{ column: 'cacheHitShare', label: 'hits', color: '--series-3', look: 'filled' }],
    format: (share) => `${Math.round(share * 100)} %`,
    valueMax: 1,
  },
  {
    title: 'Conflicts and faults',
    unit: 'per second',
    series: [
      { column: 'conflictsPerS', label: 'conflicts', color: '--series-4' },
      { column: 'problemsPerS', label: 'problems', color: '--series-6' },
      { column: 'deadLettersPerS', label: 'events to nobody', color: '--series-5' },
    ],
    format: numberText,
  },
  {
    title: 'Actors',
    unit: '',
    series: [{ column: 'actors', label: 'live', color: '--series-1', look: 'filled' }],
    format: numberText,
  },
  {
    title: 'Heap',
    unit: '',
    series: [{ column: 'heapBytes', label: 'used', color: '--series-5', look: 'filled' }],
    format: bytesText,
    axisUnit: 1024 * 1024,
  },
]

/** A stretch of time in which the breaker was not closed. */
export interface BreakerBand {
  readonly fromS: number
  readonly toS: number
  readonly level: 'half-open' | 'open'
}

/** From each moment at which it was so to the next one that is known. */
export function breakerBands({ atS, breaker }: Pick<MetricsColumns, 'atS' | 'breaker'>): BreakerBand[] {
  const bands: BreakerBand[] = []
  for (const [index, value] of breaker.entries()) {
    const fromS = atS[index]
    if (value === null || value === 0 || fromS === undefined) continue
    const toS = atS[index + 1] ?? fromS
    const level = value === 2 ? 'open' : 'half-open'
    const last = bands.at(-1)
    if (last?.level === level && last.toS === fromS) bands[bands.length - 1] = { ...last, toS }
    else bands.push({ fromS, toS, level })
  }
  return bands
}

/** Three digits where they tell something, none behind the point where there are many. */
export function numberText(value: number): string {
  if (value >= 100_000) return `${countText(Math.round(value / 1000))} k`
  if (value >= 100 || Number.isInteger(value)) return countText(Math.round(value))
  return String(Number(value.toFixed(value >= 10 ? 1 : 2)))
}

/** The least "round" number that is not smaller, so that an axis does not move with every value; of nothing one unit. */
export function axisMax(max: number | null, unit = 1): number {
  if (max === null || !(max > 0)) return unit
  const power = unit * 10 ** Math.floor(Math.log10(max / unit))
  for (const factor of [1, 2, 3, 4, 6, 8]) if (factor * power >= max) return factor * power
  return 10 * power
}

/** Index of the newest moment that is not later; without a moment the newest of all. -1: none. */
export function indexAt(atS: readonly number[], shownS: number | null): number {
  if (shownS === null) return atS.length - 1
  const later = atS.findIndex((moment) => moment > shownS)
  return later === -1 ? atS.length - 1 : later - 1
}
