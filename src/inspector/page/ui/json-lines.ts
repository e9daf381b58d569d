/**
 * A JSON value as lines, of which those below a folded one are left out: what `JsonView` draws, and the keyboard moves in. Pure.
 *
 * - J1 never more than {@link linesMax} lines, whatever the value: longer arrays and objects are shown in parts
 */
import { type CutValue, isCut, redactedText } from '../../../wire/trace-record.ts'

/** Members of one object or array shown at once; a line offers as many more. */
export const membersShown = 100
export const linesMax = 5000
/** Larger objects and arrays are folded at first, wherever they stand. */
export const openMembersMax = 30
/** Longer texts are folded to this many characters. */
export const textShown = 240

export type JsonLine = {
  /** Members from the root, as one text: unique. */
  readonly path: string
  readonly depth: number
  /** Member name or index; null: the root. */
  readonly name: string | null
} & (
  | { readonly type: 'open'; readonly isOpen: boolean; readonly summary: string; readonly brackets: string }
  | { readonly type: 'text'; readonly text: string; readonly hidden: number }
  | { readonly type: 'plain'; readonly text: string; readonly of: 'number' | 'boolean' | 'null' | 'redacted' }
  | { readonly type: 'cut'; readonly cut: CutValue }
  | { readonly type: 'more'; readonly left: number; readonly of: string }
)

export interface Folding {
  /** Paths whose state differs from what the depth says. */
  readonly turned: ReadonlySet<string>
  /** How many members of a path are shown, where it is more than {@link membersShown}. */
  readonly shown: ReadonlyMap<string, number>
  /** Texts shown whole. */
  readonly whole: ReadonlySet<string>
  /** Objects less deep than this are open at first, if they have at most {@link openMembersMax} members. */
  readonly openDepth: number
}

export function jsonLines(value: unknown, folding: Folding): readonly JsonLine[] {
  const lines: JsonLine[] = []
  add(value, null, '$', 0)
  return lines

  function add(value: unknown, name: string | null, path: string, depth: number): void {
    if (lines.length >= linesMax) return
    const place = { path, depth, name }
    if (isCut(value)) lines.push({ ...place, type: 'cut', cut: value })
    else if (typeof value === 'string') lines.push(textLine(place, value))
    else if (value === null || typeof value !== 'object') {
      const of = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'null'
      lines.push({ ...place, type: 'plain', text: String(value), of })
    } else addInside(value, place)
  }

  function textLine(place: { path: string; depth: number; name: string | null }, value: string): JsonLine {
    if (value === redactedText) return { ...place, type: 'plain', text: value, of: 'redacted' }
    const isFolded = value.length > textShown && !folding.whole.has(place.path)
    const text = isFolded ? value.slice(0, textShown).toWellFormed() : value
    return { ...place, type: 'text', text, hidden: isFolded ? value.length - textShown : 0 }
  }

  function addInside(value: object, place: { path: string; depth: number; name: string | null }): void {
    const members = Object.entries(value)
    const opensItself = place.depth < folding.openDepth && members.length <= openMembersMax
    const isOpen = members.length > 0 && opensItself !== folding.turned.has(place.path)
    const brackets = Array.isArray(value) ? '[]' : '{}'
    lines.push({ ...place, type: 'open', isOpen, summary: summaryOf(value, members), brackets })
    if (!isOpen) return
    const shown = folding.shown.get(place.path) ?? membersShown
    for (const [name, inner] of members.slice(0, shown)) {
      add(inner, name, `${place.path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, place.depth + 1)
    }
    if (members.length > shown && lines.length < linesMax) {
      const path = `${place.path}/…`
      lines.push({ path, depth: place.depth + 1, name: null, type: 'more', left: members.length - shown, of: place.path })
    }
  }
}

/** What a folded object says of itself: its first members, short. */
function summaryOf(value: object, members: readonly (readonly [string, unknown])[]): string {
  if (members.length === 0) return ''
  if (Array.isArray(value)) return `${members.length} ${members.length === 1 ? 'item' : 'items'}`
  const shown = members.slice(0, 4).map(([name, inner]) => (typeof inner === 'object' ? name : `${name}: ${shortText(inner)}`))
  return members.length > 4 ? `${shown.join(', ')}, …` : shown.join(', ')
}

function shortText(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 24).toWellFormed()) : String(value)
  return typeof value === 'string' && value.length > 24 ? `${text.slice(0, -1)}…"` : text
}
