/**
 * Where the versions of one key are drawn: in the lane of their writer, to the right of all that they had seen, so that those in one
 * column had not seen each other. Geometry in columns and lanes; knows no pixels and no page.
 *
 * - G1 no two versions share a lane and a column
 * - G2 every edge runs to the right
 */
import { type Causality, causality } from '../model/selectors.ts'
import type { EntryVersion } from '../model/session-state.ts'

export interface CausalLayout {
  /** By lane, from the top. */
  readonly writers: readonly string[]
  readonly places: readonly CausalPlace[]
  /** "had seen": indexes in {@link places}, from the seen one to the one that had seen it. */
  readonly edges: readonly { readonly from: number; readonly to: number }[]
  readonly columns: number
  /** Columns with versions that had not seen each other. */
  readonly concurrentColumns: readonly number[]
}

export interface CausalPlace {
  readonly version: EntryVersion
  /** 0 at the left. */
  readonly column: number
  /** 0 at the top: index in {@link CausalLayout.writers}. */
  readonly lane: number
}

/** Versions drawn at once, the newest: more are a thread, not a picture. */
export const drawnVersionsMax = 40

export function layoutCausality(versions: readonly EntryVersion[]): CausalLayout {
  const { nodes, lanes, edges } = causality(versions.slice(-drawnVersionsMax))
  const after = edges.filter(({ kind }) => kind === 'after')
  const places: CausalPlace[] = []
  const taken = new Set<string>()
  for (const [index, { version, lane }] of nodes.entries()) {
    let column = 0
    for (const { from, to } of after) if (to === index) column = Math.max(column, (places[from]?.column ?? 0) + 1)
    while (taken.has(`${lane} ${column}`)) column++
    taken.add(`${lane} ${column}`)
    places.push({ version, column, lane })
  }
  return {
    writers: lanes,
    places,
    edges: after,
    columns: places.reduce((most, { column }) => Math.max(most, column + 1), 0),
    concurrentColumns: concurrentColumns(edges, places),
  }
}

/** By G2 no edge of the other kind stays in its column. */
function concurrentColumns(edges: Causality['edges'], places: readonly CausalPlace[]): number[] {
  const columns = new Set<number>()
  for (const { from, to } of edges) {
    const column = places[from]?.column
    if (column !== undefined && column === places[to]?.column) columns.add(column)
  }
  return [...columns].sort((a, b) => a - b)
}
