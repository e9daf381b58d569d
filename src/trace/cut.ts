/**
 * Values as they may leave: plain JSON of a bounded size. What is small and plain already is taken as it is, without a copy;
 * what is no JSON is shown as well as it can be; what is too large is cut. Never throws, whatever it is given.
 */
import type { Json } from '../domain/json.ts'
import { emptyVersion } from '../domain/version-vector.ts'
import type { CutValue } from '../wire/trace-record.ts'

/** Of the beginning of a value that is cut. */
export const cutTextCharactersMax = 512
const depthMax = 64
/** Versions are no plain objects, to be fast, and as good as such. */
const versionPrototype: unknown = Object.getPrototypeOf(emptyVersion)
/** Shorter strings are counted by their length: escapes are rare, and counting them costs more than the rest. */
const countedStringMin = 64

/** Counts the bytes of what it let pass, about as JSON text. */
export class Cutter {
  /** Of all values since the caller has last set it to 0. */
  bytes = 0
  #left = 0

  /** The value itself, a plain copy, or a {@link CutValue} of it when it has more than `bytesMax`. */
  cut(value: unknown, bytesMax: number): Json | CutValue {
    try {
      if (this.#fits(value, bytesMax)) return this.#count(bytesMax, value as Json)
      this.#left = bytesMax
      const copied = this.#copy(value, 0)
      // undefined is what a function that gives nothing gives: there is no JSON for it.
      if (this.#left >= 0) return this.#count(bytesMax, copied ?? null)
      const text = JSON.stringify(copied)
        .slice(0, Math.min(cutTextCharactersMax, Math.max(0, bytesMax)))
        .toWellFormed()
      this.bytes += text.length + 24
      return { $cut: 0, text }
    } catch {
      this.bytes += 32
      return { $cut: 0, text: '(cannot be read)' }
    }
  }

  /**
   * An event, its type whole: each other member is cut by itself, so that of an event with one large member the others can
   * still be seen.
   */
  cutEvent(event: { readonly type: string }, bytesMax: number): CutEvent {
    if (this.#fits(event, bytesMax)) return this.#count(bytesMax, event as CutEvent)
    const members: Record<string, Json> = { type: String(event.type).slice(0, cutTextCharactersMax) }
    let left = bytesMax
    let names: string[] = []
    try {
      names = Object.keys(event)
    } catch {
      // Somebody's proxy: its type is all that is told.
    }
    for (const name of names) {
      if (name === 'type' || name === '__proto__') continue
      if (left <= 0) {
        members.$cut = 0
        members.text = `${names.length} members`
        break
      }
      const before = this.bytes
      const value = memberOf(event, name)
      if (value === undefined) continue
      members[name] = this.cut(value, left)
      this.bytes += name.length + 4
      left -= this.bytes - before
    }
    return members as CutEvent
  }

  #count<T>(bytesMax: number, value: T): T {
    this.bytes += bytesMax - this.#left
    return value
  }

  #fits(value: unknown, bytesMax: number): boolean {
    this.#left = bytesMax
    try {
      return this.#isPlain(value, 0)
    } catch {
      return false
    }
  }

  /** Whether it is plain JSON and there is room for it. */
  #isPlain(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        this.#left -= this.#sizeOf(value)
        return this.#left >= 0
      case 'number':
        this.#left -= 8
        return this.#left >= 0 && Number.isFinite(value)
      case 'boolean':
        this.#left -= 5
        return this.#left >= 0
      case 'object':
        break
      default:
        return false
    }
    this.#left -= 4
    if (value === null) return this.#left >= 0
    if (depth > depthMax || this.#left < 0) return false
    if (Array.isArray(value)) {
      for (const item of value) {
        this.#left -= 1
        if (!this.#isPlain(item, depth + 1)) return false
      }
      return true
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null && prototype !== versionPrototype) return false
    for (const name in value) {
      this.#left -= name.length + 4
      if (!this.#isPlain((value as Record<string, unknown>)[name], depth + 1)) return false
    }
    return true
  }

  #sizeOf(text: string): number {
    if (text.length < countedStringMin || text.length > this.#left) return text.length + 2
    return Buffer.byteLength(JSON.stringify(text))
  }

  /** Stops, with what it has, when there is no room left. undefined for what JSON leaves out. */
  #copy(value: unknown, depth: number): Json | undefined {
    switch (typeof value) {
      case 'string':
        return this.#copyText(value)
      case 'number':
        this.#left -= 8
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
        this.#left -= 5
        return value
      case 'undefined':
        return undefined
      case 'object':
        break
      default:
        return this.#copyText(typeof value === 'function' ? '(function)' : `(${typeof value}) ${String(value)}`)
    }
    this.#left -= 4
    if (value === null) return null
    if (depth > depthMax) return this.#copyText('(nested deeper)')
    const { toJSON } = value as { readonly toJSON?: unknown }
    if (typeof toJSON === 'function') return this.#copy(toJSON.call(value, ''), depth + 1)
    if (value instanceof Error) return this.#copyText(`${value.name}: ${value.message}`)
    if (value instanceof Map || value instanceof Set) return this.#copyText(`(${value.constructor.name} of ${value.size})`)
    return Array.isArray(value) ? this.#copyItems(value, depth) : this.#copyMembers(value, depth)
  }

  #copyItems(items: readonly unknown[], depth: number): Json {
    const copied: Json[] = []
    for (const item of items) {
      if (this.#left < 0) break
      this.#left -= 1
      copied.push(this.#copy(item, depth + 1) ?? null)
    }
    return copied
  }

  #copyMembers(object: object, depth: number): Json {
    const copied: Record<string, Json> = {}
    for (const name in object) {
      if (this.#left < 0) break
      if (name === '__proto__') continue
      const value = this.#copy(memberOf(object, name), depth + 1)
      if (value === undefined) continue
      this.#left -= name.length + 4
      copied[name] = value
    }
    return copied
  }

  #copyText(text: string): string {
    const left = this.#left
    this.#left -= this.#sizeOf(text)
    return text.length > left ? text.slice(0, Math.max(0, left)) : text
  }
}

export type CutEvent = { readonly type: string } & { readonly [member: string]: Json }

function memberOf(object: object, name: string): unknown {
  try {
    return (object as Record<string, unknown>)[name]
  } catch {
    return '(cannot be read)'
  }
}
