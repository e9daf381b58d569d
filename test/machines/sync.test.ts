import { describe, expect, it } from 'vitest'
import { createActor, initialTransition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { type FeedChange, reconnectBaseMs, reconnectMaxMs, type SyncEvent, syncMachine } from '../../machines/sync.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { type Effect, explore, step } from './explore.ts'

function change(key: string, revision: number): FeedChange {
  return { key, revision, entry: { value: revision, version: { w: revision }, timestamp: 1, workerId: 'w' } }
}

const changes = [change('a', 3), change('b', 4)]
const changed: SyncEvent = { type: 'feed.changed', changes }
const caughtUp: SyncEvent = { type: 'feed.caughtUp', revision: 9 }
const reset: SyncEvent = { type: 'feed.reset' }
const lost: SyncEvent = { type: 'feed.lost', message: 'broken pipe', chance: 0 }
const stop: SyncEvent = { type: 'sync.stop' }
const events = [changed, caughtUp, reset, lost, stop]

const [started, startEffects] = initialTransition(syncMachine)

function play(...given: SyncEvent[]) {
  let snapshot = started
  let effects: Effect[] = []
  for (const event of given) [snapshot, effects] = step(syncMachine, snapshot, event)
  return { snapshot, value: snapshot.value, context: snapshot.context, effects }
}

const edges = explore(syncMachine, {
  from: [started],
  eventsFor: () => events,
  keyOf: ({ value, context }) => JSON.stringify([value, context.cursor, context.failures > 0]),
})

/** On virtual time, with every effect as it was asked for. */
function run() {
  const clock = createVirtualClock()
  const asked: [string, unknown][] = []
  const note = (name: string) => (_: unknown, params: unknown) => {
    asked.push([name, params])
  }
  const actions = {
    connect: note('connect'),
    disconnect: note('disconnect'),
    dispatch: note('dispatch'),
    announce: note('announce'),
    report: note('report'),
  }
  const actor = createActor(syncMachine.provide({ actions }), { clock: xstateClock(clock) }).start()
  return { clock, asked, actor, state: () => actor.getSnapshot().value }
}

describe('following the store', () => {
  it('reaches every state of its chart', () => {
    const paths = getShortestPaths(syncMachine, {
      events,
      serializeState: ({ value, context }) => JSON.stringify([value, context.cursor, context.failures > 0]),
      limit: 1000,
    })
    expect([...new Set(paths.map(({ state }) => state.value))].sort()).toEqual(Object.keys(syncMachine.states).sort())
  })

  it('begins with what is committed from now on', () => {
    expect(started.value).toBe('connecting')
    expect(startEffects.map(({ type, params }) => [type, params])).toEqual([['connect', { after: null }]])
  })

  it('is live once it has caught up, and says so each time', () => {
    const run = play(caughtUp)
    expect(run).toMatchObject({ value: 'live', context: { cursor: 9, failures: 0 } })
    expect(run.effects).toEqual([{ type: 'announce', params: { state: 'live', through: 9 } }])
    expect(play(caughtUp, reset, caughtUp).effects).toEqual([{ type: 'announce', params: { state: 'live', through: 9 } }])
  })

  it('dispatches every change in every state that is connected', () => {
    for (const before of [[], [reset], [caughtUp]] as SyncEvent[][]) {
      expect(play(...before, changed).effects).toEqual([{ type: 'dispatch', params: { changes } }])
    }
  })

  it('moves its cursor with live changes, and not while it catches up: those come in another order', () => {
    expect(play(caughtUp, { type: 'feed.changed', changes: [change('a', 10), change('b', 12)] }).context.cursor).toBe(12)
    expect(play(changed).context.cursor).toBeNull()
    expect(play(caughtUp, reset, changed).context.cursor).toBe(9)
    expect(play(caughtUp, reset, changed, { type: 'feed.caughtUp', revision: 20 }).context.cursor).toBe(20)
  })

  it('tells of a gap, and catches up', () => {
    for (const before of [[], [reset], [caughtUp]] as SyncEvent[][]) {
      const run = play(...before, reset)
      expect([run.value, run.effects]).toEqual(['catchingUp', [{ type: 'announce', params: { state: 'reset' } }]])
    }
  })

  it('reports a broken feed, from wherever it was', () => {
    for (const before of [[], [changed], [caughtUp]] as SyncEvent[][]) {
      const run = play(...before, lost)
      expect([run.value, run.effects]).toEqual(['backingOff', [{ type: 'report', params: { message: 'broken pipe' } }]])
    }
  })

  it('ignores what a broken feed still gives', () => {
    const broken = play(caughtUp, lost).snapshot
    for (const event of [changed, caughtUp, reset]) expect(step(syncMachine, broken, event)).toEqual([broken, []])
  })

  it('connects again behind its cursor, after a pause that grows and is bounded', async () => {
    const { clock, asked, actor, state } = run()
    actor.send(caughtUp)
    const pauses: number[] = []
    for (let failure = 0; failure < 10; failure++) {
      actor.send({ type: 'feed.lost', message: 'again', chance: failure === 9 ? 0.999 : 0 })
      expect(state()).toBe('backingOff')
      pauses.push(await clock.runUntil(() => state() === 'connecting'))
    }
    // Half of the pause is chance; here it is 0, but for the last.
    expect(pauses.slice(0, 9)).toEqual([50, 100, 200, 400, 800, 1600, 2500, 2500, 2500])
    expect(pauses[0]).toBe(reconnectBaseMs)
    expect(pauses[9]).toBeLessThanOrEqual(reconnectMaxMs)
    expect(pauses[9]).toBeGreaterThan(reconnectMaxMs - 50)
    expect(asked.filter(([name]) => name === 'connect').slice(1)).toEqual(Array(10).fill(['connect', { after: 9 }]))
    actor.send(caughtUp)
    actor.send(lost)
    expect(await clock.runUntil(() => state() === 'connecting')).toBe(50)
  })

  it('stops from every state: the feed is closed, no timer stays', () => {
    for (const before of [[], [changed], [caughtUp], [caughtUp, lost]] as SyncEvent[][]) {
      const { actor, asked, clock, state } = run()
      for (const event of before) actor.send(event)
      actor.send(stop)
      expect([state(), asked.at(-1), clock.pending]).toEqual(['stopped', ['disconnect', {}], 0])
    }
    for (const { event, to } of edges) expect(to.value === 'stopped').toBe(event.type === 'sync.stop')
  })
})
