/** Stores at memory servers by their URLs. */
import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../../../src/platform.ts'
import { parseCommandLine } from '../../../src/stores/command-line.ts'
import { openStore } from '../../../src/stores/open.ts'
import { committed, put, rejectsWith, valueAt } from '../../../src/testing/store-contract/subject.ts'
import { Ends, memoryServer, servedByHttp } from './served.ts'
import { stdioServer } from './stdio-server.ts'

const ends = new Ends()
afterEach(() => ends.run())

const options = { clock: systemClock, random: systemRandom, env: {} }

function open(url: string, env: Record<string, string> = {}) {
  const store = openStore(url, { ...options, env })
  ends.add(() => store.close())
  return store
}

describe('a URL', () => {
  test('http: is a server; the environment’s token is sent, and shown to nobody', async () => {
    const token = 'a-token-of-this-test-0123456789'
    const url = await servedByHttp(ends, await memoryServer(ends), { token })
    const store = open(url, { MEMORY_SYNC_TOKEN: token })
    expect(await committed(store, put('a', 1))).toBe(1)
    expect(store.url).toBe(url)
    const error = await rejectsWith('store_unavailable', () => open(url).open())
    expect(error.message).toContain('MEMORY_SYNC_TOKEN')
  })

  test('mcp+stdio: is a command; what it serves can be used, and ends with the store', async () => {
    const { command, args } = await stdioServer()
    const store = open(`mcp+stdio:${command} '${args[0]}'`)
    expect(store.features.reach).toBe('network')
    await committed(store, put('a', 1))
    expect(await valueAt(store, 'a')).toBe(1)
    await store.close()
    await rejectsWith('closed', () => store.get('a'))
  })

  test('is opened by the first call, not before, and not at all when the store is closed first', async () => {
    const store = open('mcp+stdio:/nowhere/memory-server')
    await store.close()
    const other = open('mcp+stdio:/nowhere/memory-server')
    const error = await rejectsWith('store_unavailable', () => other.get('a'))
    expect(error.message).toContain('/nowhere/memory-server')
    await rejectsWith('store_unavailable', async () => {
      for await (const item of other.watch('*')) expect(item).toBe(null)
    })
  })

  test.each(['http://', 'mcp+stdio:', 'mcp+stdio:A=b', 'mcp+stdio:run "me'])('%j is refused', async (url) => {
    const error = await rejectsWith('invalid_option', async () => void (await open(url).open()))
    expect(error.message).toMatch(/write|do not end/)
  })

  test('with a name and password is refused: it would be shown', async () => {
    const store = open('https://me:secret@host/mcp')
    expect(store.url).toBe('https://host/mcp')
    const error = await rejectsWith('invalid_option', () => store.open())
    expect(error.message).not.toContain('secret')
  })
})

test('without the SDK: opening says what to install, and the other stores work', () => {
  const hooks = `export async function resolve(name, context, next) {
    if (!name.startsWith('@modelcontextprotocol/')) return next(name, context)
    throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const dataUrl = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`
  const register = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))})`)
  const script = `
    import { openStore } from './src/stores/open.ts'
    import { systemClock } from './src/platform.ts'
    await openStore('memory:', { clock: systemClock }).open()
    await openStore('http://127.0.0.1:1/mcp', { clock: systemClock }).open().catch((error) => console.log(error.code, error.message))`
  const flags = ['--conditions=memory-sync:source', '--import', 'tsx', '--import', register, '--input-type=module', '-e', script]
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' })
  expect(stdout, stderr).toMatch(/^not_supported .*npm install @modelcontextprotocol\/sdk/)
})

describe('a command line', () => {
  test.each([
    ['memory-sync serve --stdio', ['memory-sync', 'serve', '--stdio']],
    ['  a \t b\n', ['a', 'b']],
    [`node 'with space.js' "and more" a\\ b`, ['node', 'with space.js', 'and more', 'a b']],
    [`say 'it'\\''s' "a \\"b\\" \\$c \\d \\\\"`, ['say', "it's", 'a "b" $c \\d \\']],
    [`a '' "" b`, ['a', '', '', 'b']],
    [`a 'x'"y"z`, ['a', 'xyz']],
    ['a $HOME *.js | b', ['a', '$HOME', '*.js', '|', 'b']],
    [`C:\\\\dir\\\\run.exe`, ['C:\\dir\\run.exe']],
    ['a --x=1', ['a', '--x=1']],
  ])('%j is words', (line, words) => {
    const { command, args, env } = parseCommandLine(line)
    expect([command, ...args]).toEqual(words)
    expect(env).toEqual({})
  })

  test('begins with its environment', () => {
    expect(parseCommandLine(`CLAUDE_FLOW_MCP_TOOLS=memory A="b c" npx claude-flow C=d`)).toEqual({
      command: 'npx',
      args: ['claude-flow', 'C=d'],
      env: { CLAUDE_FLOW_MCP_TOOLS: 'memory', A: 'b c' },
    })
  })

  test.each([`a 'b`, `a "b`, 'a \\', '', '   ', 'A=b'])('%j is refused', async (line) => {
    await rejectsWith('invalid_option', () => parseCommandLine(line))
  })
})
