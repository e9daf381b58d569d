/** The keys of memory as a tree, by their segments. Lazy: only what is opened is worked out. Knows keys alone, no values. */
import { compareKeys } from '../../../domain/key.ts'
import { onceForKeys } from './memo.ts'
import type { SessionState } from './session-state.ts'

export interface KeyNode {
  /** The segment; empty for the root. */
  readonly name: string
  /** The segments from the root to here, joined by `/`. */
  readonly path: string
  /** Keys at and below it; deleted and expired ones that are still remembered count. */
  readonly keys: number
  /** Whether a key ends here: `state.entries.get(path)` is there. */
  readonly isKey: boolean
  /** Whether keys go on below it. */
  readonly hasChildren: boolean
  /** In key order; worked out at the first call. */
  children(): readonly KeyNode[]
}

/** The root; the same tree as long as no key came or went. */
export function keyTree(state: SessionState): KeyNode {
  return treeOf(state.entries)
}

const treeOf = onceForKeys((entries): KeyNode => new LazyNode('', '', [...entries.keys()], 0))

class LazyNode implements KeyNode {
  readonly name: string
  readonly path: string
  readonly keys: number
  readonly isKey: boolean
  readonly hasChildren: boolean
  /** Of all keys here: where the next segment begins. */
  readonly #from: number
  /** Forgotten when they have been divided among the children. */
  #below: readonly string[]
  #children: readonly KeyNode[] | null = null

  constructor(name: string, path: string, keys: readonly string[], from: number) {
    this.name = name
    this.path = path
    this.keys = keys.length
    this.isKey = from > 0 && keys.some((key) => key.length < from)
    this.hasChildren = keys.length > (this.isKey ? 1 : 0)
    this.#from = from
    this.#below = keys
  }

  children(): readonly KeyNode[] {
    this.#children ??= this.#divide()
    return this.#children
  }

  #divide(): readonly KeyNode[] {
    const keysByName = new Map<string, string[]>()
    for (const key of this.#below) {
      if (this.isKey && key.length < this.#from) continue
      const end = key.indexOf('/', this.#from)
      const name = key.slice(this.#from, end === -1 ? undefined : end)
      const keys = keysByName.get(name)
      if (keys === undefined) keysByName.set(name, [key])
      else keys.push(key)
    }
    this.#below = []
    const names = [...keysByName.keys()].sort(compareKeys)
    return names.map((name) => {
      const path = this.#from === 0 ? name : `${this.path}/${name}`
      return new LazyNode(name, path, keysByName.get(name) ?? [], path.length + 1)
    })
  }
}
