/**
 * Records that make a given state when they are folded: what a session's file begins with when its own beginning was dropped. Made up
 * from the state alone, and marked by `seq` 0. What only many records could tell again is not in them: how many events an actor had
 * taken, and which edges last.
 */
import type { GapRecord, SourceRecord, TraceRecord } from '../../../wire/trace-record.ts'
import { type FoldedState, memoryLifeOf } from './fold.ts'
import type { ActorView, EntryVersion, SessionState, SourceView } from './session-state.ts'

/** In whose name it is told that records were dropped. */
export const recordingSource = 'recording'

/**
 * @param dropped records that led to the state and are not there any more; told as a gap.
 *
 * The order matters: whoever tells something is heard, so what was lost is lost again at the end.
 */
export function* rebuildingRecords(state: FoldedState, dropped: number): Generator<TraceRecord, undefined> {
  const sources = [...state.sources.values()].sort(
    (a, b) =>
      Number(a.about.namespace === state.namespace) - Number(b.about.namespace === state.namespace) ||
      Number(isOfMemory(a, state)) - Number(isOfMemory(b, state)) ||
      (a.source < b.source ? -1 : 1),
  )
  for (const { about } of sources) yield rebuilt(about)
  for (const [id, chart] of state.charts) {
    const source = id.slice(0, id.length - chart.id.length - 1)
    yield { type: 'chart', source, seq: 0, atMs: state.sources.get(source)?.about.atMs ?? 0, chart }
  }
  yield* gaps(state, dropped)
  yield* state.deadLetters
  yield* state.conflicts
  yield* state.problems
  for (const metrics of state.metricsBySource.values()) yield* metrics
  yield* changes(state, sources.find((view) => isOfMemory(view, state))?.source ?? 'memory')
  yield* actors(state, sources)
}

/** Whether the entries are of this memory: the last one to be told, they are not of another one. */
function isOfMemory({ about }: SourceView, state: FoldedState): boolean {
  return about.kind === 'memory' && memoryLifeOf(about) === state.memoryLife
}

function rebuilt(about: SourceRecord): SourceRecord {
  return { ...about, seq: 0 }
}

/** What was lost is more than the gaps that are kept, when there were many: the rest is one gap before them. */
function* gaps(state: SessionState, dropped: number): Generator<GapRecord, undefined> {
  const base = { type: 'gap', source: recordingSource, seq: 0, atMs: state.atMs, reason: 'limit' } as const
  const told = state.gaps.reduce((sum, { lost }) => sum + (lost ?? 0), 0)
  if (state.lost > told) yield { ...base, lost: state.lost - told }
  yield* state.gaps
  if (dropped > 0) yield { ...base, lost: dropped }
}

function* changes(state: SessionState, source: string): Generator<TraceRecord, undefined> {
  const versions: { readonly key: string; readonly version: EntryVersion }[] = []
  for (const { key, current, history } of state.entries.values()) {
    for (const version of [...history, current]) versions.push({ key, version })
  }
  // In the order in which they came: it decides which keys are dropped first.
  versions.sort((a, b) => a.version.position - b.version.position)
  for (const { key, version } of versions) {
    const { revision, entry, atMs } = version
    yield { type: 'change', source, seq: 0, atMs, key, revision, entry, isSnapshot: true }
  }
}

function* actors(state: SessionState, sources: readonly SourceView[]): Generator<TraceRecord, undefined> {
  const all = [...state.actors.values()]
  const isLostAlone = ({ status, source }: ActorView) => status === 'lost' && state.sources.get(source)?.isLost === false
  const lost = all.filter(isLostAlone)
  for (const actor of lost) yield started(actor)
  // Told again, a source loses the actors that it does not name behind it.
  const again = new Set(lost.map(({ source }) => source))
  for (const { source, about } of sources) if (again.has(source)) yield rebuilt(about)
  for (const actor of all) {
    if (isLostAlone(actor)) continue
    yield started(actor)
    if (actor.status === 'active' || actor.status === 'lost') continue
    const how = actor.status === 'error' ? 'crashed' : actor.status
    yield { type: 'actor.ended', source: actor.source, seq: 0, atMs: actor.lastMs, address: actor.address, how }
  }
  for (const { source, isLost, lostReason, lastMs } of sources) {
    if (isLost) yield { type: 'source.lost', source, seq: 0, atMs: lastMs, reason: lostReason ?? '' }
  }
}

function started({ source, sinceMs, address, chartId, parent, state, context, restarts }: ActorView): TraceRecord {
  return { type: 'actor', source, seq: 0, atMs: sinceMs, address, chartId, parent, state, context, restarts }
}
