import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnyActorRef,
  type AnyStateMachine,
  type AnyStateNode,
  and,
  assign,
  cancel,
  createActor,
  createMachine,
  emit,
  fromPromise,
  fromTransition,
  initialTransition,
  isMachineSnapshot,
  raise,
  sendTo,
  transition,
} from 'xstate'
import { type TaskEvent, type TaskState, taskMachine } from '../../machines/task.ts'
import { compileChart, microstepsMax } from '../../src/actors/compiled-chart.ts'
import { at, eventsFor, lease, now, owner, pending, prefix } from '../machines/task-events.ts'
import { chartArbitrary, chartOf, eventArbitrary } from './random-chart.ts'
import { createRunLog, type Driven, drive, plain, type RunLog } from './run-log.ts'

/** Runs a chart both ways; `agree` compares all that was observed since it was asked last. */
function both(bind: (log: RunLog) => AnyStateMachine, options: Parameters<typeof drive>[2] = {}) {
  const logs = [createRunLog(), createRunLog()] as const
  const interpreted = drive(bind(logs[0]), logs[0], options)
  const compiled = drive(compileChart(bind(logs[1])), logs[1], options)
  const agree = (): void => {
    if (!isDeepStrictEqual(logs[1].lines, logs[0].lines)) expect(logs[1].lines).toEqual(logs[0].lines)
    for (const log of logs) log.lines.length = 0
  }
  agree()
  return {
    compiled,
    /** False once the actors have ended. */
    step(recipe: Parameters<Driven['step']>[0]): boolean {
      const went = interpreted.step(recipe)
      expect(compiled.step(recipe)).toBe(went)
      agree()
      return went
    },
    stop(): void {
      interpreted.stop()
      compiled.stop()
      agree()
    },
  }
}

function boundTask(log: RunLog): AnyStateMachine {
  return taskMachine.provide({
    actions: {
      remember: (info, params) => log.act('remember', info, params),
      startHandler: (info, params) => log.act('startHandler', info, params),
      abortHandler: (info, params) => log.act('abortHandler', info, params),
      endHandler: (info, params) => log.act('endHandler', info, params),
      rest: (info, params) => log.act('rest', info, params),
    },
  })
}

describe('a compiled chart', () => {
  it('runs the task chart as the machine does: states, contexts, effects and what an inspector sees', {
    timeout: 120_000,
  }, () => {
    let steps = 0
    const reached = new Set<unknown>()
    const starts: TaskState[] = ['pending', 'blocked', 'backingOff', 'claiming', 'processing', 'settling']
    fc.assert(
      fc.property(
        fc.constantFrom(...starts),
        fc.array(fc.nat(), { minLength: 20, maxLength: 60 }),
        fc.boolean(),
        (state, choices, isRestored) => {
          const options = isRestored ? { snapshot: at(state) } : { input: { record: pending, revision: 7, version: {}, prefix } }
          let pair = both(boundTask, options)
          for (const choice of choices) {
            const went = pair.step(({ context }) => {
              const events = eventsFor(context)
              return events[choice % events.length] as (typeof events)[number]
            })
            reached.add(pair.compiled.snapshot().value)
            if (went) steps++
            // A life is short.
            else pair = both(boundTask, { snapshot: at(starts[choice % starts.length] ?? 'pending') })
          }
          pair.stop()
        },
      ),
      { seed: 1, numRuns: 800 },
    )
    expect(steps).toBeGreaterThan(20_000)
    expect([...reached].sort()).toEqual(Object.keys(taskMachine.states).sort())
  })

  it('runs any flat chart as the machine does', { timeout: 120_000 }, () => {
    let steps = 0
    const reached = new Set<string>()
    fc.assert(
      fc.property(chartArbitrary, fc.array(eventArbitrary, { minLength: 5, maxLength: 60 }), (spec, events) => {
        const pair = both((log) => chartOf(spec, log), { input: 3 })
        for (const event of events) {
          if (!pair.step(() => event)) break
          steps++
        }
        const { status, value } = pair.compiled.snapshot()
        reached.add(status).add(String(value))
        pair.stop()
      }),
      { seed: 2, numRuns: 3500 },
    )
    expect(steps).toBeGreaterThan(20_000)
    expect([...reached].sort()).toEqual(['active', 'done', 'end', 'error', 's0', 's1', 's2'])
  })

  it('is a child like any other: its parent hears of its end, and of its crash', () => {
    const heard: string[] = []
    const parent = createActor(fromTransition((_, event) => heard.push(event.type), 0)).start()
    const crashing = compileChart(
      createMachine({ initial: 'a', states: { a: { on: { crash: { actions: explode } } }, b: { type: 'final' } } }),
    )
    const child = createActor(crashing, { parent: parent as AnyActorRef, id: 'crashing' })
    child.subscribe({ error: () => {} })
    child.start()
    expect(child.system).toBe(parent.system)
    child.send({ type: 'crash' })
    expect(child.getSnapshot()).toMatchObject({ status: 'error', value: 'a' })

    const task = createActor(compileChart(boundTask(createRunLog())), {
      parent: parent as AnyActorRef,
      id: 'task',
      input: born,
    }).start()
    for (const event of life) task.send(event)
    expect(task.getSnapshot()).toMatchObject({ status: 'done', value: 'completed' })
    expect(heard).toEqual(['xstate.error.actor.crashing', 'xstate.done.actor.task'])
  })

  it('acts only once it is started, and then in order', () => {
    const acts: string[] = []
    const machine = createMachine({
      initial: 'a',
      entry: () => acts.push('root'),
      states: { a: { entry: [() => acts.push('first'), () => acts.push('second')] } },
    })
    const actor = createActor(compileChart(machine))
    expect(acts).toEqual([])
    actor.start()
    expect(acts).toEqual(['root', 'first', 'second'])
  })

  it('has snapshots that the machine itself can go on from', () => {
    const machine = boundTask(createRunLog())
    const compiled = compileChart(machine)
    let [ours] = initialTransition(compiled, born)
    let [theirs] = initialTransition(machine, born)
    for (const event of life) {
      expect(isMachineSnapshot(ours)).toBe(true)
      expect(ours.matches(theirs.value)).toBe(true)
      expect(ours.can({ type: 'task.claim', owner, lease, now })).toBe(theirs.can({ type: 'task.claim', owner, lease, now }))
      expect(ours.hasTag('at-rest')).toBe(theirs.hasTag('at-rest'))
      expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs))
      const restored = createActor(compiled, { snapshot: compiled.getPersistedSnapshot(ours), input: born })
      expect(plain(restored.getSnapshot())).toEqual(plain(theirs))
      expect(plain(transition(machine, ours, event)[0])).toEqual(plain(transition(compiled, ours, event)[0]))
      ;[ours] = transition(compiled, ours, event)
      ;[theirs] = transition(machine, theirs, event)
    }
    expect(ours.status).toBe('done')
  })

  it('offers inspectors the chart to draw', () => {
    expect(compileChart(taskMachine).config).toBe(taskMachine.config)
  })

  it('gives up a chart that raises in circles, where XState would never return', () => {
    const round = { on: { go: { actions: raise({ type: 'go' }) } } }
    const actor = createActor(compileChart(createMachine({ initial: 'a', states: { a: round } })))
    const errors: unknown[] = []
    actor.subscribe({ error: (error) => errors.push(error) })
    actor.start()
    actor.send({ type: 'go' })
    expect(String(errors[0])).toContain(`more than ${microstepsMax} steps followed one event`)
  })

  it.each([
    ['a nested state', { initial: 'a', states: { a: { initial: 'b', states: { b: {} } } } }, 'only flat charts'],
    ['a parallel chart', { type: 'parallel', states: { a: {}, b: {} } }, 'only flat charts'],
    ['no states', {}, 'only flat charts'],
    ['history', { initial: 'a', states: { a: {}, h: { type: 'history' } } }, 'only flat charts'],
    ['invoke', { initial: 'a', states: { a: { invoke: { src: fromPromise(async () => 1) } } } }, 'invokes an actor'],
    ['after', { initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } }, 'after'],
    ['an output', { initial: 'a', output: 1, states: { a: { type: 'final' } } }, 'has an output'],
    ['a wildcard', { initial: 'a', states: { a: { on: { '*': 'b' } }, b: {} } }, 'wildcard "*"'],
    ['a partial wildcard', { initial: 'a', on: { 'task.*': '.a' }, states: { a: {} } }, 'wildcard "task.*"'],
    ['events of XState', { initial: 'a', states: { a: { on: { 'xstate.done.actor.x': 'b' } }, b: {} } }, 'xstate.done'],
    ['itself as a target', { id: 'it', initial: 'a', states: { a: { on: { go: '#it' } } } }, 'targets the chart itself'],
    [
      'a root that re-enters',
      { initial: 'a', on: { go: { target: '.a', reenter: true } }, states: { a: {} } },
      're-enters the root',
    ],
    ['a delayed raise', { initial: 'a', entry: raise({ type: 'b' }, { delay: 5 }), states: { a: {} } }, 'xstate.raise'],
    ['sendTo', { initial: 'a', entry: sendTo('b', { type: 'c' }), states: { a: {} } }, 'xstate.sendTo'],
    ['emit', { initial: 'a', entry: emit({ type: 'c' }), states: { a: {} } }, 'xstate.emit'],
    ['cancel', { initial: 'a', entry: cancel('x'), states: { a: {} } }, 'xstate.cancel'],
    ['a guard that nobody provides', { initial: 'a', states: { a: { on: { go: { guard: 'isIt', target: 'a' } } } } }, '"isIt"'],
  ])('refuses %s, and says so', (_, config, reason) => {
    const machine: AnyStateMachine = createMachine(config as Parameters<typeof createMachine>[0])
    expect(() => compileChart(machine)).toThrow(
      expect.objectContaining({ code: 'not_supported', message: expect.stringContaining(reason) }),
    )
  })

  it('refuses to spawn', () => {
    const context = ({ spawn }: { spawn: (src: string) => unknown }) => ({ child: spawn('x') })
    const machine: AnyStateMachine = createMachine({ initial: 'a', context: context as () => object, states: { a: {} } })
    const actor = createActor(compileChart(machine))
    expect(String(actor.getSnapshot().error)).toContain('spawns no actors')
  })
})

/** Not in XState's documentation: when one of these changes, `src/actors/chart-table.ts` must change with it. */
describe('what a compiled chart knows of XState', () => {
  it('is how built-in actions and guards keep what they were given', () => {
    const assignment = { n: 1 }
    expect(membersOf(assign(assignment))).toMatchObject({ type: 'xstate.assign', assignment, resolve: expect.any(Function) })
    const event = { type: 'x' }
    expect(membersOf(raise(event))).toMatchObject({ type: 'xstate.raise', event, id: undefined, delay: undefined })
    expect(membersOf(raise(event))).toMatchObject({ resolve: expect.any(Function), execute: expect.any(Function) })
    expect(membersOf(raise(event, { id: 'i', delay: 5 }))).toMatchObject({ id: 'i', delay: 5 })
    for (const builtin of [sendTo('a', event), emit(event), cancel('x')]) {
      expect(membersOf(builtin)).toMatchObject({ type: expect.stringMatching(/^xstate\./), resolve: expect.any(Function) })
    }
    expect(membersOf(and(['isA', 'isB']))).toMatchObject({ guards: ['isA', 'isB'], check: expect.any(Function) })
  })

  it('is how a machine keeps its chart', () => {
    const machine: AnyStateMachine = taskMachine
    const { root } = machine
    const node = (name: TaskState): AnyStateNode => machine.getStateNodeById(`task.${name}`)
    const claiming = node('claiming')
    const [first] = claiming.transitions.get('write.refused') ?? []
    expect(first).toMatchObject({
      source: claiming,
      target: [node('processing')],
      reenter: false,
      eventType: 'write.refused',
    })
    expect(first?.actions).toHaveLength(1)
    expect(first?.guard).toMatchObject({ type: 'isStillOurs', params: expect.any(Function) })
    expect(root.initial).toMatchObject({ target: [node('pending')], actions: [] })
    expect([claiming.entry.length, claiming.exit.length, claiming.invoke.length, claiming.after.length]).toEqual([1, 0, 0, 0])
    expect([root.type, claiming.type, node('lost').type]).toEqual(['compound', 'atomic', 'final'])
    expect(machine.implementations.guards).toHaveProperty('isStillOurs')
    expect(machine.implementations.actions).toHaveProperty('remember')
    expect(machine.options.maxIterations).toBe(Number.POSITIVE_INFINITY)
    expect(createActor(machine).system).toHaveProperty('_sendInspectionEvent')
  })
})

const born = { record: pending, revision: 7, version: {}, prefix }

const life: readonly TaskEvent[] = [
  { type: 'task.claim', owner, lease, now },
  { type: 'write.committed', ref: 'claim', revision: 8, version: {} },
  { type: 'task.progress', percent: 1, note: null, now },
  { type: 'task.complete', output: 1, now },
  { type: 'write.committed', ref: 'settle', revision: 9, version: {} },
]

function explode(): never {
  throw new Error('explodes')
}

function membersOf(builtin: object): object {
  return { ...builtin }
}
