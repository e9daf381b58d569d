/**
 * Makes records that may leave the process: applies the redaction to every value, then bounds its size. Nothing of an actor
 * gets out by another way. Knows no XState and no reader.
 *
 * - M1 a value is redacted before it is cut, and before it is even looked at
 * - M2 what the feed brings is told by key and revision: the values lie in memory, and are no actor's
 */
import type { Entry } from '../domain/entry.ts'
import type { MemorySyncError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import {
  type ActorRecord,
  type CutValue,
  recordBytesMax,
  type TracedAction,
  type TracedWrite,
  type TransitionRecord,
  valueBytesMax,
} from '../wire/trace-record.ts'
import { type CutEvent, Cutter } from './cut.ts'
import type { LiveActor, TakenAction, TransitionDraft } from './draft.ts'
import { Redactor } from './redactor.ts'
import type { Redact, RedactPlace } from './trace-source.ts'

/** Actions and writes of one transition that are listed; the rest is counted in a last one. */
export const listedMax = 100
/** What a record has beside its values. */
const frameBytes = 300

export interface Stamp {
  readonly source: string
  readonly seq: number
  readonly atMs: number
}

export class RecordMaker {
  readonly #cutter = new Cutter()
  readonly #redactor: Redactor

  constructor(report: (error: MemorySyncError) => void) {
    this.#redactor = new Redactor([], report)
  }

  /** About the size of the record that was made last, as JSON text. */
  get bytes(): number {
    return this.#cutter.bytes
  }

  /** Applied one after the other. */
  redactWith(hooks: readonly Redact[]): void {
    this.#redactor.use(hooks)
  }

  transition(draft: TransitionDraft, stamp: Stamp): TransitionRecord {
    const { address, actions } = draft
    this.#begin()
    const event = this.#event(address, draft.event)
    const writes: TracedWrite[] = []
    const listed = actions.length === 0 ? nothing : this.#listed(address, actions, writes)
    const context = draft.hasNewContext
      ? this.#value(draft.context, { kind: 'context', address, name: draft.chartId ?? '' })
      : null
    const record: TransitionRecord = {
      source: stamp.source,
      seq: stamp.seq,
      atMs: stamp.atMs,
      type: 'transition',
      address,
      event,
      sender: draft.sender,
      from: draft.from,
      to: draft.to,
      edges: draft.edges,
      actions: listed,
      writes,
      status: draft.status,
      mailbox: draft.mailbox,
      durationMs: draft.durationMs,
      ...(draft.hasNewContext ? { context: context as Json | CutValue } : undefined),
    }
    return record
  }

  actor({ address, machine, parent, state, context, restarts }: LiveActor, stamp: Stamp): ActorRecord {
    this.#begin()
    const chartId = machine?.id ?? null
    const told = this.#value(context, { kind: 'context', address, name: chartId ?? '' })
    return { ...stamp, type: 'actor', address, chartId, parent, state, context: told, restarts }
  }

  /** An event of a record that has little else. */
  lostEvent(address: string, event: { readonly type: string }): CutEvent {
    this.#begin()
    return this.#event(address, event)
  }

  /** The sides of a conflict and its result, alike bounded. */
  conflict(key: string, sides: readonly Entry[], resolved: Json): { sides: Entry<Json | CutValue>[]; resolved: Json | CutValue } {
    this.#begin()
    const place: RedactPlace = { kind: 'conflict', address: null, name: key }
    return {
      sides: sides.map((side) => ({ ...side, value: this.#value(side.value, place) })),
      resolved: this.#value(resolved, place),
    }
  }

  #event(address: string, given: { readonly type: string }): CutEvent {
    return this.#cutter.cutEvent(this.#redactor.event(address, withoutEntries(given)), this.#room())
  }

  #begin(): void {
    this.#cutter.bytes = frameBytes
  }

  #room(): number {
    return Math.max(0, Math.min(valueBytesMax, recordBytesMax - this.#cutter.bytes))
  }

  #value(value: unknown, place: RedactPlace): Json | CutValue {
    return this.#cutter.cut(this.#redactor.value(value, place), this.#room())
  }

  /** @param writes what the actions asked to be written is put here, and is told there alone. */
  #listed(address: string, actions: readonly TakenAction[], writes: TracedWrite[]): TracedAction[] {
    const listed: TracedAction[] = []
    for (const { type, params } of actions) {
      if (listed.length === listedMax) {
        listed.push({ type: `(${actions.length - listedMax} more)` })
        break
      }
      const intents = type === remember ? intentsOf(params) : null
      if (intents !== null) this.#listWrites(address, intents, writes)
      const rest = intents === null ? withoutEntries(params) : without(params as object, 'intents')
      this.#cutter.bytes += type.length + 24
      if (rest === undefined) listed.push({ type })
      else listed.push({ type, params: this.#value(rest, { kind: 'params', address, name: type }) })
    }
    return listed
  }

  #listWrites(address: string, intents: readonly TracedIntent[], writes: TracedWrite[]): void {
    for (const [index, { key, value }] of intents.entries()) {
      if (writes.length >= listedMax) {
        writes.push({ key: `(${intents.length - index} more)`, value: null })
        return
      }
      this.#cutter.bytes += key.length + 24
      if (value === undefined) writes.push({ key })
      else writes.push({ key, value: this.#value(value, { kind: 'write', address, name: key }) })
    }
  }
}

const nothing: readonly never[] = []
/** The effect by which all charts of the house write: `machines/effect.ts`. */
const remember = 'remember'

interface TracedIntent {
  readonly key: string
  readonly value?: unknown
}

function intentsOf(params: unknown): readonly TracedIntent[] | null {
  const { intents } = (params ?? {}) as { readonly intents?: unknown }
  return Array.isArray(intents) ? intents : null
}

/** Changes of memory inside of a value, without what they changed: others' secrets, and tokens of other processes. */
function withoutEntries<T>(value: T): T {
  const { changes } = (value ?? {}) as { readonly changes?: unknown }
  if (!Array.isArray(changes)) return value
  const told = changes.map((change: { readonly key?: unknown; readonly revision?: unknown } | null) => ({
    key: change?.key,
    revision: change?.revision,
  }))
  return { ...value, changes: told }
}

function without(object: object, member: string): object {
  const rest: Record<string, unknown> = { ...object }
  delete rest[member]
  return rest
}
