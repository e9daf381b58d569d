import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CommandLine, jsonLines } from './command-line.ts'

const cli = new CommandLine()
cli.write(
  'handlers.mjs',
  `import { existsSync, watch, writeFileSync } from 'node:fs'
  const aborted = (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  export const capacity = 4
  export const handlers = {
    double: (task) => Number(task.input) * 2,
    bad: () => { throw new Error('boom\\n\\u001b[31m') },
    mark: (task) => writeFileSync(String(task.input), 'ran'),
    untilFile: (task) => new Promise((resolve) => {
      const look = () => { if (existsSync(String(task.input))) resolve('saw it') }
      watch('.', look)
      look()
      console.error('started')
    }),
    hang: (task) => { console.error('started'); return aborted(task.signal) },
  }`,
)
const lines = (...tasks: object[]): string => tasks.map((task) => JSON.stringify(task)).join('\n')
const url = (name: string): string => `file:${cli.path(name)}`

describe('run with tasks', () => {
  it('prints a line per task as it ends, a summary for people, and fails when a task does', async () => {
    const tasks = lines(
      { id: 'd', type: 'double', input: 21 },
      { id: 'after', type: 'double', input: 1, dependsOn: ['d'] },
      { id: 'b', type: 'bad', maxAttempts: 2, backoff: { baseMs: 1 } },
      { id: 'never', type: 'double', dependsOn: ['b'] },
    )
    cli.write('tasks.jsonl', `${tasks}\n\n`)
    const { code, stdout, stderr } = await cli.run(['run', 'handlers.mjs', '--tasks', 'tasks.jsonl', '--json'])
    expect(code).toBe(1)
    const ends = jsonLines(stdout)
    expect(ends).toHaveLength(4)
    expect(ends).toEqual(
      expect.arrayContaining([
        { id: 'd', type: 'double', status: 'completed', output: 42 },
        { id: 'after', type: 'double', status: 'completed', output: 2 },
        { id: 'b', type: 'bad', status: 'failed', error: { name: 'Error', message: 'boom\n\u001b[31m' } },
        { id: 'never', type: 'double', status: 'failed', error: expect.objectContaining({ message: expect.any(String) }) },
      ]),
    )
    expect(stderr).toMatch(/^memory-sync: 4 tasks in .*: 2 completed, 2 failed or cancelled\n$/)
  })

  it('does not run again what the store knows by its id, and says so', async () => {
    const stdin = lines({ id: 'once', type: 'double', input: 1 })
    const args = ['run', 'handlers.mjs', '--tasks', '-', '--workers', '2', '--capacity', '1']
    expect(await cli.run(args, { stdin })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^once +completed +double +2$/m),
    })
    const again = await cli.run(args, { stdin: lines({ id: 'once', type: 'double', input: 100 }) })
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^once +completed +double +2$/m),
      stderr: expect.stringMatching(/1 completed, 1 known from before and not run again/),
    })
  })

  it('lets no text of a task steer the terminal', async () => {
    const { stdout } = await cli.run(['run', 'handlers.mjs', '--tasks', '-'], { stdin: lines({ type: 'bad', maxAttempts: 1 }) })
    expect(stdout).toContain('boom\\n\\u001b[31m')
    expect(stdout).not.toContain('\u001b')
  })

  it('submits nothing when a line is bad, and names it', async () => {
    const store = url('untouched')
    const stdin = `${lines({ type: 'mark', input: 'marked' })}\n\n{"type":"double","inptu":1}\n`
    const { code, stdout, stderr } = await cli.run(['run', 'handlers.mjs', '--tasks', '-', '--store', store, '--json'], { stdin })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'invalid_value',
        message: expect.stringMatching(/^standard input line 3: unknown member "inptu"/),
        retryable: false,
      },
    })
    expect(existsSync(cli.path('marked'))).toBe(false)
    expect(existsSync(cli.path('untouched'))).toBe(false)
  })

  it.each([
    ['a module that is not there', ['gone.ts'], /there is no module ".*gone\.ts"/],
    [
      'a file of tasks that is not there',
      ['handlers.mjs', '--tasks', 'gone.jsonl'],
      /the tasks in "gone.jsonl" cannot be read: ENOENT/,
    ],
  ])('refuses %s', async (_, args, reason) => {
    expect(await cli.run(['run', ...args])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(reason) })
  })

  // Node 22.18 needs none.
  it.skipIf(Reflect.get(process.features, 'typescript'))(
    'takes handlers in TypeScript where their project has tsx, and asks for it elsewhere',
    async () => {
      const source = 'interface Task { readonly input: number }\nexport const handlers = { half: (task: Task) => task.input / 2 }'
      for (const project of ['with', 'without']) mkdirSync(cli.path(`${project}/node_modules`), { recursive: true })
      symlinkSync(fileURLToPath(new URL('../../node_modules/tsx', import.meta.url)), cli.path('with/node_modules/tsx'), 'dir')
      const run = (project: string) => {
        cli.write(`${project}/handlers.ts`, source)
        const args = ['run', `${project}/handlers.ts`, '--tasks', '-', '--json', '--store', 'memory:']
        return cli.run(args, { stdin: lines({ id: 'h', type: 'half', input: 4 }) })
      }
      const [loaded, refused] = await Promise.all([run('with'), run('without')])
      expect({ ...loaded, stdout: jsonLines(loaded.stdout) }).toMatchObject({ code: 0, stdout: [{ id: 'h', output: 2 }] })
      expect(refused).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/this Node cannot load .*npm install --save-dev tsx/),
      })
    },
  )

  it('works on a private store, too', async () => {
    const { code, stdout } = await cli.run(['run', 'handlers.mjs', '--tasks', '-', '--json', '--store', 'memory:'], {
      stdin: lines({ id: 'p', type: 'double', input: 4 }),
    })
    expect({ code, ends: jsonLines(stdout) }).toMatchObject({ code: 0, ends: [{ id: 'p', output: 8 }] })
  })
})

describe('run and Ctrl-C', () => {
  it('drains: what runs may end, what waits stays in the queue', async () => {
    const store = ['--store', url('drain')]
    const stdin = lines({ id: 'runs', type: 'untilFile', input: 'go' }, { id: 'waits', type: 'double', input: 1 })
    const run = cli.start(['run', 'handlers.mjs', '--tasks', '-', '--capacity', '1', '--json', ...store], { stdin })
    await run.says(/^started$/m)
    run.kill('SIGINT')
    await run.says(/draining: 1 running task has 30 s to end/)
    cli.write('go', '')
    const { code, stdout, stderr } = await run.ended
    expect(code).toBe(130)
    expect(jsonLines(stdout)).toEqual([{ id: 'runs', type: 'untilFile', status: 'completed', output: 'saw it' }])
    expect(stderr).toMatch(/2 tasks in .*: 1 completed, 1 unfinished in file:/)
    expect((await cli.run(['tasks', '--status', 'pending', ...store])).stdout).toMatch(/^waits +pending +double +0 +0\/3 /m)
  })

  it('gives back what does not end in time, its attempt not counted', async () => {
    const store = ['--store', url('hand-back')]
    const stdin = lines({ id: 'h', type: 'hang', maxAttempts: 1 })
    const run = cli.start(['run', 'handlers.mjs', '--tasks', '-', '--drain-ms', '0', ...store], { stdin })
    await run.says(/^started$/m)
    run.kill('SIGTERM')
    expect((await run.ended).code).toBe(130)
    expect(jsonLines((await cli.run(['tasks', '--json', ...store])).stdout)).toEqual([
      expect.objectContaining({ id: 'h', status: 'pending', attempts: 0 }),
    ])
  })

  it('exits at once the second time', async () => {
    const store = ['--store', url('twice')]
    const run = cli.start(['run', 'handlers.mjs', '--tasks', '-', ...store], { stdin: lines({ id: 'h', type: 'hang' }) })
    await run.says(/^started$/m)
    run.kill('SIGINT')
    await run.says(/Ctrl-C again exits at once/)
    // Another signal, for the same one right behind the first would be taken for its echo.
    run.kill('SIGTERM')
    expect((await run.ended).code).toBe(130)
  })

  it('is a worker without tasks, seen by others, which ends with 0', async () => {
    const store = ['--store', url('worker')]
    const run = cli.start(['run', 'handlers.mjs', '--workers', '2', ...store])
    await run.says(/working on double, bad, mark, untilFile, hang from file:.*Ctrl-C drains/)
    const watch = cli.start(['watch', 'task-sentinel/workers/*/status', '--json', ...store, '--count', '2'])
    await watch.ended
    const { workers } = JSON.parse((await cli.run(['status', '--json', ...store])).stdout) as { workers: object[] }
    expect(workers).toHaveLength(2)
    expect(workers[0]).toMatchObject({
      state: 'active',
      isAlive: true,
      capacity: 4,
      running: 0,
      heartbeatAgeMs: expect.any(Number),
    })
    run.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/ended after 0 handler runs\n$/) })
  })
})
