/** What the facade promises beside the blocks of the guide. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Entry } from '../../src/domain/entry.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Json } from '../../src/domain/json.ts'
import { ConflictResolvers } from '../../src/domain/resolvers.ts'
import type { MemorySyncOptions } from '../../src/facade/options.ts'
import { MemorySyncManager } from '../../src/memory-sync-manager.ts'
import { systemClock } from '../../src/platform.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const managers: MemorySyncManager[] = []
let stores = 0

function make(options: Partial<MemorySyncOptions> = {}): MemorySyncManager {
  const manager = new MemorySyncManager({ workerId: 'w', store: 'memory:', logger: silentLogger, ...options })
  managers.push(manager)
  return manager
}

function two(options: Partial<MemorySyncOptions> = {}): [MemorySyncManager, MemorySyncManager] {
  const store = `memory:facade-${++stores}`
  return [make({ store, workerId: 'one', ...options }), make({ store, workerId: 'two', ...options })]
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (thrown) {
    if (thrown instanceof MemorySyncError) return thrown.code
    throw thrown
  }
  return 'none'
}

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.shutdown()))
})

describe('options', () => {
  test.each([
    [{}, /option workerId cannot be undefined: it is required/],
    [{ workerId: '' }, /workerId "" is empty/],
    [{ workerId: 'a/b' }, /workerId "a\/b" contains one of/],
    [{ workerId: 'w', cacheSize: -1 }, /option cacheSize cannot be -1/],
    [{ workerId: 'w', batchInterval: Number.NaN }, /option batchInterval cannot be NaN/],
    [{ workerId: 'w', heartbeatInterval: 1 }, /option heartbeatInterval cannot be 1/],
    [{ workerId: 'w', conflictResolver: 'merge' }, /option conflictResolver cannot be "merge": it must be a function/],
    [{ workerId: 'w', batchIntervalMs: 5 }, /unknown option "batchIntervalMs"; known are .*batchInterval/],
    [{ workerId: 'w', store: 'redis://x' }, /redis/],
    [{ workerId: 'w', namespace: '*' }, /namespace "\*"/],
  ])('%j are refused with the value and what to do', (options, message) => {
    expect(() => new MemorySyncManager(options as unknown as MemorySyncOptions)).toThrow(message)
  })

  test('a store that does not open is told to every caller, and brings nobody down', async () => {
    const manager = make({ store: 'file:/proc/nothing/here' })
    expect(await codeOf(manager.write('k', 1))).toBe('store_unavailable')
    expect(await codeOf(manager.read('k'))).toBe('store_unavailable')
    expect(await codeOf(manager.acquireTaskLock('t'))).toBe('store_unavailable')
    expect(await codeOf(manager.getQueue())).toBe('store_unavailable')
  })
})

describe('documents', () => {
  test('are given back as they were written, in a copy of the reader', async () => {
    const [one, other] = two()
    const state = { status: 'running', list: [1, { deep: null }], text: 'ä' }
    await one.syncTaskState('t', state)
    const got = await other.getTaskState('t')
    expect(got).toEqual(state)
    got.list.push('mine')
    got.status = 'changed'
    expect(await other.getTaskState('t')).toEqual(state)
    expect(await other.getTaskState('unknown')).toBeNull()
  })

  test('lie where the guide says', async () => {
    const manager = make()
    await manager.syncTaskState('t', 1)
    await manager.syncTaskProgress('t', 50, 'half')
    await manager.syncAgentCoordination('t', 'a', { role: 'x' })
    await manager.syncWorkerStatus('w', { state: 'active' })
    await manager.syncWorkerCapacity('w', 3)
    await manager.syncAssignments({ t: 'w' })
    await manager.syncMetrics({ a: 1, b: 1 })
    await manager.syncMetrics({ b: 2 })
    await manager.write('plain', 1)
    expect(await manager.searchKeys('**')).toEqual([
      'plain',
      'task-sentinel/coordination/assignments',
      'task-sentinel/coordination/metrics',
      'task-sentinel/tasks/t/agents/a',
      'task-sentinel/tasks/t/progress',
      'task-sentinel/tasks/t/state',
      'task-sentinel/workers/w/capacity',
      'task-sentinel/workers/w/heartbeat',
      'task-sentinel/workers/w/status',
    ])
    expect(await manager.read('task-sentinel/coordination/metrics')).toEqual({ a: 1, b: 2 })
    expect(await manager.getTaskProgress('t')).toEqual({ progress: 50, status: 'half', timestamp: expect.any(Number) })
    expect(await manager.getWorkerCapacity('w')).toEqual({ available: 3, timestamp: expect.any(Number) })
    expect(await manager.getTaskAgents('t')).toEqual(['a'])
    expect(await manager.read('tasks/t/state', { namespace: 'task-sentinel' })).toBe(1)
    expect(await manager.read('task-sentinel/tasks/t/state', { namespace: 'task-sentinel' })).toBe(1)
  })

  test('refuse bad names and values, quoting them', async () => {
    const manager = make()
    for (const id of ['', 'a/b', '*', '__proto__', ' x']) expect(await codeOf(manager.syncTaskState(id, 1))).toBe('invalid_key')
    expect(await codeOf(manager.getTaskState('a/b'))).toBe('invalid_key')
    expect(await codeOf(manager.write('k', undefined))).toBe('invalid_value')
    expect(await codeOf(manager.write('k', () => 1))).toBe('invalid_value')
    expect(await codeOf(manager.write('k', 'x'.repeat(600_000)))).toBe('too_large')
    expect(() => manager.subscribe('')).toThrow(/empty/)
  })

  test('expire after their ttl, counted from their last write; 0 is never', async () => {
    const clock = createVirtualClock()
    const manager = make({ clock, defaultTTL: 10 })
    await clock.drive(
      Promise.all([manager.write('default', 1), manager.write('never', 1, { ttl: 0 }), manager.write('long', 1, { ttl: 60 })]),
    )
    await clock.advance(9000)
    await clock.drive(manager.write('default', 2))
    await clock.advance(9000)
    expect(await clock.drive(manager.read('default'))).toBe(2)
    await clock.advance(2000)
    expect(await clock.drive(manager.read('default'))).toBeNull()
    await clock.advance(100_000)
    expect(await clock.drive(Promise.all([manager.read('never'), manager.read('long')]))).toEqual([1, null])
    await clock.drive(manager.shutdown())
    expect(clock.pending).toBe(0)
  })

  test('are updated by a function of what is stored, however many do it at once', async () => {
    const [one, other] = two()
    const add = (manager: MemorySyncManager) => manager.update<number>('n', (n) => (n ?? 0) + 1)
    await Promise.all(Array.from({ length: 50 }, (_, index) => add(index % 2 === 0 ? one : other)))
    expect(await one.read('n')).toBe(50)
  })
})

describe('subscriptions', () => {
  test('give own and others’ changes once each, deletions to onInvalidate, and nothing after their end', async () => {
    const [one, other] = two()
    const heard: unknown[] = []
    const id = one.subscribe('k/*', {
      onChange: (key, value) => heard.push([key, value]),
      onInvalidate: (key) => heard.push(key),
    })
    await one.ready()
    await one.write('k/a', 1)
    await other.write('k/b', 2)
    await other.delete('k/a')
    await other.write('elsewhere', 3)
    await vi.waitFor(() => expect(heard).toEqual([['k/a', 1], ['k/b', 2], 'k/a']))
    one.unsubscribe(id)
    one.unsubscribe('unknown')
    await other.write('k/c', 4)
    await one.read('k/c')
    expect(heard.length).toBe(3)
  })

  test('begin with what is stored, if asked to', async () => {
    const [one, other] = two()
    await Promise.all([other.write('k/a', 1), other.write('k/b', 2)])
    await other.delete('k/b')
    const heard: unknown[] = []
    one.subscribe('k/*', { initial: true, onChange: (key, value) => heard.push([key, value]) })
    await other.write('k/c', 3)
    await vi.waitFor(() =>
      expect(heard).toEqual([
        ['k/a', 1],
        ['k/c', 3],
      ]),
    )
  })

  test('survive callbacks that throw, end themselves, and begin others', async () => {
    const manager = make()
    const problems: string[] = []
    manager.on('problem', ({ message }) => problems.push(message))
    const heard: string[] = []
    manager.subscribe('k', {
      onChange: () => {
        throw new Error('first')
      },
    })
    const self: string = manager.subscribe('k', {
      onChange: () => {
        manager.unsubscribe(self)
        heard.push('second')
        manager.subscribe('k', { onChange: () => heard.push('third') })
      },
    })
    manager.subscribe('k', { onChange: () => Promise.reject(new Error('fourth')) })
    await manager.write('k', 1)
    await manager.write('k', 2)
    expect(heard).toEqual(['second', 'third'])
    await vi.waitFor(() => expect(problems.length).toBe(4))
    expect(manager.getMetrics()).toMatchObject({ problems: 4, subscriptions: 3 })
  })
})

describe('locks', () => {
  test('are one holder’s, also against its own second call, and free after the release', async () => {
    const [one, other] = two()
    expect(await one.acquireTaskLock('t')).toBe(true)
    expect(await one.acquireTaskLock('t')).toBe(false)
    expect(await other.acquireTaskLock('t')).toBe(false)
    expect([one.getLockEpoch('t'), other.getLockEpoch('t')]).toEqual([1, null])
    await one.releaseTaskLock('t')
    expect(await other.acquireTaskLock('t')).toBe(true)
    expect(other.getLockEpoch('t')).toBe(2)
  })

  test('two managers of one worker id are two', async () => {
    const [one, other] = two({ workerId: 'same' })
    expect(await one.acquireTaskLock('t')).toBe(true)
    expect(await other.acquireTaskLock('t')).toBe(false)
    await other.releaseTaskLock('t')
    expect(await other.acquireTaskLock('t')).toBe(false)
  })

  test('a release of what is not held resolves, and is told', async () => {
    const manager = make()
    const lost: unknown[] = []
    manager.on('lock-lost', (news) => lost.push(news))
    await manager.releaseTaskLock('t')
    expect(lost).toEqual([{ taskId: 't', epoch: null }])
  })

  test('guard the holder’s writes: after a takeover they are refused until it releases', async () => {
    const clock = createVirtualClock()
    const [one, other] = two({ clock })
    const lost: unknown[] = []
    one.on('lock-lost', (news) => lost.push(news))
    expect(await clock.drive(one.acquireTaskLock('t', 1000))).toBe(true)
    await clock.drive(one.syncTaskState('t', 'one'))
    await clock.advance(2000)
    expect(await clock.drive(other.acquireTaskLock('t', 1000))).toBe(true)
    await clock.drive(other.syncTaskState('t', 'other'))
    expect(await clock.drive(codeOf(one.syncTaskState('t', 'late')))).toBe('lock_lost')
    expect(await clock.drive(codeOf(one.syncTaskProgress('t', 1, 'late')))).toBe('lock_lost')
    expect(await clock.drive(one.getTaskState('t'))).toBe('other')
    expect(lost.length).toBeGreaterThan(0)
    await clock.drive(one.releaseTaskLock('t'))
    await clock.drive(one.syncTaskState('t', 'unguarded'))
    await clock.drive(Promise.all([one.shutdown(), other.shutdown()]))
  })

  test('writes of the holder renew it, when a third of the lease is gone', async () => {
    const clock = createVirtualClock()
    const [one, other] = two({ clock })
    expect(await clock.drive(one.acquireTaskLock('t', 1000))).toBe(true)
    for (let step = 0; step < 10; step++) {
      await clock.advance(500)
      await clock.drive(one.syncTaskProgress('t', step, 'working'))
    }
    expect(await clock.drive(other.acquireTaskLock('t', 1000))).toBe(false)
    await clock.drive(Promise.all([one.shutdown(), other.shutdown()]))
  })
})

describe('counting and telling', () => {
  test('metrics count calls, commits and conflicts, also after the shutdown', async () => {
    const [one, other] = two({ conflictResolver: ConflictResolvers.mergeArrays })
    const events: unknown[] = []
    one.on('conflict-resolved', (news) => events.push(news))
    other.on('conflict-resolved', (news) => events.push(news))
    await Promise.all([one.write('k', ['a']), other.write('k', ['b'])])
    expect(await one.read('k')).toEqual(['a', 'b'])
    expect(events).toEqual([{ key: 'k', entries: 2, strategy: 'merge', discarded: 0 }])
    await Promise.all([one.write('x', 1), one.write('x', 2), one.write('x', 3)])
    const { writes, syncs, reads, pendingWrites, vectorClock } = one.getMetrics()
    expect({ writes, reads, pendingWrites }).toEqual({ writes: 4, reads: 1, pendingWrites: 0 })
    expect(syncs).toBeGreaterThan(0)
    expect(vectorClock.one).toBeGreaterThan(0)
    await one.shutdown()
    expect(one.getMetrics().writes).toBe(4)
  })

  test('events tell what was done, and a listener that throws hurts nobody', async () => {
    const manager = make()
    const told: string[] = []
    manager.on('write', () => {
      throw new Error('mine')
    })
    for (const name of [
      'write',
      'delete',
      'batch-flushed',
      'force-sync',
      'cache-cleared',
      'task-state-synced',
      'problem',
      'shutdown',
    ] as const) {
      manager.on(name, () => told.push(name))
    }
    await manager.syncTaskState('t', 1)
    await manager.delete('k')
    await manager.forceSync()
    manager.clearCache()
    await manager.shutdown()
    expect(told).toEqual([
      ...['batch-flushed', 'problem', 'write', 'task-state-synced', 'batch-flushed', 'delete', 'force-sync', 'cache-cleared'],
      'shutdown',
    ])
  })

  test('forceSync settles when all is committed, and names what is not', async () => {
    const clock = createVirtualClock()
    const store = faultyStore(memoryStore({ clock }), { clock })
    const manager = make({ clock, store })
    await clock.drive(manager.ready())
    let isThere = false
    void manager.write('a', 1).then(() => (isThere = true))
    await clock.drive(manager.forceSync())
    expect(isThere).toBe(true)
    const tooLarge = codeOf(manager.write('b', 'x'.repeat(600_000)))
    const flushed = manager.forceSync().catch((error: MemorySyncError) => error)
    expect(await clock.drive(flushed)).toMatchObject({ code: 'unflushed', message: expect.stringContaining('b') })
    expect(await tooLarge).toBe('too_large')
    await clock.drive(manager.shutdown())
  })

  test('forceSync and shutdown wait for nobody that lingers, and neither does a lock', async () => {
    const clock = createVirtualClock()
    const manager = make({ clock, lingerMs: 50_000, batchInterval: 50_000 })
    await clock.drive(manager.ready())
    const startedMs = clock.monotonicMs()
    const written = manager.write('k', 1)
    await clock.drive(manager.forceSync())
    await written
    expect(await clock.drive(manager.acquireTaskLock('t'))).toBe(true)
    await clock.drive(manager.releaseTaskLock('t'))
    void manager.write('k', 2)
    await clock.drive(manager.shutdown())
    expect(clock.monotonicMs() - startedMs).toBeLessThan(100)
  })

  test('resolveConflict decides as the manager would', () => {
    const entry = (value: unknown, timestamp: number, workerId: string) =>
      ({ value, version: { [workerId]: 1 }, timestamp, workerId }) as Entry
    const manager = make({ conflictResolver: ConflictResolvers.maxValue })
    expect(() => manager.resolveConflict([])).toThrow(MemorySyncError)
    expect(manager.resolveConflict([entry(1, 1, 'a')])).toMatchObject({ resolved: 1, strategy: 'last-write-wins', discarded: [] })
    expect(manager.getMetrics().conflicts).toBe(0)
    expect(manager.resolveConflict([entry(7, 1, 'a'), entry(3, 2, 'b')])).toMatchObject({ resolved: 7, strategy: 'custom' })
    expect(manager.getMetrics().conflicts).toBe(1)
  })
})

describe('two managers of one key', () => {
  const random = createSeededRandom(11)
  test.each([
    ['lastWriteWins', ConflictResolvers.lastWriteWins, (n: number): [Json, Json] => [`a${n}`, `b${n}`]],
    ['mergeArrays', ConflictResolvers.mergeArrays, (n: number): [Json, Json] => [[`a${n}`], [`b${n}`]]],
    ['mergeObjects', ConflictResolvers.mergeObjects, (n: number): [Json, Json] => [{ a: n }, { b: n }]],
    ['maxValue', ConflictResolvers.maxValue, (n: number): [Json, Json] => [n % 7, n % 5]],
  ])('end equal under %s, 1,000 rounds in random order, each conflict counted', async (name, conflictResolver, valuesOf) => {
    const [one, other] = two({ conflictResolver })
    await Promise.all([one.ready(), other.ready()])
    for (let round = 0; round < 1000; round++) {
      const key = `k/${round}`
      const [mine, yours] = valuesOf(round)
      const writes = [() => one.write(key, mine), () => other.write(key, yours)]
      if (random.next() < 0.5) writes.reverse()
      await Promise.all(writes.map((write) => write()))
      const [atOne, atOther] = [await one.read(key), await other.read(key)]
      expect(atOne).toEqual(atOther)
      if (name === 'lastWriteWins') expect([mine, yours]).toContainEqual(atOne)
      if (name === 'mergeArrays') expect(atOne).toEqual([`a${round}`, `b${round}`])
      if (name === 'mergeObjects') expect(atOne).toEqual({ a: round, b: round })
      if (name === 'maxValue') expect(atOne).toBe(Math.max(round % 7, round % 5))
    }
    expect(one.getMetrics().conflicts + other.getMetrics().conflicts).toBe(1000)
  })

  test('and a writer that knows only the plain shape of an entry lose nothing to each other', async () => {
    const name = `facade-${++stores}`
    const foreign = memoryStore({ name, clock: systemClock })
    const manager = make({ store: `memory:${name}`, conflictResolver: ConflictResolvers.mergeArrays })
    const heard: unknown[] = []
    manager.subscribe('k', { onChange: (_, value) => heard.push(value) })
    await manager.write('k', ['ours'])
    const seen = await foreign.get('k')
    const version = { ...seen?.entry.version, old: 1 }
    const entry: Entry = { value: ['ours', 'theirs'], version, timestamp: Date.now(), workerId: 'old' }
    await foreign.commit([[{ key: 'k', entry, condition: { type: 'none' } }]])
    expect(await manager.read('k')).toEqual(['ours', 'theirs'])
    await manager.write('k', ['ours again'])
    const after = await foreign.get('k')
    expect(after?.entry.value).toEqual(['ours again'])
    expect(after?.entry.version.old).toBe(1)
    // It writes without having seen that: unlike ours, its write is judged by nobody. What it wrote is what all read.
    await foreign.commit([[{ key: 'k', entry: { ...entry, value: ['late'], version: { old: 2 } }, condition: { type: 'none' } }]])
    expect(await manager.read('k')).toEqual(['late'])
    await manager.update('k', (value: string[] | null) => [...(value ?? []), 'more'])
    expect(heard).toEqual([['ours'], ['ours', 'theirs'], ['ours again'], ['late'], ['late', 'more']])
    await foreign.close()
  })
})

describe('liveness', () => {
  test('a worker is active from its opening to its shutdown, or until it is silent', async () => {
    const clock = createVirtualClock()
    const store = `memory:facade-${++stores}`
    const [one, other] = [make({ clock, store, workerId: 'one' }), make({ clock, store, workerId: 'other' })]
    await clock.drive(Promise.all([one.ready(), other.ready()]))
    await clock.advance(1)
    expect(await clock.drive(one.getActiveWorkers())).toEqual(['one', 'other'])
    await clock.drive(other.updateHeartbeat())
    await clock.drive(other.shutdown())
    expect(await clock.drive(one.getActiveWorkers())).toEqual(['one'])
    await clock.drive(one.shutdown())
    expect(clock.pending).toBe(0)
  })

  test('shutdown is idempotent, refuses what follows, and leaves the worker offline', async () => {
    const [one, other] = two()
    await one.syncWorkerStatus('one', { state: 'active', tasks: [], capacity: 1 })
    const late = one.write('late', 1)
    await Promise.all([one.shutdown(), one.shutdown()])
    await late
    expect(await other.read('late')).toBe(1)
    expect(await other.getWorkerStatus('one')).toEqual({ state: 'offline', tasks: [], capacity: 0 })
    for (const call of [() => one.write('k', 1), () => one.read('k'), () => one.acquireTaskLock('t'), () => one.getQueue()]) {
      expect(await codeOf(call())).toBe('closed')
    }
    expect(() => one.subscribe('k')).toThrow(/shut down/)
  })

  test('shutdown ends although the opening of the store hangs', async () => {
    const clock = createVirtualClock()
    const store = faultyStore(memoryStore({ clock }), { clock })
    store.next('open', 'hang')
    const manager = make({ clock, store })
    const written = codeOf(manager.write('k', 1))
    await clock.drive(manager.shutdown(), { limitMs: 60_000 })
    expect(await written).toBe('closed')
    expect(clock.pending).toBe(0)
  })

  test('a store that was handed in stays open', async () => {
    const store = memoryStore({ clock: systemClock })
    const manager = make({ store })
    await manager.write('k', 1)
    await manager.shutdown()
    expect((await store.get('k'))?.entry.value).toBe(1)
    await store.close()
  })
})
