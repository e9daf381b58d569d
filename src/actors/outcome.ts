/** What became of a unit, as the journal answers whoever submitted it: a receipt with what the writer needs to go on. */
import type { Entry } from '../domain/entry.ts'
import type { MemorySyncError } from '../domain/errors.ts'
import type { Version } from '../domain/version-vector.ts'
import type { Intent } from '../domain/write.ts'
import type { Durability, Stored } from '../ports/store.ts'

export type WriteOutcome =
  /** Revision and version are those of the unit's first write. */
  | { readonly type: 'committed'; readonly revision: number; readonly version: Version; readonly durability: Durability }
  | {
      readonly type: 'conflict'
      readonly key: string
      readonly stored: Stored | null
      /** What the unit's first write would have stored. */
      readonly own: Entry | null
      /** A reply was lost, and what is stored has seen this very write: it took effect, most likely, and was overwritten. */
      readonly isOverwritten: boolean
    }
  | { readonly type: 'stale-epoch'; readonly scope: string; readonly stored: Stored | null }
  | { readonly type: 'failed'; readonly error: MemorySyncError }

export interface RememberOptions {
  /** Not behind the batch, and through an open breaker: heartbeats, renewals, releases. */
  readonly urgent?: boolean
}

/** How an actor's writes leave it: stamped, buffered, committed, answered exactly once. */
export type Remember = (intents: readonly Intent[], answer: (outcome: WriteOutcome) => void, options?: RememberOptions) => void
