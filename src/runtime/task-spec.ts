/** What `submit` is given, checked, and the record that it begins. Knows no store. */
import { deadlineIn, type Moment } from '../domain/deadline.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { HybridTimestamp } from '../domain/hybrid-clock.ts'
import { type Json, toJson } from '../domain/json.ts'
import { assertId } from '../domain/key.ts'
import { type Backoff, backoffOf } from '../domain/retry.ts'
import type { TaskRecord } from '../domain/task-record.ts'
import { assertFits, recordBytesMax } from './document-size.ts'

export const dependenciesMax = 1000
export const attemptsMax = 1_000_000

export interface TaskSpec {
  /** One key segment. Default: a random id. An id that exists gives the existing task; the rest is ignored. */
  readonly id?: string
  /** Which handler does it. */
  readonly type: string
  /** JSON for the handler. Default null. */
  readonly input?: unknown
  /** Higher goes first. Default 0. */
  readonly priority?: number
  /** Milliseconds before which it is not started. Default 0. */
  readonly delayMs?: number
  /** Milliseconds that one attempt may take. Default: no limit. */
  readonly timeoutMs?: number
  /** Handler starts, the first included. Default 3. */
  readonly maxAttempts?: number
  /** The pause between attempts. Default: 1 s, doubled each time up to a minute, half of it random. */
  readonly backoff?: Partial<Backoff>
  /** Ids of tasks that must have completed before. */
  readonly dependsOn?: readonly string[]
  /** What happens when one of them fails or is cancelled. Default `'fail'`: this one fails too. */
  readonly onDependencyFailure?: 'fail' | 'run'
}

const members: ReadonlySet<string> = new Set([
  'id',
  'type',
  'input',
  'priority',
  'delayMs',
  'timeoutMs',
  'maxAttempts',
  'backoff',
  'dependsOn',
  'onDependencyFailure',
])

export interface SpecHands {
  now(): Moment
  tick(): HybridTimestamp
  readonly workerId: string
  newId(): string
}

/** @throws `invalid_option`, `invalid_key`, `invalid_value`, `too_large`: the message names the member and quotes the value. */
export function recordOf(spec: TaskSpec, hands: SpecHands): TaskRecord {
  if (spec === null || typeof spec !== 'object') throw invalid('a task', spec, 'an object with at least { type }')
  for (const member of Object.keys(spec)) {
    if (!members.has(member))
      throw invalid(`submit option "${member}"`, spec[member as keyof TaskSpec], `one of ${[...members].join(', ')}`)
  }
  const { priority = 0, delayMs = 0, maxAttempts = 3, dependsOn, timeoutMs } = spec
  if (typeof priority !== 'number' || !Number.isFinite(priority)) throw invalid('priority', priority, 'a finite number')
  if (!isWithin(delayMs, 0, Number.MAX_SAFE_INTEGER)) throw invalid('delayMs', delayMs, 'a number of at least 0')
  if (!Number.isInteger(maxAttempts) || !isWithin(maxAttempts, 1, attemptsMax)) {
    throw invalid('maxAttempts', maxAttempts, `an integer from 1 to ${attemptsMax}`)
  }
  if (timeoutMs !== undefined && !isWithin(timeoutMs, 1, Number.MAX_SAFE_INTEGER)) {
    throw invalid('timeoutMs', timeoutMs, 'a number of at least 1')
  }
  if (spec.onDependencyFailure !== undefined && spec.onDependencyFailure !== 'fail' && spec.onDependencyFailure !== 'run') {
    throw invalid('onDependencyFailure', spec.onDependencyFailure, '"fail" or "run"')
  }
  const id = spec.id === undefined ? hands.newId() : assertId(spec.id, 'task id')
  const time = hands.tick()
  const input: Json = spec.input === undefined ? null : toJson(spec.input)
  const record: { -readonly [Member in keyof TaskRecord]: TaskRecord[Member] } = {
    id,
    type: assertId(spec.type, 'task type'),
    status: 'pending',
    input,
    priority,
    enqueued: [time.ms, time.counter, hands.workerId],
    epoch: 0,
    attempts: 0,
    maxAttempts,
  }
  if (spec.backoff !== undefined) record.backoff = backoffOf(spec.backoff)
  if (timeoutMs !== undefined) record.timeoutMs = timeoutMs
  if (delayMs > 0) record.notBefore = deadlineIn(delayMs, hands.now())
  if (spec.onDependencyFailure === 'run') record.onDependencyFailure = 'run'
  if (dependsOn !== undefined) record.dependsOn = checkDependencies(dependsOn, id)
  return assertFits(record, `task ${quote(id)}`, recordBytesMax)
}

function checkDependencies(dependsOn: readonly string[], id: string): readonly string[] {
  if (!Array.isArray(dependsOn)) throw invalid('dependsOn', dependsOn, 'an array of task ids')
  const unique = [...new Set(dependsOn.map((dependency) => assertId(dependency, 'dependsOn id')))]
  if (unique.length > dependenciesMax) throw invalid('dependsOn', unique.length, `at most ${dependenciesMax} ids`)
  if (unique.includes(id)) throw invalid('dependsOn', id, 'other tasks: a task cannot wait for itself')
  return unique
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function invalid(what: string, value: unknown, expected: string): MemorySyncError {
  return new MemorySyncError('invalid_option', `${what} must be ${expected}, got ${quote(value)}`)
}
