/**
 * The actors' tree as lines: processes, and under each its actors with their children, those that live first, minus what is folded or
 * filtered out. Pure.
 */
import type { ActorNode, SourceActors } from '../model/selectors.ts'
import type { ActorView, SourceView } from '../model/session-state.ts'

export type ActorRow =
  | {
      readonly type: 'source'
      readonly key: string
      readonly source: SourceView
      readonly count: number
      readonly isOpen: boolean
    }
  | {
      readonly type: 'actor'
      readonly key: string
      readonly actor: ActorView
      /** 1 under its process. */
      readonly depth: number
      readonly children: number
      readonly isOpen: boolean
    }

export interface ActorRowsOptions {
  /** null: all pass. An actor that does not pass is shown while one below it does. */
  readonly accepts: ((actor: ActorView) => boolean) | null
  /** Keys of rows whose children are hidden. */
  readonly folded: ReadonlySet<string>
}

export function sourceKey(source: string): string {
  return `source:${source}`
}

export function actorRows(tree: readonly SourceActors[], options: ActorRowsOptions): readonly ActorRow[] {
  const rows: ActorRow[] = []
  for (const { source, roots, count } of tree) {
    const key = sourceKey(source.source)
    const isOpen = !options.folded.has(key)
    const below: ActorRow[] = []
    const passed = liveFirst(roots).reduce((sum, node) => sum + addNode(node, 1, isOpen, options, below), 0)
    if (options.accepts !== null && passed === 0) continue
    rows.push({ type: 'source', key, source, count: options.accepts === null ? count : passed, isOpen })
    for (const row of below) rows.push(row)
  }
  return rows
}

/** @returns how many of it and below it pass. */
function addNode(node: ActorNode, depth: number, isShown: boolean, options: ActorRowsOptions, rows: ActorRow[]): number {
  const { actor, children } = node
  const isOpen = !options.folded.has(actor.id)
  const at = rows.length
  if (isShown) rows.push({ type: 'actor', key: actor.id, actor, depth, children: children.length, isOpen })
  let passed = options.accepts === null || options.accepts(actor) ? 1 : 0
  for (const child of liveFirst(children)) passed += addNode(child, depth + 1, isShown && isOpen, options, rows)
  // Nothing below it was added either.
  if (passed === 0) rows.length = at
  return passed
}

function liveFirst(nodes: readonly ActorNode[]): readonly ActorNode[] {
  const ended = nodes.filter(({ actor }) => actor.status !== 'active')
  return ended.length === 0 ? nodes : [...nodes.filter(({ actor }) => actor.status === 'active'), ...ended]
}
