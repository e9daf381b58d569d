/** A statechart as plain data, for those who draw it: every state and every edge of the real chart, nothing resolved away. Only shapes. */

export interface ChartDefinition {
  /** Of the machine: `task`. */
  readonly id: string
  readonly root: ChartNode
}

export interface ChartNode {
  /** Unique in its chart: XState's id of the node, `task.processing`. */
  readonly id: string
  readonly key: string
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  /** Of a history state: what is entered again. */
  readonly history?: 'shallow' | 'deep'
  readonly description?: string
  readonly tags: readonly string[]
  /** Id of the child that is entered first, of a compound state. */
  readonly initial?: string
  /** Names of actions, guards and invoked actors; `(inline)` where the chart has a function. */
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  readonly invoke: readonly string[]
  readonly states: readonly ChartNode[]
  /** Transitions that begin here, in the order in which they are tried. */
  readonly edges: readonly ChartEdge[]
}

export interface ChartEdge {
  /** Unique in its chart, and the same in every process that runs this chart: `<node id>#<index in edges>`. */
  readonly id: string
  readonly kind: 'event' | 'always' | 'after' | 'done' | 'error' | 'wildcard'
  /** The event's type as it arrives; empty for `always`. */
  readonly event: string
  /** For people: `task.complete`, `after retryMs`, `done(fetch)`, `always`, `*`. */
  readonly label: string
  readonly guard?: string
  /** Ids of the states entered; empty: none, only actions run. */
  readonly targets: readonly string[]
  readonly actions: readonly string[]
  readonly description?: string
  /** It leaves and enters its own state. */
  readonly reenters: boolean
}
