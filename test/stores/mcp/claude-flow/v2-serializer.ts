/**
 * Values as claude-flow v2 stores and reads them: texts as they are, all else as JSON in which its serializer has marked what JSON
 * cannot say. It looks for its marks in every text that parses, whoever wrote it.
 */

/** No value at all is stored too, as a mark. */
export function storedText(value: unknown): string {
  if (typeof value === 'string') return value
  return JSON.stringify(value === undefined ? { __type__: '__undefined__' } : value)
}

/** What JSON parses, with the marks revived; the text itself where either fails. */
export function readBack(text: string): unknown {
  try {
    return revived(JSON.parse(text))
  } catch {
    return text
  }
}

type Marked = Readonly<Record<string, unknown>>

/** Those of its types that a reply can tell apart. A BigInt cannot be put into JSON: the call that reads one fails as a whole. */
const revivedByMark: Readonly<Record<string, (marked: Marked) => unknown>> = {
  __Date__: ({ value }) => new Date(value as string),
  __BigInt__: ({ value }) => BigInt(value as string),
  __Map__: ({ entries }) => new Map([...(entries as [unknown, unknown][])]),
  __Set__: ({ values }) => new Set([...(values as unknown[])]),
  __RegExp__: ({ source, flags }) => new RegExp(source as string, flags as string),
  __undefined__: () => undefined,
  __NaN__: () => Number.NaN,
  __Infinity__: () => Number.POSITIVE_INFINITY,
  '__-Infinity__': () => Number.NEGATIVE_INFINITY,
}

function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived)
  if (typeof value !== 'object' || value === null) return value
  const marked = value as Marked
  if (marked.__circular__) return '[Circular Reference]'
  if (marked.__unknown__) return `[Unknown Type: ${String(marked.__unknown__)}]`
  const revive = typeof marked.__type__ === 'string' ? revivedByMark[marked.__type__] : undefined
  if (revive !== undefined) return revive(marked)
  const copy: Record<string, unknown> = {}
  for (const [member, inner] of Object.entries(marked)) {
    // A member named like this becomes a symbol, which no reply shows; one named __proto__ is lost by the assignment.
    if (!(member.startsWith('__symbol_') && member.endsWith('__'))) copy[member] = revived(inner)
  }
  return copy
}
