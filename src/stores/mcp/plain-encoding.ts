/**
 * Entries as the text of a register, and back from what a plain server makes of it. Owns the two encodings and what is taken for
 * an entry; the entry's own shape is `wire/entry-codec.ts`. Knows no server.
 *
 * - `readable`: the guide's JSON `{ value, version, timestamp, workerId, ttl?, x }`, which other programs and agents read
 * - `protected`: `ms1:` and the same JSON. No server takes it for JSON, so none changes it
 *
 * - P1 the text is ASCII and not empty: servers break or refuse all else
 * - P2 decoding gives what was encoded, whether the server parsed the text or not, whichever encoding it was
 * - P3 what is no entry is what somebody else stored: its whole is the value, its version is empty, so any write of ours covers it
 */
import type { Entry } from '../../domain/entry.ts'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { freezeParsed, type Json, valueDepthMax } from '../../domain/json.ts'
import { emptyVersion } from '../../domain/version-vector.ts'
import { decodeEntry, encodeEntry } from '../../wire/entry-codec.ts'

export type PlainEncoding = 'readable' | 'protected'

export const protectedPrefix = 'ms1:'

/**
 * A value that holds claude-flow's own marker `__type__` is protected in either encoding: the server would make a date, a map or
 * an error of it.
 *
 * @throws `too_large` when the entry as plain JSON has more than `bytesMax` UTF-8 bytes.
 */
export function encodePlain(entry: Entry, encoding: PlainEncoding, bytesMax?: number): string {
  const text = asciiJson(encodeEntry(entry, bytesMax))
  if (encoding === 'readable' && !text.includes(serverMarker)) return text
  // Inside of strings, where alone it can be, an escape changes nothing.
  return protectedPrefix + text.replaceAll(serverMarker, '_\\u005ftype__')
}

/** A deep-frozen entry. @throws `corrupt` for what looks like an entry of ours and is none that this version reads. */
export function decodePlain(content: Json): Entry {
  if (typeof content === 'string') {
    if (content.startsWith(protectedPrefix)) return decodeEntry(content.slice(protectedPrefix.length))
    // Of a server that parses nothing, or of a writer who encoded twice.
    return entryOf(parsedObject(content)) ?? foreign(content)
  }
  return entryOf(content) ?? foreign(content)
}

/** What JSON is not ASCII only occurs inside of strings. */
export function asciiJson(json: string): string {
  return json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const serverMarker = '__type__'

/** null: it has not even the members that the guide's reader needs. */
function entryOf(given: Json | null): Entry | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return null
  for (const member of ['value', 'version', 'timestamp', 'workerId']) if (!Object.hasOwn(given, member)) return null
  try {
    return decodeEntry(JSON.stringify(given))
  } catch (error) {
    // With our own extension it is ours, from a later version perhaps: showing it as a value would invite to overwrite it.
    if (Object.hasOwn(given, 'x')) throw error
    return null
  }
}

function parsedObject(text: string): Json | null {
  if (!text.startsWith('{')) return null
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function foreign(value: Json): Entry {
  if (!freezeParsed(value)) {
    const message = `a stored value is nested deeper than ${valueDepthMax} levels or holds a number too large: ${quote(value)}`
    throw new MemorySyncError('corrupt', message)
  }
  return Object.freeze({ value, version: emptyVersion, timestamp: 0, workerId: '' })
}
