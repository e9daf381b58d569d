/** The rows of the key tree that are visible: what is open, or, while something is looked for, the keys in which it is. Pure. */
import { compareKeys } from '../../../domain/key.ts'
import type { KeyNode } from '../model/selectors.ts'

export interface KeyRow {
  /** The key, or the path of a folder: unique. */
  readonly path: string
  /** What is shown: a segment, or the whole key of a hit. */
  readonly name: string
  /** 0: at the left. */
  readonly depth: number
  readonly isKey: boolean
  /** null: nothing is below it. */
  readonly isOpen: boolean | null
  /** At and below it. */
  readonly keys: number
}

/** Keys found at once, the first in key order. */
export const foundKeysMax = 5000

/** @param turned paths of folders that are not as they are at first: those at the top are open, all others closed. */
export function keyRows(root: KeyNode, turned: ReadonlySet<string>): KeyRow[] {
  const rows: KeyRow[] = []
  // Own stack: keys may have hundreds of segments.
  const left: { readonly node: KeyNode; readonly depth: number }[] = []
  const push = (node: KeyNode, depth: number): void => {
    const children = node.children()
    for (let index = children.length - 1; index >= 0; index--) left.push({ node: children[index] as KeyNode, depth })
  }
  push(root, 0)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { node, depth } = next
    const { path, name, isKey, keys, hasChildren } = node
    const isOpen = hasChildren ? isOpenAt(path, turned) : null
    rows.push({ path, name, depth, isKey, keys, isOpen })
    if (isOpen === true) push(node, depth + 1)
  }
  return rows
}

/** Keys with `text` in them, whatever the case. `more`: how many there are beyond {@link foundKeysMax}. */
export function foundKeys(keys: Iterable<string>, text: string): { readonly rows: readonly KeyRow[]; readonly more: number } {
  const wanted = text.toLowerCase()
  const found: string[] = []
  for (const key of keys) if (key.toLowerCase().includes(wanted)) found.push(key)
  found.sort(compareKeys)
  const rows = found
    .slice(0, foundKeysMax)
    .map((key): KeyRow => ({ path: key, name: key, depth: 0, isKey: true, isOpen: null, keys: 1 }))
  return { rows, more: found.length - rows.length }
}

/** `turned` with every folder above `key` open. */
export function opened(key: string, turned: ReadonlySet<string>): ReadonlySet<string> {
  const next = new Set(turned)
  for (let end = key.indexOf('/'); end !== -1; end = key.indexOf('/', end + 1)) {
    const path = key.slice(0, end)
    if (!isOpenAt(path, next)) toggle(next, path)
  }
  return next
}

export function toggled(path: string, turned: ReadonlySet<string>): ReadonlySet<string> {
  const next = new Set(turned)
  toggle(next, path)
  return next
}

function toggle(turned: Set<string>, path: string): void {
  if (!turned.delete(path)) turned.add(path)
}

function isOpenAt(path: string, turned: ReadonlySet<string>): boolean {
  return !path.includes('/') !== turned.has(path)
}
