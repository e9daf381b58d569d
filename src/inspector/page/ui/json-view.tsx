/**
 * Any JSON value as a tree to fold, read and copy. Whatever is in it is text. Cut values say how much is missing; what is too long is
 * shown in parts.
 */
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { CopyButton } from './copy-button.tsx'
import { bytesText, countOf, countText } from './format.ts'
import { Icon } from './icon.tsx'
import { type Folding, type JsonLine, jsonLines, membersShown } from './json-lines.ts'

export interface JsonViewProps {
  readonly value: unknown
  /** Depth to which it is open at first. Default 2. */
  readonly openDepth?: number
  /** For screen readers. Default `Value`. */
  readonly label?: string
}

type Turns = Pick<Folding, 'turned' | 'shown' | 'whole'>
const noTurns: Turns = { turned: new Set(), shown: new Map(), whole: new Set() }

export function JsonView({ value, openDepth = 2, label = 'Value' }: JsonViewProps) {
  const [turns, setTurns] = useState(noTurns)
  const lines = useMemo(() => jsonLines(value, { ...turns, openDepth }), [value, turns, openDepth])
  const actions: LineActions = {
    turn: (path) => setTurns((before) => ({ ...before, turned: toggled(before.turned, path) })),
    unfold: (path) => setTurns((before) => ({ ...before, whole: toggled(before.whole, path) })),
    showMore: (path) =>
      setTurns((before) => {
        const shown = (before.shown.get(path) ?? membersShown) + membersShown
        return { ...before, shown: new Map(before.shown).set(path, shown) }
      }),
  }
  return (
    <div class="json">
      <div class="json-tools">
        <CopyButton text={() => JSON.stringify(value, null, 2)} label="Copy as JSON" />
      </div>
      <section class="json-lines" aria-label={label}>
        {lines.map((line) => (
          <Line key={line.path} line={line} actions={actions} />
        ))}
      </section>
    </div>
  )
}

interface LineActions {
  turn(path: string): void
  unfold(path: string): void
  showMore(path: string): void
}

function Line({ line, actions }: { readonly line: JsonLine; readonly actions: LineActions }) {
  return (
    <div class="json-line" style={{ paddingLeft: `${line.depth * 14 + 16}px` }}>
      {line.type === 'open' && line.summary !== '' ? (
        <button type="button" class="json-turn" aria-expanded={line.isOpen} onClick={() => actions.turn(line.path)}>
          <Icon name={line.isOpen ? 'down' : 'right'} />
          <Name line={line} />
          <span class="json-summary">
            {line.brackets[0]}
            {line.isOpen ? '' : ` ${line.summary} ${line.brackets[1]}`}
          </span>
        </button>
      ) : (
        <>
          <Name line={line} />
          <Leaf line={line} actions={actions} />
        </>
      )}
    </div>
  )
}

function Name({ line }: { readonly line: JsonLine }) {
  return line.name === null ? null : <span class="json-name">{line.name}: </span>
}

function Leaf({ line, actions }: { readonly line: JsonLine; readonly actions: LineActions }): ComponentChildren {
  switch (line.type) {
    case 'open':
      return <span class="json-summary">{line.brackets}</span>
    case 'plain':
      return <span class={`json-${line.of}`}>{line.text}</span>
    case 'text':
      return (
        <>
          <span class="json-text">"{line.text}"</span>
          {line.hidden > 0 && (
            <button type="button" class="json-more" onClick={() => actions.unfold(line.path)}>
              {countOf(line.hidden, 'more character')}
            </button>
          )}
        </>
      )
    case 'cut':
      return (
        <>
          <span class="badge is-warn" title="Larger than what one record may hold">
            cut{line.cut.$cut > 0 ? `, ${bytesText(line.cut.$cut)} in all` : ''}
          </span>{' '}
          <span class="json-text">{line.cut.text}…</span>
        </>
      )
    case 'more':
      return (
        <button type="button" class="json-more" onClick={() => actions.showMore(line.of)}>
          show {Math.min(line.left, membersShown)} of {countText(line.left)} more
        </button>
      )
  }
}

function toggled(set: ReadonlySet<string>, member: string): ReadonlySet<string> {
  const next = new Set(set)
  if (!next.delete(member)) next.add(member)
  return next
}
