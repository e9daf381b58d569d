/**
 * What an inspector is told of this process, for any number of watchers that read at their own pace. Attached to the actors
 * from the first of them to the last: in between nothing of it is anywhere. Knows neither the runtime nor how records travel.
 *
 * - L1 a watcher's records have rising numbers without a hole: what it is told of those that live takes those of records before
 * - L2 what some watcher wants redacted is redacted for all
 */
import type { Entry } from '../domain/entry.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { PostEvent } from '../ports/post.ts'
import type { GapRecord, TraceRecord } from '../wire/trace-record.ts'
import { RecordMaker, type Stamp } from './record-maker.ts'
import { type SessionHands, TraceSession } from './trace-session.ts'
import { type Redact, readRecordsMax, type TraceSource, type TraceWatch, type TraceWatchOptions } from './trace-source.ts'

/** Who watches one process: its own inspector and a few others. */
export const watchesMax = 32

export interface TraceHands extends SessionHands {
  /** To an actor here, by the rules of {@link TraceSource.send}. */
  send(address: string, event: PostEvent): Promise<void>
  report(error: MemorySyncError): void
  /** The runtime's own, whoever watches. */
  readonly redact?: Redact
}

/** Two writers that had not seen each other's value, and what became of it. */
export interface TracedConflict {
  readonly key: string
  readonly entries: readonly Entry[]
  readonly resolution: { readonly resolved: Json; readonly strategy: string; readonly discarded: readonly unknown[] }
}

interface Watcher {
  readonly wake: () => void
  readonly sample: number
  readonly redact: Redact | undefined
  /** The number up to which it has read; null: who lives could not be seen yet. */
  cursor: number | null
  /** What it is still to be told of those, last things first. */
  introduction: ((stamp: Stamp) => TraceRecord)[]
  introducedThrough: number
  /** To be told before that: why it does not go on from where it was. */
  gap: Pick<GapRecord, 'lost' | 'reason'> | null
  isWaiting: boolean
}

export class RuntimeTrace implements TraceSource {
  readonly source: string
  readonly #hands: TraceHands
  readonly #maker: RecordMaker
  readonly #watchers = new Set<Watcher>()
  #session: TraceSession | null = null
  #lastSeq = 0
  #isClosed = false

  constructor(hands: TraceHands) {
    this.#hands = hands
    this.source = hands.about.incarnation
    this.#maker = new RecordMaker((error) => hands.report(error))
  }

  get isWatched(): boolean {
    return this.#session !== null
  }

  watch(wake: () => void, { after, sample = 1, redact }: TraceWatchOptions = {}): TraceWatch {
    if (!(sample >= 0 && sample <= 1)) {
      throw new MemorySyncError(
        'invalid_option',
        `sample is the part of the transitions to tell, from 0 to 1, not ${quote(sample)}`,
      )
    }
    if (this.#isClosed) throw new MemorySyncError('closed', 'the runtime was shut down: there is nothing to watch')
    if (this.#watchers.size >= watchesMax) {
      throw new MemorySyncError('backpressure', `${watchesMax} watchers watch this process already; end one of them`)
    }
    const isFirst = this.#session === null
    const session = this.#session ?? this.#open()
    const resumes = after !== undefined && after >= session.floor && after <= session.ring.lastSeq
    const watcher: Watcher = {
      wake,
      sample,
      redact,
      cursor: resumes ? after : null,
      introduction: [],
      introducedThrough: 0,
      gap: resumes || after === undefined ? null : { lost: null, reason: 'disconnected' },
      isWaiting: false,
    }
    this.#watchers.add(watcher)
    this.#adjust(session)
    if (!resumes && session.flush()) introduce(session, watcher)
    // What it is told first comes first.
    if (isFirst) session.begin()
    return {
      get introducedThrough() {
        return watcher.introducedThrough
      },
      read: (max = readRecordsMax) => (this.#watchers.has(watcher) ? this.#read(session, watcher, max) : []),
      stop: () => this.#stop(watcher, session),
    }
  }

  send(address: string, event: PostEvent): Promise<void> {
    return this.#hands.send(address, event)
  }

  /** Tells of it, if anybody watches. */
  conflict({ key, entries, resolution }: TracedConflict): void {
    if (this.#session === null) return
    const { sides, resolved } = this.#maker.conflict(key, entries, resolution.resolved)
    const { strategy, discarded } = resolution
    const told = { type: 'conflict', key, sides, strategy, resolved, discarded: discarded.length } as const
    this.#session.tell(told, this.#maker.bytes)
  }

  /** No more is told. What was told can be read to its end, which says that this process is over. */
  close(): void {
    this.#isClosed = true
    this.#session?.tell({ type: 'source.lost', reason: 'its runtime was shut down' })
    this.#session?.end()
  }

  #read(session: TraceSession, watcher: Watcher, max: number): TraceRecord[] {
    const records = read(session, watcher, max)
    let readByAll = Number.POSITIVE_INFINITY
    for (const { cursor } of this.#watchers) readByAll = Math.min(readByAll, cursor ?? 0)
    session.ring.forgetBehind(readByAll)
    return records
  }

  #open(): TraceSession {
    this.#session = new TraceSession(this.#hands, this.#maker, this.#lastSeq, () => this.#flushed())
    return this.#session
  }

  #stop(watcher: Watcher, session: TraceSession): void {
    if (!this.#watchers.delete(watcher)) return
    if (this.#watchers.size > 0) this.#adjust(session)
    else {
      this.#session = null
      session.end()
      this.#lastSeq = session.ring.lastSeq
    }
  }

  #adjust(session: TraceSession): void {
    const watchers = [...this.#watchers]
    session.sample = Math.max(...watchers.map(({ sample }) => sample))
    this.#maker.redactWith([this.#hands.redact, ...watchers.map(({ redact }) => redact)].filter((hook) => hook !== undefined))
  }

  #flushed(): void {
    for (const watcher of this.#watchers) {
      if (watcher.cursor === null && this.#session !== null) introduce(this.#session, watcher)
      if (!watcher.isWaiting) continue
      watcher.isWaiting = false
      try {
        watcher.wake()
      } catch (thrown) {
        this.#hands.report(
          new MemorySyncError('aborted', `a watcher threw when it was woken: ${messageOf(thrown)}`, { cause: thrown }),
        )
      }
    }
  }
}

function read(session: TraceSession, watcher: Watcher, max: number): TraceRecord[] {
  const told: TraceRecord[] = []
  session.flush()
  if (watcher.cursor !== null) {
    tellIntroduction(session, watcher, told, max)
    if (told.length < max) tellNew(session, watcher, told, max)
  }
  watcher.isWaiting = told.length === 0
  return told
}

/** From here on it is told who lives now, and then what follows. Only while no actor is at work. */
function introduce(session: TraceSession, watcher: Watcher): void {
  const introduction = session.introduction()
  watcher.introducedThrough = session.ring.lastSeq
  watcher.cursor = session.ring.lastSeq - introduction.length
  watcher.introduction = introduction.reverse()
}

function tellIntroduction(session: TraceSession, watcher: Watcher, told: TraceRecord[], max: number): void {
  let cursor = watcher.cursor ?? 0
  if (watcher.gap !== null && told.length < max) {
    told.push({ ...session.stamp(cursor), type: 'gap', ...watcher.gap })
    watcher.gap = null
  }
  while (told.length < max) {
    const next = watcher.introduction.pop()
    if (next === undefined) break
    cursor++
    told.push(next(session.stamp(cursor)))
  }
  watcher.cursor = cursor
}

function tellNew(session: TraceSession, watcher: Watcher, told: TraceRecord[], max: number): void {
  const { ring } = session
  const cursor = watcher.cursor ?? 0
  const passed = ring.firstSeq - 1 - cursor
  if (passed > 0) {
    watcher.gap = { lost: passed, reason: 'slow-watcher' }
    watcher.cursor = ring.firstSeq - 1
    // Who has missed so much does not know any more who lives. If that can be said in fewer records, it is said instead.
    if (session.flush() && ring.lastSeq - session.introduction().length > cursor) {
      watcher.gap = { lost: ring.lastSeq - cursor, reason: 'slow-watcher' }
      introduce(session, watcher)
    }
    tellIntroduction(session, watcher, told, max)
    if (watcher.introduction.length > 0 || told.length >= max) return
  }
  const records = ring.behind(watcher.cursor ?? 0, max - told.length)
  told.push(...records)
  watcher.cursor = records.at(-1)?.seq ?? watcher.cursor
}
