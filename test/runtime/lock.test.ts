/** Locks: who has one, who gets it next, and what a former holder can still do, whatever the store and the process do. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { LockRecord } from '../../src/domain/lock-record.ts'
import type { HeldLock, LockOptions } from '../../src/runtime/locks.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { gate, hangs, type Member, wait, world } from './harness.ts'

const key = 'task-sentinel/locks/a'
const leaseMs = 30_000

async function got(promise: Promise<HeldLock | null>): Promise<HeldLock> {
  const lock = await promise
  if (lock === null) throw new Error('the lock was not got')
  return lock
}

/** What a process does that is never heard of again. */
function crash(member: Member): void {
  member.freeze()
}

const setUnder = (member: Member, lock: HeldLock, value: number) => member.runtime.memory.set('doc', value, { lock })

/** As a writer that does not know that its lock is lost: only the store can refuse it. */
const setBlindly = (member: Member, { guard }: HeldLock, value: number) =>
  member.runtime.memory.guardedBy(guard, () => false).set('doc', value)

describe('a lock', () => {
  test('has one holder, and goes to the next under a higher epoch', async () => {
    const { join, run } = world()
    const [one, two] = [join(), join()]
    const first = await run(got(one.runtime.lock('a')))
    expect(first).toMatchObject({ key, epoch: 1, leaseMs, isHeld: true })
    expect(first.leaseLeftMs()).toBe(leaseMs)
    expect(first.guard).toEqual({ scope: key, epoch: 1, incarnation: one.runtime.incarnation })
    expect(await run(two.runtime.lock('a'))).toBeNull()
    expect(await run(got(two.runtime.lock('b')))).toMatchObject({ epoch: 1 })
    await run(first.release())
    expect(first).toMatchObject({ isHeld: false })
    expect(first.leaseLeftMs()).toBe(0)
    expect(() => first.assertHeld()).toThrow(/released/)
    const second = await run(got(two.runtime.lock('a')))
    expect(second).toMatchObject({ epoch: 2, isHeld: true })
    expect(first.signal.aborted).toBe(false)
    expect(await run(one.runtime.lock('a'))).toBeNull()
    expect([...one.problems, ...two.problems]).toEqual([])
  })

  test('is not got twice by its holder', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const first = await run(got(runtime.lock('a')))
    expect(await run(runtime.lock('a'))).toBeNull()
    const waiting = runtime.lock('a', { waitMs: 60_000 })
    await run(first.release())
    expect(await run(waiting)).toMatchObject({ epoch: 2 })
  })

  test('is given by one of many calls at once, in one process and in several', async () => {
    const { join, run } = world()
    const members = [join(), join(), join()]
    const locks = await run(Promise.all(members.flatMap(({ runtime }) => [1, 2, 3].map(() => runtime.lock('a')))))
    expect(locks.filter((lock) => lock !== null)).toHaveLength(1)
  })

  test('is released once, however often that is asked', async () => {
    const { join, run } = world()
    const { runtime, store } = join()
    const lock = await run(got(runtime.lock('a')))
    const commits = store.faults.count('commit')
    expect(lock.release()).toBe(lock.release())
    await run(lock.release())
    await run(lock[Symbol.asyncDispose]())
    expect(store.faults.count('commit')).toBe(commits + 1)
    await run(got(runtime.lock('a')))
    // The next holder's is not touched.
    await run(lock.release())
    expect(await run(runtime.lock('a'))).toBeNull()
  })

  test('is renewed until it is released', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a')))
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(60_000)
      expect(lock.isHeld).toBe(true)
      expect(lock.leaseLeftMs()).toBeGreaterThan(leaseMs / 2)
      expect(await run(two.runtime.lock('a'))).toBeNull()
    }
    await run(lock.release())
    expect((await run(got(two.runtime.lock('a')))).epoch).toBe(2)
  })

  test('is renewed by hand if asked, else it is lost when its lease is over', async () => {
    const { join, run, refused, clock } = world()
    const one = join()
    const lock = await run(got(one.runtime.lock('a', { autoRenew: false, leaseMs: 1000 })))
    await clock.advance(900)
    await run(lock.renew())
    expect(lock.leaseLeftMs()).toBe(1000)
    await clock.advance(999)
    expect(lock).toMatchObject({ isHeld: true })
    expect(lock.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(lock).toMatchObject({ isHeld: false })
    expect(lock.signal.aborted).toBe(true)
    expect(lock.signal.reason).toMatchObject({ code: 'lock_lost', key, message: expect.stringContaining('lease was over') })
    expect(() => lock.assertHeld()).toThrow(lock.signal.reason)
    expect(await refused(lock.renew())).toMatchObject({ code: 'lock_lost' })
    expect(one.problems).toMatchObject([{ code: 'lock_lost' }])
    await run(lock.release())
    expect(await run(got(one.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test.each([
    [{ leaseMs: 0 }, /leaseMs .* 86400000, got 0/],
    [{ leaseMs: -1 }, /got -1/],
    [{ leaseMs: Number.NaN }, /leaseMs/],
    [{ leaseMs: 86_400_001 }, /got 86400001/],
    [{ leaseMs: '5' as never }, /got "5"/],
    [{ waitMs: -1 }, /waitMs/],
    [{ autoRenew: 1 as never }, /autoRenew/],
    [{ signal: {} as never }, /signal/],
  ])('cannot be asked for with %j', async (options: LockOptions, message) => {
    const { join, refused } = world()
    const error = await refused(join().runtime.lock('a', options))
    expect(error.code).toBe('invalid_option')
    expect(error.message).toMatch(message)
  })

  test('has a name that can be part of a key', async () => {
    const { join, refused } = world()
    expect(await refused(join().runtime.lock('a/b'))).toMatchObject({ code: 'invalid_key' })
  })

  test('is not for stores without compare-and-set', async () => {
    const { join, refused } = world()
    const { runtime, store } = join()
    store.features = { ...store.features, compareAndSet: false }
    expect(await refused(runtime.lock('a'))).toMatchObject({ code: 'not_supported' })
  })

  test('is not taken from a value that is none', async () => {
    const { join, run, refused } = world()
    const { runtime } = join()
    await run(runtime.memory.set('task-sentinel/elsewhere', 1))
    expect(await refused(runtime.inside.locks.acquire('task-sentinel/elsewhere'))).toMatchObject({
      code: 'corrupt',
      key: 'task-sentinel/elsewhere',
    })
  })

  test('that was deleted begins above every epoch that it had', async () => {
    const { join, run } = world()
    const { runtime } = join()
    const elsewhere = 'elsewhere/lock'
    for (let round = 0; round < 3; round++) {
      const lock = await run(got(runtime.inside.locks.acquire(elsewhere)))
      await run(lock.release())
    }
    await run(runtime.memory.delete(elsewhere))
    const lock = await run(got(runtime.inside.locks.acquire(elsewhere)))
    expect(lock.epoch).toBeGreaterThan(3)
    await run(lock.release())
  })
})

describe('who waits for a lock', () => {
  test('gets it as soon as it is released', async () => {
    const { join, run, clock } = world()
    const [one, two, three] = [join(), join(), join()]
    const first = await run(got(one.runtime.lock('a')))
    const waiting = [two, three].map(({ runtime }) => got(runtime.lock('a', { waitMs: 600_000 })))
    await clock.advance(100_000)
    const startedMs = clock.monotonicMs()
    await run(first.release())
    const second = await run(Promise.race(waiting))
    expect(clock.monotonicMs() - startedMs).toBeLessThan(100)
    expect(second.epoch).toBe(2)
    await run(second.release())
    const both = await run(Promise.all(waiting))
    expect(both.map(({ epoch }) => epoch).sort()).toEqual([2, 3])
  })

  test('is told null when the time is over, not before and not much later', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    await run(got(one.runtime.lock('a')))
    await run(two.runtime.ready())
    const startedMs = clock.monotonicMs()
    expect(await run(two.runtime.lock('a', { waitMs: 70_000 }))).toBeNull()
    expect(clock.monotonicMs() - startedMs).toBe(70_000)
  })

  test('is let go by its signal', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const first = await run(got(one.runtime.lock('a')))
    const abort = new AbortController()
    const waiting = two.runtime.lock('a', { waitMs: 60_000, signal: abort.signal })
    await clock.advance(1000)
    abort.abort(new Error('enough'))
    expect(await refused(waiting)).toMatchObject({ code: 'aborted', message: expect.stringContaining('enough') })
    expect(await refused(two.runtime.lock('a', { signal: abort.signal }))).toMatchObject({ code: 'aborted' })
    await run(first.release())
    await clock.advance(100)
    expect(await run(got(one.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test('and is let go while its lock is on its way gives it back', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    await run(one.runtime.ready())
    one.store.commitMs = 500
    const abort = new AbortController()
    const taking = one.runtime.lock('a', { signal: abort.signal })
    await clock.advance(100)
    abort.abort()
    expect(await refused(taking)).toMatchObject({ code: 'aborted' })
    await clock.advance(2000)
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
    expect(one.runtime.inside.locks.size).toBe(0)
  })

  test('hears nothing of a signal once the lock is held', async () => {
    const { join, run, clock } = world()
    const abort = new AbortController()
    const lock = await run(got(join().runtime.lock('a', { signal: abort.signal })))
    abort.abort()
    await clock.advance(1000)
    expect(lock.isHeld).toBe(true)
  })

  test('does not miss a release that is told while it looks', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    const first = await run(got(one.runtime.lock('a')))
    await run(two.runtime.ready())
    two.store.faults.next('get', { delayMs: 50 })
    const waiting = two.runtime.lock('a', { waitMs: 20_000 })
    await run(first.release())
    expect(await run(waiting)).not.toBeNull()
    expect(clock.monotonicMs()).toBeLessThan(5_000_000 + 1000)
  })
})

describe('a lock whose holder crashed', () => {
  test('is free when its lease is over by the machine’s clock, and not before', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    await run(got(one.runtime.lock('a')))
    crash(one)
    await run(two.runtime.ready())
    await clock.advance(leaseMs - 1)
    expect(await run(two.runtime.lock('a'))).toBeNull()
    await clock.advance(1)
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test('goes to who waits, at that time', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    await run(Promise.all([one.runtime.ready(), two.runtime.ready()]))
    const startedMs = clock.monotonicMs()
    await run(got(one.runtime.lock('a')))
    crash(one)
    await run(got(two.runtime.lock('a', { waitMs: 600_000 })))
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(leaseMs)
    expect(clock.monotonicMs() - startedMs).toBeLessThan(leaseMs + 100)
  })

  test('is free at once when the machine has booted since', async () => {
    const { join, run } = world()
    const one = join({
      prepare: (_, own) => {
        own.bootId = 'boot before'
      },
    })
    await run(got(one.runtime.lock('a')))
    crash(one)
    expect(await run(got(join().runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test.each(['network', 'machine without a name'] as const)('is judged by observation on a %s', async (where) => {
    const { join, run, clock } = world()
    const make = () =>
      join({
        prepare: (store, own) => {
          if (where === 'network') store.features = { ...store.features, reach: 'network' }
          else own.bootId = null
        },
      })
    const one = make()
    const lock = await run(got(one.runtime.lock('a')))
    crash(one)
    await clock.advance(10 * leaseMs)
    const two = make()
    // The first sight: nobody knows how long ago the holder renewed.
    expect(await run(two.runtime.lock('a'))).toBeNull()
    await clock.advance(leaseMs * 1.1 - 10)
    expect(await run(two.runtime.lock('a'))).toBeNull()
    await clock.advance(10)
    expect((await run(got(two.runtime.lock('a')))).epoch).toBe(lock.epoch + 1)
  })

  test('refuses what the holder still writes, when it was only asleep', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const first = await run(got(one.runtime.lock('a')))
    await run(setUnder(one, first, 1))
    crash(one)
    const second = await run(got(two.runtime.lock('a', { waitMs: 600_000 })))
    await run(setUnder(two, second, 2))
    const late = setBlindly(one, first, 3)
    one.thaw()
    expect(await refused(late)).toMatchObject({ code: 'stale_epoch' })
    await clock.advance(100)
    expect(first.isHeld).toBe(false)
    expect(first.signal.aborted).toBe(true)
    expect(await refused(setUnder(one, first, 4))).toMatchObject({ code: 'lock_lost' })
    expect(await run(two.runtime.memory.get('doc'))).toBe(2)
    await run(first.release())
    expect(second.isHeld).toBe(true)
  })
})

describe('a lock is lost', () => {
  test('when the process slept for more than a third of the lease, though nobody took it', async () => {
    const { join, run, clock } = world()
    const one = join()
    const lock = await run(got(one.runtime.lock('a')))
    one.freeze()
    await clock.advance(leaseMs / 2)
    one.thaw()
    expect(lock.signal.aborted).toBe(true)
    expect(lock.signal.reason).toMatchObject({ code: 'lock_lost', message: expect.stringContaining('slept') })
    await run(lock.release())
  })

  test('not when it slept for less', async () => {
    const { join, run, clock } = world()
    const one = join()
    const lock = await run(got(one.runtime.lock('a')))
    one.freeze()
    await clock.advance(leaseMs / 5)
    one.thaw()
    await clock.advance(60_000)
    expect(lock.isHeld).toBe(true)
  })

  test('when no renewal gets through, and counts from the sending of the last one that did', async () => {
    const { join, run, clock } = world()
    const one = join()
    await run(one.runtime.ready())
    one.store.commitMs = 1000
    const sentMs = clock.monotonicMs()
    const lock = await run(got(one.runtime.lock('a')))
    expect(clock.monotonicMs() - sentMs).toBe(1000)
    expect(lock.leaseLeftMs()).toBe(leaseMs - 1000)
    one.store.commitFate = () => 'fail'
    await clock.runUntil(() => lock.signal.aborted)
    expect(clock.monotonicMs() - sentMs).toBe(leaseMs)
    one.store.commitFate = () => 'pass'
    await run(lock.release())
  })

  test('when an operator freed it by force: told by the feed, its writes refused by the store', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a')))
    await run(two.runtime.ready())
    expect(await run(two.runtime.inside.locks.force(key))).toBe(2)
    expect(await refused(setBlindly(one, lock, 1))).toMatchObject({ code: 'stale_epoch' })
    await clock.advance(10)
    expect(lock.signal.aborted).toBe(true)
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 3 })
    expect(await run(two.runtime.inside.locks.force('task-sentinel/locks/never'))).toBeNull()
  })

  test('when the store refuses the renewal, though the feed says nothing', async () => {
    const { join, run, clock } = world()
    const one = join({
      prepare: (store) => {
        store.onFeed = (item) => (item.type === 'changes' ? { type: 'caught-up', revision: 0 } : item)
      },
    })
    const two = join()
    const lock = await run(got(one.runtime.lock('a')))
    await run(two.runtime.inside.locks.force(key))
    expect(lock.isHeld).toBe(true)
    await clock.advance(leaseMs / 2)
    expect(lock.signal.reason).toMatchObject({ code: 'lock_lost', message: expect.stringContaining('somebody else') })
  })

  test('when its lease is over while its holder writes', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a', { autoRenew: false, leaseMs: 1000 })))
    await run(two.runtime.ready())
    let isHeldUp = true
    one.store.commitFate = (units) => {
      if (!isHeldUp || !JSON.stringify(units).includes('"doc"')) return 'pass'
      isHeldUp = false
      return 'hang'
    }
    const late = setUnder(one, lock, 1)
    const second = await run(got(two.runtime.lock('a', { waitMs: 5000 })))
    await run(setUnder(two, second, 2))
    one.store.faults.release()
    expect(await refused(late)).toMatchObject({ code: 'lock_lost' })
    expect(await run(two.runtime.memory.get('doc'))).toBe(2)
    await clock.advance(100)
  })
})

describe('a store that fails', () => {
  test('during an acquire is told: never as null', async () => {
    const { join, refused, run } = world()
    const one = join()
    await run(one.runtime.ready())
    one.store.onGet = () => {
      throw new MemorySyncError('store_unavailable', 'no route')
    }
    expect(await refused(one.runtime.lock('a'))).toMatchObject({ code: 'store_unavailable' })
    one.store.onGet = () => {}
    one.store.commitFate = () => 'fail'
    expect(await refused(one.runtime.lock('a'))).toMatchObject({ code: 'store_unavailable' })
    one.store.commitFate = () => 'pass'
    expect(one.runtime.inside.locks.size).toBe(0)
  })

  test('to answer does not lose a lock that was taken', async () => {
    const { join, run } = world()
    const one = join()
    await run(one.runtime.ready())
    one.store.faults.next('commit', 'lose-reply')
    const lock = await run(got(one.runtime.lock('a')))
    expect(lock).toMatchObject({ epoch: 1, isHeld: true })
  })

  test('to answer at all until the writer gives up: the record says whose it is', async () => {
    const { join, run, clock } = world()
    const one = join()
    await run(one.runtime.ready())
    // Written at the first try; no reply ever comes, and the next look finds the lease over.
    let isFirst = true
    one.store.commitFate = () => {
      if (!isFirst) return clock.monotonicMs() < 5_000_000 + 65_000 ? 'throw' : 'pass'
      isFirst = false
      return 'lose-reply'
    }
    const lock = await run(got(one.runtime.lock('a')))
    expect(lock).toMatchObject({ epoch: 1, isHeld: true })
    expect(lock.leaseLeftMs()).toBe(leaseMs)
  })

  test('that is slower than the lease gives no lock that is over already', async () => {
    const { join, refused, run, clock } = world()
    const one = join()
    await run(one.runtime.ready())
    one.store.commitMs = 200
    expect(await refused(one.runtime.lock('a', { leaseMs: 100 }))).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('longer than the lease'),
    })
    one.store.commitMs = 0
    await clock.advance(1000)
    expect(one.runtime.inside.locks.size).toBe(0)
  })

  test('during the release is told, and the lease ends by itself', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a', { leaseMs: 3_600_000 })))
    await run(two.runtime.ready())
    one.store.commitFate = () => 'fail'
    expect(await refused(lock.release())).toMatchObject({ code: 'store_unavailable' })
    one.store.commitFate = () => 'pass'
    expect(await run(two.runtime.lock('a'))).toBeNull()
    await clock.advance(3_600_000)
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test('to answer the release does not keep it from being one', async () => {
    const { join, run } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a')))
    one.store.faults.next('commit', 'lose-reply')
    await run(lock.release())
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test('is no hindrance to a renewal on its way when the lock is released', async () => {
    const { join, run, clock } = world()
    const [one, two] = [join(), join()]
    const lock = await run(got(one.runtime.lock('a')))
    one.store.commitMs = 300
    const renewal = lock.renew()
    renewal.catch(() => {})
    await clock.advance(100)
    await run(lock.release())
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
    await expect(renewal).rejects.toMatchObject({ code: 'lock_lost' })
  })
})

describe('a shutdown', () => {
  test('gives back what is held, tells who waits, and leaves no timer', async () => {
    const { join, run, refused, clock } = world()
    const [one, two] = [join(), join()]
    const held = await run(got(one.runtime.lock('a')))
    await run(got(two.runtime.lock('b')))
    const waiting = refusedLater(one.runtime.lock('b', { waitMs: 600_000 }))
    await clock.advance(1000)
    await run(one.runtime.shutdown())
    expect(await run(waiting)).toMatchObject({ code: 'closed' })
    expect(held.isHeld).toBe(false)
    expect(held.signal.aborted).toBe(true)
    expect(await refused(one.runtime.lock('a'))).toMatchObject({ code: 'closed' })
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
    await run(two.runtime.shutdown())
    expect(clock.describePending()).toEqual([])
  })

  test('does not wait for ever for a store that hangs', async () => {
    const { join, run, clock } = world()
    const one = join()
    const held = await run(got(one.runtime.lock('a')))
    one.store.commitFate = () => 'hang'
    await run(one.runtime.shutdown())
    expect(held.isHeld).toBe(false)
    one.store.commitFate = () => 'pass'
    one.store.faults.release()
    await clock.advance(0)
    expect(clock.describePending()).toEqual([])
  })
})

describe('a handler', () => {
  test('takes locks by its task, which are released when it ends', async () => {
    const { join, run, until } = world()
    const one = join()
    const two = join()
    const goOn = gate()
    one.runtime.spawnWorker({
      handlers: {
        x: async (task) => {
          const lock = await task.lock('a')
          await goOn.promise
          return lock?.epoch ?? null
        },
      },
    })
    const task = await run(one.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    await run(wait(one.clock, 100))
    expect(await run(two.runtime.lock('a'))).toBeNull()
    goOn.open()
    expect(await run(task.result())).toBe(1)
    await run(wait(one.clock, 100))
    expect(await run(got(two.runtime.lock('a')))).toMatchObject({ epoch: 2 })
  })

  test('cannot write a lock’s record as an effect', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({ handlers: { x: (task) => task.effect(key, { owner: null }) } })
    const task = await run(runtime.submit({ type: 'x', maxAttempts: 1 }))
    await expect(run(task.result())).rejects.toMatchObject({ code: 'task_failed', message: expect.stringContaining('lock') })
  })

  test('that is aborted waits no longer', async () => {
    const { join, run, until } = world()
    const [one, two] = [join(), join()]
    await run(got(two.runtime.lock('a')))
    const ended = gate<unknown>()
    one.runtime.spawnWorker({
      handlers: {
        x: (task) =>
          task.lock('a', { waitMs: 3_600_000 }).then(hangs, (error: unknown) => {
            ended.open(error)
            throw error
          }),
      },
    })
    const task = await run(one.runtime.submit({ type: 'x' }))
    await until(task, 'processing')
    await run(wait(one.clock, 100))
    await run(task.send({ type: 'task.cancel', reason: 'enough' }))
    expect(await run(ended.promise)).toMatchObject({ code: 'aborted' })
    expect(one.runtime.inside.locks.size).toBe(0)
  })
})

describe('whatever happens', () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
    'epochs rise, an epoch has one holder, and no update under the lock is lost (seed %i)',
    async (seed) => {
      const { join, run, clock, memory } = world({ seed })
      const random = createSeededRandom(seed)
      const members: Member[] = Array.from({ length: 4 }, () => join())
      await run(Promise.all(members.map(({ runtime }) => runtime.ready())))
      const holderByEpoch = new Map<number, string>()
      const epochs: number[] = []
      const docs: { value: number; epoch: number }[] = []
      const watching = new AbortController()
      const watched = (async () => {
        for await (const item of memory.watch('**', { signal: watching.signal })) {
          if (item.type !== 'changes') continue
          for (const { key: at, entry } of item.changes) {
            if (at === key) {
              const { epoch, incarnation, nonce } = entry.value as LockRecord
              epochs.push(epoch)
              if (incarnation === null) continue
              expect(holderByEpoch.get(epoch) ?? nonce).toBe(nonce)
              holderByEpoch.set(epoch, nonce ?? '')
            } else if (at === 'doc') docs.push({ value: entry.value as number, epoch: entry.x?.e?.[1] ?? 0 })
          }
        }
      })()
      let acknowledged = 0
      for (const { store } of members) {
        store.commitFate = () => {
          const chance = random.next()
          return chance < 0.05 ? 'fail' : chance < 0.1 ? 'lose-reply' : 'pass'
        }
        store.commitMs = random.next() < 0.5 ? 0 : 5
      }
      const contend = async ({ runtime, clock: own }: Member): Promise<void> => {
        for (let round = 0; round < 25; round++) {
          const lock = await runtime
            .lock('a', { leaseMs: 2000, waitMs: random.next() < 0.3 ? 0 : 20_000, autoRenew: random.next() < 0.7 })
            .catch(() => null)
          if (lock === null) {
            await wait(own, random.next() * 500)
            continue
          }
          try {
            // Read, pause, write: only the lock keeps another from doing the same in between.
            const before = (await runtime.memory.get<number>('doc')) ?? 0
            await wait(own, random.next() < 0.2 ? 3000 : random.next() * 200)
            // Half of them do not even ask themselves whether they still hold it.
            if (random.next() < 0.5) await runtime.memory.set('doc', before + 1, { lock })
            else await runtime.memory.guardedBy(lock.guard, () => false).set('doc', before + 1)
            acknowledged++
          } catch (error) {
            expect(error).toBeInstanceOf(MemorySyncError)
          }
          if (random.next() < 0.93) await lock.release().catch(() => {})
        }
      }
      const sleeping = (async () => {
        for (let nap = 0; nap < 25; nap++) {
          await wait(clock, random.next() * 4000)
          const member = members[Math.floor(random.next() * members.length)]
          member?.freeze()
          await wait(clock, random.next() * 5000)
          member?.thaw()
        }
      })()
      await run(Promise.all([...members.map(contend), sleeping]))
      for (const { store } of members) store.commitFate = () => 'pass'
      await clock.advance(10_000)
      watching.abort()
      await watched
      expect(epochs.length).toBeGreaterThan(20)
      expect(acknowledged).toBeGreaterThan(10)
      expect(epochs).toEqual(epochs.toSorted((a, b) => a - b))
      expect(docs.map(({ epoch }) => epoch)).toEqual(docs.map(({ epoch }) => epoch).toSorted((a, b) => a - b))
      const values = docs.map(({ value }) => value)
      expect(values).toEqual(values.toSorted((a, b) => a - b))
      expect(new Set(values).size).toBe(values.length)
      expect(values.at(-1)).toBeGreaterThanOrEqual(acknowledged)
    },
  )
})

function refusedLater(promise: Promise<unknown>): Promise<MemorySyncError> {
  return promise.then(
    (value) => expect.unreachable(`was not refused, but gave ${JSON.stringify(value)}`),
    (error: unknown) => error as MemorySyncError,
  )
}
