/** `TaskQueue` against managers that share one queue, as processes do: who gets what, and what a lost claim leads to. */
import { expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { dequeueAttemptsMax, type QueueHost, TaskQueue } from '../../src/helpers/task-queue.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'

type Document = { pending: string[]; processing: string[] }

/** A queue that takes differences and refuses claims of what others have, and the managers that share it. */
function sharedQueue() {
  const pending: string[] = []
  const ownerById = new Map<string, string>()
  let hasRecords = false
  let syncs = 0

  function manager(owner: string, hooks: { beforeSync?: () => void } = {}): QueueHost {
    const baseOf = new WeakMap<object, Document>()
    return {
      async getQueue() {
        await Promise.resolve()
        if (!hasRecords) return null
        const document = { pending: [...pending], processing: [...ownerById.keys()] }
        baseOf.set(document, structuredClone(document))
        return document
      },
      async syncQueue(document) {
        await Promise.resolve()
        hooks.beforeSync?.()
        syncs++
        hasRecords = true
        const base = baseOf.get(document) ?? { pending: [], processing: [] }
        const lost: string[] = []
        for (const id of document.processing.filter((id) => !base.processing.includes(id))) {
          const at = pending.indexOf(id)
          if (at === -1) lost.push(id)
          else ownerById.set(id, owner)
          if (at !== -1) pending.splice(at, 1)
        }
        for (const id of document.pending) if (!base.pending.includes(id) && !pending.includes(id)) pending.push(id)
        for (const id of base.processing) if (!document.processing.includes(id)) ownerById.delete(id)
        if (lost.length > 0) throw Object.assign(new MemorySyncError('claim_lost', `${lost} lost`), { lost })
      },
    }
  }
  return { manager, pending, ownerById, syncs: () => syncs }
}

function queueOf(shared = sharedQueue(), owner = 'one') {
  return new TaskQueue(shared.manager(owner), { random: createSeededRandom(1) })
}

test('first in, first out; what is completed is gone', async () => {
  const shared = sharedQueue()
  const queue = queueOf(shared)
  await expect(queue.dequeue()).resolves.toBeNull()
  for (const id of ['a', 'b', 'c']) await queue.enqueue(id)
  await expect(queue.dequeue()).resolves.toBe('a')
  await expect(queue.dequeue()).resolves.toBe('b')
  expect(shared.pending).toEqual(['c'])
  await queue.complete('a')
  expect([...shared.ownerById.keys()]).toEqual(['b'])
  await expect(queue.dequeue()).resolves.toBe('c')
  await expect(queue.dequeue()).resolves.toBeNull()
})

test('a task that waits or is being worked on is enqueued by nobody a second time', async () => {
  const shared = sharedQueue()
  const queue = queueOf(shared)
  await queue.enqueue('a')
  await queue.enqueue('a')
  await queue.dequeue()
  await queueOf(shared, 'two').enqueue('a')
  expect(shared.pending).toEqual([])
  expect(shared.ownerById.get('a')).toBe('one')
})

test('completing what nobody works on does nothing, in an empty queue too', async () => {
  const shared = sharedQueue()
  const queue = queueOf(shared)
  await queue.complete('a')
  await queue.enqueue('a')
  await queue.complete('a')
  expect(shared.pending).toEqual(['a'])
  expect(shared.syncs()).toBe(1)
})

test('many calls at once in one process, over several queues of one manager, give each task once and lose no claim', async () => {
  const shared = sharedQueue()
  const manager = shared.manager('one')
  const queues = [new TaskQueue(manager), new TaskQueue(manager), new TaskQueue(manager)]
  const ids = Array.from({ length: 30 }, (_, index) => `task-${index}`)
  for (const id of ids) await queues[0]?.enqueue(id)
  const syncsBefore = shared.syncs()
  const got = await Promise.all(Array.from({ length: 35 }, (_, index) => queues[index % 3]?.dequeue()))
  expect(got).toEqual([...ids, ...Array(5).fill(null)])
  expect(shared.syncs() - syncsBefore).toBe(30)
})

test('several managers at once never get the same task, and none is left while somebody asks', async () => {
  const shared = sharedQueue()
  const filler = queueOf(shared)
  const ids = Array.from({ length: 60 }, (_, index) => `task-${index}`)
  for (const id of ids) await filler.enqueue(id)
  const drain = async (owner: number): Promise<string[]> => {
    const queue = new TaskQueue(shared.manager(`worker-${owner}`), { random: createSeededRandom(owner) })
    const got: string[] = []
    for (let id = await queue.dequeue(); id !== null; id = await queue.dequeue()) {
      got.push(id)
      await queue.complete(id)
    }
    return got
  }
  const got = (await Promise.all([1, 2, 3, 4, 5, 6].map(drain))).flat()
  expect(got.toSorted()).toEqual(ids.toSorted())
  expect(shared.pending).toEqual([])
})

test('a lost claim is followed by another task', async () => {
  const shared = sharedQueue()
  const other = queueOf(shared, 'other')
  for (const id of ['a', 'b']) await other.enqueue(id)
  let isFirst = true
  const beforeSync = (): void => {
    if (isFirst) shared.ownerById.set(shared.pending.shift() ?? '', 'other')
    isFirst = false
  }
  const queue = new TaskQueue(shared.manager('one', { beforeSync }))
  await expect(queue.dequeue()).resolves.toBe('b')
  expect(shared.ownerById).toEqual(
    new Map([
      ['a', 'other'],
      ['b', 'one'],
    ]),
  )
})

test('null when others took all that waited', async () => {
  const shared = sharedQueue()
  await queueOf(shared).enqueue('a')
  const beforeSync = (): void => {
    for (const id of shared.pending.splice(0)) shared.ownerById.set(id, 'other')
  }
  await expect(new TaskQueue(shared.manager('one', { beforeSync })).dequeue()).resolves.toBeNull()
})

test('claims that are lost without end give up after their bound, retryable, and the next call goes on', async () => {
  let syncs = 0
  let isLosing = true
  const host: QueueHost = {
    getQueue: async () => ({ pending: Array.from({ length: 100 }, (_, index) => `task-${index}`), processing: [] }),
    syncQueue: async () => {
      syncs++
      if (isLosing) throw new MemorySyncError('claim_lost', 'somebody else got it')
    },
  }
  const queue = new TaskQueue(host, { random: createSeededRandom(2) })
  await expect(queue.dequeue()).rejects.toMatchObject({ code: 'claim_lost', retryable: true })
  expect(syncs).toBe(dequeueAttemptsMax)
  isLosing = false
  await expect(queue.dequeue()).resolves.toBe('task-0')
})

test('a lost id that still seems to wait is not tried again in the same call', async () => {
  let syncs = 0
  const host: QueueHost = {
    getQueue: async () => ({ pending: ['a'], processing: [] }),
    syncQueue: async () => {
      syncs++
      throw new MemorySyncError('claim_lost', 'a is taken')
    },
  }
  await expect(new TaskQueue(host).dequeue()).resolves.toBeNull()
  expect(syncs).toBe(1)
})

test('a claim that took effect is kept, whatever else of the document was lost', async () => {
  const host: QueueHost = {
    getQueue: async () => ({ pending: ['a'], processing: [] }),
    syncQueue: async () => {
      throw Object.assign(new MemorySyncError('claim_lost', 'x is taken'), { lost: ['x'] })
    },
  }
  await expect(new TaskQueue(host).dequeue()).resolves.toBe('a')
})

test('other failures pass as they are, thrown ones too, and do not stop those that wait behind', async () => {
  let calls = 0
  const host: QueueHost = {
    getQueue: () => {
      if (++calls === 1) throw new MemorySyncError('store_unavailable', 'the store is away')
      return Promise.resolve({ pending: ['a'], processing: [] })
    },
    syncQueue: async () => {},
  }
  const queue = new TaskQueue(host)
  const both = await Promise.allSettled([queue.dequeue(), queue.dequeue()])
  expect(both).toMatchObject([
    { status: 'rejected', reason: { code: 'store_unavailable' } },
    { status: 'fulfilled', value: 'a' },
  ])
})

test('a wrong id is refused before the queue is read', async () => {
  const queue = queueOf()
  await expect(queue.enqueue('a/b')).rejects.toMatchObject({ code: 'invalid_key' })
  await expect(queue.complete('')).rejects.toMatchObject({ code: 'invalid_key' })
})
