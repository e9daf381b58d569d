/** The workers pane: who is there, how alive and how loaded; beside it the chosen worker with its tasks. Owns which worker is chosen. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import { type WorkerRow, workersOf } from '../model/selectors.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { countOf } from '../ui/format.ts'
import { filterText, remembered } from '../ui/remembered.ts'
import { SplitPane } from '../ui/split-pane.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { taskPeriodMs, useCalmState } from './calm-state.ts'
import { Heartbeat } from './heartbeat.tsx'
import { rowsWithWords } from './words.ts'
import { typesText, WorkerLoad, WorkerProcess, WorkerState } from './worker-cells.tsx'
import { WorkerDetail } from './worker-detail.tsx'

export function WorkersPane({ app }: { readonly app: App }) {
  const filter = filterText('workers')
  const chosen = remembered<string>('workers.chosen', '')
  const calm = useCalmState(app, taskPeriodMs)
  const { state, nowMs } = calm
  const workers = workersOf(state, nowMs)
  const rows = useMemo(
    () => rowsWithWords(workers, filter.value, (row) => [row.id, row.state, typesText(row)]),
    [workers, filter.value],
  )
  const selected = workers.find(({ id }) => id === chosen.value)
  return (
    <>
      <Toolbar label="Workers">
        <FilterField
          value={filter.value}
          onChange={(value) => {
            filter.value = value
          }}
          placeholder="Id, state, type"
          count={filter.value === '' ? countOf(workers.length, 'worker') : `${rows.length} of ${workers.length}`}
        />
      </Toolbar>
      <SplitPane
        name="workers"
        label="Worker"
        sidePercent={40}
        main={
          rows.length === 0 ? (
            <Nothing isFiltered={workers.length > 0} />
          ) : (
            <Table
              label="Workers"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.id}
              selected={chosen.value}
              onSelect={(row) => {
                chosen.value = row.id
              }}
            />
          )
        }
        side={selected === undefined ? null : <WorkerDetail key={selected.id} app={app} calm={calm} row={selected} />}
        onClose={() => {
          chosen.value = ''
        }}
      />
    </>
  )
}

const columns: readonly Column<WorkerRow>[] = [
  {
    key: 'id',
    label: 'Worker',
    width: 'minmax(96px, 1.4fr)',
    value: (row) => row.id,
    render: (row) => <span class="mono cut">{row.id}</span>,
  },
  {
    key: 'state',
    label: 'State',
    width: 'minmax(84px, 1fr)',
    value: (row) => row.state,
    render: (row) => <WorkerState row={row} />,
  },
  {
    key: 'heartbeat',
    label: 'Heartbeat',
    title: 'Since it last showed that it lives',
    width: 'minmax(84px, 1fr)',
    value: (row) => row.heartbeatAgeMs,
    render: (row) => <Heartbeat row={row} />,
  },
  {
    key: 'load',
    label: 'Load',
    title: 'Tasks that it has, of those that it can have at once',
    width: 'minmax(112px, 1fr)',
    value: (row) => row.load,
    render: (row) => <WorkerLoad row={row} />,
  },
  {
    key: 'types',
    label: 'Takes',
    width: 'minmax(80px, 2fr)',
    isWideOnly: true,
    value: (row) => typesText(row),
    render: (row) => (
      <span class="worker-types cut" title={typesText(row)}>
        {typesText(row)}
      </span>
    ),
  },
  {
    key: 'process',
    label: 'Process',
    title: 'Where it lives, if that process is told',
    width: 'minmax(72px, 1.4fr)',
    isWideOnly: true,
    value: (row) => row.process?.about.workerId ?? null,
    render: (row) => <WorkerProcess row={row} />,
  },
]

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <EmptyState title="No worker passes the filter">Words are looked for in id, state and types.</EmptyState>
  return (
    <EmptyState title="No worker has been seen yet">
      Workers tell of themselves in memory as soon as they start:{' '}
      <code>{'runtime.spawnWorker({ handlers: { render: async (task) => … } })'}</code>
    </EmptyState>
  )
}
