/**
 * Runs a flat chart from a table that is made once, where XState interprets the chart anew for every event. The chart stays
 * the only truth: all is read from the machine object, and snapshots have its own shape. Knows no particular chart.
 *
 * - C1 snapshots, actions and inspection events are those of the machine itself, in the same order
 * - C2 a chart for which C1 cannot hold is refused, never approximated
 */
import type {
  ActorLogic,
  AnyActorScope,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  EmittedFrom,
  EventFromLogic,
  InputFrom,
  SnapshotFrom,
} from 'xstate'
import { type Act, type Row, type Run, refusal, type State, spawnNothing, tableOf } from './chart-table.ts'

type System = AnyActorScope['system']

/** What `createActor` takes in the machine's place. */
export interface CompiledChart<M extends AnyStateMachine>
  extends ActorLogic<SnapshotFrom<M>, EventFromLogic<M>, InputFrom<M>, System, EmittedFrom<M>> {
  readonly id: string
  /** The raw chart, where inspectors look for what to draw. */
  readonly config: M['config']
  readonly machine: M
}

/** `always` transitions and raised events that may follow one event, unless the chart has its own `maxIterations`. */
export const microstepsMax = 1000

/**
 * The same chart as actor logic, with its actions as bound by `provide`.
 *
 * @throws `not_supported` for what a table of flat states cannot express: nested, parallel and history states, `invoke`,
 * `after`, outputs, wildcards, several targets, and built-in actions other than `assign` and `raise` without delay. The
 * chart's error for more than {@link microstepsMax} steps after one event is `not_supported` too.
 */
export function compileChart<M extends AnyStateMachine>(machine: M): CompiledChart<M>
export function compileChart(machine: AnyStateMachine): CompiledChart<AnyStateMachine> {
  const { stateByValue, initial, initialActs } = tableOf(machine)
  const { context } = machine.config
  // An actor that fails before it has entered a state is in none but the root.
  const unborn = { ...initial.template, _nodes: [machine.root], tags: new Set(machine.root.tags) } as AnyMachineSnapshot
  const ownMax = machine.options.maxIterations ?? Number.POSITIVE_INFINITY
  const stepsMax = Number.isFinite(ownMax) ? ownMax : microstepsMax

  function stateOf(snapshot: AnyMachineSnapshot): State {
    const state = stateByValue.get(snapshot.value)
    if (state === undefined) throw refusal(machine, `it has no state ${JSON.stringify(snapshot.value)}`)
    return state
  }

  /** What is left to do after a step: transitions that need no event, then raised events. */
  function settle(given: AnyMachineSnapshot, run: Run): AnyMachineSnapshot {
    let snapshot = given
    let asksAlways = true
    for (let steps = 1; snapshot.status === 'active'; steps++) {
      if (steps > stepsMax) throw refusal(machine, `more than ${stepsMax} steps followed one event`)
      const state = stateOf(snapshot)
      let row: Row | null = asksAlways ? allowed(state.always, snapshot, run) : null
      const before: AnyMachineSnapshot | null = row === null ? null : snapshot
      if (row === null) {
        const raised = run.raised.shift()
        if (raised === undefined) return snapshot
        run.event = raised
        row = allowed(state.rowsByType.get(raised.type) ?? noRows, snapshot, run)
      }
      if (row !== null) snapshot = take(row, snapshot, run)
      // An `always` that changed nothing would be taken for ever.
      asksAlways = snapshot !== before
      inspect(run, snapshot, row)
    }
    return snapshot
  }

  function getInitialSnapshot(scope: AnyActorScope, input: unknown): AnyMachineSnapshot {
    const run: Run = { context: {}, event: { type: 'xstate.init', input }, scope, raised: [] }
    let given: object = {}
    try {
      given = typeof context === 'function' ? { ...context({ spawn: spawnNothing, input, self: scope.self }) } : (context ?? {})
      run.context = given
      return settle(enter(initial, initialActs, run), run)
    } catch (error) {
      return withStatus(withContext(unborn, given), 'error', error)
    }
  }

  function transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope): AnyMachineSnapshot {
    const run: Run = { context: snapshot.context, event, scope, raised: [] }
    if (event.type === 'xstate.stop') return inspect(run, withStatus(snapshot, 'stopped'), null)
    if (snapshot.status !== 'active') return snapshot
    const row = allowed(stateOf(snapshot).rowsByType.get(event.type) ?? noRows, snapshot, run)
    if (row === null && event.type.startsWith('xstate.error.actor')) {
      return inspect(run, withStatus(snapshot, 'error', event.error), null)
    }
    return settle(inspect(run, row === null ? snapshot : take(row, snapshot, run), row), run)
  }

  return {
    id: machine.id,
    config: machine.config,
    machine,
    getInitialSnapshot,
    transition,
    // Snapshots are of the machine's shape: what it does with them at rest need not be fast.
    getPersistedSnapshot: machine.getPersistedSnapshot,
    restoreSnapshot: machine.restoreSnapshot,
  }
}

const noRows: readonly Row[] = []

function allowed(rows: readonly Row[], snapshot: AnyMachineSnapshot, run: Run): Row | null {
  for (const row of rows) if (row.guard === null || row.guard(snapshot, run.event)) return row
  return null
}

function take(row: Row, snapshot: AnyMachineSnapshot, run: Run): AnyMachineSnapshot {
  if (row.target !== null) return enter(row.target, row.acts, run)
  for (const act of row.acts) act(run)
  return run.context === snapshot.context ? snapshot : withContext(snapshot, run.context)
}

function enter(state: State, acts: readonly Act[], run: Run): AnyMachineSnapshot {
  for (const act of acts) act(run)
  for (const act of state.doneActs) act(run)
  return withContext(state.template, run.context)
}

function withContext(snapshot: AnyMachineSnapshot, context: object): AnyMachineSnapshot {
  return { ...snapshot, context }
}

function withStatus(snapshot: AnyMachineSnapshot, status: 'stopped' | 'error', error?: unknown): AnyMachineSnapshot {
  return { ...snapshot, status, error } as AnyMachineSnapshot
}

/** Not in XState's types, and the only way to an inspector. */
type InspectedSystem = System & { _sendInspectionEvent?(event: object): void }

function inspect({ scope, event }: Run, snapshot: AnyMachineSnapshot, row: Row | null): AnyMachineSnapshot {
  const system: InspectedSystem = scope.system
  const transitions = row === null ? noRows : row.definitions
  system._sendInspectionEvent?.({ type: '@xstate.microstep', actorRef: scope.self, event, snapshot, _transitions: transitions })
  return snapshot
}
