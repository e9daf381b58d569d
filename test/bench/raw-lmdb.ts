/** The bare baseline of the file store: lmdb as its readme shows it, with its default options, one process, no change log. */
import { open, type RootDatabase } from 'lmdb'

export type RawDatabase = RootDatabase<string, string>

export function openRaw(directory: string): RawDatabase {
  return open<string, string>({ path: directory, encoding: 'string', useVersions: true })
}

/** A conditional write. `put` settles when it is committed: it survives the process, not the machine. */
export async function putIf(
  db: RawDatabase,
  key: string,
  text: string,
  version: number,
  ifVersion: number | null,
): Promise<void> {
  // lmdb takes null for "only if there is none", which its types do not say.
  const isWritten = await db.put(key, text, version, ifVersion as number)
  if (!isWritten) throw new Error(`${key} was not at version ${ifVersion}`)
}
