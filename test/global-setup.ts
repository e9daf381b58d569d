/** Builds the sources once for a run of the tests, for all processes that they start. */
import type { TestProject } from 'vitest/node'
import { build } from './build.ts'
import { buildVariable } from './program.ts'

export default async function setup(project: TestProject): Promise<() => void> {
  const built = await build()
  process.env[buildVariable] = built.directory
  // Who watches has changed a file.
  project.onTestsRerun(() => built.again())
  return () => built.remove()
}
