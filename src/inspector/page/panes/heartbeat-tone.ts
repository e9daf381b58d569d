/** How worrying the age of a worker's heartbeat is. Pure. */
import type { WorkerRow } from '../model/selectors.ts'
import type { Tone } from '../ui/state-text.ts'

/** Twice the default interval of heartbeats: one may be late. */
export const heartbeatLateMs = 10_000
/** Several were missed. */
export const heartbeatWorryingMs = 20_000

export function heartbeatTone({ heartbeatAgeMs, state }: Pick<WorkerRow, 'heartbeatAgeMs' | 'state'>): Tone {
  // Whoever left properly has taken its heartbeat away.
  if (state === 'offline') return 'rest'
  if (heartbeatAgeMs === null || heartbeatAgeMs >= heartbeatWorryingMs) return 'bad'
  return heartbeatAgeMs >= heartbeatLateMs ? 'waiting' : 'good'
}
