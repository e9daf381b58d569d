/**
 * Which recorded transition asked for a version of a key. Most are told before their commits, and those of a busy process a little after
 * them: each process has a way of its own to the recording. Pure; a guess where two of one process wrote the same value, and never one of
 * another process.
 */
import { canonicalJson, type Json } from '../../../domain/json.ts'
import type { CutValue, TraceRecord, TransitionRecord } from '../../../wire/trace-record.ts'
import type { EntryVersion, PlacedTransition, RecordingReader, SessionState } from '../model/session-state.ts'
import { isCutSomewhere, textBeforeCut } from './cut-value.ts'
import { searchScanMax } from './record-search.ts'

/** Transitions that wrote the key and are looked at, newest first. */
const candidatesMax = 20
/** A transition is looked for so many records behind the commit that it asked for. */
export const lateRecordsMax = 2000

/** null: none is recorded, or it is further back than {@link searchScanMax} records. */
export function originOf(
  recording: Pick<RecordingReader, 'findBack'>,
  state: SessionState,
  key: string,
  version: EntryVersion,
): PlacedTransition | null {
  const { entry } = version
  const sources = new Set<string>()
  for (const { source, about } of state.sources.values()) {
    const isSameLife = entry.x === undefined || about.incarnation === entry.x.d[2]
    if (about.kind === 'process' && about.workerId === entry.workerId && isSameLife) sources.add(source)
  }
  const wanted = entry.x?.t === 1 ? undefined : entry.value
  const writesKey = (record: TraceRecord): boolean =>
    isTransition(record) && sources.has(record.source) && record.writes.some((write) => write.key === key)
  const candidates = (before: number, scanMax: number): PlacedTransition[] =>
    recording
      .findBack(before, writesKey, candidatesMax, scanMax)
      .found.filter((placed): placed is PlacedTransition => isTransition(placed.record))
      .filter(({ record }) => record.writes.some((write) => write.key === key && isSame(write.value, wanted)))
  const [newestBefore] = candidates(version.position, searchScanMax)
  if (newestBefore !== undefined) return newestBefore
  const later = candidates(version.position + lateRecordsMax, lateRecordsMax)
  return later.findLast(({ position }) => position > version.position) ?? null
}

function isTransition(record: TraceRecord): record is TransitionRecord {
  return record.type === 'transition'
}

/** Of cut values only the beginning can be compared. */
function isSame(a: Json | CutValue | undefined, b: Json | CutValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (!isCutSomewhere(a) && !isCutSomewhere(b)) return canonicalJson(a as Json) === canonicalJson(b as Json)
  const [textA, textB] = [textBeforeCut(a), textBeforeCut(b)]
  return textA.startsWith(textB) || textB.startsWith(textA)
}
