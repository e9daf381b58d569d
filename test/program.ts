/**
 * How tests start a program of this repository as a process: from the build that was made when the run of the tests began (see
 * `global-setup.ts`), or, in a script that runs without one, from the source by a loader. Knows no program.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { builtPath } from './build.ts'

/** The directory of the build, in the environment of those who run with one. */
export const buildVariable = 'MEMORY_SYNC_TEST_BUILD'

const top = fileURLToPath(new URL('..', import.meta.url))

export interface Program {
  /** Of Node. */
  readonly flags: readonly string[]
  readonly file: string
}

/** What is installed as `memory-sync` by programs outside. @throws when there is no build */
export function buildDirectory(): string {
  const directory = process.env[buildVariable]
  if (directory === undefined) throw new Error(`${buildVariable} names no build: run this by vitest`)
  return directory
}

/**
 * @param source of the program, `new URL('./fixtures/worker.ts', import.meta.url)`
 * @example spawn(process.execPath, [...flags, file, argument])
 * @throws when there is a build and the program is not in it
 */
export function programOf(source: URL): Program {
  const path = fileURLToPath(source)
  const build = process.env[buildVariable]
  if (build === undefined) {
    // By its place: the process may run in any directory.
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    return { flags: ['--conditions=memory-sync:source', '--import', loader], file: path }
  }
  const file = builtPath(build, relative(top, path))
  if (!existsSync(file)) throw new Error(`${path} is not among what was built in ${build}: is it in src, machines or test?`)
  return { flags: [], file }
}
