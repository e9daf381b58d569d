/** The tasks pane: what waits, runs and ended, in groups; beside it the chosen task. Owns which group and task are shown. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import { leaseLeftMs, type TaskRow, tasksOf } from '../model/selectors.ts'
import { Badge, StateBadge } from '../ui/badge.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { agoText, countOf, countText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { MiddleCut } from '../ui/middle-cut.tsx'
import { filterText, remembered } from '../ui/remembered.ts'
import { SplitPane } from '../ui/split-pane.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { taskPeriodMs, useCalmState } from './calm-state.ts'
import { LeaseMeter } from './meter.tsx'
import { TaskDetail } from './task-detail.tsx'
import { placesOf, statusLooks, type TaskGroup, taskGroups } from './task-groups.ts'
import { taskText } from './task-text.ts'
import { rowsWithWords } from './words.ts'

export function TasksPane({ app }: { readonly app: App }) {
  const filter = filterText('tasks')
  const group = remembered<TaskGroup['name']>('tasks.group', 'all')
  const chosen = remembered<string>('tasks.chosen', '')
  const calm = useCalmState(app, taskPeriodMs)
  const { state, nowMs } = calm
  const tasks = tasksOf(state, nowMs)
  // An older page may have kept another word.
  const shownGroup = taskGroups.find(({ name }) => name === group.value)?.name ?? 'all'
  const listed = tasks[shownGroup]
  const rows = useMemo(() => rowsWithWords(listed, filter.value, taskText), [listed, filter.value])
  const columns = useMemo(() => columnsOf(placesOf(tasks), nowMs), [tasks, nowMs])
  const selected = tasks.byId.get(chosen.value)
  const choose = (id: string): void => {
    chosen.value = id
  }
  return (
    <>
      <Toolbar label="Tasks">
        <fieldset class="groups" aria-label="Which tasks">
          {taskGroups.map(({ name, label, tone }) => {
            const count = tasks[name].length
            return (
              <button
                key={name}
                type="button"
                class={`group is-${tone}`}
                aria-pressed={shownGroup === name}
                onClick={() => {
                  group.value = name
                }}
              >
                {label}
                <span class={`group-count${count === 0 ? ' is-none' : ''}`}>{countText(count)}</span>
              </button>
            )
          })}
        </fieldset>
        <FilterField
          value={filter.value}
          onChange={(value) => {
            filter.value = value
          }}
          placeholder="Id, type, owner, status, input"
          {...(filter.value === '' ? {} : { count: `${countText(rows.length)} of ${countText(listed.length)}` })}
        />
        {tasks.unreadable.length > 0 && (
          <Badge
            tone="warn"
            title={tasks.unreadable
              .map(({ key, reason }) => `${key}: ${reason === 'cut' ? 'too large' : 'no task record'}`)
              .join('\n')}
          >
            {countOf(tasks.unreadable.length, 'unreadable record')}
          </Badge>
        )}
      </Toolbar>
      <SplitPane
        name="tasks"
        label="Task"
        sidePercent={40}
        main={
          rows.length === 0 ? (
            <Nothing group={shownGroup} isFiltered={listed.length > 0} hasTasks={tasks.all.length > 0} />
          ) : (
            <Table
              label="Tasks"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.id}
              rowClass={(row) => (row.status === 'completed' || row.status === 'cancelled' ? 'task-row is-ended' : 'task-row')}
              selected={chosen.value}
              onSelect={(row) => choose(row.id)}
            />
          )
        }
        side={
          selected === undefined ? null : <TaskDetail key={selected.id} app={app} calm={calm} row={selected} onTask={choose} />
        }
        onClose={() => {
          chosen.value = ''
        }}
      />
    </>
  )
}

/** Of a number in a cell, a little more than any font of the page needs. */
const digitPx = 8

function columnsOf(places: ReadonlyMap<string, number>, nowMs: number): readonly Column<TaskRow>[] {
  return [
    {
      key: 'place',
      label: '#',
      title: 'Place in the queue',
      width: `${4 + digitPx * Math.max(2, String(places.size).length)}px`,
      align: 'end',
      value: (row) => places.get(row.id) ?? null,
      render: (row) => <span class="faint">{places.get(row.id)}</span>,
    },
    {
      key: 'id',
      label: 'Task',
      width: 'minmax(80px, 1.8fr)',
      value: (row) => row.id,
      render: (row) => (
        <>
          <MiddleCut class="task-id" text={row.id} />
          {row.takeovers.length > 0 && (
            <span
              class="task-taken"
              title={`Taken over ${row.takeovers.length === 1 ? 'once' : `${row.takeovers.length} times`}`}
            >
              <Icon name="warn" />
            </span>
          )}
        </>
      ),
    },
    { key: 'type', label: 'Type', width: 'minmax(56px, 1fr)', isWideOnly: true, value: (row) => row.record.type },
    {
      key: 'status',
      label: 'Status',
      width: 'minmax(84px, 1fr)',
      value: (row) => statusLooks[row.status].text,
      render: (row) => <StateBadge state={statusLooks[row.status].text} tone={statusLooks[row.status].tone} />,
    },
    {
      key: 'owner',
      label: 'Owner',
      title: 'Whose it is; of those that are not running, whose it was last',
      isRoomyOnly: true,
      width: 'minmax(88px, 1.5fr)',
      value: (row) => row.record.owner ?? null,
      render: (row) => (
        <span class={`mono cut${row.owner === null ? ' faint' : ''}`} title={row.record.owner}>
          {row.record.owner ?? '–'}
        </span>
      ),
    },
    { key: 'epoch', label: 'Epoch', width: '36px', align: 'end', isWideOnly: true, value: (row) => row.record.epoch },
    {
      key: 'attempts',
      label: 'Attempts',
      isRoomyOnly: true,
      width: '52px',
      align: 'end',
      value: (row) => row.record.attempts,
      render: (row) => (
        <span class={row.record.attempts >= row.record.maxAttempts && row.status !== 'completed' ? 'is-bad-text' : ''}>
          {row.record.attempts} of {row.record.maxAttempts}
        </span>
      ),
    },
    {
      key: 'left',
      label: 'Left',
      title: 'Of its owner’s lease, or of its pause',
      width: 'minmax(92px, 1fr)',
      value: (row) => leaseLeftMs(row, nowMs) ?? row.delayLeftMs,
      render: (row) => <Left row={row} nowMs={nowMs} />,
    },
    {
      key: 'priority',
      label: 'Priority',
      width: '44px',
      align: 'end',
      isWideOnly: true,
      value: (row) => row.record.priority,
      render: (row) => <span class={row.record.priority === 0 ? 'faint' : ''}>{row.record.priority}</span>,
    },
    {
      key: 'age',
      label: 'Submitted',
      width: '66px',
      isWideOnly: true,
      align: 'end',
      value: (row) => nowMs - row.enqueuedMs,
      render: (row) => <span class="faint">{agoText(Math.max(0, nowMs - row.enqueuedMs))}</span>,
    },
  ]
}

function Left({ row, nowMs }: { readonly row: TaskRow; readonly nowMs: number }) {
  const { delayLeftMs, record } = row
  const leftMs = leaseLeftMs(row, nowMs)
  if (leftMs !== null) return <LeaseMeter leftMs={leftMs} leaseMs={record.lease?.leaseMs ?? null} />
  return delayLeftMs === null ? null : <span class="soft">in {spanText(delayLeftMs)}</span>
}

interface NothingProps {
  readonly group: TaskGroup['name']
  readonly isFiltered: boolean
  readonly hasTasks: boolean
}

function Nothing({ group, isFiltered, hasTasks }: NothingProps) {
  if (isFiltered)
    return (
      <EmptyState title="No task here passes the filter">Words are looked for in id, type, owner, status and input.</EmptyState>
    )
  if (!hasTasks) {
    return (
      <EmptyState title="No task has been seen yet">
        Submit one: <code>{"await runtime.submit({ type: 'render', input: { page: 1 } })"}</code>
      </EmptyState>
    )
  }
  const { label, whenEmpty } = taskGroups.find(({ name }) => name === group) ?? (taskGroups[0] as TaskGroup)
  return <EmptyState title={`${label}: none at this moment`}>{whenEmpty}</EmptyState>
}
