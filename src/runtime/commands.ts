/**
 * Events from outside: what an address may be, what its actor takes from strangers, and the chart's event that it becomes.
 * Everything else is refused here, so that no chart ever sees it.
 */
import type { TaskEvent } from '../../machines/task.ts'
import type { Moment } from '../domain/deadline.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { type Json, toJson } from '../domain/json.ts'
import { assertId } from '../domain/key.ts'
import type { PostEvent } from '../ports/post.ts'
import { assertFits, outputBytesMax } from './document-size.ts'

/** Longer messages of errors are cut: they lie in the record. */
export const faultCharactersMax = 2000

/** Events that a task takes from outside. */
export type TaskCommand =
  | { readonly type: 'task.cancel'; readonly reason?: string }
  /** Driven tasks only, like the two below. Percent from 0 to 100. */
  | { readonly type: 'task.progress'; readonly percent: number; readonly note?: string }
  | { readonly type: 'task.complete'; readonly output?: unknown }
  | { readonly type: 'task.fail'; readonly message: string; readonly isFinal?: boolean }

/** What only a driven task takes. */
export type DrivenCommand = Exclude<TaskCommand, { type: 'task.cancel' }>

/** What is taken from outside, by kind of address: for these the rules here hold, however the event comes. */
export const commandsByKind: Readonly<Record<Address['kind'], Readonly<Record<string, true>>>> = {
  task: { 'task.cancel': true, 'task.progress': true, 'task.complete': true, 'task.fail': true } satisfies Record<
    TaskCommand['type'],
    true
  >,
  worker: { 'worker.drain': true },
}

export type Address = { readonly kind: 'task' | 'worker'; readonly id: string }

/** @throws `not_supported` for anything but `task/<id>` and `worker/<id>`. */
export function parseAddress(address: unknown): Address {
  const [kind, ...rest] = typeof address === 'string' ? address.split('/') : []
  if ((kind === 'task' || kind === 'worker') && rest.length === 1) return { kind, id: assertId(rest[0], `${kind} id`) }
  throw new MemorySyncError('not_supported', `events can be sent to "task/<id>" and "worker/<id>", not to ${quote(address)}`)
}

/** @throws `invalid_option` for what is no event, or has a type that XState reserves for itself. */
export function assertEvent(event: unknown): asserts event is PostEvent {
  const type = event !== null && typeof event === 'object' ? (event as { type?: unknown }).type : undefined
  if (typeof type !== 'string') {
    throw new MemorySyncError('invalid_option', `an event must be an object with a type, got ${quote(event)}`)
  }
  if (type.startsWith('xstate.')) {
    throw new MemorySyncError(
      'invalid_option',
      `the event type ${quote(type)} is reserved: types that start with "xstate." are the machinery's own`,
    )
  }
}

/** An event for a task, checked. @throws `not_supported`, `invalid_value` */
export function taskCommandOf(event: PostEvent): TaskCommand {
  switch (event.type) {
    case 'task.cancel':
      return typeof event.reason === 'string' ? { type: event.type, reason: event.reason } : { type: event.type }
    case 'task.complete':
      return { type: event.type, output: outputOf(event.output) }
    case 'task.progress': {
      const { note } = event
      const percent = checkPercent(event.percent)
      return typeof note === 'string' ? { type: event.type, percent, note } : { type: event.type, percent }
    }
    case 'task.fail':
      return {
        type: event.type,
        message: messageOf(event.message ?? 'failed').slice(0, faultCharactersMax),
        isFinal: event.isFinal === true,
      }
    default:
      throw new MemorySyncError(
        'not_supported',
        `a task takes task.cancel, task.progress, task.complete and task.fail from outside, not ${quote(event.type)}`,
      )
  }
}

/** @throws `invalid_value` */
export function checkPercent(percent: unknown): number {
  if (typeof percent === 'number' && percent >= 0 && percent <= 100) return percent
  throw new MemorySyncError('invalid_value', `progress must be a number from 0 to 100, got ${quote(percent)}`)
}

/** What a task gave, as it is stored. @throws `invalid_value`, `too_large` */
export function outputOf(given: unknown): Json {
  return given === undefined ? null : assertFits(toJson(given), "the task's output", outputBytesMax)
}

/** The chart's event for a command to a driven task. */
export function drivenEventOf(command: DrivenCommand, now: Moment, chance: number): TaskEvent {
  switch (command.type) {
    case 'task.complete':
      return { type: 'task.complete', output: outputOf(command.output), now }
    case 'task.progress':
      return { type: 'task.progress', percent: command.percent, note: command.note ?? null, now }
    case 'task.fail': {
      const error = { name: 'Error', message: command.message, reason: 'reported' } as const
      return { type: 'task.fail', error, now, chance, isFinal: command.isFinal === true }
    }
  }
}
