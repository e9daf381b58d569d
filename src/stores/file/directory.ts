/**
 * The directory of a file store, before lmdb touches it: created if need be, checked, never emptied. Owns `format.json` and
 * `.gitignore`, and the sentences for every way in which a place can be unfit.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { dataFile, formatFile, formatVersion, lockFile, openingFile } from './format.ts'

const inMemoryAdvice = "Give a directory that this user can write, or 'memory:' for a store that lives in this process only."

/**
 * Makes sure that a store can be at `directory` and returns its real path. Any number of processes may do this at once.
 *
 * @throws `store_unavailable` when it cannot be created or written, `not_supported` for a newer format, `corrupt` for files
 * that are no store's.
 */
export function prepareDirectory(directory: string): string {
  let path: string
  try {
    makeDirectory(directory)
    path = realpathSync(directory)
  } catch (cause) {
    throw unusable(directory, cause)
  }
  checkAccess(path)
  checkFormat(path)
  for (const file of [dataFile, openingFile]) checkData(join(path, file))
  return path
}

/** Level by level: node's own recursive way never returns where the system answers ENOENT for a place that exists (/proc). */
function makeDirectory(directory: string): void {
  const missing: string[] = []
  for (let level = directory; !existsSync(level) && dirname(level) !== level; level = dirname(level)) missing.push(level)
  for (const level of missing.reverse()) {
    try {
      mkdirSync(level)
    } catch (cause) {
      // Another process was faster.
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
  }
}

export function unusable(directory: string, cause: unknown): MemorySyncError {
  const reason = isFile(directory) ? 'there is a file of that name' : messageOf(cause)
  const message = `the store's directory ${quote(directory)} cannot be used: ${reason}. ${inMemoryAdvice}`
  return new MemorySyncError('store_unavailable', message, { cause, retryable: false })
}

export function damaged(path: string, reason: string, cause?: unknown): MemorySyncError {
  return new MemorySyncError(
    'corrupt',
    `${quote(path)} cannot be read: ${reason}. Nothing was changed. Restore it from a backup, or move the directory away to start with an empty store.`,
    { cause },
  )
}

/** With less room than this a new store cannot be made, and a full disk is better told before. */
const freeBytesMin = 1024 * 1024

function checkAccess(directory: string): void {
  let free: number
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    for (const name of [dataFile, lockFile, openingFile, `${openingFile}-lock`]) {
      const path = join(directory, name)
      if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
    }
    const { bavail, bsize } = statfsSync(directory)
    free = bavail * bsize
  } catch (cause) {
    throw unusable(directory, cause)
  }
  if (free < freeBytesMin) throw unusable(directory, `the disk is full, only ${free} bytes are free`)
}

function checkFormat(directory: string): void {
  const path = join(directory, formatFile)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (!isAbsent(cause)) throw unusable(directory, cause)
    writeFormat(directory, path)
    return
  }
  let format: unknown
  try {
    format = (JSON.parse(text) as { format?: unknown } | null)?.format
  } catch (cause) {
    throw damaged(path, 'it is not JSON', cause)
  }
  if (!Number.isInteger(format) || (format as number) < 1) {
    throw damaged(path, `its format must be a positive integer, it is ${quote(format)}`)
  }
  if ((format as number) > formatVersion) {
    throw new MemorySyncError(
      'not_supported',
      `the store in ${quote(directory)} has format ${format}, this version of memory-sync reads up to ${formatVersion}. Install a newer memory-sync, or give another directory.`,
    )
  }
}

/** By renaming: whoever reads it finds a whole file or none. Those who come at once write the same text. */
function writeFormat(directory: string, path: string): void {
  const temporary = `${path}.${process.pid}`
  try {
    writeFileSync(join(directory, '.gitignore'), '*\n')
    writeFileSync(temporary, `${JSON.stringify({ format: formatVersion, store: 'memory-sync', data: 'lmdb' })}\n`, {
      flush: true,
    })
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw unusable(directory, cause)
  }
}

/** Where lmdb keeps what in its two root pages, in bytes from the start of a page: MDB_page_header and MDB_meta of mdb.c. */
const rootPage = { magic: 24, version: 28, pageSize: 48, freeRoot: 88, mainRoot: 136, transaction: 152, end: 160 } as const
const magic = 0xbeefc0de
const lmdbVersion = 2
const noPage = 0xffff_ffff_ffff_ffffn

/**
 * Finds what is wrong before lmdb does. It maps the file into memory: a file cut short would kill the process at the first read;
 * and its binding crashes when lmdb itself refuses to open.
 */
function checkData(path: string): void {
  let file: number
  try {
    file = openSync(path, 'r+')
  } catch (cause) {
    if (isAbsent(cause)) return
    throw unusable(dirname(path), cause)
  }
  try {
    const { size } = fstatSync(file)
    // Empty: another process is just creating it.
    if (size === 0) return
    const first = readRoot(file, 0)
    if (first === null || first.readUInt32LE(rootPage.magic) !== magic) throw damaged(path, 'it is not an lmdb file')
    const version = first.readUInt32LE(rootPage.version) & 0xffff
    if (version !== lmdbVersion) throw damaged(path, `it has lmdb's data version ${version}, ${lmdbVersion} is expected`)
    const pageBytes = first.readUInt32LE(rootPage.pageSize)
    const second = readRoot(file, pageBytes)
    if (second === null) throw damaged(path, `it was cut short, it has ${size} bytes`)
    if (second.readUInt32LE(rootPage.magic) !== magic) throw damaged(path, 'its second page is not that of an lmdb file')
    const isSecondNewer = second.readBigUInt64LE(rootPage.transaction) > first.readBigUInt64LE(rootPage.transaction)
    const root = isSecondNewer ? second : first
    for (const page of [root.readBigUInt64LE(rootPage.freeRoot), root.readBigUInt64LE(rootPage.mainRoot)]) {
      if (page !== noPage && (Number(page) + 1) * pageBytes > fstatSync(file).size) {
        throw damaged(path, `it was cut short, it has ${size} bytes`)
      }
    }
  } finally {
    closeSync(file)
  }
}

/** null when the file ends before. */
function readRoot(file: number, at: number): Buffer | null {
  const root = Buffer.alloc(rootPage.end)
  return readSync(file, root, 0, root.length, at) === root.length ? root : null
}

function isAbsent(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ENOENT'
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
