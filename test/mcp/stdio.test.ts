import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, describe, expect, it } from 'vitest'
import { messageBytesMax, serveStdio } from '../../src/mcp/stdio.ts'
import { programOf } from '../program.ts'
import { MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
const children: ChildProcessWithoutNullStreams[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await fixture.end()
})

const { flags, file } = programOf(new URL('./fixtures/stdio-server.ts', import.meta.url))
const command = [...flags, file]

const initialize = {
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'bare', version: '1' } },
}
const call = (id: number, name: string, args: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})
const lineOf = (message: unknown) => `${JSON.stringify(message)}\n`

interface Reply {
  readonly id?: string | number
  readonly result?: { readonly structuredContent?: Record<string, unknown> }
}

function linesOf(output: string): Reply[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Reply)
}

/** A real process; everything that it writes. */
function startServer() {
  const child = spawn(process.execPath, command, { stdio: 'pipe' })
  children.push(child)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  // When its streams have ended too.
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return { child, ended, output: () => output, errors: () => errors }
}

describe('a real process', () => {
  it('serves the stock client, and ends by itself when that closes', async () => {
    const transport = new StdioClientTransport({ command: process.execPath, args: command, stderr: 'pipe' })
    let errors = ''
    transport.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk
    })
    const client = new Client({ name: 'stock', version: '1' })
    await client.connect(transport)
    const text = '日本🎉\u2028'.repeat(20_000)
    await client.callTool({ name: 'memory_store', arguments: { key: 'k', value: text } })
    const { structuredContent } = await client.callTool({ name: 'memory_retrieve', arguments: { key: 'k' } })
    expect(structuredContent).toMatchObject({ value: text, storedBy: 'mcp:stock' })
    // The transport waits two seconds and would kill it then: only one that ended by itself has said so.
    await client.close()
    expect(errors).toContain('ended cleanly')
  })

  it('answers what it was asked before its input ended, writes nothing but protocol, and goes with code 0', async () => {
    const { child, ended, output, errors } = startServer()
    child.stdin.write(lineOf(initialize))
    child.stdin.write('this is no message\n{"jsonrpc":"1.0"}\n[]\n\n')
    for (let id = 0; id < 50; id++) child.stdin.write(lineOf(call(id, 'memory_store', { key: `k/${id}`, value: 'v' })))
    child.stdin.end(lineOf(call(50, 'memory_list', { namespace: 'default', limit: 100 })))
    expect(await ended).toEqual({ code: 0, signal: null })
    const replies = linesOf(output())
    expect(replies).toHaveLength(52)
    expect(replies.every(({ result }) => result !== undefined)).toBe(true)
    expect(errors()).toContain('ended cleanly')
  })

  it('does not wait for a long poll when its client is gone', async () => {
    const { child, ended, output } = startServer()
    child.stdin.write(lineOf(initialize))
    child.stdin.end(lineOf(call(1, 'memory_changes', { after: 0, waitMs: 25_000 })))
    const begunMs = Date.now()
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(Date.now() - begunMs).toBeLessThan(20_000)
    expect(linesOf(output())).toHaveLength(1)
  })

  it('ends when nobody reads what it writes', async () => {
    const { child, ended, errors } = startServer()
    child.stdin.on('error', () => {})
    child.stdout.destroy()
    child.stdin.write(lineOf(initialize))
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(errors()).toContain('ended cleanly')
  })
})

describe('over streams', () => {
  it('takes a message in any number of pieces, and several in one', async () => {
    const { server } = await fixture.serve()
    const [input, output] = [new PassThrough(), new PassThrough()]
    const serving = serveStdio(server, { input, output })
    const bytes = Buffer.from(lineOf(initialize) + lineOf(call(1, 'memory_store', { key: 'é', value: '🎉' })))
    for (const byte of bytes) input.write(Buffer.from([byte]))
    input.end(lineOf(call(2, 'memory_retrieve', { key: 'é' })) + lineOf({ jsonrpc: '2.0', id: 3, method: 'ping' }))
    await serving
    const replies = linesOf(String(output.read()))
    expect(replies.map(({ id }) => id).toSorted()).toEqual([1, 2, 3, 'init'])
    expect(server.sessionCount).toBe(0)
  })

  it('ends the connection at a message that is too long', async () => {
    const problems: string[] = []
    const logger = { debug: (message: string) => void problems.push(message), info() {}, warn() {}, error() {} }
    const { server } = await fixture.serve({ logger })
    const input = new PassThrough()
    const serving = serveStdio(server, { input, output: new PassThrough() })
    const piece = Buffer.alloc(1024 * 1024, 'x')
    for (let bytes = 0; bytes <= messageBytesMax; bytes += piece.length) input.write(piece)
    await serving
    expect(problems).toEqual([expect.stringContaining('too long')])
  })

  it('ends when the server is closed, and leaves the streams alone', async () => {
    const { server } = await fixture.serve()
    const [input, output] = [new PassThrough(), new PassThrough()]
    const serving = serveStdio(server, { input, output })
    input.write(lineOf(initialize))
    await once(output, 'data')
    await server.close()
    await serving
    expect(input.listenerCount('data')).toBe(0)
    expect([input.destroyed, output.writableEnded]).toEqual([false, false])
  })

  it('waits for a client that reads slowly with one listener, however many wait', async () => {
    const { server } = await fixture.serve()
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const [input, output] = [new PassThrough(), new PassThrough({ highWaterMark: 16 })]
    const serving = serveStdio(server, { input, output })
    input.write(lineOf(initialize))
    for (let id = 0; id < 60; id++) input.write(lineOf({ jsonrpc: '2.0', id, method: 'ping' }))
    input.end()
    let text = ''
    output.on('data', (chunk: Buffer) => {
      text += chunk
    })
    await serving
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(linesOf(text)).toHaveLength(61)
    expect(warnings).toEqual([])
  })
})
