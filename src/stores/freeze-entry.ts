/**
 * Makes an entry safe to share between readers of one process. Written out instead of a walk over all members: it runs for
 * every write of a store that keeps objects.
 */
import type { Entry } from '../domain/entry.ts'
import { deepFreeze } from '../domain/json.ts'

/** Freezes `entry` in place. A frozen one is taken to be frozen all the way down, as values made by `toJson` are. */
export function freezeEntry(entry: Entry): Entry {
  if (Object.isFrozen(entry)) return entry
  deepFreeze(entry.value)
  Object.freeze(entry.version)
  const extension = entry.x
  if (extension !== undefined) {
    Object.freeze(extension.d)
    if (extension.e !== undefined) Object.freeze(extension.e)
    if (extension.f !== undefined) deepFreeze(extension.f)
    Object.freeze(extension)
  }
  return Object.freeze(entry)
}
