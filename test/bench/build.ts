/**
 * The code that is measured: what `tsc` makes of the sources, as users run it. (The loader that runs sources directly names
 * every function at run time, which costs a few percent.) Built into a scratch directory beside the installed packages.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = fileURLToPath(new URL('../..', import.meta.url))

export interface Build {
  /** The built script of this folder. */
  scriptPath(name: string): string
  remove(): void
}

export function build(): Build {
  const directory = mkdtempSync(join(tmpdir(), 'memory-sync-bench-build-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  const scriptPath = (name: string): string => join(directory, 'test', 'bench', `${name}.js`)
  try {
    copyFileSync(join(top, 'package.json'), join(directory, 'package.json'))
    symlinkSync(join(top, 'node_modules'), join(directory, 'node_modules'), 'dir')
    const config = {
      extends: join(top, 'tsconfig.json'),
      compilerOptions: { noEmit: false, rootDir: top, outDir: directory, sourceMap: true, types: ['node'] },
      include: ['src', 'machines', 'test/bench'].map((folder) => join(top, folder)),
      exclude: [join(top, 'test/bench/**/*.test.ts')],
    }
    const configPath = join(directory, 'tsconfig.json')
    writeFileSync(configPath, JSON.stringify(config))
    // Types are checked elsewhere: what it complains of here is shown only if nothing came out.
    const { stdout, error } = spawnSync(process.execPath, [join(top, 'node_modules/typescript/bin/tsc'), '-p', configPath])
    if (error !== undefined) throw error
    if (!existsSync(scriptPath('figure-process'))) throw new Error(`tsc made nothing of the sources:\n${stdout}`)
    return { scriptPath, remove }
  } catch (thrown) {
    remove()
    throw thrown
  }
}
