import { existsSync, mkdirSync, openSync } from 'node:fs'
import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { Interrupts } from '../../src/cli/interrupts.ts'
import { Output } from '../../src/cli/output.ts'
import { createProgram } from '../../src/cli/program.ts'
import { systemClock } from '../../src/platform.ts'
import { CommandLine } from './command-line.ts'

const cli = new CommandLine()
const output = new Output(process.stdout, process.stderr, () => {})
const names = [
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
  'unlock',
  'serve',
  'import',
  'inspect',
]

/** What is said about arguments that no command is run with: this needs no process of its own. */
async function usage(args: readonly string[]): Promise<{ isHelp: boolean; out: string; err: string }> {
  let out = ''
  let err = ''
  const program = createProgram({ output, interrupts: new Interrupts(systemClock), exitCode: exitCodes.ok })
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) })
  }
  const ended: unknown = await program.parseAsync(args, { from: 'user' }).catch((thrown: unknown) => thrown)
  if (!(ended instanceof CommanderError)) throw new Error(`a command was run for ${args.join(' ')}`)
  return { isHelp: ended.exitCode === 0, out, err }
}

describe('help', () => {
  it('of the whole lists all commands and exit codes', async () => {
    const { isHelp, out } = await usage(['--help'])
    expect(isHelp).toBe(true)
    for (const name of names) {
      expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    }
    expect(out).toMatch(/^ {2}130 +interrupted$/m)
  })

  it('of every command has examples, the common options and the exit codes', async () => {
    for (const name of names) {
      const help = await usage([name, '--help'])
      expect(help.isHelp).toBe(true)
      for (const part of ['--store <url>', '--namespace <name>', '--json', `Examples:\n  $ memory-sync ${name}`, 'Exit codes:']) {
        expect(help.out, name).toContain(part)
      }
    }
  })
})

describe('bad usage', () => {
  it.each([
    ['no command', [], /^Usage: memory-sync/],
    ['an unknown command', ['stauts'], /unknown command 'stauts'\n\(Did you mean status\?\)/],
    ['an unknown option', ['get', 'a', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
    ['a missing argument', ['get'], /missing required argument 'key'/],
    ['a superfluous argument', ['get', 'a', 'b'], /too many arguments/],
    ['an option that is no number', ['tasks', '--limit', 'many'], /It must be a whole number from 1/],
    ['an option that is none of the choices', ['tasks', '--status', 'lost'], /Allowed choices are pending, processing/],
    ['options that exclude each other', ['set', 'a', '1', '--if-absent', '--if-revision', '1'], /cannot be used with/],
    ['ids beside --all', ['replay', 'a', '--all'], /either ids of tasks or --all/],
    ['neither a lock nor a task', ['unlock', '--force'], /either the name of a lock or --task/],
    ['an option without its other', ['run', 'x.js', '--keep'], /--keep needs --tasks/],
    ['a port without a server', ['serve', '--token-file', 'x'], /--token-file needs --http/],
    ['an import from nowhere', ['import'], /required option '--from <server>' not specified/],
    ['two ways to be reached', ['serve', '--stdio', '--http'], /cannot be used with/],
  ])('is %s', async (_, args, message) => {
    const { isHelp, out, err } = await usage(args)
    expect({ isHelp, out }).toEqual({ isHelp: false, out: '' })
    expect(err).toMatch(message)
  })

  it('has its own exit code', async () => {
    expect(await cli.run(['get', '--nope'])).toMatchObject({ code: 2, stdout: '' })
    expect(await cli.run(['status', '--store', 'redis://x'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^memory-sync: invalid_option: "redis:\/\/x" is no store's URL/),
    })
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

  it.runIf(existsSync('/dev/full'))('is not a full disk, which is a failure', async () => {
    const { code, stderr } = await cli.run(['tasks', '--help'], { stdout: openSync('/dev/full', 'w') })
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^memory-sync: internal: .*ENOSPC/) })
  })
})
