/** One worker: what it says of itself, what it has to do now, and draining it. */
import type { App } from '../app.ts'
import { goneState, leaseLeftMs, tasksOf, type WorkerRow } from '../model/selectors.ts'
import { ActionButton } from '../ui/action-button.tsx'
import { countText, dateText, spanText } from '../ui/format.ts'
import { remembered } from '../ui/remembered.ts'
import { Ago } from '../ui/time.tsx'
import type { Calm } from './calm-state.ts'
import { About, Facts, Section } from './facts.tsx'
import { Heartbeat } from './heartbeat.tsx'
import { LeaseMeter } from './meter.tsx'
import { typesText, WorkerLoad, WorkerProcess, WorkerState } from './worker-cells.tsx'

/** Tasks of one worker that are listed. */
const tasksMax = 100

export interface WorkerDetailProps {
  readonly app: App
  /** As the list sees it. */
  readonly calm: Calm
  readonly row: WorkerRow
}

export function WorkerDetail({ app, calm, row }: WorkerDetailProps) {
  const { state, nowMs } = calm
  const { id } = row
  const own = tasksOf(state, nowMs).processing.filter(({ owner }) => owner === id)
  const showTask = (task: string): void => {
    remembered<string>('tasks.chosen', '').value = task
    app.pane.value = 'tasks'
  }
  return (
    <div class="pane-side">
      <About name={id} state={<WorkerState row={row} />} actions={<Actions app={app} row={row} />}>
        <Section title="Worker">
          <Facts
            facts={[
              { name: 'Heartbeat', value: <Heartbeat row={row} /> },
              { name: 'Load', value: <WorkerLoad row={row} /> },
              { name: 'Takes', value: typesText(row) },
              {
                name: 'Process',
                value:
                  row.process === null ? (
                    <span class="faint">not told: it is shown by its memory alone</span>
                  ) : (
                    <WorkerProcess row={row} />
                  ),
              },
              {
                name: 'Machine',
                value: row.process?.about.host ?? null,
              },
              {
                name: 'Life',
                value: row.incarnation === null ? null : <span class="mono">{row.incarnation}</span>,
                title: 'Leases belong to it',
              },
              {
                name: 'Started',
                value: row.startedMs === null ? null : <Ago atMs={row.startedMs} nowMs={nowMs} />,
                ...(row.startedMs === null ? {} : { title: dateText(row.startedMs) }),
              },
              { name: 'Status written', value: row.statusAgeMs === null ? null : `${spanText(row.statusAgeMs)} ago` },
            ]}
          />
        </Section>
        <Section title="Tasks that it has" note={countText(own.length)}>
          {own.length === 0 ? (
            <p class="faint">None at this moment.</p>
          ) : (
            <ul class="rows">
              {own.slice(0, tasksMax).map((task) => (
                <li key={task.id}>
                  <button type="button" class="link mono cut" onClick={() => showTask(task.id)}>
                    {task.id}
                  </button>
                  <span class="faint cut">{task.record.type}</span>
                  <span class="at-end">
                    <LeaseMeter leftMs={leaseLeftMs(task, nowMs)} leaseMs={task.record.lease?.leaseMs ?? null} />
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Section>
      </About>
    </div>
  )
}

function Actions({ app, row: { id, source, state, actorId } }: { readonly app: App; readonly row: WorkerRow }) {
  return (
    <>
      {state === goneState ? (
        <span class="soft">It did not leave by itself. Its tasks are taken over when their leases are over.</span>
      ) : source === null ? (
        <span class="faint">It can be drained only where its process can be reached.</span>
      ) : state === 'draining' ? (
        <span class="soft">It is draining: what runs may end, it takes nothing more.</span>
      ) : (
        <ActionButton
          app={app}
          action={{ type: 'worker.drain', source, worker: id }}
          label="Drain"
          confirm="Let it end its tasks and take no more?"
        />
      )}
      {actorId !== null && (
        <button type="button" class="button is-quiet" onClick={() => app.showActor(actorId)}>
          Show its chart
        </button>
      )}
    </>
  )
}
