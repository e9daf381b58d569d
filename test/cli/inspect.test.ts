import { openSync, readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'
import { taskMachine } from '../../machines/task.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { Interrupts } from '../../src/cli/interrupts.ts'
import { Output } from '../../src/cli/output.ts'
import { createProgram } from '../../src/cli/program.ts'
import { createRuntime, type Runtime } from '../../src/index.ts'
import { SessionFileReader } from '../../src/inspector/page/model/session-file.ts'
import { systemClock } from '../../src/platform.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { inspectKey } from '../../src/trace/beacon-keys.ts'
import { ask, EventClient } from '../inspector/inspector-fixture.ts'
import { CommandLine } from './command-line.ts'

const cli = new CommandLine()
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** Another process's part in the memory, as far as the command can tell. */
async function other(name: string): Promise<Runtime> {
  const runtime = createRuntime({ store: `file:${cli.path(name)}`, workerId: 'other', logger: silentLogger })
  ends.push(() => runtime.shutdown({ drainMs: 0 }))
  await runtime.ready()
  return runtime
}

async function start(name: string, args: readonly string[] = []) {
  const printed = cli.path(`${name}.out`)
  const store = `file:${cli.path(name)}`
  const running = cli.start(['inspect', '--port', '0', '--store', store, ...args], { stdout: openSync(printed, 'w') })
  await running.says(/inspecting file:.*; Ctrl-C ends/)
  return { running, printed: readFileSync(printed, 'utf8').trim() }
}

describe('inspect', () => {
  it('prints a URL, shows the processes on the memory, and takes back what it asked for on Ctrl-C', async () => {
    const runtime = await other('shown')
    const { running, printed } = await start('shown')
    expect(printed).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[a-z2-7]{32}$/)
    const { origin, searchParams } = new URL(printed)
    const bearer = { authorization: `Bearer ${searchParams.get('token')}` }
    const page = await EventClient.open(`${origin}/api/events`, bearer)
    await page.record((record) => record.type === 'source' && record.source === runtime.incarnation)
    // Nothing may be done through it.
    const refused = await ask(`${origin}/api/actions`, { method: 'POST', headers: bearer, body: '{}' })
    expect(refused.status).toBe(403)
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0 })
    expect(page.isEnded).toBe(true)
    expect(await runtime.memory.get(inspectKey('task-sentinel'))).toBeNull()
  })

  it('with --allow-actions does what the page asks, and says so; with --json prints an object', async () => {
    const runtime = await other('acting')
    await runtime.submit({ id: 't1', type: 'x' })
    const { running, printed } = await start('acting', ['--allow-actions', '--json'])
    const { url, store } = JSON.parse(printed) as { url: string; store: string }
    expect(store).toBe(`file:${cli.path('acting')}`)
    const { origin, searchParams } = new URL(url)
    const acted = await ask(`${origin}/api/actions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${searchParams.get('token')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'task.cancel', task: 't1', reason: 'a secret reason' }),
    })
    expect(acted.status).toBe(200)
    running.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(0)
    expect(stderr).toMatch(/inspector: action \{"action":"task.cancel","task":"t1","outcome":"ok"\}/)
    expect(stderr).not.toContain('a secret')
  })

  it('export records what happens into a file that the page reads, and sequence draws it', async () => {
    const runtime = await other('recorded')
    runtime.spawnWorker({ id: 'w', handlers: { greet: async () => 'hello' } })
    const file = cli.path('session.jsonl')
    const store = ['--store', `file:${cli.path('recorded')}`]
    const running = cli.start(['inspect', 'export', file, '--for', '3600', ...store])
    await running.says(/recording file:.*; Ctrl-C ends it now/)
    const heard = (): boolean => readFileSync(file, 'utf8').includes(`"source":"${runtime.incarnation}"`)
    await expect.poll(heard, { timeout: 30_000 }).toBe(true)
    await (await runtime.submit({ id: 't1', type: 'greet' })).result()
    await expect.poll(() => readFileSync(file, 'utf8').includes('"to":"completed"'), { timeout: 30_000 }).toBe(true)
    // Ended early: what was recorded is there.
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ records in .*session.jsonl/) })
    const reader = new SessionFileReader()
    const records = [...reader.read(readFileSync(file, 'utf8')), ...reader.end()]
    expect({ notice: reader.notice, ignored: reader.ignored }).toEqual({ notice: null, ignored: 0 })
    expect(records.some((record) => record.type === 'transition' && record.address === 'task/t1')).toBe(true)

    const drawn = await cli.run(['inspect', 'sequence', file, '--actor', 'task/t1'])
    expect(drawn).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sequenceDiagram\n/) })
    expect(drawn.stdout).toContain('task/t1')
  })

  it('view serves a recorded session and nothing else, without any memory', async () => {
    const head = { format: 1, product: 'memory-sync', exportedAtMs: 1 }
    const text = `${JSON.stringify(head)}\n${JSON.stringify({ type: 'problem', source: 'a', seq: 1, atMs: 1, code: 'x', message: 'é' })}\n`
    const file = cli.write('night.jsonl', text)
    const printed = cli.path('view.out')
    const running = cli.start(['inspect', 'view', file, '--port', '0', '--store', 'file:/nowhere'], {
      stdout: openSync(printed, 'w'),
    })
    await running.says(/showing .*night\.jsonl; Ctrl-C ends/)
    const { origin, searchParams } = new URL(readFileSync(printed, 'utf8').trim())
    const get = (path: string, token = searchParams.get('token')) =>
      ask(origin + path, { headers: { authorization: `Bearer ${token}` } })
    expect(JSON.parse((await get('/api/session')).text)).toEqual({ format: 1, recorded: 'night.jsonl' })
    expect(await get('/api/export')).toMatchObject({ status: 200, text })
    expect((await get('/api/export', 'another')).status).toBe(401)
    expect((await get('/')).status).toBe(200)
    for (const path of ['/api/events', '/api/entry?key=a', '/api/explain?task=a']) {
      expect(await get(path), path).toMatchObject({ status: 409, text: expect.stringContaining('no runtime') })
    }
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  it('chart prints every state of the chart that runs, all of them as a document', async () => {
    const one = await cli.run(['inspect', 'chart', 'task', '--mermaid'])
    expect(one.code).toBe(0)
    for (const state of Object.keys(taskMachine.config.states ?? {})) expect(one.stdout).toContain(`state "${state}"`)
    const all = await cli.run(['inspect', 'chart', 'all'])
    expect(all.stdout.match(/^```mermaid$/gm)).toHaveLength(6)
    expect(all.stdout).toContain('## batch-writer')
    const data = await cli.run(['inspect', 'chart', 'lock', '--json'])
    expect(JSON.parse(data.stdout)).toMatchObject({ id: 'lock', root: { type: 'compound' } })
  })

  it('says what is wrong with a file or a port, by the exit codes of every command', async () => {
    const none = await cli.run(['inspect', 'sequence', cli.path('nowhere.jsonl')])
    expect(none).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining('cannot be read') })
    const wrong = await cli.run(['inspect', 'sequence', cli.write('wrong.jsonl', 'hello')])
    expect(wrong).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining('exported from the inspector') })
    const noSession = await cli.run(['inspect', 'view', cli.write('wrong.json', '{}')])
    expect(noSession).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining('exported from the inspector') })
    const unwritable = await cli.run(['inspect', 'export', '/nowhere/session.jsonl', '--for', '1'])
    expect(unwritable).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining('cannot be written') })
  })
})

it('of a memory that was never written to asks whether it is the one that is meant', async () => {
  const { running } = await start('mistyped')
  await running.says(/nothing was ever written to file:.*mistyped: is it the memory that is meant\?/)
  running.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 0 })
})

describe('bad usage', () => {
  const output = new Output(process.stdout, process.stderr, () => {})

  it.each([
    ['a part above one', ['inspect', '--sample', '2'], /It must be a number from 0 to 1/],
    ['a port that is none', ['inspect', '--port', 'x'], /whole number from 0 to 65535/],
    ['an unknown chart', ['inspect', 'chart', 'tusk'], /Allowed choices are task, worker/],
    ['a recording without an end', ['inspect', 'export', 'x'], /required option '--for <seconds>' not specified/],
    ['a recording to nowhere', ['inspect', 'export', '--for', '1'], /missing required argument 'file'/],
    ['an unknown subcommand', ['inspect', 'exprot'], /too many arguments|unknown command/],
  ])('is %s', async (_, args, message) => {
    let err = ''
    const program = createProgram({ output, interrupts: new Interrupts(systemClock), exitCode: exitCodes.ok })
    const inspect = program.commands.find((command) => command.name() === 'inspect')
    for (const command of [program, inspect, ...(inspect?.commands ?? [])]) {
      command?.configureOutput({ writeErr: (text) => (err += text), writeOut: () => {} })
    }
    await expect(program.parseAsync(args, { from: 'user' })).rejects.toBeInstanceOf(CommanderError)
    expect(err).toMatch(message)
    expect(err).toMatch(/memory-sync inspect( \w+)? --help shows its options and examples/)
  })

  it('is answered by help with examples', async () => {
    const help = await cli.run(['inspect', 'export', '--help'])
    expect(help.code).toBe(0)
    for (const part of ['--store <url>', '--for <seconds>', 'Examples:\n  $ memory-sync inspect export', 'Exit codes:']) {
      expect(help.stdout).toContain(part)
    }
  })
})
