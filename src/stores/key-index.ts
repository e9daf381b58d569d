/**
 * The keys of a memory store in key order. Adding is a push, sorting waits until somebody scans: commits are hot, scans
 * are rare. Knows keys only.
 *
 * - K1 after `settle`, every chunk is sorted, chunks follow each other, and no key occurs twice
 */
import { compareKeys } from '../domain/key.ts'

/** A chunk is split in two above this: an insertion moves at most this many keys. */
const chunkKeysMax = 1024

export class KeyIndex {
  #chunks: string[][] = []
  #size = 0
  /** Keys not yet in their place. */
  #added: string[] = []

  /** `key` must not be in the index. */
  add(key: string): void {
    this.#added.push(key)
  }

  delete(key: string): void {
    this.#settle()
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return
    const index = firstAtLeast(chunk, key)
    if (chunk[index] !== key) return
    chunk.splice(index, 1)
    this.#size--
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** Visits keys from `from` on (without `from` itself when `isExclusive`), in key order, until `visit` returns false. */
  scan(from: string, isExclusive: boolean, visit: (key: string) => boolean): void {
    this.#settle()
    let index = -1
    for (let at = this.#chunkOf(from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as string[]
      if (index === -1) {
        index = firstAtLeast(chunk, from)
        if (isExclusive && chunk[index] === from) index++
      } else {
        index = 0
      }
      for (; index < chunk.length; index++) if (!visit(chunk[index] as string)) return
    }
  }

  #settle(): void {
    if (this.#added.length === 0) return
    const added = this.#added
    this.#added = []
    // Many at once: sorting everything beats many insertions.
    if (added.length > 64 && added.length * 8 > this.#size) this.#rebuild(added)
    else for (const key of added) this.#insert(key)
  }

  #rebuild(added: readonly string[]): void {
    const keys = this.#chunks.flat().concat(added).sort(compareKeys)
    this.#chunks = []
    const half = chunkKeysMax / 2
    for (let from = 0; from < keys.length; from += half) this.#chunks.push(keys.slice(from, from + half))
    this.#size = keys.length
  }

  #insert(key: string): void {
    this.#size++
    if (this.#chunks.length === 0) {
      this.#chunks.push([key])
      return
    }
    const at = Math.min(this.#chunkOf(key), this.#chunks.length - 1)
    const chunk = this.#chunks[at] as string[]
    chunk.splice(firstAtLeast(chunk, key), 0, key)
    if (chunk.length > chunkKeysMax) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1))
  }

  /** The first chunk that ends at or after `key`; the number of chunks when there is none. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      const chunk = this.#chunks[middle] as string[]
      if (compareKeys(chunk[chunk.length - 1] as string, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function firstAtLeast(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
