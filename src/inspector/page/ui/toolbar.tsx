/** The line above a pane: its name, its filter, its switches. `/` anywhere on the page goes to the filter ({@link filterSelector}). */
import type { ComponentChildren } from 'preact'
import { Icon } from './icon.tsx'

/** Finds the filter of the pane that is shown. */
export const filterSelector = '[data-filter]'

export function Toolbar({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <div class="toolbar" role="toolbar" aria-label={label}>
      {children}
    </div>
  )
}

export interface FilterFieldProps {
  readonly value: string
  onChange(value: string): void
  readonly placeholder?: string
  /** Default `Filter`. */
  readonly label?: string
  /** How many rows pass, of how many. */
  readonly count?: string
  /** What is odd about the value; shown on a line of its own. null: nothing. */
  readonly hint?: string | null
}

export function FilterField({ value, onChange, placeholder = 'Filter', label = 'Filter', count, hint = null }: FilterFieldProps) {
  return (
    <>
      <div class="filter">
        <Icon name="search" />
        <input
          type="text"
          class="filter-input"
          data-filter=""
          spellcheck={false}
          autocomplete="off"
          aria-label={label}
          placeholder={placeholder}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            // The first Esc empties the field, the second leaves it; neither closes what is behind.
            event.stopPropagation()
            if (value === '') event.currentTarget.blur()
            else onChange('')
          }}
        />
        {count !== undefined && <span class="filter-count">{count}</span>}
        {value !== '' && (
          <button type="button" class="button is-quiet is-icon" aria-label="Clear the filter" onClick={() => onChange('')}>
            <Icon name="close" />
          </button>
        )}
      </div>
      {hint !== null && (
        <p class="filter-hint" role="status">
          {hint}
        </p>
      )}
    </>
  )
}

export interface SwitchProps<Value extends string> {
  readonly label: string
  readonly value: Value
  readonly options: readonly { readonly value: Value; readonly label: ComponentChildren; readonly title?: string }[]
  onChange(value: Value): void
}

/** One of a few, side by side. */
export function Switch<Value extends string>({ label, value, options, onChange }: SwitchProps<Value>) {
  return (
    <fieldset class="switch" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          class="switch-option"
          aria-pressed={option.value === value}
          title={option.title}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  )
}
