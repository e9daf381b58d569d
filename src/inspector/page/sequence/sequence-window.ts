/**
 * The records of a sequence diagram: the newest before a place, and a few of those behind it. Pure reading; knows nothing of what they
 * are drawn as.
 */
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { PlacedRecord, RecordingReader } from '../model/session-state.ts'

/** Records behind the shown moment, so that it is seen what came of it. */
export const laterMax = 40
/** Records that are read for them at most. */
export const laterScanMax = 5000

/** From `position` on, oldest first, those that pass. */
export function laterRecords(
  recording: Pick<RecordingReader, 'at' | 'endPosition'>,
  position: number,
  accepts: (record: TraceRecord) => boolean,
): PlacedRecord[] {
  const found: PlacedRecord[] = []
  const end = Math.min(recording.endPosition, position + laterScanMax)
  for (let at = position; at < end && found.length < laterMax; at++) {
    const record = recording.at(at)
    if (record !== undefined && accepts(record)) found.push({ position: at, record })
  }
  return found
}
