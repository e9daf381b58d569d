/** Flat charts at random, of everything that a compiled chart claims to run: as plain specifications that a failure can print. */
import fc from 'fast-check'
import {
  type ActionFunction,
  type AnyStateMachine,
  and,
  assign,
  createMachine,
  type MachineConfig,
  not,
  or,
  raise,
  stateIn,
} from 'xstate'
import type { RunLog } from './run-log.ts'

type GuardKind = 'named' | 'static' | 'dynamic' | 'inline' | 'not' | 'and' | 'or' | 'in' | 'throws'
type ActionKind =
  | 'note'
  | 'noteStatic'
  | 'noteDynamic'
  | 'inline'
  | 'missing'
  | 'assignObject'
  | 'assignFunction'
  | 'assignNamed'
  | 'assignWith'
  | 'raise'
  | 'raiseDynamic'
  | 'throw'

interface GuardSpec {
  readonly kind: GuardKind
  readonly n: number
}

interface ActionSpec {
  readonly kind: ActionKind
  readonly n: number
}

interface TransitionSpec {
  readonly target: string | null
  readonly reenter: boolean
  readonly guard: GuardSpec | null
  readonly actions: readonly ActionSpec[]
}

interface NodeSpec {
  readonly on: Readonly<Record<string, readonly TransitionSpec[]>>
  readonly always: readonly TransitionSpec[]
  readonly entry: readonly ActionSpec[]
  readonly exit: readonly ActionSpec[]
  readonly tags: readonly string[]
}

export interface ChartSpec {
  readonly root: NodeSpec
  readonly states: readonly NodeSpec[]
  readonly initialActions: readonly ActionSpec[]
  readonly isContextComputed: boolean
}

interface Context {
  readonly n: number
  readonly last: string
}

type Event = { type: string; error?: string }

const eventTypes = ['a.one', 'b', 'c']
const stateKeys = ['s0', 's1', 's2', 'end']

/** Events to send, also such as no chart knows and such as an actor that crashed would send. */
export const eventArbitrary: fc.Arbitrary<Event> = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...eventTypes).map((type) => ({ type })) },
  { weight: 2, arbitrary: fc.constantFrom('unknown', 'a', 'toString').map((type) => ({ type })) },
  { weight: 1, arbitrary: fc.constant({ type: 'xstate.error.actor.child', error: 'the child crashed' }) },
)

const guardArbitrary: fc.Arbitrary<GuardSpec> = fc.record({
  kind: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.constantFrom<GuardKind>('named', 'static', 'dynamic', 'inline', 'not', 'and', 'or', 'in'),
    },
    { weight: 1, arbitrary: fc.constant<GuardKind>('throws') },
  ),
  n: fc.integer({ min: 1, max: 4 }),
})

const actionArbitrary: fc.Arbitrary<ActionSpec> = fc.record({
  kind: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.constantFrom<ActionKind>(
        'note',
        'noteStatic',
        'noteDynamic',
        'inline',
        'missing',
        'assignObject',
        'assignFunction',
        'assignNamed',
        'assignWith',
      ),
    },
    { weight: 5, arbitrary: fc.constantFrom<ActionKind>('raise', 'raiseDynamic') },
    { weight: 1, arbitrary: fc.constant<ActionKind>('throw') },
  ),
  n: fc.integer({ min: 0, max: 5 }),
})

const actionsArbitrary = fc.array(actionArbitrary, { maxLength: 3 })

const targetArbitrary = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 6, arbitrary: fc.constantFrom('s0', 's1', 's2') },
  { weight: 1, arbitrary: fc.constant('end') },
)

const transitionArbitrary: fc.Arbitrary<TransitionSpec> = fc.record({
  target: targetArbitrary,
  reenter: fc.boolean(),
  guard: fc.option(guardArbitrary),
  actions: actionsArbitrary,
})

const nodeArbitrary: fc.Arbitrary<NodeSpec> = fc.record({
  on: fc.dictionary(fc.constantFrom(...eventTypes), fc.array(transitionArbitrary, { minLength: 1, maxLength: 3 }), {
    maxKeys: 3,
  }),
  always: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(transitionArbitrary, { maxLength: 2 }) },
  ),
  entry: actionsArbitrary,
  exit: actionsArbitrary,
  tags: fc.subarray(['x', 'y', 'z']),
})

export const chartArbitrary: fc.Arbitrary<ChartSpec> = fc.record({
  root: nodeArbitrary,
  states: fc.tuple(nodeArbitrary, nodeArbitrary, nodeArbitrary, nodeArbitrary),
  initialActions: actionsArbitrary,
  isContextComputed: fc.boolean(),
})

const guards = {
  isEven: ({ context }: { context: Context }) => context.n % 2 === 0,
  isMultiple: ({ context }: { context: Context }, { of }: { of: number }) => context.n % of === 0,
}

function guardOf({ kind, n }: GuardSpec): unknown {
  const multiple = { type: 'isMultiple', params: { of: n } }
  switch (kind) {
    case 'named':
      return 'isEven'
    case 'static':
      return multiple
    case 'dynamic':
      return { type: 'isMultiple', params: ({ context }: { context: Context }) => ({ of: context.last.length + n }) }
    case 'inline':
      return ({ context, event }: { context: Context; event: Event }) => (context.n + event.type.length) % n === 0
    case 'not':
      return not(multiple as never)
    case 'and':
      return and(['isEven', multiple] as never)
    case 'or':
      return or([multiple, 'isEven'] as never)
    case 'in':
      return stateIn(stateKeys[n % 4] ?? 's0')
    case 'throws':
      return ({ context }: { context: Context }) => {
        if (context.n === n) throw new Error(`guard at ${n}`)
        return context.n > n
      }
  }
}

type Action = ActionFunction<Context, Event, Event, undefined, never, never, never, never, never>

/** Small numbers that come back: what a chart did once it does again. */
const bounded = (n: number) => n % 7

function actionOf({ kind, n }: ActionSpec, log: RunLog): unknown {
  switch (kind) {
    case 'note':
      return 'note'
    case 'noteStatic':
      return { type: 'note', params: { n } }
    case 'noteDynamic':
      return {
        type: 'note',
        params: (args: { context: Context; event: Event }) => ({ n, seen: args.context, on: args.event.type }),
      }
    case 'inline':
      return n > 2
        ? function named(info: Parameters<RunLog['act']>[1], params: unknown) {
            log.act('inline', info, params)
          }
        : (info: Parameters<RunLog['act']>[1], params: unknown) => log.act('anonymous', info, params)
    case 'missing':
      return { type: 'nobodyProvides', params: { n } }
    case 'assignObject':
      return assign<Context, Event, undefined, Event, never>({
        n: ({ context }) => bounded(context.n + n),
        last: `o${n}`,
      }) as Action
    case 'assignFunction':
      return assign<Context, Event, undefined, Event, never>(({ context, event }) =>
        n === 0 ? {} : { n: bounded(context.n * n), last: event.type },
      ) as Action
    case 'assignNamed':
      return 'bump'
    case 'assignWith':
      return { type: 'bumpBy', params: ({ context }: { context: Context }) => ({ by: context.n + n }) }
    case 'raise':
      return raise({ type: eventTypes[n % 3] ?? 'b' })
    case 'raiseDynamic':
      return raise(({ context }: { context: Context }) => ({ type: eventTypes[(context.n + n) % 4] ?? 'unknown' }))
    case 'throw':
      return ({ context }: { context: Context }) => {
        if (context.n === n) throw new Error(`action at ${n}`)
      }
  }
}

export function chartOf(spec: ChartSpec, log: RunLog): AnyStateMachine {
  const actionsOf = (actions: readonly ActionSpec[]) => actions.map((action) => actionOf(action, log))
  const transitionOf = ({ target, reenter, guard, actions }: TransitionSpec, isRoot: boolean) => ({
    ...(target === null ? {} : { target: isRoot ? `.${target}` : target, reenter: reenter && !isRoot }),
    ...(guard === null ? {} : { guard: guardOf(guard) }),
    actions: actionsOf(actions),
  })
  const nodeOf = ({ on, always, entry, exit, tags }: NodeSpec, isRoot = false) => ({
    on: Object.fromEntries(Object.entries(on).map(([type, all]) => [type, all.map((one) => transitionOf(one, isRoot))])),
    ...(always.length === 0 ? {} : { always: always.map((one) => transitionOf(one, isRoot)) }),
    entry: actionsOf(entry),
    exit: actionsOf(exit),
    tags,
  })
  const states = spec.states.map((node, index) => [
    stateKeys[index] as string,
    { ...nodeOf(node), ...(stateKeys[index] === 'end' ? { type: 'final' } : {}), meta: { index } },
  ])
  const config = {
    id: 'random',
    ...nodeOf(spec.root, true),
    context: spec.isContextComputed ? ({ input }: { input?: number }) => ({ n: input ?? 1, last: '' }) : { n: 1, last: '' },
    initial: { target: 's0', actions: actionsOf(spec.initialActions) },
    states: Object.fromEntries(states),
    // Random charts raise in circles.
    options: { maxIterations: 25 },
  }
  const actions = {
    note: (info: Parameters<RunLog['act']>[1], params: unknown) => log.act('note', info, params),
    bump: assign<Context, Event, undefined, Event, never>({ n: ({ context }) => bounded(context.n + 1) }),
    bumpBy: assign<Context, Event, { by: number }, Event, never>(({ context }, { by }) => ({ n: bounded(context.n + by) })),
  }
  return createMachine(config as MachineConfig<Context, Event>).provide({ actions, guards } as never)
}
