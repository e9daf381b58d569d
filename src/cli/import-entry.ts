/**
 * What a value of another memory server becomes here: an entry, as if a client of `serve` had stored its text, and what of it may be
 * wrong. Pure.
 *
 * - F1 a text's version is the time of its writing there, counted for a writer of that name alone: the same text imported again is the
 *   same entry, a later one follows it, and what was written here since follows both. Only where neither had seen the other, their
 *   times decide
 * - F2 an entry (of the guide's shape, plain or protected) stays what it is, and its own version decides
 */
import type { Entry } from '../domain/entry.ts'
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { emptyVersion, withCounter } from '../domain/version-vector.ts'
import { entryOfText, labelOf } from '../mcp/client-text.ts'
import type { ForeignValue } from '../stores/mcp/foreign-reading.ts'
import { decodePlain, protectedPrefix } from '../stores/mcp/plain-encoding.ts'

/** Labels imported texts. No client has it: their names are ids, and `encodeId` makes none that begins so. */
export const importLabel = labelOf('=import')

export interface ImportedEntry {
  /** As the writer named it. */
  readonly key: string
  readonly entry: Entry
  /** Why the text may not be what was stored; null: nothing speaks against it. */
  readonly doubt: string | null
}

/** @throws `corrupt` for an entry of ours that this release cannot read. */
export function importedEntry({ key, content, updatedAtMs, characters }: ForeignValue): ImportedEntry {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const entry = text.startsWith(protectedPrefix) ? decodePlain(text) : entryOfText(text)
  if (entry !== null) return { key: keyOf(key, entry), entry, doubt: doubtOf(entry.value) }
  const atMs = updatedAtMs ?? 0
  const version = atMs > 0 ? withCounter(emptyVersion, importLabel, Math.floor(atMs)) : emptyVersion
  const doubt =
    typeof content === 'string' ? lengthDoubtOf(text, characters) : (doubtOf(content) ?? lengthDoubtOf(text, characters))
  return { key, entry: { value: text, version, timestamp: atMs, workerId: importLabel }, doubt }
}

/** What memory-sync's own store wrote there has a key in the server's alphabet, in which every `=` begins an escape. */
function keyOf(key: string, entry: Entry): string {
  if (entry.x === undefined) return key
  try {
    return key.replace(/(?:=[0-9A-F]{2})+/g, (bytes) => decodeURIComponent(bytes.replaceAll('=', '%')))
  } catch {
    return key // `=FF` is no UTF-8: somebody else copied an entry of ours.
  }
}

function lengthDoubtOf(text: string, characters: number | null): string | null {
  // Databases count differently.
  const lengths = [text.length, [...text].length, Buffer.byteLength(text)]
  if (characters === null || lengths.includes(characters)) return null
  return `the server says that ${characters} characters were stored, and gives ${text.length}: it parses what it stores`
}

/** Digits that a number has for certain when it has been read and is written again. */
const digitsMax = 15

/** A number whose digits may have got lost when the server parsed the text. */
function doubtOf(content: Json): string | null {
  if (typeof content === 'number') {
    const digits = String(Math.abs(content)).replace(/e.*$/, '').replace('.', '').replace(/^0+/, '')
    const isCertain = Number.isInteger(content) ? Number.isSafeInteger(content) : digits.length <= digitsMax
    return isCertain ? null : `the number ${content} may have had other digits: the server parses what it stores`
  }
  if (typeof content !== 'object' || content === null) return null
  for (const inner of Object.values(content)) {
    const doubt = doubtOf(inner as Json)
    if (doubt !== null) return doubt
  }
  return null
}

/** An own error as a reason for people, anything else as it is thrown. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof MemorySyncError && refusals.has(thrown.code)) return `${thrown.code}: ${messageOf(thrown)}`
  throw thrown
}

/** What says that this one value cannot be stored, and nothing of the others. */
const refusals: ReadonlySet<string> = new Set([
  'invalid_key',
  'invalid_value',
  'too_large',
  'not_supported',
  'corrupt',
  'conflict',
])
