/** What a worker says of itself in few words: its state, its tasks as a bar, the types it takes. */
import type { WorkerRow } from '../model/selectors.ts'
import { StateBadge } from '../ui/badge.tsx'
import { Meter } from './meter.tsx'

export function WorkerLoad({ row: { load, running, capacity } }: { readonly row: WorkerRow }) {
  const text = `${running} of ${capacity ?? '?'}`
  return <Meter share={load ?? 0} text={text} tone={load === 1 ? 'waiting' : 'active'} label="Load" />
}

/** What it wrote of itself is no news once its heartbeat is gone. */
export function WorkerState({ row: { state, isAlive } }: { readonly row: WorkerRow }) {
  return <StateBadge state={state} kind="worker" {...(isAlive ? {} : { tone: 'rest' as const })} />
}

export function typesText({ types }: WorkerRow): string {
  if (types === null) return 'any type'
  return types.length === 0 ? 'no type' : types.join(', ')
}
