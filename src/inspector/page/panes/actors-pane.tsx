/** All actors of all processes, as a tree or as a table, and the events that reached nobody. A chosen one is told beside it. */
import { useMemo, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { actorFields, actorTree, matchesActor, parseQuery } from '../model/selectors.ts'
import type { ActorView } from '../model/session-state.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { countText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { filterText, remembered } from '../ui/remembered.ts'
import { FilterField, Switch, Toolbar } from '../ui/toolbar.tsx'
import { actorRows } from './actor-rows.ts'
import { ActorTable } from './actor-table.tsx'
import { ActorTree } from './actor-tree-view.tsx'
import { useCalmState } from './calm-state.ts'
import { DeadLetters } from './dead-letters.tsx'
import { queryHint } from './query-hint.ts'

type View = 'tree' | 'table' | 'letters'

export function ActorsPane({ app }: { readonly app: App }) {
  const view = remembered<View>('actors.view', 'tree')
  const filter = filterText('actors')
  const showsEnded = remembered('actors.ended', true)
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set())
  const { state } = useCalmState(app)
  const text = filter.value
  const isAll = showsEnded.value
  const query = useMemo(() => parseQuery(text), [text])
  const accepts = useMemo(() => {
    if (text.trim() === '' && isAll) return null
    return (actor: ActorView) => (isAll || actor.status === 'active') && matchesActor(query, actor)
  }, [query, isAll])

  const all = state.actors.size
  const letters = state.deadLetters.length
  const actors = useMemo(
    () => (view.value === 'table' ? [...state.actors.values()].filter((actor) => accepts === null || accepts(actor)) : []),
    [state, accepts, view.value],
  )
  const rows = useMemo(
    () => (view.value === 'tree' ? actorRows(actorTree(state), { accepts, folded }) : []),
    [state, accepts, folded, view.value],
  )
  const passed =
    view.value === 'table' ? actors.length : rows.reduce((sum, row) => sum + (row.type === 'source' ? row.count : 0), 0)

  return (
    <>
      <Toolbar label="Actors">
        <Switch
          label="View"
          value={view.value}
          onChange={(value) => {
            view.value = value
            // Letters have their own details.
            if (value === 'letters') app.selectedActor.value = null
          }}
          options={[
            { value: 'tree', label: <ViewLabel icon="tree" text="Tree" /> },
            { value: 'table', label: <ViewLabel icon="table" text="Table" /> },
            {
              value: 'letters',
              label: <ViewLabel icon="letter" text={`Dead letters${letters === 0 ? '' : ` ${countText(letters)}`}`} />,
              title: 'Events that reached nobody',
            },
          ]}
        />
        {view.value !== 'letters' && (
          <>
            <FilterField
              value={text}
              onChange={(value) => {
                filter.value = value
              }}
              placeholder="Filter: kind:task state:processing source:a “text”"
              count={accepts === null ? countText(all) : `${countText(passed)} of ${countText(all)}`}
              hint={queryHint(query, actorFields)}
            />
            <label class="check">
              <input
                type="checkbox"
                checked={isAll}
                onChange={(event) => {
                  showsEnded.value = event.currentTarget.checked
                }}
              />
              ended
            </label>
          </>
        )}
      </Toolbar>
      {view.value === 'letters' ? (
        <DeadLetters app={app} />
      ) : passed === 0 ? (
        <NoActors app={app} isFiltered={all > 0} />
      ) : view.value === 'table' ? (
        <ActorTable app={app} actors={actors} />
      ) : (
        <ActorTree
          app={app}
          rows={rows}
          onFold={(key, isFolded) =>
            setFolded((before) => {
              const next = new Set(before)
              if (isFolded) next.add(key)
              else next.delete(key)
              return next
            })
          }
        />
      )}
    </>
  )
}

function ViewLabel({ icon, text }: { readonly icon: 'tree' | 'table' | 'letter'; readonly text: string }) {
  return (
    <>
      <Icon name={icon} />
      {text}
    </>
  )
}

function NoActors({ app, isFiltered }: { readonly app: App; readonly isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <EmptyState title="No actor passes the filter">
        Words are looked for everywhere; <code>kind:</code> <code>state:</code> <code>status:</code> <code>source:</code> look in
        one place.
      </EmptyState>
    )
  }
  const connection = app.connection.value
  if (connection.type === 'disconnected') {
    return (
      <EmptyState title="Not connected">
        <p>
          <code>memory-sync inspect</code> serves this page and prints its address.
        </p>
        <p>A saved session can be looked at without it: drop its file here.</p>
      </EmptyState>
    )
  }
  if (connection.type === 'connecting')
    return <EmptyState title="Connecting">The server is being asked what there is.</EmptyState>
  return (
    <EmptyState title="No actors yet">
      They appear as soon as a process works on this memory: one that calls <code>createRuntime()</code> and spawns a worker.
    </EmptyState>
  )
}
