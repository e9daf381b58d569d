/**
 * Which part of a drawing is seen, and how large. Pure arithmetic; pixels of the pane on one side, of the drawing on the other.
 *
 * - V1 `pane = drawing * zoom + (x, y)`
 * - V2 zoom stays within {@link zoomMin} and {@link zoomMax}, and some of the drawing stays in sight
 */
export interface Viewport {
  readonly zoom: number
  readonly x: number
  readonly y: number
}

export interface Extent {
  readonly width: number
  readonly height: number
}

export const zoomMin = 0.1
export const zoomMax = 4
/** One press of a key, one notch of a wheel. */
export const zoomStep = 1.2
/** Left free around a drawing that was fitted in. */
export const fitMarginPx = 20
/** So much of a drawing cannot be pushed out of the pane. */
export const keptInSightPx = 48

/** Left free below it, for the buttons that lie over the pane's lower edge. */
export const fitFootPx = 52

/** The whole drawing in the middle of what is free of the pane, enlarged at most to its natural size. */
export function fitted(drawing: Extent, pane: Extent): Viewport {
  const free = { width: pane.width - 2 * fitMarginPx, height: pane.height - fitMarginPx - fitFootPx }
  const zoom = clamp(Math.min(1, free.width / drawing.width, free.height / drawing.height), zoomMin, zoomMax)
  return { zoom, x: (pane.width - drawing.width * zoom) / 2, y: fitMarginPx + (free.height - drawing.height * zoom) / 2 }
}

/** Larger or smaller by `factor`; the point of the drawing under (`atX`, `atY`) stays there. */
export function zoomed(view: Viewport, factor: number, atX: number, atY: number): Viewport {
  const zoom = clamp(view.zoom * factor, zoomMin, zoomMax)
  const ratio = zoom / view.zoom
  return { zoom, x: atX - (atX - view.x) * ratio, y: atY - (atY - view.y) * ratio }
}

export function panned(view: Viewport, byX: number, byY: number): Viewport {
  return { ...view, x: view.x + byX, y: view.y + byY }
}

/** The nearest view in which something of the drawing can be seen. */
export function keptInSight(view: Viewport, drawing: Extent, pane: Extent): Viewport {
  const x = clamp(view.x, keptInSightPx - drawing.width * view.zoom, pane.width - keptInSightPx)
  const y = clamp(view.y, keptInSightPx - drawing.height * view.zoom, pane.height - keptInSightPx)
  return { ...view, x, y }
}

function clamp(value: number, min: number, max: number): number {
  return Number.isNaN(value) ? min : Math.min(Math.max(value, min), Math.max(min, max))
}
