/** The doubles as processes: what only a pipe, a second process or a restart shows. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { call } from './connect.ts'
import { fixtureCommand, type Started, scratchDirectory, start } from './start.ts'

let directory: ReturnType<typeof scratchDirectory>
let started: Started[]
beforeEach(() => {
  directory = scratchDirectory()
  started = []
})
afterEach(async () => {
  await Promise.all(started.map((process) => process.stop()))
  directory.remove()
})

async function open(generation: 'v2' | 'v3', ...options: string[]): Promise<Started> {
  const process = await start([generation, directory.path, ...options])
  started.push(process)
  return process
}

const usage = ({ client }: Started, args: Record<string, unknown>) => call(client, 'memory_usage', { namespace: 'n', ...args })

/** As long as a chunk, so that in a text of these every chunk but the first begins within a character. */
const threeBytes = '日'

test('v2 corrupts a character that lies in two chunks of stdin; what is pure ASCII arrives', async () => {
  const server = await open('v2', '--chunk-bytes', '1000')
  const value = threeBytes.repeat(10_000)
  const { size } = await usage(server, { action: 'store', key: 'k', value })
  const read = (await usage(server, { action: 'retrieve', key: 'k' })).value as string
  expect(read).not.toBe(value)
  expect(read).toHaveLength(size as number)
  expect(read.length).toBeGreaterThan(value.length)
  expect(new Set(read)).toEqual(new Set([threeBytes, '\uFFFD']))

  const escaped = JSON.stringify({ value }).replace(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  await usage(server, { action: 'store', key: 'k', value: `ms1:${escaped}` })
  const safe = (await usage(server, { action: 'retrieve', key: 'k' })).value as string
  expect(JSON.parse(safe.slice('ms1:'.length))).toEqual({ value })
})

test('v3 reads whole lines, in whatever chunks they come', async () => {
  const { client } = await open('v3', '--chunk-bytes', '1000')
  const value = threeBytes.repeat(10_000)
  await call(client, 'memory_store', { key: 'k', value })
  expect(await call(client, 'memory_retrieve', { key: 'k' })).toMatchObject({ value })
})

test('v2 prints a line to stderr for every call, and none with --quiet', async () => {
  const [server, quiet] = [await open('v2'), await open('v2', '--quiet')]
  for (let round = 0; round < 20; round++) {
    await usage(server, { action: 'list' })
    await usage(quiet, { action: 'list' })
  }
  await Promise.all([server.stop(), quiet.stop()])
  expect(server.stderr().match(/Tool called: memory_usage/g)).toHaveLength(20)
  expect(quiet.stderr()).toBe('')
})

test('2.0.0 prints a banner on stdout before its first message, and works', async () => {
  const server = await open('v2', '--version', '2.0.0')
  expect(server.client.getServerVersion()?.version).toBe('2.0.0-alpha.59')
  expect(await usage(server, { action: 'list' })).toMatchObject({ count: 0 })
  // The banner is no JSON, the answer to the client's own notification has no id.
  expect(server.errors[0]).toBeInstanceOf(SyntaxError)
  expect(server.errors).toHaveLength(2)
})

test('v2 speaks first, and its answer to a notification has no id, as they stand on the pipe', async () => {
  const { command, args } = fixtureCommand(['v2', directory.path])
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  server.stdin.end(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  let printed = ''
  server.stdout.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  await once(server, 'close')
  const [first, second, ...others] = printed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(first).toMatchObject({ method: 'server.initialized' })
  expect(second).toEqual({ jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' } })
  expect(others).toEqual([])
})

test('the SDK’s client gives the connection up on a reply of more than 10 MiB', async () => {
  const server = await open('v2', '--quiet')
  const value = 'x'.repeat(200_000)
  for (let index = 0; index < 60; index++) await usage(server, { action: 'store', key: `k/${index}`, value })
  await expect(usage(server, { action: 'list' })).rejects.toThrow(/closed/i)
  expect(server.errors.map(({ message }) => message).join()).toContain('exceeded maximum size')
  const again = await open('v2', '--quiet')
  expect((await usage(again, { action: 'retrieve', key: 'k/0' })).value).toBe(value)
})

test('processes of one directory share it: all that they store at once is kept, v2 sees it at once, v3 not what it has read', async () => {
  const [a, b] = [await open('v2', '--quiet'), await open('v2', '--quiet')]
  await Promise.all(
    [a, b].flatMap((by, server) =>
      Array.from({ length: 40 }, (_, index) => usage(by, { action: 'store', key: `${server}/${index}`, value: 'v' })),
    ),
  )
  expect(await usage(a, { action: 'list' })).toMatchObject({ count: 80 })
  await usage(a, { action: 'store', key: 'k', value: 'old' })
  expect(await usage(b, { action: 'retrieve', key: 'k' })).toMatchObject({ value: 'old' })
  await usage(a, { action: 'store', key: 'k', value: 'new' })
  expect(await usage(b, { action: 'retrieve', key: 'k' })).toMatchObject({ value: 'new' })
})

test('v3 processes cache what they have read', async () => {
  const [a, b] = [await open('v3'), await open('v3')]
  await call(a.client, 'memory_store', { key: 'k', value: 'old' })
  expect(await call(b.client, 'memory_retrieve', { key: 'k' })).toMatchObject({ value: 'old' })
  await call(a.client, 'memory_store', { key: 'k', value: 'new' })
  expect(await call(b.client, 'memory_retrieve', { key: 'k' })).toMatchObject({ value: 'old' })
  await b.stop()
  expect(await call((await open('v3')).client, 'memory_retrieve', { key: 'k' })).toMatchObject({ value: 'new' })
})

test('of processes that insert at once, one succeeds', async () => {
  const processes = await Promise.all([open('v3'), open('v3'), open('v3')])
  for (let round = 0; round < 20; round++) {
    const replies = await Promise.all(
      processes.map(({ client }) => call(client, 'memory_store', { key: `k/${round}`, value: 'v', upsert: false })),
    )
    expect(replies.filter(({ stored }) => stored)).toHaveLength(1)
  }
})

test('v2 keeps its memory over a restart; without its database driver it keeps nothing and says so only in `storage_type`', async () => {
  for (const [options, found, storage] of [
    [[], true, 'sqlite'],
    [['--in-memory'], false, 'in-memory'],
  ] as const) {
    const before = await open('v2', '--quiet', ...options)
    await usage(before, { action: 'store', key: storage, value: 'v' })
    await before.stop()
    const after = await open('v2', '--quiet', ...options)
    expect(await usage(after, { action: 'retrieve', key: storage })).toMatchObject({ found, storage_type: storage })
  }
})
