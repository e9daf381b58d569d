/**
 * Whose chart is shown, and in which state. Pure.
 *
 * - C1 an actor that lives is lit by its own state
 * - C2 a task that has no live actor is lit by its record: it is where the shared memory says, whatever its last actor said
 */
import { isEnded } from '../../../domain/task-record.ts'
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import type { LitState } from '../chart/chart-lights.ts'
import { onceForKeys } from '../model/memo.ts'
import { type TaskRow, tasksOf } from '../model/selectors.ts'
import type { ActorId, ActorView, SessionState } from '../model/session-state.ts'

/** A chart, in one of the processes that run it. */
export interface ChartChoice {
  /** As in `SessionState.charts`. */
  readonly key: string
  readonly source: string
  readonly chart: ChartDefinition
}

export interface ChartSubject extends LitState {
  readonly choice: ChartChoice
  /** null: nobody's, only the chart. */
  readonly address: string | null
  /** Its actor, living or ended. */
  readonly actor: ActorView | null
  /** Set when the state is that of its record. */
  readonly atRest: TaskRow | null
}

const taskChartId = 'task'
const taskAddress = 'task/'

/** All charts of the session by name. Processes with the same chart are one choice, unless their releases differ. */
export function chartChoices(state: SessionState): ChartChoice[] {
  const choices: ChartChoice[] = []
  const known = new Set<string>()
  for (const choice of allCharts(state)) {
    const text = JSON.stringify(choice.chart)
    if (!known.has(text)) choices.push(choice)
    known.add(text)
  }
  return choices
}

/**
 * @param taskOf a task by its record.
 * @param selected the chosen actor, or `|task/<id>` for a task without one.
 * @param chosenKey of the chart that is looked at while no actor is chosen.
 * @returns null: there is no chart; of actors without a chart, too.
 */
export function chartSubject(
  state: SessionState,
  taskOf: (id: string) => TaskRow | undefined,
  selected: ActorId | null,
  chosenKey: string | null,
): ChartSubject | null {
  if (selected === null) {
    const chart = chosenKey === null ? undefined : state.charts.get(chosenKey)
    const choice = chart === undefined ? allCharts(state)[0] : choiceOf(chosenKey ?? '', chart)
    return choice === undefined ? null : { ...nothing, choice }
  }
  const actor = state.actors.get(selected) ?? null
  const address = actor?.address ?? selected.slice(selected.indexOf('|') + 1)
  const isLive = actor?.status === 'active'
  const isTask = address.startsWith(taskAddress)
  const atRest = isLive || !isTask ? null : (taskOf(address.slice(taskAddress.length)) ?? null)
  const choice = choiceFor(state, actor, atRest)
  if (choice === null) return null
  if (atRest !== null) {
    return { ...nothing, choice, address, actor, atRest, stateValue: atRest.status, isOpen: !isEnded(atRest.record) }
  }
  if (actor === null) return { ...nothing, choice, address }
  const { lastEdges, lastPosition } = actor
  return { choice, address, actor, atRest, stateValue: actor.state, lastEdges, lastPosition, isOpen: isLive }
}

const nothing = { address: null, actor: null, atRest: null, stateValue: null, lastEdges: [], lastPosition: null, isOpen: false }

/** Actors of equal charts: those that live first, by address, the others by what they did last. Then tasks that are only records. */
export function sharersOf(state: SessionState, nowMs: number, chart: ChartDefinition): (ActorView | TaskRow)[] {
  const live: ActorView[] = []
  const ended: ActorView[] = []
  for (const id of idsByAddress(state.actors)) {
    const actor = state.actors.get(id)
    if (actor?.chartId === chart.id) (actor.status === 'active' ? live : ended).push(actor)
  }
  ended.sort((a, b) => b.lastMs - a.lastMs)
  if (chart.id !== taskChartId) return [...live, ...ended]
  const hosted = new Set(live.map(({ address }) => address))
  const tasks = tasksOf(state, nowMs).all.filter(({ id }) => !hosted.has(`${taskAddress}${id}`))
  return [...live, ...tasks]
}

/** By address, then by process. */
const idsByAddress = onceForKeys((actors): readonly ActorId[] => {
  const addressOf = (id: ActorId): string => id.slice(id.indexOf('|') + 1)
  return [...actors.keys()]
    .map((id) => ({ id, address: addressOf(id) }))
    .sort((a, b) => compareText(a.address, b.address) || compareText(a.id, b.id))
    .map(({ id }) => id)
})

export function idOfSharer(sharer: ActorView | TaskRow): ActorId {
  return 'record' in sharer ? `|${taskAddress}${sharer.id}` : sharer.id
}

function choiceFor(state: SessionState, actor: ActorView | null, atRest: TaskRow | null): ChartChoice | null {
  if (actor !== null && actor.chartId !== null) {
    const key = `${actor.source}|${actor.chartId}`
    const chart = state.charts.get(key)
    if (chart !== undefined) return choiceOf(key, chart)
  }
  if (atRest === null) return null
  return allCharts(state).find(({ chart }) => chart.id === taskChartId) ?? null
}

/** By name, then by process: maps of a session have an order of their own. */
function allCharts(state: SessionState): ChartChoice[] {
  const choices = [...state.charts].map(([key, chart]) => choiceOf(key, chart))
  return choices.sort((a, b) => compareText(a.chart.id, b.chart.id) || compareText(a.source, b.source))
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function choiceOf(key: string, chart: ChartDefinition): ChartChoice {
  return { key, source: key.slice(0, key.length - chart.id.length - 1), chart }
}
