/**
 * How a file store lies on disk: which files, which lmdb databases, what their records mean. Shared by the thread that writes
 * and the main thread that reads. Knows no lmdb calls.
 *
 * - `entries`: key -> the entry as text; lmdb's native version of the record is the entry's revision
 * - `log`: last revision of a transaction -> the keys it wrote, as a JSON array with null for a purge; the record's version is
 *   the transaction's first revision. So the key at index i has revision `version + i`, and records follow each other without a
 *   gap as long as nothing was trimmed
 * - `log`, record `head`: its version is the revision of the last committed write. It lies behind all numbers, in the page that
 *   every commit writes anyway
 */
import type { RootDatabaseOptions } from 'lmdb'

/** Raised when a store that is on disk could not be read by older code. */
export const formatVersion = 1

export const formatFile = 'format.json'
/** One byte, written anew after each commit: what a watcher of commits watches. */
export const noticeFile = 'notice'
/** Beside the data, see `directory-lock.ts`. */
export const openingFile = 'opening.mdb'
/** lmdb's. */
export const dataFile = 'data.mdb'
export const lockFile = 'lock.mdb'

export const entriesDatabase = { name: 'entries', encoding: 'string', useVersions: true } as const
export const logDatabase = { name: 'log', encoding: 'string', useVersions: true } as const
export const headRecord = 'head'

/** Behind every revision: where a scan of the log ends. */
export const logEnd = Number.MAX_SAFE_INTEGER

export const logChangesMaxDefault = 100_000

/**
 * What all openers of a directory must agree on. `overlappingSync: false` is lmdb's classical order: a transaction's pages
 * are on disk before its root is written, and pages are reused only when no root on disk needs them. So a power cut can undo the
 * last transaction but never damages the file. (With lmdb-js's default, several processes keep the root for the case of a power
 * cut by themselves, which leaves moments in which a power cut damages it.)
 */
export const environmentOptions = {
  noSubdir: false,
  overlappingSync: false,
  maxDbs: 8,
  maxReaders: 1022,
} as const satisfies RootDatabaseOptions
