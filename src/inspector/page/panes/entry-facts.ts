/** What an entry says beside its value, in data: whether it still counts, how long, who wrote it and under which guard. Pure. */
import { type Entry, isExpired, isTombstone } from '../../../domain/entry.ts'
import type { Json } from '../../../domain/json.ts'
import type { CutValue } from '../../../wire/trace-record.ts'

export interface EntryFacts {
  readonly life: 'live' | 'deleted' | 'expired'
  /** Milliseconds; null: it never expires. Not above {@link ttlMs}. */
  readonly ttlLeftMs: number | null
  readonly ttlMs: number | null
  readonly guard: { readonly scope: string; readonly epoch: number } | null
  /** Life of the writing process; null: another program wrote it. */
  readonly incarnation: string | null
}

export function entryFacts(entry: Entry<Json | CutValue>, nowMs: number): EntryFacts {
  const { ttl = 0, timestamp, x } = entry
  const ttlMs = ttl > 0 ? ttl * 1000 : null
  return {
    life: lifeOf(entry, nowMs),
    ttlMs,
    ttlLeftMs: ttlMs === null ? null : Math.min(ttlMs, Math.max(0, timestamp + ttlMs - nowMs)),
    guard: x?.e === undefined ? null : { scope: x.e[0], epoch: x.e[1] },
    incarnation: x?.d[2] ?? null,
  }
}

export function lifeOf(entry: Entry<Json | CutValue>, nowMs: number): EntryFacts['life'] {
  // Neither looks at the value.
  const plain = entry as Entry
  if (isTombstone(plain)) return 'deleted'
  return isExpired(plain, nowMs) ? 'expired' : 'live'
}
