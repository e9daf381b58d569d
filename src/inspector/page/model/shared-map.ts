/**
 * Maps that never change and share what they have in common: the next one costs only what is different. A draft is changed in place and
 * gives such a map whenever it is asked. Knows nothing of what is in it.
 *
 * - S1 a map that was given out never changes
 * - S2 what a write costs does not grow with the map's size, but for the first one behind a {@link MapDraft.finish}, which copies a
 *   list of buckets
 */

/** Entries to a bucket on average, at most: each write after a finish copies one bucket. */
const bucketLoadMax = 4
const bucketsMin = 16

interface Slot<Value> {
  readonly key: string
  readonly hash: number
  readonly value: Value
}

type Bucket<Value> = readonly Slot<Value>[]

interface Slots<Value> {
  /** As many as a power of two. */
  readonly buckets: readonly Bucket<Value>[]
  readonly size: number
  /** The same object as long as the map has the same keys. */
  readonly keySet: object
}

const noSlots: Bucket<never> = []

/** Iterates in no particular order. */
export class SharedMap<Value> implements ReadonlyMap<string, Value> {
  static readonly empty = new SharedMap<never>({
    buckets: Array.from({ length: bucketsMin }, () => noSlots),
    size: 0,
    keySet: {},
  })

  readonly slots: Slots<Value>

  /** Maps come from drafts, or are {@link SharedMap.empty}. */
  constructor(slots: Slots<Value>) {
    this.slots = slots
  }

  get size(): number {
    return this.slots.size
  }

  /** The same object as long as no key came or went: for what is worked out from keys alone. */
  get keySet(): object {
    return this.slots.keySet
  }

  get(key: string): Value | undefined {
    return find(this.slots.buckets, key, hashOf(key))?.value
  }

  has(key: string): boolean {
    return find(this.slots.buckets, key, hashOf(key)) !== undefined
  }

  forEach(each: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this) each(value, key, this)
  }

  *keys(): Generator<string, undefined> {
    for (const bucket of this.slots.buckets) for (const { key } of bucket) yield key
  }

  *values(): Generator<Value, undefined> {
    for (const bucket of this.slots.buckets) for (const { value } of bucket) yield value
  }

  *entries(): Generator<[string, Value], undefined> {
    for (const bucket of this.slots.buckets) for (const { key, value } of bucket) yield [key, value]
  }

  [Symbol.iterator](): Generator<[string, Value], undefined> {
    return this.entries()
  }
}

/** Of any map: the same object as long as it has the same keys, as far as that is known. */
export function keySetOf(map: ReadonlyMap<string, unknown>): object {
  return map instanceof SharedMap ? map.keySet : map
}

export class MapDraft<Value> {
  #base: SharedMap<Value>
  #buckets: Slot<Value>[][]
  /** By bucket, 1: nobody else has it. null: not even the list is ours. */
  #isOwn: Uint8Array | null = null
  #size: number
  #keySet: object

  constructor(base: SharedMap<Value>) {
    this.#base = base
    this.#buckets = base.slots.buckets as Slot<Value>[][]
    this.#size = base.size
    this.#keySet = base.keySet
  }

  get size(): number {
    return this.#size
  }

  get(key: string): Value | undefined {
    return find(this.#buckets, key, hashOf(key))?.value
  }

  set(key: string, value: Value): void {
    const hash = hashOf(key)
    const bucket = this.#ownBucket(hash)
    for (let index = 0; index < bucket.length; index++) {
      const slot = bucket[index] as Slot<Value>
      if (slot.hash !== hash || slot.key !== key) continue
      bucket[index] = { key, hash, value }
      return
    }
    bucket.push({ key, hash, value })
    this.#size++
    this.#keySet = {}
    if (this.#size > this.#buckets.length * bucketLoadMax) this.#grow()
  }

  /** @returns whether it was there. */
  delete(key: string): boolean {
    const hash = hashOf(key)
    if (find(this.#buckets, key, hash) === undefined) return false
    const bucket = this.#ownBucket(hash)
    bucket.splice(
      bucket.findIndex((slot) => slot.key === key),
      1,
    )
    this.#size--
    this.#keySet = {}
    return true
  }

  /** Not to be changed meanwhile; {@link values} neither. */
  *keys(): Generator<string, undefined> {
    for (const bucket of this.#buckets) for (const { key } of bucket) yield key
  }

  *values(): Generator<Value, undefined> {
    for (const bucket of this.#buckets) for (const { value } of bucket) yield value
  }

  /** What it is now; the same map as before if nothing was changed. */
  finish(): SharedMap<Value> {
    if (this.#isOwn !== null) {
      this.#base = new SharedMap({ buckets: this.#buckets, size: this.#size, keySet: this.#keySet })
      this.#isOwn = null
    }
    return this.#base
  }

  #ownBucket(hash: number): Slot<Value>[] {
    if (this.#isOwn === null) {
      this.#buckets = this.#buckets.slice()
      this.#isOwn = new Uint8Array(this.#buckets.length)
    }
    const index = hash & (this.#buckets.length - 1)
    if (this.#isOwn[index] === 0) {
      this.#buckets[index] = (this.#buckets[index] as Slot<Value>[]).slice()
      this.#isOwn[index] = 1
    }
    return this.#buckets[index] as Slot<Value>[]
  }

  #grow(): void {
    const before = this.#buckets
    const count = before.length * 2
    this.#buckets = Array.from({ length: count }, () => [])
    this.#isOwn = new Uint8Array(count).fill(1)
    for (const bucket of before) for (const slot of bucket) this.#buckets[slot.hash & (count - 1)]?.push(slot)
  }
}

function find<Value>(buckets: readonly Bucket<Value>[], key: string, hash: number): Slot<Value> | undefined {
  const bucket = buckets[hash & (buckets.length - 1)] as Bucket<Value>
  for (let index = 0; index < bucket.length; index++) {
    const slot = bucket[index] as Slot<Value>
    if (slot.hash === hash && slot.key === key) return slot
  }
  return undefined
}

/** FNV-1a, with its upper bits brought down: only the lower ones choose a bucket. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
