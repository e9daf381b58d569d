/** Events that reached nobody, newest first. */
import { useMemo, useState } from 'preact/hooks'
import type { DeadLetterRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { JsonView } from '../ui/json-view.tsx'
import { SplitPane } from '../ui/split-pane.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { Time } from '../ui/time.tsx'
import { Section } from './facts.tsx'
import { sourceName } from './source-name.ts'

export function DeadLetters({ app }: { readonly app: App }) {
  const state = app.state.value
  const [chosen, setChosen] = useState<string | null>(null)
  const letters = useMemo(() => state.deadLetters.toReversed(), [state.deadLetters])
  if (letters.length === 0) {
    return (
      <EmptyState title="No dead letters">
        An event that is sent to an address where nobody lives is kept here, so that it is never lost in silence.
      </EmptyState>
    )
  }
  const columns: readonly Column<DeadLetterRecord>[] = [
    { key: 'time', label: 'Time', width: '100px', value: ({ atMs }) => atMs, render: ({ atMs }) => <Time atMs={atMs} /> },
    {
      key: 'event',
      label: 'Event',
      value: ({ event }) => event.type,
      render: ({ event }) => <span class="mono cut">{event.type}</span>,
    },
    {
      key: 'address',
      label: 'Sent to',
      value: ({ address }) => address,
      render: ({ address }) => <span class="mono cut">{address}</span>,
    },
    { key: 'source', label: 'Process', isWideOnly: true, value: ({ source }) => sourceName(state, source) },
  ]
  const letter = letters.find((other) => keyOf(other) === chosen)
  return (
    <SplitPane
      name="dead-letters"
      label="Dead letter"
      main={
        <Table
          label="Dead letters, newest first"
          columns={columns}
          rows={letters}
          rowKey={keyOf}
          selected={chosen}
          onSelect={(other) => setChosen(keyOf(other))}
        />
      }
      side={
        letter === undefined ? null : (
          <div class="pane-side about">
            <Section title={letter.event.type} note={`to ${letter.address}`}>
              <JsonView value={letter.event} />
            </Section>
          </div>
        )
      }
      onClose={() => setChosen(null)}
    />
  )
}

function keyOf(letter: DeadLetterRecord): string {
  return `${letter.source} ${letter.seq}`
}
