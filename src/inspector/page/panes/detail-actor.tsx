/** One actor as it is at the shown moment: state, context, what it waits for, what it took last. */
import { useMemo } from 'preact/hooks'
import type { TransitionRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import { nextEvents } from '../model/selectors.ts'
import type { ActorView } from '../model/session-state.ts'
import { KindLabel, StateBadge } from '../ui/badge.tsx'
import { countText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { JsonView } from '../ui/json-view.tsx'
import { SendEvent } from '../ui/send-event.tsx'
import { stateText } from '../ui/state-text.ts'
import { Ago, Time } from '../ui/time.tsx'
import { Differences } from './differences.tsx'
import { About, Facts, Section } from './facts.tsx'
import { ActorLink } from './links.tsx'
import { RecordSearch } from './record-search.ts'
import { sourceName } from './source-name.ts'

/** Of its last events. */
const eventsShown = 20

export function ActorDetail({ app, actor }: { readonly app: App; readonly actor: ActorView }) {
  const state = app.state.value
  const { source, address } = actor
  const chart = actor.chartId === null ? undefined : state.charts.get(`${source}|${actor.chartId}`)
  const search = useMemo(
    () =>
      new RecordSearch(
        app.recording,
        (record): record is TransitionRecord =>
          record.type === 'transition' && record.source === source && record.address === address,
      ),
    [app, source, address],
  )
  const { records, searchedFrom } = search.before(state.position)
  const events = records.slice(0, eventsShown)
  const last = events[0]
  const contextBefore = useMemo(
    () => (last === undefined ? undefined : app.recording.stateAt(last.position).actors.get(actor.id)?.context),
    [app, actor.id, last?.position],
  )
  const next = chart === undefined || actor.status !== 'active' ? [] : nextEvents(chart, actor.state)
  const sendable = next.filter(({ event, isSendable }) => isSendable && !event.includes('*')).map(({ event }) => event)
  return (
    <About
      name={address}
      state={<StateBadge state={actor.state} kind={actor.kind} />}
      actions={
        actor.chartId !== null && (
          <button type="button" class="button" onClick={() => app.showActor(actor.id)}>
            <Icon name="chart" />
            Show its chart
          </button>
        )
      }
    >
      <Section title="Actor">
        <Facts
          facts={[
            { name: 'Kind', value: <KindLabel kind={actor.kind} /> },
            { name: 'Status', value: actor.status },
            { name: 'Process', value: sourceName(state, source) },
            {
              name: 'Parent',
              value: actor.parent === null ? null : <ActorLink app={app} source={source} address={actor.parent} />,
            },
            { name: 'Lives since', value: <Time atMs={actor.sinceMs} /> },
            { name: 'Last event', value: <Ago atMs={actor.lastMs} nowMs={app.nowMs.value} /> },
            { name: 'Events taken', value: countText(actor.transitions) },
            { name: 'Mailbox', value: countText(actor.mailbox) },
            { name: 'Restarts', value: countText(actor.restarts) },
          ]}
        />
      </Section>
      {sendable.length > 0 && (
        <Section title="Waits for">
          <SendEvent key={actor.id} app={app} source={source} address={address} events={sendable} />
        </Section>
      )}
      <Section title="Context">
        <JsonView value={actor.context} />
      </Section>
      {last !== undefined && (
        <Section title="Changed by the last event" note={last.record.event.type}>
          <Differences before={contextBefore} after={actor.context} same="Nothing in the context." />
        </Section>
      )}
      <Section title="Last events" note={events.length === 0 ? undefined : 'newest first'}>
        {events.length === 0 && (
          <p class="faint">
            {searchedFrom <= app.recording.firstPosition ? 'None in what is recorded.' : 'None in what was looked through.'}
          </p>
        )}
        <ol class="detail-events">
          {events.map(({ position, record }) => (
            <li key={position}>
              <Time atMs={record.atMs} />
              <button type="button" class="link mono cut" title="Show it in the log" onClick={() => app.showRecord(position)}>
                {record.event.type}
              </button>
              <span class="faint cut">{record.edges.length === 0 ? 'ignored' : stateText(record.to)}</span>
            </li>
          ))}
        </ol>
      </Section>
    </About>
  )
}
