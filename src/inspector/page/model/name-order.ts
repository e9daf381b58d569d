/** The order of names as people count, and lists that are kept in it from one state to the next. Knows nothing of what is named. */
import { keySetOf } from './shared-map.ts'

/** `task/9` comes before `task/10`: numbers go by how many digits they have first, all else by code unit. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let index = 0
  while (index < length && a.charCodeAt(index) === b.charCodeAt(index)) index++
  const digitsA = digitsAt(a, index)
  const digitsB = digitsAt(b, index)
  const areBothNumbers = (digitsA > 0 && digitsB > 0) || (index > 0 && isDigit(a.charCodeAt(index - 1)))
  if (digitsA !== digitsB && areBothNumbers) return digitsA - digitsB
  return a < b ? -1 : a > b ? 1 : 0
}

function digitsAt(text: string, index: number): number {
  let end = index
  while (end < text.length && isDigit(text.charCodeAt(end))) end++
  return end - index
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57
}

/**
 * Sorts the keys of one map after another, where most keys stay: the last order is taken up again, so that only what is new is looked
 * for a place.
 */
export class KeyOrder {
  #keys: readonly string[] = []
  #keySet: object | null = null

  keysOf(map: ReadonlyMap<string, unknown>): readonly string[] {
    const keySet = keySetOf(map)
    if (keySet !== this.#keySet) {
      const known = new Set(this.#keys)
      const keys = this.#keys.filter((key) => map.has(key))
      for (const key of map.keys()) if (!known.has(key)) keys.push(key)
      // Two sorted parts behind one another take little more than one comparison a key.
      this.#keys = keys.sort(compareNames)
      this.#keySet = keySet
    }
    return this.#keys
  }
}
