/**
 * Conflicts: writers that had not seen each other's value. Runs the configured resolver on what is stored and what was to be
 * written, counts, and tells. Knows no store; that the result is written again is the memory's business.
 */
import { type Entry, isLive } from '../domain/entry.ts'
import type { MemorySyncError } from '../domain/errors.ts'
import { type ConflictResolver, ConflictResolvers, type Resolution, resolveWith } from '../domain/resolvers.ts'
import type { Reconciled } from './memory.ts'

export interface Conflict {
  readonly key: string
  readonly entries: readonly Entry[]
  readonly resolution: Resolution
}

export interface ReconcilerHands {
  readonly resolver: ConflictResolver
  wallMs(): number
  report(error: MemorySyncError): void
  resolved?(conflict: Conflict): void
}

export class Reconciler {
  readonly #hands: ReconcilerHands
  #count = 0

  constructor(hands: ReconcilerHands) {
    this.#hands = hands
  }

  /** Runs of the resolver so far. */
  get count(): number {
    return this.#count
  }

  reconcile(key: string, stored: Entry, own: Entry): Reconciled {
    const entries = [stored, own]
    const nowMs = this.#hands.wallMs()
    // A value and its deletion have nothing to merge: the later of the two stays.
    const areValues = isLive(stored, nowMs) && isLive(own, nowMs)
    const resolver = areValues ? this.#hands.resolver : ConflictResolvers.lastWriteWins
    this.#count++
    const resolution = resolveWith(resolver, entries, this.#hands.report)
    this.#hands.resolved?.({ key, entries, resolution })
    if (!areValues) {
      const winner = resolution.discarded.includes(own) ? stored : own
      return { value: isLive(winner, nowMs) ? winner.value : undefined }
    }
    const { resolved, fields } = resolution
    return fields === undefined ? { value: resolved } : { value: resolved, fields }
  }
}
