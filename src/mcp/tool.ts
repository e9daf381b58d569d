/**
 * One tool as the house writes it, given to the SDK: input and output checked by schemas, errors told as results that say what to do
 * next, calls in flight bounded, changes audited. Knows no particular tool.
 *
 * - T1 a tool never throws to the client: what went wrong is a result with `isError`, our code, and no stack trace
 */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { CallToolRequestSchema, type CallToolResult, type ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { MemorySyncError, quote } from '../domain/errors.ts'
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

/** What is told of calls whose arguments name nothing. */
const unknownSubject = '(arguments refused)'

type AnyTool = Tool<Shape, Shape>

interface Entry {
  readonly tool: AnyTool
  readonly input: z.ZodType
  readonly output: z.ZodType
}

/** The tools of one client. Lists them through the SDK, and answers calls of them itself. */
export class Toolbox {
  readonly #server: McpServer
  readonly #context: ToolContext
  readonly #entryByName = new Map<string, Entry>()
  #inFlight = 0

  constructor(server: McpServer, context: ToolContext) {
    this.#server = server
    this.#context = context
  }

  add<Input extends Shape, Output extends Shape>(tool: Tool<Input, Output>): void {
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
    this.#entryByName.set(name, { tool: tool as unknown as AnyTool, input: z.object(input), output: z.object(output) })
    this.#server.registerTool(name, config, (given: unknown, extra: ToolCall) => this.#call(name, given, extra))
  }

  /**
   * After the last tool was added: takes calls past the SDK's own way to them, which checks arguments and answers so that a commit of a
   * hundred entries spends most of its time there, and refuses arguments without our code and audit line.
   */
  serve(): void {
    this.#server.server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
      this.#call(params.name, params.arguments ?? {}, extra),
    )
  }

  async #call(name: string, given: unknown, { signal }: ToolCall): Promise<CallToolResult> {
    const entry = this.#entryByName.get(name)
    if (entry === undefined) {
      return toldError(new MemorySyncError('not_supported', `there is no tool ${quote(name)}; tools/list names those there are`))
        .result
    }
    const { tool } = entry
    const parsed = entry.input.safeParse(given)
    if (!parsed.success) {
      const told = toldError(
        new MemorySyncError('invalid_option', `${name} cannot take its arguments: ${z.prettifyError(parsed.error)}`),
      )
      this.#audit(tool, null, told.code)
      return told.result
    }
    return this.#run(entry, parsed.data as Parsed<Shape>, signal)
  }

  async #run({ tool, output }: Entry, input: Parsed<Shape>, signal: AbortSignal): Promise<CallToolResult> {
    const { limits, fault } = this.#context
    let outcome = 'ok'
    try {
      if (this.#inFlight >= limits.callsInFlightMax) {
        throw new MemorySyncError(
          'backpressure',
          `${this.#inFlight} calls of this client are being worked on, which is as many as there may be; wait for some of them`,
        )
      }
      this.#inFlight++
      try {
        const { structured, text, isError } = await tool.run(input, { signal })
        if (isError === true) outcome = 'refused'
        const checked = output.safeParse(structured)
        // Whoever reads it was told another shape.
        if (!checked.success && isError !== true) throw checked.error
        return {
          content: [{ type: 'text', text: text ?? JSON.stringify(structured) }],
          structuredContent: structured as Record<string, unknown>,
          ...(isError === true ? { isError } : undefined),
        }
      } finally {
        this.#inFlight--
      }
    } catch (thrown) {
      const told = toldError(thrown)
      outcome = told.code
      if (told.code === 'internal') fault?.(tool.name, thrown)
      if (tool.refusal === undefined) return told.result
      return { ...told.result, content: [{ type: 'text', text: JSON.stringify(tool.refusal(input, told.text)) }] }
    } finally {
      this.#audit(tool, input, outcome)
    }
  }

  #audit(tool: AnyTool, input: Parsed<Shape> | null, outcome: string): void {
    if (tool.subjectOf === undefined) return
    const subject = input === null ? unknownSubject : tool.subjectOf(input)
    const { client, audit } = this.#context
    if (subject !== undefined) audit({ client: client.name, tool: tool.name, subject, outcome })
  }
}
