/** Records and small machinery for tests of the inspector. */
import type { ChangeRecord, SourceRecord, TraceRecord, TransitionRecord } from '../../src/wire/trace-record.ts'

/** Makes the records of one source, numbered. */
export class Teller {
  readonly source: string
  #seq = 0

  constructor(source = 'a') {
    this.source = source
  }

  about(workerId = `worker-of-${this.source}`): SourceRecord {
    return {
      ...this.#base(),
      type: 'source',
      kind: 'process',
      workerId,
      incarnation: this.source,
      pid: 1,
      host: 'here',
      namespace: 'task-sentinel',
      store: 'memory:',
    }
  }

  actor(address: string, state = 'pending'): TraceRecord {
    return { ...this.#base(), type: 'actor', address, chartId: 'task', parent: null, state, context: { n: 0 }, restarts: 0 }
  }

  taken(address: string, to: string, more: Partial<TransitionRecord> = {}): TransitionRecord {
    return {
      ...this.#base(),
      type: 'transition',
      address,
      event: { type: `to.${to}` },
      sender: null,
      from: 'before',
      to,
      edges: [],
      actions: [],
      writes: [],
      status: 'active',
      mailbox: 0,
      durationMs: 0,
      ...more,
    }
  }

  ended(address: string): TraceRecord {
    return { ...this.#base(), type: 'actor.ended', address, how: 'done' }
  }

  lost(reason = 'gone'): TraceRecord {
    return { ...this.#base(), type: 'source.lost', reason }
  }

  change(key: string, value: string | null, revision = 1): ChangeRecord {
    const entry = { value, version: {}, timestamp: 1, workerId: 'w' }
    const tombstone = { ...entry, x: { v: 1, d: ['w', 1, 'i'], t: 1 } } as const
    return { ...this.#base(), type: 'change', key, revision, entry: value === null ? tombstone : entry }
  }

  #base() {
    return { source: this.source, seq: ++this.#seq, atMs: 1000 + this.#seq }
  }
}

/** What is readable of records in a test's expectations. */
export function brief(record: TraceRecord): string {
  switch (record.type) {
    case 'actor':
      return `${record.address} is ${JSON.stringify(record.state)}`
    case 'transition':
      return `${record.address} to ${JSON.stringify(record.to)}`
    case 'actor.ended':
      return `${record.address} ended`
    case 'change':
      return `${record.key} = ${JSON.stringify(record.entry.value)}`
    case 'gap':
      return `gap ${record.lost} ${record.reason}`
    default:
      return record.type
  }
}
