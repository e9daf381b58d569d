/**
 * Feeds an inspector of Stately (`@statelyai/inspect`) with a runtime's actors. Its package is not needed here: the inspector is handed
 * in. Knows no page.
 *
 * - S1 who lives when the bridge begins is registered, as XState itself tells only of those that start afterwards
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import type { Runtime } from '../runtime/runtime.ts'

/** What `createInspector`, `createWebSocketInspector` and the others give. */
export interface StatelyInspector {
  readonly inspect: { next?(event: InspectionEvent): void }
}

/**
 * Shows a runtime's actors in the inspector: those that live with their charts, then every event. Returns the end of it; the inspector
 * stays open. Slows the runtime while it lasts. Neither sampled nor redacted.
 *
 * @example
 * import { createWebSocketInspector } from '@statelyai/inspect'
 * const stop = bridgeToStately(runtime, createWebSocketInspector({ url: 'ws://localhost:8080' }))
 */
export function bridgeToStately(runtime: Pick<Runtime, 'inspect' | 'inside'>, { inspect }: StatelyInspector): () => void {
  const living = [...runtime.inside.actors()]
  const [first] = living
  const root = first === undefined ? undefined : parentOf(first)
  // Its children name it as their parent.
  if (root !== undefined) inspect.next?.(registrationOf(root, root.sessionId))
  for (const actor of living) inspect.next?.(registrationOf(actor, root?.sessionId ?? actor.sessionId))
  return runtime.inspect((event) => inspect.next?.(event))
}

/** As XState tells it when an actor is made. */
function registrationOf(actorRef: AnyActorRef, rootId: string): InspectionEvent {
  return { type: '@xstate.actor', actorRef, rootId }
}

/** Not in XState's types, and what Stately's inspector reads, too. */
function parentOf(actor: AnyActorRef): AnyActorRef | undefined {
  return (actor as AnyActorRef & { readonly _parent?: AnyActorRef })._parent
}
