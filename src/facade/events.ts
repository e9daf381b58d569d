/** The manager's events and how they are told: a listener that throws is a problem of its own and hurts no other. */
import { EventEmitter } from 'node:events'
import { type ErrorCode, MemorySyncError, messageOf } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { Version } from '../domain/version-vector.ts'
import type { QueueDocument } from '../runtime/queue-document.ts'

/** A fault that no caller waited for: what alerting listens to. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly key?: string
  readonly cause?: unknown
}

export interface ManagerEvents {
  write: [{ key: string; value: Json; version: Version }]
  delete: [{ key: string }]
  change: [{ subscriptionId: string; key: string; value: Json }]
  /** `entries` and `discarded` are counts. */
  'conflict-resolved': [{ key: string; entries: number; strategy: string; discarded: number }]
  subscribed: [{ subscriptionId: string; pattern: string }]
  unsubscribed: [{ subscriptionId: string }]
  'batch-flushed': [{ count: number }]
  'force-sync': []
  'cache-cleared': []
  shutdown: []
  'task-state-synced': [{ taskId: string; state: unknown }]
  'worker-status-synced': [{ workerId: string; status: unknown }]
  'agent-coordinated': [{ taskId: string; agentId: string; data: unknown }]
  'queue-synced': [QueueDocument]
  'lock-lost': [{ taskId: string; epoch: number | null }]
  problem: [Problem]
}

export class Announcer extends EventEmitter<ManagerEvents> {
  #problems = 0

  /** Problems so far. */
  protected get problemCount(): number {
    return this.#problems
  }

  protected tell<Name extends keyof ManagerEvents>(name: Name, ...news: ManagerEvents[Name]): void {
    for (const listener of this.rawListeners(name)) {
      try {
        Reflect.apply(listener, this, news)
      } catch (thrown) {
        // A listener of problems that throws would be told of that, for ever.
        if (name === 'problem') continue
        this.problem(new MemorySyncError('aborted', `a listener of "${name}" threw: ${messageOf(thrown)}`, { cause: thrown }))
      }
    }
  }

  protected problem(error: MemorySyncError): void {
    this.#problems++
    const { code, message, retryable, key, cause } = error
    this.tell('problem', { code, message, retryable, ...(key === undefined ? {} : { key }), cause })
  }
}
