/**
 * What shines on a chart: the states that an actor is in, the edges that it took last, those that it may take next. Pure; the model
 * knows what is active and possible.
 */
import type { Json } from '../../../domain/json.ts'
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import { activeNodes, nextEvents } from '../model/selectors.ts'

export interface ChartLights {
  /** Ids of states. */
  readonly active: ReadonlySet<string>
  /** Ids of edges. */
  readonly taken: ReadonlySet<string>
  readonly next: ReadonlySet<string>
  /** The record that lit {@link taken}: a new one lets them flash once. null: nothing was taken. */
  readonly takenAt: number | null
}

export const noLights: ChartLights = { active: new Set(), taken: new Set(), next: new Set(), takenAt: null }

export interface LitState {
  readonly stateValue: Json
  readonly lastEdges: readonly string[]
  readonly lastPosition: number | null
  /** Whether anything can happen next. */
  readonly isOpen: boolean
}

export function lightsOf(chart: ChartDefinition, { stateValue, lastEdges, lastPosition, isOpen }: LitState): ChartLights {
  const next = isOpen ? nextEvents(chart, stateValue).flatMap(({ edges }) => edges.map(({ edge }) => edge.id)) : []
  return {
    active: activeNodes(chart, stateValue),
    taken: new Set(lastEdges),
    next: new Set(next),
    takenAt: lastEdges.length === 0 ? null : lastPosition,
  }
}
