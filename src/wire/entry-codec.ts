/**
 * Entries as text: `{ value, version, timestamp, workerId, ttl?, x? }` in JSON. Owns what is accepted from others
 * (programs that know only the plain shape write no `x`) and refuses the rest as `corrupt`. Members that are not named
 * here are ignored at every level, so that others may add their own; a wrong type in one that is named is refused.
 *
 * Checked by hand: every read passes here, and a schema library took four fifths of its time.
 */
import type { Entry, EntryExtension } from '../domain/entry.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { freezeParsed, type Json, valueDepthMax } from '../domain/json.ts'
import { jsonBytesAtMost } from '../domain/size.ts'
import { parseVersion } from '../domain/version-vector.ts'

/** An encoded entry longer than this is refused. */
export const entryBytesMaxDefault = 512 * 1024

/** @throws `too_large` when the text has more than `bytesMax` UTF-8 bytes. */
export function encodeEntry(entry: Entry, bytesMax = entryBytesMaxDefault): string {
  const text = JSON.stringify(entry)
  // A UTF-16 unit has at most 3 UTF-8 bytes: short texts need no count.
  if (text.length * 3 > bytesMax) {
    const bytes = Buffer.byteLength(text)
    if (bytes > bytesMax) {
      throw new MemorySyncError(
        'too_large',
        `the encoded entry has ${bytes} bytes, the limit is ${bytesMax}. Store large data elsewhere and keep a reference to it here.`,
      )
    }
  }
  return text
}

/** At least the bytes of the encoded entry: exactly those where the bound is near. @throws `too_large` */
export function entryBytesAtMost(entry: Entry, bytesMax = entryBytesMaxDefault): number {
  const bytes = jsonBytesAtMost(entry as unknown as Json)
  return bytes <= bytesMax ? bytes : Buffer.byteLength(encodeEntry(entry, bytesMax))
}

/** A deep-frozen entry. @throws `corrupt` for text that is no entry. */
export function decodeEntry(text: string): Entry {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw new MemorySyncError('corrupt', `a stored entry is not JSON: ${quote(text)}`, { cause })
  }
  try {
    return checkEntry(given)
  } catch (cause) {
    throw new MemorySyncError('corrupt', `a stored entry has not the entry's shape: ${messageOf(cause)}, in ${quote(text)}`, {
      cause,
    })
  }
}

/** A member of a parsed object, whatever it is. */
type Members = { readonly [member: string]: unknown }

/** The same for what was parsed already, as part of a larger message: checked, and frozen in place. @throws `corrupt` */
export function checkEntry(given: unknown): Entry {
  const { value, version, timestamp, workerId, ttl, x } = objectOf('it', given)
  if (value === undefined) throw fault('value', 'is missing')
  if (!freezeParsed(value)) throw fault('value', `is nested deeper than ${valueDepthMax} levels or holds a number too large`)
  return Object.freeze({
    value,
    version: Object.freeze(parseVersion(version)),
    timestamp: amountOf('timestamp', timestamp),
    workerId: textOf('workerId', workerId),
    ...(ttl === undefined ? undefined : { ttl: amountOf('ttl', ttl) }),
    ...(x === undefined ? undefined : { x: extensionOf(objectOf('x', x)) }),
  })
}

function extensionOf({ v, d, c, e, t, f }: Members): EntryExtension {
  if (v !== 1) throw fault('x.v', `must be 1, the format that this release reads, got ${quote(v)}`)
  if (t !== undefined && t !== 1) throw fault('x.t', `must be 1 or absent, got ${quote(t)}`)
  const dot = tupleOf('x.d', d, 3)
  const fence = e === undefined ? undefined : tupleOf('x.e', e, 2)
  return Object.freeze({
    v: 1,
    d: Object.freeze([textOf('x.d[0]', dot[0]), countOf('x.d[1]', dot[1]), textOf('x.d[2]', dot[2])] as const),
    ...(c === undefined ? undefined : { c: countOf('x.c', c) }),
    ...(fence && { e: Object.freeze([textOf('x.e[0]', fence[0]), countOf('x.e[1]', fence[1])] as const) }),
    ...(t === undefined ? undefined : { t }),
    ...(f === undefined ? undefined : { f: fieldWritersOf(objectOf('x.f', f)) }),
  })
}

type FieldWriters = NonNullable<EntryExtension['f']>

function fieldWritersOf(given: Members): FieldWriters {
  // Fields are named by users: without a prototype, `constructor` is absent and `__proto__` is a name like any other.
  const writers: { [field: string]: FieldWriters[string] } = Object.create(null)
  for (const [field, writer] of Object.entries(given)) {
    const where = `x.f[${quote(field)}]`
    const [ms, counter, worker] = tupleOf(where, writer, 3)
    writers[field] = Object.freeze([amountOf(where, ms), countOf(where, counter), textOf(where, worker)] as const)
  }
  return Object.freeze(writers)
}

function objectOf(where: string, given: unknown): Members {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Members
  throw fault(where, `must be an object, got ${quote(given)}`)
}

function tupleOf(where: string, given: unknown, length: number): readonly unknown[] {
  if (Array.isArray(given) && given.length === length) return given
  throw fault(where, `must be an array of ${length}, got ${quote(given)}`)
}

function textOf(where: string, given: unknown): string {
  if (typeof given === 'string') return given
  throw fault(where, `must be a string, got ${quote(given)}`)
}

/** Milliseconds and seconds; others may write fractions. */
function amountOf(where: string, given: unknown): number {
  if (typeof given === 'number' && given >= 0 && given <= Number.MAX_SAFE_INTEGER) return given
  throw fault(where, `must be a number from 0 to 2^53-1, got ${quote(given)}`)
}

function countOf(where: string, given: unknown): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given
  throw fault(where, `must be an integer from 0 to 2^53-1, got ${quote(given)}`)
}

function fault(where: string, reason: string): MemorySyncError {
  return new MemorySyncError('corrupt', `${where} ${reason}`)
}
