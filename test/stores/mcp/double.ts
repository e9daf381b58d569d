/** A server that has the tools that a test gives it and counts what is asked of it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema, type CallToolResult, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

export type DoubleTool = (args: Record<string, unknown>, signal: AbortSignal) => CallToolResult | Promise<CallToolResult>

export const ourNames = ['memory_get', 'memory_list', 'memory_commit', 'memory_changes']

export class Double {
  readonly tools: Record<string, DoubleTool>
  readonly calls: string[] = []
  listed = 0
  /** Calls being worked on, now and at most. */
  inFlight = 0
  inFlightMost = 0

  constructor(tools: Record<string, DoubleTool>) {
    this.tools = tools
  }

  /** Two tools a page, so that who reads one page only knows too little. */
  server(): Server {
    const server = new Server({ name: 'double', version: '1' }, { capabilities: { tools: {} } })
    server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
      this.listed++
      const from = Number(params?.cursor ?? 0)
      const names = Object.keys(this.tools)
      const tools = names.slice(from, from + 2).map((name) => ({ name, inputSchema: { type: 'object' as const } }))
      return from + 2 < names.length ? { tools, nextCursor: String(from + 2) } : { tools }
    })
    server.setRequestHandler(CallToolRequestSchema, async ({ params: { name, arguments: args } }, { signal }) => {
      this.calls.push(name)
      this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight)
      try {
        const tool = this.tools[name]
        if (tool === undefined) throw Object.assign(new Error(`unknown tool ${name}`), { code: -32601 })
        return await tool(args ?? {}, signal)
      } finally {
        this.inFlight--
      }
    })
    return server
  }

  async client(): Promise<Client> {
    const client = new Client({ name: 'tester', version: '1' })
    const [here, there] = InMemoryTransport.createLinkedPair()
    await this.server().connect(there)
    await client.connect(here)
    return client
  }
}

export const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] })

export const refused = (code: string): CallToolResult => ({
  isError: true,
  content: [{ type: 'text', text: `${code}: told by the double` }],
  _meta: { error: { code, message: 'told by the double', retryable: true } },
})

/** Our four tools' names, and what a test adds. */
export function ours(tools: Record<string, DoubleTool> = {}): Double {
  return new Double({ ...Object.fromEntries(ourNames.map((name) => [name, () => said('')])), ...tools })
}

/** A promise and its end. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
