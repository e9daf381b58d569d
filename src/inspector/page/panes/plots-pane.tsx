/** The plots pane: the figures of one process, or of all together, over the whole recording. A click goes to that moment. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import { metricsColumns } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { remembered } from '../ui/remembered.ts'
import { Toolbar } from '../ui/toolbar.tsx'
import { Plot } from './plot.tsx'
import { breakerBands, plotSpecs } from './plot-specs.ts'

/** Value of the choice that stands for all processes; no source is called so. */
const all = ''

export function PlotsPane({ app }: { readonly app: App }) {
  const chosen = remembered<string>('plots.source', all)
  const shown = app.state.value
  const isPast = app.position.value !== null
  // In the past too the curves go on to the newest moment: the shown one is marked in them.
  const newest = isPast ? app.recording.stateAt(app.recording.endPosition) : shown
  const sources = [...newest.metricsBySource.keys()]
  const source = sources.includes(chosen.value) ? chosen.value : all
  const columns = metricsColumns(newest, source === all ? null : source)
  const bands = useMemo(() => breakerBands(columns), [columns])
  const isZoomed = useSignal(false)
  const wholes = useSignal(0)
  const pick = (atS: number): void => {
    app.position.value = app.recording.positionAtMs(atS * 1000) + 1
  }
  return (
    <>
      <Toolbar label="Plots">
        <label class="plots-source">
          <span class="faint">Process</span>
          <select
            class="field"
            value={source}
            onChange={(event) => {
              chosen.value = event.currentTarget.value
            }}
          >
            <option value={all}>all together</option>
            {sources.map((each) => (
              <option key={each} value={each}>
                {nameOf(newest, each)}
              </option>
            ))}
          </select>
        </label>
        <span class="plots-note">
          {bands.length > 0 && (
            <span class="plots-key">
              <span class="plots-band" />
              circuit breaker not closed
            </span>
          )}
          {isZoomed.value ? (
            <button
              type="button"
              class="button"
              onClick={() => {
                wholes.value++
              }}
            >
              Show all of the time
            </button>
          ) : (
            <span>Click: go to that moment. Drag: zoom in.</span>
          )}
        </span>
      </Toolbar>
      {columns.atS.length < 2 ? (
        <EmptyState title="No figures yet">
          Each process that is watched tells its counters about once a second. The curves begin with the second time.
        </EmptyState>
      ) : (
        <div class="plots">
          {plotSpecs.map((spec) => (
            <Plot
              key={spec.title}
              spec={spec}
              columns={columns}
              bands={bands}
              shownS={isPast ? shown.atMs / 1000 : null}
              wholes={wholes.value}
              onPick={pick}
              onZoom={(isNow) => {
                isZoomed.value = isNow
              }}
            />
          ))}
        </div>
      )}
    </>
  )
}

function nameOf(state: SessionState, source: string): string {
  const view = state.sources.get(source)
  if (view === undefined) return source
  const { workerId, pid } = view.about
  return `${workerId}${pid === null ? '' : `, process ${pid}`}${view.isLost ? ', lost' : ''}`
}
