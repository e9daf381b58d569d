/** `runtime.memory`: what it stores, when it refuses, and who hears of it. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { MemoryChange, MemoryEvent } from '../../src/runtime/memory.ts'
import { hangs, world } from './harness.ts'

function one(options = {}) {
  const made = world()
  const member = made.join(options)
  return { ...member, ...made, memory: member.runtime.memory }
}

async function listed(items: AsyncIterable<{ key: string; value: unknown }>): Promise<[string, unknown][]> {
  const found: [string, unknown][] = []
  for await (const { key, value } of items) found.push([key, value])
  return found
}

describe('set and get', () => {
  test('give back the value, frozen, to every process', async () => {
    const { memory, run, join } = one()
    const given = { list: [1, { deep: true }], nothing: null, dropped: undefined }
    const { revision } = await run(memory.set('a/b', given))
    given.list.push(2)
    for (const reader of [memory, join().runtime.memory]) {
      const value = await run(reader.get<{ list: unknown[] }>('a/b'))
      expect(value).toEqual({ list: [1, { deep: true }], nothing: null })
      expect(() => value?.list.push(3)).toThrow(TypeError)
      expect(await run(reader.entry('a/b'))).toMatchObject({ key: 'a/b', revision, entry: { timestamp: expect.any(Number) } })
    }
  })

  test('give null for what is not there, and for what was deleted', async () => {
    const { memory, run } = one()
    expect(await run(memory.get('a'))).toBe(null)
    expect(await run(memory.entry('a'))).toBe(null)
    await run(memory.set('a', false))
    expect(await run(memory.get('a'))).toBe(false)
    await run(memory.delete('a'))
    expect(await run(memory.get('a'))).toBe(null)
    expect(await run(memory.entry('a'))).toBe(null)
    // Also when there was nothing.
    await run(memory.delete('never'))
  })

  test('let the last to commit stay, also against processes that had not heard of each other', async () => {
    const { memory, run, join } = one()
    const other = join().runtime.memory
    await run(memory.set('a', 1))
    await run(other.set('a', 2))
    await run(memory.set('a', 3))
    await run(Promise.all([memory.set('a', 4), other.set('a', 5), memory.set('b', 4), other.set('b', 5)]))
    const [a, b] = [await run(other.entry('a')), await run(memory.entry('b'))]
    expect([4, 5]).toContain(a?.value)
    // Each overwrote what it knew of: the versions tell the order.
    for (const item of [a, b]) expect(Object.keys(item?.entry.version ?? {})).toHaveLength(2)
  })

  test('show own writes before they are committed', async () => {
    const { memory, run, store, clock, memory: own } = one()
    await run(memory.set('known', 0))
    store.commitMs = 1000
    for (const key of ['known', 'unknown']) {
      const writes = [own.set(key, 1)]
      expect(await own.get(key)).toBe(1)
      writes.push(own.set(key, 2))
      expect(await own.get(key)).toBe(2)
      writes.push(own.delete(key))
      expect(await own.get(key)).toBe(null)
      writes.push(own.set(key, 3))
      await clock.advance(1)
      expect(await own.get(key)).toBe(3)
      await run(Promise.all(writes))
      expect(await own.get(key)).toBe(3)
      expect((await run(own.entry(key)))?.value).toBe(3)
    }
  })

  test('take writes of one process to one key in the order of the calls, also against others', async () => {
    const { memory, run, store, join, clock } = one()
    const others = [join().runtime.memory, join().runtime.memory]
    const seen: number[] = []
    others[0]?.subscribe('x', (change) => {
      if (change.type === 'set' && typeof change.value === 'number') seen.push(change.value)
    })
    store.commitMs = 5
    const calls: Promise<unknown>[] = []
    for (let turn = 1; turn <= 60; turn++) {
      calls.push(turn % 7 === 6 ? memory.delete('x') : memory.set('x', turn))
      if (turn % 25 === 0) calls.push(...others.map((other) => other.update('x', () => `other ${turn}`)))
      if (turn % 5 === 0) await clock.advance(7)
    }
    await run(Promise.all(calls))
    await clock.advance(0)
    expect(seen.length).toBeGreaterThan(2)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1)).toBe(60)
  })

  test.each(['', 'a//b', '/a', 'a/', 'a/../b', '__proto__', 'a*', 'a\u0000', 'k'.repeat(513), 5, null, undefined])(
    'refuse the key %o',
    async (key) => {
      const { memory, refused } = one()
      for (const call of [
        () => memory.get(key as string),
        () => memory.entry(key as string),
        () => memory.set(key as string, 1),
        () => memory.delete(key as string),
        () => memory.update(key as string, () => 1),
      ]) {
        expect((await refused(call())).code).toBe('invalid_key')
      }
    },
  )

  test.each([undefined, 10n, () => 1, Symbol('s'), Number.NaN, { a: { b: Number.POSITIVE_INFINITY } }, new Map(), [undefined]])(
    'refuse the value %o',
    async (value) => {
      const { memory, refused, run } = one()
      expect((await refused(memory.set('a', value))).code).toBe('invalid_value')
      if (value !== undefined) expect((await refused(memory.update('a', () => value))).code).toBe('invalid_value')
      expect(await run(memory.get('a'))).toBe(null)
    },
  )

  test('refuse what is too large, and take what is just small enough', async () => {
    const { memory, refused, run } = one()
    expect((await refused(memory.set('a', 'x'.repeat(512 * 1024)))).code).toBe('too_large')
    expect(await run(memory.get('a'))).toBe(null)
    await run(memory.set('a', 'x'.repeat(510 * 1024)))
  })

  test("refuse to write a task's record, and read it", async () => {
    const { memory, refused, run, runtime } = one()
    await run(runtime.submit({ id: 'a', type: 'x' }))
    const key = 'task-sentinel/tasks/a/record'
    for (const call of [() => memory.set(key, {}), () => memory.delete(key), () => memory.update(key, () => ({}))]) {
      expect((await refused(call())).code).toBe('not_supported')
    }
    expect(await run(memory.get(key))).toMatchObject({ id: 'a', status: 'pending' })
  })
})

describe('conditions', () => {
  test('ifAbsent lets one of many through', async () => {
    const { memory, run, join } = one()
    const others = [memory, join().runtime.memory, join().runtime.memory]
    const outcomes = await run(
      Promise.allSettled(
        others.flatMap((each, n) => [each.set('a', n, { ifAbsent: true }), each.set('a', n, { ifAbsent: true })]),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('conflict')
  })

  test('ifAbsent finds nothing where the value was deleted or has expired', async () => {
    const { memory, run, clock, refused } = one()
    await run(memory.set('a', 1, { ttlSeconds: 10 }))
    expect((await refused(memory.set('a', 2, { ifAbsent: true }))).code).toBe('conflict')
    await clock.advance(10_000)
    await run(memory.set('a', 2, { ifAbsent: true }))
    await run(memory.delete('a'))
    await run(memory.set('a', 3, { ifAbsent: true }))
  })

  test('ifRevision holds for the revision that was read, of a tombstone never', async () => {
    const { memory, run, refused, join } = one()
    const { revision } = await run(memory.set('a', 1))
    await run(join().runtime.memory.set('a', 2))
    const error = await refused(memory.set('a', 3, { ifRevision: revision }))
    expect([error.code, error.key, error.retryable]).toEqual(['conflict', 'a', true])
    const item = await run(memory.entry('a'))
    await run(memory.delete('a', { ifRevision: item?.revision ?? 0 }))
    expect((await refused(memory.delete('a', { ifRevision: item?.revision ?? 0 }))).code).toBe('conflict')
    expect((await refused(memory.set('b', 1, { ifRevision: 1 }))).code).toBe('conflict')
  })

  test.each([
    [{ ttlSeconds: -1 }, 'ttlSeconds'],
    [{ ttlSeconds: Number.NaN }, 'ttlSeconds'],
    [{ ttlSeconds: '5' }, '"5"'],
    [{ ifRevision: 1.5 }, '1.5'],
    [{ ifRevision: -1 }, '-1'],
  ])('%o are refused', async (options, text) => {
    const { memory, refused } = one()
    const error = await refused(memory.set('a', 1, options as never))
    expect(error.code).toBe('invalid_option')
    expect(error.message).toContain(text)
  })
})

describe('update', () => {
  test('counts exactly, however many do it at once', async () => {
    const { memory, run, join } = one()
    const others = [memory, join().runtime.memory, join().runtime.memory, join({ workerId: 'w1000' }).runtime.memory]
    await run(
      Promise.all(
        others.flatMap((each) => Array.from({ length: 25 }, () => each.update('n', (value) => Number(value ?? 0) + 1))),
      ),
    )
    expect(await run(memory.get('n'))).toBe(100)
  })

  test('gives what is stored, and writes nothing for undefined', async () => {
    const { memory, run } = one()
    expect(await run(memory.update('a', (value) => ({ was: value })))).toEqual({ was: null })
    const before = await run(memory.entry('a'))
    expect(await run(memory.update('a', () => undefined))).toEqual({ was: null })
    expect(await run(memory.entry('a'))).toEqual(before)
    expect(await run(memory.update('never', () => undefined))).toBe(null)
    expect(await run(memory.update('a', () => null))).toBe(null)
    expect((await run(memory.entry('a')))?.value).toBe(null)
  })

  test('rejects with what the change throws', async () => {
    const { memory, run } = one()
    const error = new Error('not today')
    const outcome = run(
      memory.update('a', () => {
        throw error
      }),
    )
    await expect(outcome).rejects.toBe(error)
  })

  test('sees null where the value has expired, and brings it back', async () => {
    const { memory, run, clock } = one()
    await run(memory.set('a', 1, { ttlSeconds: 1 }))
    await clock.advance(1000)
    const seen: unknown[] = []
    const change = (value: unknown): number => {
      seen.push(value)
      return 2
    }
    await run(memory.update('a', change))
    expect(seen).toEqual([null])
    expect(await run(memory.get('a'))).toBe(2)
    await clock.advance(3600_000)
    expect(await run(memory.get('a'))).toBe(2)
  })
})

describe('ttl', () => {
  test('ends a value for every kind of read', async () => {
    const { memory, run, clock } = one()
    await run(memory.set('a', 1, { ttlSeconds: 2.5 }))
    await run(memory.set('b', 1, { ttlSeconds: 0 }))
    await clock.advance(2400)
    expect(await run(memory.get('a'))).toBe(1)
    await clock.advance(200)
    expect(await run(memory.get('a'))).toBe(null)
    expect(await run(memory.entry('a'))).toBe(null)
    expect(await run(listed(memory.list('*')))).toEqual([['b', 1]])
  })

  test('starts anew with each write', async () => {
    const { memory, run, clock } = one()
    for (let round = 0; round < 5; round++) {
      await run(memory.set('a', round, { ttlSeconds: 2 }))
      await clock.advance(1500)
      expect(await run(memory.get('a'))).toBe(round)
    }
  })
})

describe('list', () => {
  test('gives what is there, by pattern, in key order, over many pages', async () => {
    const { memory, run } = one()
    await run(Promise.all(Array.from({ length: 1200 }, (_, n) => memory.set(`n/${String(n).padStart(4, '0')}/v`, n))))
    await run(memory.delete('n/0003/v'))
    const all = await run(listed(memory.list('n/*/v')))
    expect(all).toHaveLength(1199)
    expect(all.map(([key]) => key)).toEqual(all.map(([key]) => key).toSorted())
    expect(await run(listed(memory.list('n/000*/v')))).toHaveLength(9)
    expect(await run(listed(memory.list('m/**')))).toEqual([])
  })

  test('refuses a malformed pattern', async () => {
    const { memory, refused } = one()
    expect((await refused(listed(memory.list('a//b')))).code).toBe('invalid_key')
  })
})

describe('watch', () => {
  test('gives what is there, caught-up, then each change', async () => {
    const { memory, run, join } = one()
    const other = join().runtime.memory
    await run(memory.set('a/1', 'old'))
    await run(memory.set('a/gone', 1))
    await run(memory.delete('a/gone'))
    const seen: string[] = []
    const abort = new AbortController()
    const watching = (async () => {
      for await (const event of memory.watch('a/*', { signal: abort.signal })) {
        seen.push(
          event.type === 'set' ? `set ${event.key} ${event.value}` : 'key' in event ? `${event.type} ${event.key}` : event.type,
        )
        if (event.type === 'delete') abort.abort()
      }
    })()
    await run(other.set('b/1', 'elsewhere'))
    await run(other.set('a/1', 'new'))
    await run(memory.set('a/2', 'more'))
    await run(other.delete('a/2'))
    await run(watching)
    expect(seen).toEqual(['set a/1 old', 'caught-up', 'set a/1 new', 'set a/2 more', 'delete a/2'])
  })

  test("resumes behind a revision, or starts with what comes after 'now'", async () => {
    const { memory, run } = one()
    const { revision } = await run(memory.set('a', 1))
    await run(memory.set('a', 2))
    await run(memory.set('b', 3))
    const first = async (after: number | 'now', count: number) => {
      const seen: MemoryEvent[] = []
      for await (const event of memory.watch('**', { after })) {
        seen.push(event)
        if (seen.length === count) return seen
      }
      return seen
    }
    expect(await run(first(revision, 3))).toMatchObject([
      { type: 'set', key: 'a', value: 2 },
      { type: 'set', key: 'b', value: 3 },
      { type: 'caught-up' },
    ])
    const following = first('now', 2)
    await run(memory.set('a', 4))
    expect(await run(following)).toMatchObject([{ type: 'caught-up' }, { type: 'set', value: 4 }])
  })

  test.each([true, false])('ends when the runtime shuts down (its own store: %s)', async (ownsStore) => {
    const { memory, run, runtime } = one({ ownsStore })
    await run(runtime.ready())
    const follow = async (after?: 'now') => {
      for await (const _ of memory.watch('**', after === undefined ? {} : { after }));
    }
    const watching = Promise.all([follow(), follow('now')])
    await run(runtime.shutdown())
    await run(watching)
    await expect(run(follow())).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('subscribe', () => {
  test('calls for every change after the call, own and of others, once each and in order', async () => {
    const { memory, run, join, clock } = one()
    const other = join().runtime.memory
    await run(memory.set('a/0', 'before'))
    const seen: string[] = []
    const end = memory.subscribe('a/*', (change) =>
      seen.push(change.type === 'set' ? `${change.key}=${change.value}` : `${change.key} gone`),
    )
    await run(memory.set('a/1', 1))
    await run(other.set('a/1', 2))
    await run(other.set('b', 1))
    await run(memory.delete('a/1'))
    await run(Promise.all(Array.from({ length: 50 }, (_, n) => other.set('a/2', n))))
    await clock.advance(0)
    end()
    end()
    await run(memory.set('a/1', 3))
    expect(seen.slice(0, 3)).toEqual(['a/1=1', 'a/1=2', 'a/1 gone'])
    expect(seen.at(-1)).toBe('a/2=49')
    const numbers = seen.slice(3).map((text) => Number(text.split('=')[1]))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  })

  test('reports a callback that throws or rejects, and hurts no other', async () => {
    const { memory, run, problems, clock } = one()
    const seen: unknown[] = []
    memory.subscribe('a', () => {
      throw new Error('sync')
    })
    memory.subscribe('a', async () => {
      throw new Error('async')
    })
    memory.subscribe('a', (change: MemoryChange) => seen.push(change.revision))
    await run(memory.set('a', 1))
    await run(memory.set('a', 2))
    await clock.advance(0)
    expect(seen).toHaveLength(2)
    expect(problems.map(({ message }) => message)).toEqual(
      [0, 1].flatMap(() => ['a subscriber of a threw: sync', 'a subscriber of a threw: async']),
    )
    expect(problems[0]).toBeInstanceOf(MemorySyncError)
    expect(problems[0]?.key).toBe('a')
  })

  test('survives callbacks that end it, end others, or subscribe', async () => {
    const { memory, run, problems, clock } = one()
    const seen: string[] = []
    const ends: (() => void)[] = []
    ends.push(
      memory.subscribe('a', () => {
        seen.push('ends itself')
        ends[0]?.()
      }),
      memory.subscribe('a', () => {
        seen.push('ends the next')
        ends[2]?.()
      }),
      memory.subscribe('a', () => seen.push('must not be called')),
      memory.subscribe('a', ({ revision }) => {
        if (seen.includes('adds')) return
        seen.push('adds')
        memory.subscribe('a', (change) => seen.push(change.revision > revision ? 'added' : 'too early'))
      }),
    )
    await run(memory.set('a', 1))
    await run(memory.set('a', 2))
    await clock.advance(0)
    expect(seen).toEqual(['ends itself', 'ends the next', 'adds', 'ends the next', 'added'])
    expect(problems).toEqual([])
  })

  test('refuses a malformed pattern at once', () => {
    const { memory } = one()
    expect(() => memory.subscribe('a//b', () => {})).toThrow(/a\/\/b/)
  })

  test('may write from within the callback', async () => {
    const { memory, run, clock } = one()
    memory.subscribe('in/*', ({ key }) => memory.set(key.replace('in/', 'out/'), 'copied'))
    await run(Promise.all([1, 2, 3].map((n) => memory.set(`in/${n}`, n))))
    await clock.advance(0)
    expect(await run(listed(memory.list('out/*')))).toHaveLength(3)
  })
})

test('garbage in records and odd entries of other programs stop nobody', async () => {
  const { memory, run, runtime, memory: own, join, clock, problems } = one()
  const good = { id: 'g', type: 'z', status: 'pending', input: null, priority: 0, enqueued: [1, 0, 'w'], epoch: 0, attempts: 0 }
  const garbage: unknown[] = [
    null,
    'text',
    5,
    [],
    {},
    { ...good },
    { ...good, maxAttempts: 3, notBefore: null },
    { ...good, maxAttempts: 3, notBefore: 'tomorrow' },
    { ...good, maxAttempts: 3, notBefore: {} },
    { ...good, maxAttempts: 3, dependsOn: null },
    { ...good, maxAttempts: 3, dependsOn: [5] },
    { ...good, maxAttempts: 3, backoff: 'fast' },
    {
      ...good,
      maxAttempts: 3,
      status: 'processing',
      incarnation: 'x',
      lease: { leaseMs: 1, bootId: null, renewedAtMs: 0 },
      takeovers: 7,
    },
    { ...good, maxAttempts: 3, status: 'processing' },
    { ...good, maxAttempts: 3, id: 'somebody-else' },
    { ...good, maxAttempts: 3, enqueued: [null, null, null] },
    { ...good, maxAttempts: 3, status: 'completed', endedMs: 'long ago' },
  ]
  const foreign = join().store
  runtime.spawnWorker({ capacity: 2, handlers: { y: () => 'still fine' } })
  await run(runtime.ready())
  const write = (key: string, value: unknown, n: number) => ({
    key,
    entry: { value: value as never, version: { foreign: n + 1 }, timestamp: 0, workerId: 'foreign' },
    condition: { type: 'none' as const },
  })
  for (const [n, value] of garbage.entries()) await foreign.commit([[write(`task-sentinel/tasks/bad${n}/record`, value, n)]])
  await clock.advance(60_000)
  const task = await run(runtime.submit({ type: 'y' }))
  expect(await run(task.result(), 10_000)).toBe('still fine')
  await run(memory.set('a', 1))
  // A worker that comes later scans them all, and finds what lies behind them.
  const late = join().runtime
  const waiting = await run(late.submit({ id: 'zz', type: 'z' }))
  late.spawnWorker({ handlers: { z: () => 'scanned' } })
  expect(await run(waiting.result(), 10_000)).toBe('scanned')
  await run(runtime.queue.view())
  await run(runtime.queue.sweep())
  expect(await run(own.get('a'))).toBe(1)
  expect(problems.filter(({ message }) => message.includes('crashed'))).toEqual([])
  expect(problems.length).toBeLessThan(garbage.length * 3)
})

test('a handler that hangs keeps no write from being committed', async () => {
  const { run, runtime, memory, until } = one()
  runtime.spawnWorker({ handlers: { x: hangs } })
  await until(await run(runtime.submit({ type: 'x' })), 'processing')
  await run(memory.set('a', 1), 100)
})

test('an entry that claims all writes there can be of this worker is left alone, and said so', async () => {
  const { join, memory, run, refused } = world()
  const { runtime } = join({ workerId: 'w' })
  const forged = { value: 'forged', version: { w: 2 ** 53 - 1 }, timestamp: 1, workerId: 'w' }
  await memory.commit([[{ key: 'k', entry: forged, condition: { type: 'none' } }]])
  const error = await refused(runtime.memory.set('k', 1))
  expect(error).toMatchObject({ code: 'corrupt', key: 'k' })
  await run(runtime.memory.set('other', 1))
  expect(await run(runtime.memory.get('k'))).toBe('forged')
})
