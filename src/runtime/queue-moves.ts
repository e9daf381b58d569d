/**
 * What a queue document's changes do to one task's record: claim, enqueue, hand back, remove, complete, renew; each by
 * compare-and-set, in rounds, until it took effect or somebody else was faster. Knows no documents. What a record may become
 * is decided by the chart and by `src/domain/task-record.ts`.
 *
 * - C1 a claim succeeds only by a write of its own: whoever finds the task processing has lost, also to this process
 * - C2 a completion or a hand-back concerns one epoch, never the owner that came after it
 * - C3 of a task without a type, `state` is written only while nobody else has written it; `result` is its worker's alone
 *
 * Calls for one task must not overlap: C1 takes an attempt of this life under the same epoch for the attempt itself.
 */
import { type SeenRecord, stateDocument, type TaskEvent, type TaskState } from '../../machines/task.ts'
import type { Remember, WriteOutcome } from '../actors/outcome.ts'
import { type Decision, decideAtRest, seenRecord } from '../actors/task.ts'
import { deadlineLeftMs, type Moment } from '../domain/deadline.ts'
import { type Entry, isLive, isTombstone } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { HybridTimestamp } from '../domain/hybrid-clock.ts'
import { canonicalJson } from '../domain/json.ts'
import type { Keys } from '../domain/key.ts'
import type { Lease } from '../domain/lease.ts'
import { claimed, isEnded, type Owner, replayed, type TaskRecord, type TaskStatus } from '../domain/task-record.ts'
import { emptyVersion } from '../domain/version-vector.ts'
import { always, type Condition, type Intent, ifAbsent } from '../domain/write.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { isBlocked, type Known } from './queue-difference.ts'

/** Compare-and-set rounds of one move; each lost round means that somebody else changed the record. */
export const moveRoundsMax = 16
/** Rounds of one renewal; the next heartbeat tries again. */
export const renewalRoundsMax = 3
/** Claims of unknown outcome that are remembered, to know them again; the oldest gives way and is left to its lease. */
export const unansweredClaimsMax = 1000
/** Claims of a task that has no type, whose owners all vanished, before it is a dead letter. */
export const claimsOfUntypedMax = 3
export const removedReason = 'removed from the queue'

export interface QueueMovesHands {
  readonly store: Pick<Store, 'get'>
  readonly clock: Pick<Clock, 'wallMs'>
  readonly keys: Keys
  readonly workerId: string
  readonly incarnation: string
  readonly remember: Remember
  /** Waits for room in the writer, or rejects with `backpressure`; null: there is room. */
  room(): Promise<void> | null
  observe(entry: Entry): void
  now(): Moment
  tick(): HybridTimestamp
  /** Of a claim that is made or renewed now; longer than two of the heartbeats that renew it. */
  lease(): Lease
  leaseLeftMs(seen: SeenRecord): number
  report(error: MemorySyncError): void
}

/** Where the task is by this move; `lost`: somebody else moved it before. */
export type Moved = Known | 'gone' | 'lost'

type Enqueued = TaskRecord['enqueued']

const again = Symbol('again')

export class QueueMoves {
  readonly #hands: QueueMovesHands
  readonly #owner: Owner
  /** As last written or seen. */
  readonly #claims = new Map<string, SeenRecord>()
  /** Epochs that claims would have, of which it is not known whether they took effect. */
  readonly #unanswered = new Map<string, number>()

  constructor(hands: QueueMovesHands) {
    this.#hands = hands
    this.#owner = { worker: hands.workerId, incarnation: hands.incarnation }
  }

  /** Tasks that this process has claimed and not given up. */
  get claimedIds(): string[] {
    return [...this.#claims.keys()]
  }

  /** When it joins the queue, if it joins now. */
  enqueuedNow(): Enqueued {
    const { ms, counter } = this.#hands.tick()
    return [ms, counter, this.#hands.workerId]
  }

  /** @param isKnown of one that is not, the record is made, or begun anew when it has ended. */
  async claim(id: string, isKnown: boolean, enqueued: Enqueued): Promise<Moved> {
    let attempted = this.#unanswered.get(id)
    const take = async (seen: SeenRecord | null, intents: readonly Intent[], to: TaskState): Promise<Moved | typeof again> => {
      const record = intents[0]?.value as TaskRecord
      attempted = record.epoch
      const outcome = await this.#commit(seen, intents)
      if (outcome.type === 'failed') {
        this.#rememberUnanswered(id, record.epoch)
        throw outcome.error
      }
      if (outcome.type !== 'committed') return again
      if (to !== 'claiming') return 'lost'
      return this.#own({ record, revision: outcome.revision, version: outcome.version })
    }
    const moved = await this.#rounds(id, async (seen) => {
      if (seen !== null && attempted === seen.record.epoch && this.#isOurs(seen.record)) return this.#own(seen)
      if (seen === null) {
        return isKnown ? 'lost' : take(null, this.#intentsFor(null, this.#claimed(newRecord(id, enqueued))), 'claiming')
      }
      if (isEnded(seen.record)) {
        if (isKnown) return 'lost'
        return take(seen, this.#intentsFor(seen, this.#claimed(replayed(seen.record, enqueued))), 'claiming')
      }
      if (seen.record.status === 'processing') return this.#takeOver(seen)
      const event: TaskEvent = { type: 'task.claim', owner: this.#owner, lease: this.#hands.lease(), now: this.#hands.now() }
      const { to, intents } = this.#decide(seen, await this.#stateOf(seen.record), event)
      return intents.length === 0 ? 'lost' : take(seen, intents, to)
    })
    this.#unanswered.delete(id)
    return moved
  }

  /** One that waits or is worked on stays where it is. */
  enqueue(id: string, enqueued: Enqueued): Promise<Moved> {
    const pending: Moved = { place: 'pending' }
    return this.#rounds(id, async (seen) => {
      if (seen !== null && !isEnded(seen.record)) return pending
      const record = seen === null ? newRecord(id, enqueued) : replayed(seen.record, enqueued)
      return this.#settle(seen, this.#intentsFor(seen, record), pending)
    })
  }

  handBack(id: string, epoch: number, isUrgent = false): Promise<Moved> {
    return this.#rounds(id, async (seen) => {
      if (seen === null || isEnded(seen.record)) return 'lost'
      if (seen.record.status === 'pending') return { place: 'pending' }
      if (seen.record.epoch !== epoch) return 'lost'
      if (seen.record.cancelRequested !== undefined) return this.#settle(seen, this.#cancel(seen), 'lost', isUrgent)
      const event: TaskEvent = { type: 'drain.elapsed', now: this.#hands.now() }
      return this.#settle(seen, this.#decide(seen, 'processing', event).intents, { place: 'pending' }, isUrgent)
    })
  }

  /** Only a removal of one's own counts: of all who take an id out of `pending`, one has removed it. */
  remove(id: string): Promise<Moved> {
    return this.#rounds(id, async (seen) => {
      if (seen === null || isEnded(seen.record)) return 'lost'
      if (seen.record.status === 'processing') return this.#takeOver(seen)
      const event: TaskEvent = { type: 'task.cancel', reason: removedReason, now: this.#hands.now() }
      const { intents } = this.#decide(seen, await this.#stateOf(seen.record), event)
      return this.#settle(seen, intents, 'gone')
    })
  }

  /** By any process, while the epoch lasts. One that has ended already, in whatever way, needs nothing. */
  complete(id: string, epoch: number): Promise<Moved> {
    return this.#rounds(id, async (seen) => {
      if (seen === null || isEnded(seen.record)) return 'gone'
      if (seen.record.status === 'pending' || seen.record.epoch !== epoch) return 'lost'
      if (seen.record.cancelRequested !== undefined) return this.#settle(seen, this.#cancel(seen), 'gone')
      const event: TaskEvent = { type: 'task.complete', output: null, now: this.#hands.now() }
      return this.#settle(seen, this.#decide(seen, 'processing', event).intents, 'gone')
    })
  }

  /** Before the batch and through an open breaker. Never rejects: what could not be renewed is tried again, or lost. */
  async renew(id: string): Promise<void> {
    try {
      for (let round = 1; round <= renewalRoundsMax; round++) {
        const seen = this.#claims.get(id)
        if (seen === undefined || (await this.#renew(id, seen))) return
      }
    } catch (thrown) {
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable'))
    }
  }

  /** Hands back what this process has claimed; for its end. Never rejects: what could not be handed back stays claimed. */
  async giveUp(id: string): Promise<void> {
    const seen = this.#claims.get(id)
    if (seen === undefined) return
    try {
      await this.handBack(id, seen.record.epoch, true)
      this.#claims.delete(id)
    } catch (thrown) {
      this.#hands.report(MemorySyncError.from(thrown, 'store_unavailable'))
    }
  }

  /** @returns whether there is nothing more to do now. */
  async #renew(id: string, seen: SeenRecord): Promise<boolean> {
    const { intents } = this.#decide(seen, 'processing', { type: 'lease.due', lease: this.#hands.lease() })
    const outcome = await this.#write(intents, true)
    if (outcome.type === 'committed') {
      const record = intents[0]?.value as TaskRecord
      this.#claims.set(id, { record, revision: outcome.revision, version: outcome.version })
    } else if (outcome.type !== 'failed') {
      await this.#refused(id, seen, seenRecord(outcome.stored))
      return false
    }
    return true
  }

  /** A renewal met another record than it was based on. */
  async #refused(id: string, seen: SeenRecord, news: SeenRecord | null): Promise<void> {
    const event: TaskEvent = { type: 'write.refused', ref: 'renew', seen: news, now: this.#hands.now() }
    const { to, intents } = this.#decide(seen, 'processing', event)
    if (to === 'processing' && news !== null) {
      this.#claims.set(id, news)
      return
    }
    this.#claims.delete(id)
    if (to === 'settling') {
      // Somebody asked to cancel it. If even this is refused, its lease will end.
      await this.#write(await this.#documentsOf(news?.record ?? null, intents), true)
    } else if (news !== null && !isEnded(news.record)) {
      this.#hands.report(
        new MemorySyncError(
          'claim_lost',
          `task ${quote(id)} is no longer claimed by this process: its lease ended, or it was handed back by another`,
          { key: this.#hands.keys.task(id, 'record') },
        ),
      )
    }
  }

  async #rounds(id: string, move: (seen: SeenRecord | null) => Promise<Moved | typeof again>): Promise<Moved> {
    for (let round = 1; round <= moveRoundsMax; round++) {
      const moved = await move(await this.#read(id))
      if (moved !== again) return moved
    }
    throw new MemorySyncError(
      'conflict',
      `task ${quote(id)} changed ${moveRoundsMax} times while it was to be moved in the queue; try again`,
      { key: this.#hands.keys.task(id, 'record') },
    )
  }

  async #read(id: string): Promise<SeenRecord | null> {
    const key = this.#hands.keys.task(id, 'record')
    const stored = await this.#hands.store.get(key)
    if (stored === null || isTombstone(stored.entry)) return null
    this.#hands.observe(stored.entry)
    const seen = seenRecord(stored)
    if (seen !== null && seen.record.id === id) return seen
    throw new MemorySyncError('corrupt', `what lies at ${key} is not the record of a task; delete it, then enqueue it again`, {
      key,
    })
  }

  #isOurs(record: TaskRecord): boolean {
    return record.status === 'processing' && record.incarnation === this.#hands.incarnation
  }

  /** A claim that was long on its way must not be given to its caller when another may have it already. */
  async #own(seen: SeenRecord): Promise<Known | typeof again> {
    const { id, epoch, lease } = seen.record
    this.#claims.set(id, seen)
    const heldMs = lease === undefined ? 0 : this.#hands.now().monotonicMs - lease.renewedAtMs
    if (lease !== undefined && heldMs > lease.leaseMs / 2) {
      await this.renew(id)
      const renewed = this.#claims.get(id)
      if (renewed === undefined) return again
      if (renewed.revision === seen.revision && heldMs >= lease.leaseMs) {
        this.#claims.delete(id)
        this.#rememberUnanswered(id, epoch)
        throw new MemorySyncError(
          'unknown_outcome',
          `task ${quote(id)} was claimed, but its lease was over before the store answered, and could not be renewed; try again`,
          { key: this.#hands.keys.task(id, 'record') },
        )
      }
    }
    return { place: 'processing', epoch }
  }

  #claimed(record: TaskRecord): TaskRecord {
    return claimed(record, this.#owner, this.#hands.lease())
  }

  /** Someone has the task: while its lease lasts that is that, afterwards the task is pending again and the move goes on. */
  async #takeOver(seen: SeenRecord): Promise<'lost' | typeof again> {
    if (this.#hands.leaseLeftMs(seen) > 0) return 'lost'
    const { intents } = this.#decide(seen, 'processing', { type: 'owner.lost', now: this.#hands.now() })
    const outcome = await this.#commit(seen, intents)
    if (outcome.type === 'failed') throw outcome.error
    return again
  }

  /** As the chart does it when its owner is told of the wish. */
  #cancel(seen: SeenRecord): readonly Intent[] {
    const event: TaskEvent = { type: 'record.changed', seen, now: this.#hands.now() }
    return this.#decide({ ...seen, revision: 0 }, 'processing', event).intents
  }

  async #settle(
    seen: SeenRecord | null,
    intents: readonly Intent[],
    moved: Moved,
    isUrgent = false,
  ): Promise<Moved | typeof again> {
    const outcome = await this.#commit(seen, intents, isUrgent)
    if (outcome.type === 'failed') throw outcome.error
    const isDone = outcome.type === 'committed' || (outcome.type === 'conflict' && outcome.isOverwritten)
    if (!isDone) return again
    if (seen !== null) this.#claims.delete(seen.record.id)
    return moved
  }

  async #commit(seen: SeenRecord | null, intents: readonly Intent[], isUrgent = false): Promise<WriteOutcome> {
    return this.#write(await this.#documentsOf(seen?.record ?? null, intents), isUrgent)
  }

  async #write(intents: readonly Intent[], isUrgent: boolean): Promise<WriteOutcome> {
    if (!isUrgent) for (let room = this.#hands.room(); room !== null; room = this.#hands.room()) await room
    return new Promise((resolve) => this.#hands.remember(intents, resolve, { urgent: isUrgent }))
  }

  /** C3. Readers of a task without a type find in `state` what its users wrote, and the record's state where they wrote none. */
  async #documentsOf(before: TaskRecord | null, intents: readonly Intent[]): Promise<readonly Intent[]> {
    const [decisive, ...others] = intents
    const after = decisive?.value as TaskRecord
    const state = others.find(({ key }) => key === this.#hands.keys.task(after.id, 'state'))
    if (decisive === undefined || after.type !== null || state === undefined) return intents
    const stored = await this.#hands.store.get(state.key)
    const context = stored?.entry.version ?? emptyVersion
    if (stored === null || !isLive(stored.entry, this.#hands.clock.wallMs())) {
      return [decisive, { ...state, condition: ifAbsent, context }]
    }
    const isOurs = before !== null && canonicalJson(stored.entry.value) === canonicalJson(stateDocument(before))
    if (!isOurs) return [decisive]
    return [decisive, { ...state, condition: { type: 'revision', revision: stored.revision }, context }]
  }

  /** For what no chart's event leads to: a record that begins, or begins anew. */
  #intentsFor(seen: SeenRecord | null, record: TaskRecord): readonly Intent[] {
    const { keys } = this.#hands
    const condition: Condition = seen === null ? ifAbsent : { type: 'revision', revision: seen.revision }
    const context = seen?.version ?? emptyVersion
    return [
      { key: keys.task(record.id, 'record'), value: record, condition, context },
      { key: keys.task(record.id, 'state'), value: stateDocument(record), condition: always, context },
    ]
  }

  #decide(seen: SeenRecord, state: TaskState, event: TaskEvent): Decision {
    return decideAtRest(seen, this.#hands.keys.task(seen.record.id, 'record'), state, event)
  }

  async #stateOf(record: TaskRecord): Promise<TaskState> {
    if (record.status !== 'pending') return record.status
    if (record.notBefore !== undefined && deadlineLeftMs(record.notBefore, this.#hands.now()) > 0) return 'backingOff'
    const statusById = new Map<string, TaskStatus>()
    for (const id of record.dependsOn ?? []) {
      const seen = seenRecord(await this.#hands.store.get(this.#hands.keys.task(id, 'record')))
      if (seen !== null) statusById.set(id, seen.record.status)
    }
    return isBlocked(record, (id) => statusById.get(id)) ? 'blocked' : 'pending'
  }

  #rememberUnanswered(id: string, epoch: number): void {
    if (this.#unanswered.size >= unansweredClaimsMax) {
      const [oldest] = this.#unanswered.keys()
      if (oldest !== undefined) this.#unanswered.delete(oldest)
    }
    this.#unanswered.set(id, epoch)
  }
}

function newRecord(id: string, enqueued: Enqueued): TaskRecord {
  return {
    id,
    type: null,
    status: 'pending',
    input: null,
    priority: 0,
    enqueued,
    epoch: 0,
    attempts: 0,
    maxAttempts: claimsOfUntypedMax,
  }
}
