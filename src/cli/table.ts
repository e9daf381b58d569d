/** Text for a terminal: aligned columns, ages, and stored text made harmless. Knows neither streams nor commands. */

export interface Column {
  readonly title: string
  readonly align?: 'right'
}

const gap = '  '
const ellipsis = '…'

/** Lines of a table, its titles first. The last column is cut where the line would be longer than `lineMax`. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], lineMax = Infinity): string[] {
  const widths = columnWidths(columns, rows)
  return [titles(columns, widths, lineMax), ...rows.map((cells) => formatRow(columns, widths, cells, lineMax))]
}

export function columnWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    rows.reduce((width, cells) => Math.max(width, widthOf(printable(cells[index] ?? ''))), widthOf(title)),
  )
}

export function titles(columns: readonly Column[], widths: readonly number[], lineMax = Infinity): string {
  const cells = columns.map(({ title }) => title)
  return formatRow(columns, widths, cells, lineMax)
}

export function formatRow(
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
  lineMax = Infinity,
): string {
  const line = columns
    .map(({ align }, index) => {
      const text = printable(cells[index] ?? '')
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)))
      return align === 'right' ? padding + text : text + padding
    })
    .join(gap)
    .trimEnd()
  return cut(line, lineMax)
}

/** At most `lengthMax` characters, an ellipsis for the rest. */
export function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const characters = [...text]
  return characters.length <= lengthMax ? text : `${characters.slice(0, Math.max(0, lengthMax - 1)).join('')}${ellipsis}`
}

function widthOf(text: string): number {
  return [...text].length
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is made visible here
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/**
 * One line in which every control character is spelled out: what others stored must neither break a table nor steer the
 * reader's terminal.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped)
}

const unprintableInJson = /[\u007f-\u009f\u2028\u2029]/g

/** JSON of one line, or indented, with the control characters that JSON lets through escaped too. */
export function jsonText(value: unknown, indent?: number): string {
  return (JSON.stringify(value, null, indent) ?? 'null').replace(unprintableInJson, unicodeEscape)
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  return unicodeEscape(character)
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `850 ms`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs)
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  if (ms < 120_000) return `${Math.floor(ms / 1000)} s`
  if (ms < 7_200_000) return `${Math.floor(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`
  return `${Math.floor(ms / 86_400_000)} d`
}

/** `1 task`, `3 tasks`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
