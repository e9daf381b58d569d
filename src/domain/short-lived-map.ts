/**
 * A map whose entries come and go quickly. V8's `Map` moves into new tables all the time then, and one that has grown old
 * keeps all that followed it, with everything that was ever in them, until the next full collection: nearly all garbage
 * would become old garbage. This one begins a new `Map` before that. Owns nothing else.
 */

/** Deletions, at least, between two new maps; a larger map takes as many as it has entries, so that each costs O(1). */
const deletionsMin = 256

export class ShortLivedMap<Key, Value> {
  #map = new Map<Key, Value>()
  #deletions = 0

  get size(): number {
    return this.#map.size
  }

  has(key: Key): boolean {
    return this.#map.has(key)
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key)
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value)
  }

  /** @returns whether there was one. */
  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false
    this.#deletions++
    if (this.#deletions >= deletionsMin && this.#deletions >= this.#map.size) {
      this.#map = new Map(this.#map)
      this.#deletions = 0
    }
    return true
  }

  clear(): void {
    this.#map = new Map()
    this.#deletions = 0
  }

  /** In the order in which they were first set, as they are now: not to be iterated while entries are deleted. */
  keys(): MapIterator<Key> {
    return this.#map.keys()
  }

  /** In the order of their keys; see there. */
  values(): MapIterator<Value> {
    return this.#map.values()
  }
}
