/**
 * The two streams: data goes to stdout, everything said to people to stderr. Owns the live line at a terminal's bottom,
 * waiting for a slow reader, and the quiet end when the reader is gone. Knows no command.
 */
import { consoleLogger, systemClock } from '../platform.ts'
import type { Logger } from '../ports/logger.ts'
import { toldError } from './exit-codes.ts'
import { type Column, cut, formatTable, jsonText, printable } from './table.ts'

/** For terminals that do not say, or say 0. */
const columnsDefault = 80

const clearLine = '\r\u001b[2K'

export class Output {
  /** `--json`: machine-readable data and errors. */
  isJson = false
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  #live: string | null = null
  #isClosed = false
  #writeError: Error | null = null
  /** Settles when the reader has caught up. */
  #full: Promise<void> | null = null
  #wake: (() => void) | null = null

  /** @param onClosed called once when stdout takes nothing any more. */
  constructor(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream, onClosed: () => void) {
    this.#stdout = stdout
    this.#stderr = stderr
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#isClosed) return
      this.#isClosed = true
      if (error.code !== 'EPIPE') this.#writeError = error
      this.#wake?.()
      onClosed()
    })
    // Nobody to tell.
    stderr.on('error', () => {})
  }

  /** Whether stdout takes nothing any more, mostly because its reader went away (`| head`). */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** What kept data from being written, a full disk for example; null when all went well or nobody wanted more. */
  get writeError(): Error | null {
    return this.#writeError
  }

  /** Whether people watch stderr: a live line makes sense. */
  get hasLiveLine(): boolean {
    return this.#stderr.isTTY === true
  }

  /** Characters of a line of data on the terminal; Infinity where it goes elsewhere. */
  get lineMax(): number {
    return this.#stdout.isTTY === true ? this.#stdout.columns || columnsDefault : Infinity
  }

  /** A line of data. Settles when there is room for the next one. */
  async line(text: string): Promise<void> {
    if (this.#isClosed) return
    this.#withoutLive(() => {
      if (this.#stdout.write(`${text}\n`)) return
      this.#full ??= new Promise<void>((resolve) => {
        this.#wake = () => {
          this.#full = null
          resolve()
        }
        this.#stdout.once('drain', () => this.#wake?.())
      })
    })
    if (this.#full !== null) await this.#full
  }

  /** A line of JSON. */
  json(value: unknown): Promise<void> {
    return this.line(jsonText(value))
  }

  async table(columns: readonly Column[], rows: readonly (readonly string[])[]): Promise<void> {
    for (const line of formatTable(columns, rows, this.lineMax)) await this.line(line)
  }

  /** Something for people. */
  say(text: string): void {
    this.#withoutLive(() => this.#stderr.write(`memory-sync: ${printable(text)}\n`))
  }

  /** Replaces the line at the bottom of the terminal; null removes it. Only where {@link hasLiveLine}. */
  live(text: string | null): void {
    if (!this.hasLiveLine || text === this.#live) return
    this.#live = text
    this.#stderr.write(text === null ? clearLine : this.#liveText(text))
  }

  /** One line; with `--json` an object. The stack only for those who debug. */
  error(thrown: unknown): void {
    const { code, message, retryable } = toldError(thrown)
    if (this.isJson) this.#withoutLive(() => this.#stderr.write(`${jsonText({ error: { code, message, retryable } })}\n`))
    else this.say(`${code}: ${message}`)
    if (process.env.MEMORY_SYNC_LOG === 'debug' && thrown instanceof Error) this.#stderr.write(`${thrown.stack}\n`)
  }

  /** The library's logger: same lines as ever, above the live one. */
  logger(): Logger {
    const inner = consoleLogger()
    const level =
      (name: keyof Logger): Logger[keyof Logger] =>
      (message, fields) =>
        this.#withoutLive(() => inner[name](message, fields))
    return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
  }

  /** Settles when all that was written has left the process, or nobody takes it. */
  async flush(): Promise<void> {
    this.live(null)
    for (const stream of [this.#stdout, this.#stderr]) {
      if (stream.writableLength === 0 || stream.destroyed) continue
      await new Promise<void>((resolve) => {
        stream.once('error', () => resolve())
        stream.write('', () => resolve())
      })
    }
    // A stream tells its error in a turn of its own.
    await new Promise<void>((resolve) => systemClock.defer(resolve))
  }

  #withoutLive(write: () => void): void {
    if (this.#live !== null) this.#stderr.write(clearLine)
    write()
    if (this.#live !== null) this.#stderr.write(this.#liveText(this.#live))
  }

  #liveText(text: string): string {
    return `${clearLine}${cut(printable(text), (this.#stderr.columns || columnsDefault) - 1)}`
  }
}
