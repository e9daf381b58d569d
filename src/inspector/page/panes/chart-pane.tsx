/**
 * The statechart of the chosen actor, lit as it is at the shown moment; or any chart of the session. Owns which chart is looked at and
 * which edge is pointed out.
 */
import { useMemo, useState } from 'preact/hooks'
import { mermaidChart } from '../../../wire/mermaid-chart.ts'
import type { App } from '../app.ts'
import { lightsOf } from '../chart/chart-lights.ts'
import { ChartView } from '../chart/chart-view.tsx'
import { nextEvents, tasksOf } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'
import { StateBadge } from '../ui/badge.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { SplitPane } from '../ui/split-pane.tsx'
import { Toolbar } from '../ui/toolbar.tsx'
import { type Calm, taskPeriodMs, useCalmState } from './calm-state.ts'
import { ChartNext } from './chart-next.tsx'
import { ChartSharers } from './chart-sharers.tsx'
import { type ChartChoice, type ChartSubject, chartChoices, chartSubject, sharersOf } from './chart-subject.ts'
import { sourceName } from './source-name.ts'

export function ChartPane({ app }: { readonly app: App }) {
  const [chosenKey, setChosenKey] = useState<string | null>(null)
  const [chosenEdge, setChosenEdge] = useState<string | null>(null)
  const state = app.state.value
  const selected = app.selectedActor.value
  // What concerns thousands of tasks or actors is not worked out anew with every frame.
  const calm = useCalmState(app, taskPeriodMs)
  const taskOf = (id: string) => tasksOf(calm.state, calm.nowMs).byId.get(id)
  const subject = chartSubject(state, taskOf, selected, chosenKey)
  const choices = useMemo(() => chartChoices(state), [state.charts])
  const choose = (key: string): void => {
    app.selectedActor.value = null
    setChosenKey(key)
  }
  if (subject === null) return <NoChart app={app} state={state} choices={choices} onChoose={choose} />
  return (
    <SplitPane
      name="chart"
      sidePercent={26}
      label="about this chart"
      main={
        <Drawn
          state={state}
          choices={choices}
          subject={subject}
          chosenEdge={chosenEdge}
          onChooseEdge={setChosenEdge}
          onChoose={choose}
        />
      }
      side={<Aside app={app} calm={calm} subject={subject} chosenEdge={chosenEdge} onChooseEdge={setChosenEdge} />}
    />
  )
}

interface SubjectProps {
  readonly subject: ChartSubject
  readonly chosenEdge: string | null
  onChooseEdge(id: string): void
}

interface DrawnProps extends SubjectProps {
  readonly state: SessionState
  readonly choices: readonly ChartChoice[]
  onChoose(key: string): void
}

function Drawn({ state, choices, subject, chosenEdge, onChooseEdge, onChoose }: DrawnProps) {
  const { choice, address, atRest } = subject
  const { chart } = choice
  const lights = useLights(subject)
  return (
    <>
      <Toolbar label="Chart">
        <ChartSelect state={state} choices={choices} choice={choice} onChoose={onChoose} />
        {address !== null && (
          <>
            <span class="chart-who mono cut" title={address}>
              {address}
            </span>
            {subject.stateValue !== null && <StateBadge state={subject.stateValue} />}
            <span class="faint cut">{whereText(subject, state)}</span>
          </>
        )}
        {address === null && <span class="faint">No actor is chosen: the chart alone.</span>}
        <span class="chart-tools">
          <CopyButton text={() => mermaidChart(chart)} label="Copy as Mermaid" />
        </span>
      </Toolbar>
      {atRest === null && subject.actor === null && address !== null && (
        <p class="chart-note">Nothing is known of {address} at this moment.</p>
      )}
      <ChartView chart={chart} lights={lights} chosenEdge={chosenEdge} onChooseEdge={onChooseEdge} />
    </>
  )
}

/** One object for one state: the picture is made anew only when something in it changes. */
function useLights({ choice, stateValue, lastEdges, lastPosition, isOpen }: ChartSubject) {
  const { chart } = choice
  return useMemo(
    () => lightsOf(chart, { stateValue, lastEdges, lastPosition, isOpen }),
    [chart, JSON.stringify(stateValue), lastEdges, lastPosition, isOpen],
  )
}

interface AsideProps extends SubjectProps {
  readonly app: App
  readonly calm: Calm
}

function Aside({ app, calm, subject, chosenEdge, onChooseEdge }: AsideProps) {
  const { choice, actor, stateValue, isOpen } = subject
  const { chart } = choice
  const events = useMemo(() => (isOpen ? nextEvents(chart, stateValue) : []), [chart, JSON.stringify(stateValue), isOpen])
  const sharers = useMemo(
    () => sharersOf(calm.state, calm.nowMs, chart),
    [calm.state.actors, calm.state.entries, calm.nowMs, chart],
  )
  return (
    <div class="chart-aside">
      {subject.address !== null && (
        <div class="chart-about">
          <ChartNext
            app={app}
            actor={actor?.status === 'active' ? actor : null}
            events={events}
            chosenEdge={chosenEdge}
            onChooseEdge={onChooseEdge}
          />
        </div>
      )}
      <ChartSharers app={app} sharers={sharers} selected={app.selectedActor.value} />
    </div>
  )
}

interface ChartSelectProps {
  readonly state: SessionState
  readonly choices: readonly ChartChoice[]
  /** null: none of them. */
  readonly choice: ChartChoice | null
  onChoose(key: string): void
}

function ChartSelect({ state, choices, choice, onChoose }: ChartSelectProps) {
  const text = choice === null ? '' : JSON.stringify(choice.chart)
  const same = choice === null ? undefined : choices.find((one) => one.key === choice.key || JSON.stringify(one.chart) === text)
  const names = choices.map(({ chart }) => chart.id)
  return (
    <label class="chart-select">
      <span class="visually-hidden">Chart</span>
      <select class="field" value={same?.key ?? ''} onChange={(event) => onChoose(event.currentTarget.value)}>
        {choice === null && <option value="">Choose a chart</option>}
        {choices.map(({ key, source, chart }) => (
          <option key={key} value={key}>
            {names.filter((name) => name === chart.id).length > 1 ? `${chart.id}, ${sourceName(state, source)}` : chart.id}
          </option>
        ))}
      </select>
    </label>
  )
}

function whereText({ actor, atRest, choice }: ChartSubject, state: SessionState): string {
  if (atRest !== null) {
    if (atRest.owner !== null) return `owned by ${atRest.owner}, whose actor is not seen here`
    return atRest.status === 'failed' ? 'at rest: a dead letter in memory' : 'at rest: its record in memory says so'
  }
  if (actor === null) return ''
  const place = sourceName(state, choice.source)
  return actor.status === 'active' ? `lives in ${place}` : `${actor.status}, in ${place}`
}

interface NoChartProps {
  readonly app: App
  readonly state: SessionState
  readonly choices: readonly ChartChoice[]
  onChoose(key: string): void
}

function NoChart({ app, state, choices, onChoose }: NoChartProps) {
  if (choices.length === 0) {
    return (
      <EmptyState title="No chart is known yet">
        A runtime tells its charts when its first actors start. Its workers, tasks and locks are drawn here then.
      </EmptyState>
    )
  }
  const id = app.selectedActor.value ?? ''
  return (
    <>
      <Toolbar label="Chart">
        <ChartSelect state={state} choices={choices} choice={null} onChoose={onChoose} />
      </Toolbar>
      <EmptyState title="This actor has no chart">
        <p>
          <code>{id.slice(id.indexOf('|') + 1)}</code> is no state machine. Choose one of the charts of this session.
        </p>
      </EmptyState>
    </>
  )
}
