import { describe, expect, it } from 'vitest'
import { getShortestPaths } from 'xstate/graph'
import { rebasesMax, type SeenRecord, stateDocument, type TaskEvent, type TaskState, taskMachine } from '../../machines/task.ts'
import {
  cancelled,
  claimed,
  completed,
  failed,
  handedBack,
  renewed,
  retried,
  type TaskRecord,
  takenOver,
} from '../../src/domain/task-record.ts'
import type { Intent } from '../../src/domain/write.ts'
import { type Effect, explore, step } from './explore.ts'
import {
  at,
  eventsFor,
  fault,
  keyOf,
  later,
  lease,
  now,
  other,
  owner,
  pending,
  prefix,
  processing,
  seenAs,
} from './task-events.ts'

const always = { type: 'none' }
const record = `${prefix}/record`

/** Plays events from a state and gives where they led, with the effects of the last one. */
function play(from: ReturnType<typeof at>, ...events: TaskEvent[]) {
  let snapshot = from
  let effects: Effect[] = []
  for (const event of events) [snapshot, effects] = step(taskMachine, snapshot, event)
  return { snapshot, value: snapshot.value, context: snapshot.context, effects, names: effects.map(({ type }) => type) }
}

/** The write of a record and its projection, as the chart must ask for it. */
function remember(ref: string, next: TaskRecord, revision: number, version: object, ...more: object[]): Effect {
  const condition = { type: 'revision', revision }
  const intents = [
    { key: record, value: next, condition, context: version },
    { key: `${prefix}/state`, value: stateDocument(next), condition: always, context: version },
  ]
  return { type: 'remember', params: { ref, intents: [...intents, ...more] } }
}

function committed(ref: 'claim' | 'renew' | 'settle' | 'progress', revision: number): TaskEvent {
  return { type: 'write.committed', ref, revision, version: { w: revision } }
}

function refused(ref: 'claim' | 'renew' | 'settle' | 'progress', seen: SeenRecord | null): TaskEvent {
  return { type: 'write.refused', ref, seen, now }
}

const claim: TaskEvent = { type: 'task.claim', owner, lease, now }
const complete: TaskEvent = { type: 'task.complete', output: { ok: true }, now }
const fail: TaskEvent = { type: 'task.fail', error: fault, now, chance: 0.5 }
const cancel: TaskEvent = { type: 'task.cancel', reason: 'not needed', now }

const edges = explore(taskMachine, {
  // As somebody finds a task that knows only its record.
  from: [
    at('pending'),
    at('blocked'),
    at('backingOff'),
    at('processing'),
    at('processing', { ...processing, cancelRequested: 'not needed' }),
  ],
  eventsFor: ({ context }) => eventsFor(context),
  keyOf,
})

function writesOf(effects: readonly Effect[]): readonly Intent[] {
  return effects.flatMap(({ type, params }) => (type === 'remember' ? (params as { intents: Intent[] }).intents : []))
}

const finals = ['completed', 'failed', 'cancelled', 'lost']

describe('a task', () => {
  it('reaches every state of its chart from those in which a record is found', () => {
    const reached = new Set(edges.flatMap(({ from, to }) => [from.value, to.value]))
    expect([...reached].sort()).toEqual(Object.keys(taskMachine.states).sort())
  })

  it('reaches all but `blocked` from the queue, where only dependencies put it', () => {
    const paths = getShortestPaths(taskMachine, {
      fromState: at('pending'),
      events: (snapshot) => eventsFor(snapshot.context),
      serializeState: keyOf,
      limit: 50_000,
    })
    const reached = new Set(paths.map(({ state }) => state.value))
    expect([...reached].sort()).toEqual(
      Object.keys(taskMachine.states)
        .filter((state) => state !== 'blocked')
        .sort(),
    )
  })

  it('never ends in a transition that writes', () => {
    expect(edges.length).toBeGreaterThan(2000)
    for (const { to, effects } of edges)
      if (to.status === 'done') expect(effects.map(({ type }) => type)).not.toContain('remember')
  })

  it('writes nothing once it is lost', () => {
    const lost = taskMachine.getStateNodeById('task.lost')
    expect([lost.entry, lost.exit, [...lost.transitions.keys()]]).toEqual([[], [], []])
    const lostEdges = edges.filter(({ to }) => to.value === 'lost')
    expect(lostEdges.length).toBeGreaterThan(50)
    for (const { effects } of lostEdges) expect(writesOf(effects)).toEqual([])
  })

  it('conditions each write of its record on the revision last seen, and guards all else that stands alone', () => {
    for (const { to, effects } of edges) {
      const [first, ...projections] = writesOf(effects)
      if (first === undefined) continue
      if (first.key === record) {
        expect(first.condition).toEqual({ type: 'revision', revision: to.context.revision })
        for (const { condition } of projections) expect(condition).toEqual(always)
      } else {
        expect(first.guard).toEqual({ scope: record, epoch: to.context.record.epoch, incarnation: owner.incarnation })
      }
    }
  })

  it('raises its epoch with a claim and a takeover and with nothing else, and never has more attempts than its maximum', () => {
    for (const { from, event, effects } of edges) {
      const [first] = writesOf(effects)
      if (first?.key !== record) continue
      const next = first.value as TaskRecord
      const isTakeover = from.context.verdict?.type === 'taken-over' || event.type === 'owner.lost'
      const seen = 'seen' in event && event.seen !== null ? event.seen.record : from.context.record
      expect(next.epoch - seen.epoch).toBe(event.type === 'task.claim' && next.status === 'processing' ? 1 : isTakeover ? 1 : 0)
      expect(next.attempts).toBeLessThanOrEqual(next.maxAttempts)
    }
  })

  it('never asks for two units of writes at once', () => {
    for (const { effects } of edges) expect(effects.filter(({ type }) => type === 'remember').length).toBeLessThanOrEqual(1)
  })

  it('starts a handler when its claim is committed, and ends it whenever it leaves `processing`', () => {
    for (const { from, to, effects } of edges) {
      const names = effects.map(({ type }) => type)
      expect(names.includes('startHandler')).toBe(from.value === 'claiming' && to.value === 'processing')
      expect(names.includes('endHandler')).toBe(from.value === 'processing' && to.value !== 'processing')
    }
  })

  it.each<[TaskState, ...TaskEvent['type'][]]>([
    ['pending', 'task.claim', 'task.cancel'],
    ['blocked', 'dependencies.completed', 'dependency.failed', 'task.cancel'],
    ['backingOff', 'delay.elapsed', 'task.cancel'],
    ['claiming', 'write.committed', 'write.refused', 'write.failed'],
    [
      'processing',
      'task.progress',
      'task.complete',
      'task.fail',
      'timeout.elapsed',
      'lease.due',
      'lease.over',
      'write.committed',
      'write.refused',
      'record.changed',
      'drain.elapsed',
      'owner.lost',
    ],
    ['settling', 'write.committed', 'write.refused', 'write.failed'],
  ])('takes in %s only what belongs there, and ignores the rest without a trace', (state, ...taken) => {
    const there = edges.filter(({ from }) => from.value === state)
    const effective = there.filter(({ from, to, effects }) => to !== from || effects.length > 0)
    expect([...new Set(effective.map(({ event }) => event.type))].sort()).toEqual([...taken].sort())
  })
})

describe('a claim', () => {
  it('asks for exactly the record under a new epoch and its projection', () => {
    const next = claimed(pending, owner, lease)
    expect(next).toMatchObject({ status: 'processing', epoch: 5, attempts: 1, owner: 'w.1', incarnation: 'own', lease })
    const { value, effects } = play(at('pending'), claim)
    expect(value).toBe('claiming')
    expect(effects).toEqual([remember('claim', next, 7, { w: 1 })])
  })

  it('that is committed runs the handler, on the revision of its receipt', () => {
    const { value, context, effects } = play(at('pending'), claim, committed('claim', 9))
    expect([value, context.revision, context.version]).toEqual(['processing', 9, { w: 9 }])
    expect(effects).toEqual([{ type: 'startHandler', params: { record: processing } }])
  })

  it('that is refused ends lost and writes nothing', () => {
    const stranger = seenAs(at('claiming').context, { ...claimed(pending, other, lease) })
    for (const seen of [null, stranger]) {
      const { value, effects } = play(at('pending'), claim, refused('claim', seen))
      expect([value, effects]).toEqual(['lost', []])
    }
  })

  it('that fails ends lost and writes nothing', () => {
    const failure: TaskEvent = { type: 'write.failed', ref: 'claim', message: 'the store is away' }
    expect(play(at('pending'), claim, failure)).toMatchObject({ value: 'lost', effects: [] })
  })

  it('whose reply was lost is recognised by epoch, life and worker', () => {
    const { context } = play(at('pending'), claim)
    const mine = seenAs(context)
    const run = play(at('pending'), claim, refused('claim', mine))
    expect(run).toMatchObject({ value: 'processing', context: mine, names: ['startHandler'] })
    // Two workers of one runtime share an incarnation: the slower one's claim is not the faster one's.
    expect(play(at('pending'), claim, refused('claim', seenAs(context, { owner: 'w.2' }))).value).toBe('lost')
  })

  it('of a task whose cancellation was asked for cancels it', () => {
    const asked = { ...pending, cancelRequested: 'not needed' }
    const { value, effects } = play(at('pending', asked), claim)
    expect(value).toBe('settling')
    expect(effects).toEqual([remember('settle', cancelled(asked, 'not needed', now.wallMs), 7, { w: 1 })])
  })

  it('of a task without an attempt left makes it a dead letter that says why', () => {
    const orphan = { ...pending, attempts: 2, owner: 'v.1' }
    const { value, context, effects } = play(at('pending', orphan), claim)
    expect(value).toBe('settling')
    expect(context.verdict).toMatchObject({ type: 'failed', error: { name: 'AttemptsExhausted', reason: 'attempts_exhausted' } })
    expect(writesOf(effects)[0]?.value).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('v.1') } })
    // The last attempt's own error says more.
    const known = play(at('pending', { ...orphan, error: fault }), claim)
    expect(known.context.verdict).toMatchObject({ type: 'failed', error: fault })
  })
})

describe('an outcome', () => {
  it('is record, projection, result and effects in one unit, and true only when that is committed', () => {
    const effect: Intent = { key: 'ns/e', value: 1, condition: { type: 'none' } }
    const run = play(at('processing'), { type: 'task.complete', output: { ok: true }, effects: [effect], now })
    const result = { key: `${prefix}/result`, value: { ok: true }, condition: always, context: { w: 1 } }
    expect(run.value).toBe('settling')
    expect(run.effects).toEqual([
      { type: 'endHandler', params: { record: processing } },
      remember('settle', completed(processing, now.wallMs), 7, { w: 1 }, result, effect),
    ])
    expect(play(run.snapshot, committed('settle', 8))).toMatchObject({ value: 'completed', effects: [] })
  })

  it('of an attempt that failed is a pause that grows, and the task rests until it is over', () => {
    const run = play(at('processing'), fail)
    const next = retried(processing, fault, { wallMs: 1100, bootId: 'boot', monotonicMs: 150 })
    expect(run.value).toBe('settling')
    expect(run.effects).toEqual([{ type: 'endHandler', params: { record: processing } }, remember('settle', next, 7, { w: 1 })])
    const rest = play(run.snapshot, committed('settle', 8))
    expect(rest.value).toBe('backingOff')
    expect(rest.context).toEqual({ record: next, revision: 8, version: { w: 8 }, prefix, verdict: null, rebases: 0 })
    expect(rest.effects).toEqual([{ type: 'rest', params: { id: 't' } }])
  })

  it('of the last attempt that failed is a dead letter', () => {
    const delay: TaskEvent = { type: 'delay.elapsed' }
    const retry = [claim, committed('claim', 8), fail, committed('settle', 9), delay, claim, committed('claim', 10)]
    const second = play(at('pending'), ...retry)
    expect(second.context.record).toMatchObject({ attempts: 2, epoch: 6 })
    const last = play(second.snapshot, fail)
    expect(last.effects[1]).toEqual(remember('settle', failed(second.context.record, fault, now.wallMs), 10, { w: 10 }))
    expect(play(last.snapshot, committed('settle', 11))).toMatchObject({ value: 'failed', effects: [] })
  })

  it('of a failure that is final needs no further attempt', () => {
    const run = play(at('processing'), { ...fail, isFinal: true } as TaskEvent)
    expect(run.effects[1]).toEqual(remember('settle', failed(processing, fault, now.wallMs), 7, { w: 1 }))
  })

  it('of an attempt that took too long is a retry, then a dead letter; the handler is ended, then aborted', () => {
    const timeout: TaskEvent = { type: 'timeout.elapsed', now, chance: 0.5 }
    const first = play(at('processing'), timeout)
    expect(first.names).toEqual(['endHandler', 'abortHandler', 'remember'])
    expect(first.context.verdict).toMatchObject({ type: 'retried', error: { name: 'TimeoutError', reason: 'timeout' } })
    const last = play(at('processing', { ...processing, attempts: 2, timeoutMs: 500 }), timeout)
    expect(last.context.verdict).toMatchObject({ type: 'failed', error: { message: 'the attempt took longer than 500 ms' } })
  })

  it('of a drain is the attempt handed back, uncounted', () => {
    const run = play(at('processing'), { type: 'drain.elapsed', now })
    expect(run.effects).toEqual([
      { type: 'endHandler', params: { record: processing } },
      { type: 'abortHandler', params: { reason: 'shutdown' } },
      remember('settle', handedBack(processing), 7, { w: 1 }),
    ])
    const rest = play(run.snapshot, committed('settle', 8))
    expect(rest).toMatchObject({ value: 'pending', names: ['rest'], context: { record: { attempts: 0 }, revision: 8 } })
  })

  it('that cannot be written is left to the lease', () => {
    const failure: TaskEvent = { type: 'write.failed', ref: 'settle', message: 'the store is away' }
    expect(play(at('processing'), complete, failure)).toMatchObject({ value: 'lost', effects: [] })
  })

  it('that is refused because a renewal came between is written again on what was seen', () => {
    const run = play(at('processing'), complete)
    const seen = seenAs(run.context, { lease: later })
    const again = play(run.snapshot, refused('settle', seen))
    const result = { key: `${prefix}/result`, value: { ok: true }, condition: always, context: seen.version }
    expect(again).toMatchObject({ value: 'settling', context: { rebases: 1 } })
    expect(again.effects).toEqual([remember('settle', completed(seen.record, now.wallMs), 8, seen.version, result)])
  })

  it('gives way to a cancellation that came between', () => {
    const run = play(at('processing'), complete)
    const again = play(run.snapshot, refused('settle', seenAs(run.context, { cancelRequested: 'stop it' })))
    expect(writesOf(again.effects)[0]?.value).toMatchObject({ status: 'cancelled', cancelRequested: 'stop it' })
    expect(play(again.snapshot, committed('settle', 9)).value).toBe('cancelled')
  })

  it('that is refused because somebody else has the task ends lost', () => {
    const run = play(at('processing'), complete)
    for (const seen of [
      null,
      seenAs(run.context, claimed(processing, other, lease)),
      seenAs(run.context, { status: 'failed' }),
    ]) {
      expect(play(run.snapshot, refused('settle', seen))).toMatchObject({ value: 'lost', effects: [] })
    }
  })

  it('whose reply was lost is recognised', () => {
    const run = play(at('processing'), complete)
    const seen = seenAs(run.context, { status: 'completed' })
    expect(play(run.snapshot, refused('settle', seen))).toMatchObject({ value: 'completed', effects: [] })
    const retry = play(at('processing'), fail)
    const rest = play(retry.snapshot, refused('settle', seenAs(retry.context, { status: 'pending' })))
    expect(rest).toMatchObject({ value: 'backingOff', names: ['rest'], context: { revision: 8 } })
  })

  it(`gives up after ${rebasesMax} refusals under its own epoch`, () => {
    let { snapshot } = play(at('processing'), complete)
    for (let round = 0; round < rebasesMax; round++) {
      const run = play(snapshot, refused('settle', seenAs(snapshot.context)))
      expect([run.value, run.names]).toEqual(['settling', ['remember']])
      snapshot = run.snapshot
    }
    expect(play(snapshot, refused('settle', seenAs(snapshot.context)))).toMatchObject({ value: 'lost', effects: [] })
  })
})

describe('cancelling', () => {
  it.each<TaskState>(['pending', 'blocked', 'backingOff'])('a task that is %s writes the end at once', (state) => {
    const run = play(at(state), cancel)
    expect(run.value).toBe('settling')
    expect(run.effects).toEqual([remember('settle', cancelled(pending, 'not needed', now.wallMs), 7, { w: 1 })])
    expect(play(run.snapshot, committed('settle', 8))).toMatchObject({ value: 'cancelled', effects: [] })
  })

  it.each<TaskState>(['claiming', 'processing', 'settling'])(
    'a task that is %s goes through its record, not its actor',
    (state) => {
      const from = at(state, processing)
      expect(play(from, cancel)).toMatchObject({ snapshot: from, effects: [] })
    },
  )

  it('a task that has ended changes nothing', () => {
    for (const state of finals) {
      const from = at(state as TaskState)
      expect(play(from, cancel)).toMatchObject({ snapshot: from, effects: [] })
    }
  })

  it('a running task aborts its handler when the owner hears of it, by the feed or by a refusal', () => {
    const asked = seenAs(at('processing').context, { cancelRequested: 'stop it' })
    for (const told of [
      { type: 'record.changed', seen: asked, now },
      refused('renew', asked),
      refused('progress', asked),
    ] as const) {
      const run = play(at('processing'), told)
      expect(run.effects).toEqual([
        { type: 'endHandler', params: { record: processing } },
        { type: 'abortHandler', params: { reason: 'cancelled' } },
        remember('settle', cancelled(asked.record, 'stop it', now.wallMs), 8, asked.version),
      ])
    }
  })

  it('a pending task that was claimed meanwhile decides nothing', () => {
    const { snapshot, context } = play(at('pending'), cancel)
    expect(play(snapshot, refused('settle', seenAs(context, claimed(pending, other, lease))))).toMatchObject({
      value: 'lost',
      effects: [],
    })
  })
})

describe('a lease', () => {
  it('that is due asks for exactly the record with the new lease', () => {
    const run = play(at('processing'), { type: 'lease.due', lease: later })
    const value = renewed(processing, later)
    const condition = { type: 'revision', revision: 7 }
    expect(run.value).toBe('processing')
    expect(run.effects).toEqual([
      { type: 'remember', params: { ref: 'renew', intents: [{ key: record, value, condition, context: { w: 1 } }] } },
    ])
  })

  it('that is over ends the work and writes nothing', () => {
    const run = play(at('processing'), { type: 'lease.over' })
    expect([run.value, run.names]).toEqual(['lost', ['endHandler', 'abortHandler']])
  })

  it('moves on with the receipts of its renewals, also with those that come while the outcome is written', () => {
    expect(play(at('processing'), committed('renew', 9)).context).toMatchObject({ revision: 9, version: { w: 9 } })
    const run = play(at('processing'), complete, committed('renew', 9))
    expect(run).toMatchObject({ value: 'settling', effects: [], context: { revision: 9, version: { w: 9 } } })
  })

  it('takes no revision from what is older than what it knows, or of another key', () => {
    const settling = play(at('processing'), complete).snapshot
    for (const from of [at('processing'), settling]) {
      for (const event of [committed('progress', 90), committed('claim', 90), committed('renew', 6)]) {
        expect(play(from, event)).toMatchObject({ snapshot: from, effects: [] })
      }
    }
  })

  it('that another writer moved under the same owner is renewed from what was seen', () => {
    const seen = seenAs(at('processing').context, { priority: 3 })
    const run = play(at('processing'), refused('renew', seen))
    expect(run).toMatchObject({ value: 'processing', context: seen, effects: [] })
  })

  it('that somebody else has taken over ends the work and writes nothing', () => {
    const taken = seenAs(at('processing').context, takenOver(processing, now.wallMs))
    for (const told of [
      { type: 'record.changed', seen: taken, now },
      refused('renew', taken),
      refused('progress', taken),
    ] as const) {
      const run = play(at('processing'), told)
      expect([run.value, run.names]).toEqual(['lost', ['endHandler', 'abortHandler']])
    }
  })

  it('is not given up for news that is older than the claim: the feed may be behind', () => {
    const before = { ...seenAs(at('processing').context, { ...pending, incarnation: 'other' }), revision: 6 }
    const from = at('processing')
    for (const told of [{ type: 'record.changed', seen: before, now }, refused('renew', before)] as const) {
      expect(play(from, told)).toMatchObject({ snapshot: from, effects: [] })
    }
  })

  it('that is over for a dead owner brings the task back into the queue under a new epoch', () => {
    const run = play(at('processing'), { type: 'owner.lost', now })
    const next = takenOver(processing, now.wallMs)
    expect(next).toMatchObject({ status: 'pending', epoch: 6, attempts: 1 })
    expect(run.effects[1]).toEqual(remember('settle', next, 7, { w: 1 }))
    expect(play(run.snapshot, committed('settle', 8))).toMatchObject({
      value: 'pending',
      context: { record: next },
      names: ['rest'],
    })
  })

  it('is not taken from an owner that has just renewed it', () => {
    const run = play(at('processing'), { type: 'owner.lost', now })
    const alive = seenAs(run.context, { lease: later })
    expect(play(run.snapshot, refused('settle', alive))).toMatchObject({ value: 'lost', effects: [] })
  })

  it('of an orphan whose cancellation was asked for ends the task', () => {
    const asked = { ...processing, cancelRequested: 'not needed' }
    const run = play(at('processing', asked), { type: 'owner.lost', now })
    expect(writesOf(run.effects)[0]?.value).toMatchObject({ status: 'cancelled', epoch: 6 })
    expect(play(run.snapshot, committed('settle', 8))).toMatchObject({ value: 'cancelled', effects: [] })
  })
})

describe('progress', () => {
  it('asks for exactly its document, guarded by the record', () => {
    const document = { progress: 50, status: 'half', timestamp: now.wallMs }
    const guard = { scope: record, epoch: 5, incarnation: 'own' }
    const intent = { key: `${prefix}/progress`, value: document, condition: always, guard, context: { w: 1 } }
    const run = play(at('processing'), { type: 'task.progress', percent: 50, note: 'half', now })
    expect(run.effects).toEqual([{ type: 'remember', params: { ref: 'progress', intents: [intent] } }])
    const silent = play(at('processing'), { type: 'task.progress', percent: 50, note: null, now })
    expect(writesOf(silent.effects)[0]?.value).toMatchObject({ status: 'processing' })
  })

  it('that cannot be written does not disturb the work', () => {
    const from = at('processing')
    expect(play(from, { type: 'write.failed', ref: 'progress', message: '' })).toMatchObject({ snapshot: from, effects: [] })
  })
})

describe('dependencies', () => {
  it('that have completed make a blocked task ready', () => {
    expect(play(at('blocked'), { type: 'dependencies.completed' })).toMatchObject({ value: 'pending', effects: [] })
  })

  it('one of which failed make it a dead letter that names it', () => {
    const run = play(at('blocked'), { type: 'dependency.failed', dependency: 'd', now })
    const error = { name: 'DependencyFailed', message: 'dependency failed: task d did not complete', reason: 'dependency_failed' }
    expect(run.effects).toEqual([remember('settle', failed(pending, error as typeof fault & object, now.wallMs), 7, { w: 1 })])
  })
})

describe('the document `state`', () => {
  it('says of every status what readers without records need', () => {
    const ended = { endedMs: 5 }
    expect(stateDocument(pending)).toEqual({ status: 'pending', attempts: 0 })
    expect(stateDocument(processing)).toEqual({ status: 'processing', workerId: 'w.1', attempt: 1 })
    expect(stateDocument({ ...processing, ...ended, status: 'completed' })).toEqual({
      status: 'completed',
      workerId: 'w.1',
      completedAt: 5,
    })
    expect(stateDocument({ ...pending, ...ended, status: 'failed', error: fault })).toEqual({
      status: 'failed',
      error: 'broken',
      failedAt: 5,
    })
    expect(stateDocument({ ...pending, ...ended, status: 'cancelled', cancelRequested: 'no' })).toEqual({
      status: 'cancelled',
      reason: 'no',
      cancelledAt: 5,
    })
  })
})
