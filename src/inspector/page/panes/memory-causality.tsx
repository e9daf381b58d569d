/**
 * Who had seen what: versions of a key as nodes in the lanes of their writers, each to the right of all it had seen. Those above each
 * other had not seen one another. Sides of conflicts that were never stored are drawn hollow.
 */
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { EntryVersion } from '../model/session-state.ts'
import { isStored } from './causal-versions.ts'
import { layoutCausality } from './causality-layout.ts'
import { vectorText } from './version-vector.tsx'

export interface MemoryCausalityProps {
  /** In the order of their revisions. */
  readonly versions: readonly EntryVersion[]
  /** Revision of the chosen one. */
  readonly selected: number | null
  onSelect(version: EntryVersion): void
}

const columnPx = 68
const lanePx = 44
const topPx = 22
const leftPx = 30
const radiusPx = 7
/** Colours that lanes take turns with: `--series-1` and on. */
const laneColors = 6

export function MemoryCausality({ versions, selected, onSelect }: MemoryCausalityProps) {
  const layout = useMemo(() => layoutCausality(versions), [versions])
  const scroller = useRef<HTMLDivElement>(null)
  // The newest are looked for first.
  useLayoutEffect(() => {
    if (scroller.current !== null) scroller.current.scrollLeft = scroller.current.scrollWidth
  }, [layout])
  const width = leftPx + layout.columns * columnPx
  const height = topPx + layout.writers.length * lanePx
  const xOf = (index: number): number => leftPx + (layout.places[index]?.column ?? 0) * columnPx
  const yOf = (index: number): number => topPx + (layout.places[index]?.lane ?? 0) * lanePx + lanePx / 2 - 6
  return (
    <div class="causality">
      <div class="causality-lanes" style={{ paddingTop: `${topPx}px` }}>
        {layout.writers.map((writer, lane) => (
          <div key={writer} class={`causality-writer lane-${(lane % laneColors) + 1}`} style={{ height: `${lanePx}px` }}>
            <span class="cut" title={writer}>
              {writer}
            </span>
          </div>
        ))}
      </div>
      <div class="causality-scroll" ref={scroller}>
        {/* biome-ignore lint/a11y/useSemanticElements: a drawing of things that are pressed */}
        <svg class="causality-drawing" width={width} height={height} role="group" aria-label="Who had seen which version">
          <defs>
            <marker id="had-seen" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">
              <path class="causality-arrow" d="M0 0L6 3L0 6Z" />
            </marker>
          </defs>
          {layout.writers.map((writer, lane) => (
            <line
              key={writer}
              class="causality-lane"
              x1={0}
              x2={width}
              y1={topPx + lane * lanePx + lanePx / 2 - 6}
              y2={topPx + lane * lanePx + lanePx / 2 - 6}
            />
          ))}
          {layout.concurrentColumns.map((column) => (
            <g key={column}>
              <rect
                class="causality-concurrent"
                x={leftPx + column * columnPx - columnPx / 2 + 6}
                y={2}
                width={columnPx - 12}
                height={height - 4}
                rx={6}
              />
              <text class="causality-word" x={leftPx + column * columnPx} y={14}>
                concurrent
              </text>
            </g>
          ))}
          {layout.edges.map(({ from, to }) => (
            <path
              key={`${from} ${to}`}
              class="causality-edge"
              d={edgePath(xOf(from), yOf(from), xOf(to), yOf(to))}
              marker-end="url(#had-seen)"
            />
          ))}
          {layout.places.map(({ version, lane }, index) => (
            // biome-ignore lint/a11y/useSemanticElements: a drawing has no buttons
            <g
              key={`${version.revision} ${version.entry.workerId}`}
              class={`causality-node lane-${(lane % laneColors) + 1}${isStored(version) ? '' : ' is-unstored'}${version.revision === selected ? ' is-selected' : ''}`}
              transform={`translate(${xOf(index)} ${yOf(index)})`}
              role="button"
              // As SVG spells it: in another case it would be no attribute that takes the focus.
              tabindex={0}
              aria-label={titleOf(version)}
              aria-pressed={version.revision === selected}
              aria-disabled={!isStored(version)}
              onClick={() => onSelect(version)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return
                event.preventDefault()
                event.stopPropagation()
                onSelect(version)
              }}
            >
              <title>{titleOf(version)}</title>
              <circle class="causality-halo" r={radiusPx + 4} />
              <circle class="causality-dot" r={radiusPx} />
              <text class="causality-label" y={radiusPx + 15}>
                {isStored(version) ? `r${version.revision}` : 'unstored'}
              </text>
            </g>
          ))}
        </svg>
      </div>
    </div>
  )
}

function titleOf(version: EntryVersion): string {
  const { workerId } = version.entry
  const seen = vectorText(version.entry.version, workerId)
  if (isStored(version)) return `Revision ${version.revision} by ${workerId}, which had seen ${seen}`
  return `A write of ${workerId} that was never stored as it was, which had seen ${seen}: it lost or was merged`
}

/** Straight in one lane, else with a bend; it ends before the node. */
function edgePath(x1: number, y1: number, x2: number, y2: number): string {
  const from = x1 + radiusPx + 1
  const to = x2 - radiusPx - 2
  if (y1 === y2) return `M${from} ${y1}L${to} ${y2}`
  const bend = Math.min(28, (to - from) / 2 + 6)
  return `M${from} ${y1}C${from + bend} ${y1} ${to - bend} ${y2} ${to} ${y2}`
}
