/** The store at our own server: how commits travel, how watches share their waiting, what errors become, and runtimes on it. */
import { afterEach, describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../../src/domain/errors.ts'
import { parsePattern } from '../../../src/domain/pattern.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import type { Store, Unit } from '../../../src/ports/store.ts'
import { createRuntime } from '../../../src/runtime/create-runtime.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { ChangePolls, type PollWaiter, pollsMax, type Waking } from '../../../src/stores/mcp/change-polls.ts'
import type { ChangesPage, Place, RemoteFeed } from '../../../src/stores/mcp/remote-feed.ts'
import { assertFailed, commit, committed, FeedReader, put, rejectsWith } from '../../../src/testing/store-contract/subject.ts'
import { type DoubleTool, gate, ours, refused, said } from './double.ts'
import { Ends, memoryServer, privateStore, servedByHttp, storeAt, storeInMemory } from './served.ts'

const ends = new Ends()
afterEach(() => ends.run())

/** A store at a server that notes its commits. */
async function counted(): Promise<{ store: Store; commits: string[] }> {
  const commits: string[] = []
  const server = await memoryServer(ends, privateStore(), { audit: ({ tool, outcome }) => commits.push(`${tool} ${outcome}`) })
  return { store: await storeInMemory(ends, server), commits }
}

const one = (key: string, value: string | number): Unit => [put(key, value)]

describe('commits', () => {
  test('of more units than one call takes are split, and every unit has its receipt in its place', async () => {
    const { store, commits } = await counted()
    const units = Array.from({ length: 2500 }, (_, index) => one(`k${index}`, index))
    const receipts = await store.commit(units)
    expect(receipts.map((receipt) => receipt.type === 'committed' && receipt.revision)).toEqual(
      units.map((_, index) => index + 1),
    )
    expect(commits).toEqual(Array(3).fill('memory_commit ok'))
  })

  test('of more bytes than one call takes are split, a large unit goes alone and whole', async () => {
    const { store, commits } = await counted()
    const big = 'x'.repeat(500_000)
    const large = Array.from({ length: 10 }, (_, index) => put(`large${index}`, big))
    const receipts = await store.commit([
      ...Array.from({ length: 20 }, (_, index) => one(`k${index}`, big)),
      large,
      one('last', 1),
    ])
    expect(receipts.every(({ type }) => type === 'committed')).toBe(true)
    // 8 entries of 500 KB in 4 MiB: 8 + 8 + 4, then the large unit, then the rest.
    expect(commits).toHaveLength(5)
    expect(await store.head()).toBe(31)
  })

  test('made at once travel together', async () => {
    const { store, commits } = await counted()
    const receipts = await Promise.all(Array.from({ length: 500 }, (_, index) => store.commit([one(`k${index}`, index)])))
    // Calls that have nothing to do with each other may overtake each other.
    const revisions = receipts.flat().map((receipt) => (receipt.type === 'committed' ? receipt.revision : 0))
    expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
    expect(commits.length).toBeLessThan(10)
  })

  test('with what cannot travel refuse it by itself, and send the rest', async () => {
    const { store } = await counted()
    const receipts = await store.commit([
      one('a', 1),
      [put('b', 'x'.repeat(600 * 1024))],
      [put('c', { version: {}, workerId: 'w', timestamp: 1, value: 10n } as never)],
      [{ key: 'd', entry: { value: 1 } as never, condition: { type: 'none' } }],
      null as never,
      one('e', 1),
    ])
    expect(receipts.map(({ type }) => type)).toEqual(['committed', 'failed', 'failed', 'failed', 'failed', 'committed'])
    assertFailed(receipts[1], 'too_large')
    for (const index of [2, 3, 4]) assertFailed(receipts[index], 'invalid_value')
  })

  test('that wait are taken back when their caller gives up; one that is under way has an unknown outcome', async () => {
    const { opened, open } = gate()
    const { store, double } = await atDouble({
      memory_commit: async ({ units }) => {
        await opened
        const receipts = (units as unknown[]).map((_, index) => ({ type: 'committed', revision: index + 1, durability: 'none' }))
        return structured({ receipts })
      },
    })
    const abort = new AbortController()
    const sent = store.commit([one('a', 1)], { signal: abort.signal })
    await expect.poll(() => double.calls.includes('memory_commit')).toBe(true)
    // Of the same key: it waits for the first.
    const waiting = store.commit([one('a', 2)], { signal: abort.signal })
    const failures = Promise.all([rejectsWith('unknown_outcome', () => sent), rejectsWith('aborted', () => waiting)])
    await Promise.resolve()
    abort.abort()
    await failures
    open()
    await committed(store, put('c', 1))
    expect(double.calls.filter((name) => name === 'memory_commit')).toHaveLength(2)
  })

  test('wait for the head of a watch from now that was asked for before: it must not miss them', async () => {
    const { opened, open } = gate()
    let isOpen = true
    const { store, double } = await atDouble({
      memory_list: async () => {
        if (!isOpen) await opened
        return structured({ entries: [], next: null, revision: 0 })
      },
      memory_commit: () => structured({ receipts: [{ type: 'committed', revision: 1, durability: 'none' }] }),
    })
    isOpen = false
    const watch = new FeedReader(store.watch('*', { after: 'now' }))
    const committing = committed(store, put('a', 1))
    await store.get('b').catch(() => {})
    expect(double.calls.slice(-2)).toEqual(['memory_list', 'memory_get'])
    open()
    await committing
    expect(double.calls.at(-1)).toBe('memory_commit')
    await watch.end()
  })

  test('of which a call is lost tell of the units that are known, and send nothing that comes behind', async () => {
    let calls = 0
    const { store } = await atDouble({
      memory_commit: ({ units }) => {
        if (++calls > 1) throw new Error('the server is confused')
        const receipts = (units as unknown[]).map((_, index) => ({ type: 'committed', revision: index + 1, durability: 'none' }))
        return structured({ receipts })
      },
    })
    const receipts = await store.commit(Array.from({ length: 3000 }, (_, index) => one(`k${index}`, 1)))
    expect(calls).toBe(2)
    expect(receipts.slice(0, 1000).every(({ type }) => type === 'committed')).toBe(true)
    for (const receipt of receipts.slice(1000)) assertFailed(receipt, 'unknown_outcome')
    await rejectsWith('unknown_outcome', () => commit(store, put('a', 1)))
  })
})

describe('what the server tells', () => {
  test.each([
    ['conflict', 'conflict', 'conflict'],
    ['too_large', 'too_large', 'too_large'],
    ['closed', 'store_unavailable', 'store_unavailable'],
    ['aborted', 'unknown_outcome', 'store_unavailable'],
    ['internal', 'unknown_outcome', 'store_unavailable'],
    ['a_code_of_the_future', 'unknown_outcome', 'store_unavailable'],
  ] as const)('%s is %s to a commit and %s to a read', async (told, forCommit, forRead) => {
    const { store } = await atDouble({ memory_commit: () => refused(told), memory_get: () => refused(told) }, 1)
    await rejectsWith(forCommit, () => commit(store, put('a', 1)))
    await rejectsWith(forRead, () => store.get('a'))
  })

  test('in a shape that is not known is refused, and never taken for nothing', async () => {
    const { store } = await atDouble({
      memory_commit: () => structured({ receipts: 'all fine' }),
      memory_get: () => said('found it'),
    })
    await rejectsWith('unknown_outcome', () => commit(store, put('a', 1)))
    await rejectsWith('corrupt', () => store.get('a'))
  })

  test('of fewer receipts than units leaves the rest unknown', async () => {
    const { store } = await atDouble({ memory_commit: () => structured({ receipts: [] }) })
    assertFailed(await commit(store, put('a', 1)), 'unknown_outcome')
  })
})

describe('watches', () => {
  test('of many patterns all hear, and wait together', async () => {
    const server = await memoryServer(ends)
    const [store, writer] = [await storeInMemory(ends, server), await storeInMemory(ends, server)]
    const readers = Array.from({ length: 60 }, (_, index) => new FeedReader(store.watch(`k${index}/*`)))
    await Promise.all(readers.map((reader) => reader.snapshot()))
    const waiting = readers.map((reader, index) => reader.until(`k${index}/a`))
    await writer.commit(Array.from({ length: 60 }, (_, index) => one(`k${index}/a`, index)))
    await Promise.all(waiting)
    for (const reader of readers) {
      expect(reader.stored.size).toBe(1)
      await reader.end()
    }
  })

  test('poll once for each of so many patterns, and once for all the others', async () => {
    const feed = new StillFeed()
    const polls = new ChangePolls(feed)
    const waiters = Array.from({ length: 100 }, (_, index) => waiterAt(`k${index % 50}/*`, 5))
    for (const waiter of waiters) polls.join(waiter)
    expect(feed.polls.map(({ pattern }) => pattern)).toEqual([
      ...Array.from({ length: pollsMax }, (_, index) => `k${index}/*`),
      '**',
    ])
    for (const waiter of waiters) polls.leave(waiter)
    // Nobody cancels them: who comes next finds them.
    polls.join(waiterAt('k0/*', 5))
    polls.join(waiterAt('k99/*', 5))
    expect(feed.polls).toHaveLength(pollsMax + 1)
  })

  test('that share a poll get each what is behind its own place, by its own pattern', async () => {
    const feed = new StillFeed()
    const polls = new ChangePolls(feed)
    const [near, far, other] = [waiterAt('k/*', 7), waiterAt('k/*', 5), waiterAt('k/*', 5)]
    polls.join(far)
    polls.join(near)
    polls.join(other)
    polls.leave(other)
    feed.answer(0, ['k/a', 6], ['k/b', 7])
    await expect.poll(() => far.told).toEqual([['k/a', 'k/b']])
    expect([near.told, other.told]).toEqual([[], []])
    // The one that stayed waits on, from where the poll ended.
    expect(feed.polls[1]?.after.revision).toBe(7)
    feed.answer(1, ['k/c', 8])
    await expect.poll(() => near.told).toEqual([['k/c']])
  })

  test('that come behind a poll under way look by themselves', () => {
    const feed = new StillFeed()
    const polls = new ChangePolls(feed)
    polls.join(waiterAt('k/*', 5))
    const late = waiterAt('k/*', 4)
    polls.join(late)
    expect(late.told).toEqual(['look'])
  })

  test('hear of a poll that fails, each of them', async () => {
    const feed = new StillFeed()
    const polls = new ChangePolls(feed)
    const waiters = [waiterAt('k/*', 5), waiterAt('k/*', 5)]
    for (const waiter of waiters) polls.join(waiter)
    feed.fail(0)
    for (const waiter of waiters) await expect.poll(() => waiter.told).toEqual(['failed'])
  })
})

describe('runtimes on stores at one server', () => {
  async function runtimes(): Promise<[Runtime, Runtime]> {
    const url = await servedByHttp(ends, await memoryServer(ends))
    return ['one', 'two'].map((workerId) => {
      const store = storeAt(ends, { url })
      const runtime = createRuntime({ store, workerId, logger: silentLogger })
      ends.add(() => runtime.shutdown({ drainMs: 0 }))
      return runtime
    }) as [Runtime, Runtime]
  }

  test('a task submitted in one runs in the other, and its result comes back', async () => {
    const [one, two] = await runtimes()
    const places: string[] = []
    two.spawnWorker({
      handlers: {
        double: async ({ input }) => {
          places.push('two')
          return (input as number) * 2
        },
      },
    })
    const task = await one.submit({ type: 'double', input: 21 })
    expect(await task.result()).toBe(42)
    expect(places).toEqual(['two'])
    expect((await one.explain(task.id)).state).toBe('completed')
  })

  test('a lock held in one excludes the other, until it is released', async () => {
    const [one, two] = await runtimes()
    const held = await one.lock('door')
    expect(held).not.toBe(null)
    expect(await two.lock('door')).toBe(null)
    const waiting = two.lock('door', { waitMs: 20_000 })
    await held?.release()
    const next = await waiting
    expect(next?.epoch).toBe((held?.epoch ?? 0) + 1)
    await next?.release()
  })

  test('what one writes the other sees, also what it had read before', async () => {
    const [one, two] = await runtimes()
    await one.memory.set('notes/a', 1)
    expect(await two.memory.get('notes/a')).toBe(1)
    const heard = new Promise((resolve) => two.memory.subscribe('notes/*', resolve))
    await one.memory.set('notes/a', 2)
    expect(await heard).toMatchObject({ key: 'notes/a', value: 2 })
    expect(await two.memory.get('notes/a')).toBe(2)
  })
})

/** A store at a server of our dialect with these tools; empty and of revision 0 otherwise. */
async function atDouble(tools: Record<string, DoubleTool>, callTimeoutMs = 5000) {
  const double = ours({
    memory_list: () => structured({ entries: [], next: null, revision: 0 }),
    memory_changes: () => structured({ changes: [], revision: 0, durability: 'none' }),
    ...tools,
  })
  const client = await double.client()
  ends.add(() => client.close())
  const store = storeAt(ends, { client, callTimeoutMs })
  await store.open()
  return { store, double }
}

function structured(content: Record<string, unknown>) {
  return { ...said(''), structuredContent: content }
}

interface Told extends PollWaiter {
  readonly told: unknown[]
}

function waiterAt(pattern: string, revision: number): Told {
  const told: unknown[] = []
  return {
    told,
    pattern: parsePattern(pattern),
    place: { revision, session: 1 },
    wake: (waking: Waking) => told.push(waking.type === 'look' ? 'look' : waking.changes.map(({ key }) => key)),
    fail: () => told.push('failed'),
  }
}

/** Answers polls when it is told to. */
class StillFeed implements RemoteFeed {
  readonly polls: {
    pattern: string
    after: Place
    resolve(page: ChangesPage): void
    reject(error: unknown): void
  }[] = []

  changes(pattern: string, after: Place): Promise<ChangesPage> {
    return new Promise((resolve, reject) => this.polls.push({ pattern, after, resolve, reject }))
  }

  answer(poll: number, ...changes: [key: string, revision: number][]): void {
    const stored = changes.map(([key, revision]) => ({ key, revision, entry: put(key, 1).entry as never }))
    this.polls[poll]?.resolve({ changes: stored, place: { revision: changes.at(-1)?.[1] ?? 0, session: 1 } })
  }

  fail(poll: number): void {
    this.polls[poll]?.reject(new MemorySyncError('store_unavailable', 'gone'))
  }

  head(): Promise<never> {
    throw new Error('not asked for')
  }

  page(): Promise<never> {
    throw new Error('not asked for')
  }

  isOtherLife(): boolean {
    return false
  }
}
