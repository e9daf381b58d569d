/** Who else has this chart: actors, and tasks that are only records. One is chosen from them. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import type { TaskRow } from '../model/selectors.ts'
import type { ActorView, SessionState } from '../model/session-state.ts'
import { StateBadge } from '../ui/badge.tsx'
import { countText } from '../ui/format.ts'
import { MiddleCut } from '../ui/middle-cut.tsx'
import { filterText } from '../ui/remembered.ts'
import { FilterField } from '../ui/toolbar.tsx'
import { VirtualList } from '../ui/virtual-list.tsx'
import { idOfSharer } from './chart-subject.ts'
import { sourceName } from './source-name.ts'

const rowPx = 28

export interface ChartSharersProps {
  readonly app: App
  readonly sharers: readonly (ActorView | TaskRow)[]
  readonly selected: string | null
}

export function ChartSharers({ app, sharers, selected }: ChartSharersProps) {
  const filter = filterText('chart')
  const state = app.state.value
  const words = filter.value.toLowerCase()
  const shown = useMemo(
    () => (words === '' ? sharers : sharers.filter((sharer) => textOf(sharer, state).toLowerCase().includes(words))),
    [sharers, words, state.sources],
  )
  return (
    <section class="chart-sharers" aria-label="Actors of this chart">
      <FilterField
        value={filter.value}
        onChange={(value) => {
          filter.value = value
        }}
        label="Filter the actors of this chart"
        placeholder="Actors of this chart"
        count={countText(shown.length)}
      />
      <VirtualList
        label="Actors of this chart"
        rows={shown}
        rowHeight={rowPx}
        rowKey={idOfSharer}
        selected={selected}
        onSelect={(sharer) => {
          app.selectedActor.value = idOfSharer(sharer)
        }}
        renderRow={(sharer) => <Sharer sharer={sharer} state={state} />}
      />
    </section>
  )
}

function Sharer({ sharer, state }: { readonly sharer: ActorView | TaskRow; readonly state: SessionState }) {
  return (
    <span class="chart-sharer">
      <MiddleCut text={addressOf(sharer)} />
      <StateBadge state={'record' in sharer ? sharer.status : sharer.state} />
      <span class="cut faint">{placeOf(sharer, state)}</span>
    </span>
  )
}

function addressOf(sharer: ActorView | TaskRow): string {
  return 'record' in sharer ? `task/${sharer.id}` : sharer.address
}

/** The process that it lives in, or that it is only a record. */
function placeOf(sharer: ActorView | TaskRow, state: SessionState): string {
  if ('record' in sharer) return 'in memory'
  return sharer.status === 'active' ? sourceName(state, sharer.source) : `${sharer.status}, ${sourceName(state, sharer.source)}`
}

function textOf(sharer: ActorView | TaskRow, state: SessionState): string {
  const stateName = 'record' in sharer ? sharer.status : JSON.stringify(sharer.state)
  return `${addressOf(sharer)} ${stateName} ${placeOf(sharer, state)}`
}
