/** Watching a process: what it costs when nobody does, what each watcher is told, and what it never is. */
import { describe, expect, test } from 'vitest'
import { type InspectionEvent, setup } from 'xstate'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Json } from '../../src/domain/json.ts'
import { ConflictResolvers } from '../../src/domain/resolvers.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { watchesMax } from '../../src/trace/runtime-trace.ts'
import { metricsEveryMs } from '../../src/trace/trace-session.ts'
import type { RedactPlace, TraceWatchOptions } from '../../src/trace/trace-source.ts'
import type { GapRecord, TraceRecord } from '../../src/wire/trace-record.ts'
import { hangs, type MemberOptions, world } from '../runtime/harness.ts'
import { echoLogic } from './echo-logic.ts'
import { tracedSystem, watching } from './traced-system.ts'

/** A world with one runtime, whose worker echoes. */
async function oneWorking(options: MemberOptions = {}) {
  const it = world()
  const member = it.join({ workerId: 'w', ...options })
  member.runtime.spawnWorker({ id: 'a', handlers: { echo: async (task) => task.input, hang: hangs } })
  await it.run(member.runtime.ready())
  await it.clock.settle()
  return { ...member, ...it, watch: (given?: TraceWatchOptions) => watching(member.runtime.inside.trace, given) }
}

async function echo(
  { runtime, run }: { runtime: Runtime; run<T>(promise: Promise<T>): Promise<T> },
  input: Json = 1,
): Promise<void> {
  const task = await run(runtime.submit({ type: 'echo', input }))
  await run(task.result())
}

function expectGapless(records: readonly TraceRecord[]): void {
  const first = records[0]?.seq ?? 0
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => first + index))
}

function countOf(records: readonly TraceRecord[], type: string): number {
  return records.filter((record) => record.type === type).length
}

describe('without a watcher', () => {
  test('nothing is attached to the actors, before the first and after the last', async () => {
    const working = await oneWorking()
    const { runtime } = working
    // XState gives its observers copies of inspection events: without an observer nobody reads the original.
    let system: { _sendInspectionEvent(event: object): void } | null = null
    const end = runtime.inspect((event) => {
      system ??= (event.actorRef as unknown as { system: { _sendInspectionEvent(event: object): void } }).system
    })
    await echo(working)
    end()
    const isAttached = (): boolean => {
      let isRead = false
      system?._sendInspectionEvent({
        get type() {
          isRead = true
          return 'probe'
        },
      })
      return isRead
    }
    expect(isAttached()).toBe(false)
    const [one, two] = [working.watch(), working.watch()]
    expect(isAttached()).toBe(true)
    one.watch.stop()
    expect(isAttached()).toBe(true)
    two.watch.stop()
    two.watch.stop()
    expect(isAttached()).toBe(false)
    // Nor does a timer run on: only the runtime's own are left.
    const timers = working.clock.pending
    working.watch().watch.stop()
    expect(working.clock.pending).toBe(timers)
  })
})

describe('a watcher', () => {
  test('is first told what lives already, then what happens, without a hole', async () => {
    const working = await oneWorking()
    const { watch, read } = working.watch()
    const before = read()
    expect(before[0]).toMatchObject({
      type: 'source',
      kind: 'process',
      seq: 1,
      workerId: 'w',
      pid: process.pid,
      namespace: 'task-sentinel',
    })
    expect(before[0]).toMatchObject({
      source: working.runtime.incarnation,
      incarnation: working.runtime.incarnation,
      host: expect.any(String),
    })
    const actors = before.filter((record) => record.type === 'actor')
    expect(actors.map(({ address, state }) => [address, state])).toEqual([
      ['batch-writer', { serving: 'idle' }],
      ['circuit-breaker', 'closed'],
      ['sync', 'live'],
      ['worker/a', 'idle'],
    ])
    // Each chart comes before its first actor.
    for (const { chartId, seq } of actors) {
      expect(before.findIndex((record) => record.type === 'chart' && record.chart.id === chartId)).toBeLessThan(seq - 1)
    }
    await echo(working)
    const after = read()
    expectGapless([...before, ...after])
    expect(watch.introducedThrough).toBe(before.length - countOf(before, 'metrics'))
    const task = after.filter((record) => record.type === 'transition' && record.address.startsWith('task/'))
    expect(task.map((record) => record.type === 'transition' && [record.event.type, record.to])).toEqual([
      ['task.claim', 'claiming'],
      ['write.committed', 'processing'],
      ['task.complete', 'settling'],
      ['write.committed', 'completed'],
    ])
    expect(task[0]).toMatchObject({
      writes: [{ key: expect.stringMatching(/\/record$/) }, { key: expect.stringMatching(/\/state$/) }],
    })
    // What a task writes makes the batch writer work: the one sends to the other.
    expect(after).toContainEqual(
      expect.objectContaining({ type: 'transition', address: 'batch-writer', sender: expect.stringMatching(/^task\//) }),
    )
    expect(after.filter((record) => record.type === 'actor.ended')).toMatchObject([
      { how: 'done', address: expect.stringMatching(/^task\//) },
    ])
  })

  test('is woken once when there is something to read again, and again only after it found nothing', async () => {
    const working = await oneWorking()
    const watcher = working.watch()
    await echo(working)
    expect(watcher.wakes).toBe(0)
    watcher.read()
    await echo(working)
    await echo(working)
    expect(watcher.wakes).toBe(1)
    watcher.read()
    await echo(working)
    expect(watcher.wakes).toBe(2)
  })

  test('may be one of several that come and go: each has a stream of its own without a hole', async () => {
    const working = await oneWorking()
    const one = working.watch()
    const ofOne = one.read()
    await echo(working)
    const two = working.watch()
    const ofTwo = two.read()
    await echo(working)
    ofOne.push(...one.read())
    ofTwo.push(...two.read())
    expectGapless(ofOne)
    expectGapless(ofTwo)
    expect(ofTwo[0]).toMatchObject({ type: 'source' })
    expect(countOf(ofTwo, 'actor')).toBe(countOf(ofOne, 'actor') - 1)
    // From where both are, they are told the same.
    const { introducedThrough } = two.watch
    expect(ofTwo.filter(({ seq }) => seq > introducedThrough)).toEqual(ofOne.filter(({ seq }) => seq > introducedThrough))
    one.watch.stop()
    await echo(working)
    ofTwo.push(...two.read())
    expectGapless(ofTwo)
    expect(one.read()).toEqual([])
  })

  test('that comes later, when nobody watched for a while, is told higher numbers', async () => {
    const working = await oneWorking()
    const one = working.watch()
    const last = one.read().at(-1)?.seq ?? 0
    one.watch.stop()
    await echo(working)
    const two = working.watch()
    const records = two.read()
    expect(records[0]).toMatchObject({ type: 'source' })
    expect(records[0]?.seq).toBeGreaterThan(last)
    expectGapless(records)
  })

  test('resumes behind what it has read', async () => {
    const working = await oneWorking()
    const keeper = working.watch()
    const one = working.watch()
    const read = one.read()
    one.watch.stop()
    await echo(working)
    const resumed = working.watch({ after: read.at(-1)?.seq ?? 0 })
    const rest = resumed.read()
    expect(resumed.watch.introducedThrough).toBe(0)
    expectGapless([...read, ...rest])
    expect(countOf(rest, 'source')).toBe(0)
    keeper.watch.stop()
  })

  test('that cannot resume is told so, and then what lives', async () => {
    const working = await oneWorking()
    const one = working.watch()
    const last = one.read().at(-1)?.seq ?? 0
    one.watch.stop()
    // Nobody watched meanwhile: what happened is nowhere.
    await echo(working)
    const records = working.watch({ after: last }).read()
    expect(records.slice(0, 2)).toMatchObject([{ type: 'gap', lost: null, reason: 'disconnected' }, { type: 'source' }])
    expectGapless(records)
    expect(working.watch({ after: 10_000 }).read()[0]).toMatchObject({ type: 'gap' })
  })

  test.each([
    ['is told what lived before it, and then the transition', false],
    ['waits for its end, when others watch already, and is told what lives then', true],
  ])('that begins in the middle of a transition %s', async (_, isWatched) => {
    const system = tracedSystem()
    let watcher: ReturnType<typeof system.watch> | undefined
    let atOnce: readonly TraceRecord[] = []
    const logic = setup({
      actions: {
        look() {
          watcher = system.watch()
          atOnce = watcher.watch.read(3)
        },
      },
    }).createMachine({
      id: 'looker',
      initial: 'before',
      states: { before: { on: { look: { target: 'after', actions: 'look' } } }, after: {} },
    })
    system.supervisor.start({ address: 'a', logic })
    if (isWatched) system.watch().read()
    system.supervisor.tell('a', { type: 'look' })
    expect(atOnce).toHaveLength(isWatched ? 0 : 3)
    await system.clock.settle()
    expect(watcher?.wakes).toBe(isWatched ? 1 : 0)
    const records = [...atOnce, ...(watcher?.read() ?? [])]
    expectGapless(records)
    expect(records.filter(({ type }) => type !== 'metrics')).toMatchObject([
      { type: 'source' },
      { type: 'chart' },
      { type: 'actor', address: 'a', state: isWatched ? 'after' : 'before' },
      ...(isWatched ? [] : [{ type: 'transition', from: 'before', to: 'after' }]),
    ])
  })

  test('that is behind is told how many records it missed, and what lives now', () => {
    const system = tracedSystem({ limits: { recordsMax: 10 } })
    const { supervisor } = system
    supervisor.start({ address: 'a', logic: echoLogic })
    const watcher = system.watch()
    const last = watcher.read().at(-1)?.seq ?? 0
    for (let count = 0; count < 30; count++) supervisor.tell('a', { type: 'ping' })
    const records = watcher.read()
    expect(records.map(({ type }) => type)).toEqual(['gap', 'source', 'chart', 'actor'])
    expect(records[0]).toMatchObject({ lost: 30, reason: 'slow-watcher' })
    expect(records.at(-1)?.seq).toBe(last + 30)
    supervisor.tell('a', { type: 'ping' })
    expect(watcher.read()).toMatchObject([{ type: 'transition', seq: last + 31 }])
  })

  test('that is behind where too many live is told the oldest records that are left', () => {
    const system = tracedSystem({ limits: { recordsMax: 10 } })
    const { supervisor } = system
    for (let actor = 0; actor < 50; actor++) supervisor.start({ address: `a/${actor}`, logic: echoLogic })
    const watcher = system.watch()
    const last = watcher.read().at(-1)?.seq ?? 0
    for (let count = 0; count < 30; count++) supervisor.tell('a/1', { type: 'ping' })
    const records = watcher.read()
    expect(records[0]).toMatchObject({ type: 'gap', lost: 20, reason: 'slow-watcher', seq: last + 20 })
    expect(records.slice(1).map(({ type }) => type)).toEqual(Array(10).fill('transition'))
    expectGapless(records)
  })

  test('is told the same in small pieces', async () => {
    const working = await oneWorking()
    // The second of two: the first is told the metrics of the beginning, too.
    const [, whole, pieces] = [working.watch(), working.watch(), working.watch()]
    await echo(working)
    const told: TraceRecord[] = []
    for (let piece = pieces.watch.read(3); piece.length > 0; piece = pieces.watch.read(3)) {
      expect(piece.length).toBeLessThanOrEqual(3)
      told.push(...piece)
    }
    const read = whole.read()
    expectGapless(told)
    expect(told.map(({ type }) => type)).toEqual(read.map(({ type }) => type))
  })

  test('that throws when it is woken hurts nobody', async () => {
    const working = await oneWorking()
    const bad = working.runtime.inside.trace.watch(() => {
      throw new Error('asleep')
    })
    while (bad.read().length > 0);
    await echo(working)
    expect(working.problems).toMatchObject([{ code: 'aborted', message: 'a watcher threw when it was woken: asleep' }])
  })

  test('is told at shutdown that the process is over, after all that its actors did', async () => {
    const working = await oneWorking()
    const watcher = working.watch()
    watcher.read()
    await working.run(working.runtime.shutdown())
    const records = watcher.read()
    expectGapless(records)
    expect(records.at(-1)).toMatchObject({ type: 'source.lost', reason: 'its runtime was shut down' })
    expect(countOf(records, 'actor.ended')).toBe(4)
    expect(() => working.watch()).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  test.each([[-0.1], [1.1], [Number.NaN], ['half']])('cannot ask for the part %j of the transitions', async (sample) => {
    const { runtime } = world().join()
    expect(() => runtime.inside.trace.watch(() => {}, { sample: sample as number })).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(String(sample)) }),
    )
  })

  test('is refused when there are too many', async () => {
    const { trace } = world().join().runtime.inside
    for (let count = 0; count < watchesMax; count++) trace.watch(() => {})
    expect(() => trace.watch(() => {})).toThrow(expect.objectContaining({ code: 'backpressure' }))
  })
})

describe('sampling', () => {
  test('leaves whole transitions out and counts them', async () => {
    const system = tracedSystem()
    const { supervisor, clock } = system
    supervisor.start({ address: 'a', logic: echoLogic })
    const watcher = system.watch({ sample: 0.25 })
    watcher.read()
    for (let count = 0; count < 1000; count++) supervisor.tell('a', { type: 'ping' })
    await clock.advance(metricsEveryMs)
    const records = watcher.read()
    expectGapless(records)
    const told = countOf(records, 'transition')
    expect(told).toBeGreaterThan(200)
    expect(told).toBeLessThan(300)
    const gaps = records.filter((record): record is GapRecord => record.type === 'gap')
    expect(gaps).toMatchObject([{ lost: 1000 - told, reason: 'sampled' }])
    expect(records.findLast((record) => record.type === 'metrics')).toMatchObject({ transitions: 1000 })
  })

  test('keeps contexts right: what a transition that was left out changed comes with the next', () => {
    const system = tracedSystem()
    system.supervisor.start({ address: 'a', logic: echoLogic })
    const watcher = system.watch({ sample: 0.5 })
    watcher.read()
    let count = 0
    for (let sent = 1; sent <= 100; sent++) {
      system.supervisor.tell('a', { type: 'ping' })
      for (const record of watcher.readOf('transition')) {
        count = (record.context as { count: number }).count
        expect(count).toBe(sent)
      }
    }
    expect(count).toBeGreaterThan(50)
  })

  test('tells a context once: an event that changed nothing comes without it, also behind some that were left out', () => {
    const system = tracedSystem()
    system.supervisor.start({ address: 'a', logic: echoLogic })
    const some = system.watch({ sample: 0 })
    some.read()
    system.supervisor.tell('a', { type: 'ping' })
    expect(some.read()).toEqual([])
    const all = system.watch()
    all.read()
    // Not in the part that was told: it comes with the next event, whatever that is.
    system.supervisor.tell('a', { type: 'nothing' })
    system.supervisor.tell('a', { type: 'nothing' })
    expect(some.readOf('transition').map(({ context }) => context)).toEqual([{ count: 1 }, undefined])
  })

  test('never leaves out starts and ends; all who watch are told what the most curious wants', () => {
    const system = tracedSystem()
    const none = system.watch({ sample: 0 })
    none.read()
    system.supervisor.start({ address: 'a', logic: echoLogic })
    system.supervisor.tell('a', { type: 'ping' })
    system.supervisor.stop('a')
    expect(none.read().map(({ type }) => type)).toEqual(['chart', 'actor', 'actor.ended'])
    const all = system.watch()
    system.supervisor.start({ address: 'b', logic: echoLogic })
    system.supervisor.tell('b', { type: 'ping' })
    expect(countOf(none.read(), 'transition')).toBe(1)
    all.watch.stop()
    system.supervisor.tell('b', { type: 'ping' })
    expect(countOf(none.read(), 'transition')).toBe(0)
  })
})

describe('redaction', () => {
  const secret = 'hunter2'
  /** Texts of all string values that hold the secret are taken out. */
  const redact = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null).replaceAll(secret, '***'))

  test('reaches every value that leaves', async () => {
    const places: RedactPlace[] = []
    const working = await oneWorking({ conflictResolver: ConflictResolvers.lastWriteWins })
    const watcher = working.watch({
      redact(value, where) {
        places.push(where)
        return redact(value)
      },
    })
    const told = watcher.read()
    await echo(working, { password: secret })
    const bad = await working.run(working.runtime.submit({ type: 'nobody', input: secret }))
    await working.run(bad.send({ type: 'task.cancel', reason: secret }))
    told.push(...watcher.read())
    const text = JSON.stringify(told)
    expect(text).not.toContain(secret)
    expect(text).toContain('***')
    expect(new Set(places.map(({ kind }) => kind))).toEqual(new Set(['event', 'context', 'params', 'write']))
    expect(places).toContainEqual({
      kind: 'write',
      address: expect.stringMatching(/^task\//),
      name: expect.stringMatching(/\/result$/),
    })
  })

  test('of the runtime holds whoever watches, and of one watcher for all', async () => {
    const working = await oneWorking({ redact })
    const plain = working.watch()
    await echo(working, { password: secret, name: 'bob' })
    const told = JSON.stringify(plain.read())
    expect(told).not.toContain(secret)
    expect(told).toContain('bob')
    const strict = working.watch({ redact: (value) => JSON.parse(JSON.stringify(value ?? null).replaceAll('bob', '?')) })
    await echo(working, { password: secret, name: 'bob' })
    expect(JSON.stringify(plain.read())).not.toMatch(/bob|hunter2/)
    strict.watch.stop()
    // What the memory holds is not touched.
    const task = await working.run(working.runtime.submit({ type: 'echo', input: secret }))
    expect(await working.run(task.result())).toBe(secret)
  })

  test('is not needed for what others wrote: the feed is told by key and revision', async () => {
    const it = world()
    const [one, two] = [it.join(), it.join()]
    await it.run(Promise.all([one.runtime.ready(), two.runtime.ready()]))
    const watcher = watching(one.runtime.inside.trace)
    watcher.read()
    await it.run(two.runtime.memory.set('k', { password: secret }))
    await it.run(one.runtime.memory.set('l', 1))
    const told = watcher.readOf('transition').filter(({ event }) => event.type === 'feed.changed')
    expect(told[0]).toMatchObject({ event: { changes: [{ key: 'k', revision: expect.any(Number) }] } })
    expect(told[0]?.actions).toMatchObject([{ type: 'dispatch', params: { changes: [{ key: 'k' }] } }])
    expect(JSON.stringify(told)).not.toContain(secret)
  })

  test('that throws takes out everything, and is reported once', async () => {
    const working = await oneWorking()
    const watcher = working.watch({
      redact() {
        throw new Error('bad hook')
      },
    })
    await echo(working, { password: secret })
    const records = watcher.read()
    expect(JSON.stringify(records)).not.toContain(secret)
    const [transition] = records.filter((record) => record.type === 'transition' && record.event.type === 'task.claim')
    expect(transition).toMatchObject({
      event: { type: 'task.claim', value: '[redacted]' },
      context: '[redacted]',
      to: 'claiming',
    })
    expect(transition).toMatchObject({ writes: [{ key: expect.any(String), value: '[redacted]' }, { value: '[redacted]' }] })
    expect(working.problems.map(({ message }) => message)).toEqual([expect.stringContaining('bad hook')])
  })

  test('gives what is to be told, also of an event that it makes a text of', () => {
    const system = tracedSystem({ redact: (_, { kind }) => (kind === 'event' ? 'gone' : null) })
    system.supervisor.start({ address: 'a', logic: echoLogic })
    const watcher = system.watch()
    watcher.read()
    system.supervisor.tell('a', { type: 'ping', password: secret })
    expect(watcher.read()).toMatchObject([{ event: { type: 'ping', value: 'gone' }, context: null }])
  })

  test('must be a function', () => {
    expect(() => world().join({ redact: 'all' as never })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})

describe('beside transitions', () => {
  test('metrics come once a second while somebody watches', async () => {
    const working = await oneWorking()
    const watcher = working.watch()
    working.store.commitMs = 4
    await echo(working)
    await working.clock.advance(3 * metricsEveryMs)
    const metrics = watcher.readOf('metrics')
    expect(metrics).toHaveLength(4)
    expect(metrics[0]).toMatchObject({
      actors: 4,
      transitions: 0,
      breaker: 'closed',
      ready: 0,
      running: 0,
      conflicts: 0,
      problems: 0,
    })
    expect(metrics[1]).toMatchObject({ commitP50Ms: 4, commitMaxMs: 4, pendingWrites: 0 })
    expect(metrics[1]?.committedUnits).toBeGreaterThan(metrics[0]?.committedUnits ?? 0)
    expect(metrics[2]).toMatchObject({ commitP50Ms: null, commitMaxMs: null })
    expect(metrics[1]?.heapBytes).toBeGreaterThan(1_000_000)
    watcher.watch.stop()
    await working.clock.advance(10 * metricsEveryMs)
    expect(watcher.read()).toEqual([])
  })

  test('queue and running tasks are counted as this process sees them', async () => {
    const working = await oneWorking()
    const watcher = working.watch()
    for (let count = 0; count < 3; count++) await working.run(working.runtime.submit({ type: 'hang' }))
    await working.clock.advance(metricsEveryMs)
    expect(watcher.readOf('metrics').at(-1)).toMatchObject({ running: 1, ready: 2, actors: 5 })
  })

  test('problems and dead letters are told', async () => {
    const working = await oneWorking()
    const watcher = working.watch()
    watcher.read()
    working.store.commitFate = () => 'throw'
    void working.runtime.memory.set('k', 1).catch(() => {})
    await working.clock.settle()
    working.store.commitFate = () => 'pass'
    expect(watcher.readOf('problem')).toMatchObject([{ code: 'unknown_outcome', message: expect.stringContaining('ECONNRESET') }])
  })

  test('conflicts are told with both sides and the rule that decided', async () => {
    const it = world()
    const [one, two] = [
      it.join({ workerId: 'one', conflictResolver: ConflictResolvers.mergeObjects }),
      it.join({ workerId: 'two' }),
    ]
    await it.run(Promise.all([one.runtime.ready(), two.runtime.ready()]))
    const watcher = watching(one.runtime.inside.trace)
    watcher.read()
    await it.run(Promise.all([two.runtime.memory.set('k', { b: 2 }), one.runtime.memory.set('k', { a: 1 })]))
    const [conflict] = watcher.readOf('conflict')
    expect(conflict).toMatchObject({ key: 'k', strategy: 'merge', resolved: { a: 1, b: 2 }, discarded: 0 })
    expect(conflict?.sides.map(({ workerId }) => workerId).sort()).toEqual(['one', 'two'])
  })
})

describe('an XState observer', () => {
  test('may be a function or an object', async () => {
    const working = await oneWorking()
    const [byFunction, byObject]: InspectionEvent[][] = [[], []]
    const ends = [
      working.runtime.inspect((event) => byFunction?.push(event)),
      working.runtime.inspect({ next: (event) => byObject?.push(event) }),
    ]
    await echo(working)
    expect(byObject?.length).toBeGreaterThan(10)
    expect(byObject).toEqual(byFunction)
    for (const end of ends) end()
    const count = byObject?.length
    await echo(working)
    expect(byObject?.length).toBe(count)
    expect(() => working.runtime.inspect({} as never)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
    expect(() => working.runtime.inspect(null as never)).toThrow(MemorySyncError)
  })
})

describe('sending to an actor', () => {
  test('goes by the rules of runtime.send where they say something', async () => {
    const working = await oneWorking()
    const { trace } = working.runtime.inside
    const task = await working.run(working.runtime.submit({ type: 'hang' }))
    await working.until(task, 'processing')
    const complete = await working.refused(trace.send(`task/${task.id}`, { type: 'task.complete', output: 1 }))
    expect(complete).toMatchObject({ code: 'not_supported', message: expect.stringContaining('is run by a handler') })
    await working.run(trace.send(`task/${task.id}`, { type: 'task.cancel', reason: 'enough' }))
    await working.until(task, 'cancelled')
    await working.run(trace.send('worker/a', { type: 'worker.drain' }))
  })

  test('reaches any actor with an event that its chart would take', async () => {
    const working = await oneWorking()
    const { trace } = working.runtime.inside
    const watcher = working.watch()
    watcher.read()
    await working.run(trace.send('circuit-breaker', { type: 'breaker.reset' }))
    await working.run(trace.send('batch-writer', { type: 'write.submit', isUrgent: false }))
    expect(watcher.readOf('transition').slice(0, 2)).toMatchObject([
      { address: 'circuit-breaker', event: { type: 'breaker.reset' } },
      { address: 'batch-writer', event: { type: 'write.submit' }, to: { serving: 'gathering' } },
    ])
  })

  test.each([
    ['circuit-breaker', { type: 'breaker.closed' }, 'not_supported', 'it takes call.succeeded, call.failed, breaker.reset'],
    ['nobody', { type: 'breaker.reset' }, 'not_supported', 'no actor with a chart lives at "nobody"'],
    ['batch-writer', { type: 'xstate.stop' }, 'invalid_option', 'is reserved'],
    ['batch-writer', { type: 7 }, 'invalid_option', 'an event must be an object with a type'],
    ['batch-writer', null, 'invalid_option', 'an event must be an object with a type'],
    // Its chart reads members that are not there: the actor would crash.
    ['batch-writer', { type: 'feed.changed' }, 'not_supported', 'does not take'],
    ['worker/a', { type: 'toString' }, 'not_supported', 'does not take'],
  ] as const)('refuses %s %j', async (address, event, code, message) => {
    const working = await oneWorking()
    const refused = await working.refused(working.runtime.inside.trace.send(address, event as never))
    expect(refused).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(working.problems).toEqual([])
  })

  test('refuses an event on which the chart fails, and its actor lives on', async () => {
    const working = await oneWorking()
    const task = await working.run(working.runtime.submit({ type: 'hang' }))
    await working.until(task, 'processing')
    const refused = await working.refused(working.runtime.inside.trace.send(`task/${task.id}`, { type: 'timeout.elapsed' }))
    expect(refused).toMatchObject({ code: 'invalid_value', message: expect.stringContaining('fails on') })
    expect(working.problems).toEqual([])
    expect((await working.run(working.runtime.explain(task.id))).state).toBe('processing')
  })
})
