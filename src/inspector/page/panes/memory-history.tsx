/** What was seen of a key: its versions drawn and listed, the difference between any two, and who wrote which. */
import { useMemo, useState } from 'preact/hooks'
import { type Entry, isTombstone } from '../../../domain/entry.ts'
import type { Json } from '../../../domain/json.ts'
import type { ConflictRecord, CutValue } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import type { EntryVersion, EntryView } from '../model/session-state.ts'
import { countText } from '../ui/format.ts'
import { Time } from '../ui/time.tsx'
import { causalVersions } from './causal-versions.ts'
import { Differences } from './differences.tsx'
import { Section } from './facts.tsx'
import { MemoryCausality } from './memory-causality.tsx'
import { OriginButton } from './origin-button.tsx'
import { vectorText } from './version-vector.tsx'

export interface MemoryHistoryProps {
  readonly app: App
  readonly view: EntryView
  /** Of this key. */
  readonly conflicts: readonly ConflictRecord[]
}

export function MemoryHistory({ app, view, conflicts }: MemoryHistoryProps) {
  const versions = useMemo(() => [...view.history, view.current], [view])
  const drawn = useMemo(() => causalVersions(versions, conflicts), [versions, conflicts])
  const [chosen, choose] = useState<{ readonly before: number | null; readonly after: number | null }>({
    before: null,
    after: null,
  })
  const after = indexOf(versions, chosen.after) ?? versions.length - 1
  const before = indexOf(versions, chosen.before) ?? Math.max(0, after - 1)
  const select = (version: EntryVersion): void => {
    const index = versions.indexOf(version)
    if (index !== -1) choose({ before: versions[index - 1]?.revision ?? version.revision, after: version.revision })
  }
  const [older, newer] = [versions[before], versions[after]]
  return (
    <>
      <Section title="Who had seen what" note="left to right; versions above each other had not seen one another">
        <MemoryCausality versions={drawn} selected={newer?.revision ?? null} onSelect={select} />
      </Section>
      <Section title="Versions seen" note={versionsNote(versions.length)}>
        <VersionList
          app={app}
          viewKey={view.key}
          versions={versions}
          before={before}
          after={after}
          onChoose={(which, version) =>
            choose({ before: older?.revision ?? null, after: newer?.revision ?? null, [which]: version.revision })
          }
        />
      </Section>
      {older !== undefined && newer !== undefined && older !== newer && (
        <Section title="Difference" note={`from r${countText(older.revision)} to r${countText(newer.revision)}`}>
          <Differences
            before={shownValue(older.entry)}
            after={shownValue(newer.entry)}
            same="Both hold the same value; only the write is another."
          />
        </Section>
      )}
    </>
  )
}

interface VersionListProps {
  readonly app: App
  readonly viewKey: string
  /** Oldest first. */
  readonly versions: readonly EntryVersion[]
  readonly before: number
  readonly after: number
  onChoose(which: 'before' | 'after', version: EntryVersion): void
}

function VersionList({ app, viewKey, versions, before, after, onChoose }: VersionListProps) {
  return (
    <div class="versions">
      {versions
        .map((version, index) => (
          <div
            key={version.revision}
            class={`version${index === after ? ' is-after' : ''}${index === before ? ' is-before' : ''}`}
          >
            <input
              type="radio"
              name="version-before"
              aria-label={`Compare from revision ${version.revision}`}
              title="Compare from this version"
              checked={index === before}
              onChange={() => onChoose('before', version)}
            />
            <input
              type="radio"
              name="version-after"
              aria-label={`Compare to revision ${version.revision}`}
              title="Compare to this version"
              checked={index === after}
              onChange={() => onChoose('after', version)}
            />
            <span class="version-revision">r{countText(version.revision)}</span>
            <Time atMs={version.atMs} />
            <span class="version-writer cut" title={vectorText(version.entry.version, version.entry.workerId)}>
              {version.entry.workerId}
            </span>
            {isTombstone(version.entry as Entry) ? (
              <span class="badge is-rest">deleted</span>
            ) : (
              <span class="badge is-plain">{sizeHint(version)}</span>
            )}
            <span class="version-jumps">
              <OriginButton app={app} memoryKey={viewKey} version={version} />
              <button type="button" class="link" onClick={() => app.showRecord(version.position)}>
                record
              </button>
            </span>
          </div>
        ))
        .reverse()}
    </div>
  )
}

function indexOf(versions: readonly EntryVersion[], revision: number | null): number | null {
  const index = revision === null ? -1 : versions.findIndex((version) => version.revision === revision)
  return index === -1 ? null : index
}

function shownValue(entry: Entry<Json | CutValue>): Json | CutValue | undefined {
  return isTombstone(entry as Entry) ? undefined : entry.value
}

function versionsNote(count: number): string {
  const what = count === 1 ? 'one since the watching began' : 'newest first; choose two to compare'
  return `${what}; versions that were replaced at once may be missing`
}

function sizeHint({ entry: { value } }: EntryVersion): string {
  if (Array.isArray(value)) return `${value.length} items`
  if (value !== null && typeof value === 'object') return '$cut' in value ? 'cut' : `${Object.keys(value).length} members`
  return value === null ? 'null' : typeof value
}
