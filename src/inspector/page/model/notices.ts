/** The newest records of one kind, in order. Knows nothing of what they say. */
import { noticesMax } from './session-state.ts'

/** What was given out does not change: the list is copied at the first push behind it. */
export class Notices<Notice> {
  #list: readonly Notice[]
  #own: Notice[] | null = null

  constructor(list: readonly Notice[]) {
    this.#list = list
  }

  /** Beyond {@link noticesMax} the oldest goes. */
  push(notice: Notice): void {
    this.#own ??= this.#list.slice()
    this.#own.push(notice)
    if (this.#own.length > noticesMax) this.#own.shift()
  }

  finish(): readonly Notice[] {
    if (this.#own !== null) {
      this.#list = this.#own
      this.#own = null
    }
    return this.#list
  }
}
