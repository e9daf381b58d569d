/**
 * The queue of the integration guide: a document that is read, changed in place and given back. Truth is one record per
 * task: reading folds the records, giving back takes the difference to what was read. Owns what each document was last
 * known to say, and this process's claims; what becomes of a record is `queue-moves.ts`.
 *
 * - U1 `syncQueue` resolves only if every change of the document is this process's own doing; who lost is told `claim_lost`
 * - U2 what failed or was lost stays a change of the document: giving it back once more tries it again
 * - U3 own calls that are under way are seen by own reads: a read waits for them
 */
import type { SeenRecord } from '../../machines/task.ts'
import { seenRecord } from '../actors/task.ts'
import { deadlineLeftMs } from '../domain/deadline.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import {
  checkQueueDocument,
  differenceOf,
  type KnownById,
  type QueueDocument,
  QueueFold,
  type QueueStep,
} from './queue-difference.ts'
import { type Moved, QueueMoves, type QueueMovesHands } from './queue-moves.ts'

export type { QueueDocument } from './queue-difference.ts'

/** Records that one `syncQueue` changes at once; the others wait their turn. */
export const stepsAtOnceMax = 256

export interface QueueDocumentsHands extends QueueMovesHands {
  readonly store: Pick<Store, 'get' | 'list'>
  readonly clock: Pick<Clock, 'wallMs' | 'setTimer'>
  /** Settles when the store is open; rejects when it is not, or the runtime is shut down. */
  ready(): Promise<void>
}

/** What a document was last known to say. Its syncs go one after the other. */
interface Base {
  readonly known: KnownById
  tail: Promise<unknown>
}

type TimedStep = QueueStep & { readonly enqueued: readonly [ms: number, counter: number, workerId: string] }

export class QueueDocuments {
  readonly #hands: QueueDocumentsHands
  readonly #moves: QueueMoves
  readonly #baseByDocument = new WeakMap<QueueDocument, Base>()
  readonly #underWay = new Set<Promise<unknown>>()
  /** The last move of each task: moves of one task go one after the other. */
  readonly #lastMoveById = new ShortLivedMap<string, Promise<unknown>>()
  #renewing: Promise<void> | null = null
  #isClosed = false

  constructor(hands: QueueDocumentsHands) {
    this.#hands = hands
    this.#moves = new QueueMoves(hands)
  }

  /** Tasks that this process has claimed and neither completed nor handed back. */
  get claimedIds(): readonly string[] {
    return this.#moves.claimedIds
  }

  /**
   * The queue as it is now, a private copy to be changed in place; null while the namespace has no task record at all. Reads
   * all records.
   *
   * @throws `closed`, `store_unavailable`
   */
  async getQueue(): Promise<QueueDocument | null> {
    await this.#hands.ready()
    await Promise.allSettled([...this.#underWay])
    const { keys } = this.#hands
    const fold = new QueueFold()
    for await (const stored of this.#hands.store.list(keys.allTaskRecords)) {
      const seen = seenRecord(stored)
      // Others write to the store too: what is no record of its task is none.
      if (seen !== null && keys.taskOfRecord(stored.key) === seen.record.id) fold.add(seen.record, this.#isTakeable(seen))
    }
    const folded = fold.end()
    if (folded === null) return null
    this.#baseByDocument.set(folded.document, { known: folded.known, tail: settled })
    return folded.document
  }

  /**
   * Makes true what was changed in the document since `getQueue` gave it or it was last synced: claims first, then what joins
   * the queue, in the document's order, then removals and completions. Changes of order mean nothing. A document that
   * `getQueue` did not give can only add and claim. Settles when all is committed.
   *
   * @throws `claim_lost` (retryable; `error.lost` names the tasks) when another caller was faster with some of it; all else
   * has taken effect. `invalid_value`, `invalid_key` before anything is written; `closed`, `backpressure`,
   * `store_unavailable`, `unknown_outcome`: the same document may be given again.
   */
  async syncQueue(document: QueueDocument): Promise<void> {
    // The caller may go on changing it.
    const wanted = checkQueueDocument(document)
    if (this.#isClosed) throw new MemorySyncError('closed', 'the queue cannot be changed any more: its manager was shut down')
    let base = this.#baseByDocument.get(document)
    if (base === undefined) {
      base = { known: new Map(), tail: settled }
      this.#baseByDocument.set(document, base)
    }
    const { known } = base
    const synced = base.tail.then(() => this.#sync(wanted, known))
    const end = synced.catch(() => {})
    base.tail = end
    this.#underWay.add(end)
    try {
      await synced
    } finally {
      this.#underWay.delete(end)
    }
  }

  /** Renews the leases of this process's claims; to be called with its heartbeat. Never rejects. */
  renewClaims(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#renewing ??= this.#each(this.#moves.claimedIds, (id) => this.#inTurn(id, () => this.#moves.renew(id))).finally(() => {
      this.#renewing = null
    })
    return this.#renewing
  }

  /**
   * For the end of this process: takes no more changes, lets those under way end, and hands back what is claimed.
   *
   * @param deadlineMs Milliseconds after which it settles anyway.
   * @returns ids that are still claimed: others can take them when their leases are over. Never rejects.
   */
  async handBackAll(deadlineMs: number): Promise<readonly string[]> {
    this.#isClosed = true
    const handedBack = Promise.allSettled([...this.#underWay]).then(() =>
      this.#each(this.#moves.claimedIds, (id) => this.#inTurn(id, () => this.#moves.giveUp(id))),
    )
    await new Promise<void>((resolve) => {
      const timer = this.#hands.clock.setTimer(deadlineMs, resolve)
      void handedBack.then(() => {
        timer.cancel()
        resolve()
      })
    })
    return this.#moves.claimedIds
  }

  async #sync(wanted: QueueDocument, known: KnownById): Promise<void> {
    await this.#hands.ready()
    const { phases, relearned, forgotten } = differenceOf(wanted, known)
    for (const id of relearned) known.set(id, { place: 'pending' })
    for (const id of forgotten) known.delete(id)
    const lost = new Set<string>()
    for (const steps of phases) {
      const faults: unknown[] = []
      // Whoever is before another in the document is before it in time, whatever is committed first.
      const timed = steps.map((step): TimedStep => ({ ...step, enqueued: this.#moves.enqueuedNow() }))
      await this.#each(timed, async (step) => {
        try {
          const moved = await this.#inTurn(step.id, () => this.#move(step))
          if (moved === 'lost') {
            lost.add(step.id)
            if (step.type === 'claim') known.set(step.id, { place: 'contested' })
          } else if (moved === 'gone') known.delete(step.id)
          else known.set(step.id, moved)
        } catch (thrown) {
          faults.push(thrown)
        }
      })
      if (faults.length > 0) throw MemorySyncError.from(faults[0], 'store_unavailable')
    }
    if (lost.size > 0) throw claimLost(phases.flatMap((steps) => steps.map(({ id }) => id)).filter((id) => lost.has(id)))
  }

  #move(step: TimedStep): Promise<Moved> {
    switch (step.type) {
      case 'claim':
        return this.#moves.claim(step.id, step.isKnown, step.enqueued)
      case 'enqueue':
        return this.#moves.enqueue(step.id, step.enqueued)
      case 'hand-back':
        return this.#moves.handBack(step.id, step.epoch)
      case 'remove':
        return this.#moves.remove(step.id)
      case 'complete':
        return this.#moves.complete(step.id, step.epoch)
    }
  }

  #isTakeable(seen: SeenRecord): boolean {
    const { status, notBefore } = seen.record
    if (status === 'processing') return this.#hands.leaseLeftMs(seen) <= 0
    return status === 'pending' && (notBefore === undefined || deadlineLeftMs(notBefore, this.#hands.now()) <= 0)
  }

  #inTurn<T>(id: string, move: () => Promise<T>): Promise<T> {
    const before = this.#lastMoveById.get(id)
    const moved = before === undefined ? move() : before.then(move)
    const last = moved.then(nothing, nothing).then(() => {
      if (this.#lastMoveById.get(id) === last) this.#lastMoveById.delete(id)
    })
    this.#lastMoveById.set(id, last)
    return moved
  }

  /** Begins them in order, so many at once. `work` must not reject. */
  async #each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    const rest = items.values()
    const lane = async (): Promise<void> => {
      for (const item of rest) await work(item)
    }
    await Promise.all(Array.from({ length: Math.min(stepsAtOnceMax, items.length) }, lane))
  }
}

const settled: Promise<unknown> = Promise.resolve()
const nothing = (): void => {}

const namedMax = 5

function claimLost(lost: readonly string[]): MemorySyncError {
  const named = lost.slice(0, namedMax).map(quote).join(', ')
  const more = lost.length > namedMax ? ` and ${lost.length - namedMax} more` : ''
  return new MemorySyncError(
    'claim_lost',
    `others were faster with ${named}${more}; all other changes of the queue took effect. Read it again with getQueue() and decide anew.`,
    { lost },
  )
}
