/** What a worker says of itself in few words: its state, its tasks as a bar, the types it takes. */
import { goneState, type WorkerRow } from '../model/selectors.ts'
import { StateBadge } from '../ui/badge.tsx'
import { clockText } from '../ui/format.ts'
import { Meter } from './meter.tsx'

export function WorkerLoad({ row: { load, running, capacity } }: { readonly row: WorkerRow }) {
  const text = `${running} of ${capacity ?? '?'}`
  return <Meter share={load ?? 0} text={text} tone={load === 1 ? 'waiting' : 'active'} label="Load" />
}

/** That it left by itself is no news, and nothing bad. */
export function WorkerState({ row: { state, isAlive } }: { readonly row: WorkerRow }) {
  return <StateBadge state={state} kind="worker" {...(isAlive || state === goneState ? {} : { tone: 'rest' as const })} />
}

/** Its process, and whether that still answers. */
export function WorkerProcess({ row: { process } }: { readonly row: WorkerRow }) {
  if (process === null) return <span class="faint">not told</span>
  const { about, isLost, lostReason, lastMs } = process
  const where = about.pid === null ? '' : `, process ${about.pid}`
  return (
    <span class={isLost ? 'cut is-bad-text' : 'cut'} title={isLost ? (lostReason ?? undefined) : undefined}>
      {about.workerId}
      {where}
      {isLost && `: gone since ${clockText(lastMs).slice(0, 8)}`}
    </span>
  )
}

export function typesText({ types }: WorkerRow): string {
  if (types === null) return 'any type'
  return types.length === 0 ? 'no type' : types.join(', ')
}
