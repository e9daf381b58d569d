/** Messages that a hostile or broken client might send, by a seed: whole JSON-RPC lines, well-formed or not. Knows no transport. */
import type { Random } from '../../src/ports/random.ts'

/** A tool as a client is told of it. */
export interface ToolShape {
  readonly name: string
  readonly inputSchema: object
}

/** What is understood of a JSON schema. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
}

/** Such as well-behaved clients use, so that one call meets what another one left. */
const names = ['a', 'b', 'team/a', 'default', 'x']

/** Few enough that what they may store stays small. */
const texts = [
  '',
  ' ',
  'x',
  'a/b',
  'a//b',
  '/a',
  'a/',
  '*',
  '**',
  '../../etc/passwd',
  'task-sentinel/tasks/x/record',
  'task-sentinel/locks/x',
  '__proto__',
  'constructor',
  'prototype/polluted',
  'a/__proto__/b',
  'toString',
  'hasOwnProperty',
  '\u0000',
  'line\nbreak\r\n\u2028',
  '\ud800',
  'e\u0301',
  '😀'.repeat(40),
  'k'.repeat(513),
  'long'.repeat(3000),
  '{"value":1,"version":{"__proto__":1},"timestamp":0,"workerId":"w"}',
  '{"value":1,"version":{"w":-1},"timestamp":"now","workerId":7}',
  '1e999',
  '"',
  '[[[[',
  'null',
  '$' + '{process.exit(1)}',
  '; rm -rf /',
  'memory://x/y',
  'memory://%',
  'file:///etc/passwd',
]

const numbers = [0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 5e-324]

const methods = [
  'ping',
  'initialize',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'resources/templates/list',
  'prompts/get',
  'logging/setLevel',
  'completion/complete',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/initialized',
  '__proto__',
  'constructor',
  'tools/../call',
]

/** Text around a message that JSON does not allow, or that only looks like JSON. */
const breakages: readonly ((text: string, at: number) => string)[] = [
  (text, at) => text.slice(0, at),
  (text, at) => `${text.slice(0, at)}\u0000${text.slice(at)}`,
  (text, at) => `${text.slice(0, at)}}${text.slice(at)}`,
  (text) => `\ufeff${text}`,
  (text) => `${text}${text}`,
  (text) => `[${text}]`,
  (text) => `[${text},null,7]`,
  (text) => text.replace(/:/, ':1e999,"x":'),
  (text) => text.replace('{', '{"__proto__":{"polluted":true},'),
  () => 'NaN',
  () => '',
  () => '[]',
  () => '{"jsonrpc":"2.0"}',
  () => '['.repeat(20_000),
  () => `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
]

export class Hostile {
  readonly #random: Random
  readonly #tools: readonly ToolShape[]
  #id = 0

  constructor(random: Random, tools: readonly ToolShape[]) {
    this.#random = random
    this.#tools = tools
  }

  /** One message as text, without line breaks. */
  text(): string {
    const text = JSON.stringify(this.#isOneIn(3) ? this.#oddMessage() : this.#toolCall())
    if (!this.#isOneIn(4)) return text
    return this.pick(breakages)(text, this.#below(text.length)).replaceAll('\n', ' ')
  }

  pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T
  }

  /** Mostly what the tool's schema admits, for what is refused at once finds nothing. */
  #toolCall(): object {
    const { name, inputSchema } = this.pick(this.#tools)
    const args = this.#fitting(inputSchema as Schema, '')
    const odd = typeof args === 'object' && this.#isOneIn(8) ? { ...args, [this.pick(texts)]: this.#value(0) } : args
    return this.#request('tools/call', { name, arguments: odd })
  }

  #fitting(schema: Schema, member: string): unknown {
    if (this.#isOneIn(60)) return this.#value(0)
    const variants = schema.anyOf ?? schema.oneOf
    if (variants !== undefined) return this.#fitting(this.pick(variants), member)
    if (schema.const !== undefined) return schema.const
    if (schema.enum !== undefined) return this.pick(schema.enum)
    switch (Array.isArray(schema.type) ? this.pick(schema.type as string[]) : schema.type) {
      case 'string':
        return this.pick(this.#isOneIn(3) ? texts : names)
      case 'integer':
      case 'number':
        return this.#number(schema, member)
      case 'boolean':
        return this.#isOneIn(2)
      case 'null':
        return null
      case 'array':
        return Array.from({ length: this.#isOneIn(20) ? 0 : 1 + this.#below(2) }, () => this.#fitting(schema.items ?? {}, member))
      case 'object':
        return this.#object(schema)
      default:
        return this.#value(0)
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema): object {
    const others = typeof additionalProperties === 'object' ? this.#fitting(additionalProperties, '') : this.#value(0)
    if (Object.keys(properties).length === 0) return objectOf([[this.pick(texts), others]])
    const members: [string, unknown][] = []
    for (const [member, schema] of Object.entries(properties)) {
      const isGiven = required.includes(member) ? !this.#isOneIn(60) : this.#isOneIn(2)
      // Work that is submitted without an id would pile up, as it should.
      if (isGiven || member === 'id') members.push([member, this.#fitting(schema, member)])
    }
    return objectOf(members)
  }

  #number({ minimum = -10, maximum = 10 }: Schema, member: string): number {
    // A call may wait for long, and this test would wait with it.
    if (/wait/i.test(member)) return this.pick([0, 1, -1, 1e9])
    if (this.#isOneIn(4)) return this.pick(numbers)
    return Math.min(maximum, minimum + this.#below(5))
  }

  #oddMessage(): unknown {
    if (this.#isOneIn(6)) return this.#value(0)
    const method: unknown = this.#isOneIn(10) ? this.#value(0) : this.pick(methods)
    const params = this.#isOneIn(2)
      ? objectOf([
          ['name', this.pick(texts)],
          ['uri', this.pick(texts)],
          ['requestId', this.#id],
          ['cursor', this.pick(texts)],
          ['_meta', this.#value(1)],
        ])
      : this.#value(0)
    const message = this.#request(method, params)
    const shape = this.#below(6)
    if (shape === 0) return { ...message, jsonrpc: this.pick(['1.0', 2, null]) }
    if (shape === 1) return { ...message, id: this.pick([null, 1.5, {}, [], 'x'.repeat(5000), '__proto__']) }
    if (shape === 2) return { jsonrpc: '2.0', method, params }
    if (shape === 3) return { jsonrpc: '2.0', id: this.#id, result: this.#value(0) }
    return message
  }

  #request(method: unknown, params: unknown): object {
    return { jsonrpc: '2.0', id: ++this.#id, method, params }
  }

  #value(depth: number): unknown {
    const kind = this.#below(depth > 3 ? 4 : 8)
    if (kind === 0) return null
    if (kind === 1) return this.#isOneIn(2)
    if (kind === 2) return this.pick(numbers)
    if (kind === 3) return this.pick(texts)
    if (kind === 4) return Array.from({ length: this.#below(4) }, () => this.#value(depth + 1))
    if (kind === 5) return deep(this.pick([10, 199, 201, 2000]))
    return objectOf(Array.from({ length: this.#below(4) }, () => [this.pick(texts), this.#value(depth + 1)]))
  }

  #isOneIn(count: number): boolean {
    return this.#below(count) === 0
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count)
  }
}

/** An own member `__proto__`, as `JSON.parse` makes one. */
function objectOf(members: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(members)
}

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}
