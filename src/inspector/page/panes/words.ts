/** The plain filter of short lists: every word must be somewhere in what a row shows, whatever the case. Pure. */

export function rowsWithWords<Row>(
  rows: readonly Row[],
  text: string,
  shown: (row: Row) => readonly (string | null)[],
): readonly Row[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const all = shown(row).join(' ').toLowerCase()
    return words.every((word) => all.includes(word))
  })
}
