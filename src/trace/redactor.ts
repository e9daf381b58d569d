/**
 * The redaction hooks of users over the values of records: what they take out never leaves. Knows no record and no bound of size.
 *
 * - H1 a hook that throws has everything of that value taken out; the first such fault is reported
 * - H2 of an event its type stays: it is in the chart, and no secret
 */
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { redactedText } from '../wire/trace-record.ts'
import type { Redact, RedactPlace } from './trace-source.ts'

export class Redactor {
  readonly #report: (error: MemorySyncError) => void
  #hooks: readonly Redact[]
  #hasFailed = false

  /** @param hooks applied one after the other. */
  constructor(hooks: readonly Redact[], report: (error: MemorySyncError) => void) {
    this.#hooks = hooks
    this.#report = report
  }

  get isIdle(): boolean {
    return this.#hooks.length === 0
  }

  use(hooks: readonly Redact[]): void {
    this.#hooks = hooks
  }

  /** The same value while there is no hook. */
  value(value: unknown, place: RedactPlace): unknown {
    if (this.isIdle || value === undefined) return value
    try {
      let told = value
      for (const redact of this.#hooks) told = redact(told, place)
      return told
    } catch (thrown) {
      this.#failed(thrown)
      return redactedText
    }
  }

  /** An event that a hook made into something else is its `value`. */
  event(address: string, event: { readonly type: string }): { readonly type: string } {
    const told = this.value(event, { kind: 'event', address, name: event.type })
    if (told === event) return event
    const members = isObject(told) ? told : { value: told as Json }
    return { ...members, type: event.type }
  }

  #failed(thrown: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    const advice = 'until it does not throw, whole values are redacted'
    const message = `the redaction hook threw: ${messageOf(thrown)}; ${advice}`
    this.#report(new MemorySyncError('aborted', message, { cause: thrown }))
  }
}

function isObject(value: unknown): value is { readonly [member: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
