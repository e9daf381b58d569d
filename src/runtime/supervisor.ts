/**
 * Who lives: the root of the runtime's one XState system, its children by address, and what happens when one crashes.
 * A plain transition function with its own map: children of a machine would cost time in proportion to their number.
 *
 * - V1 an address names at most one live actor
 * - V2 a child's crash never leaves this file: `permanent` ones are started again, at most `intensity` times in
 *   `periodMs`, then the crash is escalated; of `temporary` ones only their end is told
 * - V3 an event for nobody is kept as a dead letter, the newest {@link deadLettersMax}
 */
import {
  type Actor,
  type AnyActorLogic,
  type AnyActorRef,
  createActor,
  fromTransition,
  type InputFrom,
  type InspectionEvent,
} from 'xstate'
import { xstateClock } from '../actors/xstate-clock.ts'
import { MemorySyncError, messageOf } from '../domain/errors.ts'
import { ShortLivedMap } from '../domain/short-lived-map.ts'
import type { Clock } from '../ports/clock.ts'
import type { Post, PostEvent } from '../ports/post.ts'

export const deadLettersMax = 1000

export interface RestartIntensity {
  /** Restarts of one actor within the period; one more escalates. */
  readonly intensity: number
  readonly periodMs: number
}

export interface DeadLetter {
  readonly address: string
  readonly event: PostEvent
}

export interface SupervisorOptions {
  readonly clock: Clock
  readonly restart: RestartIntensity
  report(error: MemorySyncError): void
  /** A permanent actor crashed too often. */
  escalate(address: string, error: MemorySyncError): void
}

export interface ChildOptions<Logic extends AnyActorLogic> {
  readonly address: string
  readonly logic: Logic
  readonly input?: InputFrom<Logic>
  /** Default `temporary`. */
  readonly restart?: 'permanent' | 'temporary'
  /** After each start, the first and later ones. */
  onStart?(actor: Actor<Logic>): void
  /** Once, when it is done, crashed (`temporary`) or was escalated; not when it is stopped. */
  onEnd?(
    end: { readonly type: 'done'; readonly state: unknown } | { readonly type: 'crashed'; readonly error: MemorySyncError },
  ): void
}

interface Child {
  actor: AnyActorRef
  readonly options: ChildOptions<AnyActorLogic>
  readonly restartedAtMs: number[]
  /** Starts after crashes, however long ago. */
  restarts: number
}

const doneType = 'xstate.done.actor.'
const errorType = 'xstate.error.actor.'

export class Supervisor implements Post {
  readonly #options: SupervisorOptions
  readonly #children = new ShortLivedMap<string, Child>()
  readonly #deadLetters: DeadLetter[] = []
  readonly #root
  #stopActor: (actor: AnyActorRef) => void = () => {}
  #deadLetterCount = 0
  #onDeadLetter: ((letter: DeadLetter) => void) | null = null
  #isStopped = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    const logic = fromTransition((state: null, event: { type: string; error?: unknown }, scope) => {
      this.#stopActor = (actor) => scope.stopChild(actor)
      if (event.type.startsWith(doneType)) this.#ended(event.type.slice(doneType.length))
      else if (event.type.startsWith(errorType)) this.#crashed(event.type.slice(errorType.length), event.error)
      return state
    }, null)
    this.#root = createActor(logic, { id: 'runtime', clock: xstateClock(options.clock) })
    // A list of its actors that XState keeps and never reads; see `ShortLivedMap` for what it would cost.
    Object.assign(this.#root.system, { _register: (sessionId: string) => sessionId })
    this.#root.subscribe({ error: (thrown) => options.report(MemorySyncError.from(thrown, 'corrupt')) })
    this.#root.start()
    this.#root.send({ type: 'supervisor.ready' })
  }

  get size(): number {
    return this.#children.size
  }

  /** Events that reached nobody: how many there were, and the newest. */
  get deadLetters(): { readonly count: number; readonly newest: readonly DeadLetter[] } {
    return { count: this.#deadLetterCount, newest: this.#deadLetters }
  }

  start<Logic extends AnyActorLogic>(options: ChildOptions<Logic>): Actor<Logic> {
    if (this.#children.has(options.address)) {
      throw new MemorySyncError('invalid_option', `an actor is already running at "${options.address}"`)
    }
    const actor = this.#create(options)
    this.#children.set(options.address, {
      actor,
      options: options as ChildOptions<AnyActorLogic>,
      restartedAtMs: [],
      restarts: 0,
    })
    actor.start()
    options.onStart?.(actor)
    return actor
  }

  get(address: string): AnyActorRef | undefined {
    return this.#children.get(address)?.actor
  }

  /** Those that live, by their addresses. Not to be gone on with while one is started or stopped. */
  *actors(): Generator<[address: string, actor: AnyActorRef]> {
    for (const address of this.#children.keys()) {
      const actor = this.get(address)
      if (actor !== undefined) yield [address, actor]
    }
  }

  addresses(): string[] {
    return [...this.#children.keys()]
  }

  /** How often the actor at that address was started again after a crash. */
  restartsOf(address: string): number {
    return this.#children.get(address)?.restarts ?? 0
  }

  /** Calls the one listener for each dead letter from now on. Returns its end. */
  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    this.#onDeadLetter = listener
    return () => {
      this.#onDeadLetter = null
    }
  }

  tell(address: string, event: PostEvent): boolean {
    const actor = this.#children.get(address)?.actor
    if (actor === undefined || actor.getSnapshot().status !== 'active') {
      this.#deadLetterCount++
      this.#deadLetters.push({ address, event })
      if (this.#deadLetters.length > deadLettersMax) this.#deadLetters.shift()
      this.#onDeadLetter?.({ address, event })
      return false
    }
    actor.send(event)
    return true
  }

  /** Stops an actor and forgets it; nothing is told. */
  stop(address: string): void {
    const child = this.#children.get(address)
    if (child === undefined) return
    this.#children.delete(address)
    this.#stopActor(child.actor)
  }

  /** Stops everything, the root last. */
  stopAll(): void {
    this.#isStopped = true
    for (const address of this.addresses()) this.stop(address)
    this.#root.stop()
  }

  /** Attaches an XState inspection observer to the whole system. What it throws is reported and loses no event. */
  inspect(observe: (event: InspectionEvent) => void): () => void {
    const subscription = this.#root.system.inspect((event) => {
      try {
        observe(event)
      } catch (thrown) {
        this.#options.report(
          new MemorySyncError('aborted', `an inspection observer threw: ${messageOf(thrown)}`, { cause: thrown }),
        )
      }
    })
    return () => subscription.unsubscribe()
  }

  #create<Logic extends AnyActorLogic>(options: ChildOptions<Logic>): Actor<Logic> {
    // `parent` makes the child part of this system; XState then tells the root of its end (pinned by a test).
    const settings = { id: options.address, parent: this.#root as AnyActorRef, input: options.input }
    return createActor(options.logic, settings as never)
  }

  #ended(address: string): void {
    const child = this.#children.get(address)
    if (child === undefined) return
    this.#children.delete(address)
    const snapshot = child.actor.getSnapshot() as { value?: unknown }
    this.#stopActor(child.actor)
    child.options.onEnd?.({ type: 'done', state: snapshot.value })
  }

  #crashed(address: string, thrown: unknown): void {
    const child = this.#children.get(address)
    if (child === undefined || this.#isStopped) return
    const error = new MemorySyncError('aborted', `the actor "${address}" crashed: ${messageOf(thrown)}`, { cause: thrown })
    this.#options.report(error)
    this.#stopActor(child.actor)
    if (child.options.restart === 'permanent' && this.#mayRestart(child)) {
      const actor = this.#create(child.options)
      child.actor = actor
      child.restarts++
      // Not inside the crash: an actor that dies at its start would otherwise recurse.
      queueMicrotask(() => {
        if (this.#children.get(address) !== child) return
        actor.start()
        child.options.onStart?.(actor as Actor<AnyActorLogic>)
      })
      return
    }
    this.#children.delete(address)
    child.options.onEnd?.({ type: 'crashed', error })
    if (child.options.restart === 'permanent') this.#options.escalate(address, error)
  }

  #mayRestart(child: Child): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    const { intensity, periodMs } = this.#options.restart
    while ((child.restartedAtMs[0] ?? nowMs) <= nowMs - periodMs) child.restartedAtMs.shift()
    if (child.restartedAtMs.length >= intensity) return false
    child.restartedAtMs.push(nowMs)
    return true
  }
}
