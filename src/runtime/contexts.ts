/**
 * What this process has seen of each key: the context of its next write there. Bounded; a key that was forgotten is read
 * again before it is written. Knows no store.
 */
import { GenerationMap } from '../domain/generation-map.ts'
import { isCovered, joinVersions, type Version } from '../domain/version-vector.ts'

/** So many keys, of those used last, are remembered at least, and twice as many at most. */
export const contextsMin = 10_000

export class Contexts {
  readonly #versionByKey = new GenerationMap<string, Version>(contextsMin)

  get(key: string): Version | undefined {
    return this.#versionByKey.get(key)
  }

  /** Joins what was seen: a context never shrinks while it is remembered. */
  learn(key: string, version: Version): void {
    const known = this.get(key)
    this.#versionByKey.set(key, known === undefined || isCovered(known, version) ? version : joinVersions(known, version))
  }

  /** Learns only of keys that matter here already: the feed tells of all the world's. */
  refresh(key: string, version: Version): void {
    const known = this.get(key)
    if (known !== undefined && !isCovered(version, known)) this.learn(key, version)
  }
}
