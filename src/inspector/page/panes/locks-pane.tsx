/** The locks pane: who has which lock, for how long still, and who waits; beside it the chosen one. Owns which lock is chosen. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import { type LockRow, locksOf } from '../model/selectors.ts'
import { StateBadge } from '../ui/badge.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { countOf } from '../ui/format.ts'
import { filterText, remembered } from '../ui/remembered.ts'
import { SplitPane } from '../ui/split-pane.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { useCalmState } from './calm-state.ts'
import { LockDetail } from './lock-detail.tsx'
import { lockLooks } from './lock-looks.ts'
import { LeaseMeter } from './meter.tsx'
import { rowsWithWords } from './words.ts'

export function LocksPane({ app }: { readonly app: App }) {
  const filter = filterText('locks')
  const chosen = remembered<string>('locks.chosen', '')
  const calm = useCalmState(app)
  const { state, nowMs } = calm
  const locks = locksOf(state, nowMs)
  const rows = useMemo(
    () => rowsWithWords(locks, filter.value, (row) => [row.key, row.holder, lockLooks[row.status].text]),
    [locks, filter.value],
  )
  const selected = locks.find(({ key }) => key === chosen.value)
  return (
    <>
      <Toolbar label="Locks">
        <FilterField
          value={filter.value}
          onChange={(value) => {
            filter.value = value
          }}
          placeholder="Name, holder"
          count={filter.value === '' ? countOf(locks.length, 'lock') : `${rows.length} of ${locks.length}`}
        />
      </Toolbar>
      <SplitPane
        name="locks"
        label="Lock"
        sidePercent={40}
        main={
          rows.length === 0 ? (
            <Nothing isFiltered={locks.length > 0} />
          ) : (
            <Table
              label="Locks"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.key}
              selected={chosen.value}
              onSelect={(row) => {
                chosen.value = row.key
              }}
            />
          )
        }
        side={selected === undefined ? null : <LockDetail key={selected.key} app={app} calm={calm} row={selected} />}
        onClose={() => {
          chosen.value = ''
        }}
      />
    </>
  )
}

const columns: readonly Column<LockRow>[] = [
  {
    key: 'name',
    label: 'Lock',
    width: 'minmax(112px, 2fr)',
    value: (row) => row.name,
    render: (row) => (
      <>
        <span class="lock-name cut" title={row.key}>
          {row.name}
        </span>
        {row.kind === 'task' && <span class="faint">of a task</span>}
      </>
    ),
  },
  {
    key: 'status',
    label: 'Status',
    width: 'minmax(76px, 1fr)',
    value: (row) => lockLooks[row.status].text,
    render: (row) => <StateBadge state={lockLooks[row.status].text} tone={lockLooks[row.status].tone} />,
  },
  {
    key: 'holder',
    label: 'Holder',
    width: 'minmax(64px, 1fr)',
    value: (row) => row.holder,
    render: (row) => (row.holder === null ? <span class="faint">–</span> : <span class="mono cut">{row.holder}</span>),
  },
  {
    key: 'epoch',
    label: 'Epoch',
    title: 'The fencing token',
    width: '44px',
    align: 'end',
    isWideOnly: true,
    value: (row) => row.epoch,
  },
  {
    key: 'left',
    label: 'Lease left',
    width: 'minmax(112px, 1fr)',
    value: (row) => row.leaseLeftMs,
    render: (row) => <LeaseMeter leftMs={row.leaseLeftMs} leaseMs={row.leaseMs} />,
  },
  {
    key: 'waiters',
    label: 'Waiting',
    title: 'Actors that wait for it, in the processes that are told',
    width: '56px',
    align: 'end',
    value: (row) => row.waiters.length,
    render: (row) => <span class={row.waiters.length === 0 ? 'faint' : ''}>{row.waiters.length}</span>,
  },
]

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered)
    return <EmptyState title="No lock passes the filter">Words are looked for in name, holder and status.</EmptyState>
  return (
    <EmptyState title="No lock has been seen yet">
      Locks are listed here as soon as somebody takes one: <code>{"await runtime.lock('nightly-report')"}</code>
    </EmptyState>
  )
}
