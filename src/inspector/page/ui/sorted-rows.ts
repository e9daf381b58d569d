/** Rows in the order of one column. Pure. */

export interface Sort {
  /** Of the column. */
  readonly key: string
  readonly descending?: boolean
}

/** After a click on a column's header: its order, then the reverse of it, then the table's own again. */
export function nextSort(shown: Sort | null, key: string, own: Sort | null): Sort | null {
  if (shown?.key !== key) return { key, descending: false }
  if (shown.descending !== true) return { key, descending: true }
  // The table's own order would be the same one again, and the click would seem lost.
  return own?.key === key && own.descending === true ? { key, descending: false } : own
}

/** Rows without a value stand last either way; equal ones are ordered by their key, so that a live table does not flicker. */
export function sortedRows<Row>(
  rows: readonly Row[],
  sort: Sort | null,
  value: ((row: Row) => string | number | null) | undefined,
  rowKey: (row: Row) => string,
): readonly Row[] {
  if (sort === null || value === undefined) return rows
  const keyed = rows.map((row) => ({ row, by: value(row), key: rowKey(row) }))
  const turn = sort.descending === true ? -1 : 1
  keyed.sort((a, b) => {
    if (a.by === null || b.by === null) return Number(a.by === null) - Number(b.by === null) || compare(a.key, b.key)
    return turn * compare(a.by, b.by) || compare(a.key, b.key)
  })
  return keyed.map(({ row }) => row)
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0
}
