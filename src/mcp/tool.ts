/**
 * One tool as the house writes it, given to the SDK: input and output checked by schemas, errors told as results that say what to do
 * next, calls in flight bounded, changes audited. Knows no particular tool.
 *
 * - T1 a tool never throws to the client: what went wrong is a result with `isError`, our code, and no stack trace
 */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import type { z } from 'zod'
import { MemorySyncError } from '../domain/errors.ts'
import { toldError } from './told-error.ts'
import type { ToolContext } from './tool-context.ts'

type Shape = Readonly<Record<string, z.ZodType>>
type Parsed<S extends Shape> = z.output<z.ZodObject<{ -readonly [member in keyof S]: S[member] }>>

export interface ToolCall {
  /** Aborted when the client cancels the call or is gone. */
  readonly signal: AbortSignal
}

export interface Tool<Input extends Shape, Output extends Shape> {
  readonly name: string
  readonly title: string
  /** For a model that decides whether to call it: what it does, when to use it, what it gives. */
  readonly description: string
  readonly input: Input
  readonly output: Output
  /** Default: neither destructive nor idempotent, changes something, speaks to nothing outside of this memory. */
  readonly annotations?: ToolAnnotations
  /** What a call is about, for the audit line; undefined: this call changes nothing; absent: none does. */
  subjectOf?(input: Parsed<Input>): string | undefined
  /** The text of an error for clients that parse it, as JSON. Default: our sentences. `message` has the code and the advice. */
  refusal?(input: Parsed<Input>, message: string): Readonly<Record<string, unknown>>
  run(input: Parsed<Input>, call: ToolCall): Promise<ToolAnswer<Parsed<Output>>> | ToolAnswer<Parsed<Output>>
}

export interface ToolAnswer<Output> {
  readonly structured: Output
  /** What models that read only text are told. Default: the structured answer as JSON. */
  readonly text?: string
  /** The answer is a refusal in the shape that old clients expect. */
  readonly isError?: boolean
}

/** Calls of one client, counted over all its tools. */
export class CallCount {
  inFlight = 0
}

export function registerTool<Input extends Shape, Output extends Shape>(
  server: McpServer,
  context: ToolContext,
  count: CallCount,
  tool: Tool<Input, Output>,
): void {
  const { name, title, description, input, output, annotations } = tool
  const isReading = tool.subjectOf === undefined
  const config = {
    title,
    description,
    inputSchema: input as Record<string, z.ZodType>,
    outputSchema: output as Record<string, z.ZodType>,
    annotations: {
      readOnlyHint: isReading,
      destructiveHint: false,
      idempotentHint: isReading,
      openWorldHint: false,
      ...annotations,
    },
  }
  server.registerTool(name, config, async (given: unknown, extra: { readonly signal: AbortSignal }): Promise<CallToolResult> => {
    const parsed = given as Parsed<Input>
    let outcome = 'ok'
    try {
      if (count.inFlight >= context.limits.callsInFlightMax) {
        throw new MemorySyncError(
          'backpressure',
          `${count.inFlight} calls of this client are being worked on, which is as many as there may be; wait for some of them`,
        )
      }
      count.inFlight++
      try {
        const { structured, text, isError } = await tool.run(parsed, { signal: extra.signal })
        if (isError === true) outcome = 'refused'
        return {
          content: [{ type: 'text', text: text ?? JSON.stringify(structured) }],
          structuredContent: structured as Record<string, unknown>,
          ...(isError === true ? { isError } : undefined),
        }
      } finally {
        count.inFlight--
      }
    } catch (thrown) {
      const told = toldError(thrown)
      outcome = told.code
      if (told.code === 'internal') context.fault?.(name, thrown)
      if (tool.refusal === undefined) return told.result
      return { ...told.result, content: [{ type: 'text', text: JSON.stringify(tool.refusal(parsed, told.text)) }] }
    } finally {
      const subject = tool.subjectOf?.(parsed)
      if (subject !== undefined) context.audit({ client: context.client.name, tool: name, subject, outcome })
    }
  })
}
