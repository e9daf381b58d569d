/**
 * The queue as a document: folded from task records, checked, and compared with what its reader was given before. Values and
 * rules only: knows no store and no time.
 */
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId } from '../domain/key.ts'
import { compareInQueue, isEnded, isMetBy, type TaskRecord, type TaskStatus } from '../domain/task-record.ts'

/** The queue as it was when it was read: a private copy, to be changed in place and given to `syncQueue`. */
export interface QueueDocument {
  /**
   * Ids of tasks that can be taken now, in queue order: higher priority first, then first in, first out. Delayed and blocked
   * tasks are left out until they are ready; a task whose owner's lease is over is among them.
   */
  pending: string[]
  /** Ids of tasks that somebody works on, in the same order: it stays as it is while their leases are renewed. */
  processing: string[]
}

/** What a document was last known to say of a task. */
export type Known =
  | { readonly place: 'pending' }
  | { readonly place: 'processing'; readonly epoch: number }
  /** The document claims it, and somebody else has it. */
  | { readonly place: 'contested' }

export type KnownById = Map<string, Known>

/** What has changed in a document, for one task. */
export type QueueStep =
  /** An unknown one joins the queue at the same time. */
  | { readonly type: 'claim'; readonly id: string; readonly isKnown: boolean }
  | { readonly type: 'enqueue'; readonly id: string }
  | { readonly type: 'hand-back'; readonly id: string; readonly epoch: number }
  | { readonly type: 'remove'; readonly id: string }
  | { readonly type: 'complete'; readonly id: string; readonly epoch: number }

/** Steps of one phase concern different tasks and may go together; the phases go one after the other. */
export interface QueueDifference {
  readonly phases: readonly (readonly QueueStep[])[]
  /** What is known without any step: claims that were given up. */
  readonly forgotten: readonly string[]
  readonly relearned: readonly string[]
}

/** A copy of what the caller may go on changing. @throws `invalid_value`, `invalid_key` quoting what is wrong and where. */
export function checkQueueDocument(given: unknown): QueueDocument {
  const document = given as Partial<QueueDocument> | null | undefined
  if (
    document === null ||
    typeof document !== 'object' ||
    !Array.isArray(document.pending) ||
    !Array.isArray(document.processing)
  ) {
    throw new MemorySyncError(
      'invalid_value',
      `a queue must be { pending: string[], processing: string[] }, as getQueue gives it; got ${quote(given)}`,
    )
  }
  const placeById = new Map<string, string>()
  const checked = (list: 'pending' | 'processing', ids: readonly unknown[]): string[] =>
    Array.from(ids, (given, index) => {
      const place = `${list}[${index}]`
      const id = assertId(given, `queue.${place}`)
      const other = placeById.get(id)
      if (other !== undefined) {
        throw new MemorySyncError(
          'invalid_value',
          `the queue names ${quote(id)} at ${other} and at ${place}: an id stands for one task, which is in one place. Nothing was changed.`,
        )
      }
      placeById.set(id, place)
      return id
    })
  return { pending: checked('pending', document.pending), processing: checked('processing', document.processing) }
}

export function differenceOf(document: QueueDocument, known: ReadonlyMap<string, Known>): QueueDifference {
  const claims: QueueStep[] = []
  const returns: QueueStep[] = []
  const ends: QueueStep[] = []
  const forgotten: string[] = []
  const relearned: string[] = []
  for (const id of document.processing) {
    if (known.get(id)?.place !== 'processing') claims.push({ type: 'claim', id, isKnown: known.has(id) })
  }
  for (const id of document.pending) {
    const before = known.get(id)
    if (before === undefined) returns.push({ type: 'enqueue', id })
    else if (before.place === 'processing') returns.push({ type: 'hand-back', id, epoch: before.epoch })
    else if (before.place === 'contested') relearned.push(id)
  }
  const present = new Set([...document.pending, ...document.processing])
  for (const [id, before] of known) {
    if (present.has(id)) continue
    if (before.place === 'pending') ends.push({ type: 'remove', id })
    else if (before.place === 'processing') ends.push({ type: 'complete', id, epoch: before.epoch })
    else forgotten.push(id)
  }
  return { phases: [claims, returns, ends], forgotten, relearned }
}

/** Gathers records, in any order, into a document. */
export class QueueFold {
  readonly #statusById = new Map<string, TaskStatus>()
  readonly #pending: TaskRecord[] = []
  readonly #processing: TaskRecord[] = []

  /** @param isTakeable as far as time goes: it is pending and due, or its owner's lease is over. */
  add(record: TaskRecord, isTakeable: boolean): void {
    this.#statusById.set(record.id, record.status)
    if (isEnded(record)) return
    if (isTakeable) this.#pending.push(record)
    else if (record.status === 'processing') this.#processing.push(record)
  }

  /** null while there was no record at all. */
  end(): { readonly document: QueueDocument; readonly known: KnownById } | null {
    if (this.#statusById.size === 0) return null
    const pending = this.#pending.filter((record) => !isBlocked(record, (id) => this.#statusById.get(id)))
    const known: KnownById = new Map()
    for (const { id } of pending) known.set(id, { place: 'pending' })
    for (const { id, epoch } of this.#processing) known.set(id, { place: 'processing', epoch })
    return { document: { pending: idsOf(pending), processing: idsOf(this.#processing) }, known }
  }
}

/** Whether the task must wait for others; ids that nobody knows are waited for. */
export function isBlocked(record: TaskRecord, statusOf: (id: string) => TaskStatus | undefined): boolean {
  if (record.status !== 'pending') return false
  for (const id of record.dependsOn ?? []) {
    if (!isMetBy(record, statusOf(id))) return true
  }
  return false
}

function idsOf(records: TaskRecord[]): string[] {
  return records.sort(compareInQueue).map(({ id }) => id)
}
