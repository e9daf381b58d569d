/**
 * The actors as they were told. Owns what a record makes of an actor, and how many that have ended are kept.
 *
 * - L1 a start behind an end is a new life: it begins with nothing of the former one
 * - L2 a start that is told again while the actor lives, as after a lost connection, changes only what it tells
 * - L3 live actors are never dropped
 */
import type { ActorEndedRecord, ActorRecord, TransitionRecord } from '../../../wire/trace-record.ts'
import { kindOf } from './query.ts'
import { type ActorView, endedActorsMax } from './session-state.ts'
import { MapDraft, type SharedMap } from './shared-map.ts'

/** Of the ended ones, when their bound is reached: dropping in steps spares looking for the oldest at each end. */
const keptShare = 0.875

export interface ActorsState {
  readonly actors: SharedMap<ActorView>
  /** Those of them that are not active. */
  readonly endedActors: number
}

export class ActorsDraft {
  readonly #actors: MapDraft<ActorView>
  #ended: number

  constructor(state: ActorsState) {
    this.#actors = new MapDraft(state.actors)
    this.#ended = state.endedActors
  }

  finish(): ActorsState {
    return { actors: this.#actors.finish(), endedActors: this.#ended }
  }

  started(record: ActorRecord): void {
    const { source, address, chartId, parent, state, context, restarts, atMs } = record
    const id = `${source}|${address}`
    const known = this.#actors.get(id)
    const isToldAgain = known !== undefined && isOfThisLife(known) && known.restarts === restarts
    this.#put(known, {
      ...(isToldAgain ? known : newborn(source, address, atMs)),
      chartId,
      parent,
      state,
      context,
      restarts,
      status: 'active',
      lastMs: atMs,
    })
  }

  /** @param guessChart the id of the chart for an actor whose start was lost. */
  moved(record: TransitionRecord, position: number, guessChart: (kind: string) => string | null): void {
    const { source, address, to, context, status, mailbox, edges, atMs } = record
    const known = this.#actors.get(`${source}|${address}`)
    const before = known !== undefined && isOfThisLife(known) ? known : unseen(source, address, atMs, guessChart)
    this.#put(known, {
      id: before.id,
      source,
      address,
      kind: before.kind,
      chartId: before.chartId,
      parent: before.parent,
      state: to,
      context: context === undefined ? before.context : context,
      status,
      restarts: before.restarts,
      mailbox,
      sinceMs: before.sinceMs,
      lastMs: atMs,
      transitions: before.transitions + 1,
      lastEdges: edges,
      lastPosition: position,
    })
  }

  /** Of one that is not known there is nothing to show. */
  ended({ source, address, how, atMs }: ActorEndedRecord): void {
    const known = this.#actors.get(`${source}|${address}`)
    if (known !== undefined) {
      this.#put(known, { ...known, status: how === 'crashed' ? 'error' : how, mailbox: 0, lastMs: atMs })
    }
  }

  /** Nobody hears of the source's live actors any more. */
  lose(source: string): void {
    const live = [...this.#actors.values()].filter((actor) => actor.source === source && actor.status === 'active')
    for (const actor of live) this.#put(actor, { ...actor, status: 'lost' })
  }

  /** The sources themselves are forgotten. */
  forget(sources: ReadonlySet<string>): void {
    for (const actor of [...this.#actors.values()]) if (sources.has(actor.source)) this.#delete(actor)
  }

  #put(before: ActorView | undefined, after: ActorView): void {
    this.#actors.set(after.id, after)
    this.#ended += Number(after.status !== 'active') - Number(before !== undefined && before.status !== 'active')
    if (this.#ended > endedActorsMax) this.#dropOldest()
  }

  #dropOldest(): void {
    const ended = [...this.#actors.values()].filter(({ status }) => status !== 'active')
    // The ids only decide where the clocks say nothing, so that the same records always leave the same actors.
    ended.sort((a, b) => a.lastMs - b.lastMs || (a.id < b.id ? -1 : 1))
    for (const actor of ended.slice(0, ended.length - Math.floor(endedActorsMax * keptShare))) this.#delete(actor)
  }

  #delete(actor: ActorView): void {
    this.#actors.delete(actor.id)
    if (actor.status !== 'active') this.#ended--
  }
}

/** What is lost may be heard of again. */
function isOfThisLife({ status }: ActorView): boolean {
  return status === 'active' || status === 'lost'
}

function newborn(source: string, address: string, sinceMs: number): ActorView {
  return {
    id: `${source}|${address}`,
    source,
    address,
    kind: kindOf(address),
    chartId: null,
    parent: null,
    state: null,
    context: null,
    status: 'active',
    restarts: 0,
    mailbox: 0,
    sinceMs,
    lastMs: sinceMs,
    transitions: 0,
    lastEdges: [],
    lastPosition: null,
  }
}

/** Its start is missing: what its first transition tells is all there is. */
function unseen(source: string, address: string, sinceMs: number, guessChart: (kind: string) => string | null): ActorView {
  const actor = newborn(source, address, sinceMs)
  return { ...actor, chartId: guessChart(actor.kind) }
}
