import { describe, expect, it } from 'vitest'
import { createActor, initialTransition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import {
  type BatchWriterEvent,
  type BatchWriterInput,
  batchesInFlight,
  batchesInFlightMax,
  batchWriterMachine,
  retryMaxMs,
} from '../../machines/batch-writer.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { delayedEvents, type Effect, explore, stateName, stateNames, step } from './explore.ts'

const submit: BatchWriterEvent = { type: 'write.submit', isUrgent: false }
const urgent: BatchWriterEvent = { type: 'write.submit', isUrgent: true }
const flush: BatchWriterEvent = { type: 'flush.due' }
const answered: BatchWriterEvent = { type: 'commit.settled', inFlight: 0, hasMore: false }
const settledWithMore: BatchWriterEvent = { type: 'commit.settled', inFlight: 1, hasMore: true }
const settledLeaving: BatchWriterEvent = { type: 'commit.settled', inFlight: 1, hasMore: false }
const failed: BatchWriterEvent = { type: 'commit.failed', inFlight: 0, hasMore: true, chance: 0 }
const opened: BatchWriterEvent = { type: 'breaker.opened' }
const halfOpened: BatchWriterEvent = { type: 'breaker.halfOpened' }
const closed: BatchWriterEvent = { type: 'breaker.closed' }
const drain: BatchWriterEvent = { type: 'writer.drain', drainMs: 1000, inFlight: 1, hasMore: true }
const drainEmpty: BatchWriterEvent = { type: 'writer.drain', drainMs: 1000, inFlight: 0, hasMore: false }

const events = [
  submit,
  urgent,
  flush,
  answered,
  settledWithMore,
  settledLeaving,
  failed,
  opened,
  halfOpened,
  closed,
  drain,
  drainEmpty,
]

const all: Effect = { type: 'commit', params: { scope: 'all', inFlightMax: batchesInFlight } }
const probe: Effect = { type: 'commit', params: { scope: 'probe', inFlightMax: 1 } }

const [idle] = initialTransition(batchWriterMachine, {})

function play(...given: BatchWriterEvent[]) {
  return playFrom(idle, ...given)
}

function playFrom(from: typeof idle, ...given: BatchWriterEvent[]) {
  let snapshot = from
  let effects: Effect[] = []
  for (const event of given) [snapshot, effects] = step(batchWriterMachine, snapshot, event)
  return { snapshot, state: stateName(snapshot), context: snapshot.context, effects }
}

const edges = explore(batchWriterMachine, {
  from: [idle],
  eventsFor: () => [...events, ...delayedEvents(batchWriterMachine)],
  // Failures are counted for the pause only.
  keyOf: (snapshot) => stateName(snapshot),
})

/** On virtual time, with every commit and when it was asked for. */
function run(input: BatchWriterInput = {}) {
  const clock = createVirtualClock()
  const startMs = clock.monotonicMs()
  const asked: [number, string, unknown][] = []
  const note = (name: string) => (_: unknown, params: unknown) => {
    asked.push([clock.monotonicMs() - startMs, name, params])
  }
  const actions = { scheduleFlush: note('scheduleFlush'), commit: note('commit'), giveUp: note('giveUp') }
  const actor = createActor(batchWriterMachine.provide({ actions }), { input, clock: xstateClock(clock) }).start()
  return {
    clock,
    asked,
    state: () => stateName(actor.getSnapshot()),
    send(...given: BatchWriterEvent[]) {
      for (const event of given) actor.send(event)
    },
  }
}

describe('the batch writer', () => {
  it('reaches every state of its chart', () => {
    const paths = getShortestPaths(batchWriterMachine, {
      input: {},
      events: [...events, ...delayedEvents(batchWriterMachine)],
      serializeState: stateName,
      limit: 5000,
    })
    expect([...new Set(paths.map(({ state }) => stateName(state)))].sort()).toEqual(stateNames(batchWriterMachine.states).sort())
  })

  it('never stops in a transition that sends a batch', () => {
    const last = edges.filter(({ to }) => to.status === 'done')
    expect(last.length).toBeGreaterThan(3)
    for (const { effects } of last) expect(effects.map(({ type }) => type)).not.toContain('commit')
  })

  it('sends what one turn of the event loop brought together, at the end of the turn', () => {
    const gathering = play(submit)
    expect(gathering.state).toBe('serving.gathering')
    expect(gathering.effects).toEqual([{ type: 'scheduleFlush', params: { lingerMs: 0 } }])
    expect(playFrom(gathering.snapshot, submit)).toMatchObject({ snapshot: gathering.snapshot, effects: [] })
    expect(playFrom(gathering.snapshot, flush)).toMatchObject({ state: 'serving.committing', effects: [all] })
  })

  it('lingers if asked to, but not longer than the batch interval', () => {
    const lingerOf = (input: BatchWriterInput) => {
      const [snapshot] = initialTransition(batchWriterMachine, input)
      return playFrom(snapshot, submit).effects[0]?.params
    }
    expect(lingerOf({ lingerMs: 20 })).toEqual({ lingerMs: 20 })
    expect(lingerOf({ lingerMs: 200 })).toEqual({ lingerMs: 100 })
    expect(lingerOf({ lingerMs: 200, batchIntervalMs: 50 })).toEqual({ lingerMs: 50 })
  })

  it('does not let an urgent write wait for company, nor for batches that are in flight', () => {
    const first = { type: 'commit', params: { scope: 'urgent', inFlightMax: batchesInFlightMax } }
    expect(play(submit, urgent)).toMatchObject({ state: 'serving.committing', effects: [first, all] })
    const committing = play(submit, flush).snapshot
    const run = playFrom(committing, urgent)
    expect(run.snapshot.value).toEqual(committing.value)
    expect(run.effects).toEqual([{ type: 'commit', params: { scope: 'urgent', inFlightMax: batchesInFlightMax } }])
  })

  it('is idle when all is answered, and goes on as long as there is more', () => {
    const committing = play(submit, flush).snapshot
    expect(playFrom(committing, answered)).toMatchObject({ state: 'serving.idle', effects: [] })
    expect(playFrom(committing, settledWithMore)).toMatchObject({ state: 'serving.committing', effects: [all] })
    expect(playFrom(committing, settledLeaving)).toMatchObject({ state: 'serving.committing', effects: [] })
  })

  it('gathers what comes while a batch is in flight', () => {
    expect(play(submit, flush, submit)).toMatchObject({ state: 'serving.gathering' })
    expect(play(submit, flush, submit, flush)).toMatchObject({ state: 'serving.committing', effects: [all] })
  })

  it('sends gathered writes after the batch interval although enough is in flight', async () => {
    const writer = run({ batchIntervalMs: 100 })
    writer.send(submit, flush)
    await writer.clock.advance(99)
    expect(writer.asked.filter(([, name]) => name === 'commit')).toEqual([[0, 'commit', all.params]])
    await writer.clock.advance(1)
    expect(writer.asked[2]).toEqual([100, 'commit', { scope: 'all', inFlightMax: batchesInFlightMax }])
  })

  it('keeps that interval however many urgent writes come meanwhile', async () => {
    const writer = run({ batchIntervalMs: 100 })
    writer.send(submit, flush)
    for (let urgents = 0; urgents < 4; urgents++) {
      await writer.clock.advance(40)
      writer.send(urgent)
    }
    expect(writer.asked).toContainEqual([100, 'commit', { scope: 'all', inFlightMax: batchesInFlightMax }])
  })

  it('tries a batch again after a pause that doubles and is bounded', async () => {
    const writer = run()
    writer.send(submit, flush)
    const pauses: number[] = []
    for (let failure = 0; failure < 9; failure++) {
      writer.send({ ...failed, chance: failure === 8 ? 0.999 : 0 } as BatchWriterEvent)
      expect(writer.state()).toBe('serving.backingOff')
      pauses.push(await writer.clock.runUntil(() => writer.state() === 'serving.committing'))
    }
    expect(pauses.slice(0, 8)).toEqual([50, 100, 200, 400, 800, 1600, 2500, 2500])
    expect(pauses[8]).toBeGreaterThan(retryMaxMs - 50)
    expect(pauses[8]).toBeLessThanOrEqual(retryMaxMs)
  })

  it('lets the pause grow although writes come between two failures', () => {
    const twice = play(submit, flush, failed, ...delayedEvents(batchWriterMachine), submit, failed)
    expect([twice.state, twice.context.failures]).toEqual(['serving.backingOff', 2])
  })

  it('begins with a short pause again after anything that succeeded', () => {
    const { snapshot } = play(submit, flush, failed, ...delayedEvents(batchWriterMachine))
    expect(snapshot.context.failures).toBe(1)
    expect(stateName(snapshot)).toBe('serving.committing')
    for (const success of [[answered], [settledWithMore], [settledLeaving], [submit, settledLeaving]]) {
      expect(playFrom(snapshot, ...success).context.failures).toBe(0)
    }
  })

  it('sends at once when another batch succeeded during the pause', () => {
    expect(play(submit, flush, failed, settledWithMore)).toMatchObject({ state: 'serving.committing', effects: [all] })
    expect(play(submit, flush, failed, settledLeaving)).toMatchObject({ state: 'serving.backingOff', effects: [] })
    expect(play(submit, flush, failed, submit)).toMatchObject({ state: 'serving.backingOff', effects: [] })
  })

  it('sends only urgent writes, one batch at a time, while the circuit is open', () => {
    const open = play(submit, flush, opened).snapshot
    for (const event of [submit, flush, answered, settledWithMore, failed]) {
      expect(playFrom(open, event)).toMatchObject({ snapshot: open, effects: [] })
    }
    const run = playFrom(open, urgent)
    expect(run.effects).toEqual([{ type: 'commit', params: { scope: 'urgent', inFlightMax: 1 } }])
  })

  it('hears that the circuit opened wherever it serves', () => {
    for (const { from, event, to } of edges) {
      if (event.type === 'breaker.opened') {
        const isServing = stateName(from).startsWith('serving.')
        expect(stateName(to)).toBe(isServing ? 'serving.circuitOpen' : stateName(from))
      }
    }
  })

  it('sends one batch as a probe when the circuit is half open, also one that comes later', () => {
    const half = play(submit, flush, opened, halfOpened)
    expect(half).toMatchObject({ state: 'serving.circuitHalfOpen', effects: [probe] })
    expect(playFrom(half.snapshot, submit).effects).toEqual([probe])
  })

  it('sends what has gathered when the circuit closes, and waits again when it opens', () => {
    for (const before of [[opened], [opened, halfOpened]]) {
      expect(play(submit, flush, ...before, closed)).toMatchObject({ state: 'serving.committing', effects: [all] })
    }
    expect(play(submit, flush, opened, halfOpened, opened).state).toBe('serving.circuitOpen')
  })

  it('stops at once when nothing is unanswered', () => {
    expect(play(drainEmpty)).toMatchObject({ state: 'stopped', effects: [] })
  })

  it('drains from every state: sends what is there, whatever the breaker says, and stops when all is answered', () => {
    for (const { from, event, to, effects } of edges) {
      if (event !== drain || !stateName(from).startsWith('serving.')) continue
      expect([stateName(to), effects]).toEqual(['draining.sending', [all]])
    }
    const draining = play(submit, drain).snapshot
    expect(playFrom(draining, settledWithMore)).toMatchObject({ state: 'draining.sending', effects: [all] })
    expect(playFrom(draining, answered)).toMatchObject({ state: 'stopped', effects: [] })
    for (const event of [opened, submit, urgent, flush, drain, settledLeaving]) {
      expect(playFrom(draining, event)).toMatchObject({ snapshot: draining, effects: [] })
    }
  })

  it('pauses after a failure while it drains, and tries again', async () => {
    const writer = run()
    writer.send(submit, drain, failed)
    expect(writer.state()).toBe('draining.pausing')
    expect(await writer.clock.runUntil(() => writer.state() === 'draining.sending')).toBe(50)
    expect(writer.asked.at(-1)).toEqual([50, 'commit', all.params])
  })

  it('gives up at its deadline, however often a batch got through or failed before', async () => {
    for (const answer of [settledWithMore, failed]) {
      const writer = run()
      writer.send(submit, drain)
      for (let batches = 0; batches < 4; batches++) {
        await writer.clock.advance(240)
        writer.send(answer)
      }
      await writer.clock.advance(39)
      expect(writer.state()).toMatch(/^draining/)
      await writer.clock.advance(1)
      expect(writer.state()).toBe('stopped')
      expect(writer.asked.at(-1)).toEqual([1000, 'giveUp', { afterMs: 1000 }])
      expect(writer.clock.pending).toBe(0)
    }
  })

  it('leaves no timer behind when it has stopped in time', () => {
    const writer = run()
    writer.send(submit, drain, answered)
    expect([writer.state(), writer.clock.pending]).toEqual(['stopped', 0])
  })
})
