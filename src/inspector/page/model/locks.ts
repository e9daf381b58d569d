/** Locks, by their records and by the actors that want them. A lock's lease is estimated here; who may take it over is decided elsewhere. */
import { isLive } from '../../../domain/entry.ts'
import { defaultNamespace, keysOf } from '../../../domain/key.ts'
import { isLockRecord, type LockRecord } from '../../../domain/lock-record.ts'
import { leaseEndMs } from './lease-end.ts'
import { onceFor } from './memo.ts'
import { compareNames } from './name-order.ts'
import type { ActorId, ActorView, EntryView, SessionState } from './session-state.ts'

export interface LockRow {
  readonly key: string
  /** As in `runtime.lock(name)`, or the id of the task that it guards. */
  readonly name: string
  readonly kind: 'named' | 'task'
  /** `over`: there is a holder whose lease has ended. `unknown`: nothing readable lies there. */
  readonly status: 'free' | 'held' | 'over' | 'unknown'
  readonly holder: string | null
  readonly incarnation: string | null
  readonly epoch: number | null
  /** Of the holder. */
  readonly leaseMs: number | null
  /** By the wall clock: an estimate; null: there is no holder. */
  readonly leaseLeftMs: number | null
  /** Live actors that wait for it, longest first. */
  readonly waiters: readonly ActorView[]
  /** The actor that holds it, if its process is told. */
  readonly holderActor: ActorId | null
  /** null: its record is not known. */
  readonly revision: number | null
  readonly position: number | null
}

/** Every lock that has a record or somebody who waits for it, by key. */
export function locksOf(state: SessionState, nowMs: number): readonly LockRow[] {
  return rowsOf(state, nowMs)
}

interface Wanted {
  view: EntryView | null
  readonly waiters: ActorView[]
  readonly actorByNonce: Map<string, ActorId>
}

const rowsOf = onceFor((state: SessionState, nowMs: number): readonly LockRow[] => {
  const namespace = state.namespace || defaultNamespace
  const keys = keysOf(namespace)
  const wantedByKey = new Map<string, Wanted>()
  const wanted = (key: string): Wanted => {
    let known = wantedByKey.get(key)
    if (known === undefined) {
      known = { view: null, waiters: [], actorByNonce: new Map() }
      wantedByKey.set(key, known)
    }
    return known
  }
  for (const view of state.entries.values()) {
    if (keys.isLock(view.key) && isLive(view.current.entry, nowMs)) wanted(view.key).view = view
  }
  for (const actor of state.actors.values()) {
    if (actor.kind !== 'lock' || actor.status !== 'active') continue
    // `lock/<key>/<nonce>`
    const end = actor.address.lastIndexOf('/')
    const key = actor.address.slice('lock/'.length, end)
    if (!keys.isLock(key)) continue
    if (actor.state === 'waiting') wanted(key).waiters.push(actor)
    else if (wantedByKey.has(key)) wanted(key).actorByNonce.set(actor.address.slice(end + 1), actor.id)
  }
  const rows = [...wantedByKey].map(([key, of]) => rowOf(key, of, namespace, nowMs))
  return rows.sort((a, b) => compareNames(a.key, b.key))
})

function rowOf(key: string, { view, waiters, actorByNonce }: Wanted, namespace: string, nowMs: number): LockRow {
  const value = view?.current.entry.value
  const record = isLockRecord(value) ? value : null
  const locks = `${namespace}/locks/`
  const isNamed = key.startsWith(locks)
  const hold = view === null || record === null ? null : holdOf(view, record, nowMs)
  return {
    key,
    name: isNamed ? key.slice(locks.length) : key.slice(`${namespace}/tasks/`.length, -'/lock'.length),
    kind: isNamed ? 'named' : 'task',
    status: record === null ? 'unknown' : hold === null ? 'free' : hold.leaseLeftMs > 0 ? 'held' : 'over',
    holder: record?.owner ?? null,
    incarnation: record?.incarnation ?? null,
    epoch: record?.epoch ?? null,
    leaseMs: hold?.leaseMs ?? null,
    leaseLeftMs: hold?.leaseLeftMs ?? null,
    waiters: waiters.sort((a, b) => a.sinceMs - b.sinceMs || compareNames(a.id, b.id)),
    holderActor: record?.owner == null || record.nonce === null ? null : (actorByNonce.get(record.nonce) ?? null),
    revision: view?.current.revision ?? null,
    position: view?.current.position ?? null,
  }
}

function holdOf(view: EntryView, record: LockRecord, nowMs: number): { leaseMs: number; leaseLeftMs: number } | null {
  if (record.owner === null || record.lease === null) return null
  const { leaseMs } = record.lease
  const endMs = leaseEndMs(view, record.lease, (value) => (isLockRecord(value) && value.owner !== null ? value.lease : null))
  return { leaseMs, leaseLeftMs: Math.max(0, endMs - nowMs) }
}
