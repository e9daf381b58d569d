/** Figures as people read them: aligned columns, bars met or missed, the machine they come from. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { type Bar, type Figure, isMet, type Row, type Unit } from './figure.ts'
import { median } from './rounds.ts'

export interface Machine {
  readonly node: string
  readonly platform: string
  readonly cpu: string
  readonly cpus: number
  readonly memoryGiB: number
  /** Of the last minute, before the run: what else the machine was doing. */
  readonly load: number
}

export function machineNow(): Machine {
  return {
    node: process.version,
    platform: `${process.platform} ${release()} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? 0,
  }
}

export function machineLine(machine: Machine): string {
  const { node, platform, cpu, memoryGiB, load } = machine
  return `node ${node}, ${platform}, ${machine.cpus} x ${cpu}, ${memoryGiB} GiB, load before the run ${load.toFixed(2)}`
}

const header = ['', 'median', 'min', 'max', 'rounds', 'bar', '']

export function tableOf(title: string, { rows, notes }: Figure): string {
  const cells = [header, ...rows.map(cellsOf)]
  const widths = header.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  const lines = cells.map((line) =>
    line
      .map((cell, column) =>
        column === 0 || column >= 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  const rule = '-'.repeat(Math.max(...lines.map((line) => line.length)))
  return [title, rule, ...lines, ...notes.map((note) => `  * ${note}`)].join('\n')
}

function cellsOf({ label, unit, samples, bar }: Row): string[] {
  const middle = median(samples)
  const [least, most] =
    samples.length > 1 ? [Math.min(...samples), Math.max(...samples)].map((sample) => shown(sample, unit)) : []
  return [
    label,
    shown(middle, unit, true),
    least ?? '',
    most ?? '',
    samples.length > 1 ? String(samples.length) : '',
    bar === undefined ? '' : barText(bar, unit),
    bar === undefined ? '' : isMet(bar, middle) ? 'met' : 'MISSED',
  ]
}

function barText(bar: Bar, unit: Unit): string {
  return 'atLeast' in bar ? `>= ${shown(bar.atLeast, unit, true)}` : `< ${shown(bar.below, unit, true)}`
}

function shown(value: number, unit: Unit, withUnit = false): string {
  const digits = unit === '/s' || unit === 'bytes' ? 0 : unit === 'us' ? 1 : 2
  const text = value.toFixed(digits)
  if (!withUnit) return text
  return unit === 'x' || unit === '/s' || unit === '%' ? `${text}${unit === 'x' ? '' : unit}` : `${text} ${unit}`
}

/** What `--json` says of a figure: the rows with their order statistics, and every sample. */
export function jsonOf(name: string, title: string, { rows, notes }: Figure): object {
  return {
    name,
    title,
    rows: rows.map(({ label, unit, samples, bar }) => ({
      label,
      unit,
      median: median(samples),
      min: Math.min(...samples),
      max: Math.max(...samples),
      samples,
      ...(bar === undefined ? {} : { bar, isMet: isMet(bar, median(samples)) }),
    })),
    notes,
  }
}
