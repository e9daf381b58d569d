/** A share as a bar with its text beside it: load of a worker, time left of a lease. Draining ones glide from second to second. */
import { spanText } from '../ui/format.ts'
import type { Tone } from '../ui/state-text.ts'

export interface MeterProps {
  /** From 0 to 1; more is drawn as 1. */
  readonly share: number
  readonly text: string
  readonly tone: Tone
  /** What is measured, for screen readers. */
  readonly label: string
}

export function Meter({ share, text, tone, label }: MeterProps) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10
  return (
    <span class={`meter is-${tone}`}>
      {/* biome-ignore lint/a11y/useSemanticElements: the element of that name cannot be coloured alike everywhere */}
      <span
        class="meter-track"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
      >
        <span class="meter-fill" style={{ width: `${percent}%` }} />
      </span>
      <span class="meter-text">{text}</span>
    </span>
  )
}

export interface LeaseMeterProps {
  /** null: nobody has a lease. */
  readonly leftMs: number | null
  readonly leaseMs: number | null
  /** Whether it is said how long the lease is. */
  readonly isWhole?: boolean
}

/** What is left of a lease, in a colour that says how near its end is. */
export function LeaseMeter({ leftMs, leaseMs, isWhole = false }: LeaseMeterProps) {
  if (leftMs === null || leaseMs === null) return <span class="faint">–</span>
  const left = isWhole ? `${spanText(leftMs)} of ${spanText(leaseMs)}` : spanText(leftMs)
  return (
    <Meter
      share={leaseMs > 0 ? leftMs / leaseMs : 0}
      text={leftMs > 0 ? left : 'over'}
      tone={leaseTone(leftMs, leaseMs)}
      label="Lease left"
    />
  )
}

/** In its last quarter a lease should have been renewed. */
function leaseTone(leftMs: number, leaseMs: number): Tone {
  if (leftMs <= 0) return 'bad'
  return leftMs < leaseMs / 4 ? 'waiting' : 'active'
}
