/**
 * What this process has seen of each key: the context of its next write there. Bounded; a key that was forgotten is read
 * again before it is written. Knows no store.
 */
import { joinVersions, type Version } from '../domain/version-vector.ts'

/** Keys remembered; beyond it the least recently used is forgotten. */
export const contextsMax = 10_000

export class Contexts {
  readonly #versionByKey = new Map<string, Version>()

  get(key: string): Version | undefined {
    return this.#versionByKey.get(key)
  }

  /** Joins what was seen: a context never shrinks while it is remembered. */
  learn(key: string, version: Version): void {
    const known = this.#versionByKey.get(key)
    if (known !== undefined) this.#versionByKey.delete(key)
    else if (this.#versionByKey.size >= contextsMax) {
      const [oldest] = this.#versionByKey.keys()
      if (oldest !== undefined) this.#versionByKey.delete(oldest)
    }
    this.#versionByKey.set(key, known === undefined ? version : joinVersions(known, version))
  }

  /** Learns only of keys that matter here already: the feed tells of all the world's. */
  refresh(key: string, version: Version): void {
    if (this.#versionByKey.has(key)) this.learn(key, version)
  }
}
