/** A moment: time of day, with the date where the pointer rests; or how long ago it was. */
import { agoText, clockText, dateText } from './format.ts'

export function Time({ atMs }: { readonly atMs: number }) {
  return (
    <time class="time" dateTime={new Date(atMs).toISOString()} title={dateText(atMs)}>
      {clockText(atMs)}
    </time>
  )
}

export function Ago({ atMs, nowMs }: { readonly atMs: number; readonly nowMs: number }) {
  return (
    <time class="time" dateTime={new Date(atMs).toISOString()} title={dateText(atMs)}>
      {agoText(Math.max(0, nowMs - atMs))}
    </time>
  )
}
