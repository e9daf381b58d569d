/** The marks of the time bar in words: for their tooltips, and for who asks what they are. Pure. */
import type { MarkerGroup, MarkerKind } from './time-markers.ts'

export interface MarkWords {
  readonly name: string
  readonly means: string
  /** Where a click goes, beside that moment. */
  readonly leadsTo: string
}

export const wordsByMark: Readonly<Record<MarkerKind, MarkWords>> = {
  takeover: { name: 'Takeover', means: 'A task was taken from a worker whose lease was over', leadsTo: 'the task' },
  conflict: { name: 'Conflict', means: 'Two wrote a key without having seen each other', leadsTo: 'the conflicts of the key' },
  crash: { name: 'Crash', means: 'An actor ended with an error', leadsTo: 'the actor' },
  gap: { name: 'Gap', means: 'Records are missing, or a process is not heard any more', leadsTo: 'the record in the log' },
}

/** Lines of a tooltip about what is marked. */
export const markLinesMax = 6

/** What is there, a line for each, and at last what a click does. */
export function markTitle({ markers }: Pick<MarkerGroup, 'markers'>): string {
  const lines = markers.slice(0, markLinesMax).map(({ kind, text }) => `${wordsByMark[kind].name}: ${text}`)
  if (markers.length > markLinesMax) lines.push(`and ${markers.length - markLinesMax} more`)
  const [first] = markers
  if (first !== undefined) {
    lines.push(
      `Click: go to ${markers.length > 1 ? 'the first of these moments' : 'this moment'}, and to ${wordsByMark[first.kind].leadsTo}`,
    )
  }
  return lines.join('\n')
}
