/**
 * A flat chart as a table: for each state and event the transitions in the order of their priority, with all their actions
 * in a row. Reads the machine object and knows how XState stores what was configured; runs nothing.
 */
import type {
  AnyActorScope,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
} from 'xstate'
import { MemorySyncError } from '../domain/errors.ts'

/** One event on its way through the chart: actions see what those before them assigned. */
export interface Run {
  context: object
  event: AnyEventObject
  readonly scope: AnyActorScope
  readonly raised: AnyEventObject[]
}

export type Act = (run: Run) => void
export type Guard = (snapshot: AnyMachineSnapshot, event: AnyEventObject) => boolean

/** A transition as it is taken from one state. */
export interface Row {
  readonly definitions: readonly AnyTransitionDefinition[]
  readonly guard: Guard | null
  /** Exit, transition and entry actions, in that order. */
  readonly acts: readonly Act[]
  /** null: the same state afterwards, left and entered again or not. */
  readonly target: State | null
}

export interface State {
  /** What all snapshots in this state have in common. */
  readonly template: AnyMachineSnapshot
  /** The state's own first, then the root's: the first that is allowed is taken. */
  readonly rowsByType: ReadonlyMap<string, readonly Row[]>
  readonly always: readonly Row[]
  /** What runs when a final state was entered. */
  readonly doneActs: readonly Act[]
}

export interface Table {
  readonly stateByValue: ReadonlyMap<unknown, State>
  readonly initial: State
  readonly initialActs: readonly Act[]
}

/** @throws `not_supported`, saying what the table cannot express. */
export function tableOf(machine: AnyStateMachine): Table {
  const { root } = machine
  const nodes: AnyStateNode[] = Object.values(root.states)
  for (const node of [root, ...nodes]) checkNode(machine, node)

  const filling = nodes.map((node) => {
    const rowsByType = new Map<string, readonly Row[]>()
    const always: Row[] = []
    const doneActs = node.type === 'final' ? actsOf(machine, [...node.exit, ...root.exit]) : []
    const template: AnyMachineSnapshot = machine.resolveState({ value: node.key, context: {} })
    return { node, rowsByType, always, state: { template, rowsByType, always, doneActs } satisfies State }
  })
  const stateByNode = new Map(filling.map(({ node, state }) => [node, state]))

  for (const { node, rowsByType, always } of filling) {
    const rowOf = (definition: AnyTransitionDefinition): Row => {
      const given = targetOf(machine, definition)
      const isStaying = given === undefined || (given === definition.source && !definition.reenter)
      const acts = isStaying ? definition.actions : [...node.exit, ...definition.actions, ...given.entry]
      return {
        definitions: [definition],
        guard: definition.guard === undefined ? null : guardOf(machine, definition.guard, definition),
        acts: actsOf(machine, acts),
        target: isStaying || given === node ? null : (stateByNode.get(given) ?? null),
      }
    }
    for (const type of new Set([...node.transitions.keys(), ...root.transitions.keys()])) {
      const definitions = [...(node.transitions.get(type) ?? []), ...(root.transitions.get(type) ?? [])]
      rowsByType.set(type, definitions.map(rowOf))
    }
    always.push(...[...(node.always ?? []), ...(root.always ?? [])].map(rowOf))
  }

  const first = root.initial.target[0] as AnyStateNode
  return {
    stateByValue: new Map(filling.map(({ node, state }) => [node.key, state])),
    initial: stateByNode.get(first) as State,
    initialActs: actsOf(machine, [...root.entry, ...root.initial.actions, ...first.entry]),
  }
}

export function refusal(machine: AnyStateMachine, reason: string): MemorySyncError {
  return new MemorySyncError('not_supported', `the chart "${machine.id}" cannot be compiled: ${reason}; run it as it is`)
}

function checkNode(machine: AnyStateMachine, node: AnyStateNode): void {
  const isRoot = node === machine.root
  if (isRoot ? node.type !== 'compound' : node.type !== 'atomic' && node.type !== 'final') {
    throw refusal(machine, `"${node.id}" is a ${node.type} state, and only flat charts can`)
  }
  if (node.invoke.length > 0) throw refusal(machine, `"${node.id}" invokes an actor`)
  if (node.after.length > 0) throw refusal(machine, `"${node.id}" has an \`after\``)
  if (node.output !== undefined) throw refusal(machine, `"${node.id}" has an output`)
  for (const type of node.transitions.keys()) {
    if (type.includes('*')) throw refusal(machine, `"${node.id}" listens to the wildcard "${type}"`)
    if (type.startsWith('xstate.')) throw refusal(machine, `"${node.id}" listens to "${type}"`)
  }
}

function targetOf(machine: AnyStateMachine, { target, source, reenter }: AnyTransitionDefinition): AnyStateNode | undefined {
  if (target === undefined) return undefined
  const [only] = target
  if (only === undefined || target.length > 1) throw refusal(machine, `a transition of "${source.id}" has several targets`)
  if (only === machine.root) throw refusal(machine, `a transition of "${source.id}" targets the chart itself`)
  if (source === machine.root && reenter) throw refusal(machine, 'a transition of its root re-enters the root')
  return only
}

/** How XState keeps what `assign`, `raise`, `and`, … were given: as members of a function, none of them documented. */
interface Builtin {
  readonly type?: unknown
  readonly resolve?: unknown
  readonly assignment?: unknown
  readonly event?: unknown
  readonly id?: unknown
  readonly delay?: unknown
  readonly check?: unknown
}

type Params = (run: Pick<Run, 'context' | 'event'>) => unknown
type Expression = (args: object, params: unknown) => unknown

/** A reference as it stands in a chart: a name, a name with parameters, or the function itself. */
function referred(reference: unknown): { readonly name: string | null; readonly params: Params | null } {
  if (typeof reference === 'string') return { name: reference, params: null }
  if (typeof reference === 'function') return { name: null, params: null }
  const { type, params } = reference as { type: string; params?: unknown }
  if (params === undefined) return { name: type, params: null }
  if (typeof params !== 'function') return { name: type, params: () => params }
  return { name: type, params: ({ context, event }) => params({ context, event }) }
}

function actsOf(machine: AnyStateMachine, actions: readonly unknown[]): Act[] {
  return actions.map((action) => actOf(machine, action))
}

function actOf(machine: AnyStateMachine, action: unknown): Act {
  const { name, params } = referred(action)
  const run = (name === null ? action : machine.implementations.actions[name]) as (Expression & Builtin) | undefined
  if (run === undefined || run.resolve === undefined) {
    return customAct(name ?? (run?.name || '(anonymous)'), params, run)
  }
  if (run.type === 'xstate.assign') return assignAct(run.assignment, params)
  if (run.type === 'xstate.raise' && run.delay === undefined) return raiseAct(run, params)
  throw refusal(machine, `it uses the built-in action "${run.type}"${run.delay === undefined ? '' : ' with a delay'}`)
}

/** Left to the actor's executor, which tells inspectors and waits for the start. */
function customAct(type: string, params: Params | null, exec: Expression | undefined): Act {
  return (run) => {
    const info = infoOf(run)
    run.scope.actionExecutor({ type, info, params: params?.(run), exec })
  }
}

function assignAct(assignment: unknown, params: Params | null): Act {
  if (typeof assignment === 'function') {
    return (run) => {
      run.context = { ...run.context, ...assignment(assignArgsOf(run), params?.(run)) }
    }
  }
  const members = Object.entries(assignment as object)
  return (run) => {
    const args = assignArgsOf(run)
    const given = params?.(run)
    const next: Record<string, unknown> = { ...run.context }
    for (const [member, value] of members) next[member] = typeof value === 'function' ? value(args, given) : value
    run.context = next
  }
}

function raiseAct({ event, id }: Builtin, params: Params | null): Act {
  return (run) => {
    const info = infoOf(run)
    const given = params?.(run)
    const raised: AnyEventObject = typeof event === 'function' ? event(info, given) : event
    run.raised.push(raised)
    run.scope.actionExecutor({ type: 'xstate.raise', info, params: { event: raised, id, delay: undefined }, exec: undefined })
  }
}

function infoOf({ context, event, scope }: Run) {
  return { context, event, self: scope.self, system: scope.system }
}

function assignArgsOf({ context, event, scope }: Run) {
  return { context, event, spawn: spawnNothing, self: scope.self, system: scope.system }
}

export function spawnNothing(): never {
  throw new MemorySyncError('not_supported', 'a compiled chart spawns no actors')
}

function guardOf(machine: AnyStateMachine, guard: unknown, { source, eventType }: AnyTransitionDefinition): Guard {
  const { name, params } = referred(guard)
  const decide = (name === null ? guard : machine.implementations.guards[name]) as (Expression & Builtin) | undefined
  if (typeof decide !== 'function') throw refusal(machine, `nobody provides its guard "${name}"`)
  const { check } = decide
  const isAllowed: Guard =
    typeof check === 'function'
      ? (snapshot, event) => check(snapshot, { context: snapshot.context, event }, decide)
      : (snapshot, event) => {
          const args = { context: snapshot.context, event }
          return Boolean(decide(args, params?.(args)))
        }
  if (eventType === '') return isAllowed
  return (snapshot, event) => {
    try {
      return isAllowed(snapshot, event)
    } catch (cause) {
      const which = `guard ${name === null ? '' : `'${name}' `}in transition for event '${eventType}' in state node '${source.id}'`
      throw new Error(`Unable to evaluate ${which}:\n${(cause as Error).message}`, { cause })
    }
  }
}
