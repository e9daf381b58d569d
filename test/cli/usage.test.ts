import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CommandLine } from './command-line.ts'

const cli = new CommandLine()

describe('help', () => {
  it('of the whole lists all commands and exit codes', async () => {
    const { code, stdout } = await cli.run(['--help'])
    expect(code).toBe(0)
    for (const name of [
      'run',
      'status',
      'get',
      'set',
      'delete',
      'watch',
      'tasks',
      'explain',
      'cancel',
      'dead-letters',
      'replay',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    }
    expect(stdout).toMatch(/^ {2}130 +interrupted$/m)
  })

  it('of a command has its examples, the common options and the exit codes', async () => {
    const { code, stdout } = await cli.run(['help', 'watch'])
    expect(code).toBe(0)
    for (const part of ['--count <n>', '--store <url>', 'Examples:\n  $ memory-sync watch', 'Exit codes:']) {
      expect(stdout).toContain(part)
    }
  })
})

describe('bad usage', () => {
  it.each([
    ['an unknown command', ['stauts'], /unknown command 'stauts'\n\(Did you mean status\?\)/],
    ['an unknown option', ['get', 'a', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
    ['a missing argument', ['get'], /missing required argument 'key'/],
    ['a superfluous argument', ['get', 'a', 'b'], /too many arguments/],
    ['an option that is no number', ['tasks', '--limit', 'many'], /It must be a whole number from 1/],
    ['options that exclude each other', ['set', 'a', '1', '--if-absent', '--if-revision', '1'], /cannot be used with/],
    ['ids beside --all', ['replay', 'a', '--all'], /either ids of tasks or --all/],
    [
      'a store that cannot be',
      ['status', '--store', 'redis://x'],
      /^memory-sync: invalid_option: "redis:\/\/x" is no store's URL/,
    ],
  ])('is %s', async (_, args, message) => {
    expect(await cli.run(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
  })
})

describe('a store that cannot be opened', () => {
  it('is told in one line with its place, and by the exit code', async () => {
    const file = cli.write('a-file', '')
    const { code, stdout, stderr } = await cli.run(['get', 'a', '--store', `file:${file}`, '--json'])
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'store_unavailable', message: expect.stringContaining(file), retryable: false },
    })
  })

  it('may have been damaged', async () => {
    mkdirSync(cli.path('damaged'))
    cli.write('damaged/format.json', 'not JSON')
    const { code, stderr } = await cli.run(['status', '--store', `file:${cli.path('damaged')}`])
    expect(code).toBe(4)
    expect(stderr).toMatch(/^memory-sync: corrupt: .*\n$/)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it('may be of a later version', async () => {
    mkdirSync(cli.path('newer'))
    cli.write('newer/format.json', '{"format":1000}')
    const { code, stderr } = await cli.run(['status', '--store', `file:${cli.path('newer')}`], {
      env: { MEMORY_SYNC_LOG: 'debug' },
    })
    expect(code).toBe(4)
    expect(stderr).toMatch(/memory-sync: not_supported: .*format 1000/)
    // For those who debug, and only for them.
    expect(stderr).toMatch(/\n\s+at /)
  })
})

describe('a reader that goes away', () => {
  it('ends the command quietly', async () => {
    const watch = cli.start(['watch', 'pipe/*'])
    await watch.says(/watching for changes/)
    watch.closeStdout()
    await cli.run(['set', 'pipe/1', '1'])
    await cli.run(['set', 'pipe/2', '2'])
    const { code, stderr } = await watch.ended
    expect(code).toBe(0)
    expect(stderr.split('\n').filter((line) => line !== '')).toEqual([expect.stringMatching(/watching for changes/)])
  })
})
