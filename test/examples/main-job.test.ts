/** The main job, really run: processes, a kill, a takeover, and the answers to wrong arguments. */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { argsOf, UsageError } from '../../examples/main-job/args.ts'
import { listText } from '../../examples/main-job/files.ts'
import type { Summary } from '../../examples/main-job/summary.ts'
import { runScript } from './run-script.ts'

const main = 'examples/main-job/main.ts'
const filesCount = 40
const linesCount = 400
let directory: string
let store: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'main-job-'))
  store = await mkdtemp(join(tmpdir(), 'main-job-store-'))
  await mkdir(join(directory, 'sub', 'node_modules'), { recursive: true })
  for (let file = 0; file < filesCount; file++) {
    const line = (n: number): string => `file ${file} line ${n} has word${(n * 7919 + file) % 5000} and w${(n * n) % 3001}\n`
    const text = Array.from({ length: linesCount }, (_, n) => line(n)).join('')
    await writeFile(join(directory, file % 2 === 0 ? '.' : 'sub', `text-${file}.txt`), text)
  }
  await writeFile(join(directory, 'empty.txt'), '')
  await writeFile(join(directory, 'binary.dat'), Buffer.from([1, 0, 2]))
  await writeFile(join(directory, 'huge.txt'), 'x'.repeat(2 * 1024 * 1024 + 1))
  await writeFile(join(directory, 'sub', 'node_modules', 'left-out.js'), 'left out')
  await symlink('/nowhere', join(directory, 'link'))
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
  await rm(store, { recursive: true, force: true })
})

test('a worker is killed at work, others finish its tasks, and the result is that of a plain run', async () => {
  const { code, stdout, stderr } = await runScript(main, [directory, '--json'])
  expect(code, stderr).toBe(0)
  const summary = JSON.parse(stdout) as Summary
  expect(summary).toMatchObject({
    files: filesCount + 1,
    leftOut: { binary: 1, tooLarge: 1, unreadable: 0 },
    lines: filesCount * linesCount,
    check: { isEqual: true, differences: [] },
  })
  const { killed, takeovers } = summary
  if (killed === null) throw new Error(`no worker was killed:\n${stderr}`)
  expect(killed.tasks.length).toBeGreaterThan(0)
  // What the killed worker had in its hands was taken by others; nothing else was started twice.
  const fromKilled = takeovers.filter(({ from }) => from === killed.worker)
  expect(fromKilled.map(({ task }) => task).sort()).toEqual([...killed.tasks].sort())
  for (const { to } of fromKilled) expect(to).not.toBe(killed.worker)
  expect(summary.attempts).toBe(summary.tasks + takeovers.length)
  const left = (await readdir(tmpdir())).map((name) => join(tmpdir(), name))
  expect(left).not.toContain(summary.store.slice('file:'.length))
})

test('Ctrl-C drains, and the same command continues where it was left', async () => {
  const args = [directory, '--store', `file:${store}`, '--no-kill']
  const interrupted = await runScript(main, args, (said, kill) => {
    if (/^ [12]\d %/m.test(said) && !said.includes('stopping')) kill('SIGINT')
  })
  expect(interrupted.code, interrupted.stderr).toBe(130)
  const done = Number(/interrupted with (\d+) of \d+ tasks done/.exec(interrupted.stderr)?.[1])
  expect(done).toBeGreaterThan(0)

  const { code, stdout, stderr } = await runScript(main, [...args, '--json'])
  expect(code, stderr).toBe(0)
  const summary = JSON.parse(stdout) as Summary
  // Drained: nothing was torn from anybody, so nothing was started twice.
  expect(summary.attempts).toBe(summary.tasks)
  expect(summary.takeovers).toEqual([])
  expect(summary.check.isEqual).toBe(true)
})

test.each([
  [['--nope'], /Unknown option '--nope'/],
  [['--store'], /'--store <value>' argument missing/],
  [['one', 'two'], /one directory is enough, got one and two/],
  [['--store', 'memory:'], /--store must be file:<directory>.*got "memory:"/],
])('the arguments %j are refused', (argv, message) => {
  expect(() => argsOf(argv)).toThrow(UsageError)
  expect(() => argsOf(argv)).toThrow(message)
})

test('a place that is no directory is refused by name', async () => {
  await expect(listText('/does/not/exist')).rejects.toThrow('/does/not/exist does not exist')
  await expect(listText('package.json')).rejects.toThrow('package.json is not a directory')
})

test('a store that cannot be opened is told once, with advice, and ends the job', async () => {
  const { code, stderr } = await runScript(main, [directory, '--store', 'file:package.json'])
  expect(code).toBe(1)
  expect(stderr.match(/there is a file of that name\. Give a directory/g)).toHaveLength(1)
})

test('wrong usage: exit code 2, the message on stderr, nothing on stdout', async () => {
  const { code, stdout, stderr } = await runScript(main, [join(directory, 'sub', 'node_modules', '..', '..', 'nowhere')])
  expect(code).toBe(2)
  expect(stderr).toMatch(/nowhere does not exist\n.*--help/)
  expect(stdout).toBe('')
})
