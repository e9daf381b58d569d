/** All actors under each other, to be sorted by whatever is asked. */
import type { App } from '../app.ts'
import type { ActorView } from '../model/session-state.ts'
import { KindLabel, StateBadge } from '../ui/badge.tsx'
import { MiddleCut } from '../ui/middle-cut.tsx'
import { stateText } from '../ui/state-text.ts'
import { type Column, Table } from '../ui/table.tsx'
import { Ago } from '../ui/time.tsx'
import { sourceName } from './source-name.ts'

export function ActorTable({ app, actors }: { readonly app: App; readonly actors: readonly ActorView[] }) {
  return (
    <Table
      label="Actors"
      columns={columnsOf(app)}
      rows={actors}
      rowKey={(actor) => actor.id}
      // Not by what was heard last: the rows of a live table would move from under the pointer.
      sort={{ key: 'address' }}
      selected={app.selectedActor.value}
      onSelect={(actor) => {
        app.selectedActor.value = actor.id
      }}
      onOpen={(actor) => app.showActor(actor.id)}
      rowClass={(actor) => (actor.status === 'active' ? '' : 'is-ended')}
    />
  )
}

function columnsOf(app: App): readonly Column<ActorView>[] {
  const state = app.state.value
  const nowMs = app.nowMs.value
  return [
    {
      key: 'address',
      label: 'Address',
      width: 'minmax(0, 2fr)',
      value: (actor) => actor.address,
      render: (actor) => <MiddleCut text={actor.address} />,
    },
    {
      key: 'kind',
      label: 'Kind',
      width: '96px',
      isWideOnly: true,
      value: (actor) => actor.kind,
      render: (actor) => <KindLabel kind={actor.kind} />,
    },
    {
      key: 'state',
      label: 'State',
      width: 'minmax(0, 1.2fr)',
      value: (actor) => stateText(actor.state),
      render: (actor) => <StateBadge state={actor.state} kind={actor.kind} />,
    },
    { key: 'status', label: 'Status', width: '72px', value: (actor) => actor.status },
    { key: 'owner', label: 'Process', isWideOnly: true, value: (actor) => sourceName(state, actor.source) },
    {
      key: 'mailbox',
      label: 'Mailbox',
      width: '64px',
      align: 'end',
      title: 'Events that waited for it when it had taken the last one',
      value: (actor) => actor.mailbox,
    },
    {
      key: 'restarts',
      label: 'Restarts',
      width: '64px',
      align: 'end',
      isWideOnly: true,
      title: 'Starts of it after crashes',
      value: (actor) => actor.restarts,
    },
    {
      key: 'events',
      label: 'Events',
      width: '64px',
      align: 'end',
      title: 'Events that it took',
      value: (actor) => actor.transitions,
    },
    {
      key: 'last',
      label: 'Last',
      width: '76px',
      align: 'end',
      value: (actor) => actor.lastMs,
      render: (actor) => <Ago atMs={actor.lastMs} nowMs={nowMs} />,
    },
  ]
}
