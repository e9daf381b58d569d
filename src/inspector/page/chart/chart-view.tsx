/**
 * One chart, drawn and lit, that can be moved and enlarged. Owns the wait for its layout; knows nothing of actors.
 */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { MemorySyncError } from '../../../domain/errors.ts'
import type { ChartDefinition } from '../../../wire/chart-definition.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { ChartCanvas } from './chart-canvas.tsx'
import type { ChartDrawing } from './chart-drawing.ts'
import type { ChartLights } from './chart-lights.ts'
import { ChartSvg } from './chart-svg.tsx'
import { ChartLayouts } from './layout.ts'
import { workerEngine } from './layout-worker.ts'

export interface ChartViewProps {
  readonly chart: ChartDefinition
  readonly lights: ChartLights
  readonly chosenEdge: string | null
  onChooseEdge(id: string): void
}

type Step =
  | { readonly type: 'drawing' }
  | { readonly type: 'drawn'; readonly drawing: ChartDrawing }
  | { readonly type: 'failed'; readonly error: MemorySyncError }

/** One for the page: drawings are kept while panes come and go. */
const layouts = new ChartLayouts(workerEngine())

export function ChartView({ chart, lights, chosenEdge, onChooseEdge }: ChartViewProps) {
  const step = useDrawing(chart)
  const drawing = step.type === 'drawn' ? step.drawing : null
  const picture = useMemo(
    () =>
      drawing === null ? null : (
        <ChartSvg drawing={drawing} lights={lights} chosenEdge={chosenEdge} onChooseEdge={onChooseEdge} />
      ),
    [drawing, lights, chosenEdge, onChooseEdge],
  )
  if (step.type === 'failed') return <EmptyState title="This chart cannot be drawn">{step.error.message}</EmptyState>
  if (drawing === null) {
    return (
      <div class="chart-canvas" aria-busy="true">
        <span class="visually-hidden">The chart is being laid out.</span>
      </div>
    )
  }
  return (
    <ChartCanvas drawing={drawing} label={`Statechart ${chart.id}`}>
      {picture}
    </ChartCanvas>
  )
}

/** The drawing before stays until the next one is there: no flicker between actors of equal charts. */
function useDrawing(chart: ChartDefinition): Step {
  const [step, setStep] = useState<Step>({ type: 'drawing' })
  useEffect(() => {
    let isWanted = true
    layouts.drawing(chart).then(
      (drawing) =>
        isWanted &&
        setStep((before) => (before.type === 'drawn' && before.drawing === drawing ? before : { type: 'drawn', drawing })),
      (thrown: unknown) => isWanted && setStep({ type: 'failed', error: MemorySyncError.from(thrown, 'aborted') }),
    )
    return () => {
      isWanted = false
    }
  }, [chart])
  return step
}
