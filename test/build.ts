/**
 * What `tsc` makes of the sources, and vite of the inspector's page, in a scratch directory laid out like the package: what users run,
 * and what a process starts from in a third of the time that a loader takes. Benchmarks measure it, tests start their programs
 * from it. Knows neither.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const top = fileURLToPath(new URL('..', import.meta.url))

export interface Build {
  readonly directory: string
  /** Makes the same once more, of the sources as they are now. */
  again(): Promise<void>
  remove(): void
}

/** @param source a file of the repository by its path from the top, `src/cli/main.ts` */
export function builtPath(directory: string, source: string): string {
  return join(directory, 'dist', source.replace(/\.ts$/, '.js'))
}

/** Takes two to three seconds. @throws with what the compiler said, when it made nothing of the sources */
export async function build(): Promise<Build> {
  const directory = mkdtempSync(join(tmpdir(), 'memory-sync-build-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  try {
    // Those who import `memory-sync` by its name, and the version that the command line tells, find what they find in the package.
    copyFileSync(join(top, 'package.json'), join(directory, 'package.json'))
    symlinkSync(join(top, 'node_modules'), join(directory, 'node_modules'), 'dir')
    const again = async (): Promise<void> => void (await Promise.all([compile(directory), buildPage(directory)]))
    await again()
    return { directory, again, remove }
  } catch (thrown) {
    remove()
    throw thrown
  }
}

async function compile(directory: string): Promise<void> {
  // What programs read beside themselves.
  cpSync(join(top, 'test'), join(directory, 'dist/test'), { recursive: true, filter: (path) => extname(path) !== '.ts' })
  const config = {
    extends: join(top, 'tsconfig.json'),
    // Types are checked elsewhere: a mistake in one file must not keep the others from being run.
    compilerOptions: { noEmit: false, noCheck: true, rootDir: top, outDir: join(directory, 'dist'), sourceMap: true, types: [] },
    include: ['src', 'machines', 'test'].map((folder) => join(top, folder)),
    exclude: [join(top, 'src/inspector/page'), join(top, 'test/**/*.test.ts')],
  }
  const configPath = join(directory, 'tsconfig.json')
  writeFileSync(configPath, JSON.stringify(config))
  const said = await output('typescript/bin/tsc', ['-p', configPath])
  if (!existsSync(builtPath(directory, 'src/cli/main.ts'))) throw new Error(`tsc made nothing of the sources:\n${said}`)
}

/** Who asks for the page finds that it is not built, where it cannot be; the others need none. */
async function buildPage(directory: string): Promise<void> {
  const outDir = join(directory, 'dist/src/inspector/page')
  const said = await output('vite/bin/vite.js', ['build', '--config', 'src/inspector/page/vite.config.ts', '--outDir', outDir])
  if (!existsSync(join(outDir, 'index.html'))) process.stderr.write(`vite made nothing of the inspector's page:\n${said}\n`)
}

/** What the program of a package said, however it ended. */
async function output(program: string, args: readonly string[]): Promise<string> {
  const ended = run(process.execPath, [join(top, 'node_modules', program), ...args], { cwd: top })
  const { stdout, stderr } = await ended.catch((failed: { stdout: string; stderr: string }) => failed)
  return `${stdout}${stderr}`
}
