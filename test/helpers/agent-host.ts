/** A manager as far as agents go: documents, and subscriptions that hear of what is committed after they began, a turn later. */
import { EventEmitter } from 'node:events'
import { parsePattern } from '../../src/domain/pattern.ts'
import type { AgentHost } from '../../src/helpers/agent-coordinator.ts'

type Callbacks = Parameters<AgentHost['subscribe']>[1]

export class FakeAgentHost extends EventEmitter<{ shutdown: [] }> implements AgentHost {
  readonly namespace: string
  readonly documents = new Map<string, unknown>()
  readonly #subscriptions = new Map<string, { matches(key: string): boolean; callbacks: Callbacks }>()
  #count = 0
  /** Called before a document is read, after the others' changes were committed. */
  beforeRead: (agentId: string) => void = () => {}
  afterWrite: (agentId: string) => Promise<void> | void = () => {}

  constructor(namespace = 'task-sentinel') {
    super()
    this.namespace = namespace
  }

  /** How many there have ever been. */
  get subscribed(): number {
    return this.#count
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  /** What an agent in another process does. */
  commit(taskId: string, agentId: string, value: unknown): void {
    const key = `${this.namespace}/tasks/${taskId}/agents/${agentId}`
    this.documents.set(key, value)
    const heard = [...this.#subscriptions].filter(([, { matches }]) => matches(key))
    queueMicrotask(() => {
      for (const [id, { callbacks }] of heard) if (this.#subscriptions.has(id)) callbacks.onChange(key, value)
    })
  }

  async syncAgentCoordination(taskId: string, agentId: string, data: object): Promise<void> {
    this.commit(taskId, agentId, { ...data, timestamp: 0 })
    await this.afterWrite(agentId)
  }

  async getAgentCoordination<T>(taskId: string, agentId: string): Promise<T | null> {
    const value = this.documents.get(`${this.namespace}/tasks/${taskId}/agents/${agentId}`) ?? null
    this.beforeRead(agentId)
    return value as T | null
  }

  subscribe(pattern: string, callbacks: Callbacks): string {
    const id = `subscription-${this.#count++}`
    const { matches } = parsePattern(pattern)
    this.#subscriptions.set(id, { matches, callbacks })
    return id
  }

  unsubscribe(id: string): void {
    this.#subscriptions.delete(id)
  }
}
