/** A task's life as a line from top to bottom: what its record went through, told in words, with the transitions of its actors between. */
import { useMemo, useState } from 'preact/hooks'
import type { TraceRecord, TransitionRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import type { EntryView } from '../model/session-state.ts'
import { remembered } from '../ui/remembered.ts'
import { stateText } from '../ui/state-text.ts'
import { Time } from '../ui/time.tsx'
import { Section } from './facts.tsx'
import { type Found, RecordSearch } from './record-search.ts'
import { type RecordLine, type StoryLine, storyOf, type TransitionLine } from './task-story.ts'

export interface TaskTimelineProps {
  readonly app: App
  readonly task: string
  readonly view: EntryView
}

export function TaskTimeline({ app, task, view }: TaskTimelineProps) {
  const showsTransitions = remembered('tasks.transitions', false)
  const state = app.state.value
  const search = useSearch(app, task)
  const [, lookAgain] = useState(0)
  // Reads what came since the last time, so once a frame costs little; and nothing for who does not want them.
  const { records, searchedFrom } = showsTransitions.value ? search.before(state.position) : notAsked
  const versions = useMemo(() => [...view.history, view.current], [view])
  const lines = useMemo(() => storyOf(versions, records), [versions, records.length, records[0]?.position])
  const isShort = searchedFrom > app.recording.firstPosition
  return (
    <Section
      title="What happened"
      note={
        <label class="check">
          <input
            type="checkbox"
            checked={showsTransitions.value}
            onChange={(event) => (showsTransitions.value = event.currentTarget.checked)}
          />
          with transitions
        </label>
      }
    >
      {showsTransitions.value && isShort && (
        <p class="faint">
          Transitions before these were not looked for.{' '}
          <button
            type="button"
            class="link"
            onClick={() => {
              search.goBack()
              lookAgain((turns) => turns + 1)
            }}
          >
            Look further back
          </button>
        </p>
      )}
      <ol class="timeline">
        {lines.map((line) => (
          <Line key={`${line.kind} ${line.position}`} app={app} line={line} />
        ))}
      </ol>
    </Section>
  )
}

const notAsked: Found<TransitionRecord> = { records: [], searchedFrom: 0 }

function useSearch(app: App, task: string): RecordSearch<TransitionRecord> {
  return useMemo(() => {
    const address = `task/${task}`
    const isOfTask = (record: TraceRecord): record is TransitionRecord =>
      record.type === 'transition' && record.address === address
    return new RecordSearch(app.recording, isOfTask)
  }, [app, task])
}

function Line({ app, line }: { readonly app: App; readonly line: StoryLine }) {
  return line.kind === 'record' ? <RecordStep app={app} line={line} /> : <TransitionStep app={app} line={line} />
}

function RecordStep({ app, line }: { readonly app: App; readonly line: RecordLine }) {
  return (
    <li class={`step is-record tone-${line.tone}`}>
      <button
        type="button"
        class="step-button"
        title={`Revision ${line.revision}: show the record`}
        onClick={() => app.showRecord(line.position)}
      >
        <Time atMs={line.atMs} />
        <span class="step-text">
          {line.text}
          {line.times > 1 && <span class="faint"> {line.times} times</span>}
        </span>
      </button>
    </li>
  )
}

function TransitionStep({ app, line }: { readonly app: App; readonly line: TransitionLine }) {
  const { record } = line.placed
  const process = app.state.value.sources.get(record.source)?.about.workerId ?? record.source
  const isIgnored = record.edges.length === 0
  return (
    <li class="step is-transition">
      <button
        type="button"
        class="step-button"
        title={`${process}: show the transition`}
        onClick={() => app.showRecord(line.position)}
      >
        <Time atMs={line.atMs} />
        <span class="step-text">
          <span class="mono">{record.event.type}</span>{' '}
          <span class="faint">
            {isIgnored ? `meant nothing in ${stateText(record.from)}` : stepText(stateText(record.from), stateText(record.to))} ·{' '}
            {process}
          </span>
        </span>
      </button>
    </li>
  )
}

function stepText(from: string, to: string): string {
  return from === to ? `in ${to}` : `${from} → ${to}`
}
