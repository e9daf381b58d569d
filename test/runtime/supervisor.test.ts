/** Who lives, who is started again, and what happens when that does not help. */
import { describe, expect, test } from 'vitest'
import { type AnyActorRef, createActor, fromCallback, fromTransition, setup } from 'xstate'
import type { MemorySyncError } from '../../src/domain/errors.ts'
import type { FeedItem } from '../../src/ports/store.ts'
import { deadLettersMax, Supervisor } from '../../src/runtime/supervisor.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { hangs, type MemberOptions, world } from './harness.ts'

const echoMachine = setup({
  types: {
    context: {} as { readonly heard: readonly string[] },
    events: {} as { type: 'say'; word: string } | { type: 'end' } | { type: 'crash' } | { type: 'wait' },
  },
  actions: {
    crash: () => {
      throw new Error('out of order')
    },
  },
}).createMachine({
  id: 'echo',
  context: { heard: [] },
  initial: 'on',
  states: {
    on: {
      on: {
        end: 'off',
        crash: { actions: 'crash' },
        wait: 'waiting',
      },
    },
    waiting: { after: { 1000: 'off' } },
    off: { type: 'final' },
  },
})

function supervised(restart = { intensity: 2, periodMs: 1000 }) {
  const clock = createVirtualClock()
  const reported: string[] = []
  const escalated: string[] = []
  const supervisor = new Supervisor({
    clock,
    restart,
    report: (error: MemorySyncError) => reported.push(error.message),
    escalate: (address, error) => escalated.push(`${address}: ${error.message}`),
  })
  return { clock, reported, escalated, supervisor }
}

describe('facts of XState that the supervisor stands on', () => {
  test('an actor created with a parent tells the parent of its end and of its crash, and the parent can stop it', () => {
    const told: string[] = []
    let stop: (actor: AnyActorRef) => void = () => {}
    const root = createActor(
      fromTransition((state: null, event: { type: string }, scope) => {
        stop = (actor) => scope.stopChild(actor)
        told.push(event.type)
        return state
      }, null),
    ).start()
    root.subscribe({ error: () => expect.unreachable() })
    root.send({ type: 'begin' })
    const make = (id: string) => createActor(echoMachine, { id, parent: root as AnyActorRef } as never).start()
    const [done, crashed, stopped] = [make('a'), make('b'), make('c')]
    done.send({ type: 'end' })
    crashed.send({ type: 'crash' })
    stop(stopped)
    expect(told).toEqual(['begin', 'xstate.done.actor.a', 'xstate.error.actor.b'])
    expect([done, crashed, stopped].map((actor) => actor.getSnapshot().status)).toEqual(['done', 'error', 'stopped'])
    expect(done.system).toBe(root.system)
    expect(root.getSnapshot().status).toBe('active')
  })
})

describe('the supervisor', () => {
  test('tells how each child ended, once, and forgets it', () => {
    const { supervisor } = supervised()
    const ends: unknown[] = []
    for (const address of ['a', 'b', 'c'])
      supervisor.start({ address, logic: echoMachine, onEnd: (end) => ends.push([address, end]) })
    supervisor.tell('a', { type: 'end' })
    supervisor.tell('b', { type: 'crash' })
    supervisor.stop('c')
    expect(ends).toMatchObject([
      ['a', { type: 'done', state: 'off' }],
      ['b', { type: 'crashed', error: { message: 'the actor "b" crashed: out of order' } }],
    ])
    expect([supervisor.size, supervisor.get('a'), supervisor.addresses()]).toEqual([0, undefined, []])
    supervisor.stop('nobody')
  })

  test('starts a permanent child again, on the same address, up to its intensity', async () => {
    const { supervisor, clock, reported, escalated } = supervised()
    let starts = 0
    const ends: unknown[] = []
    supervisor.start({
      address: 'a',
      logic: echoMachine,
      restart: 'permanent',
      onStart: () => starts++,
      onEnd: (end) => ends.push(end.type),
    })
    for (let crash = 1; crash <= 2; crash++) {
      supervisor.tell('a', { type: 'crash' })
      await clock.settle()
      expect([starts, escalated.length]).toEqual([crash + 1, 0])
    }
    // After the period the crashes are forgotten.
    await clock.advance(1001)
    for (let crash = 1; crash <= 2; crash++) {
      supervisor.tell('a', { type: 'crash' })
      await clock.settle()
    }
    expect([starts, ends, escalated]).toEqual([5, [], []])
    supervisor.tell('a', { type: 'crash' })
    await clock.settle()
    expect([starts, ends, escalated]).toEqual([5, ['crashed'], ['a: the actor "a" crashed: out of order']])
    expect(reported).toHaveLength(5)
    expect(supervisor.tell('a', { type: 'end' })).toBe(false)
  })

  test('keeps what is told to a child while it is being started again', async () => {
    const { supervisor, clock } = supervised()
    const ends: unknown[] = []
    supervisor.start({ address: 'a', logic: echoMachine, restart: 'permanent', onEnd: (end) => ends.push(end.type) })
    supervisor.tell('a', { type: 'crash' })
    expect(supervisor.tell('a', { type: 'end' })).toBe(true)
    await clock.settle()
    expect(ends).toEqual(['done'])
  })

  test('is not brought down by a child that crashes whenever it starts', async () => {
    const { supervisor, clock, escalated, reported } = supervised({ intensity: 100, periodMs: 1000 })
    let starts = 0
    const logic = fromCallback(() => {
      starts++
      throw new Error('never')
    })
    supervisor.start({ address: 'a', logic, restart: 'permanent' })
    await clock.settle()
    expect(starts).toBe(101)
    expect(escalated).toHaveLength(1)
    expect(reported).toHaveLength(101)
    supervisor.start({ address: 'b', logic: echoMachine })
    expect(supervisor.tell('b', { type: 'end' })).toBe(true)
  })

  test('with no intensity escalates the first crash', async () => {
    const { supervisor, clock, escalated } = supervised({ intensity: 0, periodMs: 1000 })
    supervisor.start({ address: 'a', logic: echoMachine, restart: 'permanent' })
    supervisor.tell('a', { type: 'crash' })
    await clock.settle()
    expect(escalated).toHaveLength(1)
  })

  test('allows one actor at an address, and another after it', () => {
    const { supervisor } = supervised()
    supervisor.start({ address: 'a', logic: echoMachine })
    expect(() => supervisor.start({ address: 'a', logic: echoMachine })).toThrow('already running at "a"')
    supervisor.tell('a', { type: 'end' })
    supervisor.start({ address: 'a', logic: echoMachine })
    expect(supervisor.size).toBe(1)
  })

  test('keeps the newest dead letters, and counts all', () => {
    const { supervisor } = supervised()
    for (let n = 0; n < deadLettersMax + 10; n++) expect(supervisor.tell('nobody', { type: 'say', n })).toBe(false)
    const { count, newest } = supervisor.deadLetters
    expect(count).toBe(deadLettersMax + 10)
    expect(newest).toHaveLength(deadLettersMax)
    expect(newest.at(-1)).toEqual({ address: 'nobody', event: { type: 'say', n: deadLettersMax + 9 } })
  })

  test('runs delays on the clock that it was given, and leaves none when it stops', async () => {
    const { supervisor, clock } = supervised()
    const ends: unknown[] = []
    supervisor.start({ address: 'a', logic: echoMachine, onEnd: (end) => ends.push(end.type) })
    supervisor.start({ address: 'b', logic: echoMachine })
    for (const address of ['a', 'b']) supervisor.tell(address, { type: 'wait' })
    await clock.advance(999)
    expect(ends).toEqual([])
    supervisor.stop('b')
    await clock.advance(1)
    expect(ends).toEqual(['done'])
    supervisor.start({ address: 'c', logic: echoMachine })
    supervisor.tell('c', { type: 'wait' })
    supervisor.stopAll()
    expect([clock.pending, supervisor.size]).toEqual([0, 0])
  })

  test('survives an inspection observer that throws, and loses no event', async () => {
    const { supervisor, reported } = supervised()
    const ends: unknown[] = []
    const end = supervisor.inspect(() => {
      throw new Error('do not look')
    })
    supervisor.start({ address: 'a', logic: echoMachine, onEnd: ({ type }) => ends.push(type) })
    supervisor.tell('a', { type: 'end' })
    expect(ends).toEqual(['done'])
    expect(reported[0]).toContain('an inspection observer threw: do not look')
    const before = reported.length
    end()
    supervisor.start({ address: 'b', logic: echoMachine })
    expect(reported).toHaveLength(before)
  })

  test('does not restart what crashes while all is stopped', async () => {
    const { supervisor, clock, escalated } = supervised()
    supervisor.start({ address: 'a', logic: echoMachine, restart: 'permanent' })
    supervisor.tell('a', { type: 'crash' })
    supervisor.stopAll()
    await clock.settle()
    expect([supervisor.size, escalated]).toEqual([0, []])
  })
})

/** A number that no other timer of the runtime has: setting it fails when a test says so, which crashes the batch writer. */
const lingerMs = 7
function breakable(options: MemberOptions = {}) {
  const made = world()
  let crashesLeft = 0
  const member = made.join({
    lingerMs,
    ...options,
    prepare: (_, clock) => {
      clock.onTimer = (delayMs) => {
        if (delayMs !== lingerMs || crashesLeft <= 0) return
        crashesLeft--
        throw new Error('no more timers')
      }
    },
  })
  return {
    ...member,
    ...made,
    memory: member.runtime.memory,
    crashWriter: (times: number) => {
      crashesLeft = times
    },
  }
}

/** What no feed gives: the chart that reads it fails. */
const poison: FeedItem = { type: 'changes', changes: null as never }

describe('in a runtime', () => {
  test('a batch writer that crashes is started again; what was buffered is written', async () => {
    const { run, runtime, memory, crashWriter, problems, clock } = breakable()
    await run(runtime.ready())
    crashWriter(3)
    const writes = Array.from({ length: 100 }, (_, n) => memory.set(`k/${n}`, n))
    const task = runtime.submit({ id: 'a', type: 'x' })
    await run(Promise.all([...writes, task]))
    expect(await run(memory.get('k/99'))).toBe(99)
    expect(problems.map(({ message }) => message)).toEqual(
      Array.from({ length: 3 }, () => 'the actor "batch-writer" crashed: no more timers'),
    )
    await clock.advance(1000)
    await run(memory.set('later', 1))
  })

  test('a batch writer that crashes with a commit on its way, which then fails, tries that again too', async () => {
    const { run, runtime, memory, crashWriter, store, clock } = breakable()
    await run(runtime.ready())
    store.commitFate = () => 'hang'
    const first = memory.set('first', 1)
    await clock.advance(lingerMs + 1)
    crashWriter(1)
    const second = memory.set('second', 1)
    await clock.advance(0)
    store.commitFate = () => 'pass'
    // The hung one is given up ten seconds later.
    await run(Promise.all([first, second]), 60_000)
    store.faults.release()
    await clock.advance(10)
    expect(await run(memory.get('first'))).toBe(1)
  })

  test('a batch writer that cannot be kept running ends the runtime: every caller is told why', async () => {
    const { run, runtime, memory, crashWriter, refused, clock, until } = breakable()
    let signal: AbortSignal | null = null
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          signal = task.signal
          return hangs()
        },
      },
    })
    const task = await run(runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    const waiting = task.result().catch((error: unknown) => error)
    crashWriter(1000)
    const writes = Array.from({ length: 20 }, (_, n) => memory.set(`k/${n}`, n).catch((error: unknown) => error))
    for (const outcome of await run(Promise.all(writes), 120_000)) {
      expect(outcome).toMatchObject({ code: expect.stringMatching(/closed|unflushed/) })
    }
    const error = await refused(memory.set('later', 1))
    expect(error.code).toBe('closed')
    expect(error.message).toContain('the runtime gave up: the actor "batch-writer" crashed: no more timers')
    expect(error.cause).toMatchObject({ message: expect.stringContaining('batch-writer') })
    expect((await refused(runtime.submit({ type: 'x' }))).message).toContain('gave up')
    expect(await run(waiting, 60_000)).toMatchObject({ code: 'closed' })
    await run(runtime.shutdown(), 60_000)
    expect(signal).toMatchObject({ aborted: true })
    await clock.advance(0)
    expect(clock.describePending()).toEqual([])
  })

  test('a feed that crashes its reader is followed again; tasks and waiters miss nothing', async () => {
    const made = world()
    const { runtime, store, problems } = made.join()
    const other = made.join().runtime
    const { run, clock } = made
    runtime.spawnWorker({ handlers: { x: () => 'done' } })
    await run(Promise.all([runtime.ready(), other.ready()]))
    let poisonous = 1
    store.onFeed = (item) => (item.type === 'changes' && poisonous-- > 0 ? poison : item)
    // The very change that is replaced is the one that says that there is work.
    const task = await run(other.submit({ type: 'x' }))
    expect(await run(task.result(), 10_000)).toBe('done')
    poisonous = 1
    const waiting = runtime.task((await run(other.submit({ type: 'y' }))).id).result()
    other.spawnWorker({ handlers: { y: () => 'y' } })
    expect(await run(waiting, 10_000)).toBe('y')
    await clock.advance(0)
    expect(problems.filter(({ message }) => message.includes('the actor "sync" crashed'))).toHaveLength(2)
  })

  test('subscribers miss nothing either, when the reader of the feed crashes', async () => {
    const made = world()
    const { runtime, store } = made.join()
    const { run, clock } = made
    const other = made.join().runtime
    const seen: unknown[] = []
    runtime.memory.subscribe('k/*', (change) => seen.push(change.type === 'set' ? change.value : null))
    await run(Promise.all([runtime.ready(), other.ready()]))
    await run(other.memory.set('k/1', 1))
    let isPoisonous = true
    store.onFeed = (item) => {
      if (item.type !== 'changes' || !isPoisonous) return item
      isPoisonous = false
      return poison
    }
    await run(other.memory.set('k/2', 2))
    await run(other.memory.set('k/3', 3))
    await clock.advance(10_000)
    await run(other.memory.set('k/4', 4))
    await clock.advance(0)
    expect(seen).toEqual([1, 2, 3, 4])
  })

  test('an entry that is none is reported and skipped; what comes with it is not', async () => {
    const made = world()
    const { runtime, store, problems } = made.join()
    const { run, clock } = made
    const seen: unknown[] = []
    runtime.memory.subscribe('k/*', (change) => seen.push(change.revision))
    await run(runtime.ready())
    const bad = { key: 'k/bad', entry: null as never, revision: 1 }
    store.onFeed = (item) => (item.type === 'changes' ? { type: 'changes', changes: [bad, ...item.changes] } : item)
    await run(runtime.memory.set('k/1', 1))
    await run(runtime.memory.set('k/2', 2))
    await clock.advance(0)
    expect(seen).toHaveLength(2)
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(
      [1, 2].map(() => expect.stringMatching(/^corrupt a change of "k\/bad" was skipped/)),
    )
  })

  test('a feed that always crashes its reader ends the runtime with that reason', async () => {
    const made = world()
    const { runtime, store, problems } = made.join({ restart: { intensity: 3, periodMs: 60_000 } })
    const { run, refused, clock } = made
    runtime.spawnWorker({ handlers: { x: hangs } })
    await run(runtime.ready())
    const task = await run(runtime.submit({ type: 'x' }))
    const waiting = task.result().catch((error: unknown) => error)
    store.onFeed = (item) => (item.type === 'changes' ? poison : item)
    const other = made.join().runtime
    for (let n = 0; n < 10; n++) {
      await run(other.memory.set('a', n))
      await clock.advance(100)
    }
    expect(await run(waiting, 60_000)).toMatchObject({ code: 'closed' })
    expect((await refused(runtime.memory.get('a'))).message).toContain('the runtime gave up: the actor "sync" crashed')
    await run(runtime.shutdown(), 60_000)
    expect(problems.length).toBeGreaterThanOrEqual(4)
  })

  test('a feed that crashes its reader before the runtime is open makes the opening fail', async () => {
    const made = world()
    const { runtime } = made.join({
      restart: { intensity: 1, periodMs: 60_000 },
      prepare: (store) => {
        store.onFeed = () => poison
      },
    })
    const error = await made.refused(runtime.ready())
    expect(error.code).toBe('closed')
    expect(error.message).toContain('the runtime gave up')
    await made.run(runtime.shutdown(), 60_000)
  })

  test('a logger or a problem listener that throws hurts nobody', async () => {
    const made = world()
    const fails = (): never => {
      throw new Error('disk full')
    }
    const { runtime, store } = made.join({ logger: { debug: fails, info: fails, warn: fails, error: fails } })
    const { run, clock } = made
    runtime.onProblem(fails)
    runtime.spawnWorker({ handlers: { x: () => 'done' } })
    await run(runtime.ready())
    runtime.memory.subscribe('a', fails)
    store.faults.dropWatches()
    let failures = 2
    store.commitFate = () => (failures-- > 0 ? 'fail' : 'pass')
    await run(runtime.memory.set('a', 1))
    await clock.advance(1000)
    const task = await run(runtime.submit({ type: 'x' }))
    expect(await run(task.result(), 10_000)).toBe('done')
    expect(runtime.problemCount).toBeGreaterThanOrEqual(4)
  })
})
