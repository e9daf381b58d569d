/** How long ago a worker showed that it lives, in a colour that says how worrying that is. */
import type { WorkerRow } from '../model/selectors.ts'
import { agoText } from '../ui/format.ts'
import { heartbeatTone } from './heartbeat-tone.ts'

export function Heartbeat({ row }: { readonly row: WorkerRow }) {
  const { heartbeatAgeMs, state } = row
  const text = heartbeatAgeMs !== null ? agoText(heartbeatAgeMs) : state === 'offline' ? 'left' : 'none'
  return (
    <span class={`heartbeat is-${heartbeatTone(row)}`}>
      <span class="heartbeat-dot" />
      {text}
    </span>
  )
}
