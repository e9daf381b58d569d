/**
 * The counters of processes as columns for plots: rates between two records of one process, and what it had at hand. Of several processes
 * together the columns are sums, or the worst. Draws nothing.
 *
 * - M1 counters that fall are a new beginning: there is no rate there, never a negative one
 * - M2 where nothing was told for a while the columns have a hole, not a line
 */
import type { MetricsRecord } from '../../../wire/trace-record.ts'
import { onceFor } from './memo.ts'
import type { SessionState } from './session-state.ts'

/** One number or null for each moment of {@link MetricsColumns.atS}. */
export type Column = readonly (number | null)[]

export interface MetricsColumns {
  /** Seconds since 1970, rising. */
  readonly atS: readonly number[]
  readonly transitionsPerS: Column
  readonly unitsPerS: Column
  readonly batchesPerS: Column
  /** Mean size of the batches that the store answered. */
  readonly unitsPerBatch: Column
  /** Of several processes the slowest. */
  readonly commitP50Ms: Column
  readonly commitMaxMs: Column
  readonly pendingWrites: Column
  readonly cacheHitsPerS: Column
  readonly cacheReadsPerS: Column
  /** Share of reads that the cache answered, 0 to 1. */
  readonly cacheHitShare: Column
  readonly conflictsPerS: Column
  readonly problemsPerS: Column
  readonly deadLettersPerS: Column
  /** 0 closed, 1 half open, 2 open; of several the worst. null: unknown. */
  readonly breaker: Column
  /** Each process sees one and the same queue: of several the longest view of it. */
  readonly ready: Column
  readonly running: Column
  readonly actors: Column
  readonly heapBytes: Column
}

/** A process that was silent for longer has a hole. They tell about once a second while somebody watches. */
export const silenceMsMax = 5000
/** Several processes are put together in steps of so many milliseconds. */
const stepMs = 1000

/** @param source null: all processes together. Of one that is not known, empty columns. */
export function metricsColumns(state: SessionState, source: string | null): MetricsColumns {
  return columnsOf(state.metricsBySource, source)
}

const columnsOf = onceFor((metricsBySource: SessionState['metricsBySource'], source: string | null): MetricsColumns => {
  if (source !== null) return columnsFrom(withHoles(samplesOf(metricsBySource.get(source) ?? [])))
  const samples = [...metricsBySource.values()].map(samplesOf)
  return columnsFrom(together(samples))
})

/** What one moment of one process says. */
type Sample = { readonly [Name in keyof MetricsColumns]: Name extends 'atS' ? number : number | null }

const empty: Omit<Sample, 'atS'> = {
  transitionsPerS: null,
  unitsPerS: null,
  batchesPerS: null,
  unitsPerBatch: null,
  commitP50Ms: null,
  commitMaxMs: null,
  pendingWrites: null,
  cacheHitsPerS: null,
  cacheReadsPerS: null,
  cacheHitShare: null,
  conflictsPerS: null,
  problemsPerS: null,
  deadLettersPerS: null,
  breaker: null,
  ready: null,
  running: null,
  actors: null,
  heapBytes: null,
}
const columnNames = Object.keys(empty) as (keyof typeof empty)[]

function samplesOf(records: readonly MetricsRecord[]): Sample[] {
  const samples: Sample[] = []
  let before: MetricsRecord | undefined
  for (const record of records) {
    // The wall clock of a process may step back; a plot's time may not.
    if (before !== undefined && record.atMs <= before.atMs) continue
    samples.push(sampleOf(before, record))
    before = record
  }
  return samples
}

function sampleOf(before: MetricsRecord | undefined, record: MetricsRecord): Sample {
  const rate = (name: Counter): number | null => rateOf(before, record, name)
  const units = growth(before, record, 'committedUnits')
  const batches = growth(before, record, 'committedBatches')
  const hits = rate('cacheHits')
  const misses = rate('cacheMisses')
  const reads = hits === null || misses === null ? null : hits + misses
  return {
    atS: record.atMs / 1000,
    transitionsPerS: rate('transitions'),
    unitsPerS: rate('committedUnits'),
    batchesPerS: rate('committedBatches'),
    unitsPerBatch: share(units, batches),
    commitP50Ms: record.commitP50Ms,
    commitMaxMs: record.commitMaxMs,
    pendingWrites: record.pendingWrites,
    cacheHitsPerS: reads === null ? null : hits,
    cacheReadsPerS: reads,
    cacheHitShare: share(hits, reads),
    conflictsPerS: rate('conflicts'),
    problemsPerS: rate('problems'),
    deadLettersPerS: rate('deadLetters'),
    breaker: breakerLevels[record.breaker],
    ready: record.ready,
    running: record.running,
    actors: record.actors,
    heapBytes: record.heapBytes,
  }
}

const breakerLevels: Readonly<Record<MetricsRecord['breaker'], number | null>> = {
  closed: 0,
  'half-open': 1,
  open: 2,
  unknown: null,
}

type Counter = {
  [Name in keyof MetricsRecord]: MetricsRecord[Name] extends number ? Name : never
}[keyof MetricsRecord]

/** null: there was none before, or it began anew. */
function growth(before: MetricsRecord | undefined, record: MetricsRecord, name: Counter): number | null {
  if (before === undefined || record[name] < before[name]) return null
  return record[name] - before[name]
}

function rateOf(before: MetricsRecord | undefined, record: MetricsRecord, name: Counter): number | null {
  const grown = growth(before, record, name)
  return grown === null || before === undefined ? null : (grown * 1000) / (record.atMs - before.atMs)
}

function share(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : part / whole
}

function withHoles(samples: readonly Sample[]): Sample[] {
  const all: Sample[] = []
  for (const sample of samples) {
    const before = all.at(-1)
    if (before !== undefined && (sample.atS - before.atS) * 1000 > silenceMsMax) {
      all.push({ atS: (before.atS + sample.atS) / 2, ...empty })
    }
    all.push(sample)
  }
  return all
}

/** One row for each step in which anybody told something: of each process the newest that it told, if that is not too old. */
function together(samplesBySource: readonly (readonly Sample[])[]): Sample[] {
  const steps = new Set<number>()
  for (const samples of samplesBySource) for (const { atS } of samples) steps.add(Math.floor((atS * 1000) / stepMs))
  const next = samplesBySource.map(() => 0)
  const rows: Sample[] = []
  for (const step of [...steps].sort((a, b) => a - b)) {
    const endS = ((step + 1) * stepMs) / 1000
    const current: Sample[] = []
    for (const [index, samples] of samplesBySource.entries()) {
      let place = next[index] ?? 0
      while ((samples[place]?.atS ?? Number.POSITIVE_INFINITY) < endS) place++
      next[index] = place
      const newest = samples[place - 1]
      if (newest !== undefined && (endS - newest.atS) * 1000 <= silenceMsMax) current.push(newest)
    }
    rows.push(merged((step * stepMs) / 1000, current))
  }
  return withHoles(rows)
}

const worst: ReadonlySet<keyof Sample> = new Set(['commitP50Ms', 'commitMaxMs', 'breaker', 'ready'])

function merged(atS: number, samples: readonly Sample[]): Sample {
  const row: { -readonly [Name in keyof typeof empty]: number | null } = { ...empty }
  for (const sample of samples) {
    for (const name of columnNames) {
      const value = sample[name]
      const known = row[name]
      if (value === null) continue
      row[name] = known === null ? value : worst.has(name) ? Math.max(known, value) : known + value
    }
  }
  // Shares of several are no sum: each counts as much as it was asked.
  row.unitsPerBatch = share(row.unitsPerS, row.batchesPerS)
  row.cacheHitShare = share(row.cacheHitsPerS, row.cacheReadsPerS)
  return { atS, ...row }
}

function columnsFrom(samples: readonly Sample[]): MetricsColumns {
  const columns: { -readonly [Name in keyof typeof empty]?: Column } = {}
  for (const name of columnNames) columns[name] = samples.map((sample) => sample[name])
  return { atS: samples.map(({ atS }) => atS), ...(columns as Required<typeof columns>) }
}
