/**
 * What the trace is given of a runtime: its actors, its counters, and the way to send to its actors. Decides which events an
 * actor may be sent by people; knows nothing of records.
 */
import {
  __unsafe_getAllOwnEventDescriptors,
  type AnyActorRef,
  type AnyMachineSnapshot,
  isMachineSnapshot,
  transition,
} from 'xstate'
import type { BatchWriter } from '../actors/batch-writer.ts'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { PostEvent } from '../ports/post.ts'
import type { Random } from '../ports/random.ts'
import type { Store } from '../ports/store.ts'
import type { TraceHands } from '../trace/runtime-trace.ts'
import type { ReadCache } from './cache.ts'
import { assertEvent, commandsByKind } from './commands.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { CheckedOptions } from './options.ts'
import type { Supervisor } from './supervisor.ts'

export interface TracedRuntime extends Pick<TraceHands, 'commitTimes' | 'onProblem' | 'report' | 'send'> {
  readonly parts: {
    readonly workerId: string
    readonly incarnation: string
    readonly clock: Clock
    readonly random: Random
    readonly store: Pick<Store, 'url'>
    readonly options: Pick<CheckedOptions, 'namespace' | 'redact'>
  }
  readonly supervisor: Supervisor
  readonly writer: BatchWriter
  readonly dispatcher: Dispatcher
  readonly cache: ReadCache
  problems(): number
  conflicts(): number
}

export function traceHands(traced: TracedRuntime): TraceHands {
  const { parts, supervisor, writer, dispatcher, cache } = traced
  const { clock, random, workerId, incarnation, store, options } = parts
  return {
    about: { workerId, incarnation, namespace: options.namespace, store: store.url },
    clock,
    random,
    commitTimes: traced.commitTimes,
    inspect: (observe) => supervisor.inspect(observe),
    actors: () => supervisor.actors(),
    restartsOf: (address) => supervisor.restartsOf(address),
    onDeadLetter: (listener) => supervisor.onDeadLetter(({ address, event }) => listener(address, event)),
    onProblem: (listener) => traced.onProblem(listener),
    counters() {
      const { hits, misses } = cache.metrics()
      return {
        actors: supervisor.size,
        pendingWrites: writer.pending,
        cacheHits: hits,
        cacheMisses: misses,
        conflicts: traced.conflicts(),
        problems: traced.problems(),
        deadLetters: supervisor.deadLetters.count,
        breaker: breakerOf(supervisor.get('circuit-breaker')),
        ready: dispatcher.ready,
        running: dispatcher.running,
      }
    },
    async send(address, event) {
      assertEvent(event)
      const kind = address.split('/')[0]
      const isCommand = (kind === 'task' || kind === 'worker') && Object.hasOwn(commandsByKind[kind], event.type)
      if (isCommand) return traced.send(address, event)
      sendAsChartSays(supervisor, address, event)
    },
    report: traced.report,
    ...(options.redact === undefined ? undefined : { redact: options.redact }),
  }
}

/**
 * @throws `not_supported` when its actor is not here or its chart does not name the event in its present state (guards may still pass
 * it over), `invalid_value` when the chart fails on it.
 */
function sendAsChartSays(supervisor: Supervisor, address: string, event: PostEvent): void {
  const snapshot: unknown = supervisor.get(address)?.getSnapshot()
  if (!isMachineSnapshot(snapshot) || snapshot.status !== 'active') {
    throw new MemorySyncError('not_supported', `no actor with a chart lives at ${quote(address)} in this process`)
  }
  const taken = __unsafe_getAllOwnEventDescriptors(snapshot)
  if (!taken.some((descriptor) => isMatch(event.type, descriptor))) {
    const next = taken.filter((descriptor) => !descriptor.startsWith('xstate.')).join(', ')
    throw new MemorySyncError(
      'not_supported',
      `${quote(address)} does not take ${quote(event.type)} in state ${quote(snapshot.value)}; it takes ${next || 'no event'}`,
    )
  }
  assertHarmless(snapshot, address, event)
  supervisor.tell(address, event)
}

/** An actor would crash on an event that lacks what its chart reads: tried without effect first. */
function assertHarmless(snapshot: AnyMachineSnapshot, address: string, event: PostEvent): void {
  let fault: unknown = null
  try {
    const [next] = transition(snapshot.machine, snapshot, event)
    if (next.status === 'error') fault = next.error
  } catch (thrown) {
    fault = thrown ?? 'unknown'
  }
  if (fault === null) return
  throw new MemorySyncError(
    'invalid_value',
    `the chart of ${quote(address)} fails on ${quote(event)}: ${messageOf(fault)}. Give the event all its members.`,
    { cause: fault },
  )
}

function isMatch(type: string, descriptor: string): boolean {
  if (descriptor === '*' || descriptor === type) return true
  return descriptor.endsWith('.*') && type.startsWith(descriptor.slice(0, -1))
}

function breakerOf(actor: AnyActorRef | undefined): 'closed' | 'open' | 'half-open' | 'unknown' {
  const value: unknown = actor?.getSnapshot().value
  if (value === 'halfOpen') return 'half-open'
  return value === 'closed' || value === 'open' ? value : 'unknown'
}
