/**
 * Clients of a memory server in a virtual world: the SDK's own client at one end of a pair of transports, the server over a world's
 * runtime at the other. Answers are those that the client checked against the declared schemas.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import type { JsonSchemaType, JsonSchemaValidator, jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import { afterEach, expect } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { createMemoryServer, type MemoryServer, type MemoryServerOptions } from '../../src/mcp/memory-server.ts'
import type { AuditLine } from '../../src/mcp/tool-context.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { type Member, type MemberOptions, type World, world } from '../runtime/harness.ts'

/** What tools answer is any JSON; a test says what it expects of it. */
export type Answer = Readonly<Record<string, unknown>>

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  /** All that a model reads of it. */
  readonly text: string
}

export interface Caller {
  readonly client: Client
  /** Runs time until the answer is there. @throws when it is a refusal */
  call<T = Answer>(tool: string, input?: object): Promise<T>
  /** As `call`, for what a model reads. */
  text(tool: string, input?: object): Promise<string>
  /** Runs time until the call is refused. @throws when it is not */
  refused(tool: string, input?: object): Promise<Refusal>
  /** Without running time: for calls that wait. */
  begin<T = Answer>(tool: string, input?: object, signal?: AbortSignal): Promise<T>
  /** Goes away. */
  leave(): Promise<void>
}

export interface ServedWorld extends World {
  readonly member: Member
  readonly runtime: Runtime
  readonly audit: AuditLine[]
  /** Another client of the same server. */
  connect(name?: string): Promise<Caller>
}

export interface ServedOptions extends MemberOptions {
  readonly server?: MemoryServerOptions
  readonly world?: Parameters<typeof world>[0]
}

/** Compiling the schemas of all tools for each client would take most of the time of these tests. */
class SharedValidators implements jsonSchemaValidator {
  readonly #ajv = new AjvJsonSchemaValidator()
  readonly #validatorBySchema = new Map<string, JsonSchemaValidator<unknown>>()

  getValidator<T>(schema: JsonSchemaType): JsonSchemaValidator<T> {
    const text = JSON.stringify(schema)
    let validator = this.#validatorBySchema.get(text)
    if (validator === undefined) {
      validator = this.#ajv.getValidator(schema)
      this.#validatorBySchema.set(text, validator)
    }
    return validator as JsonSchemaValidator<T>
  }
}

const validators = new SharedValidators()

/** A world with one runtime behind a memory server. */
export function servedWorld(options: ServedOptions = {}): ServedWorld {
  const { server: serverOptions, world: worldOptions, ...memberOptions } = options
  const made = world(worldOptions)
  const member = made.join(memberOptions)
  const audit: AuditLine[] = []
  const server = createMemoryServer(member.runtime, { audit: (line) => audit.push(line), ...serverOptions })
  servers.set(server, made)
  return {
    ...made,
    member,
    runtime: member.runtime,
    audit,
    async connect(name = 'tester') {
      const client = new Client({ name, version: '1' }, { jsonSchemaValidator: validators })
      const [near, far] = InMemoryTransport.createLinkedPair()
      await made.run(Promise.all([server.connect(far), client.connect(near)]))
      // Answers are checked against the schemas of tools that were listed.
      await made.run(client.listTools())
      return callerOf(client, made)
    },
  }
}

/** The same with two clients. */
export async function twoClients(options: ServedOptions = {}): Promise<ServedWorld & { first: Caller; second: Caller }> {
  const made = servedWorld(options)
  return { ...made, first: await made.connect('first'), second: await made.connect('second') }
}

/** What task_claim answers. */
export interface Claim extends Answer {
  readonly task: null | {
    readonly id: string
    readonly type: string
    readonly input: Json
    readonly attempt: number
    readonly epoch: number
    readonly leaseMs: number
    readonly leaseLeftMs: number
    readonly guard: { readonly scope: string; readonly epoch: number; readonly incarnation: string }
  }
  readonly worker: string
}

export const submit = (caller: Caller, id: string, input: object = {}) =>
  caller.call('task_submit', { id, type: 'review', ...input })
export const claim = (caller: Caller, input: object = {}): Promise<Claim> => caller.call<Claim>('task_claim', input)

/** The task of a claim that gets one. */
export async function claimed(caller: Caller, input: object = {}): Promise<NonNullable<Claim['task']>> {
  const { task } = await claim(caller, input)
  if (task === null) expect.unreachable('there was no task')
  return task
}

export const statusOf = async (caller: Caller, id: string) =>
  (await caller.call<{ task: Answer }>('task_get', { id })).task.status

const servers = new Map<MemoryServer, World>()

// Before the world ends its runtimes and looks for what is left.
afterEach(async () => {
  for (const [server, { run }] of servers) await run(server.close())
  servers.clear()
})

function callerOf(client: Client, { run }: World): Caller {
  const ask = (tool: string, input: object = {}, signal?: AbortSignal) =>
    client.callTool({ name: tool, arguments: { ...input } }, undefined, signal === undefined ? {} : { signal })
  const answerOf = async (tool: string, input?: object, signal?: AbortSignal) => {
    const result = await ask(tool, input, signal)
    if (result.isError === true) expect.unreachable(`${tool} was refused: ${JSON.stringify(result)}`)
    return result
  }
  return {
    client,
    call: async <T>(tool: string, input?: object) => (await run(answerOf(tool, input))).structuredContent as T,
    text: async (tool, input) => textOf(await run(answerOf(tool, input))),
    async refused(tool, input) {
      const result = await run(ask(tool, input))
      if (result.isError !== true) expect.unreachable(`${tool} was not refused: ${JSON.stringify(result)}`)
      const error = (result._meta as { error?: Omit<Refusal, 'text'> } | undefined)?.error
      return { ...(error ?? { code: 'none', message: '', retryable: false }), text: textOf(result) }
    },
    begin: async <T>(tool: string, input?: object, signal?: AbortSignal) =>
      (await answerOf(tool, input, signal)).structuredContent as T,
    leave: () => run(client.close()),
  }
}

function textOf(result: Awaited<ReturnType<Client['callTool']>>): string {
  return (result.content as readonly { readonly text?: string }[]).map(({ text = '' }) => text).join('\n')
}
