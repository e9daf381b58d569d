/**
 * The part that both doubles share: an SDK server that answers as claude-flow does where that differs from what the SDK would
 * answer by itself. Knows nothing of any one tool.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { Implementation, Result, ServerCapabilities, Tool } from '@modelcontextprotocol/sdk/types.js'
import { CallToolRequestSchema, InitializeRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

/** What is thrown to answer a request with exactly this error. (The SDK's own class would say the code in the message too.) */
export class RpcFault extends Error {
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

export type Arguments = Readonly<Record<string, unknown>>

export interface DoubleOptions {
  readonly serverInfo: Implementation
  readonly tools: readonly Tool[]
  /** @returns the text of the reply. */
  callTool(name: string, args: Arguments | undefined): string
  /** Further methods that are answered. */
  readonly resultByMethod?: Readonly<Record<string, Result>>
  /** The text of the error for all other methods. */
  unknownMethod(method: string): string
  /** Methods that the SDK would answer and this server does not. */
  readonly unanswered?: readonly string[]
  /** Whether notifications are taken for requests and refused, by an error without an id. */
  readonly refusesNotifications: boolean
  /** A notification that is sent as soon as the server runs, before anybody asked. */
  readonly greeting?: { readonly method: string; readonly params: Record<string, unknown> }
}

/** Both say so; neither answers `resources/subscribe`. */
const capabilities: ServerCapabilities = {
  resources: { subscribe: true, listChanged: true },
  tools: { listChanged: true },
}

/** Whatever the client asks for. */
const protocolVersion = '2024-11-05'

export const methodNotFound = -32601

export function createDouble(options: DoubleOptions): Server {
  const server = new Server(options.serverInfo, { capabilities })
  server.setRequestHandler(InitializeRequestSchema, () => ({
    protocolVersion,
    capabilities,
    serverInfo: options.serverInfo,
  }))
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...options.tools] }))
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
    return { content: [{ type: 'text', text: options.callTool(params.name, params.arguments) }] }
  })
  for (const method of options.unanswered ?? []) server.removeRequestHandler(method)
  server.fallbackRequestHandler = async ({ method }) => {
    const result = options.resultByMethod?.[method]
    if (result === undefined) throw new RpcFault(methodNotFound, options.unknownMethod(method))
    return result
  }
  if (options.refusesNotifications) {
    const refuse = async (method: string) => {
      await server.transport?.send({
        jsonrpc: '2.0',
        error: { code: methodNotFound, message: options.unknownMethod(method) },
      })
    }
    server.oninitialized = () => void refuse('notifications/initialized')
    server.fallbackNotificationHandler = ({ method }) => refuse(method)
  }
  const { greeting } = options
  if (greeting !== undefined) {
    const connect = server.connect.bind(server)
    server.connect = async (transport) => {
      await connect(transport)
      await transport.send({ jsonrpc: '2.0', ...greeting })
    }
  }
  return server
}

/** How both servers write a reply. */
export function replyText(reply: unknown): string {
  return JSON.stringify(reply, null, 2)
}

/** A value as both servers read it back: JSON wherever the text happens to be JSON. */
export function parsedIfJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
