import { describe, expect, it } from 'vitest'
import { CommandLine, jsonLines } from './command-line.ts'

const cli = new CommandLine()
cli.write(
  'handlers.mjs',
  `export const handlers = {
    greet: (task) => 'hello ' + task.input,
    bad: () => { throw new Error('no such model') },
  }`,
)
const namespace = ['--namespace', 'demo']

describe('the commands about tasks', () => {
  it('say where nothing is that nothing is', async () => {
    expect(await cli.run(['tasks', ...namespace])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/no such tasks/),
    })
    expect(await cli.run(['dead-letters', ...namespace, '--json'])).toMatchObject({ code: 0, stdout: '' })
    expect(await cli.run(['replay', '--all', ...namespace])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/nothing to replay/),
    })
    expect(await cli.run(['cancel', 'x', ...namespace])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^memory-sync: not_found: no task "x" in namespace "demo"/),
    })
  })

  it('follow a task from its failure to its next life', async () => {
    const tasks = [
      { id: 'ok', type: 'greet', input: 'you' },
      { id: 'sad', type: 'bad', maxAttempts: 1 },
    ]
    const stdin = tasks.map((task) => JSON.stringify(task)).join('\n')
    expect((await cli.run(['run', 'handlers.mjs', '--tasks', '-', ...namespace], { stdin })).code).toBe(1)

    const listed = await cli.run(['tasks', ...namespace])
    expect(listed.stdout).toMatch(/^TASK +STATUS +TYPE +PRIORITY +ATTEMPTS +SINCE +NOTE$/m)
    expect(listed.stdout).toMatch(/^ok +completed +greet +0 +1\/3 /m)
    expect(listed.stdout).toMatch(/^sad +failed +bad +0 +1\/1 .*no such model$/m)
    const failed = await cli.run(['tasks', ...namespace, '--status', 'failed', '--type', 'bad', '--limit', '5', '--json'])
    expect(jsonLines(failed.stdout)).toEqual([expect.objectContaining({ id: 'sad', status: 'failed' })])

    const letters = await cli.run(['dead-letters', ...namespace, '--json'])
    expect(jsonLines(letters.stdout)).toEqual([
      expect.objectContaining({
        id: 'sad',
        type: 'bad',
        attempts: 1,
        error: expect.objectContaining({ message: 'no such model' }),
      }),
    ])
    expect((await cli.run(['explain', 'sad', ...namespace])).stdout).toMatch(
      /^task sad is failed: failed after 1 of 1 attempts: no such model/,
    )

    const replayed = await cli.run(['replay', 'sad', 'gone', ...namespace])
    expect(replayed).toMatchObject({
      code: 3,
      stdout: 'sad is pending again\n',
      stderr: expect.stringMatching(/not_found.*"gone"/),
    })
    expect(await cli.run(['replay', 'sad', ...namespace])).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/conflict.*pending/),
    })

    const waiting = await cli.run(['explain', 'sad', ...namespace, '--json'])
    expect(JSON.parse(waiting.stdout)).toMatchObject({
      id: 'sad',
      state: 'pending',
      reason: 'ready, waiting for a worker with room',
      takers: [],
    })
    const status = JSON.parse((await cli.run(['status', ...namespace, '--json'])).stdout) as object
    expect(status).toEqual({
      store: {
        url: cli.storeUrl,
        chosenBy: 'environment',
        durability: 'process-crash',
        reach: 'machine',
        revision: expect.any(Number),
      },
      namespace: 'demo',
      queue: { pending: 1, processing: 0, completed: 1, failed: 0, cancelled: 0 },
      workers: [],
      workersNotShown: 1,
      problems: ['no worker takes the type "bad", of which 1 task is pending'],
    })

    expect(await cli.run(['cancel', 'sad', '--reason', 'enough', ...namespace])).toMatchObject({
      code: 0,
      stdout: 'sad is cancelled\n',
    })
    expect((await cli.run(['explain', 'sad', ...namespace])).stdout).toMatch(/^task sad is cancelled: cancelled: enough$/m)
    expect(await cli.run(['cancel', 'ok', ...namespace])).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/completed already/),
    })
  })
})
