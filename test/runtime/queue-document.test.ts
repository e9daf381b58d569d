/** The guide's queue document over task records: what a change of it does, who wins, and what the others are told. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { compareInQueue, type TaskRecord } from '../../src/domain/task-record.ts'
import type { QueueDocument, QueueDocuments } from '../../src/runtime/queue-document.ts'
import { claimsOfUntypedMax, removedReason } from '../../src/runtime/queue-moves.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { gate, hangs, type Member, type MemberOptions, type World, world } from './harness.ts'

/** Of a claim by default: three heartbeats. */
const leaseMs = 15_000

/** As the integration guide has it, word for word. */
class QueueManager {
  private memorySync: QueueDocuments

  constructor(memorySync: QueueDocuments) {
    this.memorySync = memorySync
  }

  async enqueue(taskId: string) {
    const queue = (await this.memorySync.getQueue()) || {
      pending: [],
      processing: [],
    }

    queue.pending.push(taskId)

    await this.memorySync.syncQueue(queue)
  }

  async dequeue(): Promise<string | null> {
    const queue = await this.memorySync.getQueue()
    if (!queue || queue.pending.length === 0) {
      return null
    }

    const taskId = queue.pending.shift() as string
    queue.processing.push(taskId)

    await this.memorySync.syncQueue(queue)

    return taskId
  }

  async complete(taskId: string) {
    const queue = await this.memorySync.getQueue()
    if (!queue) return

    queue.processing = queue.processing.filter((id) => id !== taskId)

    await this.memorySync.syncQueue(queue)
  }
}

interface Actor {
  readonly member: Member
  readonly documents: QueueDocuments
  readonly guide: QueueManager
}

function actor(it: World, options?: MemberOptions): Actor {
  const member = it.join(options)
  const documents = member.runtime.inside.queueDocuments
  return { member, documents, guide: new QueueManager(documents) }
}

async function recordOf(it: World, id: string): Promise<TaskRecord> {
  const stored = await it.memory.get(`task-sentinel/tasks/${id}/record`)
  return stored?.entry.value as TaskRecord
}

async function documentOf(it: World, id: string, name: 'state' | 'result'): Promise<unknown> {
  return (await it.memory.get(`task-sentinel/tasks/${id}/${name}`))?.entry.value
}

/** A document with these changes made to what `getQueue` gives. */
async function changed({ documents }: Actor, change: (queue: QueueDocument) => void): Promise<QueueDocument> {
  const queue = (await documents.getQueue()) ?? { pending: [], processing: [] }
  change(queue)
  return queue
}

const queueOf = async ({ documents }: Actor): Promise<QueueDocument | null> => documents.getQueue()

describe('the queue of the guide', () => {
  test('enqueues, dequeues and completes', async () => {
    const it = world()
    const { run } = it
    const [one, two] = [actor(it), actor(it)]
    expect(await run(queueOf(one))).toBeNull()
    expect(await run(one.guide.dequeue())).toBeNull()
    await run(one.guide.complete('nothing'))
    await run(one.guide.enqueue('a'))
    await run(two.guide.enqueue('b'))
    await run(one.guide.enqueue('c'))
    expect(await run(queueOf(two))).toEqual({ pending: ['a', 'b', 'c'], processing: [] })
    expect(await run(two.guide.dequeue())).toBe('a')
    expect(await run(one.guide.dequeue())).toBe('b')
    expect(await run(queueOf(one))).toEqual({ pending: ['c'], processing: ['a', 'b'] })
    expect(await run(recordOf(it, 'a'))).toMatchObject({
      type: null,
      status: 'processing',
      owner: two.member.runtime.workerId,
      incarnation: two.member.runtime.incarnation,
      epoch: 1,
      attempts: 1,
      lease: { leaseMs },
    })
    await run(two.guide.complete('a'))
    // Any process may complete.
    await run(two.guide.complete('b'))
    expect(await run(queueOf(one))).toEqual({ pending: ['c'], processing: [] })
    expect(await run(one.guide.dequeue())).toBe('c')
    await run(one.guide.complete('c'))
    expect(await run(one.guide.dequeue())).toBeNull()
    expect(await run(queueOf(one))).toEqual({ pending: [], processing: [] })
    expect((await recordOf(it, 'b')).status).toBe('completed')
  })

  test('refuses an id that the document holds already, and enqueues once what two enqueue at a time', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(Promise.all([one.guide.enqueue('a'), two.guide.enqueue('a'), one.guide.enqueue('a'), one.guide.enqueue('b')]))
    expect((await it.run(queueOf(two)))?.pending.toSorted()).toEqual(['a', 'b'])
    const error = await it.refused(one.guide.enqueue('a'))
    expect(error).toMatchObject({ code: 'invalid_value', message: expect.stringContaining('"a"') })
    expect((await recordOf(it, 'a')).epoch).toBe(0)
  })

  test('gives each of 100 tasks to one of four processes, whatever the order of their calls', async () => {
    for (const seed of [1, 2, 3]) {
      const it = world({ seed })
      const random = createSeededRandom(seed)
      const actors = Array.from({ length: 4 }, () => actor(it))
      for (const { member } of actors) {
        member.store.commitFate = () => {
          member.store.commitMs = Math.floor(random.next() * 30)
          return 'pass'
        }
      }
      const ids = Array.from({ length: 100 }, (_, index) => `t${index}`)
      await it.run(Promise.all(ids.map((id, index) => (actors[index % 4] as Actor).guide.enqueue(id))))
      const taken: string[] = []
      let losses = 0
      const work = async ({ guide, documents }: Actor): Promise<void> => {
        for (;;) {
          const id = await guide.dequeue().catch((error: MemorySyncError) => {
            expect(error).toMatchObject({ code: 'claim_lost', retryable: true })
            expect(error.lost).toHaveLength(1)
            losses++
            return undefined
          })
          if (id === null) return
          if (id === undefined) continue
          taken.push(id)
          expect(documents.claimedIds).toContain(id)
          if (random.next() < 0.7) await guide.complete(id)
        }
      }
      // Two at a time in each process: they are in each other's way as any others are.
      await it.run(Promise.all([...actors, ...actors].map(work)))
      expect(taken).toHaveLength(100)
      expect(new Set(taken)).toEqual(new Set(ids))
      expect(losses).toBeGreaterThan(0)
      for (const id of ids) expect(await recordOf(it, id)).toMatchObject({ epoch: 1, attempts: 1 })
    }
  })
})

describe('a document', () => {
  test('is a private copy: what its reader does to it changes nothing before it is given back', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    const queue = await it.run(changed(one, ({ pending }) => pending.push('b', 'c')))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a'], processing: [] })
    // What is changed after the call is the next call's.
    const synced = one.documents.syncQueue(queue)
    queue.pending.push('d')
    await it.run(synced)
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a', 'b', 'c'], processing: [] })
    await it.run(one.documents.syncQueue(queue))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a', 'b', 'c', 'd'], processing: [] })
  })

  test('can be given back again and again: each time counts what has changed since', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    const queue: QueueDocument = { pending: ['a', 'b'], processing: [] }
    await it.run(one.documents.syncQueue(queue))
    queue.processing.push(queue.pending.shift() as string)
    await it.run(one.documents.syncQueue(queue))
    await it.run(one.documents.syncQueue(queue))
    expect(await it.run(queueOf(two))).toEqual({ pending: ['b'], processing: ['a'] })
    await it.run(two.guide.enqueue('c'))
    queue.processing = []
    await it.run(one.documents.syncQueue(queue))
    // A stale document takes nothing back of what others did.
    expect(await it.run(queueOf(two))).toEqual({ pending: ['b', 'c'], processing: [] })
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'completed', epoch: 1 })
  })

  test('means nothing by its order', async () => {
    const it = world()
    const one = actor(it)
    for (const id of ['a', 'b', 'c']) await it.run(one.guide.enqueue(id))
    await it.run(one.guide.dequeue())
    const before = await it.memory.head()
    const queue = await it.run(changed(one, ({ pending }) => pending.reverse()))
    await it.run(one.documents.syncQueue(queue))
    expect(await it.memory.head()).toBe(before)
    expect(await it.run(queueOf(one))).toEqual({ pending: ['b', 'c'], processing: ['a'] })
  })

  test('that getQueue did not give can only add and claim', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    for (const id of ['a', 'b', 'c']) await it.run(one.guide.enqueue(id))
    await it.run(one.guide.dequeue())
    await it.run(two.documents.syncQueue({ pending: ['d'], processing: ['b', 'e'] }))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['c', 'd'], processing: ['a', 'b', 'e'] })
    expect(await recordOf(it, 'e')).toMatchObject({ epoch: 1, incarnation: two.member.runtime.incarnation })
    // What somebody else works on cannot be claimed, and what one has cannot be claimed twice.
    for (const [by, id] of [
      [two, 'a'],
      [two, 'b'],
    ] as const) {
      const error = await it.refused(by.documents.syncQueue({ pending: [], processing: [id] }))
      expect(error).toMatchObject({ code: 'claim_lost', lost: [id] })
    }
  })

  test.each<[unknown, string, string]>([
    [{ pending: ['a', 'b', 'a'], processing: [] }, 'invalid_value', '"a" at pending[0] and at pending[2]'],
    [{ pending: ['new'], processing: ['new'] }, 'invalid_value', '"new" at pending[0] and at processing[0]'],
    [{ pending: ['new', 'a/b'], processing: [] }, 'invalid_key', 'queue.pending[1] "a/b"'],
    [{ pending: ['new'], processing: [7] }, 'invalid_key', 'queue.processing[0] 7'],
    [{ pending: ['new', undefined], processing: [] }, 'invalid_key', 'queue.pending[1]'],
    [{ pending: ['new'] }, 'invalid_value', '{"pending":["new"]}'],
    [null, 'invalid_value', 'null'],
    [['new'], 'invalid_value', '["new"]'],
    ['new', 'invalid_value', '"new"'],
  ])('like %j is refused before anything is written', async (document, code, quoted) => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    const head = await it.memory.head()
    const error = await it.refused(one.documents.syncQueue(document as QueueDocument))
    expect(error).toMatchObject({ code, message: expect.stringContaining(quoted) })
    expect(await it.memory.head()).toBe(head)
  })

  test('keeps the order in which it names new tasks, also of very many', async () => {
    const it = world()
    const one = actor(it)
    const ids = Array.from({ length: 600 }, (_, index) => `t${(index * 7919) % 600}`)
    await it.run(one.documents.syncQueue({ pending: [...ids], processing: [] }))
    expect((await it.run(queueOf(one)))?.pending).toEqual(ids)
  })

  test('shows own changes that are still on their way', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.member.runtime.ready())
    one.member.store.commitMs = 50
    const enqueued = one.guide.enqueue('a')
    await it.clock.advance(10)
    const queue = one.documents.getQueue()
    expect(await it.run(queue)).toEqual({ pending: ['a'], processing: [] })
    await it.run(enqueued)
  })
})

describe('who is too late', () => {
  test('is told which claims are lost, after all else has taken effect', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    for (const id of ['a', 'b', 'c']) await it.run(one.guide.enqueue(id))
    await it.run(one.guide.dequeue())
    const late = await it.run(
      changed(two, (queue) => {
        queue.processing = queue.pending.splice(0, 2)
        queue.pending.push('d')
      }),
    )
    expect(await it.run(one.guide.dequeue())).toBe('b')
    const error = await it.refused(two.documents.syncQueue(late))
    expect(error).toMatchObject({ code: 'claim_lost', retryable: true, lost: ['b'], message: expect.stringContaining('"b"') })
    expect(two.documents.claimedIds).toEqual(['c'])
    // 'a' was one's: it is gone from the document, and anybody may complete.
    expect(await it.run(queueOf(one))).toEqual({ pending: ['d'], processing: ['b', 'c'] })
    expect((await recordOf(it, 'a')).status).toBe('completed')
  })

  test('loses again with the same document, also when the task has ended meanwhile', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    const claim = (queue: QueueDocument) => queue.processing.push(queue.pending.shift() as string)
    const late = await it.run(changed(two, claim))
    expect(await it.run(one.guide.dequeue())).toBe('a')
    expect(await it.refused(two.documents.syncQueue(late))).toMatchObject({ lost: ['a'] })
    await it.run(one.guide.complete('a'))
    expect(await it.refused(two.documents.syncQueue(late))).toMatchObject({ lost: ['a'] })
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'completed', epoch: 1 })
    // Given up, it is nobody's business any more.
    late.processing = []
    await it.run(two.documents.syncQueue(late))
    expect((await recordOf(it, 'a')).status).toBe('completed')
  })

  test('gives up a lost claim without harm to who has it, and gets it when it is free again', async () => {
    const it = world()
    const [one, two, three] = [actor(it), actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    const claim = (queue: QueueDocument) => queue.processing.push(queue.pending.shift() as string)
    const [first, second, third] = [
      await it.run(changed(one, claim)),
      await it.run(changed(two, claim)),
      await it.run(changed(three, claim)),
    ]
    await it.run(one.documents.syncQueue(first))
    for (const [{ documents }, queue] of [
      [two, second],
      [three, third],
    ] as const) {
      expect(await it.refused(documents.syncQueue(queue))).toMatchObject({ lost: ['a'] })
    }
    first.pending = first.processing.splice(0)
    await it.run(one.documents.syncQueue(first))
    second.processing = []
    await it.run(two.documents.syncQueue(second))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a'], processing: [] })
    await it.run(three.documents.syncQueue(third))
    expect(await recordOf(it, 'a')).toMatchObject({ incarnation: three.member.runtime.incarnation, epoch: 2, attempts: 1 })
  })

  test('has not removed what another has claimed or removed', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    for (const id of ['a', 'b', 'c']) await it.run(one.guide.enqueue(id))
    const empty = (queue: QueueDocument) => queue.pending.splice(0)
    const [first, second] = [await it.run(changed(one, empty)), await it.run(changed(two, empty))]
    await it.run(two.documents.syncQueue({ pending: [], processing: ['b'] }))
    expect(await it.refused(one.documents.syncQueue(first))).toMatchObject({ code: 'claim_lost', lost: ['b'] })
    const record = await recordOf(it, 'a')
    expect(record).toMatchObject({ status: 'cancelled', cancelRequested: removedReason, attempts: 0 })
    expect(await it.refused(two.documents.syncQueue(second))).toMatchObject({ lost: ['a', 'b', 'c'] })
    expect(await it.run(queueOf(one))).toEqual({ pending: [], processing: ['b'] })
  })

  test('of those who take from pending without claiming, each task is got by one', async () => {
    const it = world({ seed: 5 })
    const actors = [actor(it), actor(it), actor(it)]
    const random = createSeededRandom(5)
    for (const { member } of actors) {
      member.store.commitFate = () => {
        member.store.commitMs = Math.floor(random.next() * 20)
        return 'pass'
      }
    }
    await it.run(
      actors[0]?.documents.syncQueue({ pending: Array.from({ length: 30 }, (_, n) => `t${n}`), processing: [] }) ?? hangs(),
    )
    const got: string[] = []
    const pop = async ({ documents }: Actor): Promise<void> => {
      for (
        let queue = await documents.getQueue();
        queue !== null && queue.pending.length > 0;
        queue = await documents.getQueue()
      ) {
        const id = queue.pending.shift() as string
        const isMine = await documents.syncQueue(queue).then(
          () => true,
          () => false,
        )
        if (isMine) got.push(id)
      }
    }
    await it.run(Promise.all(actors.map(pop)))
    expect(got).toHaveLength(30)
    expect(new Set(got).size).toBe(30)
  })
})

describe('a claim', () => {
  test('is handed back by moving the id to pending; the attempt does not count', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    await it.run(one.guide.enqueue('b'))
    await it.run(one.guide.dequeue())
    const queue = await it.run(changed(one, ({ pending, processing }) => pending.push(...processing.splice(0))))
    await it.run(one.documents.syncQueue(queue))
    // It is where it was.
    expect(await it.run(queueOf(two))).toEqual({ pending: ['a', 'b'], processing: [] })
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'pending', attempts: 0, epoch: 1 })
    expect(one.documents.claimedIds).toEqual([])
    expect(await it.run(two.guide.dequeue())).toBe('a')
    expect(await recordOf(it, 'a')).toMatchObject({ attempts: 1, epoch: 2 })
  })

  test('lasts as long as it is renewed', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    await it.run(one.guide.dequeue())
    for (let beat = 0; beat < 20; beat++) {
      await it.clock.advance(5000)
      await it.run(one.documents.renewClaims())
    }
    expect(await it.run(two.guide.dequeue())).toBeNull()
    expect(await it.run(queueOf(two))).toEqual({ pending: [], processing: ['a'] })
    await it.run(one.guide.complete('a'))
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'completed', epoch: 1 })
    await it.run(one.documents.renewClaims())
    expect(one.member.problems).toEqual([])
  })

  test('whose lease is over is anybody’s again, and its old owner completes nothing with what it knew', async () => {
    const it = world()
    const [one, two, three] = [actor(it), actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    const old = await it.run(changed(one, (queue) => queue.processing.push(queue.pending.shift() as string)))
    await it.run(one.documents.syncQueue(old))
    await it.clock.advance(leaseMs - 1)
    expect(await it.run(two.guide.dequeue())).toBeNull()
    await it.clock.advance(1)
    expect(await it.run(queueOf(two))).toEqual({ pending: ['a'], processing: [] })
    expect(await it.run(two.guide.dequeue())).toBe('a')
    expect(await recordOf(it, 'a')).toMatchObject({
      incarnation: two.member.runtime.incarnation,
      epoch: 3,
      attempts: 2,
      takeovers: [{ incarnation: one.member.runtime.incarnation, epoch: 1 }],
    })
    old.processing = []
    expect(await it.refused(one.documents.syncQueue(old))).toMatchObject({ code: 'claim_lost', lost: ['a'] })
    old.pending = ['a']
    expect(await it.refused(one.documents.syncQueue(old))).toMatchObject({ code: 'claim_lost', lost: ['a'] })
    expect((await recordOf(it, 'a')).status).toBe('processing')
    // Its heartbeat finds out too.
    await it.run(one.documents.renewClaims())
    expect(one.documents.claimedIds).toEqual([])
    expect(one.member.problems.map(({ code }) => code)).toEqual(['claim_lost'])
    await it.run(two.guide.complete('a'))
    expect(await it.run(three.guide.dequeue())).toBeNull()
  })

  test('whose lease is over can be completed by its owner while nobody has taken it', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    const queue = await it.run(changed(one, ({ pending, processing }) => processing.push(...pending.splice(0))))
    await it.run(one.documents.syncQueue(queue))
    await it.clock.advance(leaseMs * 2)
    queue.processing = []
    await it.run(one.documents.syncQueue(queue))
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'completed', epoch: 1 })
  })

  test('is taken over where boots have no name, once its record was seen unchanged for the lease', async () => {
    const it = world({ bootId: null })
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    await it.run(one.guide.dequeue())
    await it.clock.advance(leaseMs * 4)
    expect(await it.run(two.guide.dequeue())).toBeNull()
    await it.clock.advance(leaseMs * 2)
    expect(await it.run(two.guide.dequeue())).toBe('a')
  })

  test('is reaped by a process with workers, which leave the task to the document', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    two.member.runtime.spawnWorker({ handlers: { x: hangs } })
    await it.run(one.guide.dequeue())
    await it.until(two.member.runtime.task('a'), 'pending')
    expect(await recordOf(it, 'a')).toMatchObject({ epoch: 2, takeovers: [{ epoch: 1 }] })
    await it.clock.advance(60_000)
    expect(await it.run(one.guide.dequeue())).toBe('a')
  })

  test('of a task whose owners all vanish makes it a dead letter in the end', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    for (let claim = 0; claim < claimsOfUntypedMax; claim++) {
      expect(await it.run(one.guide.dequeue())).toBe('a')
      await it.clock.advance(leaseMs)
    }
    expect(await it.refused(one.guide.dequeue())).toMatchObject({ code: 'claim_lost', lost: ['a'] })
    expect(await it.run(one.guide.dequeue())).toBeNull()
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'failed', error: { reason: 'attempts_exhausted' } })
  })

  test('ends as cancelled when that was asked for: by its heartbeat, or whatever its owner does next', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    const ways: readonly [string, (id: string) => Promise<void>][] = [
      ['beats', () => one.documents.renewClaims()],
      ['completes', (id) => one.guide.complete(id)],
      [
        'returns',
        async () =>
          expect(
            one.documents.syncQueue(await changed(one, (queue) => queue.pending.push(...queue.processing.splice(0)))),
          ).rejects.toMatchObject({ code: 'claim_lost', lost: ['returns'] }),
      ],
    ]
    for (const [id, end] of ways) {
      await it.run(one.guide.enqueue(id))
      expect(await it.run(one.guide.dequeue())).toBe(id)
      await it.run(two.member.runtime.task(id).send({ type: 'task.cancel', reason: 'enough' }))
      await it.run(end(id))
      expect(await recordOf(it, id)).toMatchObject({ status: 'cancelled', cancelRequested: 'enough', epoch: 1 })
      expect(one.documents.claimedIds).toEqual([])
    }
    expect(one.member.problems).toEqual([])
  })

  test('is handed back at the end of its process, after what is under way', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    for (const id of ['a', 'b', 'c']) await it.run(one.guide.enqueue(id))
    await it.run(one.guide.dequeue())
    one.member.store.commitMs = 20
    const last = one.guide.dequeue()
    await it.clock.advance(10)
    expect(await it.run(one.documents.handBackAll(5000))).toEqual([])
    expect(await it.run(last)).toBe('b')
    expect(await it.run(queueOf(two))).toEqual({ pending: ['a', 'b', 'c'], processing: [] })
    for (const id of ['a', 'b']) expect(await recordOf(it, id)).toMatchObject({ attempts: 0, epoch: 1 })
    expect(await it.refused(one.guide.enqueue('d'))).toMatchObject({ code: 'closed' })
  })

  test('that cannot be handed back in time is named, and free when its lease is over', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    await it.run(one.guide.dequeue())
    one.member.store.freeze()
    const startedMs = it.clock.monotonicMs()
    expect(await it.run(one.documents.handBackAll(5000))).toEqual(['a'])
    expect(it.clock.monotonicMs() - startedMs).toBe(5000)
    await it.clock.advance(leaseMs)
    expect(await it.run(two.guide.dequeue())).toBe('a')
  })
})

describe('lost replies', () => {
  test('do not lose a claim: it is known again', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    let calls = 0
    one.member.store.commitFate = () => (calls++ === 0 ? 'lose-reply' : 'pass')
    expect(await it.run(one.guide.dequeue())).toBe('a')
    expect(await recordOf(it, 'a')).toMatchObject({ epoch: 1, attempts: 1 })
    expect(one.documents.claimedIds).toEqual(['a'])
    expect(await it.run(two.guide.dequeue())).toBeNull()
  })

  test('that last make the outcome unknown; the same document given again finds it', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    const queue = await it.run(changed(one, ({ pending, processing }) => processing.push(...pending.splice(0))))
    one.member.store.commitFate = () => 'lose-reply'
    const error = await it.refused(one.documents.syncQueue(queue))
    expect(error).toMatchObject({ code: 'unknown_outcome', retryable: true })
    expect(one.documents.claimedIds).toEqual([])
    one.member.store.commitFate = () => 'pass'
    await it.clock.advance(5000)
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'processing', epoch: 1 })
    const two = actor(it)
    await it.run(one.documents.syncQueue(queue))
    expect(one.documents.claimedIds).toEqual(['a'])
    // Its lease was over in the meantime; it is renewed before it is given to anybody.
    expect(await it.run(two.guide.dequeue())).toBeNull()
    expect(await recordOf(it, 'a')).toMatchObject({ epoch: 1, attempts: 1 })
  })

  test('to a claim that is so late that another has the task: it is not given to both', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    one.member.store.commitFate = () => 'lose-reply'
    const claimed = one.guide.dequeue().then(
      (id) => id,
      (error: MemorySyncError) => error.code,
    )
    await it.clock.advance(leaseMs + 1000)
    expect(await it.run(two.guide.dequeue())).toBe('a')
    one.member.store.commitFate = () => 'pass'
    expect(await it.run(claimed)).toBe('claim_lost')
    expect(await recordOf(it, 'a')).toMatchObject({ epoch: 3, incarnation: two.member.runtime.incarnation })
  })

  test('or a store that is away leave the document as it is: it can be given again', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    const queue = await it.run(
      changed(one, ({ pending, processing }) => {
        processing.push(...pending.splice(0))
        pending.push('b')
      }),
    )
    one.member.store.commitFate = () => 'fail'
    expect(await it.refused(one.documents.syncQueue(queue))).toMatchObject({ code: 'store_unavailable', retryable: true })
    one.member.store.commitFate = () => 'pass'
    await it.clock.advance(60_000)
    await it.run(one.documents.syncQueue(queue))
    expect(await it.run(queueOf(two))).toEqual({ pending: ['b'], processing: ['a'] })
  })
})

describe('beside the runtime', () => {
  test('a task with a type is seen, and an unchanged document does nothing to it', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    const done = gate<string>()
    one.member.runtime.spawnWorker({ handlers: { x: () => done.promise } })
    const task = await it.run(two.member.runtime.submit({ id: 'typed', type: 'x' }))
    await it.until(task, 'processing')
    await it.run(two.member.runtime.submit({ id: 'waits', type: 'y' }))
    await it.run(two.guide.enqueue('plain'))
    const queue = await it.run(changed(two, () => {}))
    expect(queue).toEqual({ pending: ['waits', 'plain'], processing: ['typed'] })
    const head = await it.memory.head()
    await it.run(two.documents.syncQueue(queue))
    expect(await it.memory.head()).toBe(head)
    done.open('output')
    expect(await it.run(task.result())).toBe('output')
    // What has ended is in neither list, and the stale document does not bring it back.
    await it.run(two.documents.syncQueue(queue))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['waits', 'plain'], processing: [] })
  })

  test('no worker takes what a document enqueued', async () => {
    const it = world()
    const one = actor(it)
    one.member.runtime.spawnWorker({ driven: true })
    await it.run(one.guide.enqueue('a'))
    await it.clock.advance(60_000)
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a'], processing: [] })
  })

  test('what is delayed or waits for others is left out until it can be taken, and higher priority comes first', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    const { runtime } = one.member
    await it.run(two.guide.enqueue('plain'))
    await it.run(runtime.submit({ id: 'first', type: 'x', priority: 1 }))
    await it.run(runtime.submit({ id: 'late', type: 'x', delayMs: 1000 }))
    await it.run(runtime.submit({ id: 'after', type: 'x', dependsOn: ['plain'] }))
    expect((await it.run(queueOf(two)))?.pending).toEqual(['first', 'plain'])
    for (const id of ['late', 'after']) {
      expect(await it.refused(two.documents.syncQueue({ pending: [], processing: [id] }))).toMatchObject({ lost: [id] })
    }
    await it.clock.advance(1000)
    expect(await it.run(two.guide.dequeue())).toBe('first')
    expect(await it.run(two.guide.dequeue())).toBe('plain')
    await it.run(two.guide.complete('plain'))
    expect((await it.run(queueOf(two)))?.pending).toEqual(['late', 'after'])
    expect(await it.run(two.guide.dequeue())).toBe('late')
    expect(await it.run(two.guide.dequeue())).toBe('after')
  })

  test('an id that has ended begins anew at the end of the queue, under a higher epoch', async () => {
    const it = world()
    const [one, two] = [actor(it), actor(it)]
    await it.run(one.guide.enqueue('a'))
    await it.run(one.guide.dequeue())
    await it.run(one.guide.complete('a'))
    await it.run(one.guide.enqueue('b'))
    await it.run(two.guide.enqueue('a'))
    expect(await it.run(queueOf(one))).toEqual({ pending: ['b', 'a'], processing: [] })
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'pending', epoch: 2, attempts: 0 })
    const queue = await it.run(changed(one, ({ pending }) => pending.splice(0)))
    await it.run(one.documents.syncQueue(queue))
    await it.run(one.documents.syncQueue({ pending: [], processing: ['a'] }))
    expect(await recordOf(it, 'a')).toMatchObject({ status: 'processing', epoch: 4, attempts: 1 })
    expect((await recordOf(it, 'a')).cancelRequested).toBeUndefined()
  })

  test('state follows the record while nobody else writes it, and stays as its users wrote it', async () => {
    const it = world()
    const one = actor(it)
    const { memory, workerId } = one.member.runtime
    await it.run(one.guide.enqueue('a'))
    expect(await documentOf(it, 'a', 'state')).toEqual({ status: 'pending', attempts: 0 })
    await it.run(one.guide.dequeue())
    expect(await documentOf(it, 'a', 'state')).toEqual({ status: 'processing', workerId, attempt: 1 })
    await it.run(memory.set('task-sentinel/tasks/a/state', { status: 'running', step: 3 }))
    await it.run(memory.set('task-sentinel/tasks/a/result', 42))
    await it.run(one.guide.complete('a'))
    expect(await documentOf(it, 'a', 'state')).toEqual({ status: 'running', step: 3 })
    expect(await documentOf(it, 'a', 'result')).toBe(42)
    await it.run(memory.set('task-sentinel/tasks/b/state', { what: 'to do' }))
    await it.run(one.guide.enqueue('b'))
    expect(await documentOf(it, 'b', 'state')).toEqual({ what: 'to do' })
    await it.run(memory.delete('task-sentinel/tasks/b/state'))
    await it.run(one.guide.dequeue())
    await it.run(one.guide.complete('b'))
    expect(await documentOf(it, 'b', 'state')).toMatchObject({ status: 'completed', workerId })
  })

  test('what others wrote in the place of a record is left out, and named to who wants its id', async () => {
    const it = world()
    const one = actor(it)
    await it.run(one.guide.enqueue('a'))
    const entry = { value: { id: 'b' }, version: { z: 1 }, timestamp: 1, workerId: 'z' }
    const other = { value: { ...(await recordOf(it, 'a')), id: 'a' }, version: { z: 2 }, timestamp: 1, workerId: 'z' }
    await it.memory.commit([
      [{ key: 'task-sentinel/tasks/b/record', entry, condition: { type: 'none' } }],
      [{ key: 'task-sentinel/tasks/c/record', entry: other, condition: { type: 'none' } }],
    ])
    expect(await it.run(queueOf(one))).toEqual({ pending: ['a'], processing: [] })
    for (const id of ['b', 'c']) {
      expect(await it.refused(one.guide.enqueue(id))).toMatchObject({ code: 'corrupt', key: `task-sentinel/tasks/${id}/record` })
    }
  })
})

describe('whatever three processes do, with documents as old as may be', () => {
  const ids = ['a', 'b', 'c', 'd'] as const
  const change = fc.oneof(
    fc.record({ type: fc.constantFrom('add', 'claim', 'take', 'return', 'end', 'drop'), id: fc.constantFrom(...ids) }),
    fc.record({ type: fc.constant('read' as const) }),
    fc.record({ type: fc.constant('beat' as const) }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(1000, leaseMs) }),
  )
  const script = fc.array(fc.record({ who: fc.integer({ min: 0, max: 2 }), change, together: fc.boolean() }), { maxLength: 40 })

  test('each claim that is granted has an epoch of its own, and the document is the fold of the records', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const it = world()
        const actors = Array.from({ length: 3 }, () => actor(it))
        const documents = actors.map((): QueueDocument => ({ pending: [], processing: [] }))
        const granted = new Map<string, number>()
        let calls: Promise<unknown>[] = []
        const apply = async (who: number, change: (typeof steps)[number]['change']): Promise<void> => {
          const { documents: queue } = actors[who] as Actor
          if (change.type === 'read') documents[who] = (await queue.getQueue()) ?? { pending: [], processing: [] }
          else if (change.type === 'beat') await queue.renewClaims()
          else if (change.type !== 'pass' && 'id' in change) {
            const document = documents[who] as QueueDocument
            const { id } = change
            const wasMine = document.processing.includes(id)
            document.pending = document.pending.filter((each) => each !== id)
            document.processing = document.processing.filter((each) => each !== id)
            if (change.type === 'add' || change.type === 'return') document.pending.push(id)
            const isTaken = change.type === 'claim' || change.type === 'take'
            if (isTaken) document.processing.push(id)
            try {
              await queue.syncQueue(document)
            } catch (error) {
              expect(error).toBeInstanceOf(MemorySyncError)
              const { code, lost = [] } = error as MemorySyncError
              expect(code).toBe('claim_lost')
              // As the message says, it begins with a new copy.
              documents[who] = (await queue.getQueue()) ?? { pending: [], processing: [] }
              if (lost.includes(id)) return
            }
            // As this call left it: the next one may have changed the document meanwhile.
            if (isTaken && !wasMine) {
              const { epoch, incarnation } = await recordOf(it, id)
              const name = `${id}/${epoch}`
              // Between the answer and this look it may have gone on, but never to somebody under the same epoch.
              if (incarnation === actors[who]?.member.runtime.incarnation) granted.set(name, (granted.get(name) ?? 0) + 1)
            }
          }
        }
        const settle = async (): Promise<void> => {
          const open = calls
          calls = []
          await it.run(Promise.all(open))
        }
        for (const { who, change, together } of steps) {
          if (change.type === 'pass') {
            await settle()
            await it.clock.advance('ms' in change ? change.ms : 0)
            continue
          }
          calls.push(apply(who, change))
          if (!together) await settle()
        }
        await settle()
        for (const [name, times] of granted) expect([name, times]).toEqual([name, 1])
        const records: TaskRecord[] = []
        for await (const { entry } of it.memory.list('task-sentinel/tasks/*/record'))
          records.push(entry.value as unknown as TaskRecord)
        const isOver = (record: TaskRecord): boolean =>
          record.lease !== undefined && it.clock.monotonicMs() - record.lease.renewedAtMs >= record.lease.leaseMs
        const sorted = records.toSorted(compareInQueue)
        const pending = sorted.filter(
          (record) => record.status === 'pending' || (record.status === 'processing' && isOver(record)),
        )
        const processing = sorted.filter((record) => record.status === 'processing' && !isOver(record))
        const expected = { pending: pending.map(({ id }) => id), processing: processing.map(({ id }) => id) }
        expect(await it.run(queueOf(actors[0] as Actor))).toEqual(records.length === 0 ? null : expected)
        await it.close()
      }),
      { numRuns: 60 },
    )
  })
})
