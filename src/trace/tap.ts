/**
 * What XState's inspection events say, as drafts of records: one for each event that an actor took. Works inside of actors'
 * transitions, so it only keeps references: snapshots, events and params are never changed by anybody. Knows no reader and
 * no JSON.
 *
 * - A1 every event relayed to an actor becomes one transition or, when the actor ends before its turn, one dead letter
 * - A2 drafts stand in the order in which events were taken, not in which they were done with: what an actor causes comes
 *   behind what it took
 * - A3 all that one event leads to happens in one stretch: when that is over, no actor is at work and all drafts are whole
 */
import type {
  AnyActorRef,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate'
import type { Json } from '../domain/json.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { ActorEndedRecord } from '../wire/trace-record.ts'
import { edgeIdOf } from './chart-reader.ts'
import type { Draft, LiveActor, TakenAction, TransitionDraft } from './draft.ts'

export interface TapHands {
  wallMs(): number
  monotonicMs(): number
  /** Whether the next transition is told. */
  isSampled(): boolean
  /** Starts of the actor at that address after crashes. */
  restartsOf(address: string): number
  /** In order. A transition is not whole before its stretch is over. */
  drafted(draft: Draft): void
}

interface Waiting {
  readonly event: AnyEventObject
  readonly sender: string | null
}

interface Traced {
  readonly address: string
  readonly parent: string | null
  readonly ref: AnyActorRef
  machine: AnyStateMachine | null
  isStarted: boolean
  state: Json
  /** The last one that was told. */
  toldContext: unknown
  /** Relayed and not taken yet. */
  readonly waiting: Waiting[]
  /** What it is at work on. */
  draft: TransitionDraft | null
  edges: string[]
  actions: TakenAction[]
}

/** Of one event; only charts that run in circles take more, and the first say it all. */
export const edgesMax = 200

const init = 'xstate.init'
const stop = 'xstate.stop'
const doneActor = 'xstate.done.actor.'
const errorActor = 'xstate.error.actor.'
const nothing: readonly never[] = []

export class Tap {
  readonly #hands: TapHands
  readonly #actors = new ShortLivedMap<AnyActorRef, Traced>()
  /** Those at work, the innermost last: it is who sends. */
  readonly #atWork: Traced[] = []
  #transitions = 0
  #leftOut = 0

  constructor(hands: TapHands) {
    this.#hands = hands
  }

  /** Taken so far, those left out too. */
  get transitions(): number {
    return this.#transitions
  }

  get isAtWork(): boolean {
    return this.#atWork.length > 0
  }

  /** Transitions that were left out since this was asked last. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut
  }

  /** An actor that lived before the tap was attached. */
  adopt(ref: AnyActorRef, address: string, parent: string | null = null): void {
    if (this.#actors.has(ref)) return
    const traced = newTraced(ref, address, parent)
    traced.isStarted = true
    learnSnapshot(traced)
    this.#actors.set(ref, traced)
  }

  /** Those that live now. */
  *living(): Generator<LiveActor> {
    for (const traced of this.#actors.values()) if (traced.isStarted) yield this.#liveOf(traced)
  }

  /** Begins a new stretch. A3 broken by something that XState does not tell: nothing of that may reach into it. */
  settle(): void {
    for (const traced of this.#atWork.splice(0)) {
      if (traced.draft !== null) this.#lost(traced.address, traced.draft.event)
      traced.draft = null
    }
  }

  /** An XState inspection observer. */
  readonly observe = (given: InspectionEvent): void => {
    const ref = given.actorRef as AnyActorRef
    switch (given.type) {
      case '@xstate.event':
        this.#relayed(ref, given.event, given.sourceRef as AnyActorRef | undefined, given.rootId)
        break
      case '@xstate.microstep':
        this.#stepped(ref, given._transitions)
        break
      case '@xstate.action':
        this.#actors.get(ref)?.actions.push(given.action)
        break
      case '@xstate.snapshot':
        this.#settled(ref, given.event)
        break
      case '@xstate.actor':
        // The root is who keeps the others, and none of them.
        if (ref.sessionId !== given.rootId) this.#actors.set(ref, newTraced(ref, ...this.#placeOf(ref, given.rootId)))
    }
  }

  #stepped(ref: AnyActorRef, transitions: readonly AnyTransitionDefinition[]): void {
    const edges = this.#actors.get(ref)?.edges
    for (const transition of transitions) {
      const id = edgeIdOf(transition)
      if (edges !== undefined && id !== undefined && edges.length < edgesMax) edges.push(id)
    }
  }

  #relayed(ref: AnyActorRef, event: AnyEventObject, source: AnyActorRef | undefined, rootId: string): void {
    const { type } = event
    if (source !== undefined && type.startsWith(doneActor)) this.#ended(source, 'done', undefined)
    else if (source !== undefined && type.startsWith(errorActor)) this.#ended(source, 'crashed', event.error)
    if (ref.sessionId === rootId) return
    const traced = this.#actors.get(ref) ?? this.#met(ref, rootId)
    const sender = source === undefined ? (this.#atWork.at(-1)?.address ?? null) : this.#addressOf(source, rootId)
    if (type === init && !traced.isStarted) this.#start(traced, event)
    else if (ref.getSnapshot().status !== 'active') this.#lost(traced.address, event)
    else if (traced.isStarted && traced.draft === null) this.#begin(traced, event, sender)
    else traced.waiting.push({ event, sender })
  }

  /** One that lived before the tap was attached, and that nobody named: somebody's child. */
  #met(ref: AnyActorRef, rootId: string): Traced {
    const traced = newTraced(ref, ...this.#placeOf(ref, rootId))
    traced.isStarted = true
    learnSnapshot(traced)
    // What has ended is not met again, but may still be sent to.
    if (ref.getSnapshot().status !== 'active') return traced
    this.#actors.set(ref, traced)
    this.#hands.drafted({ type: 'actor', atMs: this.#hands.wallMs(), actor: this.#liveOf(traced) })
    return traced
  }

  #start(traced: Traced, event: AnyEventObject): void {
    traced.isStarted = true
    learnSnapshot(traced)
    this.#hands.drafted({ type: 'actor', atMs: this.#hands.wallMs(), actor: this.#liveOf(traced) })
    // What was done to get into the first state is collected already.
    this.#open(traced, { ...this.#newDraft(traced, event, null, true), from: null })
  }

  #begin(traced: Traced, event: AnyEventObject, sender: string | null): void {
    this.#transitions++
    const isTold = this.#hands.isSampled()
    if (!isTold) this.#leftOut++
    this.#open(traced, this.#newDraft(traced, event, sender, isTold))
  }

  #open(traced: Traced, draft: TransitionDraft): void {
    traced.draft = draft
    this.#atWork.push(traced)
    if (draft.isTold) this.#hands.drafted(draft)
  }

  #settled(ref: AnyActorRef, event: AnyEventObject): void {
    const traced = this.#actors.get(ref)
    if (event.type === stop) this.#ended(ref, 'stopped', undefined)
    // A done one has been told already: its work goes on until here.
    else if (traced === undefined) this.#leave(ref)
    else this.#taken(traced, event)
  }

  #taken(traced: Traced, event: AnyEventObject): void {
    if (traced.draft?.event !== event) {
      // It was at work when the tap was attached: what it was sent meanwhile waits.
      this.#withdraw(traced)
      const place = traced.waiting.findIndex((waiting) => waiting.event === event)
      const [passed] = place < 0 ? [] : traced.waiting.splice(place, 1)
      this.#begin(traced, event, passed?.sender ?? null)
    }
    this.#finish(traced)
    this.#leave(traced.ref)
    const next = traced.waiting.shift()
    if (next !== undefined) this.#begin(traced, next.event, next.sender)
  }

  /** The open draft is made whole. */
  #finish(traced: Traced): void {
    const { draft, ref } = traced
    if (draft === null) return
    const snapshot = ref.getSnapshot() as Partial<AnyMachineSnapshot>
    const context: unknown = snapshot.context
    const { edges, actions } = traced
    traced.draft = null
    traced.state = stateOf(snapshot)
    draft.to = traced.state
    // Most events lead to few of them: empty lists stay where they are.
    if (edges.length > 0) {
      draft.edges = edges
      traced.edges = []
    }
    if (actions.length > 0) {
      draft.actions = actions
      traced.actions = []
    }
    draft.status = snapshot.status ?? 'active'
    draft.mailbox = traced.waiting.length
    draft.durationMs = this.#hands.monotonicMs() - draft.startMs
    // Of a start that did nothing, the actor's own record says it all.
    draft.isTaken = draft.event.type !== init || edges.length > 0 || actions.length > 0
    if (context === traced.toldContext || !draft.isTold || !draft.isTaken) return
    draft.hasNewContext = true
    draft.context = context
    traced.toldContext = context
  }

  /** The event of the open draft was not taken yet. */
  #withdraw(traced: Traced): void {
    const { draft } = traced
    if (draft === null) return
    this.#leave(traced.ref)
    traced.draft = null
    if (draft.event.type === init) return
    this.#transitions--
    if (!draft.isTold) this.#leftOut--
    traced.waiting.unshift({ event: draft.event, sender: draft.sender })
  }

  #ended(ref: AnyActorRef, how: ActorEndedRecord['how'], error: unknown): void {
    const traced = this.#actors.get(ref)
    if (traced === undefined) return
    // One that is stopped while it is at work has finished that before.
    if (how === 'stopped') this.#withdraw(traced)
    else this.#finish(traced)
    this.#actors.delete(ref)
    // A done one is at work until its parent has heard of it; of a crashed one nothing more is told.
    if (how !== 'done') this.#leave(ref)
    for (const { event } of traced.waiting.splice(0)) this.#lost(traced.address, event)
    this.#hands.drafted({ type: 'actor.ended', atMs: this.#hands.wallMs(), address: traced.address, how, error })
  }

  #lost(address: string, event: AnyEventObject): void {
    this.#hands.drafted({ type: 'dead-letter', atMs: this.#hands.wallMs(), address, event })
  }

  /** It, and who was sent something by it and has not come back, is at work no more. */
  #leave(ref: AnyActorRef): void {
    const place = this.#atWork.findLastIndex((traced) => traced.ref === ref)
    if (place >= 0) this.#atWork.length = place
  }

  #newDraft(traced: Traced, event: AnyEventObject, sender: string | null, isTold: boolean): TransitionDraft {
    return {
      type: 'transition',
      atMs: this.#hands.wallMs(),
      address: traced.address,
      event,
      sender,
      from: traced.state,
      startMs: this.#hands.monotonicMs(),
      chartId: traced.machine?.id ?? null,
      isTold,
      isTaken: false,
      to: traced.state,
      edges: nothing,
      actions: nothing,
      context: undefined,
      hasNewContext: false,
      status: 'active',
      mailbox: 0,
      durationMs: 0,
    }
  }

  #liveOf({ address, parent, machine, state, toldContext, ref }: Traced): LiveActor {
    const { context } = ref.getSnapshot() as { readonly context?: unknown }
    const restarts = this.#hands.restartsOf(address)
    return { address, parent, machine, state, context: context ?? toldContext, restarts }
  }

  #addressOf(ref: AnyActorRef, rootId: string): string | null {
    if (ref.sessionId === rootId) return null
    return this.#actors.get(ref)?.address ?? this.#placeOf(ref, rootId)[0]
  }

  /** Address and parent: children of the root have their id as address, others their parent's before it. */
  #placeOf(ref: AnyActorRef, rootId: string): [address: string, parent: string | null] {
    const parent = ref._parent === undefined ? null : this.#addressOf(ref._parent, rootId)
    return [parent === null ? ref.id : `${parent}/${ref.id}`, parent]
  }
}

function newTraced(ref: AnyActorRef, address: string, parent: string | null): Traced {
  return {
    address,
    parent,
    ref,
    machine: null,
    isStarted: false,
    state: null,
    toldContext: undefined,
    waiting: [],
    draft: null,
    edges: [],
    actions: [],
  }
}

function learnSnapshot(traced: Traced): void {
  const snapshot = traced.ref.getSnapshot() as Partial<AnyMachineSnapshot>
  traced.machine = snapshot.machine ?? null
  traced.state = stateOf(snapshot)
  traced.toldContext = snapshot.context
}

/** A chart's state; other actors have none. */
function stateOf(snapshot: Partial<AnyMachineSnapshot>): Json {
  return snapshot.machine === undefined ? null : (snapshot.value as Json)
}
