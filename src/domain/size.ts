/** How large a value will be as text, without making the text. */
import type { Json } from './json.ts'

/** At least the UTF-8 bytes of `JSON.stringify(value)`: for bounds that need no exact figure. NaN where there is a bigint, which has no JSON. */
export function jsonBytesAtMost(value: Json): number {
  if (value === null || typeof value !== 'object') {
    // A UTF-16 unit takes up to six bytes when it is escaped (\u0001); a number at most 25.
    if (typeof value === 'string') return value.length * 6 + 2
    return typeof value === 'bigint' ? Number.NaN : 25
  }
  let bytes = 2
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) bytes += jsonBytesAtMost(item) + 1
    return bytes
  }
  const object = value as { readonly [member: string]: Json }
  for (const member in object) bytes += member.length * 6 + 4 + jsonBytesAtMost(object[member] as Json)
  return bytes
}
