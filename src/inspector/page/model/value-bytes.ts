/** How much memory a JSON value takes, roughly: for bounds of what is kept. Knows nothing of what the values mean. */
import { valueDepthMax } from '../../../domain/json.ts'

/** What a record adds around a value that memory may hold. */
const depthMax = valueDepthMax + 16

/**
 * Bytes on the heap, within a factor of two. Names of members, which records mostly share, are not counted.
 *
 * @returns Infinity for what is nested deeper than any value may be: walking it would overflow the stack of whoever shows it.
 */
export function valueBytes(value: unknown, depthLeft = depthMax): number {
  if (typeof value === 'string') return 16 + value.length
  if (typeof value !== 'object' || value === null) return 8
  if (depthLeft === 0) return Number.POSITIVE_INFINITY
  let bytes = 24
  if (Array.isArray(value)) {
    for (const item of value) bytes += 8 + valueBytes(item, depthLeft - 1)
    return bytes
  }
  for (const member in value) bytes += 8 + valueBytes((value as { readonly [member: string]: unknown })[member], depthLeft - 1)
  return bytes
}
