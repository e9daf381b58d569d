/**
 * What the agents of one common task have said so far, each its last word. Owns the waiting for all of them; knows neither how
 * their documents arrive nor who asks.
 */
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'

/** What an agent's document is in the end: `status: 'completed'` and whatever else the agent wrote. */
export type AgentDocument = { readonly status: string } & Readonly<Record<string, unknown>>

/** The last words of all agents of one call. */
export class Answers {
  /** Settles once: with all documents, or as {@link fail} says. */
  readonly all: Promise<Record<string, AgentDocument>>
  /** What all of the agents' keys begin with. */
  readonly prefix: string
  areOver = false
  readonly #taskId: string
  readonly #agents: readonly string[]
  readonly #documents = new Map<string, AgentDocument | null>()
  #missing: number
  #resolve: (documents: Record<string, AgentDocument>) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(taskId: string, agents: readonly string[], prefix: string) {
    this.prefix = prefix
    this.#taskId = taskId
    this.#agents = [...agents]
    this.#missing = agents.length
    for (const agentId of agents) this.#documents.set(agentId, null)
    this.all = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // It may fail while the documents are being written, and be awaited only after that.
    this.all.catch(() => {})
  }

  /** Anything but a last word, and what lies at another key, is passed over. */
  take(key: string, value: unknown): void {
    const agentId = key.startsWith(this.prefix) ? key.slice(this.prefix.length) : ''
    if (this.areOver || this.#documents.get(agentId) !== null || !isDocument(value)) return
    if (value.status === 'failed') {
      const { error } = value
      const why = error === undefined ? 'it gave no error' : messageOf(error)
      this.fail(
        new MemorySyncError('task_failed', `agent ${quote(agentId)} of task ${quote(this.#taskId)} failed: ${why}`, {
          key,
          cause: error,
        }),
      )
    } else if (value.status === 'completed') {
      this.#documents.set(agentId, value)
      if (--this.#missing > 0) return
      this.areOver = true
      this.#resolve(Object.fromEntries(this.#documents) as Record<string, AgentDocument>)
    }
  }

  fail(error: unknown): void {
    this.areOver = true
    this.#reject(error)
  }

  describeMissing(): string {
    const shownMax = 5
    const missing = this.#agents.filter((agentId) => this.#documents.get(agentId) === null)
    const more = missing.length > shownMax ? ` and ${missing.length - shownMax} more` : ''
    const names = missing.slice(0, shownMax).map(quote).join(', ')
    return `of the ${this.#agents.length} agents of task ${quote(this.#taskId)}, ${missing.length} had not completed: ${names}${more}`
  }
}

function isDocument(value: unknown): value is AgentDocument {
  return typeof value === 'object' && value !== null && 'status' in value
}
