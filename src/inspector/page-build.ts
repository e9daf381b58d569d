/**
 * Builds the page in memory, for those who run the sources of this package; what is installed has it built. Knows no server.
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'

/** One file of the page, as the bundler gives it. */
export interface BuiltFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** @throws `not_supported` when vite is not installed, or the page cannot be built */
export async function buildPage(): Promise<readonly BuiltFile[]> {
  try {
    const [vite, { default: config }] = await Promise.all([import('vite'), import('./page/vite.config.ts')])
    const built = await vite.build({ ...config, configFile: false, build: { ...config.build, write: false } })
    const [output] = Array.isArray(built) ? built : [built]
    if (output === undefined || !('output' in output)) throw new Error('the bundler gave no files')
    return output.output.map((file) => {
      const content = file.type === 'chunk' ? file.code : file.source
      return { name: file.fileName, bytes: typeof content === 'string' ? Buffer.from(content) : content }
    })
  } catch (cause) {
    const message = `the inspector's page cannot be built from its sources: ${messageOf(cause)}. Run "npm install" and "npm run build" in the package, or use the published one.`
    throw new MemorySyncError('not_supported', message, { cause })
  }
}
