/** One lock: who has it and since when, who waits, who had it before, and taking it away by force. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import type { LockRow } from '../model/selectors.ts'
import type { EntryView } from '../model/session-state.ts'
import { ActionButton } from '../ui/action-button.tsx'
import { StateBadge } from '../ui/badge.tsx'
import { countText, spanText } from '../ui/format.ts'
import { Time } from '../ui/time.tsx'
import type { Calm } from './calm-state.ts'
import { About, Facts, Section } from './facts.tsx'
import { lockLooks } from './lock-looks.ts'
import { type Holding, holdingsOf } from './lock-story.ts'
import { LeaseMeter } from './meter.tsx'
import { sourceName } from './source-name.ts'

/** Waiting actors that are listed. */
const waitersMax = 100

export interface LockDetailProps {
  readonly app: App
  /** As the list sees it. */
  readonly calm: Calm
  readonly row: LockRow
}

export function LockDetail({ app, calm, row }: LockDetailProps) {
  const { state, nowMs } = calm
  const view = state.entries.get(row.key)
  const looks = lockLooks[row.status]
  const { holderActor, waiters } = row
  return (
    <div class="pane-side">
      <About
        name={row.key}
        title={row.name}
        state={<StateBadge state={looks.text} tone={looks.tone} />}
        actions={
          <>
            {row.holder !== null && (
              <ActionButton
                app={app}
                action={{ type: 'lock.release', key: row.key }}
                label="Release by force"
                confirm={`Take it from ${row.holder}? What ${row.holder} still writes under it is refused from then on.`}
              />
            )}
            <button type="button" class="button is-quiet" onClick={() => app.showKey(row.key)}>
              Show its record
            </button>
          </>
        }
      >
        <Section title="Lock">
          <Facts
            facts={[
              {
                name: 'Holder',
                value:
                  row.holder === null ? (
                    <span class="faint">nobody</span>
                  ) : holderActor === null ? (
                    <span class="mono">{row.holder}</span>
                  ) : (
                    <button
                      type="button"
                      class="link mono"
                      title="Show the chart of its actor"
                      onClick={() => app.showActor(holderActor)}
                    >
                      {row.holder}
                    </button>
                  ),
              },
              {
                name: 'Life of the holder',
                value: row.incarnation === null ? null : <span class="mono">{row.incarnation}</span>,
              },
              { name: 'Epoch', value: row.epoch, title: 'The fencing token: it rises with every acquisition and never falls' },
              {
                name: 'Lease left',
                value: <LeaseMeter leftMs={row.leaseLeftMs} leaseMs={row.leaseMs} isWhole />,
                title: 'By the wall clock: an estimate',
              },
              { name: 'Lease', value: row.leaseMs === null ? null : `${spanText(row.leaseMs)} from each renewal` },
            ]}
          />
        </Section>
        <Section title="Who waits" note={countText(waiters.length)}>
          {waiters.length === 0 ? (
            <p class="faint">Nobody, in the processes that are told.</p>
          ) : (
            <>
              <ul class="rows">
                {waiters.slice(0, waitersMax).map((actor) => (
                  <li key={actor.id}>
                    <button type="button" class="link mono cut" title={actor.address} onClick={() => app.showActor(actor.id)}>
                      {sourceName(state, actor.source)}
                    </button>
                    <span class="at-end faint">for {spanText(Math.max(0, nowMs - actor.sinceMs))}</span>
                  </li>
                ))}
              </ul>
              <p class="faint">They have no order: when it becomes free, all of them try.</p>
            </>
          )}
        </Section>
        {view !== undefined && <Holdings app={app} view={view} />}
      </About>
    </div>
  )
}

function Holdings({ app, view }: { readonly app: App; readonly view: EntryView }) {
  const holdings = useMemo(() => holdingsOf([...view.history, view.current]).reverse(), [view])
  return (
    <Section title="Who had it" note="newest first, as far as was seen">
      {holdings.length === 0 ? (
        <p class="faint">Nobody was seen to have it.</p>
      ) : (
        <ol class="timeline">
          {holdings.map((holding) => (
            <li key={holding.epoch} class={`step is-record tone-${toneOf(holding)}`}>
              <button type="button" class="step-button" title="Show the record" onClick={() => app.showRecord(holding.position)}>
                <Time atMs={holding.fromMs} />
                <span class="step-text">
                  {holdingText(holding)}
                  {holding.renewals > 0 && (
                    <span class="faint"> · renewed {holding.renewals === 1 ? 'once' : `${holding.renewals} times`}</span>
                  )}
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </Section>
  )
}

function toneOf({ end }: Holding): 'good' | 'plain' | 'warning' {
  if (end === null) return 'good'
  return end.how === 'released' ? 'plain' : 'warning'
}

function holdingText({ owner, epoch, fromMs, end }: Holding): string {
  if (end === null) return `${owner} has it at epoch ${epoch}`
  const span = spanText(end.atMs - fromMs)
  switch (end.how) {
    case 'released':
      return `${owner} had it at epoch ${epoch}, for ${span}`
    case 'taken over':
      return `${owner} lost it at epoch ${epoch} to ${end.by}, after ${span}`
    case 'forced':
      return `${owner} lost it at epoch ${epoch} by force of ${end.by}, after ${span}`
    case 'replaced':
      return `${owner} lost it at epoch ${epoch}: ${end.by} put something else in its place`
  }
}
