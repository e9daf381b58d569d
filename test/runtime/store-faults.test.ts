/** A store that fails, hangs, or answers and nobody hears it: nothing is lost and nothing happens twice. */
import { describe, expect, test } from 'vitest'
import { commitTimeoutMs, retryForMs } from '../../src/actors/batch-writer.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Unit } from '../../src/ports/store.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { type CommitFate, type Member, type MemberOptions, wait, world } from './harness.ts'

function one(options: MemberOptions = {}) {
  const made = world()
  const member = made.join(options)
  return { ...member, ...made, memory: member.runtime.memory }
}

/** The given fates for the commits that this says are meant, one after the other; then all pass. */
function fatesFor(
  member: Pick<Member, 'store'>,
  fates: readonly CommitFate[],
  isMeant: (units: readonly Unit[]) => boolean,
): void {
  const left = [...fates]
  member.store.commitFate = (units) => (isMeant(units) ? (left.shift() ?? 'pass') : 'pass')
}

const writes = (text: string) => (units: readonly Unit[]) => JSON.stringify(units).includes(text)

/** Every third commit fails, in one way or another. */
function fatesAtRandom(seed: number): () => CommitFate {
  const random = createSeededRandom(seed)
  return () =>
    random.next() < 2 / 3 ? 'pass' : ((['fail', 'lose-reply', 'throw'] as const)[Math.floor(random.next() * 3)] ?? 'pass')
}

describe('a store that is away for a while', () => {
  test.each(['fail', 'throw'] as const)('(%s) loses nothing: every write is tried again until it is there', async (fate) => {
    const { store, run, runtime, memory, problems, clock } = one()
    let runs = 0
    runtime.spawnWorker({ capacity: 4, handlers: { x: () => ++runs } })
    await run(runtime.ready())
    const fates = { isDown: true }
    store.commitFate = () => (fates.isDown ? fate : 'pass')
    const submitted = Array.from({ length: 20 }, (_, n) => runtime.submit({ id: `t${n}`, type: 'x' }))
    const sets = Array.from({ length: 20 }, (_, n) => memory.set(`k/${n}`, n))
    await clock.advance(700)
    fates.isDown = false
    await run(Promise.all(sets))
    const tasks = await run(Promise.all(submitted))
    await run(Promise.all(tasks.map((task) => task.result())))
    expect(runs).toBe(20)
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(problem).toBeInstanceOf(MemorySyncError)
  })

  test('opens the circuit, which is half open after a while, and closes with the first success', async () => {
    const { store, run, memory, clock, runtime } = one()
    await run(runtime.ready())
    let isDown = true
    const triesMs: number[] = []
    store.commitFate = () => {
      triesMs.push(clock.monotonicMs())
      return isDown ? 'fail' : 'pass'
    }
    const startedMs = clock.monotonicMs()
    const first = memory.set('a', 1)
    await clock.advance(20_000)
    // Five failures with growing pauses, then silence.
    expect(triesMs).toHaveLength(5)
    expect((triesMs.at(-1) as number) - startedMs).toBeLessThan(3000)
    const more = Array.from({ length: 200 }, (_, n) => memory.set(`k/${n}`, n))
    await clock.advance(9000)
    expect(triesMs).toHaveLength(5)
    await clock.advance(5000)
    // One probe.
    expect(triesMs).toHaveLength(6)
    isDown = false
    const upMs = clock.monotonicMs()
    await run(Promise.all([first, ...more]))
    expect(clock.monotonicMs() - upMs).toBeLessThanOrEqual(30_100)
    expect(await run(memory.get('k/199'))).toBe(199)
    // The circuit is closed: what follows goes at once.
    await run(memory.set('a', 2), 10)
  })

  test('and a breaker that crashes while it is open keeps nobody waiting: it begins anew, closed', async () => {
    const { store, run, memory, clock, runtime } = one()
    const states: string[] = []
    let breaker: { send(event: { type: string; error?: unknown }): void } | undefined
    runtime.inspect((event) => {
      if (event.type !== '@xstate.snapshot' || !('id' in event.actorRef) || event.actorRef.id !== 'circuit-breaker') return
      breaker = event.actorRef
      states.push(String((event.snapshot as { value?: unknown }).value))
    })
    await run(runtime.ready())
    let isDown = true
    store.commitFate = () => (isDown ? 'fail' : 'pass')
    const waiting = memory.set('k', 1)
    await clock.advance(5000)
    expect(states.at(-1)).toBe('open')
    isDown = false
    // As XState does when an actor that it invoked has failed.
    breaker?.send({ type: 'xstate.error.actor.somebody', error: new Error('crash') })
    const crashedMs = clock.monotonicMs()
    await run(waiting)
    expect(clock.monotonicMs() - crashedMs).toBeLessThan(1000)
    expect(await run(memory.get('k'))).toBe(1)
  })

  test('lets what is urgent pass the open circuit, whatever else is waiting', async () => {
    const { store, run, runtime, memory, clock } = one()
    runtime.spawnWorker({ handlers: { x: (task) => wait(clock, 120_000, task.signal).then(() => 'kept') } })
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(100)
    // Only what is not urgent is refused.
    store.commitFate = (units) => (writes('"k/')(units) ? 'fail' : 'pass')
    const sets = Array.from({ length: 2000 }, (_, n) => memory.set(`k/${n}`, n).catch((error: unknown) => error))
    await clock.advance(50_000)
    expect(await run(task.record())).toMatchObject({ status: 'processing', epoch: 1, attempts: 1 })
    expect((await run(runtime.explain(task.id))).leaseLeftMs).toBeGreaterThan(5000)
    store.commitFate = () => 'pass'
    expect(await run(task.result())).toBe('kept')
    await run(Promise.all(sets))
  })

  test('for longer than writes are tried, tells every caller why, also those whose turn never came', async () => {
    const { store, run, runtime, memory, clock } = one()
    await run(runtime.ready())
    store.commitFate = () => 'fail'
    const startedMs = clock.monotonicMs()
    const outcomes: [unknown, number][] = []
    const calls = [
      ...Array.from({ length: 300 }, (_, n) => memory.set(`k/${n}`, n)),
      runtime.submit({ type: 'x' }),
      memory.update('n', () => 1),
    ].map((call) =>
      (call as Promise<unknown>).then(
        () => outcomes.push(['written', 0]),
        (error) => outcomes.push([error.code, clock.monotonicMs() - startedMs]),
      ),
    )
    await run(Promise.all(calls), 600_000)
    expect(outcomes).toHaveLength(302)
    for (const [code, afterMs] of outcomes) {
      expect(code).toBe('store_unavailable')
      expect(afterMs).toBeGreaterThanOrEqual(retryForMs)
      expect(afterMs).toBeLessThan(retryForMs + 40_000)
    }
    // And it is well again as soon as the store is.
    store.commitFate = () => 'pass'
    await run(memory.set('a', 'later'), 40_000)
  })

  test('after that is well again, and says when nobody can know what was written', async () => {
    const { store, run, runtime, memory, clock } = one()
    await run(runtime.ready())
    store.commitFate = () => 'fail'
    const startedMs = clock.monotonicMs()
    const outcome = await run(memory.set('a', 1).catch((error: unknown) => error))
    expect(outcome).toMatchObject({ code: 'store_unavailable', retryable: true })
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(retryForMs)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(retryForMs + 40_000)
    // And it is well again as soon as the store is.
    store.commitFate = () => 'pass'
    await run(memory.set('a', 'later'), 40_000)
    // Where a reply was lost before, nobody can say that nothing was written.
    let isFirst = true
    store.commitFate = () => {
      if (!isFirst) return 'fail'
      isFirst = false
      return 'lose-reply'
    }
    expect(await run(memory.set('b', 1).catch((error: unknown) => error))).toMatchObject({ code: 'unknown_outcome' })
    store.commitFate = () => 'pass'
    await run(memory.set('a', 'well'), 40_000)
  })

  test('keeps tasks: those that could not be claimed are claimed later', async () => {
    const { store, run, runtime, clock } = one()
    runtime.spawnWorker({ capacity: 3, handlers: { x: (task) => task.attempt } })
    await run(runtime.ready())
    store.commitFate = (units) => (writes('"processing"')(units) ? 'fail' : 'pass')
    const tasks = await run(Promise.all(Array.from({ length: 10 }, () => runtime.submit({ type: 'x' }))), 120_000)
    await clock.advance(100_000)
    store.commitFate = () => 'pass'
    expect(await run(Promise.all(tasks.map((task) => task.result())), 120_000)).toEqual(tasks.map(() => 1))
  })
})

describe('a reply that is lost', () => {
  test.each([1, 3])('%i times in a row: a task is submitted, claimed and settled exactly once', async (times) => {
    const fates = Array.from({ length: times }, () => 'lose-reply' as const)
    for (const [what, isMeant] of [
      ['submit', writes('"pending"')],
      ['claim', writes('"processing"')],
      ['settle', writes('"completed"')],
      ['all', () => true],
    ] as const) {
      const { run, runtime, close, ...member } = one()
      let runs = 0
      runtime.spawnWorker({
        handlers: {
          x: (task) => {
            task.effect('count', `attempt ${task.attempt}`)
            return ++runs
          },
        },
      })
      await run(runtime.ready())
      fatesFor(member, fates, isMeant)
      const task = await run(runtime.submit({ id: 'a', type: 'x' }))
      expect([what, await run(task.result())]).toEqual([what, 1])
      expect(runs).toBe(1)
      expect(await run(task.record())).toMatchObject({ attempts: 1, epoch: 1, status: 'completed' })
      expect(await run(runtime.memory.get('count'))).toBe('attempt 1')
      await close()
    }
  })

  test('leaves a failure, a retry and a cancellation as they are', async () => {
    const { run, runtime, refused, ...member } = one()
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          if (task.attempt < 3) throw new Error(`no ${task.attempt}`)
          return 'third'
        },
      },
    })
    await run(runtime.ready())
    fatesFor(member, ['lose-reply', 'lose-reply', 'lose-reply', 'lose-reply'], writes('"pending","attempts"'))
    const task = await run(runtime.submit({ type: 'x' }))
    expect(await run(task.result())).toBe('third')
    expect(await run(task.record())).toMatchObject({ attempts: 3, epoch: 3 })
    fatesFor(member, ['lose-reply', 'lose-reply'], writes('"cancelled"'))
    const other = await run(runtime.submit({ type: 'y' }))
    await run(other.send({ type: 'task.cancel', reason: 'lost and found' }))
    expect((await refused(other.result())).message).toContain('lost and found')
  })

  test('leaves sets and deletes as they are called', async () => {
    const { run, memory, runtime, store } = one()
    await run(runtime.ready())
    let n = 0
    store.commitFate = () => (n++ % 3 === 2 ? 'pass' : 'lose-reply')
    for (let turn = 0; turn < 10; turn++) {
      await run(Promise.all([memory.set('a', turn), memory.set('b', { turn }), memory.set('b', { turn, again: true })]))
      expect([await run(memory.get('a')), await run(memory.get('b'))]).toEqual([turn, { turn, again: true }])
      await run(memory.delete('a'))
      expect(await run(memory.get('a'))).toBe(null)
    }
  })

  test('never makes an update count twice, nor a condition lie', async () => {
    const { run, memory, runtime, store } = one()
    await run(runtime.ready())
    let n = 0
    store.commitFate = () => (n++ % 2 === 0 ? 'lose-reply' : 'pass')
    await run(Promise.all(Array.from({ length: 40 }, () => memory.update('n', (value) => Number(value ?? 0) + 1))))
    expect(await run(memory.get('n'))).toBe(40)
    // It was written: the answer must not be a conflict with itself.
    const { revision } = await run(memory.set('c', 1, { ifAbsent: true }))
    const next = await run(memory.set('c', 2, { ifRevision: revision }))
    expect((await run(memory.entry('c')))?.revision).toBe(next.revision)
  })

  test('never makes an update count twice when another process has gone on from it: who asked is told', async () => {
    const { run, memory, runtime, store, join, clock } = one()
    const other = join().runtime
    await run(Promise.all([runtime.ready(), other.ready()]))
    let n = 0
    store.commitFate = () => (n++ % 2 === 0 ? 'lose-reply' : 'pass')
    const codes: string[] = []
    for (let turn = 0; turn < 30; turn++) {
      const mine = memory.update('n', (value) => Number(value ?? 0) + 1).catch((error) => codes.push(error.code))
      await clock.settle()
      // While the first is being tried again.
      await run(other.memory.update('n', (value) => Number(value ?? 0) + 1))
      await run(mine)
    }
    expect(await run(memory.get('n'))).toBe(60)
    expect(new Set(codes)).toEqual(new Set(['unknown_outcome']))
    // The same with conditions: it was not the condition that failed.
    const asked = memory.set('c', 'mine', { ifAbsent: true }).catch((error: unknown) => error)
    await clock.settle()
    await run(other.memory.set('c', 'theirs'))
    expect(await run(asked)).toMatchObject({ code: 'unknown_outcome', retryable: false, key: 'c' })
  })

  test('at random counts exactly, whoever counts', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const { run, join, close } = world({ seed })
      const members = [join(), join(), join()]
      const pick = fatesAtRandom(seed)
      for (const { store } of members) store.commitFate = pick
      let unknown = 0
      const outcomes = await run(
        Promise.allSettled(
          members.flatMap(({ runtime }) =>
            Array.from({ length: 15 }, () => runtime.memory.update('n', (value) => Number(value ?? 0) + 1)),
          ),
        ),
        600_000,
      )
      let written = 0
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') written++
        else if (outcome.reason.code === 'unknown_outcome') unknown++
        else expect(outcome.reason).toMatchObject({ code: 'store_unavailable' })
      }
      const count = Number(await run((members[0] as Member).runtime.memory.get('n')))
      expect(written).toBeGreaterThan(20)
      expect(count).toBeGreaterThanOrEqual(written)
      expect(count).toBeLessThanOrEqual(written + unknown)
      for (const { store } of members) store.commitFate = () => 'pass'
      await close()
    }
  })
})

describe('a commit that hangs', () => {
  test('is given up after its time and sent again; coming late it changes nothing', async () => {
    const { run, memory, runtime, store, clock, ...rest } = one()
    await run(memory.set('a', 'before'))
    fatesFor({ store }, ['hang'], writes('"first"'))
    const startedMs = clock.monotonicMs()
    const first = memory.set('a', 'first')
    await run(first)
    const tookMs = clock.monotonicMs() - startedMs
    expect(tookMs).toBeGreaterThanOrEqual(commitTimeoutMs)
    expect(tookMs).toBeLessThan(commitTimeoutMs + 1000)
    await run(memory.set('a', 'second'))
    store.faults.release()
    await clock.advance(10)
    expect(await run(memory.get('a'))).toBe('second')
    expect(rest.problems.map(({ code }) => code)).toContain('unknown_outcome')
    expect(runtime.problemCount).toBe(rest.problems.length)
  })

  test('keeps neither other writes nor renewals waiting', async () => {
    const { run, memory, runtime, store, clock } = one()
    runtime.spawnWorker({ handlers: { x: (task) => wait(clock, 60_000, task.signal).then(() => 'kept') } })
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(100)
    store.commitFate = (units) => (writes('"h/')(units) ? 'hang' : 'pass')
    const hung = [1, 2, 3].map((n) => memory.set(`h/${n}`, n).catch((error: unknown) => error))
    await clock.advance(1)
    const startedMs = clock.monotonicMs()
    await run(memory.set('a', 1))
    expect(clock.monotonicMs() - startedMs).toBeLessThan(500)
    expect(await run(task.result())).toBe('kept')
    expect((await run(task.record()))?.epoch).toBe(1)
    store.commitFate = () => 'pass'
    store.faults.release()
    await run(Promise.all(hung))
  })

  test('at a claim: the task is run once, by whoever has it', async () => {
    const { run, runtime, store, clock, join } = one()
    let runs = 0
    runtime.spawnWorker({ handlers: { x: () => ++runs } })
    await run(runtime.ready())
    fatesFor({ store }, ['hang'], writes('"processing"'))
    const task = await run(runtime.submit({ type: 'x' }))
    await clock.advance(1000)
    join().runtime.spawnWorker({ handlers: { x: () => ++runs } })
    expect(await run(task.result())).toBe(1)
    store.faults.release()
    await clock.advance(60_000)
    expect(runs).toBe(1)
    expect(await run(task.record())).toMatchObject({ status: 'completed' })
  })
})

describe('a read that fails', () => {
  test('during a claim costs no task', async () => {
    const { run, runtime, store, problems } = one()
    runtime.spawnWorker({ capacity: 2, handlers: { x: (task) => task.id } })
    await run(runtime.ready())
    let failures = 0
    store.onGet = (key) => {
      if (key.endsWith('/record') && !key.includes('*') && failures++ < 5)
        throw new MemorySyncError('store_unavailable', 'no read')
    }
    const tasks = await run(Promise.all(['a', 'b', 'c'].map((id) => runtime.submit({ id, type: 'x' }))))
    expect(await run(Promise.all(tasks.map(({ id }) => untilDone(id))), 30_000)).toEqual(['a', 'b', 'c'])
    expect(problems.map(({ code }) => code)).toContain('store_unavailable')

    async function untilDone(id: string): Promise<unknown> {
      for (;;) {
        try {
          return await runtime.task(id).result()
        } catch (error) {
          if ((error as MemorySyncError).code !== 'store_unavailable') throw error
        }
      }
    }
  })

  test('during a scan is made up for', async () => {
    const { run, runtime, store, join } = one()
    for (let n = 0; n < 5; n++) await run(runtime.submit({ id: `t${n}`, type: 'x' }))
    const other = join()
    let failures = 0
    other.store.onGet = (pattern) => {
      if (pattern.includes('*') && failures++ < 3) throw new Error('EIO')
    }
    other.runtime.spawnWorker({ handlers: { x: (task) => task.id } })
    expect(await run(runtime.task('t4').result(), 30_000)).toBe('t4')
    expect(failures).toBeGreaterThanOrEqual(3)
    expect(store.isClosed).toBe(false)
  })

  test('reaches whoever reads', async () => {
    const { memory, refused, store, run, runtime } = one()
    await run(runtime.ready())
    store.onGet = () => {
      throw new MemorySyncError('store_unavailable', 'no read')
    }
    expect((await refused(memory.get('a'))).code).toBe('store_unavailable')
    expect((await refused(memory.entry('a'))).code).toBe('store_unavailable')
    expect((await refused(memory.update('a', () => 1))).code).toBe('store_unavailable')
    expect((await refused(runtime.task('a').result())).code).toBe('store_unavailable')
    expect((await refused(runtime.explain('a'))).code).toBe('store_unavailable')
    expect((await refused(runtime.queue.view())).code).toBe('store_unavailable')
  })
})

describe('a feed that is cut', () => {
  test('is opened again, and nothing is missed: tasks, waiters, subscribers', async () => {
    const { run, runtime, store, memory, join, clock, problems } = one()
    const other = join().runtime
    const seen: unknown[] = []
    memory.subscribe('k/*', (change) => seen.push(change.type === 'set' ? change.value : null))
    runtime.spawnWorker({ handlers: { mine: () => 'mine' } })
    await run(Promise.all([runtime.ready(), other.ready()]))
    let turnNow = 0
    for (let turn = 0; turn < 10; turn++) {
      turnNow = turn
      const theirs = await run(runtime.submit({ type: 'theirs' }))
      const waiting = theirs.result()
      store.faults.dropWatches()
      await clock.settle()
      // Committed by another process while this one hears nothing.
      const mine = await run(other.submit({ type: 'mine' }))
      await run(other.memory.set(`k/${turn}`, turn))
      if (turn === 0) other.spawnWorker({ handlers: { theirs: () => turnNow } })
      expect(await run(waiting, 20_000)).toBe(turn)
      expect(await run(mine.result(), 20_000)).toBe('mine')
      await clock.advance(10_000)
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(problems.filter(({ message }) => message.includes('the feed of the store broke'))).toHaveLength(10)
  })

  test('is tried again with pauses while the store refuses', async () => {
    const { run, runtime, store, clock, join } = one()
    await run(runtime.ready())
    let tries = 0
    store.onWatch = () => {
      tries++
      throw new Error('no feed')
    }
    store.faults.dropWatches()
    await clock.advance(60_000)
    expect(tries).toBeGreaterThan(8)
    expect(tries).toBeLessThan(40)
    store.onWatch = () => {}
    runtime.spawnWorker({ handlers: { x: () => 'heard of' } })
    const task = await run(join().runtime.submit({ type: 'x' }))
    expect(await run(task.result(), 20_000)).toBe('heard of')
  })

  test('beyond what the store remembers is made up for by looking', async () => {
    const { run, runtime, store, join, clock } = one()
    const other = join().runtime
    runtime.spawnWorker({ handlers: { x: () => 'done' } })
    await run(Promise.all([runtime.ready(), other.ready()]))
    const waiting = (await run(other.submit({ type: 'y' }))).result()
    const here = runtime.task((await run(other.submit({ id: 'there', type: 'y' }))).id).result()
    let isCut = true
    store.onWatch = () => {
      if (isCut) throw new Error('cut')
    }
    store.faults.dropWatches()
    await clock.settle()
    const task = await run(other.submit({ type: 'x' }))
    await run(Promise.all(Array.from({ length: 10_500 }, (_, n) => other.memory.set(`n/${n % 100}`, n).catch(() => {}))))
    for (let n = 0; n < 10_500; n++) if (n % 500 === 0) await run(other.memory.set(`m/${n}`, n))
    other.spawnWorker({ capacity: 2, handlers: { y: () => 'y' } })
    await run(waiting)
    isCut = false
    expect(await run(here, 20_000)).toBe('y')
    expect(await run(task.result(), 20_000)).toBe('done')
  })
})

describe('a store that does not open', () => {
  test.each([
    ['its own error', new MemorySyncError('corrupt', 'written by a newer release'), 'corrupt'],
    ['any error', Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }), 'store_unavailable'],
  ])('tells everybody why (%s), and can still be shut down', async (_, error, code) => {
    const { runtime, memory, refused, run, problems } = one({
      prepare: (store) => {
        store.onOpen = () => Promise.reject(error)
      },
    })
    const worker = runtime.spawnWorker({ handlers: { x: () => 1 } })
    for (const call of [
      () => runtime.ready(),
      () => runtime.submit({ type: 'x' }),
      () => runtime.task('a').result(),
      () => runtime.task('a').record(),
      () => runtime.task('a').watch().next(),
      () => runtime.task('a').send({ type: 'task.cancel' }),
      () => runtime.explain('a'),
      () => runtime.queue.view(),
      () => runtime.queue.replay('a'),
      () => runtime.queue.retryNow('a'),
      () => runtime.queue.deadLetters().next(),
      () => runtime.queue.sweep(),
      () => memory.get('a'),
      () => memory.set('a', 1),
      () => memory.set('a', 1, { ifAbsent: true }),
      () => memory.delete('a'),
      () => memory.update('a', () => 1),
      () => memory.list('**').next(),
      () => memory.watch('**').next(),
    ]) {
      const refusal = await refused(call())
      expect([call.toString(), refusal.code]).toEqual([call.toString(), code])
      expect(refusal.message).toContain(error.message)
    }
    await run(worker.drain())
    await run(runtime.shutdown())
    expect((await refused(runtime.ready())).code).toBe('closed')
    expect(problems).toEqual([])
  })

  test('and never says so can be shut down; who waits is told', async () => {
    const { runtime, memory, refused, run } = one({
      prepare: (store) => {
        store.onOpen = () => new Promise(() => {})
      },
    })
    const worker = runtime.spawnWorker({ handlers: { x: () => 1 } })
    const waiting = [runtime.ready(), runtime.submit({ type: 'x' }), memory.set('a', 1)].map((call) =>
      (call as Promise<unknown>).catch((error: unknown) => error),
    )
    const drained = worker.drain()
    await run(runtime.shutdown(), 60_000)
    for (const outcome of await run(Promise.all(waiting), 1000)) expect(outcome).toMatchObject({ code: 'closed' })
    await run(drained, 1000)
    expect((await refused(runtime.submit({ type: 'x' }))).code).toBe('closed')
  })

  test('before the shutdown, but after it: who waits is told', async () => {
    const opening: (() => void)[] = []
    const { runtime, memory, run, clock } = one({
      prepare: (store) => {
        store.onOpen = () => new Promise<void>((resolve) => opening.push(resolve))
      },
    })
    const waiting = [runtime.ready(), runtime.submit({ type: 'x' }), memory.set('a', 1)].map((call) =>
      (call as Promise<unknown>).catch((error: unknown) => error),
    )
    const closed = runtime.shutdown()
    await clock.settle()
    opening[0]?.()
    await run(closed)
    for (const outcome of await run(Promise.all(waiting), 1000)) expect(outcome).toMatchObject({ code: 'closed' })
  })
})

test('work goes on exactly once over every kind of fault, at random', async () => {
  for (const seed of [1, 2, 3]) {
    const { join, run, close } = world({ seed })
    const members = [join(), join()]
    const runsById = new Map<string, number>()
    const pick = fatesAtRandom(seed)
    for (const { store, runtime } of members) {
      runtime.spawnWorker({
        capacity: 3,
        handlers: {
          x: (task) => {
            runsById.set(task.id, (runsById.get(task.id) ?? 0) + 1)
            task.effect(`done/${task.id}`, task.epoch)
            if (task.attempt === 1 && task.input % 5 === 0) throw new Error('first time')
            return task.input
          },
        },
      })
      await run(runtime.ready())
      store.commitFate = pick
    }
    const tasks = await run(
      Promise.all(
        Array.from({ length: 60 }, (_, n) =>
          (members[n % 2] as Member).runtime.submit({ id: `t${n}`, type: 'x', input: n, maxAttempts: 20 }),
        ),
      ),
      600_000,
    )
    const results = await run(Promise.all(tasks.map((task) => task.result())), 600_000)
    expect(results).toEqual(Array.from({ length: 60 }, (_, n) => n))
    for (const [index, task] of tasks.entries()) {
      const record = await run(task.record())
      expect(record?.status).toBe('completed')
      // More only where an owner lost its lease because the store was away for so long.
      const planned = index % 5 === 0 ? 2 : 1
      expect(runsById.get(task.id)).toBeLessThanOrEqual(record?.attempts ?? 0)
      expect(record?.attempts).toBeLessThanOrEqual(planned + (record?.takeovers?.length ?? 0) + 1)
      expect(record?.attempts).toBeGreaterThanOrEqual(planned)
      expect(await run((members[0] as Member).runtime.memory.get(`done/${task.id}`))).toBe(record?.epoch)
    }
    for (const { store } of members) store.commitFate = () => 'pass'
    await close()
  }
})
