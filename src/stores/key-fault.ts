/**
 * What no store takes as a key, whatever its own alphabet: the least that keeps keys in one order and readable everywhere. The
 * full rules for keys of this library are `domain/key.ts`; callers keep them.
 */
import { quote } from '../domain/errors.ts'
import { keyBytesMax } from '../domain/key.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const unstorable = /[\u0000-\u001f\u007f\ud800-\udfff]/u

/** null: it can be a key. */
export function keyFault(key: unknown): string | null {
  if (typeof key !== 'string' || key.length === 0) return `a key must be a non-empty string, got ${quote(key)}`
  if (unstorable.test(key)) return `a key has no control characters and no lone surrogates, got ${quote(key)}`
  // A UTF-16 unit has at most 3 UTF-8 bytes: short keys need no count.
  if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return null
  return `a key has at most ${keyBytesMax} UTF-8 bytes, ${quote(key)} has ${Buffer.byteLength(key)}`
}
