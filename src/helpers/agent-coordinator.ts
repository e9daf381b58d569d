/**
 * Tells agents of a common task and waits until all have done their part. Owns the protocol of their coordination documents:
 * we write `ready`, each agent ends its own with `completed` or `failed`. Knows no store; polls nothing.
 *
 * - A1 the documents are written first, then subscribed to, then read once: what an earlier round left behind is never taken
 *   for an answer, and no answer falls between the reading and the subscription
 * - A2 an agent's first document that is `completed` is its last word; that it changes, is deleted or expires while others
 *   still work takes nothing back
 * - A3 whatever happens, neither subscription, timer nor listener is left
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId } from '../domain/key.ts'
import { systemClock } from '../platform.ts'
import type { Clock } from '../ports/clock.ts'
import { type AgentDocument, Answers } from './agent-answers.ts'
import { eachBounded } from './bounded-each.ts'
import { type ShutdownHost, watchShutdown } from './shutdown-watch.ts'

/** What it needs of a manager. */
export interface AgentHost extends ShutdownHost {
  readonly namespace: string
  syncAgentCoordination(taskId: string, agentId: string, data: AgentAssignment): Promise<void>
  getAgentCoordination(taskId: string, agentId: string): Promise<unknown>
  subscribe(pattern: string, callbacks: { onChange(key: string, value: unknown): void }): string
  unsubscribe(subscriptionId: string): void
}

/** What an agent finds in its document when it is told of a task. */
export type AgentAssignment = {
  readonly role: string
  readonly context: Readonly<Record<string, unknown>>
  readonly status: 'ready'
}

export interface CoordinationOptions {
  /** Members that join `{ taskId, agents, sharedState: {}, startedAt }`, or replace them. JSON. */
  readonly context?: Readonly<Record<string, unknown>>
  /** Ends the waiting. The agents are not told. */
  readonly signal?: AbortSignal
  /** Milliseconds from the call, more than 0. Default: it waits as long as it takes. */
  readonly timeoutMs?: number
  /** The role of each agent. Default: `getAgentRole`. */
  readonly roleOf?: (agentId: string) => string
}

/** Agents of one call; more are refused. */
export const coordinatedAgentsMax = 1000
/** Documents that are written or read at the same time. */
const agentCallsAtOnceMax = 64

/**
 * @example
 * class Coordinator extends AgentCoordinator {
 *   protected override getAgentRole(agentId: string) {
 *     return agentId.startsWith('review') ? 'reviewer' : 'coder'
 *   }
 * }
 * const results = await new Coordinator(manager).coordinateAgents('task-1', ['coder-1', 'review-1'], { timeoutMs: 60_000 })
 * console.log(results['review-1'])
 */
export class AgentCoordinator {
  readonly #host: AgentHost
  readonly #clock: Clock

  /** @param options.clock what `startedAt` and `timeoutMs` are measured by. Default: the system's. */
  constructor(manager: AgentHost, { clock = systemClock }: { readonly clock?: Clock } = {}) {
    this.#host = manager
    this.#clock = clock
  }

  /** What an agent is to be in the task. Made to be overridden. Default: `'agent'`. */
  protected getAgentRole(_agentId: string): string {
    return 'agent'
  }

  /**
   * Writes `{ role, context, status: 'ready' }` for each agent, over whatever it had said for this task before, and waits until
   * each has written a document with the status `completed`. When it rejects, the documents stay as they are, and the other
   * agents go on with what they do.
   *
   * @returns the agents' last documents, by agent.
   * @throws `task_failed` as soon as one agent writes the status `failed`, its `key` that document's and its `cause` the
   * document's `error`; `aborted` when the signal aborts or `timeoutMs` are over; `closed` when the manager shuts down;
   * `invalid_option`, `invalid_key`; and whatever the manager rejects with while the documents are written and first read.
   */
  async coordinateAgents(
    taskId: string,
    agents: readonly string[],
    options: CoordinationOptions = {},
  ): Promise<Record<string, AgentDocument>> {
    assertId(taskId, 'task id')
    assertAgents(agents)
    const { context, signal, timeoutMs, roleOf = (agentId: string) => this.getAgentRole(agentId) } = options
    if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
      throw new MemorySyncError('invalid_option', `timeoutMs must be milliseconds of more than 0, got ${quote(timeoutMs)}`)
    }
    const shared = { taskId, agents: [...agents], sharedState: {}, startedAt: this.#clock.wallMs(), ...context }
    // Before anything is written: a role that cannot be told must not leave half of the agents ready.
    const roleByAgent = new Map(agents.map((agentId) => [agentId, roleOf(agentId)]))

    const host = this.#host
    const answers = new Answers(taskId, agents, `${host.namespace}/tasks/${taskId}/agents/`)
    const stopListening = this.#endEarly(answers, signal, timeoutMs)
    let subscriptionId: string | null = null
    try {
      const told = eachBounded(roleByAgent, agentCallsAtOnceMax, async ([agentId, role]) => {
        if (!answers.areOver) await host.syncAgentCoordination(taskId, agentId, { role, context: shared, status: 'ready' })
      })
      await Promise.race([told, answers.all])
      subscriptionId = host.subscribe(`${answers.prefix}*`, { onChange: (key, value) => answers.take(key, value) })
      eachBounded(roleByAgent.keys(), agentCallsAtOnceMax, async (agentId) => {
        if (!answers.areOver) answers.take(answers.prefix + agentId, await host.getAgentCoordination(taskId, agentId))
      }).catch((error) => answers.fail(error))
      return await answers.all
    } finally {
      stopListening()
      if (subscriptionId !== null) host.unsubscribe(subscriptionId)
    }
  }

  /** Fails the answers on the caller's signal, timeout or the host's shutdown. @returns what takes all of that back. */
  #endEarly(answers: Answers, signal: AbortSignal | undefined, timeoutMs: number | undefined): () => void {
    const end = (code: 'aborted' | 'closed', why: string, cause?: unknown): void =>
      answers.fail(new MemorySyncError(code, `${why}; ${answers.describeMissing()}`, { cause }))
    const onAbort = (): void => end('aborted', 'waiting for agents was aborted by its signal', signal?.reason)
    const onShutdown = (): void => end('closed', 'the manager was shut down while agents were awaited')
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    // After it no change would reach the subscription any more, and nobody would ever say so.
    const stopWatching = watchShutdown(this.#host, onShutdown)
    const timer =
      timeoutMs === undefined
        ? null
        : this.#clock.setTimer(timeoutMs, function endWaitForAgents() {
            end('aborted', `${timeoutMs} ms are over`)
          })
    return () => {
      signal?.removeEventListener('abort', onAbort)
      stopWatching()
      timer?.cancel()
    }
  }
}

function assertAgents(agents: readonly string[]): void {
  if (!Array.isArray(agents) || agents.length === 0) {
    throw new MemorySyncError('invalid_option', `agents must be an array of at least one agent id, got ${quote(agents)}`)
  }
  if (agents.length > coordinatedAgentsMax) {
    const message = `${agents.length} agents are more than ${coordinatedAgentsMax}: split them over several tasks`
    throw new MemorySyncError('invalid_option', message)
  }
  const seen = new Set<string>()
  for (const agentId of agents) {
    assertId(agentId, 'agent id')
    if (seen.has(agentId)) throw new MemorySyncError('invalid_option', `agent ${quote(agentId)} is named twice: name each once`)
    seen.add(agentId)
  }
}
