/**
 * Who had seen whom: the versions of one key as a graph, by their version vectors alone. Revisions and clocks say in which order a store
 * took them; this says who knew of what. Draws nothing.
 */
import { compareVersions } from '../../../domain/version-vector.ts'
import type { EntryVersion } from './session-state.ts'

export interface CausalityNode {
  readonly version: EntryVersion
  /** Index in {@link Causality.lanes} of its writer. */
  readonly lane: number
}

export interface CausalityEdge {
  /** Indexes in {@link Causality.nodes}; `from` is the older one. */
  readonly from: number
  readonly to: number
  /** `after`: the writer of `to` had seen `from`, and nothing shown lies between. `concurrent`: neither had seen the other. */
  readonly kind: 'after' | 'concurrent'
}

export interface Causality {
  /** In order of revision, oldest first. */
  readonly nodes: readonly CausalityNode[]
  /** Writers, in order of their first version. */
  readonly lanes: readonly string[]
  readonly edges: readonly CausalityEdge[]
}

/** Versions of one key that are compared with each other, the newest; a key's whole history and what is there now fit. */
export const causalityVersionsMax = 64

export function causality(versions: readonly EntryVersion[]): Causality {
  const ordered = [...versions].sort((a, b) => a.revision - b.revision || a.position - b.position).slice(-causalityVersionsMax)
  const lanes: string[] = []
  const nodes = ordered.map((version) => {
    let lane = lanes.indexOf(version.entry.workerId)
    if (lane === -1) lane = lanes.push(version.entry.workerId) - 1
    return { version, lane }
  })
  const edges: CausalityEdge[] = []
  // `sees[to]` are those that `to` had seen. By falling distance, so that what lies between is known when it is asked for.
  const sees = ordered.map(() => new Set<number>())
  for (let to = 0; to < ordered.length; to++) {
    const reached = new Set<number>()
    for (let from = to - 1; from >= 0; from--) {
      const comparison = compareVersions(versionAt(ordered, to), versionAt(ordered, from))
      if (comparison === 'concurrent') {
        edges.push({ from, to, kind: 'concurrent' })
        continue
      }
      // A version that is older than what the store took before it had been overwritten unseen: nothing is drawn against the order.
      if (comparison === 'before') continue
      sees[to]?.add(from)
      if (!reached.has(from)) edges.push({ from, to, kind: 'after' })
      reached.add(from)
      for (const earlier of sees[from] ?? []) reached.add(earlier)
    }
  }
  return { nodes, lanes, edges: edges.sort((a, b) => a.to - b.to || a.from - b.from) }
}

function versionAt(versions: readonly EntryVersion[], index: number): EntryVersion['entry']['version'] {
  return versions[index]?.entry.version ?? {}
}
