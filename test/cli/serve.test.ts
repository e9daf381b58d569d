import { openSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, describe, expect, it } from 'vitest'
import { CommandLine, commandLine, jsonLines, type Running } from './command-line.ts'

const cli = new CommandLine()
const token = 'a-token-of-24-characters'
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'lines', version: '1' } },
})
const clients: Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

/** A server over HTTP, and the URL that it printed. */
async function serve(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ running: Running; url: string; store: readonly string[] }> {
  const store = ['--store', `file:${cli.path(name)}`]
  const printed = cli.path(`${name}.out`)
  const running = cli.start(['serve', '--http', '--port', '0', ...store, ...args], { stdout: openSync(printed, 'w'), env })
  await running.says(/serving file:.* at http:.*; Ctrl-C ends/)
  return { running, url: readFileSync(printed, 'utf8').trim(), store }
}

async function connect(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Client> {
  const client = new Client({ name: 'claude', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  clients.push(client)
  return client
}

const storeCall = (key: string, value: string) => ({ name: 'memory_usage', arguments: { action: 'store', key, value } })
const retrieve = (key: string) => ({ name: 'memory_usage', arguments: { action: 'retrieve', key } })

describe('serve by stdio', () => {
  it('serves the client that started it, on a store that others see', async () => {
    const audit = cli.path('audit.jsonl')
    const client = new Client({ name: 'claude', version: '1' })
    const args = [...commandLine, 'serve', '--store', cli.storeUrl, '--audit', audit]
    await client.connect(new StdioClientTransport({ command: process.execPath, args, cwd: cli.directory, stderr: 'ignore' }))
    clients.push(client)
    await client.callTool({
      name: 'memory_usage',
      arguments: { action: 'store', key: 'by/stdio', value: 'kept', namespace: 'task-sentinel' },
    })
    expect(await cli.run(['get', 'by/stdio', '--json'])).toMatchObject({ code: 0 })
    await client.close()
    clients.pop()
    expect(jsonLines(readFileSync(audit, 'utf8'))).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-/),
        client: 'claude',
        tool: 'memory_usage',
        subject: expect.stringContaining('by/stdio'),
        outcome: 'ok',
      },
    ])
    expect(readFileSync(audit, 'utf8')).not.toContain('kept')
  })

  it('prints nothing but protocol, and ends with 0 when the client closes its end', async () => {
    const stdin = `${initialize}\nthis is no message\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n`
    const { code, stdout, stderr } = await cli.run(['serve'], { stdin, env: { MEMORY_SYNC_TOKEN: 'ignored' } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({
        id: 1,
        result: expect.objectContaining({ serverInfo: { name: 'memory-sync', version: '0.1.0' } }),
      }),
      { jsonrpc: '2.0', id: 2, result: {} },
    ])
  })
})

describe('serve over HTTP', () => {
  it('prints its URL, serves many clients, logs who changed what, and ends with 0 on Ctrl-C', async () => {
    const { running, url } = await serve('http')
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
    const [one, two] = await Promise.all([connect(url), connect(url)])
    await one.callTool(storeCall('shared', 'between two'))
    expect((await two.callTool(retrieve('shared'))).structuredContent).toMatchObject({
      found: true,
      value: expect.stringContaining('between two'),
    })
    running.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(0)
    const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        client: 'claude',
        tool: 'memory_usage',
        subject: expect.stringContaining('shared'),
        outcome: 'ok',
      }),
    ])
    expect(stderr).not.toContain('between two')
    await expect(two.ping()).rejects.toThrow()
  })

  it('prints an object with --json', async () => {
    const { running, url } = await serve('json', ['--json', '--namespace', 'team'])
    expect(JSON.parse(url)).toEqual({
      url: expect.stringMatching(/^http:/),
      store: `file:${cli.path('json')}`,
      namespace: 'team',
    })
    running.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  })

  it('loses nothing that it acknowledged when it is killed', async () => {
    const { running, url, store } = await serve('killed')
    const client = await connect(url)
    const written = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        client.callTool({ name: 'memory_store', arguments: { key: `k${n}`, value: 'v', namespace: 'task-sentinel' } }),
      ),
    )
    expect(written.every(({ isError }) => isError !== true)).toBe(true)
    running.kill('SIGKILL')
    expect((await running.ended).code).toBeNull()
    await expect(client.ping()).rejects.toThrow()
    for (const n of [0, 19]) expect((await cli.run(['get', `k${n}`, ...store])).code).toBe(0)
  })

  it.each([
    ['the environment', [], { MEMORY_SYNC_TOKEN: token }],
    ['a file', ['--token-file', cli.write('token', `${token}\n`)], { MEMORY_SYNC_TOKEN: 'another, which is not used' }],
  ])('takes the token from %s and asks every client for it', async (_, args, env) => {
    const { running, url } = await serve(`token-${args.length}`, args, env)
    await expect(connect(url)).rejects.toThrow(/Unauthorized/)
    const client = await connect(url, { authorization: `Bearer ${token}` })
    await client.ping()
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining(token) })
  })

  it.each([
    [
      'others without a token',
      ['--host', '0.0.0.0'],
      /invalid_option: host "0.0.0.0" can be reached from other machines: give a token/,
    ],
    ['a token file that is not there', ['--token-file', 'gone'], /invalid_option: the token file "gone" cannot be read: ENOENT/],
    [
      'an empty token file',
      ['--token-file', cli.write('empty', '\n')],
      /invalid_option: the token must have at least 16 characters/,
    ],
    ['an origin that is none', ['--allow-origin', 'example.com'], /allowedOrigins must be an origin/],
    [
      'an audit log that cannot be written',
      ['--audit', 'no/such/place'],
      /the audit log "no\/such\/place" cannot be written: ENOENT/,
    ],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await cli.run(['serve', '--http', '--port', '0', ...args], { env: { MEMORY_SYNC_TOKEN: '' } })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it('says where somebody else listens', async () => {
    const { running, url } = await serve('first')
    const { port } = new URL(url)
    expect(await cli.run(['serve', '--http', '--port', port])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/somebody else listens there/),
    })
    running.kill('SIGINT')
    await running.ended
  })
})

describe('packages that are not installed', () => {
  cli.write(
    'without.mjs',
    `import { register } from 'node:module'
    const names = process.env.WITHOUT.split(' ')
    register('data:text/javascript,' + encodeURIComponent(\`
      const names = \${JSON.stringify(names)}
      export async function resolve(specifier, context, next) {
        if (!names.some((name) => specifier === name || specifier.startsWith(name + '/'))) return next(specifier, context)
        throw Object.assign(new Error("Cannot find package '" + specifier + "'"), { code: 'ERR_MODULE_NOT_FOUND' })
      }\`))`,
  )
  const without = (names: string) => ({ NODE_OPTIONS: `--import=${pathToFileURL(cli.path('without.mjs')).href}`, WITHOUT: names })

  it.each([
    ['@modelcontextprotocol/sdk', [], 'npm install @modelcontextprotocol/sdk'],
    ['@modelcontextprotocol/sdk', ['--http', '--port', '0'], 'npm install @modelcontextprotocol/sdk'],
    ['hono', ['--http', '--port', '0'], 'npm install hono @hono/node-server'],
    ['@hono/node-server', ['--http', '--port', '0'], 'npm install hono @hono/node-server'],
  ])('(%s) are named with the command that installs them', async (names, args, advice) => {
    const { code, stdout, stderr } = await cli.run(['serve', ...args], { env: without(names) })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^memory-sync: not_supported: serv.* needs packages that are not installed: /)
    expect(stderr.trim().endsWith(advice)).toBe(true)
  })

  it('are not missed by the other commands', async () => {
    expect((await cli.run(['status'], { env: without('@modelcontextprotocol/sdk hono @hono/node-server') })).code).toBe(0)
  })
})
