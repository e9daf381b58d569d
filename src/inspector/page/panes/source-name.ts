/** What a source is called: the worker id of its process, `memory` for the shared memory. Pure. */
import type { SessionState } from '../model/session-state.ts'

export function sourceName(state: Pick<SessionState, 'sources'>, source: string): string {
  const about = state.sources.get(source)?.about
  if (about === undefined) return source
  return about.kind === 'memory' ? 'memory' : about.workerId
}
