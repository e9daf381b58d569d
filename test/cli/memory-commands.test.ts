import { describe, expect, it } from 'vitest'
import { CommandLine, jsonLines } from './command-line.ts'

const cli = new CommandLine()

describe('get, set and delete', () => {
  it('store, print and delete a value, between processes', async () => {
    expect(await cli.run(['set', 'a/b', '{"x":[1,"two"]}'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^a\/b is stored at revision \d+\n$/),
      stderr: '',
    })
    expect(await cli.run(['get', 'a/b'])).toEqual({
      code: 0,
      stdout: '{\n  "x": [\n    1,\n    "two"\n  ]\n}\n',
      stderr: '',
    })
    expect(await cli.run(['get', 'a/b', '--json'])).toMatchObject({ code: 0, stdout: '{"x":[1,"two"]}\n' })

    const deleted = await cli.run(['delete', 'a/b', '--json'])
    expect(JSON.parse(deleted.stdout)).toEqual({
      key: 'a/b',
      revision: expect.any(Number),
      durability: 'process-crash',
    })
    const gone = await cli.run(['get', 'a/b', '--json'])
    expect(gone).toMatchObject({ code: 3, stdout: '' })
    expect(JSON.parse(gone.stderr)).toEqual({
      error: { code: 'not_found', message: expect.stringContaining(cli.storeUrl), retryable: false },
    })
    expect(await cli.run(['delete', 'a/b'])).toMatchObject({ code: 3, stdout: '' })
  })

  it('keep to a condition, and say by the exit code when it did not hold', async () => {
    const first = await cli.run(['set', 'leader', '"me"', '--if-absent', '--json'])
    expect(first.code).toBe(0)
    const { revision } = JSON.parse(first.stdout) as { revision: number }
    expect(await cli.run(['set', 'leader', '"you"', '--if-absent'])).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^memory-sync: conflict: .*\n$/),
    })
    expect(await cli.run(['set', 'leader', '"you"', '--if-revision', String(revision)])).toMatchObject({ code: 0 })
    expect(await cli.run(['delete', 'leader', '--if-revision', String(revision)])).toMatchObject({ code: 5 })
  })

  it('show who wrote a value, and one writer however many calls there were', async () => {
    await cli.run(['set', 'config', '1'])
    await cli.run(['set', 'config', '2', '--ttl', '600'])
    const { code, stdout } = await cli.run(['get', 'config', '--entry', '--json'])
    expect(code).toBe(0)
    const entry = JSON.parse(stdout) as { version: object; workerId: string }
    expect(entry).toMatchObject({ key: 'config', value: 2, revision: expect.any(Number), ttl: 600 })
    expect(entry.workerId).toMatch(/^cli@/)
    expect(Object.keys(entry.version)).toEqual([entry.workerId])
    const told = await cli.run(['get', 'config', '--entry'])
    expect(told.stdout).toMatch(/^revision +\d+$/m)
    expect(told.stdout).toMatch(/^ttl +600 s, expires in/m)
  })

  it('take a value from standard input, and text as it is', async () => {
    expect(await cli.run(['set', 'in', '-'], { stdin: '{"a":\n1}\n' })).toMatchObject({ code: 0 })
    expect((await cli.run(['get', 'in', '--json'])).stdout).toBe('{"a":1}\n')
    expect(await cli.run(['set', 'text', 'plain words', '--text'])).toMatchObject({ code: 0 })
    expect((await cli.run(['get', 'text'])).stdout).toBe('"plain words"\n')
  })

  it.each([
    ['what is not JSON', ['set', 'a', 'hello'], /^memory-sync: invalid_value: "hello" is not JSON\..*--text/],
    ["a task's record", ['set', 'task-sentinel/tasks/t/record', '1'], /^memory-sync: not_supported: /],
  ])('refuse %s', async (_, args, reason) => {
    expect(await cli.run(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(reason) })
  })
})

describe('watch', () => {
  it('tells what is stored, then what another process writes, and ends with 0 on Ctrl-C', async () => {
    await cli.run(['set', 'w/old', '"before"'])
    const watch = cli.start(['watch', 'w/**', '--json'])
    await watch.says(/"caught-up"/)
    await cli.run(['set', 'w/new', '{"n":1}'])
    await watch.says(/w\/new/)
    await cli.run(['delete', 'w/new'])
    await watch.says(/"delete"/)
    watch.kill('SIGINT')
    const { code, stdout, stderr } = await watch.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({ type: 'set', key: 'w/old', value: 'before' }),
      { type: 'caught-up', revision: expect.any(Number) },
      expect.objectContaining({ type: 'set', key: 'w/new', value: { n: 1 }, workerId: expect.stringMatching(/^cli@/) }),
      expect.objectContaining({ type: 'delete', key: 'w/new' }),
    ])
  })

  it('ends by itself after so many lines, and can begin at a revision or now', async () => {
    await cli.run(['set', 'c/1', '1'])
    const first = await cli.run(['set', 'c/2', '2', '--json'])
    const { revision } = JSON.parse(first.stdout) as { revision: number }
    const one = await cli.run(['watch', 'c/*', '--count', '1'])
    expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ set c\/1 1\n$/) })
    const later = await cli.run(['watch', 'c/*', '--after', String(revision - 1), '--count', '1'])
    expect(later.stdout).toBe(`${revision} set c/2 2\n`)
    const watch = cli.start(['watch', 'c/*', '--after', 'now', '--count', '1'])
    await watch.says(/watching for changes/)
    await cli.run(['set', 'c/3', '3'])
    expect((await watch.ended).stdout).toMatch(/^\d+ set c\/3 3\n$/)
  })
})
