/** How a lock's status is called, and in which colour. Pure. */
import type { LockRow } from '../model/selectors.ts'
import type { Tone } from '../ui/state-text.ts'

export const lockLooks: Readonly<Record<LockRow['status'], { readonly text: string; readonly tone: Tone }>> = {
  held: { text: 'held', tone: 'active' },
  free: { text: 'free', tone: 'rest' },
  over: { text: 'lease over', tone: 'bad' },
  unknown: { text: 'unreadable', tone: 'bad' },
}
