/**
 * A table of any length with headers that sort. Owns the order and the columns' places; what a cell shows and what it is sorted by
 * comes with the column.
 */
// biome-ignore-all lint/a11y/useSemanticElements: a <table> cannot be drawn by the row
// biome-ignore-all lint/a11y/useFocusableInteractive: the list inside has the focus and names its active row
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Icon } from './icon.tsx'
import { nextSort, type Sort, sortedRows } from './sorted-rows.ts'
import { VirtualList } from './virtual-list.tsx'

export interface Column<Row> {
  readonly key: string
  readonly label: string
  /** What it is sorted by, and shown where there is no `render`. */
  value(row: Row): string | number | null
  render?(row: Row): ComponentChildren
  /** A track of a CSS grid. Default `minmax(0, 1fr)`. */
  readonly width?: string
  readonly align?: 'start' | 'end'
  /** Explains the column where the pointer rests. */
  readonly title?: string
  /** Left out while the table is narrower than {@link wideTablePx}. */
  readonly isWideOnly?: boolean
  /** Left out while it is narrower than {@link roomyTablePx}. */
  readonly isRoomyOnly?: boolean
}

export interface TableProps<Row> {
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  rowKey(row: Row): string
  /** Its own order; clicks on headers change it and bring it back. Without: as given. */
  readonly sort?: Sort
  readonly selected?: string | null
  onSelect?(row: Row): void
  /** Double click or Enter. */
  onOpen?(row: Row): void
  readonly label: string
  /** CSS pixels. Default {@link tableRowPx}. */
  readonly rowHeight?: number
  /** Class of a row. */
  rowClass?(row: Row): string
}

export const tableRowPx = 28
export const wideTablePx = 720
export const roomyTablePx = 480

export function Table<Row>(props: TableProps<Row>) {
  const box = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState<'wide' | 'roomy' | 'narrow'>('wide')
  const [sort, setSort] = useState<Sort | null>(props.sort ?? null)
  const columns = props.columns.filter(
    ({ isWideOnly, isRoomyOnly }) => room === 'wide' || (isWideOnly !== true && (room === 'roomy' || isRoomyOnly !== true)),
  )
  const rows = useMemo(
    () => sortedRows(props.rows, sort, props.columns.find((column) => column.key === sort?.key)?.value, props.rowKey),
    [props.rows, sort],
  )

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => {
      const { clientWidth: widthPx } = element
      setRoom(widthPx >= wideTablePx ? 'wide' : widthPx >= roomyTablePx ? 'roomy' : 'narrow')
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  // Set through the DOM: the page's policy forbids style attributes.
  const tracks = columns.map((column) => column.width ?? 'minmax(0, 1fr)').join(' ')
  useLayoutEffect(() => box.current?.style.setProperty('--columns', tracks), [tracks])

  const turn = (key: string): void => setSort((before) => nextSort(before, key, props.sort ?? null))

  return (
    <div ref={box} class="table" role="grid" aria-label={props.label} aria-rowcount={rows.length + 1}>
      <div class="table-head" role="row" aria-rowindex={1}>
        {columns.map((column) => {
          const isSorted = sort?.key === column.key
          return (
            <div
              key={column.key}
              role="columnheader"
              class={`table-cell${column.align === 'end' ? ' is-end' : ''}`}
              aria-sort={isSorted ? (sort.descending === true ? 'descending' : 'ascending') : 'none'}
            >
              <button type="button" class="table-sort" title={column.title} onClick={() => turn(column.key)}>
                <span class="cut">{column.label}</span>
                {isSorted && <Icon name={sort.descending === true ? 'down' : 'up'} />}
              </button>
            </div>
          )
        })}
      </div>
      <VirtualList
        rows={rows}
        rowHeight={props.rowHeight ?? tableRowPx}
        role="rowgroup"
        label={props.label}
        rowKey={props.rowKey}
        selected={props.selected ?? null}
        {...(props.onSelect === undefined ? {} : { onSelect: props.onSelect })}
        {...(props.onOpen === undefined ? {} : { onOpen: props.onOpen })}
        rowAttributes={(row) => ({ class: `table-row ${props.rowClass?.(row) ?? ''}` })}
        renderRow={(row) =>
          columns.map((column) => (
            <div key={column.key} role="gridcell" class={`table-cell${column.align === 'end' ? ' is-end' : ''}`}>
              {column.render === undefined ? <span class="cut">{column.value(row) ?? '–'}</span> : column.render(row)}
            </div>
          ))
        }
      />
    </div>
  )
}
