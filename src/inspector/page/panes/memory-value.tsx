/** The value of a key as it is now, with all that its entry says beside it; what was cut can be had whole from the server. */
import { useEffect, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import type { EntryView } from '../model/session-state.ts'
import { countText, dateText, spanText } from '../ui/format.ts'
import { JsonView } from '../ui/json-view.tsx'
import { Ago } from '../ui/time.tsx'
import { isCutSomewhere } from './cut-value.ts'
import { type EntryFacts, entryFacts } from './entry-facts.ts'
import { Facts, Section } from './facts.tsx'
import { Meter } from './meter.tsx'
import { OriginButton } from './origin-button.tsx'
import { VersionVector } from './version-vector.tsx'

export function MemoryValue({ app, view }: { readonly app: App; readonly view: EntryView }) {
  const { entry, revision } = view.current
  const nowMs = app.nowMs.value
  const facts = entryFacts(entry, nowMs)
  return (
    <>
      <Section title="Value" note={facts.life === 'live' ? undefined : lifeNote(facts.life)}>
        {facts.life === 'deleted' ? (
          <p class="faint">Deleted. Its versions are kept in the history.</p>
        ) : isCutSomewhere(entry.value) ? (
          <WholeValue app={app} view={view} />
        ) : (
          <JsonView value={entry.value} openDepth={3} />
        )}
      </Section>
      <Section title="Entry">
        <Facts
          facts={[
            { name: 'Revision', value: countText(revision), title: 'Orders all changes of the store' },
            {
              name: 'Written',
              value: (
                <>
                  <Ago atMs={entry.timestamp} nowMs={nowMs} />{' '}
                  <OriginButton app={app} memoryKey={view.key} version={view.current} />
                </>
              ),
              title: dateText(entry.timestamp),
            },
            { name: 'Writer', value: <span class="mono">{entry.workerId}</span> },
            {
              name: 'Life of the writer',
              value: facts.incarnation === null ? null : <span class="mono">{facts.incarnation}</span>,
            },
            { name: 'Time to live', value: ttlOf(facts) },
            {
              name: 'Guarded by',
              value: facts.guard === null ? null : `epoch ${facts.guard.epoch} of ${facts.guard.scope}`,
              title: 'A writer under an older epoch is refused',
            },
          ]}
        />
      </Section>
      <Section title="Had seen" note="writes of each writer that are in this version">
        <VersionVector version={entry.version} writer={entry.workerId} />
      </Section>
    </>
  )
}

function ttlOf({ ttlLeftMs, ttlMs, life }: EntryFacts) {
  if (ttlLeftMs === null || ttlMs === null) return 'none: it stays'
  if (life === 'expired') return `over, after ${spanText(ttlMs)}`
  return (
    <Meter
      share={ttlLeftMs / ttlMs}
      text={`${spanText(ttlLeftMs)} of ${spanText(ttlMs)}`}
      tone={ttlLeftMs < ttlMs / 10 ? 'waiting' : 'active'}
      label="Time to live left"
    />
  )
}

function lifeNote(life: EntryFacts['life']): string {
  return life === 'expired' ? 'expired: readers see nothing here' : 'readers see nothing here'
}

type Whole =
  | { readonly type: 'cut' | 'asking' | 'nobody' }
  | { readonly type: 'whole'; readonly value: unknown; readonly revision: number | null }

function WholeValue({ app, view }: { readonly app: App; readonly view: EntryView }) {
  const { revision, entry } = view.current
  const [whole, setWhole] = useState<Whole>({ type: 'cut' })
  // Another version is cut again until it is asked for.
  useEffect(() => setWhole({ type: 'cut' }), [view.key, revision])
  const load = (): void => {
    setWhole({ type: 'asking' })
    app.fetchEntry(view.key).then(
      (answer) => setWhole(wholeOf(answer)),
      () => setWhole({ type: 'nobody' }),
    )
  }
  return (
    <>
      {whole.type === 'whole' ? <JsonView value={whole.value} openDepth={2} /> : <JsonView value={entry.value} />}
      <p class="whole">
        {whole.type === 'nobody' && (
          <span class="is-bad-text">Nobody can be asked for it: the server is away, or this is a recorded session. </span>
        )}
        {whole.type === 'whole' && whole.revision !== null && whole.revision !== revision && (
          <span class="faint">This is the newest one, revision {countText(whole.revision)}. </span>
        )}
        {whole.type !== 'whole' && (
          <button type="button" class="button" disabled={whole.type === 'asking'} onClick={load}>
            {whole.type === 'asking' ? 'Loading…' : 'Load the whole value'}
          </button>
        )}
      </p>
    </>
  )
}

/** What the server says of a key: `{ key, revision, entry }`, not trusted. */
function wholeOf(answer: unknown): Whole {
  if (answer === null || typeof answer !== 'object') return { type: 'nobody' }
  const { entry, revision } = answer as { readonly entry?: unknown; readonly revision?: unknown }
  if (entry === null || typeof entry !== 'object' || !('value' in entry)) return { type: 'nobody' }
  return { type: 'whole', value: entry.value, revision: typeof revision === 'number' ? revision : null }
}
