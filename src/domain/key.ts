/**
 * Keys and ids: what may name a thing in memory, and where the runtime keeps its own. Knows nothing of values.
 *
 * A key is segments joined by `/`. An id (task, worker, agent, lock name) is one segment.
 */
import { MemorySyncError, quote } from './errors.ts'

const utf8 = new TextEncoder()

export const keyBytesMax = 512
export const idCharactersMax = 128
export const defaultNamespace = 'task-sentinel'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const forbiddenInKey = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u
const forbiddenInId = /[/*\\]/
const reservedIds: ReadonlySet<string> = new Set(['.', '..', '__proto__'])
/** Most ids and keys by far: nothing in them needs a closer look but reserved names, which begin with `.` or `__`. */
const plainId = /^(?!__)[\w:-][\w.:-]{0,127}$/
const plainKey = /^(?!__)[\w:-][\w.:-]*(?:\/(?!__)[\w:-][\w.:-]*)*$/

/**
 * Returns `id` if it can be one segment of a key.
 *
 * @throws `invalid_key` unless it has 1 to 128 characters, is in Unicode NFC, and has no `/`, `*`, `\`, control character,
 * lone surrogate or white space at its ends, and is none of `.`, `..`, `__proto__`.
 */
export function assertId(id: unknown, what = 'id'): string {
  const reason = idFault(id)
  if (reason !== null) {
    throw new MemorySyncError(
      'invalid_key',
      `${what} ${quote(id)} ${reason}. Use encodeId(text) to make any text an id; decodeId(id) gives it back.`,
    )
  }
  return id as string
}

function idFault(id: unknown): string | null {
  if (typeof id !== 'string') return 'is not a string'
  if (plainId.test(id)) return null
  if (id.length === 0) return 'is empty'
  if (!hasIdLength(id)) return `is longer than ${idCharactersMax} characters`
  if (reservedIds.has(id)) return 'is a reserved name'
  if (forbiddenInId.test(id)) return 'contains one of / * \\'
  if (forbiddenInKey.test(id)) return 'contains a control character or a lone surrogate'
  if (id.trim() !== id) return 'begins or ends with white space'
  if (id.normalize('NFC') !== id) return 'is not in Unicode normal form C'
  return null
}

/** Characters are code points; one has at most two UTF-16 units, which spares counting a text of megabytes. */
function hasIdLength(text: string): boolean {
  if (text.length <= idCharactersMax) return true
  return text.length <= 2 * idCharactersMax && [...text].length <= idCharactersMax
}

/**
 * Any well-formed text as an id, reversibly: each UTF-8 byte of what an id may not hold becomes `=XX`, and so does `=`. A
 * valid id without `=` stays as it is; the empty text becomes `=`. An escape is three characters for each byte, so a text
 * that needs none may have 128 characters, and one of nothing but escapes 42 bytes.
 *
 * @throws `invalid_key` when the result is longer than an id may be, or for text that is not well-formed Unicode.
 */
export function encodeId(text: string): string {
  if (typeof text !== 'string' || !hasIdLength(text) || !text.isWellFormed()) {
    const reason = typeof text !== 'string' ? 'is not a string' : hasIdLength(text) ? 'is not well-formed Unicode' : 'is too long'
    throw new MemorySyncError('invalid_key', `${quote(text)} ${reason} and cannot be encoded as an id`)
  }
  if (text === '') return '='
  let id = text.replace(escapedInId, percent).replace(whiteSpaceAtEnds, percent)
  // Escaping all that is not ASCII gives an id in NFC whatever the text was. It is needed for text in another normal form,
  // and where a mark that followed a control character would now combine with the escape's last letter.
  if (id.normalize('NFC') !== id) id = id.replace(notAscii, percent)
  if (reservedIds.has(id)) id = percent(id.slice(0, 1)) + id.slice(1)
  return assertId(id, 'the encoded id')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here
const escapedInId = /[=/*\\\u0000-\u001f\u007f-\u009f]/g
const whiteSpaceAtEnds = /^\s+|\s+$/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const notAscii = /[^\u0000-\u007f]/gu

/** The text that {@link encodeId} was given. @throws `invalid_key` for anything that encodeId does not make. */
export function decodeId(id: string): string {
  let text: string
  try {
    text = id === '=' ? '' : id.replace(/(?:=[0-9A-F]{2})+/g, (escapes) => decodeURIComponent(escapes.replaceAll('=', '%')))
    // Two ids never stand for one text: what was escaped without need, or not at all, is refused with the malformed.
    if (encodeId(text) === id) return text
  } catch (cause) {
    throw new MemorySyncError('invalid_key', `${quote(id)} was not made by encodeId`, { cause })
  }
  throw new MemorySyncError(
    'invalid_key',
    `${quote(id)} was not made by encodeId, which gives ${quote(encodeId(text))} for its text`,
  )
}

function percent(text: string): string {
  let escaped = ''
  for (const byte of utf8.encode(text)) escaped += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return escaped
}

/**
 * Returns `key` if memory can hold it: segments of at least one character, joined by `/`, at most 512 UTF-8 bytes.
 *
 * @throws `invalid_key` otherwise.
 */
export function assertKey(key: unknown): string {
  const reason = keyFault(key)
  if (reason !== null) throw new MemorySyncError('invalid_key', `key ${quote(key)} ${reason}`)
  return key as string
}

function keyFault(key: unknown): string | null {
  if (typeof key !== 'string') return 'is not a string'
  if (key.length <= keyBytesMax && plainKey.test(key)) return null
  if (key.length === 0) return 'is empty'
  if (exceedsKeyBytes(key)) return `is longer than ${keyBytesMax} UTF-8 bytes`
  if (key.includes('*')) return 'contains *, which only patterns may'
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty segment; it must not begin or end with / or contain //'
    if (reservedIds.has(segment)) return `has the reserved segment ${quote(segment)}`
  }
  return keyTextFault(key)
}

export function exceedsKeyBytes(text: string): boolean {
  return text.length > keyBytesMax || (text.length * 3 > keyBytesMax && utf8.encode(text).length > keyBytesMax)
}

/** What no key may be made of, and therefore no pattern either: it would silently match nothing. */
export function keyTextFault(text: string): string | null {
  if (forbiddenInKey.test(text)) return 'contains a control character or a lone surrogate'
  if (text.normalize('NFC') !== text) return 'is not in Unicode normal form C'
  return null
}

/** Key order is the order of code points, which is also that of UTF-8 bytes (not that of `<` on strings). */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    let unitA = a.charCodeAt(index)
    let unitB = b.charCodeAt(index)
    if (unitA === unitB) continue
    // Surrogates stand for code points above all others, but sort below U+E000 as code units.
    if (unitA >= 0xd800 && unitB >= 0xd800) {
      if (unitA < 0xe000) unitA += 0x10000
      if (unitB < 0xe000) unitB += 0x10000
    }
    return unitA - unitB
  }
  return a.length - b.length
}

/** Where a namespace keeps what. Ids are not checked here: their owners did. */
export interface Keys {
  readonly namespace: string
  readonly allTaskRecords: string
  task(id: string, document: 'record' | 'state' | 'lock' | 'progress' | 'result'): string
  /** The task whose record lies at `key`, or null. */
  taskOfRecord(key: string): string | null
  worker(id: string, document: 'status' | 'heartbeat' | 'capacity'): string
  /** The worker whose status lies at `key`, or null. */
  workerOfStatus(key: string): string | null
  /** The lock of that name. */
  lock(name: string): string
  /** Whether a lock's record lies at `key`: one by name, or a task's. */
  isLock(key: string): boolean
}

export function keysOf(namespace: string): Keys {
  const tasks = `${namespace}/tasks/`
  const workers = `${namespace}/workers/`
  const locks = `${namespace}/locks/`
  return {
    namespace,
    allTaskRecords: `${tasks}*/record`,
    task: (id, document) => `${tasks}${id}/${document}`,
    taskOfRecord: (key) => idBetween(key, tasks, '/record'),
    worker: (id, document) => `${workers}${id}/${document}`,
    workerOfStatus: (key) => idBetween(key, workers, '/status'),
    lock: (name) => `${locks}${name}`,
    isLock(key) {
      const isOfTask = key.startsWith(tasks) && key.endsWith('/lock')
      if (!isOfTask && !key.startsWith(locks)) return false
      const id = isOfTask ? key.slice(tasks.length, -'/lock'.length) : key.slice(locks.length)
      return id.length > 0 && !id.includes('/')
    },
  }
}

/** The one segment between the two; null where there is none. */
function idBetween(key: string, before: string, behind: string): string | null {
  if (!key.startsWith(before) || !key.endsWith(behind)) return null
  const id = key.slice(before.length, -behind.length)
  return id.length === 0 || id.includes('/') ? null : id
}
