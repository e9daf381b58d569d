/** One record, whole: what came, what it changed, what it asked for. Everything in it that has a pane of its own is a link to it. */
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import type { TraceRecord, TransitionRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import type { SessionState } from '../model/session-state.ts'
import { Badge, StateBadge } from '../ui/badge.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { countOf, countText, dateText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { JsonView } from '../ui/json-view.tsx'
import { Time } from '../ui/time.tsx'
import { ChangeDetail, ConflictDetail } from './detail-change.tsx'
import { Differences } from './differences.tsx'
import { Facts, Section } from './facts.tsx'
import { ActorLink, KeyLink } from './links.tsx'
import { labelByType, recordText, toneOfRecord } from './record-text.ts'
import { sourceName } from './source-name.ts'

export interface RecordDetailProps<R extends TraceRecord = TraceRecord> {
  readonly app: App
  readonly position: number
  readonly record: R
}

export function RecordDetail({ app, position, record }: RecordDetailProps) {
  const { subject } = recordText(record)
  const isShown = app.position.value === position + 1
  return (
    <article class="about" aria-label={`Record ${position}`}>
      <header class="about-head">
        <Badge tone={toneOfRecord(record)}>{labelByType[record.type]}</Badge>
        <h2 class="about-name">{record.type === 'transition' ? record.event.type : subject}</h2>
      </header>
      <div class="about-actions">
        <button
          type="button"
          class="button"
          disabled={isShown}
          title="All panes show how it was right after this record"
          onClick={() => {
            app.position.value = position + 1
          }}
        >
          <Icon name="play" />
          {isShown ? 'You are at this moment' : 'Go to this moment'}
        </button>
        <CopyButton text={() => JSON.stringify(record, null, 2)} label="Copy the record as JSON" />
      </div>
      <Section title="When and where">
        <Facts
          facts={[
            { name: 'Time', value: <Time atMs={record.atMs} />, title: dateText(record.atMs) },
            { name: 'Process', value: sourceName(app.state.value, record.source) },
            { name: 'Number', value: countText(record.seq), title: 'Counts the records of that process' },
          ]}
        />
      </Section>
      <Body app={app} position={position} record={record} />
    </article>
  )
}

function Body({ app, position, record }: RecordDetailProps): ComponentChildren {
  const before = useMemo(() => app.recording.stateAt(position), [app, position])
  switch (record.type) {
    case 'transition':
      return <Transition app={app} before={before} record={record} />
    case 'change':
      return <ChangeDetail app={app} before={before} record={record} />
    case 'conflict':
      return <ConflictDetail app={app} record={record} />
    case 'actor':
      return (
        <>
          <Section title="Actor">
            <Facts
              facts={[
                { name: 'Address', value: <ActorLink app={app} source={record.source} address={record.address} /> },
                { name: 'State', value: <StateBadge state={record.state} /> },
                {
                  name: 'Parent',
                  value: record.parent === null ? null : <ActorLink app={app} source={record.source} address={record.parent} />,
                },
                { name: 'Restarts', value: record.restarts === 0 ? null : countText(record.restarts) },
              ]}
            />
          </Section>
          <Section title="Context">
            <JsonView value={record.context} />
          </Section>
        </>
      )
    default:
      return (
        <Section title="Record">
          <JsonView value={membersOf(record)} openDepth={record.type === 'chart' ? 3 : 2} />
        </Section>
      )
  }
}

interface TransitionProps {
  readonly app: App
  /** Right before it. */
  readonly before: SessionState
  readonly record: TransitionRecord
}

function Transition({ app, before, record }: TransitionProps) {
  const { source, sender } = record
  const contextBefore = before.actors.get(`${source}|${record.address}`)?.context
  const { type: _, ...payload } = record.event
  return (
    <>
      <Section title="Transition">
        <Facts
          facts={[
            { name: 'Actor', value: <ActorLink app={app} source={source} address={record.address} /> },
            {
              name: 'State',
              value: (
                <span class="detail-move">
                  <StateBadge state={record.from} />
                  <Icon name="send" />
                  <StateBadge state={record.to} />
                </span>
              ),
            },
            {
              name: 'Sent by',
              value: sender === null ? 'outside of the actors' : <ActorLink app={app} source={source} address={sender} />,
            },
            {
              name: record.edges.length > 1 ? 'Edges' : 'Edge',
              value:
                record.edges.length === 0 ? (
                  'none: it means nothing in that state'
                ) : (
                  <span class="mono">{record.edges.join(', ')}</span>
                ),
            },
            { name: 'Took', value: spanText(record.durationMs), title: 'What watching itself takes is in it' },
            {
              name: 'Still waiting',
              value: countOf(record.mailbox, 'event'),
              title: 'For this actor, when this event had been taken',
            },
            { name: 'Status', value: record.status === 'active' ? null : record.status },
          ]}
        />
      </Section>
      <Section title="Payload">
        {Object.keys(payload).length === 0 ? (
          <p class="faint">The event carries nothing but its type.</p>
        ) : (
          <JsonView value={payload} />
        )}
      </Section>
      <Section title="Change of context">
        {record.context === undefined ? (
          <p class="faint">Unchanged.</p>
        ) : (
          <Differences before={contextBefore} after={record.context} same="The same values again." />
        )}
      </Section>
      {record.actions.length > 0 && (
        <Section title="Actions" note={countText(record.actions.length)}>
          <ol class="detail-list">
            {record.actions.map((action, index) => (
              <li key={index}>
                <span class="mono">{action.type}</span>
                {action.params !== undefined && <JsonView value={action.params} openDepth={1} />}
              </li>
            ))}
          </ol>
        </Section>
      )}
      {record.writes.length > 0 && (
        <Section title="Writes asked for" note={countText(record.writes.length)}>
          <ol class="detail-list">
            {record.writes.map((write, index) => (
              <li key={index}>
                <KeyLink app={app} memoryKey={write.key} />
                {write.value === undefined ? <p class="faint">deleted</p> : <JsonView value={write.value} openDepth={1} />}
              </li>
            ))}
          </ol>
        </Section>
      )}
      {record.context !== undefined && (
        <Section title="Context after it">
          <JsonView value={record.context} openDepth={1} />
        </Section>
      )}
    </>
  )
}

/** Without what every record has. */
function membersOf(record: TraceRecord): object {
  const { source: _, seq: __, atMs: ___, type: ____, ...members } = record
  return members
}
