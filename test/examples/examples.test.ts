/** The numbered examples check themselves; here they are run once, as a user runs them. */
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { runScript } from './run-script.ts'

const isNumbered = (name: string): boolean => /^\d\d-.*\.ts$/.test(name)

test('every example passes its own check', async () => {
  const { code, stdout, stderr } = await runScript('examples/run-all.ts')
  expect(code, stdout + stderr).toBe(0)
  const names = (await readdir('examples')).filter(isNumbered)
  for (const name of names) expect(stdout).toMatch(new RegExp(`^ok +${name}`, 'm'))
  // Fifteen of them, one after the other, with real leases in some.
}, 180_000)

test('every example is named in the README of the examples', async () => {
  const readme = await readFile('examples/README.md', 'utf8')
  for (const name of (await readdir('examples')).filter(isNumbered)) expect(readme).toContain(`(${name})`)
})
