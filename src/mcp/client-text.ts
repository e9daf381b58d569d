/**
 * Values as clients that know only texts write and read them. Owns which entries are such texts, and their labels. Knows no store.
 *
 * - X1 a text that was stored by a client comes back unchanged, whatever it looks like
 * - X2 everything else is the JSON of its entry, as programs that share entries expect it
 */
import type { Entry } from '../domain/entry.ts'
import { MemorySyncError } from '../domain/errors.ts'
import { decodeEntry } from '../wire/entry-codec.ts'

const labelPrefix = 'mcp:'

/** Labels what a client writes. */
export function labelOf(clientName: string): string {
  return labelPrefix + clientName
}

/** Whether a client stored it as a text. */
export function isClientText(entry: Entry): entry is Entry<string> {
  return typeof entry.value === 'string' && entry.workerId.startsWith(labelPrefix)
}

export function textOf(entry: Entry): string {
  return isClientText(entry) ? entry.value : JSON.stringify(entry)
}

/** The entry that a text is the JSON of; null for any other text. */
export function entryOfText(text: string): Entry | null {
  // Most texts are none, and parsing them would cost more than storing them.
  if (!/^\s*\{/.test(text)) return null
  try {
    return decodeEntry(text)
  } catch (thrown) {
    if (thrown instanceof MemorySyncError && thrown.code === 'corrupt') return null
    throw thrown
  }
}
