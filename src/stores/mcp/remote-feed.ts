/**
 * What a watch reads from our server, as an interface between the watch and the store that calls the tools. Places are revisions
 * that remember by which session they came.
 *
 * A server whose memory does not outlive its process counts revisions anew when it is started again: there a place is good only in
 * the session that it was got in, and everything else is told as a reset.
 */
import type { Stored } from '../../ports/store.ts'

export interface Place {
  readonly revision: number
  /** Counted from 1, as the connection counts them. */
  readonly session: number
}

export interface SnapshotPage {
  readonly entries: readonly Stored[]
  /** Where the next page starts; null after the last one. */
  readonly next: string | null
  /** The head before the page was read. */
  readonly place: Place
}

export interface ChangesPage {
  /** In revision order; empty: there were none up to `place`, which was the head. */
  readonly changes: readonly Stored[]
  /** Go on from here. */
  readonly place: Place
}

export interface RemoteFeed {
  head(): Promise<Place>
  page(pattern: string, after: string | null): Promise<SnapshotPage>
  /** What was written behind `place`. Waits up to `waitMs` for a first change. `reset`: that cannot be told any more. */
  changes(pattern: string, place: Place, waitMs: number): Promise<ChangesPage | 'reset'>
  /** Whether what was read by one session may not be gone on with by another. */
  isOtherLife(one: Place, other: Place): boolean
}
