/** The versions that a drawing of causality is made of: those that were stored, and the sides of conflicts that never were. Pure. */
import { type Entry, isSameWrite } from '../../../domain/entry.ts'
import type { ConflictRecord } from '../../../wire/trace-record.ts'
import type { EntryVersion } from '../model/session-state.ts'

/** A side of a conflict has no revision of its own: it stands half a step before the version that came of it. */
const beforeNext = 0.5

export function isStored(version: EntryVersion): boolean {
  return Number.isInteger(version.revision)
}

/** In the order of their revisions. @param versions oldest first. @param conflicts of the same key. */
export function causalVersions(versions: readonly EntryVersion[], conflicts: readonly ConflictRecord[]): readonly EntryVersion[] {
  const [oldest] = versions
  if (oldest === undefined || conflicts.length === 0) return versions
  const all = [...versions]
  for (const { atMs, sides } of conflicts) {
    // Without the versions before it a side would stand alone.
    if (atMs < oldest.atMs) continue
    const next = versions.find((version) => version.atMs >= atMs)
    const revision = (next?.revision ?? (versions.at(-1)?.revision ?? 0) + 1) - beforeNext
    for (const entry of sides) {
      const isKnown = all.some((version) => isSameWrite(version.entry as Entry, entry as Entry))
      if (!isKnown) all.push({ revision, entry, atMs, position: next?.position ?? 0 })
    }
  }
  return all.sort((a, b) => a.revision - b.revision)
}
