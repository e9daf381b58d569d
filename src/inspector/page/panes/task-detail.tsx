/** One task, whole: why it is where it is, what happened to it, what it was given and what it gave. Offers what can be done with it. */
import { defaultNamespace, keysOf } from '../../../domain/key.ts'
import type { App } from '../app.ts'
import { actorsAt, leaseLeftMs, type TaskRow } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'
import { ActionButton } from '../ui/action-button.tsx'
import { StateBadge } from '../ui/badge.tsx'
import { dateText, spanText } from '../ui/format.ts'
import { JsonView } from '../ui/json-view.tsx'
import { remembered } from '../ui/remembered.ts'
import { Ago } from '../ui/time.tsx'
import type { Calm } from './calm-state.ts'
import { About, Facts, Section } from './facts.tsx'
import { LeaseMeter, Meter } from './meter.tsx'
import { TaskExplanation } from './task-explanation.tsx'
import { statusLooks } from './task-groups.ts'
import { progressOf, type TaskProgress } from './task-progress.ts'
import { goneOwners, reasonOf, takeoverTexts } from './task-reason.ts'
import { TaskTimeline } from './task-timeline.tsx'

export interface TaskDetailProps {
  readonly app: App
  /** As the list sees it. */
  readonly calm: Calm
  readonly row: TaskRow
  /** Shows another task. */
  onTask(id: string): void
}

export function TaskDetail({ app, calm, row, onTask }: TaskDetailProps) {
  const { id, record, status, error } = row
  const { state, nowMs } = calm
  const view = state.entries.get(row.key)
  const looks = statusLooks[status]
  const takeovers = takeoverTexts(record)
  const progress = progressOf(state, row)
  const result = state.entries.get(keysOf(state.namespace || defaultNamespace).task(id, 'result'))
  return (
    <div class="pane-side">
      <About
        name={id}
        state={<StateBadge state={looks.text} tone={looks.tone} />}
        actions={<Actions app={app} state={state} row={row} />}
      >
        <Section title="Why it is there">
          <TaskExplanation app={app} task={id} revision={row.revision} fallback={reasonOf(row, nowMs)} onTask={onTask} />
        </Section>
        {error !== null && status !== 'failed' && (
          <Section title="Last failure">
            <p class="fault">
              {error.name}: {error.message}
            </p>
          </Section>
        )}
        {takeovers.length > 0 && (
          <Section title="Taken over">
            <ul class="takeovers">
              {takeovers.map((text) => (
                <li key={text}>{text}</li>
              ))}
              {goneOwners(record, state.sources).map((text) => (
                <li key={text} class="faint">
                  {text}
                </li>
              ))}
            </ul>
          </Section>
        )}
        <Section title="Task">
          <Facts
            facts={[
              { name: 'Type', value: record.type ?? <span class="faint">none: it waits for a claim from outside</span> },
              { name: row.owner === null ? 'Last owner' : 'Owner', value: <Owner app={app} row={row} /> },
              {
                name: 'Lease left',
                value:
                  row.leaseEndsMs === null ? null : (
                    <LeaseMeter leftMs={leaseLeftMs(row, nowMs)} leaseMs={record.lease?.leaseMs ?? null} isWhole />
                  ),
                title: 'By the wall clock: an estimate',
              },
              { name: 'Progress', value: progress === null ? null : <Progress progress={progress} /> },
              {
                name: 'Epoch',
                value: record.epoch,
                title: 'Rises with every claim and takeover: writes under an older one are refused',
              },
              { name: 'Attempts', value: `${record.attempts} of ${record.maxAttempts}` },
              { name: 'Priority', value: record.priority },
              { name: 'Submitted', value: <Ago atMs={row.enqueuedMs} nowMs={nowMs} />, title: dateText(row.enqueuedMs) },
              { name: 'Timeout', value: record.timeoutMs === undefined ? null : spanText(record.timeoutMs) },
              { name: 'Cancellation', value: record.cancelRequested ?? null },
            ]}
          />
        </Section>
        {view !== undefined && <TaskTimeline app={app} task={id} view={view} />}
        <Section title="Input">
          <JsonView value={record.input} openDepth={1} label="Input" />
        </Section>
        {result !== undefined && (
          <Section title="Result">
            <JsonView value={result.current.entry.value} label="Result" />
          </Section>
        )}
      </About>
    </div>
  )
}

function Actions({ app, state, row }: { readonly app: App; readonly state: SessionState; readonly row: TaskRow }) {
  const { id, status } = row
  const actor = actorsAt(state, `task/${id}`)[0]
  const isEnded = status === 'completed' || status === 'failed' || status === 'cancelled'
  return (
    <>
      {!isEnded && (
        <ActionButton
          app={app}
          action={{ type: 'task.cancel', task: id, reason: 'cancelled in the inspector' }}
          label="Cancel"
          confirm="Cancel this task for good?"
        />
      )}
      {status === 'backingOff' && <ActionButton app={app} action={{ type: 'task.retry', task: id }} label="Retry now" />}
      {status === 'failed' && <ActionButton app={app} action={{ type: 'task.replay', task: id }} label="Replay" />}
      {actor !== undefined && (
        <button type="button" class="button is-quiet" onClick={() => app.showActor(actor.id)}>
          Show its chart
        </button>
      )}
      <button type="button" class="button is-quiet" onClick={() => app.showKey(row.key)}>
        Show its record
      </button>
    </>
  )
}

function Owner({ app, row: { record } }: { readonly app: App; readonly row: TaskRow }) {
  const { owner } = record
  if (owner === undefined) return <span class="faint">nobody had it yet</span>
  return (
    <button
      type="button"
      class="link mono"
      title="Show the worker"
      onClick={() => {
        remembered<string>('workers.chosen', '').value = owner
        app.pane.value = 'workers'
      }}
    >
      {owner}
    </button>
  )
}

/** As its handler reported it, if it did. */
function Progress({ progress }: { readonly progress: TaskProgress | 'unheard' }) {
  if (progress === 'unheard') return <span class="faint">none was reported</span>
  const { percent, note } = progress
  return <Meter share={percent / 100} text={`${percent} %${note === '' ? '' : `: ${note}`}`} tone="active" label="Progress" />
}
