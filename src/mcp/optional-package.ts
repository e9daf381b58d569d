/** Parts that need packages which not everybody installs: loads one, or says what to install. Knows no part. */
import { MemorySyncError } from '../domain/errors.ts'

/** @throws `not_supported` with the command that installs what is missing. */
export async function loadOptional<T>(load: () => Promise<T>, what: string, packages: readonly string[]): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    if (!isMissing(cause, packages)) throw cause
    throw new MemorySyncError(
      'not_supported',
      `${what} needs packages that are not installed: npm install ${packages.join(' ')}`,
      {
        cause,
      },
    )
  }
}

/** One of the packages itself, and not a file of ours or of another package. */
function isMissing(thrown: unknown, packages: readonly string[]): boolean {
  if (!(thrown instanceof Error) || (thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return false
  return packages.some((name) => thrown.message.includes(`'${name}'`) || thrown.message.includes(`'${name}/`))
}
