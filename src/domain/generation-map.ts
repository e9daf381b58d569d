/**
 * A bounded map that forgets what was not set for long. Two generations: what is set goes to the young one; once that is full it
 * becomes the old one, and what was in the old one is forgotten. Cheaper than moving every used key to the end of one map. Owns nothing else.
 */
export class GenerationMap<Key, Value> {
  readonly #weightMin: number
  #young = new Map<Key, Value>()
  #old: ReadonlyMap<Key, Value> = new Map()
  #weight = 0

  /** @param weightMin what was set last is remembered up to this weight at least, and up to twice as much at most. */
  constructor(weightMin: number) {
    this.#weightMin = weightMin
  }

  get(key: Key): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  /** @param weight how much of the bound it takes. Default 1. */
  set(key: Key, value: Value, weight = 1): void {
    // A key that is set again in one generation weighs once.
    const before = this.#young.size
    this.#young.set(key, value)
    if (this.#young.size > before) this.#weight += weight
    if (this.#weight < this.#weightMin) return
    this.#old = this.#young
    this.#young = new Map()
    this.#weight = 0
  }
}
