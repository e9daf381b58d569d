/** How one part sends an event to another without holding it: by address (`task/42`, `batch-writer`). */

/** Plain JSON; `type` is `noun.verb`, commands imperative, facts in the past. */
export interface PostEvent {
  readonly type: string
  readonly [member: string]: unknown
}

export interface Post {
  /** Delivers to the actor at `address` if it is running; otherwise keeps a bounded dead-letter record. Never throws. */
  tell(address: string, event: PostEvent): boolean
}
