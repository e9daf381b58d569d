/** When a task is run: its turn, its time, and its next chance. */
import { describe, expect, test } from 'vitest'
import { backoffMs } from '../../src/domain/retry.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { DeadLetterTask } from '../../src/runtime/tasks.ts'
import { gate, hangs, wait, world } from './harness.ts'

async function deadLettersOf(runtime: Runtime): Promise<DeadLetterTask[]> {
  const found: DeadLetterTask[] = []
  for await (const letter of runtime.queue.deadLetters()) found.push(letter)
  return found
}

describe('turn', () => {
  test('goes by priority, and by first in first out within one', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const ran: string[] = []
    const plan: [string, number][] = [
      ['a0', 0],
      ['b5', 5],
      ['c-1', -1],
      ['d0', 0],
      ['e5', 5],
      ['f0.5', 0.5],
    ]
    for (const [id, priority] of plan) await run(runtime.submit({ id, type: 'x', priority }))
    runtime.spawnWorker({ handlers: { x: (task) => void ran.push(task.id) } })
    await run(Promise.all(plan.map(([id]) => runtime.task(id).result())))
    expect(ran).toEqual(['b5', 'e5', 'f0.5', 'a0', 'd0', 'c-1'])
  })

  test('does not depend on ids: what waited before the worker came is taken in queue order', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const ran: string[] = []
    // More than one page of records, in key order exactly the wrong way round.
    const ids = Array.from({ length: 1500 }, (_, index) => `t${9999 - index}`)
    await run(Promise.all(ids.map((id) => runtime.submit({ id, type: 'x' }))))
    await run(runtime.submit({ id: 'z-urgent', type: 'x', priority: 1 }))
    runtime.spawnWorker({ handlers: { x: (task) => void ran.push(task.id) } })
    await run(runtime.task(ids.at(-1) as string).result())
    expect(ran).toEqual(['z-urgent', ...ids])
  })

  test('is kept among tasks of several submitters', async () => {
    const { join, run, clock } = world()
    const [one, two, third] = [join().runtime, join().runtime, join().runtime]
    const ran: string[] = []
    for (let turn = 0; turn < 10; turn++) {
      await run((turn % 2 === 0 ? one : two).submit({ id: `t${9 - turn}`, type: 'x' }))
      await clock.advance(1)
    }
    third.spawnWorker({ handlers: { x: (task) => void ran.push(task.id) } })
    await run(third.task('t0').result())
    expect(ran).toEqual(['t9', 't8', 't7', 't6', 't5', 't4', 't3', 't2', 't1', 't0'])
  })

  test('of three workers with three types, each gets what it can do', async () => {
    const { join, run } = world()
    const { runtime } = join()
    // The freest worker has nothing to do: what the others can take must not be lost in looking for it.
    runtime.spawnWorker({ capacity: 5, handlers: { a: () => 'a' } })
    runtime.spawnWorker({ capacity: 2, handlers: { b: () => 'b' } })
    runtime.spawnWorker({ handlers: { c: () => 'c' } })
    runtime.spawnWorker({ handlers: { d: () => 'd' } })
    await run(runtime.ready())
    const tasks = await run(
      Promise.all(Array.from({ length: 30 }, (_, index) => runtime.submit({ type: ['b', 'c', 'd'][index % 3] as string }))),
    )
    const results = await run(Promise.all(tasks.map((task) => task.result())), 5000)
    expect(results.join('')).toBe('bcd'.repeat(10))
  })

  test('never comes for more tasks at once than a worker has capacity', async () => {
    const { join, run, clock } = world()
    const { runtime } = join()
    let running = 0
    let most = 0
    runtime.spawnWorker({
      capacity: 3,
      handlers: {
        x: async (task) => {
          most = Math.max(most, ++running)
          await wait(clock, 10, task.signal)
          running--
        },
      },
    })
    const tasks = await run(Promise.all(Array.from({ length: 20 }, () => runtime.submit({ type: 'x' }))))
    await run(Promise.all(tasks.map((task) => task.result())))
    expect(most).toBe(3)
  })
})

describe('delay', () => {
  test('is waited for, and not much longer', async () => {
    const { join, run, clock } = world()
    const { runtime } = join()
    runtime.spawnWorker({ handlers: { x: () => clock.monotonicMs() } })
    await run(runtime.ready())
    const startedMs = clock.monotonicMs()
    const task = await run(runtime.submit({ type: 'x', delayMs: 5000 }))
    const ranMs = Number(await run(task.result())) - startedMs
    expect(ranMs).toBeGreaterThanOrEqual(5000)
    expect(ranMs).toBeLessThan(5050)
  })

  test.each([-3600_000, 3600_000])('is the same when the wall clock steps by %i ms meanwhile', async (stepMs) => {
    const { join, run, clock } = world()
    const [submitter, runtime] = [join().runtime, join().runtime]
    runtime.spawnWorker({ handlers: { x: () => clock.monotonicMs() } })
    const startedMs = clock.monotonicMs()
    const task = await run(submitter.submit({ type: 'x', delayMs: 5000 }))
    clock.stepWall(stepMs)
    // A worker that comes after the step judges by the record alone.
    const late = join().runtime
    late.spawnWorker({ handlers: { x: () => clock.monotonicMs() } })
    const ranMs = Number(await run(task.result())) - startedMs
    expect(ranMs).toBeGreaterThanOrEqual(5000)
    expect(ranMs).toBeLessThan(5050)
  })

  test('goes by wall time where the boot has no name', async () => {
    const { join, run, clock } = world({ bootId: null })
    const { runtime } = join()
    const task = await run(runtime.submit({ type: 'x', delayMs: 60_000 }))
    clock.stepWall(50_000)
    runtime.spawnWorker({ handlers: { x: () => clock.monotonicMs() } })
    const startedMs = clock.monotonicMs()
    expect(Number(await run(task.result())) - startedMs).toBeLessThan(10_050)
  })

  test('of one task holds up no other', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({ handlers: { x: (task) => task.id } })
    await run(runtime.submit({ id: 'later', type: 'x', delayMs: 3600_000, priority: 10 }))
    const task = await run(runtime.submit({ id: 'now', type: 'x' }))
    expect(await run(task.result(), 1000)).toBe('now')
  })
})

describe('another attempt', () => {
  test('comes after a pause that grows, half of it random', async () => {
    const { join, run, clock, refused } = world()
    const { runtime } = join()
    const startsMs: number[] = []
    runtime.spawnWorker({
      capacity: 20,
      handlers: {
        fails: () => {
          startsMs.push(clock.monotonicMs())
          throw new Error('no')
        },
      },
    })
    const backoff = { baseMs: 1000, factor: 3, maxMs: 5000, jitter: 0.5 }
    const waitsMs: number[][] = [[], [], []]
    for (let round = 0; round < 20; round++) {
      startsMs.length = 0
      const task = await run(runtime.submit({ type: 'fails', maxAttempts: 4, backoff }))
      await refused(task.result())
      expect(startsMs).toHaveLength(4)
      for (const [index, waits] of waitsMs.entries()) waits.push((startsMs[index + 1] as number) - (startsMs[index] as number))
    }
    for (const [index, waits] of waitsMs.entries()) {
      const least = backoffMs({ ...backoff }, index + 1, 0)
      const most = backoffMs({ ...backoff }, index + 1, 1)
      for (const waitMs of waits) {
        expect(waitMs).toBeGreaterThanOrEqual(least)
        expect(waitMs).toBeLessThanOrEqual(most + 20)
      }
      // It is random: twenty waits of one number would bring all failures back at once.
      expect(new Set(waits).size).toBeGreaterThan(10)
    }
  })

  test('frees the slot while it waits', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const ran: string[] = []
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          ran.push(`${task.id}${task.attempt}`)
          if (task.id === 'a' && task.attempt === 1) throw new Error('once')
        },
      },
    })
    const a = await run(runtime.submit({ id: 'a', type: 'x', priority: 1 }))
    const b = await run(runtime.submit({ id: 'b', type: 'x' }))
    await run(Promise.all([a.result(), b.result()]))
    expect(ran).toEqual(['a1', 'b1', 'a2'])
  })

  test('is not made after an error that says it is useless', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    let runs = 0
    runtime.spawnWorker({
      handlers: {
        x: () => {
          runs++
          throw Object.assign(new Error('no such customer'), { retryable: false })
        },
      },
    })
    const task = await run(runtime.submit({ type: 'x', maxAttempts: 5 }))
    expect((await refused(task.result())).message).toContain('no such customer')
    expect(runs).toBe(1)
  })

  test('carries its number and a new epoch', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const seen: [number, number][] = []
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          seen.push([task.attempt, task.epoch])
          if (task.attempt < 3) throw new Error('again')
        },
      },
    })
    await run((await run(runtime.submit({ type: 'x' }))).result())
    expect(seen).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
  })
})

describe('a task that waits for its time', () => {
  test('may be claimed at once when it is to be retried now, with the attempts that it has had', async () => {
    const { join, run, refused, clock } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      handlers: {
        x: ({ attempt }) => {
          if (attempt === 1) throw new Error('not yet')
          return `attempt ${attempt}`
        },
        y: () => 'early',
      },
    })
    const hourMs = 3_600_000
    const failing = await run(runtime.submit({ id: 'failing', type: 'x', backoff: { baseMs: hourMs, maxMs: hourMs } }))
    const delayed = await run(runtime.submit({ id: 'delayed', type: 'y', delayMs: hourMs }))
    await clock.advance(1000)
    expect((await run(failing.record()))?.attempts).toBe(1)
    const retried = await run(runtime.queue.retryNow('failing'))
    expect(await run(retried.result())).toBe('attempt 2')
    await run(runtime.queue.retryNow('delayed'))
    expect(await run(delayed.result())).toBe('early')

    for (const [id, reason] of [
      ['failing', 'is completed'],
      ['ready', 'waits for no time'],
    ] as const) {
      if (id === 'ready') await run(runtime.submit({ id, type: 'nobody' }))
      const error = await refused(runtime.queue.retryNow(id))
      expect([error.code, error.retryable, error.message]).toEqual(['conflict', false, expect.stringContaining(reason)])
    }
    expect((await refused(runtime.queue.retryNow('none'))).code).toBe('invalid_key')
  })
})

describe('dead letters', () => {
  test('are the failed tasks, with their last error, and can be replayed with all their attempts', async () => {
    const { join, run, refused, clock } = world()
    const { runtime } = join()
    let isMended = false
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          if (!isMended) throw new TypeError(`broken in attempt ${task.attempt}`)
          return `mended in attempt ${task.attempt}`
        },
        y: () => 'fine',
      },
    })
    const task = await run(runtime.submit({ id: 'bad', type: 'x', maxAttempts: 2 }))
    const good = await run(runtime.submit({ id: 'good', type: 'y' }))
    await run(good.result())
    await refused(task.result())
    expect(await run(deadLettersOf(runtime))).toEqual([
      {
        id: 'bad',
        type: 'x',
        attempts: 2,
        error: { name: 'TypeError', message: 'broken in attempt 2', reason: 'handler' },
        failedMs: clock.wallMs(),
      },
    ])
    isMended = true
    const replayed = await run(runtime.queue.replay('bad'))
    expect(await run(replayed.result())).toBe('mended in attempt 1')
    expect(await run(deadLettersOf(runtime))).toEqual([])
    const record = await run(task.record())
    // The epoch goes on: whoever still works on the old life is fenced.
    expect(record?.epoch).toBe(4)
    expect(record?.error).toBe(undefined)
  })

  test('cannot be replayed before they are ended, or when they never were', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    await run(runtime.submit({ id: 'a', type: 'x' }))
    const error = await refused(runtime.queue.replay('a'))
    expect([error.code, error.retryable]).toEqual(['conflict', false])
    expect((await refused(runtime.queue.replay('b'))).code).toBe('invalid_key')
  })

  test('replayed at the very moment of their failure are run again', async () => {
    const { join, run } = world()
    const { runtime } = join()
    let runs = 0
    runtime.spawnWorker({
      handlers: {
        x: () => {
          if (++runs < 4) throw new Error('no')
          return runs
        },
      },
    })
    const task = await run(runtime.submit({ id: 'a', type: 'x', maxAttempts: 1 }))
    const outcome = (async () => {
      for (;;) {
        try {
          return await task.result()
        } catch {
          await runtime.queue.replay('a')
        }
      }
    })()
    expect(await run(outcome, 10_000)).toBe(4)
  })
})

describe('a timeout', () => {
  test('fails the attempt of a handler that hangs and frees its slot; what it does later is ignored', async () => {
    const { join, run, clock } = world()
    const { runtime, problems } = join()
    const first = gate<string>()
    const reasons: unknown[] = []
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          if (task.attempt > 1) return 'second'
          task.signal.addEventListener('abort', () => reasons.push(task.signal.reason))
          return first.promise
        },
        y: () => 'y',
      },
    })
    const task = await run(runtime.submit({ id: 'a', type: 'x', timeoutMs: 300, backoff: { baseMs: 1000, jitter: 0 } }))
    const other = await run(runtime.submit({ type: 'y' }))
    const startedMs = clock.monotonicMs()
    await run(other.result())
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(300)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(350)
    expect(reasons).toMatchObject([{ code: 'aborted', message: expect.stringContaining('timeout') }])
    expect((await run(task.record()))?.error).toMatchObject({ name: 'TimeoutError', reason: 'timeout' })
    first.open('too late')
    expect(await run(task.result())).toBe('second')
    expect(problems).toEqual([])
  })

  test('ignores a late rejection as well', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    const work = gate()
    runtime.spawnWorker({ handlers: { x: () => work.promise } })
    const task = await run(runtime.submit({ type: 'x', timeoutMs: 10, maxAttempts: 1 }))
    expect((await refused(task.result())).cause).toMatchObject({ name: 'TimeoutError' })
    work.fail(new Error('too late'))
    await run(runtime.submit({ type: 'y' }))
  })

  test('counts from each attempt anew', async () => {
    const { join, run, clock } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      handlers: {
        x: (task) => (task.attempt < 3 ? hangs() : wait(clock, 90, task.signal).then(() => 'in time')),
      },
    })
    const task = await run(runtime.submit({ type: 'x', timeoutMs: 100 }))
    expect(await run(task.result())).toBe('in time')
  })
})
