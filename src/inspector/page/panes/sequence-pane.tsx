/**
 * The sequence: who sent what to whom, what was written to memory and what was committed there, in the order of the recording. Owns the
 * filter and the window that is shown. At its end it follows what comes in; scrolled up it stays where it is.
 */
import { useMemo, useState } from 'preact/hooks'
import { mermaidSequence } from '../../../wire/mermaid-sequence.ts'
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import { matchesRecord, parseQuery, type Query, queryFields } from '../model/selectors.ts'
import type { PlacedRecord, SessionState } from '../model/session-state.ts'
import { type SequenceDiagram, sequenceDiagram } from '../sequence/sequence-diagram.ts'
import { acceptsMessage, acceptsRecord, type SequenceFilter, type Subject } from '../sequence/sequence-filter.ts'
import { type MessageKind, messageKinds, messagesOf } from '../sequence/sequence-messages.ts'
import { SequenceView } from '../sequence/sequence-view.tsx'
import { laterRecords } from '../sequence/sequence-window.ts'
import { CopyButton } from '../ui/copy-button.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { countText } from '../ui/format.ts'
import { filterText, remembered } from '../ui/remembered.ts'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { usePacedState } from './calm-state.ts'
import { queryHint } from './query-hint.ts'
import { RecordSearch } from './record-search.ts'
import { sourceName } from './source-name.ts'

const kindLabels: Readonly<Record<MessageKind, { readonly label: string; readonly title: string }>> = {
  event: { label: 'Events', title: 'Events that actors took, and who sent them' },
  write: { label: 'Writes', title: 'What actors asked to be written' },
  change: { label: 'Changes', title: 'What was committed to the shared memory, by whomever' },
  lifecycle: { label: 'Lifecycles', title: 'Actors that start and end, processes that are heard' },
  trouble: { label: 'Trouble', title: 'Crashes, conflicts, dead letters, problems, missing records' },
}

export function SequencePane({ app }: { readonly app: App }) {
  const text = filterText('sequence')
  const hidden = remembered('sequence.hidden', '')
  const isOnlyOne = remembered('sequence.only', false)
  const state = usePacedState(app)
  const subject = subjectOf(state, app.selectedActor.value)
  const query = useMemo(() => parseQuery(text.value), [text.value])
  const filter = useFilter(query, hidden.value, isOnlyOne.value ? subject : null)
  /** Where it was left standing while the session goes on; null: it follows. */
  const [leftAt, setLeftAt] = useState<number | null>(null)
  // What the recording does not have any more cannot be held.
  const heldAt = leftAt !== null && leftAt > app.recording.firstPosition ? leftAt : null
  const { diagram, records, isWhole } = useDiagram(app, state, filter, heldAt)
  const missed = heldAt === null ? 0 : state.position - heldAt
  const toggle = (kind: MessageKind): void => {
    const kinds = new Set(filter.kinds)
    if (!kinds.delete(kind)) kinds.add(kind)
    hidden.value = messageKinds.filter((one) => !kinds.has(one)).join(' ')
  }
  return (
    <>
      <Toolbar label="Sequence">
        <FilterField
          value={text.value}
          onChange={(value) => {
            text.value = value
          }}
          placeholder="Filter: kind:task address:worker/a event:task.claim key:tasks/42"
          count={`${countText(diagram.rows.length)}${isWhole ? '' : '+'}`}
          hint={queryHint(query, queryFields)}
        />
        <fieldset class="switch" aria-label="What is shown">
          {messageKinds.map((kind) => (
            <button
              key={kind}
              type="button"
              class="switch-option"
              aria-pressed={filter.kinds.has(kind)}
              title={kindLabels[kind].title}
              onClick={() => toggle(kind)}
            >
              <span class={`sequence-key is-${kind}`} />
              {kindLabels[kind].label}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          class="button sequence-only"
          aria-pressed={isOnlyOne.value && subject !== null}
          disabled={subject === null}
          title={
            subject === null
              ? 'Choose an actor first: a lane of the diagram, or in the list of actors'
              : `Only what ${subject.address} sends, takes and writes, and its keys`
          }
          onClick={() => {
            isOnlyOne.value = !isOnlyOne.value
          }}
        >
          <span class="cut">Only {subject?.address ?? 'the chosen one'}</span>
        </button>
        <CopyButton text={() => mermaidSequence(recordsForMermaid(state, records))} label="Copy as Mermaid" />
      </Toolbar>
      {diagram.rows.length === 0 ? (
        <Nothing state={state} isFiltered={state.position > 0} />
      ) : (
        <SequenceView
          diagram={diagram}
          namespace={state.namespace}
          now={app.position.value}
          selected={app.selectedPosition.value}
          selectedLane={app.selectedActor.value}
          follows={heldAt === null}
          missed={missed}
          onSelect={(position) => {
            app.selectedPosition.value = position
          }}
          onOpen={(position) => app.showRecord(position)}
          onSelectLane={(id) => {
            app.selectedActor.value = id
          }}
          onFollow={(follows) => setLeftAt(follows ? null : state.position)}
        />
      )}
    </>
  )
}

function useFilter(query: Query, hidden: string, subject: Subject | null): SequenceFilter {
  const { source, address } = subject ?? {}
  return useMemo(() => {
    const hiddenKinds = hidden.split(' ')
    return {
      kinds: new Set(messageKinds.filter((kind) => !hiddenKinds.includes(kind))),
      subject,
      accepts: (record) => matchesRecord(query, record),
    }
  }, [query, hidden, source, address])
}

interface Shown {
  readonly diagram: SequenceDiagram
  /** Oldest first. */
  readonly records: readonly PlacedRecord[]
  /** Nothing older would pass. */
  readonly isWhole: boolean
}

function useDiagram(app: App, state: SessionState, filter: SequenceFilter, heldAt: number | null): Shown {
  const { recording } = app
  const { namespace } = state
  const accepts = useMemo(() => (record: TraceRecord) => acceptsRecord(record, filter, namespace), [filter, namespace])
  const search = useMemo(
    () => new RecordSearch(recording, (record): record is TraceRecord => accepts(record)),
    [recording, accepts],
  )
  const isLive = app.position.value === null
  const before = isLive && heldAt !== null ? Math.min(heldAt, state.position) : state.position
  return useMemo(() => {
    const { records, searchedFrom } = search.before(before)
    const later = isLive ? [] : laterRecords(recording, before, accepts)
    const shown = [...records.toReversed(), ...later]
    const messages = shown
      .flatMap((placed) => messagesOf(placed, state.sources))
      .filter((message) => acceptsMessage(message, filter))
    const diagram = sequenceDiagram(messages, (source) => sourceName(state, source))
    return { diagram, records: shown, isWhole: searchedFrom <= recording.firstPosition }
  }, [search, before, isLive, state.sources])
}

/** A sequence explains itself: who its sources are is told before it. */
function recordsForMermaid(state: SessionState, records: readonly PlacedRecord[]): TraceRecord[] {
  return [...[...state.sources.values()].map(({ about }) => about), ...records.map(({ record }) => record)]
}

function subjectOf(state: SessionState, id: string | null): Subject | null {
  if (id === null) return null
  const actor = state.actors.get(id)
  if (actor !== undefined) return actor
  const at = id.indexOf('|')
  const address = id.slice(at + 1)
  return { source: id.slice(0, at), address, kind: address.split('/', 1)[0] ?? address }
}

function Nothing({ state, isFiltered }: { readonly state: SessionState; readonly isFiltered: boolean }) {
  if (isFiltered && state.actors.size > 0) {
    return <EmptyState title="Nothing of this kind has happened">Show more kinds of messages, or widen the filter.</EmptyState>
  }
  return (
    <EmptyState title="Nothing has happened yet">
      Events between actors, and what they write to the shared memory, are drawn here as soon as a runtime works on this memory.
    </EmptyState>
  )
}
