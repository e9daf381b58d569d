/**
 * What a figure is: rows of samples, some beside a bar, with what the baseline leaves out. Owns the shapes that the figures
 * give, the table prints and `--json` shows. Knows no particular figure.
 */

/** How large a run is. The defaults keep the whole of it at about six minutes on two cores. */
export interface Sizes {
  readonly rounds: number
  /** Rounds before those that count. */
  readonly warmups: number
  readonly inFlight: number
  /** Conditional writes per round and side. */
  readonly writes: number
  /** Writes per round and side where each waits for the one before. */
  readonly writesOneByOne: number
  /** Tasks per round and side. */
  readonly tasks: number
  /** Seconds of arrivals, over all rounds, per side. */
  readonly latencySeconds: number
  readonly tasksPerSecond: number
  /** Writes whose way to another process is timed, per round and side. */
  readonly watchedWrites: number
  readonly watchedWritesPerSecond: number
  readonly idleSeconds: number
  readonly queuedTasks: number
  /** Rounds of the queue figure: its samples vary little and take long. */
  readonly queuedRoundsMax: number
  /** Actors alive at once, per step. */
  readonly actors: readonly number[]
  /** Reads, writes and subscriptions, in all. */
  readonly operations: number
  /** Keys in the store that is opened again. */
  readonly keysAtOpen: number
}

export const sizesDefault: Sizes = {
  rounds: 5,
  warmups: 3,
  inFlight: 100,
  writes: 50_000,
  writesOneByOne: 1000,
  tasks: 10_000,
  latencySeconds: 10,
  tasksPerSecond: 100,
  watchedWrites: 200,
  watchedWritesPerSecond: 100,
  idleSeconds: 10,
  queuedTasks: 100_000,
  queuedRoundsMax: 3,
  actors: [1000, 3000, 10_000],
  operations: 10_000_000,
  keysAtOpen: 10_000,
}

/** Sizes that only show that every figure comes out. Their values mean nothing. */
export const sizesQuick: Sizes = {
  ...sizesDefault,
  rounds: 1,
  warmups: 0,
  inFlight: 10,
  writes: 200,
  writesOneByOne: 20,
  tasks: 100,
  latencySeconds: 0.2,
  watchedWrites: 10,
  idleSeconds: 0.2,
  queuedTasks: 500,
  queuedRoundsMax: 1,
  actors: [20, 50, 100],
  operations: 1000,
  keysAtOpen: 50,
}

export type Unit = '/s' | 'ms' | 'us' | 'bytes' | 'MB' | '%' | 'x'

/** What was promised. Printed beside the figure; nothing fails when it is missed. */
export type Bar = { readonly atLeast: number } | { readonly below: number }

export interface Row {
  readonly label: string
  readonly unit: Unit
  /** One per round; a single one where the row sums up all rounds. */
  readonly samples: readonly number[]
  readonly bar?: Bar
}

export interface Figure {
  readonly rows: readonly Row[]
  /** What a reader must know to compare: above all what the baseline leaves out. */
  readonly notes: readonly string[]
}

export type RunFigure = (sizes: Sizes) => Promise<Figure>

export function row(label: string, unit: Unit, samples: readonly number[], bar?: Bar): Row {
  return bar === undefined ? { label, unit, samples } : { label, unit, samples, bar }
}

/** Ours by the baseline's, round by round: what slows the machine for a while slows both. */
export function ratioRow(label: string, ours: readonly number[], baseline: readonly number[], bar?: Bar): Row {
  return row(
    label,
    'x',
    ours.map((sample, round) => sample / (baseline[round] ?? Number.NaN)),
    bar,
  )
}

export function isMet(bar: Bar, value: number): boolean {
  return 'atLeast' in bar ? value >= bar.atLeast : value < bar.below
}
