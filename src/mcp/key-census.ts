/**
 * Which keys have a value, so that clients can be told when keys come or go. One for all clients of a server; it counts only while
 * somebody listens. Knows nothing of MCP.
 *
 * A hint, not a record: beyond `keysMax` keys, and for keys that are written while the first count is taken, it may say that something
 * came where it was there before. It never stays silent about one that came or went.
 */
import type { Clock, Timer } from '../ports/clock.ts'
import type { Memory } from '../runtime/memory.ts'

/** Keys that are remembered. */
export const censusKeysMax = 100_000
/** After the first key that came or went: so long are others waited for. */
export const listChangedDelayMs = 1000

export class KeyCensus {
  readonly #memory: Pick<Memory, 'subscribe' | 'list'>
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()
  #count: Count | null = null
  #timer: Timer | null = null

  constructor(memory: Pick<Memory, 'subscribe' | 'list'>, clock: Clock) {
    this.#memory = memory
    this.#clock = clock
  }

  /** Calls `listener` when keys have come or gone since. Returns the end of it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.#count ??= new Count(this.#memory, () => this.#changed())
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop()
    }
  }

  #changed(): void {
    this.#timer ??= this.#clock.setTimer(
      listChangedDelayMs,
      () => {
        this.#timer = null
        for (const listener of [...this.#listeners]) listener()
      },
      { keepAlive: false },
    )
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#count?.end()
    this.#count = null
  }
}

/** One count of the keys, from its beginning to its end. */
class Count {
  readonly #keys = new Set<string>()
  readonly #changed: () => void
  readonly #scan = new AbortController()
  readonly #unsubscribe: () => void
  /** Keys that were written while the count was taken: what it finds of them may be older. null: it is taken. */
  #written: Set<string> | null = new Set()

  constructor(memory: Pick<Memory, 'subscribe' | 'list'>, changed: () => void) {
    this.#changed = changed
    this.#unsubscribe = memory.subscribe('**', ({ type, key }) => this.#apply(key, type === 'set'))
    void this.#take(memory)
  }

  end(): void {
    this.#scan.abort()
    this.#unsubscribe()
    this.#keys.clear()
  }

  #apply(key: string, isThere: boolean): void {
    if (this.#written !== null && this.#written.size < censusKeysMax) this.#written.add(key)
    if (!isThere) {
      // One that is not remembered may have been too many.
      if (this.#keys.delete(key) || this.#keys.size >= censusKeysMax || this.#written !== null) this.#changed()
      return
    }
    if (this.#keys.has(key)) return
    if (this.#keys.size < censusKeysMax) this.#keys.add(key)
    this.#changed()
  }

  async #take(memory: Pick<Memory, 'list'>): Promise<void> {
    try {
      for await (const { key } of memory.list('**', { signal: this.#scan.signal })) {
        if (this.#keys.size >= censusKeysMax) break
        if (this.#written?.has(key) !== true) this.#keys.add(key)
      }
    } catch {
      // Not counted: what comes is told of, as if it were new.
    }
    this.#written = null
  }
}
