/**
 * What was committed through this store of late: the server need not send it back with the changes. Owns the memory of it, bounded by
 * bytes. Of several writers on one store the first is remembered: a runtime has one. Knows no tool.
 */
import type { Entry } from '../../domain/entry.ts'
import { GenerationMap } from '../../domain/generation-map.ts'
import type { SizedUnit } from './commit-lane.ts'

/** Of the newest writes so much is remembered at least, and twice as much at most. */
export const ownBytesMin = 8 * 1024 * 1024

export class OwnWrites {
  #incarnation: string | undefined
  readonly #writeByCounter = new GenerationMap<number, { readonly key: string; readonly entry: Entry }>(ownBytesMin)

  /** The life whose writes are remembered; undefined before the first one. */
  get incarnation(): string | undefined {
    return this.#incarnation
  }

  remember({ unit, bytes }: SizedUnit): void {
    for (const { key, entry } of unit) {
      const dot = entry?.x?.d
      if (entry === null || dot === undefined) continue
      this.#incarnation ??= dot[2]
      if (dot[2] === this.#incarnation) this.#writeByCounter.set(dot[1], { key, entry }, bytes / unit.length)
    }
  }

  /** undefined: it is not remembered any more. */
  entryOf(counter: number, key: string): Entry | undefined {
    const write = this.#writeByCounter.get(counter)
    return write?.key === key ? write.entry : undefined
  }
}
