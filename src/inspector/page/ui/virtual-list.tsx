/**
 * A list of any length of which only the visible rows exist. Owns scrolling, the keyboard and the roles for screen readers; knows
 * nothing of what a row shows.
 */
// biome-ignore-all lint/a11y/noStaticElementInteractions: the role is one of three, given at run time
// biome-ignore-all lint/a11y/useAriaPropsSupportedByRole: the role is one of three, given at run time
// biome-ignore-all lint/a11y/useKeyWithClickEvents: keys belong to the list, which has the focus
import type { ComponentChildren, HTMLAttributes } from 'preact'
import { useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { indexAfterKey, listHeightMax, scrollToShow, windowOf } from './virtual-window.ts'

export interface VirtualListProps<Row> {
  readonly rows: readonly Row[]
  /** CSS pixels; all rows have it. */
  readonly rowHeight: number
  renderRow(row: Row, index: number): ComponentChildren
  /** Unique among the rows. Default: the row's index as text. */
  rowKey?(row: Row, index: number): string
  /** Key of the chosen row. */
  readonly selected?: string | null
  onSelect?(row: Row, key: string, index: number): void
  /** For screen readers. */
  readonly label: string
  /** Default `listbox`. `rowgroup`: inside of a grid, as in `Table`. */
  readonly role?: 'listbox' | 'tree' | 'rowgroup'
  /** More attributes of a row: `aria-level`, `aria-expanded`, a class. */
  rowAttributes?(row: Row, index: number): HTMLAttributes<HTMLDivElement>
  /** Keys that the list itself does not use, with the chosen row; true: it was used. */
  onRowKey?(key: string, row: Row): boolean
  /** Double click, or Enter on the chosen row. */
  onOpen?(row: Row): void
  /** Rows that come in above leave what is looked at where it is, unless the list stands at its very top and nothing is chosen. */
  readonly keepsPlace?: boolean
  /** The last rows have come near: if there are more, it is time for them. */
  readonly onEnd?: (() => void) | undefined
  readonly class?: string
}

const rowRoles = { listbox: 'option', tree: 'treeitem', rowgroup: 'row' } as const

export function VirtualList<Row>(props: VirtualListProps<Row>) {
  const { rows, rowHeight, renderRow, selected = null, role = 'listbox' } = props
  const rowKey = props.rowKey ?? ((_row: Row, index: number) => String(index))
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const [scrollTop, setScrollTop] = useState(0)
  const [height, setHeight] = useState(0)
  const selectedIndex = useMemo(
    () => (selected === null ? -1 : rows.findIndex((row, index) => rowKey(row, index) === selected)),
    [rows, selected],
  )

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setHeight(element.clientHeight)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const scrollTo = (top: number): void => {
    const element = box.current
    if (element === null || top === element.scrollTop) return
    element.scrollTop = top
    setScrollTop(element.scrollTop)
  }

  // Only when the choice changes: a live list must not jump back to the chosen row at every record.
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || selectedIndex === -1) return
    scrollTo(scrollToShow(selectedIndex, rowHeight, element.scrollTop, element.clientHeight))
  }, [selected, selectedIndex !== -1])

  const { first, end } = windowOf(rows.length, rowHeight, scrollTop, height)
  useKeptPlace(props, scrollTop, scrollTo)

  const select = (index: number): void => {
    const row = rows[index]
    if (row !== undefined) props.onSelect?.(row, rowKey(row, index), index)
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return
    const chosen = rows[selectedIndex]
    const from = selectedIndex === -1 ? Math.ceil(scrollTop / rowHeight) - 1 : selectedIndex
    const next = indexAfterKey(event.key, from, rows.length, Math.floor(height / rowHeight) - 1)
    if (next !== null) {
      select(next)
      if (props.onSelect === undefined) scrollTo(scrollToShow(next, rowHeight, scrollTop, height))
    } else if (event.key === 'Enter' && chosen !== undefined && props.onOpen !== undefined) props.onOpen(chosen)
    else if (chosen === undefined || props.onRowKey?.(event.key, chosen) !== true) return
    event.preventDefault()
    event.stopPropagation()
  }

  const drawn = []
  for (let index = first; index < end; index++) {
    const row = rows[index]
    if (row === undefined) break
    const key = rowKey(row, index)
    const isSelected = key === selected
    drawn.push(
      <div
        key={key}
        id={`${id}-${index}`}
        role={rowRoles[role]}
        aria-selected={isSelected}
        aria-posinset={role === 'rowgroup' ? undefined : index + 1}
        aria-setsize={role === 'rowgroup' ? undefined : rows.length}
        aria-rowindex={role === 'rowgroup' ? index + 2 : undefined}
        {...props.rowAttributes?.(row, index)}
        class={`vlist-row${isSelected ? ' is-selected' : ''} ${props.rowAttributes?.(row, index).class ?? ''}`}
        style={{ height: `${rowHeight}px`, transform: `translateY(${index * rowHeight}px)` }}
        onClick={() => select(index)}
        onDblClick={() => props.onOpen?.(row)}
      >
        {renderRow(row, index)}
      </div>,
    )
  }

  return (
    <div
      ref={box}
      class={`vlist ${props.class ?? ''}`}
      role={role}
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={selectedIndex >= first && selectedIndex < end ? `${id}-${selectedIndex}` : undefined}
      onScroll={(event) => {
        const { scrollTop: top, clientHeight, scrollHeight } = event.currentTarget
        setScrollTop(top)
        if (top + 2 * clientHeight >= scrollHeight) props.onEnd?.()
      }}
      onKeyDown={onKeyDown}
    >
      <div class="vlist-space" role="presentation" style={{ height: `${Math.min(rows.length * rowHeight, listHeightMax)}px` }}>
        {drawn}
      </div>
    </div>
  )
}

/** How far the row at the top edge is looked for after rows came in. */
const placeSearchRows = 5000

function useKeptPlace<Row>(
  { rows, rowHeight, rowKey, keepsPlace, selected = null }: VirtualListProps<Row>,
  scrollTop: number,
  scrollTo: (top: number) => void,
): void {
  const place = useRef<{ readonly key: string; readonly index: number } | null>(null)
  // By the place that the last scroll event told: asking the element would make the browser lay out the page at every record.
  useLayoutEffect(() => {
    if (keepsPlace !== true || rowKey === undefined) return
    let top = scrollTop
    const before = place.current
    if (before !== null && (scrollTop > 0 || selected !== null)) {
      const end = Math.min(rows.length, before.index + placeSearchRows)
      for (let index = 0; index < end; index++) {
        const row = rows[index]
        if (row === undefined || rowKey(row, index) !== before.key) continue
        if (index !== before.index) {
          top += (index - before.index) * rowHeight
          scrollTo(top)
        }
        break
      }
    }
    const index = Math.floor(top / rowHeight)
    const row = rows[index]
    place.current = row === undefined ? null : { key: rowKey(row, index), index }
  })
}
