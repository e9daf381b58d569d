/**
 * A binary heap whose items can be taken out from the middle: for timers and deadlines that are mostly cancelled. Owns the
 * order only; knows no clock. An item may lie in one heap at a time.
 */

/** What an item must carry so that it can be removed in O(log n). */
export interface HeapItem {
  /** Where it lies; -1 when it lies in no heap. Written by the heap only. */
  heapIndex: number
}

export class Heap<T extends HeapItem> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  /** @param isBefore a strict order; for a repeatable run it must decide every pair (add a sequence number). */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  /** The first item, left where it is. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    item.heapIndex = this.#items.length
    this.#items.push(item)
    this.#rise(item)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** @returns false when the item does not lie here. */
  remove(item: T): boolean {
    const index = item.heapIndex
    if (this.#items[index] !== item) return false
    const last = this.#items.pop() as T
    item.heapIndex = -1
    if (last === item) return true
    this.#place(last, index)
    this.#rise(last)
    this.#sink(last)
    return true
  }

  /** All items, in no particular order. */
  values(): readonly T[] {
    return this.#items
  }

  #place(item: T, index: number): void {
    this.#items[index] = item
    item.heapIndex = index
  }

  #rise(item: T): void {
    while (item.heapIndex > 0) {
      const index = item.heapIndex
      const above = this.#items[(index - 1) >> 1] as T
      if (!this.#isBefore(item, above)) return
      this.#place(item, above.heapIndex)
      this.#place(above, index)
    }
  }

  #sink(item: T): void {
    for (;;) {
      const index = item.heapIndex
      const left = this.#items[2 * index + 1]
      const right = this.#items[2 * index + 2]
      if (left === undefined) return
      const least = right !== undefined && this.#isBefore(right, left) ? right : left
      if (!this.#isBefore(least, item)) return
      this.#place(item, least.heapIndex)
      this.#place(least, index)
    }
  }
}
