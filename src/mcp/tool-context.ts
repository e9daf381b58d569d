/**
 * What every tool is given: the shared memory behind the server, and the client that calls. Owns no behaviour: the session is
 * `session.ts`, the server `memory-server.ts`.
 */
import type { Keys } from '../domain/key.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** One connected client. */
export interface Client {
  /** Names the connection, for logs: not the client's to choose. */
  readonly id: string
  /** How it called itself when it connected; an id (`encodeId`). Labels what it writes: `mcp:<name>`. */
  readonly name: string
  /** Aborted when the connection is over. */
  readonly signal: AbortSignal
  /** Runs when the connection is over, in the order of the calls; at once if it is over already. */
  onClose(run: () => unknown): void
}

export interface ToolContext {
  readonly runtime: Runtime
  /** The runtime's store, for tools that speak of stored entries. */
  readonly store: Store
  readonly keys: Keys
  readonly clock: Clock
  readonly client: Client
  readonly limits: Limits
  /** One line for each call that changes something. */
  audit(line: AuditLine): void
  /** What a tool threw that no client may see. */
  fault?(tool: string, thrown: unknown): void
}

export interface AuditLine {
  readonly client: string
  readonly tool: string
  /** What it was about: a key, a task, a lock. Never a value. */
  readonly subject: string
  /** `ok` or the error's code. */
  readonly outcome: string
}

export interface Limits {
  /** Calls of one client that are being worked on; more are refused with `backpressure`. Default 128. */
  readonly callsInFlightMax: number
  /** Resources that one client may be subscribed to. Default 1,000. */
  readonly subscriptionsMax: number
  /** Claims and locks that one client may hold at once. Default 100. */
  readonly holdingsMax: number
}

export const limitsDefault: Limits = Object.freeze({ callsInFlightMax: 128, subscriptionsMax: 1000, holdingsMax: 100 })
