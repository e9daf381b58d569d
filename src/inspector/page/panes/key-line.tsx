/** One row of the keys: a folder with the number of keys in it, or a key with its newest revision. Gone ones are dimmed. */
import type { EntryView } from '../model/session-state.ts'
import { countOf, countText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { lifeOf } from './entry-facts.ts'
import type { KeyRow } from './key-rows.ts'

export interface KeyLineProps {
  readonly row: KeyRow
  /** Of its key; undefined for a folder. */
  readonly entry: EntryView | undefined
  readonly nowMs: number
  /** What was looked for; empty: nothing. */
  readonly hit: string
  onTurn(): void
}

const indentPx = 14

export function KeyLine({ row, entry, nowMs, hit, onTurn }: KeyLineProps) {
  const life = entry === undefined ? 'live' : lifeOf(entry.current.entry, nowMs)
  return (
    <span class={`key-row${life === 'live' ? '' : ' is-gone'}`} style={{ paddingLeft: `${row.depth * indentPx + 8}px` }}>
      {row.isOpen === null ? (
        <span class="key-turn" />
      ) : (
        <button
          type="button"
          class="key-turn"
          tabIndex={-1}
          aria-label={row.isOpen ? `Close ${row.name}` : `Open ${row.name}`}
          onClick={(event) => {
            event.stopPropagation()
            onTurn()
          }}
        >
          <Icon name={row.isOpen ? 'down' : 'right'} />
        </button>
      )}
      <span class={`key-name cut${row.isKey ? '' : ' key-folder'}`} title={row.path}>
        <Marked text={row.name} hit={hit} />
        {row.isKey ? '' : '/'}
      </span>
      {life !== 'live' && <span class="faint">{life}</span>}
      {row.isOpen === null || entry !== undefined ? (
        <span class="key-about">
          {entry?.current.entry.workerId} · r{countText(entry?.current.revision ?? 0)}
        </span>
      ) : (
        <span class="key-count" title={countOf(row.keys, 'key')}>
          {countText(row.keys)}
        </span>
      )}
    </span>
  )
}

/** The place where it was found. */
function Marked({ text, hit }: { readonly text: string; readonly hit: string }) {
  const at = hit === '' ? -1 : text.toLowerCase().indexOf(hit.toLowerCase())
  if (at === -1) return <>{text}</>
  return (
    <>
      {text.slice(0, at)}
      <mark class="key-hit">{text.slice(at, at + hit.length)}</mark>
      {text.slice(at + hit.length)}
    </>
  )
}
