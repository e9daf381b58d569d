/**
 * The audit log of `serve`: one JSON line for each call that changed something, with its time. Owns the file and what waits for it.
 * Knows no tool.
 *
 * - L1 what waits to be written has a bound; lines beyond it are counted, and the count is written as soon as there is room
 * - L2 a file that takes nothing any more is told: who asked for a log must not go on without one
 */
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'

/** Waiting for a slow disk. */
export const auditBytesMax = 8 * 1024 * 1024

export class AuditLog {
  /** Rejects when the file cannot be written any more; never settles otherwise. */
  readonly failed: Promise<never>
  readonly #clock: Clock
  readonly #stream: Writable
  readonly #ownsStream: boolean
  #lost = 0

  /** @param target the path of a file that is appended to, or a stream that stays open. */
  constructor(target: string | Writable, clock: Clock) {
    this.#clock = clock
    this.#ownsStream = typeof target === 'string'
    this.#stream = typeof target === 'string' ? createWriteStream(target, { flags: 'a', mode: 0o600 }) : target
    this.failed = new Promise((_, reject) => {
      if (typeof target !== 'string') return
      this.#stream.on('error', (cause: unknown) => {
        const message = `the audit log ${quote(target)} cannot be written: ${messageOf(cause)}`
        reject(new MemorySyncError('invalid_option', message, { cause }))
      })
    })
    // It may fail while nobody waits for it any more.
    this.failed.catch(() => {})
  }

  line(fields: Readonly<Record<string, unknown>>): void {
    if (this.#stream.writableLength > auditBytesMax) {
      this.#lost++
      return
    }
    if (this.#lost > 0) this.#write({ lost: this.#lost })
    this.#lost = 0
    this.#write(fields)
  }

  /** Settles when all is written, or cannot be. */
  async close(): Promise<void> {
    if (this.#lost > 0) this.#write({ lost: this.#lost })
    if (!this.#ownsStream || this.#stream.destroyed) return
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve)
      this.#stream.end()
    })
  }

  #write(fields: Readonly<Record<string, unknown>>): void {
    const time = new Date(this.#clock.wallMs()).toISOString()
    this.#stream.write(`${JSON.stringify({ time, ...fields })}\n`)
  }
}
