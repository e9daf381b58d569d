import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { call, connect } from '../stores/mcp/claude-flow/connect.ts'
import { doubleOnDisk, type Generation } from '../stores/mcp/claude-flow/on-disk.ts'
import { fixtureCommand, scratchDirectory } from '../stores/mcp/claude-flow/start.ts'
import { CommandLine, commandLine, type Ended } from './command-line.ts'

const cli = new CommandLine()

const scratch = scratchDirectory()
const clients: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})
afterAll(() => scratch.remove())

interface Summary {
  readonly [member: string]: unknown
  readonly skippedValues: readonly { readonly namespace: string; readonly key: string; readonly reason: string }[]
  readonly doubtfulValues: readonly { readonly key: string; readonly reason: string }[]
  readonly namespaces: readonly { readonly namespace: string; readonly isComplete: boolean; readonly note: string | null }[]
}

/** A claude-flow server in a directory of its own, and the URL by which others start a process on it. */
async function source(generation: Generation, name: string) {
  const directory = `${scratch.path}/${generation}-${name}`
  const double = doubleOnDisk(generation, directory, { clock: systemClock })
  const client = await connect(double.server)
  clients.push(client, double)
  const { args } = fixtureCommand([generation, directory, '--quiet'])
  const words = [process.execPath, ...args].map((word) => `'${word}'`)
  const store = (namespace: string, key: string, value: string) =>
    generation === 'v2'
      ? call(client, 'memory_usage', { action: 'store', namespace, key, value })
      : call(client, 'memory_store', { namespace, key, value, upsert: true })
  return { from: `mcp+stdio:${words.join(' ')}`, store }
}

function run(store: string, from: string, ...args: string[]): Promise<Ended> {
  return cli.run(['import', '--from', from, '--store', `file:${cli.path(store)}`, '--json', ...args])
}

function summary({ stdout, stderr }: Ended): Summary {
  if (stdout === '') throw new Error(`it printed nothing: ${stderr}`)
  return JSON.parse(stdout) as Summary
}

/** A client of `serve` on that store. */
async function served(store: string): Promise<Client> {
  const client = new Client({ name: 'claude', version: '1' })
  const args = [...commandLine, 'serve', '--store', `file:${cli.path(store)}`]
  await client.connect(new StdioClientTransport({ command: process.execPath, args, cwd: cli.directory, stderr: 'ignore' }))
  clients.push(client)
  return client
}

async function texts(client: Client, places: Iterable<readonly [namespace: string, key: string, ...text: string[]]>) {
  const found = new Map<string, unknown>()
  for (const [namespace, key] of places) {
    const { value } = await call(client, 'memory_usage', { action: 'retrieve', namespace, key })
    found.set(`${namespace} ${key}`, value)
  }
  return found
}

const entry = JSON.stringify({ value: { step: 2 }, version: { alice: 2 }, timestamp: 1_700_000_000_000, workerId: 'alice' })

/** Texts that are easily changed on the way. Those that claude-flow itself changes beyond recognition are not here. */
const odd: readonly (readonly [namespace: string, key: string, text: string])[] = [
  ['default', 'odd/number', '123'],
  ['default', 'odd/true', 'true'],
  ['default', 'odd/object', '{"a":[1,"zwei",null]}'],
  ['default', 'odd/lines', 'one\n\ttwo "three" \\ four'],
  ['default', 'odd/emoji', 'naïve 日本語 🎉'],
  ['default', 'städte/münchen', 'servus'],
  ['default', 'odd/large', 'x'.repeat(20_000)],
  ['default', 'odd/snake_case_key', '__proto__'],
  ['default', 'odd/100%', 'percent'],
  ['task-sentinel', 'task-sentinel/tasks/t1/state', entry],
]

function many(count: number): (readonly [string, string, string])[] {
  return Array.from({ length: count }, (_, n) => ['default', `alpha/${n}`, `note ${n}`])
}

describe.each(['v2', 'v3'] as const)('an import from claude-flow %s', (generation) => {
  it('gives clients of serve every value under its namespace and key, and changes nothing the second time', async () => {
    const { from, store } = await source(generation, 'all')
    const all = [...many(250), ...odd]
    for (const [namespace, key, text] of all) await store(namespace, key, text)
    await store('notes', 'elsewhere', 'in another namespace')
    const everything = [...all, ['notes', 'elsewhere', 'in another namespace'] as const]

    const first = await run(`${generation}-all`, from, '--namespaces', 'notes')
    expect(summary(first)).toMatchObject({
      imported: everything.length,
      unchanged: 0,
      older: 0,
      skipped: 0,
      doubtful: 0,
      complete: true,
    })
    expect(first.code).toBe(0)

    const second = await run(`${generation}-all`, from, '--namespaces', 'notes')
    expect(summary(second)).toMatchObject({ imported: 0, unchanged: everything.length, older: 0, skipped: 0, complete: true })
    expect(second.code).toBe(0)

    const client = await served(`${generation}-all`)
    const got = await texts(client, everything)
    for (const [namespace, key, text] of everything) expect(got.get(`${namespace} ${key}`), key).toBe(text)
  })

  it('stores nothing in a dry run, and tells what it would have stored', async () => {
    const { from, store } = await source(generation, 'dry')
    await store('default', 'a', 'b')
    expect(summary(await run(`${generation}-dry`, from, '--dry-run'))).toMatchObject({
      dryRun: true,
      imported: 1,
      complete: true,
    })
    expect(summary(await run(`${generation}-dry`, from, '--dry-run'))).toMatchObject({ imported: 1, unchanged: 0 })
  })

  it('leaves what was written here since, and takes what was written there since', async () => {
    const { from, store } = await source(generation, 'newer')
    const older = { value: 1, version: { alice: 1 }, timestamp: 1_700_000_000_000, workerId: 'alice' }
    for (const key of ['untouched', 'here', 'gone', 'there']) await store('default', key, 'first')
    await store('default', 'entry', JSON.stringify(older))
    expect(summary(await run(`${generation}-newer`, from))).toMatchObject({ imported: 5 })

    const client = await served(`${generation}-newer`)
    await call(client, 'memory_usage', { action: 'store', key: 'here', value: 'second' })
    await call(client, 'memory_usage', { action: 'delete', key: 'gone' })
    const newer = { ...older, value: 2, version: { alice: 2 } }
    await call(client, 'memory_usage', { action: 'store', key: 'entry', value: JSON.stringify(newer) })
    // v2 tells whole seconds: a value that was written twice within one cannot be told to be newer.
    await nextSecond()
    await store('default', 'there', 'second')

    expect(summary(await run(`${generation}-newer`, from))).toMatchObject({ imported: 1, unchanged: 1, older: 3 })
    const places = ['untouched', 'here', 'gone', 'there', 'entry'].map((key) => ['default', key] as const)
    expect([...(await texts(client, places)).values()]).toEqual(['first', 'second', null, 'second', JSON.stringify(newer)])
    expect(summary(await run(`${generation}-newer`, from))).toMatchObject({ imported: 0, unchanged: 2, older: 3 })
  })

  it('skips what cannot be stored here and says why, stores the rest, and ends with 1', async () => {
    const { from, store } = await source(generation, 'refused')
    await store('default', 'good', 'kept')
    await store('default', 'a*b', 'a pattern')
    await store('default', '/absolute', 'no segment')
    await store('task-sentinel', 'task-sentinel/tasks/t1/record', '{"status":"pending"}')
    const ended = await run(`${generation}-refused`, from)
    expect(ended.code).toBe(1)
    expect(summary(ended)).toMatchObject({ imported: 1, skipped: 3, complete: true })
    const reasonByKey = Object.fromEntries(summary(ended).skippedValues.map(({ key, reason }) => [key, reason]))
    expect(reasonByKey).toEqual({
      'a*b': expect.stringMatching(/^invalid_key: .*contains \*/),
      '/absolute': expect.stringMatching(/^invalid_key: .*empty segment/),
      'task-sentinel/tasks/t1/record': expect.stringMatching(/^not_supported: .*record/),
    })
  })

  it('tells numbers whose digits the server may have lost', async () => {
    const { from, store } = await source(generation, 'doubt')
    await store('default', 'big', '12345678901234567890')
    await store('default', 'deep', '{"id":[12345678901234567890]}')
    await store('default', 'small', '12.5')
    const ended = await run(`${generation}-doubt`, from)
    expect(ended.code).toBe(0)
    expect(summary(ended)).toMatchObject({ imported: 3, doubtful: 2 })
    expect(
      summary(ended)
        .doubtfulValues.map(({ key }) => key)
        .toSorted(),
    ).toEqual(['big', 'deep'])
  })
})

describe('an import from claude-flow v2', () => {
  it('takes the text "null" and steps around a value that the server cannot read', async () => {
    const { from, store } = await source('v2', 'poison')
    await store('default', 'nothing', 'null')
    await store('default', 'good', 'kept')
    await store('default', 'bad', '{"__type__":"__BigInt__","value":"1"}')
    const ended = await run('poison', from)
    expect(summary(ended)).toMatchObject({ imported: 2, skipped: 1, complete: true })
    expect(summary(ended).skippedValues).toEqual([{ namespace: 'default', key: 'bad', reason: expect.stringMatching(/bigint/i) }])
    expect(ended.code).toBe(1)
    const got = await texts(await served('poison'), [
      ['default', 'nothing'],
      ['default', 'good'],
    ])
    expect([...got.values()]).toEqual(['null', 'kept'])
  })

  it('says that keys may be missing when the searches do not suffice, ends with 1, and takes them when they are named', async () => {
    const { from, store } = await source('v2', 'bound')
    for (const [namespace, key, text] of many(250)) await store(namespace, key, text)
    const ended = await run('bound', from, '--searches', '20')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/"default": keys may be missing: .*--keys-from/) })
    const { imported, complete } = summary(ended)
    expect(complete).toBe(false)
    expect(imported).toBeGreaterThanOrEqual(100)
    expect(imported).toBeLessThan(250)
    const keys = cli.write(
      'all.tsv',
      many(250)
        .map(([namespace, key]) => `${namespace}\t${key}\r\n`)
        .join(''),
    )
    const named = await run('bound', from, '--searches', '20', '--keys-from', keys)
    expect(named.code).toBe(0)
    expect(summary(named)).toMatchObject({ imported: 250 - (imported as number), unchanged: imported, complete: true })
  })

  it('takes the keys of a file, and names those that are not there', async () => {
    const { from, store } = await source('v2', 'named')
    for (const [namespace, key, text] of many(120)) await store(namespace, key, text)
    const keys = [...many(120).map(([, key]) => key), 'mistyped'].map((key) => `default\t${key}`)
    const ended = await run('named', from, '--keys-from', cli.write('keys.tsv', `${keys.join('\n')}\n`))
    expect(ended.code).toBe(1)
    expect(summary(ended)).toMatchObject({ imported: 120, skipped: 1, complete: true })
    expect(summary(ended).skippedValues[0]).toMatchObject({ key: 'mistyped', reason: expect.stringMatching(/no such key/) })
  })

  it('tells people what it read, and what it could not know', async () => {
    const { from, store } = await source('v2', 'people')
    await store('default', 'a', 'b')
    const { code, stdout, stderr } = await cli.run(['import', '--from', from, '--store', `file:${cli.path('people')}`])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'imported   1\nunchanged  0\nolder      0\ngone       0\nskipped    0\ndoubtful   0\ncomplete   true\n',
    })
    expect(stderr).toMatch(/cannot list its namespaces; read are "default", "task-sentinel"/)
    expect(stderr).toMatch(/times to live cannot be read/)
  })
})

describe('an import from memory-sync', () => {
  it('copies entries as they are, with time to live, writer and tags', async () => {
    const origin = await served('origin')
    await call(origin, 'memory_usage', { action: 'store', key: 'a', value: '123', ttl: 3600 })
    await call(origin, 'memory_store', { key: 'tagged', value: { x: 1 }, tags: ['red'] })
    await call(origin, 'memory_usage', { action: 'store', key: 'deleted', value: 'x' })
    await call(origin, 'memory_usage', { action: 'delete', key: 'deleted' })
    const words = [process.execPath, ...commandLine, 'serve', '--store', `file:${cli.path('origin')}`].map((word) => `'${word}'`)
    const from = `mcp+stdio:${words.join(' ')}`
    const ended = await run('copy', from)
    expect(summary(ended)).toMatchObject({ server: 'ours', imported: 3, gone: 1, skipped: 0, complete: true })
    expect(ended.code).toBe(0)
    const shown = await cli.run(['get', 'mcp/default/a', '--entry', '--json', '--store', `file:${cli.path('copy')}`])
    expect(JSON.parse(shown.stdout)).toMatchObject({ value: '123', workerId: 'mcp:claude', ttl: 3600 })
    const copy = await served('copy')
    expect(await call(copy, 'memory_retrieve', { key: 'tagged' })).toMatchObject({ value: { x: 1 }, tags: ['red'] })
    expect(summary(await run('copy', from))).toMatchObject({ imported: 0, unchanged: 3 })
  })
})

describe('an import that cannot begin', () => {
  it.each([
    ['what is no server', ['--from', 'file:x'], 2, /invalid_option: "file:x" is no memory server to import from/],
    ['a command that is not there', ['--from', 'mcp+stdio:no-such-program-here'], 4, /store_unavailable: .*ENOENT/],
    [
      'a file that is not there',
      ['--from', 'mcp+stdio:x', '--keys-from', 'gone'],
      2,
      /the keys in "gone" cannot be read: ENOENT/,
    ],
    [
      'a line that names no key',
      ['--from', 'mcp+stdio:x', '--keys-from', cli.write('bad.tsv', 'default\tgood\nno tab\n')],
      2,
      /line 2: "no tab" names no key; write the namespace, a tab, the key/,
    ],
  ])('says so: %s', async (_, args, code, message) => {
    expect(await cli.run(['import', ...args])).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
  })
})

/** Settles when the servers' clock shows another second: a fact that nobody tells. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000)
  while (Math.floor(Date.now() / 1000) === second) await new Promise((resolve) => setTimeout(resolve, 10))
}
