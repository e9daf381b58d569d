/** What an inspector may be told, checked before anything listens. Owns the defaults and the bounds. Knows no request. */
import { z } from 'zod'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { type Logger, silentLogger } from '../ports/logger.ts'
import type { Redact } from '../trace/trace-source.ts'

export interface InspectorOptions {
  /** 0: any free one. Default 7439. It listens at 127.0.0.1 and nowhere else. */
  readonly port?: number
  /** Who opens the page needs it. At least 16 letters, digits, `-` or `_`. Default: a new one, in the URL. */
  readonly token?: string
  /** Whether the page may send events, cancel, retry, replay, drain and release locks. Default false. */
  readonly allowActions?: boolean
  /** The part of the transitions that is told, from 0 to 1; what is left out is counted. Default 1. */
  readonly sample?: number
  /** Takes secrets out of every value before it leaves: `(value, where) => value to be told instead`. */
  readonly redact?: Redact
  /** Whether the other processes on this memory are asked to tell, too. Default true. */
  readonly others?: boolean
  /** Whether it records from the beginning. Default false: from the first page on, until a while after the last. */
  readonly recordAlways?: boolean
  /** Records kept for pages that connect again and for exports. Default 100,000. */
  readonly recordsMax?: number
  /** Bytes of records kept. Default 128 MiB. */
  readonly bytesMax?: number
  /** Hears of every action (`info`) and of faults. Default: nobody. */
  readonly logger?: Logger
}

export interface CheckedInspectorOptions extends Required<Omit<InspectorOptions, 'token' | 'redact'>> {
  readonly token: string | null
  readonly redact: Redact | undefined
}

export const inspectorPortDefault = 7439
export const recordsMaxDefault = 100_000
export const bytesMaxDefault = 128 * 1024 * 1024
/** Of a token that is made here: 160 bits that nobody guesses. */
export const tokenCharacters = 32
/** A shorter token can be guessed. */
export const tokenCharactersMin = 16

const schema = z.strictObject({
  port: z.int().min(0).max(65_535).default(inspectorPortDefault),
  // What a URL and a cookie hold as it is.
  token: z
    .string()
    .regex(/^[\w-]{16,200}$/)
    .nullable()
    .default(null),
  allowActions: z.boolean().default(false),
  sample: z.number().min(0).max(1).default(1),
  redact: z.custom<Redact>((given) => typeof given === 'function').optional(),
  others: z.boolean().default(true),
  recordAlways: z.boolean().default(false),
  recordsMax: z.int().min(1000).max(10_000_000).default(recordsMaxDefault),
  bytesMax: z
    .int()
    .min(1024 * 1024)
    .max(2 ** 32)
    .default(bytesMaxDefault),
  logger: z.custom<Logger>((given) => given !== null && typeof given === 'object').default(() => silentLogger),
})

/** @throws `invalid_option` naming the option, the value and what it may be. */
export function checkInspectorOptions(options: InspectorOptions): CheckedInspectorOptions {
  const parsed = schema.safeParse(options)
  if (parsed.success) return { ...parsed.data, redact: parsed.data.redact }
  const [issue] = parsed.error.issues
  const name = issue?.path.join('.') ?? ''
  if (issue?.code === 'unrecognized_keys') {
    throw new MemorySyncError('invalid_option', `serveInspector has no option ${quote(issue.keys[0])}`)
  }
  // The token itself is never quoted: messages end up in logs.
  const given = name === 'token' ? '' : `, got ${quote((options as Readonly<Record<string, unknown>>)[name])}`
  const what = name === 'token' ? `${tokenCharactersMin} to 200 letters, digits, - or _` : (issue?.message ?? '')
  throw new MemorySyncError('invalid_option', `${name}: ${what}${given}`)
}
