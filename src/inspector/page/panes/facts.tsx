/** Names and values under each other, and the frame of what is told about one thing beside a list. */
import type { ComponentChildren } from 'preact'
import { CopyButton } from '../ui/copy-button.tsx'

export interface Fact {
  readonly name: string
  /** null: left out. */
  readonly value: ComponentChildren | null
  readonly title?: string
}

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, title }) =>
        value === null ? null : (
          <div class="fact" key={name}>
            <dt title={title}>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}

export interface AboutProps {
  /** A key, an id: can be copied. */
  readonly name: string
  /** Shown instead of `name`. */
  readonly title?: string
  /** Beside the name: its state. */
  readonly state: ComponentChildren
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

/** What a side pane says about the chosen one. */
export function About({ name, title = name, state, actions, children }: AboutProps) {
  return (
    <article class="about" aria-label={name}>
      <header class="about-head">
        <h2 class="about-name" title={name}>
          {title}
        </h2>
        <CopyButton text={name} label={`Copy ${name}`} />
        <span class="about-state">{state}</span>
      </header>
      {actions !== undefined && actions !== null && actions !== false && <div class="about-actions">{actions}</div>}
      {children}
    </article>
  )
}

export function Section({ title, note, children }: SectionProps) {
  return (
    <section class="about-section">
      <h3 class="about-title">
        {title}
        {note !== undefined && <span class="about-note">{note}</span>}
      </h3>
      {children}
    </section>
  )
}

export interface SectionProps {
  readonly title: string
  readonly note?: ComponentChildren
  readonly children: ComponentChildren
}
