/**
 * A drawing that can be moved and enlarged: by wheel, by dragging, by keys. Owns what part of it is seen; knows nothing of what is drawn.
 * A new drawing, and a pane of another size that nobody has moved anything in, is shown whole.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type Extent, fitted, keptInSight, panned, type Viewport, zoomed, zoomStep } from './viewport.ts'

export interface ChartCanvasProps {
  readonly drawing: Extent
  readonly label: string
  readonly children: ComponentChildren
}

/** Pixels of the pane per press of an arrow key. */
const panStepPx = 60
/** Zoom per pixel that a wheel turns. */
const wheelZoom = 0.0016
/** A press that moves no further is a click. */
const clickPx = 4
const keysText = 'Drag or arrow keys: move. Wheel, + and −: zoom. 0: show all.'

export function ChartCanvas({ drawing, label, children }: ChartCanvasProps) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState<Viewport | null>(null)
  const hasMoved = useRef(false)
  const paneOf = (element: HTMLElement): Extent => ({ width: element.clientWidth, height: element.clientHeight })

  const showAll = (): void => {
    const element = box.current
    if (element === null || element.clientWidth === 0) return
    hasMoved.current = false
    setView(fitted(drawing, paneOf(element)))
  }
  const change = (next: (view: Viewport) => Viewport): void => {
    const element = box.current
    if (element === null) return
    hasMoved.current = true
    const pane = paneOf(element)
    setView((before) => keptInSight(next(before ?? fitted(drawing, pane)), drawing, pane))
  }
  const zoomBy = (factor: number, at?: { readonly x: number; readonly y: number }): void => {
    const { width, height } = box.current === null ? drawing : paneOf(box.current)
    change((before) => zoomed(before, factor, at?.x ?? width / 2, at?.y ?? height / 2))
  }

  useLayoutEffect(showAll, [drawing])
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(() => {
      if (!hasMoved.current) showAll()
    })
    observer.observe(element)
    const turn = (event: WheelEvent): void => {
      event.preventDefault()
      const { left, top } = element.getBoundingClientRect()
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY
      zoomBy(Math.exp(-pixels * wheelZoom * (event.ctrlKey ? 4 : 1)), { x: event.clientX - left, y: event.clientY - top })
    }
    // Not as a property: listeners for wheels are passive there, and the page would scroll.
    element.addEventListener('wheel', turn, { passive: false })
    return () => {
      observer.disconnect()
      element.removeEventListener('wheel', turn)
    }
  }, [drawing])

  const drag = useRef<{ readonly fromX: number; readonly fromY: number; isDrag: boolean } | null>(null)
  const onPointerMove = (event: PointerEvent): void => {
    const element = box.current
    const { current } = drag
    if (element === null || current === null) return
    if (!current.isDrag) {
      if (Math.hypot(event.clientX - current.fromX, event.clientY - current.fromY) < clickPx) return
      current.isDrag = true
      // Only now: a captured press would never become a click on what lies under it.
      element.setPointerCapture(event.pointerId)
    }
    change((before) => panned(before, event.movementX, event.movementY))
  }
  const endDrag = (): void => {
    drag.current = null
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const run = actionByKey[event.key]
    if (run === undefined) return
    event.preventDefault()
    event.stopPropagation()
    if (run === 'fit') showAll()
    else if (typeof run === 'number') zoomBy(run)
    else change((before) => panned(before, run.x * panStepPx, run.y * panStepPx))
  }

  const transform = view === null ? 'scale(0)' : `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`
  return (
    <div class="chart-canvas">
      <div
        ref={box}
        class="chart-view"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes the keys that move it
        tabIndex={0}
        aria-label={`${label}. ${keysText}`}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button === 0) drag.current = { fromX: event.clientX, fromY: event.clientY, isDrag: false }
        }}
        onPointerMove={onPointerMove}
        onPointerUp={endDrag}
        onPointerCancel={endDrag}
        onPointerLeave={(event) => {
          if (!event.currentTarget.hasPointerCapture(event.pointerId)) endDrag()
        }}
      >
        <div class="chart-sheet" style={{ transform }}>
          {children}
        </div>
      </div>
      <fieldset class="chart-zoom" aria-label="Zoom">
        <button
          type="button"
          class="chart-zoom-button"
          title="Smaller (−)"
          aria-label="Smaller"
          onClick={() => zoomBy(1 / zoomStep)}
        >
          −
        </button>
        <button type="button" class="chart-zoom-button is-level" title="Show all (0)" onClick={showAll}>
          {Math.round((view?.zoom ?? 1) * 100)} %
        </button>
        <button type="button" class="chart-zoom-button" title="Larger (+)" aria-label="Larger" onClick={() => zoomBy(zoomStep)}>
          +
        </button>
      </fieldset>
    </div>
  )
}

type KeyAction = 'fit' | number | { readonly x: number; readonly y: number }

const actionByKey: Readonly<Record<string, KeyAction>> = {
  '+': zoomStep,
  '=': zoomStep,
  '-': 1 / zoomStep,
  '0': 'fit',
  ArrowLeft: { x: 1, y: 0 },
  ArrowRight: { x: -1, y: 0 },
  ArrowUp: { x: 0, y: 1 },
  ArrowDown: { x: 0, y: -1 },
}
