/**
 * Turns a store's ordered stream of committed changes into any number of watches. Shared by the stores that keep a change
 * log. Owns who is live and who matches; each watch's own way is `watch-cursor.ts`. Told of commits by `publish`.
 *
 * - F1 a commit costs a watch nothing unless it matches; a watch of one key is found by a look-up, others once per pattern
 * - F2 `publish` never throws and never runs a consumer's code
 */
import { type Pattern, parsePattern } from '../domain/pattern.ts'
import type { Stored, WatchOptions } from '../ports/store.ts'
import { assertWatchOptions } from './refusals.ts'
import { type FeedSource, WatchCursor, type WatchHost } from './watch-cursor.ts'

/** More pushed changes than this that nobody took are dropped; the watch reads the log instead. */
export const pendingChangesMaxDefault = 4096

export interface FeedOptions {
  readonly pendingChangesMax?: number
}

export class ChangeFeed implements WatchHost {
  readonly source: FeedSource
  readonly pendingChangesMax: number
  /** What was published up to here reached every live watch. */
  #head: number
  readonly #liveByKey = new Map<string, Set<WatchCursor>>()
  readonly #liveByPattern = new Map<string, Set<WatchCursor>>()
  #liveCount = 0

  constructor(source: FeedSource, head: number, options: FeedOptions = {}) {
    this.source = source
    this.#head = head
    this.pendingChangesMax = options.pendingChangesMax ?? pendingChangesMaxDefault
  }

  get head(): number {
    return this.#head
  }

  /** Whether anybody would take what is published now. */
  get hasLive(): boolean {
    return this.#liveCount > 0
  }

  /** Whether a live watch would take a change of `key`: others need not be read at all. */
  isWanted(key: string): boolean {
    if (this.#liveByKey.has(key)) return true
    for (const watches of this.#liveByPattern.values()) {
      for (const watch of watches) {
        if (watch.pattern.matches(key)) return true
        break
      }
    }
    return false
  }

  /**
   * Tells of the commits `first` to `last`, in revision order; purges have a revision and no change. After a gap (`first` is
   * not right behind the head) live watches read the log. Never throws, never runs a consumer's code.
   */
  publish(first: number, last: number, changes: readonly Stored[]): void {
    const before = this.#head
    if (last <= before) return
    this.#head = last
    if (this.#liveCount === 0) return
    if (first > before + 1) {
      this.#lagAll(before)
      return
    }
    // Part of it was published already, read from the log.
    const fresh = first <= before ? changes.filter((change) => change.revision > before) : changes
    if (fresh.length === 0) return
    if (this.#liveByKey.size > 0) {
      for (const change of fresh) {
        const watches = this.#liveByKey.get(change.key)
        if (watches !== undefined) for (const watch of watches) watch.offer([change], before)
      }
    }
    for (const watches of this.#liveByPattern.values()) {
      let matching: readonly Stored[] | null = null
      for (const watch of watches) {
        matching ??= matchingOf(watch.pattern, fresh)
        if (matching.length === 0) break
        watch.offer(matching, before)
      }
    }
  }

  /**
   * `watches`: the caller's set of its own watches, kept up to date, so that it can end them.
   *
   * @throws `invalid_key` for a malformed pattern, `invalid_option` for a malformed `after`.
   */
  watch(pattern: string, options: WatchOptions = {}, watches: Set<WatchCursor> = new Set()): WatchCursor {
    assertWatchOptions(options)
    const watch: WatchCursor = new WatchCursor(this, parsePattern(pattern), options, () => watches.delete(watch))
    if (!watch.isEnded) watches.add(watch)
    return watch
  }

  goLive(watch: WatchCursor): void {
    const [map, name] = this.#placeOf(watch)
    let watches = map.get(name)
    if (watches === undefined) {
      watches = new Set()
      map.set(name, watches)
    }
    watches.add(watch)
    this.#liveCount++
  }

  leaveLive(watch: WatchCursor): void {
    const [map, name] = this.#placeOf(watch)
    const watches = map.get(name)
    if (watches?.delete(watch)) this.#liveCount--
    if (watches?.size === 0) map.delete(name)
  }

  #placeOf(watch: WatchCursor): [Map<string, Set<WatchCursor>>, string] {
    const { key, text } = watch.pattern
    return key === null ? [this.#liveByPattern, text] : [this.#liveByKey, key]
  }

  #lagAll(before: number): void {
    for (const map of [this.#liveByKey, this.#liveByPattern]) {
      for (const watches of [...map.values()]) for (const watch of [...watches]) watch.lag(before)
    }
  }
}

function matchingOf(pattern: Pattern, changes: readonly Stored[]): readonly Stored[] {
  let matched = 0
  while (matched < changes.length && pattern.matches((changes[matched] as Stored).key)) matched++
  if (matched === changes.length) return changes
  const matching = changes.slice(0, matched)
  for (let index = matched + 1; index < changes.length; index++) {
    const change = changes[index] as Stored
    if (pattern.matches(change.key)) matching.push(change)
  }
  return matching
}
