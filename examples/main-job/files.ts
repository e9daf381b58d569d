/**
 * Which files of a directory are text that the job can take, and which are left out and why. Reads names, sizes and first
 * bytes; knows nothing of indexes or tasks.
 */
import { open, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** Larger files are left out. */
export const fileBytesMax = 2 * 1024 * 1024
/** A directory with more is refused. */
export const filesMax = 20_000
export const totalBytesMax = 32 * 1024 * 1024
/** A file with a zero byte among its first ones is taken for binary. */
const peekBytes = 8192

const foldersLeftOut: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', '.memory-sync'])

export interface TextFile {
  /** Relative to the directory, with `/`. */
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface Listing {
  /** Sorted by name. */
  readonly files: readonly TextFile[]
  /** Left out: how many, by reason. */
  readonly leftOut: { readonly binary: number; readonly tooLarge: number; readonly unreadable: number }
}

/** @throws when `directory` cannot be read, or holds more than the job can take. Symbolic links are not followed. */
export async function listText(directory: string): Promise<Listing> {
  const files: TextFile[] = []
  const leftOut = { binary: 0, tooLarge: 0, unreadable: 0 }
  let totalBytes = 0
  const folders = [directory]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
      if (folder !== directory) return null
      const reason = reasons[cause.code ?? ''] ?? `cannot be read: ${cause.message}`
      throw new Error(`${directory} ${reason}`, { cause })
    })
    if (entries === null) leftOut.unreadable++
    for (const entry of entries ?? []) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && !foldersLeftOut.has(entry.name)) folders.push(path)
      if (!entry.isFile()) continue
      const seen = await peek(path)
      if (typeof seen === 'string') {
        leftOut[seen]++
        continue
      }
      files.push({ name: relative(directory, path).split(sep).join('/'), path, ...seen })
      totalBytes += seen.bytes
      if (files.length > filesMax || totalBytes > totalBytesMax) {
        const limit = `${filesMax} files or ${totalBytesMax / 1024 / 1024} MiB of text`
        throw new Error(`${directory} holds more than ${limit}; give a smaller directory`)
      }
    }
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { files, leftOut }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a directory',
  EACCES: 'may not be read by this user',
}

/** Names of the files that are not what they were when they were listed. */
export async function changedSince(files: readonly TextFile[]): Promise<string[]> {
  const changed: string[] = []
  for (const { name, path, bytes, modifiedMs } of files) {
    const seen = await peek(path)
    if (typeof seen === 'string' || seen.bytes !== bytes || seen.modifiedMs !== modifiedMs) changed.push(name)
  }
  return changed
}

async function peek(path: string): Promise<Pick<TextFile, 'bytes' | 'modifiedMs'> | keyof Listing['leftOut']> {
  try {
    await using file = await open(path)
    const { size, mtimeMs } = await file.stat()
    if (size > fileBytesMax) return 'tooLarge'
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, peekBytes)))
    return buffer.subarray(0, bytesRead).includes(0) ? 'binary' : { bytes: size, modifiedMs: mtimeMs }
  } catch {
    return 'unreadable'
  }
}
