/** Clients of doubles in this process, over the SDK's own in-memory transport. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'

export async function connect(server: Server, onError?: (error: Error) => void): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair()
  const client = new Client({ name: 'test', version: '1' })
  // An error that belongs to no request is no reason to give the connection up: v2 sends one at every start.
  client.onerror = onError ?? (() => {})
  await Promise.all([server.connect(far), client.connect(near)])
  return client
}

/** The reply of a tool, parsed. */
export async function call(client: Client, name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>> {
  const reply = await client.callTool({ name, ...(args && { arguments: args }) })
  const [content] = reply.content as { text: string }[]
  return JSON.parse(content?.text ?? '') as Record<string, unknown>
}
