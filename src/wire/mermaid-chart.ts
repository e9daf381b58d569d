/**
 * A chart as a Mermaid state diagram, for READMEs and issues. Pure: every state and every edge of the definition is in the text,
 * what Mermaid has no sign for is said in words. Knows no actor.
 *
 * - M1 names are generated (`s0`, `s1`, …): no key or label of a chart can become syntax
 * - M2 an edge between two states of one state is written inside of that, every other one at the very end: Mermaid takes a state for
 *   part of the state in which it is mentioned
 */
import type { ChartDefinition, ChartEdge, ChartNode } from './chart-definition.ts'
import { mermaidLabel } from './mermaid-text.ts'

export function mermaidChart({ root }: ChartDefinition): string {
  return [`stateDiagram-v2`, ...new Drawing(root).lines].join('\n')
}

interface Arrow {
  readonly from: string
  readonly to: string
  readonly label: string
}

class Drawing {
  readonly lines: string[] = []
  readonly #nameById = new Map<string, string>()
  readonly #parentById = new Map<string, string>()
  /** By id of the state that both ends are directly inside of; null: none but the diagram. */
  readonly #arrowsByScope = new Map<string | null, Arrow[]>()

  constructor(root: ChartNode) {
    // As a state of its own only where it must be: one frame more makes a small chart hard to read.
    const isFramed =
      root.type === 'parallel' ||
      root.states.length === 0 ||
      root.edges.length > 0 ||
      wordsOf(root).length > 0 ||
      isTarget(root, root)
    this.#name(root)
    this.#collectArrows(root)
    if (isFramed) {
      this.#line(0, `[*] --> ${this.#nameOf(root)}`)
      this.#draw(root, 0)
    } else {
      this.#drawInside(root, 0)
    }
    this.#drawArrows(null, 0)
  }

  #name(node: ChartNode): void {
    this.#nameById.set(node.id, `s${this.#nameById.size}`)
    for (const state of node.states) {
      this.#parentById.set(state.id, node.id)
      this.#name(state)
    }
  }

  #nameOf({ id }: { readonly id: string }): string {
    return this.#nameById.get(id) ?? 'unknown'
  }

  #collectArrows(node: ChartNode): void {
    for (const edge of node.edges) {
      for (const target of edge.targets) {
        const scope = this.#scopeOf(node.id, target)
        const arrows = this.#arrowsByScope.get(scope) ?? []
        arrows.push({ from: this.#nameOf(node), to: this.#nameOf({ id: target }), label: labelOf(edge) })
        this.#arrowsByScope.set(scope, arrows)
      }
    }
    for (const state of node.states) this.#collectArrows(state)
  }

  /** The state that both are directly inside of; null: there is none. */
  #scopeOf(from: string, to: string): string | null {
    const parent = this.#parentById.get(from)
    return parent !== undefined && parent === this.#parentById.get(to) ? parent : null
  }

  #draw(node: ChartNode, depth: number): void {
    const name = this.#nameOf(node)
    const isComposite = node.states.length > 0
    this.#line(depth, `state "${mermaidLabel(titleOf(node))}" as ${name}${isComposite ? ' {' : ''}`)
    if (isComposite) {
      this.#drawInside(node, depth + 1)
      this.#line(depth, '}')
    }
    if (node.type === 'final') this.#line(depth, `${name} --> [*]`)
    this.#drawWords(node, depth, isComposite)
  }

  #drawInside(node: ChartNode, depth: number): void {
    if (node.type === 'parallel') {
      node.states.forEach((region, index) => {
        if (index > 0) this.#line(depth, '--')
        this.#draw(region, depth)
      })
    } else {
      if (node.initial !== undefined) this.#line(depth, `[*] --> ${this.#nameOf({ id: node.initial })}`)
      for (const state of node.states) this.#draw(state, depth)
    }
    this.#drawArrows(node.id, depth)
  }

  #drawArrows(scope: string | null, depth: number): void {
    for (const { from, to, label } of this.#arrowsByScope.get(scope) ?? []) {
      this.#line(depth, `${from} --> ${to} : ${mermaidLabel(label)}`)
    }
  }

  #drawWords(node: ChartNode, depth: number, isComposite: boolean): void {
    const words = wordsOf(node)
    const name = this.#nameOf(node)
    if (!isComposite) for (const word of words) this.#line(depth, `${name} : ${mermaidLabel(word)}`)
    else if (words.length > 0) {
      this.#line(depth, `note right of ${name}`)
      for (const word of words) this.#line(depth + 1, mermaidLabel(word))
      this.#line(depth, 'end note')
    }
  }

  #line(depth: number, text: string): void {
    this.lines.push('  '.repeat(depth + 1) + text)
  }
}

/** Edges that enter nothing, entry, exit and what is invoked: Mermaid has no arrow for these. */
function wordsOf({ entry, exit, invoke, edges }: ChartNode): string[] {
  return [
    ...entry.map((action) => `entry / ${action}`),
    ...exit.map((action) => `exit / ${action}`),
    ...invoke.map((actor) => `invoke ${actor}`),
    ...edges.filter(({ targets }) => targets.length === 0).map(labelOf),
  ]
}

function isTarget(node: ChartNode, within: ChartNode): boolean {
  return within.edges.some(({ targets }) => targets.includes(node.id)) || within.states.some((state) => isTarget(node, state))
}

function titleOf({ type, history, key }: ChartNode): string {
  if (type === 'history') return history === 'deep' ? 'H*' : 'H'
  return key
}

function labelOf({ label, guard, actions }: ChartEdge): string {
  const condition = guard === undefined ? '' : ` [${guard}]`
  return `${label}${condition}${actions.length === 0 ? '' : ` / ${actions.join(', ')}`}`
}
