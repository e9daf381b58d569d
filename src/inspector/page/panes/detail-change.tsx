/** What is told of a change of the memory, and of a conflict that was decided. */
import type { ChangeRecord, ConflictRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import type { SessionState } from '../model/session-state.ts'
import { countText } from '../ui/format.ts'
import { JsonView } from '../ui/json-view.tsx'
import { Time } from '../ui/time.tsx'
import { Differences } from './differences.tsx'
import { Facts, Section } from './facts.tsx'
import { KeyLink } from './links.tsx'
import { ruleText } from './memory-conflicts.tsx'

export function ChangeDetail({
  app,
  before,
  record,
}: {
  readonly app: App
  readonly before: SessionState
  readonly record: ChangeRecord
}) {
  const { entry } = record
  const old = before.entries.get(record.key)?.current
  const isDeleted = entry.x?.t === 1
  return (
    <>
      <Section title="Change">
        <Facts
          facts={[
            { name: 'Key', value: <KeyLink app={app} memoryKey={record.key} /> },
            { name: 'Revision', value: countText(record.revision) },
            { name: 'Written by', value: entry.workerId },
            { name: 'Lives', value: entry.ttl === undefined || entry.ttl === 0 ? null : `${countText(entry.ttl)} s` },
            { name: 'Guard', value: entry.x?.e === undefined ? null : `${entry.x.e[0]}, epoch ${entry.x.e[1]}` },
          ]}
        />
      </Section>
      <Section title="Value">{isDeleted ? <p class="faint">Deleted.</p> : <JsonView value={entry.value} />}</Section>
      <Section title="Difference to before" note={old === undefined ? undefined : `revision ${countText(old.revision)}`}>
        <Differences before={old?.entry.value} after={isDeleted ? undefined : entry.value} same="The same value again." />
      </Section>
      <Section title="Version">
        <JsonView value={entry.version} />
      </Section>
    </>
  )
}

export function ConflictDetail({ app, record }: { readonly app: App; readonly record: ConflictRecord }) {
  return (
    <>
      <Section title="Conflict">
        <Facts
          facts={[
            { name: 'Key', value: <KeyLink app={app} memoryKey={record.key} /> },
            { name: 'Rule', value: ruleText(record.strategy) },
            { name: 'Discarded', value: `${record.discarded} of ${record.sides.length} sides` },
          ]}
        />
      </Section>
      {record.sides.map((side) => (
        <Section
          key={`${side.workerId} ${side.timestamp}`}
          title={`Side of ${side.workerId}`}
          note={<Time atMs={side.timestamp} />}
        >
          <JsonView value={side.value} />
        </Section>
      ))}
      <Section title="Result">
        <JsonView value={record.resolved} />
      </Section>
    </>
  )
}
