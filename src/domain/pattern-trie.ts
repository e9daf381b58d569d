/**
 * Many patterns asked at once: which of them match this key? Owns the registrations and answers as a loop over
 * `parsePattern(pattern).matches(key)` would. Knows nothing of what is registered.
 *
 * The cost follows the key's depth, the wildcards that lead towards it and the hits, not the number of patterns. Only
 * patterns that differ in nothing but the middle of one segment (`a/x*1*y`, `a/x*2*y`) are tried one by one.
 *
 * - T1 a match yields each registration at most once, in the order in which they were added
 * - T2 what was removed leaves nothing behind
 */
import { matchesMiddle, parsePattern, partsOfSegment, type SegmentParts } from './pattern.ts'

interface Registration<T> {
  readonly value: T
  readonly sequence: number
}

interface Node<T> {
  readonly parent: Node<T> | null
  /** As in the pattern: literal, `*`, `**`, or with a wildcard in it. */
  readonly segment: string
  /** By the pattern's segment. Keys hold no `*`, so literals and wildcards cannot be mistaken for each other. */
  readonly children: Map<string, Node<T>>
  /** The children `*` and `**`, which every match asks for. */
  any: Node<T> | null
  many: Node<T> | null
  /** Children whose segment has a wildcard inside. */
  partial: PartialIndex<T> | null
  /** Patterns that end here. */
  here: Set<Registration<T>> | null
  /** Patterns that end with a `*` below here: one segment or more. */
  below: Set<Registration<T>> | null
  /** Which step of which match took this node in, and when `below` was last given: a node is reached on many ways. */
  enteredAt: number
  belowGivenAt: number
}

export class PatternTrie<T> {
  readonly #root: Node<T> = newNode<T>(null, '')
  /** Patterns without wildcards: one look-up serves them all. */
  readonly #byKey = new Map<string, Set<Registration<T>>>()
  #size = 0
  #sequence = 0
  #step = 0
  /** Registrations with `**`: only with these a node can be reached on several ways. */
  #many = 0
  /** Where a match is and where it goes on; kept from one match to the next. */
  readonly #front: readonly [Node<T>[], Node<T>[]] = [[], []]

  /** How many registrations there are. */
  get size(): number {
    return this.#size
  }

  /** How many nodes and keys are kept: 0 when there is no registration, whatever was there before. */
  get nodeCount(): number {
    const below = (node: Node<T>): number => [...node.children.values()].reduce((sum, child) => sum + 1 + below(child), 0)
    return this.#byKey.size + below(this.#root)
  }

  /**
   * Registers `value` under `pattern`, once more if it is there already.
   *
   * @returns a function that removes this registration; calling it again does nothing.
   * @throws `invalid_key` as {@link parsePattern} does.
   */
  add(pattern: string, value: T): () => void {
    const parsed = parsePattern(pattern)
    const registration: Registration<T> = { value, sequence: this.#sequence++ }
    const remove = parsed.key === null ? this.#addWild(parsed.segments, registration) : this.#addKey(parsed.key, registration)
    this.#size++
    let isThere = true
    return () => {
      if (!isThere) return
      isThere = false
      this.#size--
      remove()
    }
  }

  /** The values whose patterns match, in the order in which they were added. */
  match(key: string): T[] {
    const hits: Registration<T>[] = []
    const exact = this.#byKey.size === 0 ? undefined : this.#byKey.get(key)
    if (exact !== undefined) for (const registration of exact) hits.push(registration)
    if (this.#root.children.size > 0 || this.#root.below !== null) {
      const segments = key.split('/')
      if (this.#many === 0) walk(this.#root, segments, 0, hits)
      else this.#matchWild(segments, hits)
    }
    const [only] = hits
    if (hits.length < 2) return only === undefined ? [] : [only.value]
    hits.sort((a, b) => a.sequence - b.sequence)
    return hits.map((registration) => registration.value)
  }

  #addKey(key: string, registration: Registration<T>): () => void {
    const registrations = this.#byKey.get(key) ?? new Set()
    this.#byKey.set(key, registrations.add(registration))
    return () => {
      registrations.delete(registration)
      if (registrations.size === 0) this.#byKey.delete(key)
    }
  }

  #addWild(segments: readonly string[], registration: Registration<T>): () => void {
    const isBelow = segments[segments.length - 1] === '*'
    let node = this.#root
    for (const segment of isBelow ? segments.slice(0, -1) : segments) node = childOf(node, segment)
    const isMany = segments.includes('**')
    if (isMany) this.#many++
    const place = isBelow ? 'below' : 'here'
    node[place] = (node[place] ?? new Set()).add(registration)
    return () => {
      const registrations = node[place]
      registrations?.delete(registration)
      if (registrations?.size === 0) node[place] = null
      if (isMany) this.#many--
      prune(node)
    }
  }

  /** All ways through the trie at once, segment by segment. */
  #matchWild(segments: readonly string[], hits: Registration<T>[]): void {
    const begunAt = this.#step
    let [reached, next] = this.#front
    reached.length = 0
    enter(this.#root, reached, ++this.#step)
    for (const segment of segments) {
      next.length = 0
      const step = ++this.#step
      for (const node of reached) {
        if (node.below !== null && node.belowGivenAt <= begunAt) {
          node.belowGivenAt = step
          for (const registration of node.below) hits.push(registration)
        }
        if (node.segment === '**') enter(node, next, step)
        const literal = node.children.get(segment)
        if (literal !== undefined) enter(literal, next, step)
        if (node.any !== null) enter(node.any, next, step)
        node.partial?.forEachMatch(segment, (child) => enter(child, next, step))
      }
      if (next.length === 0) return
      const left = reached
      reached = next
      next = left
    }
    for (const { here } of reached) if (here !== null) for (const registration of here) hits.push(registration)
  }
}

/** The ways through a trie without `**`: each node is reached on one at most. */
function walk<T>(node: Node<T>, segments: readonly string[], at: number, hits: Registration<T>[]): void {
  if (at === segments.length) {
    if (node.here !== null) for (const registration of node.here) hits.push(registration)
    return
  }
  if (node.below !== null) for (const registration of node.below) hits.push(registration)
  const segment = segments[at] as string
  const literal = node.children.get(segment)
  if (literal !== undefined) walk(literal, segments, at + 1, hits)
  if (node.any !== null) walk(node.any, segments, at + 1, hits)
  node.partial?.forEachMatch(segment, (child) => walk(child, segments, at + 1, hits))
}

function enter<T>(node: Node<T>, reached: Node<T>[], step: number): void {
  if (node.enteredAt === step) return
  node.enteredAt = step
  reached.push(node)
  if (node.many !== null) enter(node.many, reached, step)
}

function newNode<T>(parent: Node<T> | null, segment: string): Node<T> {
  return {
    parent,
    segment,
    children: new Map(),
    any: null,
    many: null,
    partial: null,
    here: null,
    below: null,
    enteredAt: 0,
    belowGivenAt: 0,
  }
}

function childOf<T>(parent: Node<T>, segment: string): Node<T> {
  const known = parent.children.get(segment)
  if (known !== undefined) return known
  const child = newNode(parent, segment)
  parent.children.set(segment, child)
  if (segment === '*') parent.any = child
  else if (segment === '**') parent.many = child
  const parts = partialParts(segment)
  if (parts !== null) {
    parent.partial ??= new PartialIndex()
    parent.partial.add(parts, child)
  }
  return child
}

/** Takes the node out of the trie if nothing is left in it, and whatever is empty above it then. */
function prune<T>(from: Node<T>): void {
  let node = from
  while (node.parent !== null && node.here === null && node.below === null && node.children.size === 0) {
    node.parent.children.delete(node.segment)
    if (node.parent.any === node) node.parent.any = null
    else if (node.parent.many === node) node.parent.many = null
    const parts = partialParts(node.segment)
    if (parts !== null && node.parent.partial?.remove(parts, node) === 0) node.parent.partial = null
    node = node.parent
  }
}

function partialParts(segment: string): SegmentParts | null {
  return segment === '*' || segment === '**' ? null : partsOfSegment(segment)
}

interface Candidate<T> {
  readonly parts: SegmentParts
  readonly node: Node<T>
}

/** Segments such as `high-*-x`, found by what they begin and end with: one look-up for each pair of lengths that occurs. */
class PartialIndex<T> {
  readonly #byEnds = new Map<string, Candidate<T>[]>()
  /** How many entries of `byEnds` have these lengths of start and end. */
  readonly #lengths = new Map<number, { readonly start: number; readonly end: number; count: number }>()

  add(parts: SegmentParts, node: Node<T>): void {
    const ends = `${parts.start}*${parts.end}`
    const known = this.#byEnds.get(ends)
    if (known !== undefined) {
      known.push({ parts, node })
      return
    }
    this.#byEnds.set(ends, [{ parts, node }])
    const lengths = this.#lengths.get(lengthsCode(parts)) ?? { start: parts.start.length, end: parts.end.length, count: 0 }
    lengths.count++
    this.#lengths.set(lengthsCode(parts), lengths)
  }

  /** @returns how many different ends are left. */
  remove(parts: SegmentParts, node: Node<T>): number {
    const ends = `${parts.start}*${parts.end}`
    const left = this.#byEnds.get(ends)?.filter((candidate) => candidate.node !== node) ?? []
    if (left.length > 0) {
      this.#byEnds.set(ends, left)
    } else if (this.#byEnds.delete(ends)) {
      const lengths = this.#lengths.get(lengthsCode(parts))
      if (lengths !== undefined && --lengths.count === 0) this.#lengths.delete(lengthsCode(parts))
    }
    return this.#byEnds.size
  }

  forEachMatch(segment: string, visit: (node: Node<T>) => void): void {
    for (const { start, end } of this.#lengths.values()) {
      if (start + end > segment.length) continue
      const candidates = this.#byEnds.get(`${segment.slice(0, start)}*${segment.slice(segment.length - end)}`)
      if (candidates === undefined) continue
      for (const { parts, node } of candidates) if (matchesMiddle(parts, segment)) visit(node)
    }
  }
}

/** Both are below 1,024: a segment is no longer than a key. */
function lengthsCode({ start, end }: SegmentParts): number {
  return start.length * 1024 + end.length
}
