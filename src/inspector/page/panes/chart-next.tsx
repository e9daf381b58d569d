/** What an actor waits for: each event, where it leads, and, if somebody may send it, a way to do so. The same edges shine in the chart. */
import type { App } from '../app.ts'
import { edgeTitle } from '../chart/chart-text.ts'
import type { NextEdge, NextEvent } from '../model/selectors.ts'
import type { ActorView } from '../model/session-state.ts'
import { SendEvent } from '../ui/send-event.tsx'
import { Section } from './facts.tsx'

export interface ChartNextProps {
  readonly app: App
  /** null: nobody lives who could be sent anything. */
  readonly actor: ActorView | null
  readonly events: readonly NextEvent[]
  readonly chosenEdge: string | null
  onChooseEdge(id: string): void
}

export function ChartNext({ app, actor, events, chosenEdge, onChooseEdge }: ChartNextProps) {
  const sendable = events.filter(({ event, isSendable }) => isSendable && !event.endsWith('*')).map(({ event }) => event)
  return (
    <>
      <Section title="Can happen next">
        {events.length === 0 && <p class="faint">Nothing: it has ended.</p>}
        <ul class="chart-next">
          {events.map(({ event, edges }) => (
            <li key={event} class="chart-next-event">
              <span class="chart-next-name mono" title={event}>
                {edges[0]?.edge.label ?? event}
              </span>
              <ul>
                {edges.map(({ edge, nodeId }) => (
                  <li key={edge.id}>
                    <button
                      type="button"
                      class="chart-next-edge"
                      aria-pressed={edge.id === chosenEdge}
                      title={edgeTitle(edge)}
                      onClick={() => onChooseEdge(edge.id)}
                    >
                      {edgeWay({ edge, nodeId })}
                    </button>
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
      </Section>
      {actor !== null && sendable.length > 0 && (
        <Section title="Send">
          <SendEvent key={actor.id} app={app} source={actor.source} address={actor.address} events={sendable} />
        </Section>
      )}
    </>
  )
}

/** `if isRetriable → settling`, `stays, does remember`, `if isKnown stays`. */
function edgeWay({ edge }: NextEdge): string {
  const condition = edge.guard === undefined ? '' : `if ${edge.guard} `
  if (edge.targets.length > 0) return `${condition}→ ${edge.targets.map(lastName).join(' and ')}`
  return `${condition}${edge.actions.length === 0 ? 'stays' : `stays, does ${edge.actions.join(', ')}`}`
}

function lastName(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1)
}
