/** Which rows of a long list are drawn, and where it must be scrolled to. Pure numbers, in CSS pixels. */

/** Rows drawn beyond each edge, so that scrolling does not show empty space. */
export const overscanRows = 8
/** Browsers cut elements that are higher; rows beyond it cannot be reached. */
export const listHeightMax = 16_000_000

export interface Window {
  readonly first: number
  /** Behind the last one. */
  readonly end: number
}

export function windowOf(count: number, rowHeight: number, scrollTop: number, height: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - overscanRows)
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + overscanRows)
  return { first: Math.min(first, Math.max(0, count - 1)), end: Math.max(end, 0) }
}

/** The least movement that shows the row whole. */
export function scrollToShow(index: number, rowHeight: number, scrollTop: number, height: number): number {
  const top = index * rowHeight
  if (top < scrollTop) return top
  const bottom = top + rowHeight
  return bottom > scrollTop + height ? Math.max(0, bottom - height) : scrollTop
}

/** Where a key press moves to in a list of `count`; null: the key means nothing here. `at` -1: nothing is chosen yet. */
export function indexAfterKey(key: string, at: number, count: number, pageRows: number): number | null {
  if (count === 0) return null
  const clamp = (index: number): number => Math.min(count - 1, Math.max(0, index))
  switch (key) {
    case 'ArrowDown':
      return clamp(at + 1)
    case 'ArrowUp':
      return clamp(at === -1 ? 0 : at - 1)
    case 'PageDown':
      return clamp(at + Math.max(1, pageRows))
    case 'PageUp':
      return clamp(at - Math.max(1, pageRows))
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return null
  }
}
