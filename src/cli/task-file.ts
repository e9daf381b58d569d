/**
 * Tasks from a JSONL file, all checked before any is submitted: one object per line, what `runtime.submit` takes. Owns how a
 * bad line is told. Knows no store.
 */
import { z } from 'zod'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { recordOf, type SpecHands, type TaskSpec } from '../runtime/task-spec.ts'
import { entryBytesMaxDefault } from '../wire/entry-codec.ts'

/** All lines are in memory at once, since none is submitted before the last was checked. */
export const taskLinesMax = 1_000_000
/** A longer line would make a record that no store takes. */
export const lineCharactersMax = entryBytesMaxDefault - 2048
/** Bad lines that an error names beside the first. */
const badLinesNamedMax = 10

export interface TaskLine {
  readonly line: number
  readonly spec: TaskSpec
}

const specSchema = z.strictObject({
  id: z.exactOptional(z.string()),
  type: z.string(),
  input: z.exactOptional(z.unknown()),
  priority: z.exactOptional(z.number()),
  delayMs: z.exactOptional(z.number()),
  timeoutMs: z.exactOptional(z.number()),
  maxAttempts: z.exactOptional(z.number()),
  backoff: z.exactOptional(
    z.strictObject({
      baseMs: z.exactOptional(z.number()),
      factor: z.exactOptional(z.number()),
      maxMs: z.exactOptional(z.number()),
      jitter: z.exactOptional(z.number()),
    }),
  ),
  dependsOn: z.exactOptional(z.array(z.string())),
  onDependencyFailure: z.exactOptional(z.enum(['fail', 'run'])),
})

/**
 * @param name of the source, for messages.
 * @param types that have a handler: a task of another type would wait for ever.
 * @throws `invalid_value` naming the first bad line, what is wrong with it, and the numbers of other bad ones; `too_large`
 */
export async function readTaskLines(source: AsyncIterable<string>, name: string, types: readonly string[]): Promise<TaskLine[]> {
  const lines: TaskLine[] = []
  const lineById = new Map<string, number>()
  const bad: { readonly line: number; readonly reason: string }[] = []
  for await (const [line, text] of numberedLines(source, name)) {
    if (text.trim() === '') continue
    try {
      const spec = specOf(text, types)
      const earlier = spec.id === undefined ? undefined : lineById.get(spec.id)
      if (earlier !== undefined) throw new Error(`the id ${quote(spec.id)} is that of line ${earlier} already`)
      if (spec.id !== undefined) lineById.set(spec.id, line)
      if (lines.length >= taskLinesMax) {
        throw new MemorySyncError('too_large', `${name} has more than ${taskLinesMax} tasks: split it`)
      }
      lines.push({ line, spec })
    } catch (thrown) {
      if (thrown instanceof MemorySyncError && thrown.code === 'too_large') throw thrown
      bad.push({ line, reason: messageOf(thrown) })
      // Enough to name; reading on would find nothing new to say.
      if (bad.length > badLinesNamedMax) break
    }
  }
  const [first, ...others] = bad
  if (first !== undefined) {
    throw new MemorySyncError('invalid_value', `${name} line ${first.line}: ${first.reason}${alsoBad(others)}`)
  }
  return lines
}

function alsoBad(others: readonly { readonly line: number }[]): string {
  if (others.length === 0) return ''
  const more = others.length >= badLinesNamedMax ? ' and maybe more' : ''
  return ` (also bad: line ${others.map(({ line }) => line).join(', ')}${more}). Nothing was submitted.`
}

function specOf(text: string, types: readonly string[]): TaskSpec {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw new Error(`not JSON: ${messageOf(cause)}`)
  }
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new Error(`not an object like {"type":"…","input":…}: ${quote(given)}`)
  }
  const parsed = specSchema.safeParse(given)
  if (!parsed.success) throw new Error(faultOf(given, parsed.error.issues[0]))
  const spec = parsed.data
  if (!types.includes(spec.type)) {
    throw new Error(`no handler for the type ${quote(spec.type)}; the module has ${types.map(quote).join(', ')}`)
  }
  // The runtime's own rules for ids and numbers, so that nothing is found out halfway through the file.
  recordOf(spec, dryHands)
  return spec
}

function faultOf(given: object, issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'not a task'
  if (issue.code === 'unrecognized_keys') {
    const place = issue.path.length === 0 ? '' : ` in ${issue.path.join('.')}`
    return `unknown member ${issue.keys.map(quote).join(', ')}${place}; known are ${Object.keys(specSchema.shape).join(', ')}`
  }
  let value: unknown = given
  for (const member of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[member]
  if (value === undefined) return `${issue.path.join('.')} is missing`
  return `${issue.path.join('.')} cannot be ${quote(value)}: ${issue.message}`
}

/** Nothing is stamped here: the record is thrown away. */
const dryHands: SpecHands = {
  now: () => ({ wallMs: 0, bootId: null, monotonicMs: 0 }),
  tick: () => ({ ms: 0, counter: 0 }),
  workerId: 'check',
  newId: () => 'check',
}

/** Lines without their ends, counted from 1. A byte order mark at the beginning is dropped. */
async function* numberedLines(source: AsyncIterable<string>, name: string): AsyncGenerator<[number, string]> {
  let rest = ''
  let line = 0
  const checked = (text: string): string => {
    if (text.length > lineCharactersMax) {
      throw new MemorySyncError(
        'too_large',
        `${name} line ${line}: more than ${lineCharactersMax} characters. Store the input elsewhere and give a reference.`,
      )
    }
    return line === 1 ? text.replace(/^\ufeff/, '') : text
  }
  for await (const chunk of source) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      line++
      yield [line, checked(part)]
    }
    if (rest.length > lineCharactersMax) {
      line++
      checked(rest)
    }
  }
  line++
  if (rest !== '') yield [line, checked(rest)]
}
