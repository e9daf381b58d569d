/** Everything that can be observed of an actor while it runs, as plain data: what two ways of running one chart are compared by. */
import { type AnyActorLogic, type AnyMachineSnapshot, createActor, type InspectionEvent } from 'xstate'

export interface RunLog {
  readonly lines: unknown[]
  /** For custom actions: their name, what they were given and what they saw. */
  act(name: string, info: { context: unknown; event: unknown; self: unknown; system: unknown }, params: unknown): void
}

export function createRunLog(): RunLog {
  const lines: unknown[] = []
  return {
    lines,
    act(name, { context, event, self, system }, params) {
      const isAtHome = (self as { system: unknown }).system === system
      lines.push({ act: name, params, context, event, isAtHome })
    },
  }
}

export interface Driven {
  /** Sends what the recipe makes of the present snapshot; false once the actor has ended. */
  step(recipe: (snapshot: AnyMachineSnapshot) => { type: string }): boolean
  snapshot(): AnyMachineSnapshot
  stop(): void
}

/** Starts the logic as the root of its own system, with an inspector that logs all. */
export function drive(
  logic: AnyActorLogic,
  log: RunLog,
  options: { input?: unknown; snapshot?: AnyMachineSnapshot } = {},
): Driven {
  const actor = createActor(logic, { ...options, inspect: (event) => log.lines.push(plainInspection(event)) })
  actor.subscribe({
    next: (snapshot) => log.lines.push({ next: plain(snapshot) }),
    error: (error) => log.lines.push({ error: messageOf(error) }),
    complete: () => log.lines.push('complete'),
  })
  log.lines.push('created')
  actor.start()
  log.lines.push('started')
  return {
    step(recipe) {
      const snapshot = actor.getSnapshot()
      if (snapshot.status !== 'active') return false
      actor.send(recipe(snapshot))
      return true
    },
    snapshot: () => actor.getSnapshot(),
    stop: () => actor.stop(),
  }
}

export function plain(snapshot: AnyMachineSnapshot): object {
  const { value, context, status, output, error, children, historyValue } = snapshot
  const common = { value, context, status, output, error: messageOf(error), children: Object.keys(children), historyValue }
  // XState keeps these functions on the snapshot itself: whoever spreads it takes them along.
  return { ...common, members: Object.keys(snapshot), tags: [...snapshot.tags].sort(), meta: snapshot.getMeta() }
}

function plainInspection(event: InspectionEvent): object {
  switch (event.type) {
    case '@xstate.microstep':
      return {
        type: event.type,
        event: event.event,
        snapshot: plain(event.snapshot as AnyMachineSnapshot),
        transitions: event._transitions.map((transition) => JSON.stringify(transition)),
      }
    case '@xstate.snapshot':
      return { type: event.type, event: event.event, snapshot: plain(event.snapshot as AnyMachineSnapshot) }
    case '@xstate.event':
      return { type: event.type, event: event.event }
    case '@xstate.action':
      return { type: event.type, action: event.action }
    default:
      return { type: event.type }
  }
}

/** Two ways of running may word the same endless loop differently. */
function messageOf(error: unknown): string | undefined {
  if (error === undefined) return undefined
  const message = error instanceof Error ? error.message : String(error)
  return /Infinite loop|steps followed/.test(message) ? 'endless' : message
}
