/** Small marks beside a name: a state in its colour, a kind, a count. */
import type { ComponentChildren } from 'preact'
import type { Json } from '../../../domain/json.ts'
import { stateText, type Tone, toneOf } from './state-text.ts'

export interface StateBadgeProps {
  /** As the session says it: a name, or nested names. */
  readonly state: Json
  /** Of the actor; told where the pointer rests. */
  readonly kind?: string
  /** Instead of the one that follows from the state's name. */
  readonly tone?: Tone
}

/** A state: the dot's colour says what sort of state it is, the text which. */
export function StateBadge({ state, kind, tone = toneOf(state) }: StateBadgeProps) {
  const text = stateText(state)
  return (
    <span class={`state is-${tone}`} title={kind === undefined ? text : `${kind}: ${text}`}>
      <span class="state-dot" />
      <span class="cut">{text}</span>
    </span>
  )
}

/** A word or number on a tinted ground. */
export function Badge({ tone = 'plain', title, children }: BadgeProps) {
  return (
    <span class={`badge is-${tone}`} title={title}>
      {children}
    </span>
  )
}

export interface BadgeProps {
  readonly tone?: Tone | 'warn' | 'accent'
  readonly title?: string | undefined
  readonly children: ComponentChildren
}

const kinds: ReadonlySet<string> = new Set(['task', 'worker', 'lock', 'batch-writer', 'sync'])

/** Name of an actor's kind in the colour of that kind. */
export function KindLabel({ kind }: { readonly kind: string }) {
  return <span class={`kind kind-${kinds.has(kind) ? kind : 'other'}`}>{kind}</span>
}
