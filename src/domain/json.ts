/**
 * JSON values: what memory can hold. Owns the check on the way in (a frozen private copy or a clear error) and the
 * canonical text by which two values are compared. Knows nothing of entries or keys.
 */
import { MemorySyncError, messageOf, quote } from './errors.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json }

/** Deeper values are refused: they overflow the stack of whoever reads them next. */
export const valueDepthMax = 200

/**
 * A deep-frozen JSON copy of `value`, by the rules of `JSON.stringify` where these lose nothing: `undefined` members are
 * dropped, `toJSON` is honoured.
 *
 * @throws `invalid_value` for BigInt, functions, symbols, NaN, Infinity, cycles, `undefined` itself or in an array, objects
 * of which JSON would keep nothing (Map, Set, Promise, Error, ...), and values nested deeper than {@link valueDepthMax}; the
 * message names the place.
 */
export function toJson(value: unknown): Json {
  const place: Place = { objects: [], members: [] }
  try {
    const copied = copy(value, '', place)
    if (copied !== undefined) return copied
  } catch (cause) {
    throw MemorySyncError.from(cause, 'invalid_value', `the value cannot be stored: reading it failed: ${messageOf(cause)}`)
  }
  throw refuse(place, 'an undefined (undefined) is not JSON')
}

/** Where the copy is: the objects it is inside of, outermost first, and the member of each that it looks at. */
interface Place {
  readonly objects: object[]
  readonly members: (string | number)[]
}

/** undefined for what JSON leaves out. */
function copy(given: unknown, member: string | number, place: Place): Json | undefined {
  const value = typeof given === 'object' && given !== null ? unwrap(given, member) : given
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return Object.is(value, -0) ? 0 : value
      throw refuse(place, `the number ${value} has no JSON form`)
    case 'undefined':
      return undefined
    case 'object':
      return value === null ? null : copyInside(value, place)
    default:
      throw refuse(place, `a ${typeof value} (${quote(value)}) is not JSON`)
  }
}

/** What JSON takes for the object: what its `toJSON` gives, the primitive in a wrapper, or itself. */
function unwrap(given: object, member: string | number): unknown {
  const { toJSON } = given as { toJSON?: unknown }
  const value: unknown = typeof toJSON === 'function' ? toJSON.call(given, String(member)) : given
  if (value instanceof String || value instanceof Number || value instanceof Boolean || value instanceof BigInt) {
    return value.valueOf()
  }
  return value
}

function copyInside(value: object, place: Place): Json {
  const { objects, members } = place
  const depth = objects.length
  if (objects.includes(value)) throw refuse(place, 'it refers back to itself')
  if (depth >= valueDepthMax) throw refuse(place, `it is nested deeper than ${valueDepthMax} levels`)
  objects.push(value)
  let result: Json
  if (Array.isArray(value)) {
    const array: Json[] = []
    for (let index = 0; index < value.length; index++) {
      members[depth] = index
      const copied = copy(value[index], index, place)
      // JSON would make it null: a hole that nobody meant.
      if (copied === undefined) throw refuse(place, 'an undefined in an array is not JSON')
      array.push(copied)
    }
    result = array
  } else {
    if (isLostInJson(value)) throw refuse(place, `JSON keeps nothing of ${Object.prototype.toString.call(value)}`)
    const object: Record<string, Json> = {}
    for (const member of Object.keys(value)) {
      members[depth] = member
      const copied = copy((value as Record<string, unknown>)[member], member, place)
      if (copied !== undefined) setMember(object, member, copied)
    }
    result = object
  }
  objects.pop()
  return Object.freeze(result)
}

/** A plain assignment to `__proto__` would call the setter of Object.prototype and lose the member. */
function setMember(object: Record<string, Json>, member: string, value: Json): void {
  if (member === '__proto__') Object.defineProperty(object, member, { value, enumerable: true })
  else object[member] = value
}

/** Objects whose contents are no members: JSON would make `{}` of them. A forgotten `await` is the commonest case. */
const lostInJson: ReadonlySet<string> = new Set(
  ['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Promise', 'Error', 'RegExp', 'ArrayBuffer', 'DataView'].map(
    (name) => `[object ${name}]`,
  ),
)

function isLostInJson(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return false
  return lostInJson.has(Object.prototype.toString.call(value))
}

function refuse({ objects, members }: Place, reason: string): MemorySyncError {
  const path = members.slice(0, objects.length)
  const place = path.length === 0 ? 'the value' : `the value at ${path.map((part) => `[${JSON.stringify(part)}]`).join('')}`
  return new MemorySyncError(
    'invalid_value',
    `${place} cannot be stored: ${reason}. Give plain JSON (null, booleans, finite numbers, strings, arrays, objects).`,
  )
}

/** Freezes parsed JSON in place, all the way down. */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}

/**
 * Freezes in place what `JSON.parse` gave for a text from elsewhere.
 *
 * @returns false, with the value half frozen, when {@link toJson} would not have let it in: nested too deep, or a number
 * that no double holds (`1e999` parses as Infinity).
 */
export function freezeParsed(value: unknown, depthLeft = valueDepthMax): value is Json {
  if (typeof value === 'number') return Number.isFinite(value)
  if (value === null || typeof value !== 'object') return true
  if (depthLeft === 0) return false
  // Parsed objects have no inherited members to mind, and this allocates nothing.
  for (const member in value) if (!freezeParsed((value as Record<string, unknown>)[member], depthLeft - 1)) return false
  Object.freeze(value)
  return true
}

/** The one text of a JSON value, members sorted by code unit (RFC 8785 for the values that {@link toJson} admits). */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as { readonly [member: string]: Json }
  const members = Object.keys(object).sort()
  return `{${members.map((member) => `${JSON.stringify(member)}:${canonicalJson(object[member] as Json)}`).join(',')}}`
}

/** A copy that its owner may change. */
export function mutableCopy<Value extends Json>(value: Value): Value
export function mutableCopy(value: Json): Json {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item: Json) => mutableCopy(item))
  const copied: { [member: string]: Json } = {}
  for (const [member, inner] of Object.entries(value)) {
    // Assigning to `__proto__` would set the prototype instead.
    if (member === '__proto__') Object.defineProperty(copied, member, descriptorOf(mutableCopy(inner)))
    else copied[member] = mutableCopy(inner)
  }
  return copied
}

function descriptorOf(value: Json): PropertyDescriptor {
  return { value, writable: true, enumerable: true, configurable: true }
}
