/**
 * Long polls for changes, shared: watches of one pattern that have all read to the head wait by one call together. Owns how many
 * there are; what a watch has missed it reads by itself.
 *
 * - P1 a poll runs only while somebody waits: nothing is fetched ahead of the consumers
 * - P2 at most {@link pollsMax} patterns are polled each by itself; watches of further ones wait together for any change
 * - P3 no poll is cancelled when its watch ends: it serves the next one, and is over after {@link changesWaitMsMax} at the latest
 */
import type { Pattern } from '../../domain/pattern.ts'
import type { Stored } from '../../ports/store.ts'
import { changesWaitMsMax } from '../../wire/mcp-memory.ts'
import type { Place, RemoteFeed } from './remote-feed.ts'

export const pollsMax = 16
const everything = '**'

export type Waking =
  | { readonly type: 'changes'; readonly changes: readonly Stored[] }
  /** Others have read on meanwhile: read what is behind your place yourself. */
  | { readonly type: 'look' }

/** One watch that has read to the head. Its place moves on while it waits. */
export interface PollWaiter {
  readonly pattern: Pattern
  place: Place
  wake(waking: Waking): void
  fail(error: unknown): void
}

interface Poll {
  readonly pattern: string
  readonly waiters: Set<PollWaiter>
  /** Where the call under way began; null between two. */
  after: Place | null
}

const look: Waking = Object.freeze({ type: 'look' })

export class ChangePolls {
  readonly #feed: RemoteFeed
  readonly #polls = new Map<string, Poll>()

  constructor(feed: RemoteFeed) {
    this.#feed = feed
  }

  /** Wakes or fails the waiter once, unless it leaves before. */
  join(waiter: PollWaiter): void {
    const poll = this.#pollFor(waiter.pattern.text)
    const { after } = poll
    if (after !== null && (waiter.place.revision < after.revision || this.#feed.isOtherLife(waiter.place, after))) {
      waiter.wake(look)
      return
    }
    poll.waiters.add(waiter)
    if (after === null) void this.#run(poll)
  }

  leave(waiter: PollWaiter): void {
    for (const poll of this.#polls.values()) poll.waiters.delete(waiter)
  }

  #pollFor(pattern: string): Poll {
    const wanted = this.#polls.has(pattern) || this.#polls.size < pollsMax ? pattern : everything
    let poll = this.#polls.get(wanted)
    if (poll === undefined) {
      poll = { pattern: wanted, waiters: new Set(), after: null }
      this.#polls.set(wanted, poll)
    }
    return poll
  }

  async #run(poll: Poll): Promise<void> {
    let [first] = poll.waiters
    while (first !== undefined) {
      // Whoever stands furthest behind: all the others are past some of what comes.
      poll.after = first.place
      for (const { place } of poll.waiters) if (place.revision < poll.after.revision) poll.after = place
      try {
        const page = await this.#feed.changes(poll.pattern, poll.after, changesWaitMsMax)
        if (page === 'reset') this.#wakeAll(poll)
        else this.#tell(poll, page.changes, page.place)
      } catch (thrown) {
        const waiters = [...poll.waiters]
        poll.waiters.clear()
        for (const waiter of waiters) waiter.fail(thrown)
      }
      poll.after = null
      ;[first] = poll.waiters
    }
    if (this.#polls.get(poll.pattern) === poll) this.#polls.delete(poll.pattern)
  }

  #tell(poll: Poll, changes: readonly Stored[], place: Place): void {
    for (const waiter of [...poll.waiters]) {
      if (this.#feed.isOtherLife(waiter.place, place)) {
        poll.waiters.delete(waiter)
        waiter.wake(look)
        continue
      }
      const own = changes.filter(({ key, revision }) => revision > waiter.place.revision && waiter.pattern.matches(key))
      if (place.revision > waiter.place.revision) waiter.place = place
      if (own.length === 0) continue
      poll.waiters.delete(waiter)
      waiter.wake({ type: 'changes', changes: own })
    }
  }

  #wakeAll(poll: Poll): void {
    const waiters = [...poll.waiters]
    poll.waiters.clear()
    for (const waiter of waiters) waiter.wake(look)
  }
}
