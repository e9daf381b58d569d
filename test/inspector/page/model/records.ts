/** Records as tests write them: what matters is said, the rest is filled in. And states as plain values, to be compared. */
import type { Entry } from '../../../../src/domain/entry.ts'
import type { Json } from '../../../../src/domain/json.ts'
import { type FoldedState, Folder } from '../../../../src/inspector/page/model/fold.ts'
import type { SessionState } from '../../../../src/inspector/page/model/session-state.ts'
import type {
  ActorEndedRecord,
  ActorRecord,
  ChangeRecord,
  GapRecord,
  MetricsRecord,
  SourceRecord,
  TraceRecord,
  TransitionRecord,
} from '../../../../src/wire/trace-record.ts'

const base = { source: 'p', seq: 1, atMs: 1000 }

export function source(given: Partial<SourceRecord> = {}): SourceRecord {
  const about = {
    kind: 'process',
    workerId: 'a',
    incarnation: 'i',
    pid: 1,
    host: 'h',
    namespace: 'ns',
    store: 'memory:',
  } as const
  return { type: 'source', ...base, ...about, ...given }
}

export function memory(given: Partial<SourceRecord> = {}): SourceRecord {
  return source({ kind: 'memory', source: 'm', pid: null, host: null, ...given })
}

export function actor(address: string, given: Partial<ActorRecord> = {}): ActorRecord {
  return { type: 'actor', ...base, address, chartId: null, parent: null, state: 'idle', context: {}, restarts: 0, ...given }
}

export function transition(address: string, given: Partial<TransitionRecord> = {}): TransitionRecord {
  return {
    type: 'transition',
    ...base,
    address,
    event: { type: 'go' },
    sender: null,
    from: 'idle',
    to: 'busy',
    edges: [],
    actions: [],
    writes: [],
    status: 'active',
    mailbox: 0,
    durationMs: 0.1,
    ...given,
  }
}

export function ended(address: string, given: Partial<ActorEndedRecord> = {}): ActorEndedRecord {
  return { type: 'actor.ended', ...base, address, how: 'done', ...given }
}

export function entry(value: Json, given: Partial<Entry> = {}): Entry {
  return { value, version: { a: 1 }, timestamp: 1000, workerId: 'a', ...given }
}

export function change(key: string, revision: number, value: Json, given: Partial<ChangeRecord> = {}): ChangeRecord {
  return { type: 'change', ...base, source: 'm', key, revision, entry: entry(value), ...given }
}

export function gap(given: Partial<GapRecord> = {}): GapRecord {
  return { type: 'gap', ...base, lost: 1, reason: 'slow-watcher', ...given }
}

export function metrics(given: Partial<MetricsRecord> = {}): MetricsRecord {
  return {
    type: 'metrics',
    ...base,
    actors: 0,
    transitions: 0,
    committedUnits: 0,
    committedBatches: 0,
    pendingWrites: 0,
    commitP50Ms: null,
    commitMaxMs: null,
    cacheHits: 0,
    cacheMisses: 0,
    conflicts: 0,
    problems: 0,
    deadLetters: 0,
    breaker: 'closed',
    ready: 0,
    running: 0,
    heapBytes: 0,
    ...given,
  }
}

export function folded(...records: readonly TraceRecord[]): FoldedState {
  const folder = new Folder()
  for (const record of records) folder.fold(record)
  return folder.state
}

type Plain = { readonly [member: string]: unknown }

/** Every member of the state, maps as objects in order of their keys. */
export function plain(state: SessionState): Plain {
  return Object.fromEntries(
    Object.entries(state).map(([member, value]: [string, unknown]) => [member, isMap(value) ? plainMap(value) : value]),
  )
}

function isMap(value: unknown): value is ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null && 'entries' in value && !Array.isArray(value)
}

function plainMap(map: ReadonlyMap<string, unknown>): Plain {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}
