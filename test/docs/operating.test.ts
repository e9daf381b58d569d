/** Every block of code in `docs/operating.md`, compiled as it stands there and run by a program that has this package installed. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildDirectory } from '../program.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const blocks = blocksOf(readFileSync(join(root, 'docs/operating.md'), 'utf8'))
/** A block that hangs is ended by name, before the runner gives up on the test. */
const timeoutMs = 30_000

interface Block {
  readonly name: string
  readonly source: string
}

/** Named by line and heading, so that a failure says where to look. */
function blocksOf(markdown: string): Block[] {
  const found: Block[] = []
  let heading = ''
  let open: { fence: string; line: number; lines: string[] } | null = null
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open === null) {
      if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
      if (line.startsWith('```')) open = { fence: line, line: index + 1, lines: [] }
    } else if (line === '```') {
      // A block in another spelling would be shown and never run.
      if (open.fence !== '```ts') throw new Error(`docs/operating.md:${open.line} is "${open.fence}"; write \`\`\`ts`)
      found.push({ name: `line ${open.line}, ${heading}`, source: `${open.lines.join('\n')}\n` })
      open = null
    } else open.lines.push(line)
  }
  if (open !== null) throw new Error(`docs/operating.md:${open.line} is never closed`)
  return found
}

let directory = ''

/** A program with its sources, checked against this package's, and what they are compiled to, run with what this package is built into. */
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'memory-sync-operating-'))
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  install(root, directory)
  install(buildDirectory(), join(directory, 'built'))
  const compilerOptions = {
    typeRoots: [join(root, 'node_modules/@types')],
    noUnusedLocals: true,
    noEmit: false,
    rootDir: directory,
    outDir: join(directory, 'built'),
  }
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: [] }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  for (const [index, { source }] of blocks.entries()) writeFileSync(join(directory, `block-${index}.ts`), source)
})

function install(memorySync: string, project: string): void {
  mkdirSync(join(project, 'node_modules'), { recursive: true })
  symlinkSync(memorySync, join(project, 'node_modules/memory-sync'), 'dir')
}

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('there are blocks, and each checks itself', () => {
  expect(blocks.length).toBeGreaterThan(0)
  for (const { name, source } of blocks) expect(source, name).toMatch(/\bassert/)
})

test('all of them compile, with the types they should have', async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const checked = run(process.execPath, [compiler, '-p', directory], { timeout: timeoutMs })
  await checked.catch((failure: { stdout: string }) => expect.fail(failure.stdout))
})

test.each(blocks.map(({ name }, index) => [name, index] as const))('%s: holds', async (_, index) => {
  const env = { ...process.env, MEMORY_SYNC_STORE: 'memory:' }
  const file = join(directory, 'built', `block-${index}.js`)
  const { stderr } = await run(process.execPath, [file], { cwd: root, env, timeout: timeoutMs })
  expect(stderr).toBe('')
})
