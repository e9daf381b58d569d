import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, it } from 'vitest'
import { EventStream, streamAliveMs } from '../../src/mcp/http-event-stream.ts'
import { HttpTransport } from '../../src/mcp/http-transport.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const request = (id: number | string): JSONRPCMessage => ({ jsonrpc: '2.0', id, method: 'ping' })
const answer = (id: number | string, result = {}): JSONRPCMessage => ({ jsonrpc: '2.0', id, result })
const news: JSONRPCMessage = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
const cancel = (requestId: number): JSONRPCMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})

function connect(): { transport: HttpTransport; received: JSONRPCMessage[]; ends: string[] } {
  const ends: string[] = []
  const received: JSONRPCMessage[] = []
  const transport = new HttpTransport('s', () => ends.push('end'))
  transport.onmessage = (message) => void received.push(message)
  transport.onclose = () => void ends.push('close')
  return { transport, received, ends }
}

describe('an exchange', () => {
  it('gives the answers to its own requests, in whatever order they come', async () => {
    const { transport, received } = connect()
    const two = transport.exchange([request(1), news, request('1')])
    const one = transport.exchange([request(2)])
    expect(received).toHaveLength(4)
    for (const id of ['1', 2, 1]) await transport.send(answer(id))
    expect(await two).toEqual([answer('1'), answer(1)])
    expect(await one).toEqual([answer(2)])
  })

  it('ends at once when nothing was asked', async () => {
    expect(await connect().transport.exchange([news])).toEqual([])
  })

  it('ends without an answer when it is cancelled, and a late answer hurts nobody', async () => {
    const { transport, received } = connect()
    const cancelled = transport.exchange([request(1)])
    expect(await transport.exchange([cancel(1)])).toEqual([])
    expect(await cancelled).toEqual([])
    expect(received).toEqual([request(1), cancel(1)])
    await transport.send(answer(1))
    const again = transport.exchange([request(1)])
    await transport.send(answer(1))
    expect(await again).toEqual([answer(1)])
  })

  it('ends with the connection, which ends once', async () => {
    const { transport, ends } = connect()
    const open = transport.exchange([request(1), request(2)])
    await transport.send(answer(2))
    await transport.close()
    await transport.close()
    expect(await open).toEqual([answer(2)])
    expect(await transport.exchange([request(3)])).toEqual([])
    expect(ends).toEqual(['end', 'close'])
  })

  it('is known to be ambiguous when an id is used twice at once', async () => {
    const { transport } = connect()
    expect(transport.hasAmbiguousId([request(1), request('1'), news])).toBe(false)
    expect(transport.hasAmbiguousId([request(1), request(1)])).toBe(true)
    const open = transport.exchange([request(1)])
    expect(transport.hasAmbiguousId([request(1)])).toBe(true)
    await transport.send(answer(1))
    await open
    expect(transport.hasAmbiguousId([request(1)])).toBe(false)
  })
})

describe('the stream of a client', () => {
  function open(bytesMax?: number) {
    const clock = createVirtualClock()
    const ends: string[] = []
    const make = (): EventStream =>
      new EventStream({
        clock,
        ...(bytesMax === undefined ? {} : { bytesMax }),
        disconnect: () => ends.push('disconnect'),
        onEnd: () => ends.push('end'),
      })
    return { clock, ends, make, stream: make() }
  }

  const textOf = (chunk: Uint8Array | undefined): string => new TextDecoder().decode(chunk)

  it('carries what is no answer; without one that is dropped', async () => {
    const { transport } = connect()
    const { stream } = open()
    await transport.send(news)
    expect(transport.openStream(() => stream)).toBe(true)
    await transport.send(news)
    await transport.close()
    const reader = stream.body.getReader()
    expect(textOf((await reader.read()).value)).toBe(`event: message\ndata: ${JSON.stringify(news)}\n\n`)
    expect((await reader.read()).done).toBe(true)
  })

  it('is one at a time; when it has ended another may be opened', () => {
    const { transport } = connect()
    const { make } = open()
    expect(transport.openStream(make)).toBe(true)
    expect(transport.openStream(make)).toBe(false)
    transport.closeStream()
    expect(transport.openStream(make)).toBe(true)
  })

  it('says now and then that it is alive, and nothing more when the client is gone', async () => {
    const { clock, ends, stream } = open()
    const reader = stream.body.getReader()
    await clock.advance(streamAliveMs)
    expect(textOf((await reader.read()).value)).toBe(': alive\n\n')
    await reader.cancel()
    expect(ends).toEqual(['end'])
    expect(clock.pending).toBe(0)
    stream.send(news)
    stream.end()
    expect(ends).toEqual(['end'])
  })

  it('cuts off a client that does not read, at the bound', () => {
    const bytes = `event: message\ndata: ${JSON.stringify(news)}\n\n`.length
    const { clock, ends, stream } = open(3 * bytes)
    for (let sent = 0; sent < 3; sent++) stream.send(news)
    expect(ends).toEqual([])
    stream.send(news)
    expect(ends).toEqual(['end', 'disconnect'])
    expect(clock.pending).toBe(0)
  })
})
