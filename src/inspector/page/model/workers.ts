/** Workers, by what they wrote about themselves, by the tasks that they own, and by their actors where those are told. Trusts no document. */
import { isLive } from '../../../domain/entry.ts'
import { defaultNamespace } from '../../../domain/key.ts'
import { actorsAt } from './actor-tree.ts'
import { onceFor, onceForKeys } from './memo.ts'
import { compareNames } from './name-order.ts'
import type { ActorId, EntryView, SessionState, SourceView } from './session-state.ts'
import { tasksOf } from './tasks.ts'

export interface WorkerRow {
  readonly id: string
  /**
   * `active`, `draining`, `offline`, or what somebody else wrote; {@link goneState} when it wrote that it works and cannot be heard any
   * more; null: it has no status.
   */
  readonly state: string | null
  /** Its heartbeat is there and has not expired. */
  readonly isAlive: boolean
  /** Since its newest heartbeat, by its own clock; null: there is none. */
  readonly heartbeatAgeMs: number | null
  /** Since its status was written; null: there is none. */
  readonly statusAgeMs: number | null
  /** Tasks at once; null: it did not say. */
  readonly capacity: number | null
  /** Tasks that it owns now, by their records. */
  readonly running: number
  /** Share of its capacity that is taken, 0 to 1; null without a capacity. */
  readonly load: number | null
  /** Task types that it takes; null: any. */
  readonly types: readonly string[] | null
  readonly incarnation: string | null
  readonly startedMs: number | null
  /** Where its actor lives, if that is told and can be reached. */
  readonly source: string | null
  readonly actorId: ActorId | null
  /** The process of its life, as far as it was ever told of, be it lost by now. */
  readonly process: SourceView | null
}

export const goneState = 'gone'
/** Who wrote one of these of itself, and has no heartbeat or no process any more, did not leave by itself. */
const workingStates: ReadonlySet<unknown> = new Set(['active', 'draining'])

/** Every worker that has a status, a heartbeat or a live actor, by id. */
export function workersOf(state: SessionState, nowMs: number): readonly WorkerRow[] {
  return rowsOf(state, nowMs)
}

interface Documents {
  status?: EntryView
  heartbeat?: EntryView
}

interface DocumentKey {
  readonly key: string
  readonly id: string
  readonly name: keyof Documents
}

const documentKeysOf = onceForKeys((entries, namespace: string): readonly DocumentKey[] => {
  const prefix = `${namespace}/workers/`
  const found: DocumentKey[] = []
  for (const key of entries.keys()) {
    if (!key.startsWith(prefix)) continue
    const [id = '', name, more] = key.slice(prefix.length).split('/')
    if ((name === 'status' || name === 'heartbeat') && more === undefined) found.push({ key, id, name })
  }
  return found
})

const addressPrefix = 'worker/'

const actorIdsOf = onceForKeys((actors): readonly ActorId[] =>
  [...actors.keys()].filter((id) => id.startsWith(addressPrefix, id.indexOf('|') + 1)),
)

const rowsOf = onceFor((state: SessionState, nowMs: number): readonly WorkerRow[] => {
  const documentsById = new Map<string, Documents>()
  for (const { key, id, name } of documentKeysOf(state.entries, state.namespace || defaultNamespace)) {
    const view = state.entries.get(key)
    if (view !== undefined && isLive(view.current.entry, nowMs)) {
      documentsById.set(id, { ...documentsById.get(id), [name]: view })
    }
  }
  for (const actorId of actorIdsOf(state.actors)) {
    const actor = state.actors.get(actorId)
    const id = actor?.address.slice(addressPrefix.length) ?? ''
    if (actor?.status === 'active' && id !== '' && !documentsById.has(id)) documentsById.set(id, {})
  }
  const runningById = new Map<string, number>()
  for (const { owner } of tasksOf(state, nowMs).processing) {
    if (owner !== null) runningById.set(owner, (runningById.get(owner) ?? 0) + 1)
  }
  const rows = [...documentsById].map(([id, documents]) => rowOf(id, documents, runningById.get(id) ?? 0, state, nowMs))
  return rows.sort((a, b) => compareNames(a.id, b.id))
})

function rowOf(id: string, { status, heartbeat }: Documents, running: number, state: SessionState, nowMs: number): WorkerRow {
  const said = membersOf(status)
  const capacity = numberOf(said.capacity)
  const actor = actorsAt(state, `worker/${id}`).find((each) => each.status === 'active')
  const incarnation = typeof said.incarnation === 'string' ? said.incarnation : null
  const process = state.sources.get(actor?.source ?? incarnation ?? '') ?? null
  const isGone = workingStates.has(said.state) && (heartbeat === undefined || process?.isLost === true)
  const ageMs = (view: EntryView | undefined) => (view === undefined ? null : Math.max(0, nowMs - view.current.entry.timestamp))
  return {
    id,
    state: isGone ? goneState : typeof said.state === 'string' ? said.state : null,
    isAlive: heartbeat !== undefined,
    heartbeatAgeMs: ageMs(heartbeat),
    statusAgeMs: ageMs(status),
    capacity,
    running,
    load: capacity === null || capacity <= 0 ? null : Math.min(1, running / capacity),
    types: Array.isArray(said.types) ? said.types.filter((type) => typeof type === 'string') : null,
    incarnation,
    startedMs: numberOf(said.startedAt),
    source: actor?.source ?? null,
    actorId: actor?.id ?? null,
    process,
  }
}

function membersOf(view: EntryView | undefined): { readonly [member: string]: unknown } {
  const value = view?.current.entry.value
  return typeof value === 'object' && value !== null ? (value as { readonly [member: string]: unknown }) : {}
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
