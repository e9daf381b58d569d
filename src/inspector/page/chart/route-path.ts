/** The way of an arrow as SVG path data: straight pieces with rounded corners. Pure. */
import type { ElkPoint } from 'elkjs/lib/elk-api.js'

/** Corners are rounded by so many pixels, less where two of them are near. */
export const cornerPx = 7

export function routePath(points: readonly ElkPoint[]): string {
  const [start] = points
  const end = points.at(-1)
  if (start === undefined || end === undefined) return ''
  let path = `M${round(start.x)} ${round(start.y)}`
  for (let index = 1; index < points.length - 1; index++) {
    const [before, corner, after] = points.slice(index - 1, index + 2) as [ElkPoint, ElkPoint, ElkPoint]
    const radius = Math.min(cornerPx, distance(before, corner) / 2, distance(corner, after) / 2)
    const from = towards(corner, before, radius)
    const to = towards(corner, after, radius)
    path += `L${round(from.x)} ${round(from.y)}Q${round(corner.x)} ${round(corner.y)} ${round(to.x)} ${round(to.y)}`
  }
  return `${path}L${round(end.x)} ${round(end.y)}`
}

function distance(a: ElkPoint, b: ElkPoint): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}

function towards(from: ElkPoint, to: ElkPoint, px: number): ElkPoint {
  const length = distance(from, to)
  if (length === 0) return from
  return { x: from.x + ((to.x - from.x) * px) / length, y: from.y + ((to.y - from.y) * px) / length }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
