/**
 * What the page may do, when it may: each action checked, done through the runtime's own rules, and told to the logger. Knows no
 * request.
 *
 * - A1 an action that is not allowed, or is none, touches nothing
 * - A2 every action that was allowed is one line of the log, with what came of it and never a value
 */
import { z } from 'zod'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { isEnded } from '../domain/task-record.ts'
import type { Logger } from '../ports/logger.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { InspectorAction } from '../wire/inspector-api.ts'

const id = z.string().min(1).max(512)
// The rest of it is JSON already, and not too deep: the body was.
const event = z.object({ type: z.string().min(1).max(200) }).catchall(z.custom<Json>())

const schema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('actor.send'), source: id, address: z.string().min(1).max(1024), event }),
  z.strictObject({ type: z.literal('task.cancel'), task: id, reason: z.string().max(2000) }),
  z.strictObject({ type: z.literal('task.replay'), task: id }),
  z.strictObject({ type: z.literal('task.retry'), task: id }),
  z.strictObject({ type: z.literal('worker.drain'), source: id, worker: id }),
  z.strictObject({ type: z.literal('lock.release'), key: id }),
])

export interface ActionsParts {
  readonly runtime: Runtime
  readonly logger: Logger
  /** To an actor of any process that is heard. */
  send(source: string, address: string, event: PostEvent): Promise<void>
}

/** @returns what was done, for people. @throws `invalid_option` for what is no action, and what the runtime throws */
export async function act(parts: ActionsParts, given: unknown): Promise<string> {
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new MemorySyncError('invalid_option', `${quote(given)} is no action: ${issue?.path.join('.')} ${issue?.message}`)
  }
  const action: InspectorAction = parsed.data
  const fields = { action: action.type, ...subjectOf(action) }
  try {
    const message = await perform(parts, action)
    parts.logger.info('inspector: action', { ...fields, outcome: 'ok' })
    return message
  } catch (thrown) {
    const error = MemorySyncError.from(thrown, 'aborted')
    parts.logger.info('inspector: action', { ...fields, outcome: error.code })
    throw error
  }
}

/** What the log may say: who and where, no payload. */
function subjectOf(action: InspectorAction): Readonly<Record<string, string>> {
  switch (action.type) {
    case 'actor.send':
      return { source: action.source, address: action.address, event: action.event.type }
    case 'worker.drain':
      return { source: action.source, worker: action.worker }
    case 'lock.release':
      return { key: action.key }
    default:
      return { task: action.task }
  }
}

async function perform(parts: ActionsParts, action: InspectorAction): Promise<string> {
  const { runtime, send } = parts
  switch (action.type) {
    case 'actor.send':
      await send(action.source, action.address, action.event)
      return `${action.event.type} was sent to ${action.address}`
    case 'task.cancel':
      return cancel(runtime, action.task, action.reason)
    case 'task.replay':
      await runtime.queue.replay(action.task)
      return `task ${action.task} is pending again`
    case 'task.retry':
      await runtime.queue.retryNow(action.task)
      return `task ${action.task} may be claimed now`
    case 'worker.drain':
      await send(action.source, `worker/${action.worker}`, { type: 'worker.drain' })
      return `worker ${action.worker} takes no more tasks and goes when its own have ended`
    case 'lock.release':
      return release(runtime, action.key)
  }
}

async function cancel(runtime: Runtime, task: string, reason: string): Promise<string> {
  const handle = runtime.task(task)
  const before = await handle.record()
  if (before !== null && isEnded(before)) {
    throw new MemorySyncError('conflict', `task ${quote(task)} is ${before.status} already`, { retryable: false })
  }
  await handle.send({ type: 'task.cancel', reason })
  return (await handle.record())?.status === 'cancelled'
    ? `task ${task} is cancelled`
    : `task ${task} is to be cancelled: its worker has been asked`
}

async function release({ inside: { keys, locks } }: Runtime, key: string): Promise<string> {
  if (!keys.isLock(key)) throw new MemorySyncError('invalid_key', `${quote(key)} is no key of a lock`)
  const epoch = await locks.force(key)
  if (epoch === null) throw new MemorySyncError('invalid_key', `the lock ${quote(key)} was never taken`)
  return `${key} is free, its epoch is ${epoch} now`
}
