/**
 * The one file of the house with real time, real chance and output. All else is handed these through the ports, which is
 * what lets the tests run the same code under a virtual clock and a seed. Knows nothing of what it is used for.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Clock } from './ports/clock.ts'
import type { LogFields, Logger } from './ports/logger.ts'
import { type Random, tokenLetters } from './ports/random.ts'

/** Node fires longer timers at once (after 1 ms): they are armed again in pieces of this length. */
const timerPieceMsMax = 2 ** 31 - 1

function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

let bootIdOnce: string | null | undefined

/**
 * Linux only. There `process.hrtime` is CLOCK_MONOTONIC, which all processes of one boot share, and the kernel names the
 * boot. Elsewhere one of the two is missing or was never checked, and comparing two processes' readings would let one take
 * a lease that is still held: null makes leases be judged by observation instead, which is slower and always right.
 */
function readBootId(): string | null {
  if (process.platform !== 'linux') return null
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() || null
  } catch {
    return null // no /proc, or one that hides it
  }
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs,
  get bootId(): string | null {
    if (bootIdOnce === undefined) bootIdOnce = readBootId()
    return bootIdOnce
  },
  setTimer(delayMs, fire, options) {
    const dueMs = monotonicMs() + delayMs
    let handle: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      handle = setTimeout(look, Math.min(leftMs, timerPieceMsMax))
      if (options?.keepAlive === false) handle.unref()
    }
    // Node's timers count from the event loop's own clock and may come a millisecond early by ours. Looking again makes
    // "it fired" imply "the time is over", so that nobody finds a deadline not quite reached.
    const look = (): void => {
      const leftMs = dueMs - monotonicMs()
      if (leftMs > 0) arm(leftMs)
      else fire()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  defer(run) {
    setImmediate(run)
  },
}

export const systemRandom: Random = {
  next: () => Math.random(),
  token(length) {
    // Bytes are drawn from a pool: asking the system for each token costs more than submitting a task.
    if (poolAt + length > pool.length) {
      pool = randomBytes(Math.max(poolBytes, length))
      poolAt = 0
    }
    let token = ''
    for (let end = poolAt + length; poolAt < end; poolAt++) token += tokenLetters[(pool[poolAt] ?? 0) & 31]
    return token
  },
}

const poolBytes = 4096
let pool: Uint8Array = new Uint8Array(0)
let poolAt = 0

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

const rankByLevel: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 }

function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(rankByLevel, text)
}

/**
 * One line per record on stderr: time, level, message, fields as JSON.
 *
 * @param level the least level that is written. Default: the environment's `MEMORY_SYNC_LOG`, else `warn`.
 */
export function consoleLogger(level?: LogLevel): Logger {
  const asked = process.env.MEMORY_SYNC_LOG ?? ''
  const least = rankByLevel[level ?? (isLogLevel(asked) ? asked : 'warn')]
  const writer = (name: Exclude<LogLevel, 'silent'>) =>
    rankByLevel[name] < least
      ? () => {}
      : (message: string, fields?: LogFields): void => {
          // console.error, unlike a bare write, outlives a closed stderr.
          console.error(formatRecord(Date.now(), name, message, fields))
        }
  const logger: Logger = { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
  if (level === undefined && asked !== '' && !isLogLevel(asked)) {
    logger.warn('MEMORY_SYNC_LOG is not a level and was taken as "warn"', {
      given: asked,
      levels: Object.keys(rankByLevel),
    })
  }
  return logger
}

function formatRecord(wallMs: number, level: string, message: string, fields?: LogFields): string {
  // A line break in what a store or a handler told us must not look like a record of its own.
  const text = message.replace(/\r\n|[\r\n\u2028\u2029]/g, '\\n')
  const line = `${new Date(wallMs).toISOString()} ${level} memory-sync: ${text}`
  return fields === undefined ? line : `${line} ${fieldsText(fields)}`
}

function fieldsText(fields: LogFields): string {
  try {
    return JSON.stringify(fields, (_member, value: unknown) => {
      if (value instanceof Error) return { ...value, name: value.name, message: value.message, cause: value.cause }
      return typeof value === 'bigint' ? `${value}n` : value
    })
  } catch (cause) {
    return `(fields cannot be shown: ${cause instanceof Error ? cause.message.replace(/\s+/g, ' ') : 'unknown'})`
  }
}

/** This process on its machine: part of the default worker id. */
export function processId(): number {
  return process.pid
}

export function hostName(): string {
  return hostname()
}
