/**
 * What a store must be good for. Owns the refusal of stores that judge no conditions, or only under an assumption. Knows no
 * particular store.
 */
import { MemorySyncError } from '../domain/errors.ts'
import type { Store } from '../ports/store.ts'

/**
 * - `safe`: conditions and guards that hold whatever happens, as tasks and locks are promised
 * - `assumed`: also those that hold under the assumption which the store logs
 * - `documents`: no conditions; who asks for one is refused then
 */
export type StoreDemand = 'safe' | 'assumed' | 'documents'

const way = 'Use a server that keeps them in its place: memory-sync serve'

/** To be called when the store is open: earlier its features may not be known. @throws `not_supported` saying what to do. */
export function assertGoodFor({ features, url }: Pick<Store, 'features' | 'url'>, demand: StoreDemand): void {
  if (demand === 'documents' || features.compareAndSet === true) return
  if (features.compareAndSet === false) {
    throw new MemorySyncError(
      'not_supported',
      `the store ${url} has no compare-and-set, which tasks and locks need; allowWeak: true does not help here. ${way}.`,
    )
  }
  if (demand === 'assumed') return
  throw new MemorySyncError(
    'not_supported',
    `the store ${url} has no compare-and-set: tasks and locks would hold only while every call to it is quick and no process pauses. ${way}, or accept that with allowWeak: true (--allow-weak on the command line).`,
  )
}
