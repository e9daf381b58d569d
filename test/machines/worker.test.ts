import { describe, expect, it } from 'vitest'
import { initialTransition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { type WorkerEvent, type WorkerInput, workerMachine } from '../../machines/worker.ts'
import { type Effect, explore, step } from './explore.ts'

const input: WorkerInput = {
  id: 'w.1',
  incarnation: 'own',
  prefix: 'ns/workers/w.1',
  capacity: 2,
  types: ['demo'],
  heartbeatTtlSeconds: 30,
  startedMs: 1000,
}

const [started, startEffects] = initialTransition(workerMachine, input)

function play(...events: WorkerEvent[]) {
  return playFrom(started, ...events)
}

function playFrom(from: typeof started, ...events: WorkerEvent[]) {
  let snapshot = from
  let effects: Effect[] = []
  for (const event of events) [snapshot, effects] = step(workerMachine, snapshot, event)
  return { snapshot, value: snapshot.value, context: snapshot.context, effects, names: effects.map(({ type }) => type) }
}

const refs = ['register', 'heartbeat', 'leave'] as const
const outcomes = ['write.committed', 'write.refused', 'write.failed'] as const

const events: WorkerEvent[] = [
  { type: 'task.assigned' },
  { type: 'task.ended' },
  { type: 'heartbeat.due', atMs: 2000 },
  { type: 'worker.drain' },
  { type: 'worker.stop' },
  ...outcomes.flatMap((type) => refs.map((ref): WorkerEvent => ({ type, ref }))),
]

const edges = explore(workerMachine, {
  from: [started],
  eventsFor: () => events,
  // Heartbeats count without end; nothing depends on the count.
  keyOf: ({ value, context }) => JSON.stringify([value, context.running, context.shown]),
})

const assigned: WorkerEvent = { type: 'task.assigned' }
const ended: WorkerEvent = { type: 'task.ended' }
const registered: WorkerEvent = { type: 'write.committed', ref: 'register' }

const always = { type: 'none' }

function documents(members: { sequence: number; state: 'active' | 'draining'; running: number; atMs: number }) {
  const { sequence, state, running, atMs } = members
  const status = { state, capacity: 2, running, types: ['demo'], incarnation: 'own', startedAt: 1000 }
  return [
    {
      key: 'ns/workers/w.1/heartbeat',
      value: { sequence, incarnation: 'own', timestamp: atMs },
      condition: always,
      ttlSeconds: 30,
    },
    { key: 'ns/workers/w.1/status', value: status, condition: always },
    { key: 'ns/workers/w.1/capacity', value: { available: 2 - running, timestamp: atMs }, condition: always },
  ]
}

describe('a worker', () => {
  it('reaches every state of its chart', () => {
    const paths = getShortestPaths(workerMachine, {
      input,
      events,
      serializeState: ({ value, context }) => JSON.stringify([value, context.running, context.shown]),
      limit: 5000,
    })
    const reached = new Set([...paths.map(({ state }) => state.value), ...edges.map(({ to }) => to.value)])
    expect([...reached].sort()).toEqual(Object.keys(workerMachine.states).sort())
  })

  it('never ends in a transition that writes', () => {
    for (const { to, effects } of edges) if (to.status === 'done') expect(effects).toEqual([])
    expect(edges.some(({ to }) => to.value === 'offline')).toBe(true)
  })

  it('registers before it takes a task', () => {
    expect(started.value).toBe('starting')
    const intents = documents({ sequence: 0, state: 'active', running: 0, atMs: 1000 })
    expect(startEffects.map(({ type, params }) => ({ type, params }))).toEqual([
      { type: 'remember', params: { ref: 'register', intents } },
      { type: 'startHeartbeat', params: { id: 'w.1' } },
    ])
    expect(play(assigned)).toMatchObject({ snapshot: started, effects: [] })
    expect(play(registered)).toMatchObject({ value: 'idle', effects: [{ type: 'askForTasks', params: { id: 'w.1' } }] })
  })

  it('works even if it could not register: the next heartbeat does', () => {
    for (const type of ['write.failed', 'write.refused'] as const) expect(play({ type, ref: 'register' }).value).toBe('idle')
    // A heartbeat's receipt is not the registration's.
    expect(play({ type: 'write.committed', ref: 'heartbeat' }).value).toBe('starting')
  })

  it('takes tasks up to its capacity, and shows with a tag whether it takes one', () => {
    const states = [[], [assigned], [assigned, assigned], [assigned, assigned, ended], [assigned, ended]]
    const seen = states.map((more) => {
      const { snapshot } = play(registered, ...more)
      return [snapshot.value, snapshot.context.running, snapshot.hasTag('takes-tasks')]
    })
    expect(seen).toEqual([
      ['idle', 0, true],
      ['busy', 1, true],
      ['saturated', 2, false],
      ['busy', 1, true],
      ['idle', 0, true],
    ])
    for (const { from, to } of edges) {
      if (!from.hasTag('takes-tasks')) expect(to.context.running).toBeLessThanOrEqual(from.context.running)
      expect(to.context.running).toBeLessThanOrEqual(2)
      expect(to.context.running).toBeGreaterThanOrEqual(0)
    }
  })

  it('with one place goes from idle to saturated and back', () => {
    const [single] = initialTransition(workerMachine, { ...input, capacity: 1 })
    const full = playFrom(single, registered, assigned)
    expect(full.value).toBe('saturated')
    expect(playFrom(full.snapshot, ended).value).toBe('idle')
  })

  it('asks for tasks whenever a place gets free', () => {
    for (const { from, to, event, effects } of edges) {
      const isFreed = event.type === 'task.ended' && ['busy', 'saturated'].includes(String(from.value))
      const isReady = from.value === 'starting' && to.value === 'idle'
      expect(effects.some(({ type }) => type === 'askForTasks')).toBe(isFreed || isReady)
    }
  })

  it('shows its life by a sequence that rises with each heartbeat', () => {
    const run = play(registered, assigned, { type: 'heartbeat.due', atMs: 2000 }, { type: 'heartbeat.due', atMs: 3000 })
    const intents = documents({ sequence: 2, state: 'active', running: 1, atMs: 3000 })
    expect(run.effects).toEqual([{ type: 'remember', params: { ref: 'heartbeat', intents } }])
  })

  it('that drains takes nothing more, is still seen, and leaves when its last task has ended', () => {
    const run = play(registered, assigned, assigned, { type: 'worker.drain' })
    expect([run.value, run.effects]).toEqual(['draining', []])
    expect(playFrom(run.snapshot, assigned)).toMatchObject({ snapshot: run.snapshot, effects: [] })
    const beat = playFrom(run.snapshot, { type: 'heartbeat.due', atMs: 2000 })
    const intents = documents({ sequence: 1, state: 'draining', running: 2, atMs: 2000 })
    expect(beat.effects).toEqual([{ type: 'remember', params: { ref: 'heartbeat', intents } }])
    const one = playFrom(run.snapshot, ended)
    expect([one.value, one.effects]).toEqual(['draining', []])
    expect(playFrom(one.snapshot, ended)).toMatchObject({ value: 'leaving', names: ['stopHeartbeat', 'remember'] })
  })

  it('that drains without a task leaves at once, also before it is registered', () => {
    expect(play(registered, { type: 'worker.drain' }).value).toBe('leaving')
    expect(play({ type: 'worker.drain' }).value).toBe('leaving')
  })

  it.each([['starting'], ['idle'], ['busy'], ['saturated'], ['draining'], ['leaving']])('in %s can be stopped', (state) => {
    const there = edges.filter(({ from, event }) => from.value === state && event.type === 'worker.stop')
    expect(there.length).toBeGreaterThan(0)
    for (const { to } of there) expect(to.value).toBe('leaving')
  })

  it('that leaves stops its heartbeat, says offline and deletes it, once', () => {
    const run = play(registered, assigned, { type: 'worker.stop' })
    const status = { state: 'offline', capacity: 0, running: 0, types: ['demo'], incarnation: 'own', startedAt: 1000 }
    const intents = [
      { key: 'ns/workers/w.1/status', value: status, condition: always },
      { key: 'ns/workers/w.1/heartbeat', value: undefined, condition: always },
    ]
    expect(run.effects).toEqual([
      { type: 'stopHeartbeat', params: { id: 'w.1' } },
      { type: 'remember', params: { ref: 'leave', intents } },
    ])
    for (const event of [
      { type: 'worker.stop' },
      { type: 'heartbeat.due', atMs: 9 },
      { type: 'worker.drain' },
      registered,
    ] as const) {
      expect(playFrom(run.snapshot, event)).toMatchObject({ snapshot: run.snapshot, effects: [] })
    }
  })

  it('is offline when its last documents are written, or could not be', () => {
    const { snapshot } = play({ type: 'worker.stop' })
    for (const type of outcomes)
      expect(playFrom(snapshot, { type, ref: 'leave' })).toMatchObject({ value: 'offline', effects: [] })
  })

  it.each([
    ['starting', 'heartbeat.due', 'worker.drain', 'worker.stop', 'write.committed', 'write.refused', 'write.failed'],
    ['idle', 'heartbeat.due', 'task.assigned', 'worker.drain', 'worker.stop'],
    ['busy', 'heartbeat.due', 'task.assigned', 'task.ended', 'worker.drain', 'worker.stop'],
    ['saturated', 'heartbeat.due', 'task.ended', 'worker.drain', 'worker.stop'],
    ['draining', 'heartbeat.due', 'task.ended', 'worker.stop'],
    ['leaving', 'write.committed', 'write.refused', 'write.failed'],
  ])('takes in %s only what belongs there', (state, ...taken) => {
    const effective = edges.filter(({ from, to, effects }) => from.value === state && (to !== from || effects.length > 0))
    expect([...new Set(effective.map(({ event }) => event.type))].sort()).toEqual(taken.sort())
  })
})
