/** Draws the lines of the actors' tree. Knows nothing of filters; folding is told to whoever owns it. */
import { useState } from 'preact/hooks'
import type { App } from '../app.ts'
import type { ActorView } from '../model/session-state.ts'
import { Badge, KindLabel, StateBadge } from '../ui/badge.tsx'
import { countOf, countText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { MiddleCut } from '../ui/middle-cut.tsx'
import { type Tone, toneOf } from '../ui/state-text.ts'
import { Ago } from '../ui/time.tsx'
import { VirtualList } from '../ui/virtual-list.tsx'
import type { ActorRow } from './actor-rows.ts'

const rowPx = 28
const indentPx = 18

export interface ActorTreeProps {
  readonly app: App
  readonly rows: readonly ActorRow[]
  onFold(key: string, isFolded: boolean): void
}

export function ActorTree({ app, rows, onFold }: ActorTreeProps) {
  const chosen = app.selectedActor.value
  // A process can be stepped on, but not chosen: the chosen actor stays, until another one is chosen anywhere.
  const [stepped, setStepped] = useState<{ readonly key: string; readonly chosen: string | null } | null>(null)
  const selected = stepped !== null && stepped.chosen === chosen ? stepped.key : chosen
  const parentOf = (row: ActorRow): ActorRow | null => {
    const index = rows.indexOf(row)
    const depth = depthOf(row)
    return rows.slice(0, index).findLast((other) => depthOf(other) < depth) ?? null
  }
  const select = (row: ActorRow): void => {
    setStepped(row.type === 'source' ? { key: row.key, chosen } : null)
    if (row.type === 'actor') app.selectedActor.value = row.actor.id
  }
  return (
    <VirtualList
      label="Actors by process"
      role="tree"
      rows={rows}
      rowHeight={rowPx}
      rowKey={(row) => row.key}
      selected={selected}
      onSelect={select}
      onOpen={(row) => {
        if (row.type === 'actor') app.showActor(row.actor.id)
        else onFold(row.key, row.isOpen)
      }}
      onRowKey={(key, row) => {
        if (key === 'ArrowRight' && !row.isOpen) onFold(row.key, false)
        else if (key === 'ArrowLeft' && row.isOpen && hasChildren(row)) onFold(row.key, true)
        else if (key === 'ArrowLeft') {
          const above = parentOf(row)
          if (above !== null) select(above)
        } else return false
        return true
      }}
      rowAttributes={(row) => ({
        class: row.type === 'source' ? 'tree-row is-source' : `tree-row${row.actor.status === 'active' ? '' : ' is-ended'}`,
        'aria-level': row.type === 'source' ? 1 : row.depth + 1,
        'aria-expanded': hasChildren(row) ? row.isOpen : undefined,
      })}
      renderRow={(row) =>
        row.type === 'source' ? <SourceLine row={row} onFold={onFold} /> : <ActorLine app={app} row={row} onFold={onFold} />
      }
    />
  )
}

function depthOf(row: ActorRow): number {
  return row.type === 'source' ? 0 : row.depth
}

function hasChildren(row: ActorRow): boolean {
  return row.type === 'source' || row.children > 0
}

interface LineProps<Type extends ActorRow['type']> {
  readonly row: Extract<ActorRow, { readonly type: Type }>
  onFold(key: string, isFolded: boolean): void
}

function SourceLine({ row, onFold }: LineProps<'source'>) {
  const { about, isLost, lostReason } = row.source
  const place = [about.pid === null ? null : `process ${about.pid}`, about.host].filter((part) => part !== null).join(' on ')
  return (
    <>
      <FoldButton row={row} onFold={onFold} />
      <span class="tree-source cut">{about.workerId}</span>
      <span class="faint cut">{place}</span>
      {isLost && (
        <Badge tone="bad" title={lostReason ?? undefined}>
          lost
        </Badge>
      )}
      <span class="tree-end faint">{countOf(row.count, 'actor')}</span>
    </>
  )
}

function ActorLine({ app, row, onFold }: LineProps<'actor'> & { readonly app: App }) {
  const { actor } = row
  return (
    <>
      <span class="tree-name" style={{ paddingLeft: `${row.depth * indentPx}px` }}>
        {row.children > 0 ? <FoldButton row={row} onFold={onFold} /> : <span class="tree-fold" />}
        <MiddleCut class="tree-address" text={actor.address.slice(actor.kind.length)} title={actor.address}>
          <KindLabel kind={actor.kind} />
        </MiddleCut>
      </span>
      <span class="tree-state">
        <StateBadge state={actor.state} kind={actor.kind} {...(actor.status === 'active' ? {} : { tone: toneOfEnd(actor) })} />
      </span>
      {actor.mailbox > 0 && (
        <Badge tone="waiting" title="Events that wait for it">
          {countText(actor.mailbox)} waiting
        </Badge>
      )}
      {actor.restarts > 0 && (
        <Badge tone="bad" title="Starts of it after crashes">
          {countOf(actor.restarts, 'restart')}
        </Badge>
      )}
      {actor.status === 'error' && <Badge tone="bad">crashed</Badge>}
      {actor.status === 'lost' && (
        <Badge tone="bad" title="Its process cannot be heard any more">
          lost
        </Badge>
      )}
      <span class="tree-end">
        <Ago atMs={actor.lastMs} nowMs={app.nowMs.value} />
      </span>
    </>
  )
}

function FoldButton({ row, onFold }: LineProps<ActorRow['type']>) {
  return (
    <button
      type="button"
      class="tree-fold"
      tabIndex={-1}
      aria-label={row.isOpen ? 'Fold' : 'Unfold'}
      onClick={(event) => {
        event.stopPropagation()
        onFold(row.key, row.isOpen)
      }}
    >
      <Icon name={row.isOpen ? 'down' : 'right'} />
    </button>
  )
}

function toneOfEnd({ kind, state, status }: ActorView): Tone {
  if (status === 'stopped') return 'rest'
  if (status !== 'done') return 'bad'
  // Another has the task: nothing that anybody has to look at.
  if (kind === 'task' && state === 'lost') return 'rest'
  const tone = toneOf(state)
  return tone === 'plain' ? 'good' : tone
}
